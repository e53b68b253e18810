//go:build linux

package inroot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/probels/probels/internal/skip"
)

// Where no other process's root is on the way, it is what the system's own lookup says.
func TestFind(t *testing.T) {
	dir := tree(t, "d/file", "d/up -> ..", "abs -> /d/file", "loop -> loop", "self -> d/up/d/up/d", "d/file2")
	if err := os.Symlink(filepath.Join(dir, "d/file2"), filepath.Join(dir, "full")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	self := fmt.Sprintf("/proc/%d", os.Getpid())
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if exe, err = filepath.EvalSymlinks(exe); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		dir + "/d/file":                    dir + "/d/file",
		"d/file":                           dir + "/d/file",
		"./d//../d/./file":                 dir + "/d/file",
		"full":                             dir + "/d/file2",
		"self/file":                        dir + "/d/file",
		"self/../d":                        dir + "/d", // and not the text's
		"/":                                "/",
		"/..":                              "/",
		"/proc/self/exe":                   exe,
		self + "/exe":                      exe,
		self + "/root" + dir + "/full":     dir + "/d/file2",
		"/proc/self/root" + dir + "/full":  dir + "/d/file2",
		"/proc/self/cwd/d/file":            dir + "/d/file",
		self + "/root/../.." + dir + "/d/": dir + "/d",
	} {
		p, err := Find(name)
		if err != nil || p.Path != want || p.Root != "" {
			t.Errorf("%s: %+v, %v, want %s", name, p, err, want)
		}
	}
	for name, want := range map[string]error{
		"":                    fs.ErrNotExist,
		"gone":                fs.ErrNotExist,
		"abs":                 fs.ErrNotExist, // there is no /d
		"loop":                ErrTooManyLinks,
		"d/file/x":            syscall.ENOTDIR,
		"d/file/.":            nil, // a dot is no name
		"d/file/..":           syscall.ENOTDIR,
		"a\x00b":              fs.ErrInvalid,
		"/proc/self/root/gon": fs.ErrNotExist,
	} {
		if _, err := Find(name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// A process with a root of its own: links beneath it begin there and do not lead out.
func TestFindOtherRoot(t *testing.T) {
	if os.Getuid() != 0 {
		skip.Nowf(t, "needs root, for chroot")
	}
	dir := tree(t, "etc/hostname", "abs -> /etc/hostname", "out -> ../../../../etc/hostname", "passwd -> /etc/passwd", "dir -> /etc")
	cmd := exec.Command(skip.Tool(t, "python3"), "-c", "import os,sys; os.chroot(sys.argv[1]); os.chdir('/etc'); print(flush=True); sys.stdin.read()", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		cmd.Wait()
	}()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	root := fmt.Sprintf("/proc/%d/root", cmd.Process.Pid)
	for name, want := range map[string]string{
		"": "", "/": "", "/.": "", "/..": "",
		"/etc/hostname":     "/etc/hostname",
		"/abs":              "/etc/hostname",
		"/out":              "/etc/hostname",
		"/dir/hostname":     "/etc/hostname",
		"/dir/../../../etc": "/etc",
	} {
		p, err := Find(root + name)
		if err != nil || p.Path != root+want || p.Root != root {
			t.Errorf("%s: %+v, %v", name, p, err)
			continue
		}
		info, err := p.Stat()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if theirs, err := os.Stat(dir + want); err != nil || !os.SameFile(info, theirs) {
			t.Errorf("%s: another file, %v", name, err)
		}
		if f, _, err := p.Open(); info.Mode().IsRegular() && err != nil || !info.Mode().IsRegular() && err == nil {
			t.Errorf("%s: %v", name, err)
		} else if err == nil {
			f.Close()
		}
	}
	for _, name := range []string{"/passwd", "/etc/passwd", "/etc/hostname/x"} {
		if p, err := Find(root + name); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	// Where it is, is a directory that we have by another name.
	p, err := Find(fmt.Sprintf("/proc/%d/cwd/hostname", cmd.Process.Pid))
	if want := dir + "/etc/hostname"; err != nil || p.Path != want {
		t.Errorf("%+v, %v, want %s", p, err, want)
	}
}
