// Release builds what a release has: the program for each platform, their checksums, and a bill of materials.
//
//	go run ./internal/cmd/release -o dist                        on a clean checkout of a tag
//	go run ./internal/cmd/release -o dist -platforms linux/amd64 -vcs=false
//
//	dist/probels-v0.1.0-linux-amd64 …
//	dist/probels-v0.1.0.spdx.json       SPDX 2.3: each binary, the modules that are linked into it, their licences
//	dist/SHA256SUMS                     as "sha256sum -c" takes it
//
// The same commit and the same version of Go give the same bytes, wherever and whenever: no C, no paths
// (-trimpath), nothing of the environment, and the bill's date is the commit's. Whoever
// wants to know runs it and compares the sums. Run it at the project's top.
package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Platforms that have uprobes and that Go builds for.
const platforms = "linux/amd64,linux/arm64,linux/386,linux/arm,linux/riscv64,linux/ppc64le,linux/s390x,linux/loong64,linux/mips64le"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run() error {
	out := flag.String("o", "dist", "`DIR` for the files; made if it is not there, and has to be empty")
	list := flag.String("platforms", platforms, "GOOS/GOARCH, with commas between")
	vcs := flag.Bool("vcs", true, "take version and date from git, and refuse changes that are not committed; without, the version is \"devel\"")
	flag.Parse()
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	if old, err := os.ReadDir(*out); err != nil || len(old) > 0 {
		return errors.Join(err, fmt.Errorf("%s is not empty", *out))
	}
	r := release{dir: ".", out: *out, version: "devel", created: time.Unix(0, 0).UTC()}
	if *vcs {
		if err := r.describe(); err != nil {
			return err
		}
	}
	for _, p := range strings.Split(*list, ",") {
		if err := r.build(p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if err := r.bill(); err != nil {
		return err
	}
	return r.sums()
}

// release is what is known and made so far.
type release struct {
	dir, out string
	vcs      bool
	version  string
	created  time.Time // of the commit
	files    []file
}

// A file is one binary.
type file struct {
	name, platform string
	sum            [sha256.Size]byte
}

// describe takes version and date from git.
func (r *release) describe() error {
	status, err := r.command("git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if status != "" {
		return fmt.Errorf("changes that are not committed would be in no release:\n%s", status)
	}
	if r.version, err = r.command("git", "describe", "--tags", "--always", "--match", "v*"); err != nil {
		return err
	}
	date, err := r.command("git", "log", "-1", "--format=%cI")
	if err != nil {
		return err
	}
	r.created, err = time.Parse(time.RFC3339, date)
	r.created, r.vcs = r.created.UTC(), true
	return err
}

func (r *release) command(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stderr = r.dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// build makes the binary of one platform.
func (r *release) build(platform string) error {
	goos, goarch, ok := strings.Cut(platform, "/")
	if !ok {
		return errors.New("no GOOS/GOARCH")
	}
	name := fmt.Sprintf("probels-%s-%s-%s", r.version, goos, goarch)
	path, err := filepath.Abs(filepath.Join(r.out, name))
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", fmt.Sprintf("-buildvcs=%t", r.vcs), "-o", path, "./cmd/probels")
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, os.Stderr, os.Stderr
	// What a builder has set must not be in the result: "go env -w" and variables alike.
	cmd.Env = append(os.Environ(), "GOENV=off", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off", "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch,
		"GOAMD64=v1", "GOARM64=v8.0", "GO386=sse2", "GOARM=7", "GORISCV64=rva20u64", "GOPPC64=power8", "GOMIPS64=hardfloat")
	if err := cmd.Run(); err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	r.files = append(r.files, file{name, platform, sha256.Sum256(b)})
	return nil
}

// sums writes the checksums of all that was made.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(b), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(text.String()), 0o644)
}
