//go:build unix

package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const module = "github.com/probels/probels"

// programs are what is built for the comparison.
type programs struct {
	probels string
	nothing string // a Go program that does nothing
	lib     string // see library/main.go
	rust    string // see rust/main.rs; "" without cargo and Debian's crates
	peak    string // see peak/main.go
}

// crates are Debian's packages of what rust/main.rs needs: cargo shall fetch nothing.
var crates = []string{"librust-addr2line-dev", "librust-gimli-dev", "librust-object-dev", "librust-memmap2-dev", "librust-flate2-dev", "librust-miniz-oxide-dev",
	"librust-crc32fast-dev", "librust-adler-dev", "librust-cfg-if-dev", "librust-libc-dev", "librust-memchr-dev", "librust-fallible-iterator-dev",
	"librust-stable-deref-trait-dev", "librust-smallvec-dev"}

//go:embed rust
var rustSource embed.FS

// build builds into work; dir is where the packages are, and keeps the Rust program.
func (p *programs) build(ctx context.Context, dir, work string) error {
	source := filepath.Join(work, "nothing.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		return err
	}
	for _, b := range []struct {
		to   *string
		name string
		pkg  string
	}{
		{&p.nothing, "nothing", source},
		{&p.probels, "probels", module + "/cmd/probels"},
		{&p.lib, "library", module + "/bench/library"},
		{&p.peak, "peak", module + "/bench/peak"},
	} {
		*b.to = filepath.Join(work, b.name)
		if err := goBuild(ctx, *b.to, b.pkg); err != nil {
			return err
		}
	}
	var err error
	if p.rust, err = buildRust(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench: without the Rust program:", err)
	}
	return nil
}

// goBuild builds as probels' releases are built.
func goBuild(ctx context.Context, out string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-buildvcs=false", "-o", out}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// buildRust builds the Rust program of the unpacked packages of crates.
func buildRust(ctx context.Context, dir string) (string, error) {
	if _, err := exec.LookPath("cargo"); err != nil {
		return "", err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	work := filepath.Join(dir, "rust")
	vendor := filepath.Join(work, "crates")
	for _, d := range []string{vendor, filepath.Join(work, ".cargo")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", err
		}
	}
	found, err := filepath.Glob(dir + "/amd64/librust-*/usr/share/cargo/registry/*")
	if err != nil {
		return "", err
	}
	for _, crate := range found {
		if err := os.Symlink(crate, filepath.Join(vendor, filepath.Base(crate))); err != nil && !os.IsExist(err) {
			return "", err
		}
	}
	config := fmt.Sprintf("[source.crates-io]\nreplace-with = \"debian\"\n\n[source.debian]\ndirectory = %q\n", vendor)
	if err := os.WriteFile(filepath.Join(work, ".cargo", "config.toml"), []byte(config), 0o644); err != nil {
		return "", err
	}
	for _, name := range []string{"Cargo.toml", "main.rs"} {
		b, err := rustSource.ReadFile("rust/" + name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(work, name), b, 0o644); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, "cargo", "build", "--offline", "--release", "--quiet")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cargo: %w\n%s", err, out)
	}
	return filepath.Join(work, "target", "release", "rustpeer"), nil
}
