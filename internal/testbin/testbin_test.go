package testbin_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/probels/probels/internal/testbin"
)

// table is the README's table of files: name to class, byte order, machine and type.
func table(t *testing.T) map[string]string {
	files := map[string]string{}
	for line := range strings.Lines(string(testbin.Read(t, "README.md"))) {
		if cells := strings.Split(line, " | "); len(cells) == 4 && strings.HasPrefix(cells[1], "ELFCLASS") {
			files[strings.TrimPrefix(cells[0], "| ")] = cells[1]
		}
	}
	return files
}

// Each file is in the README, each line of the README is a file, and is what the README says.
func TestREADME(t *testing.T) {
	files := table(t)
	if len(files) < 80 {
		t.Errorf("the README names only %d files", len(files))
	}
	total := 0
	for _, name := range testbin.All(t) {
		want, ok := files[name]
		if !ok {
			t.Errorf("%s is not in the README", name)
			continue
		}
		delete(files, name)
		b := testbin.Read(t, name)
		total += len(b)
		f, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := fmt.Sprint(f.Class, f.Data, f.Machine, f.Type); got != want {
			t.Errorf("%s is %s, the README says %s", name, got, want)
		}
		if len(b) > 300<<10 {
			t.Errorf("%s has %d bytes", name, len(b))
		}
	}
	for name := range files {
		t.Errorf("%s is in the README and not there", name)
	}
	if total > 1500<<10 {
		t.Errorf("%d bytes in all", total)
	}
}

// The build leaves no path of the machine it ran on: sources are in /testbin.
func TestNoPaths(t *testing.T) {
	for _, name := range testbin.All(t) {
		b := testbin.Read(t, name)
		for _, p := range []string{"/tmp/", "/home/", "/root/", "/usr/src", "/usr/lib", "mktestdata"} {
			if i := bytes.Index(b, []byte(p)); i >= 0 {
				t.Errorf("%s has %q", name, b[i:min(i+60, len(b))])
			}
		}
	}
}

// runnable says whether this machine may run a program for a GOARCH.
func runnable(dir string) bool {
	return runtime.GOOS == "linux" && (dir == runtime.GOARCH || dir == "i386" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "386"))
}

// Programs for this machine run and exit as the README says.
func TestRun(t *testing.T) {
	ran := 0
	for name, is := range table(t) {
		dir, base := path.Split(name)
		if !runnable(path.Clean(dir)) || strings.Contains(base, ".") || strings.HasSuffix(is, "ET_CORE") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var more []string
			if strings.HasPrefix(base, "main") {
				more = []string{dir + "libtestbin.so"}
			}
			prog := testbin.Exec(t, name, more...)
			f, err := elf.Open(prog)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, p := range f.Progs {
				if p.Type == elf.PT_INTERP {
					interp := make([]byte, p.Filesz)
					p.ReadAt(interp, 0)
					if _, err := os.Stat(string(bytes.TrimRight(interp, "\x00"))); err != nil {
						t.Skipf("this system has no %s", interp)
					}
				}
			}
			err = exec.Command(prog, "7").Run()
			var exit *exec.ExitError
			if errors.Is(err, syscall.ENOEXEC) || errors.Is(err, fs.ErrNotExist) {
				t.Skipf("this kernel does not run %s", dir)
			}
			if !errors.As(err, &exit) || exit.ExitCode() != 7 {
				t.Errorf("%s 7: %v", name, err)
			}
			cmd := exec.Command(prog, "2", "w")
			cmd.Stdin = strings.NewReader("xyz")
			out, err := cmd.Output()
			if !errors.As(err, &exit) || exit.ExitCode() != 2 || string(out) != "ready\ndone\ndone\ndone\n" {
				t.Errorf("%s 2 w: %q, %v", name, out, err)
			}
			ran++
		})
	}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" && ran < 20 {
		t.Errorf("only %d programs ran", ran)
	}
}

func TestPath(t *testing.T) {
	want := testbin.Path(t, "amd64/probe-pie")
	t.Chdir(t.TempDir())
	if got := testbin.Path(t, "amd64/probe-pie"); got != want {
		t.Errorf("after a change of directory it is %s, before %s", got, want)
	}
	if !slices.Contains(testbin.All(t), "s390x/probe-pie") {
		t.Error("All has no s390x/probe-pie")
	}
}
