// Mktestdata rebuilds the binaries below internal/testbin/testdata, and their README, from the
// sources in internal/testbin/src:
//
//	go run ./internal/cmd/mktestdata           rebuild them
//	go run ./internal/cmd/mktestdata -check    rebuild them elsewhere and say what differs
//
// It runs the compilers of Debian 12 (bookworm), also those for other machines; tests need only the
// committed files. The same tools give the same bytes, so -check passes on an unchanged tree.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "change nothing; exit with status 1 if a rebuilt file differs from the committed one")
	bin := flag.String("bin", "/usr/bin", "where Debian's compilers are")
	only := flag.String("only", "", "rebuild only the files with this in their name, and leave the README alone")
	keep := flag.Bool("keep", false, "keep the temporary build directory and print its name")
	flag.Parse()
	b := &builder{bin: *bin, only: *only}
	err := b.build()
	if err == nil && *check {
		err = b.compare()
	} else if err == nil {
		err = b.install()
	}
	if *keep {
		fmt.Println(b.dir)
	} else if b.dir != "" {
		os.RemoveAll(b.dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mktestdata:", err)
		os.Exit(1)
	}
}

// A builder builds in a temporary directory that holds a copy of the sources, so that every command
// line is relative and short, and every path in a binary begins with /testbin.
type builder struct {
	bin, only string
	root      string // internal/testbin
	dir       string
	built     []string // files, relative to testdata
	tools     []toolVersion
}

func (b *builder) build() error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	b.root = root
	fixtures := allFixtures()
	if err := b.findTools(fixtures); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "mktestdata"); err != nil {
		return err
	}
	// Some tools resolve the working directory, and -ffile-prefix-map must name what they find.
	if b.dir, err = filepath.EvalSymlinks(b.dir); err != nil {
		return err
	}
	if err := b.copySources(); err != nil {
		return err
	}
	for _, f := range fixtures {
		if err := os.MkdirAll(filepath.Join(b.dir, filepath.Dir(f.file)), 0o755); err != nil {
			return err
		}
		if f.optional && !b.have(f) {
			fmt.Fprintf(os.Stderr, "mktestdata: %s stays as it is\n", f.file)
			continue
		}
		for _, line := range f.lines() {
			if err := b.run(line); err != nil {
				return fmt.Errorf("%s: %w", f.file, err)
			}
		}
		if strings.Contains(f.file, b.only) {
			b.built = append(b.built, f.file)
		}
	}
	return nil
}

// run runs one line: one of our own edits, or a program with its arguments.
func (b *builder) run(line string) error {
	words := strings.Fields(line)
	if words[0] == "mktestdata" {
		edit, ok := edits[words[1]]
		if !ok {
			return fmt.Errorf("no edit %q", words[1])
		}
		var data []byte
		var err error
		if in := words[2]; in != "-" {
			if data, err = os.ReadFile(filepath.Join(b.dir, in)); err != nil {
				return err
			}
		}
		if data, err = edit(data); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		return os.WriteFile(filepath.Join(b.dir, words[3]), data, 0o755)
	}
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, "$PWD", b.dir)
	}
	cmd := exec.Command(filepath.Join(b.bin, words[0]), words[1:]...)
	cmd.Dir = b.dir
	// PATH: gcc and clang look there for the linker that -fuse-ld names.
	cmd.Env = []string{"PATH=" + b.bin + ":/usr/bin:/bin", "LC_ALL=C", "HOME=" + b.dir, "SOURCE_DATE_EPOCH=0", "PWD=" + b.dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, out)
	}
	return nil
}

// copySources copies the sources, and the header of systemtap-sdt-dev: it lies in a directory for one
// machine only but is the same for all.
func (b *builder) copySources() error {
	if err := os.CopyFS(b.dir, os.DirFS(filepath.Join(b.root, "src"))); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(b.dir, "sys"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"sdt.h", "sdt-config.h"} {
		found, _ := filepath.Glob("/usr/include/*/sys/" + name)
		plain, _ := filepath.Glob("/usr/include/sys/" + name)
		found = append(found, plain...)
		if len(found) == 0 {
			return fmt.Errorf("no sys/%s: install systemtap-sdt-dev", name)
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.dir, "sys", name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// install puts what was built, and the README, where it is committed.
func (b *builder) install() error {
	for _, file := range b.built {
		data, err := os.ReadFile(filepath.Join(b.dir, file))
		if err != nil {
			return err
		}
		to := filepath.Join(b.root, "testdata", file)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	if b.only != "" {
		return nil
	}
	return os.WriteFile(filepath.Join(b.root, "testdata", "README.md"), b.readme(), 0o644)
}

// compare says where the committed files differ from those just built.
func (b *builder) compare() error {
	var errs []error
	differ := func(file string, built []byte) {
		old, err := os.ReadFile(filepath.Join(b.root, "testdata", file))
		if err != nil {
			errs = append(errs, err)
			return
		}
		if at := firstDifference(old, built); at >= 0 {
			errs = append(errs, fmt.Errorf("%s differs at byte %#x (%d bytes committed, %d built)", file, at, len(old), len(built)))
		}
	}
	for _, file := range b.built {
		data, err := os.ReadFile(filepath.Join(b.dir, file))
		if err != nil {
			return err
		}
		differ(file, data)
	}
	if b.only == "" {
		differ("README.md", b.readme())
	}
	return errors.Join(errs...)
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) == len(b) {
		return -1
	}
	return min(len(a), len(b))
}

// findRoot is internal/testbin of the module that the working directory is in.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		root := filepath.Join(dir, "internal", "testbin")
		if _, err := os.Stat(filepath.Join(root, "src", "start.c")); err == nil {
			return root, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("not inside the module: no internal/testbin/src above the working directory")
		}
		dir = up
	}
}
