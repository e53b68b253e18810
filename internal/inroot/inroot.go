// Package inroot opens files beneath a directory as a process would that has
// this directory for its root: absolute symlinks start there, ".." ends there,
// and nothing outside of it is ever opened, whoever renames things meanwhile.
//
// A container's file system is written by its owner. A symlink in it such as
// /usr/lib/debug -> / means the container's own root, and a tool that joins
// strings would follow it to the host's. On Linux the kernel does the work
// (openat2 with RESOLVE_IN_ROOT, Linux 5.6); where that call is missing or
// forbidden, as by older container runtimes, a walk from directory to directory
// by descriptor does the same. On other systems the walk goes through os.Root.
//
// What is opened is a regular file or an error: no FIFO is waited for, no
// device is woken.
package inroot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/probels/probels/elfsym"
)

// ErrTooManyLinks is a chain of symlinks longer than the kernel follows.
var ErrTooManyLinks = errors.New("too many levels of symbolic links")

// maxLinks is Linux's MAXSYMLINKS.
const maxLinks = 40

// maxComponents bounds the walk: a path has at most 4096 bytes, and every
// symlink on the way can bring another path.
const maxComponents = maxLinks * 2048

// A Root is a directory that stands for "/". It is safe for concurrent use.
type Root struct {
	dir  string // for messages, and to tell the host's own root
	host bool   // "/" itself: the system's own path lookup will do
	beneath
}

// Open opens a directory as a root. "" and "/" are the host's.
func Open(dir string) (*Root, error) {
	r := &Root{dir: dir}
	if dir == "" || path.Clean(dir) == "/" {
		r.dir, r.host = "/", true
		return r, nil
	}
	if err := r.open(dir); err != nil {
		return nil, err
	}
	return r, nil
}

// Close lets go of the directory; files that were opened stay open.
func (r *Root) Close() error {
	if r.host {
		return nil
	}
	return r.close()
}

// Dir is the directory as Open got it.
func (r *Root) Dir() string { return r.dir }

// Host reports whether this is the host's own root.
func (r *Root) Host() bool { return r.host }

// HostPath is where a path in the root is for a process outside of it. It is
// right only for a path without symlinks, as [Root.RealPath] gives it.
func (r *Root) HostPath(name string) string {
	if r.host {
		return name
	}
	return path.Join(r.dir, path.Join("/", name))
}

// OpenFile opens a regular file for reading and returns it with what it was
// when it was opened. Errors are *fs.PathError; what is no regular file wraps
// elfsym.ErrNotRegular. The path in the error is the one in the root.
func (r *Root) OpenFile(name string) (*os.File, fs.FileInfo, error) {
	f, info, err := r.openFile(name)
	if err != nil {
		return nil, nil, pathError("open", name, err)
	}
	return f, info, nil
}

func (r *Root) openFile(name string) (*os.File, fs.FileInfo, error) {
	if err := checkName(name); err != nil {
		return nil, nil, err
	}
	if r.host {
		return openHost(name)
	}
	return r.openRegular(name)
}

// OpenHost is what OpenFile is for the host's own root; a relative path counts
// from the working directory.
func OpenHost(name string) (*os.File, fs.FileInfo, error) {
	f, info, err := openHost(name)
	if err != nil {
		return nil, nil, pathError("open", name, err)
	}
	return f, info, nil
}

// openHost is the system's own lookup. Stat first, because opening a device
// can have effects; the file is looked at again because it may be another one
// by then.
func openHost(name string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(name)
	if err == nil {
		err = checkRegular(info)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	return checkOpened(f)
}

// checkOpened returns f if it is a regular file, else closes it.
func checkOpened(f *os.File) (*os.File, fs.FileInfo, error) {
	info, err := f.Stat()
	if err == nil {
		err = checkRegular(info)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Stat is what a path leads to, symlinks followed inside the root.
func (r *Root) Stat(name string) (fs.FileInfo, error) {
	if err := checkName(name); err != nil {
		return nil, pathError("stat", name, err)
	}
	var info fs.FileInfo
	var err error
	if r.host {
		info, err = os.Stat(name)
	} else {
		info, err = r.stat(name)
	}
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return info, nil
}

// RealPath is the path in the root, without symlinks, that name leads to.
func (r *Root) RealPath(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", pathError("realpath", name, err)
	}
	var real string
	var err error
	if r.host {
		var p Place
		p, err = findHost(name)
		real = p.Path
	} else {
		real, err = r.realPath(name)
	}
	if err != nil {
		return "", pathError("realpath", name, err)
	}
	return real, nil
}

// ReadFile reads a regular file of at most limit bytes.
func (r *Root) ReadFile(name string, limit int64) ([]byte, error) {
	f, info, err := r.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > limit {
		return nil, pathError("read", name, fmt.Errorf("%d bytes, %d allowed: %w", info.Size(), limit, elfsym.ErrLimit))
	}
	// Files of /proc and /sys say that they have 0 bytes.
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("more than %d bytes: %w", limit, elfsym.ErrLimit)
	}
	if err != nil {
		return nil, pathError("read", name, err)
	}
	return b, nil
}

// ReadDir are the names in a directory, at most limit of them, in no order.
func (r *Root) ReadDir(name string, limit int) ([]string, error) {
	if err := checkName(name); err != nil {
		return nil, pathError("readdir", name, err)
	}
	var f *os.File
	var err error
	if r.host {
		// Nothing but a directory may be opened: a FIFO would be waited for.
		var info fs.FileInfo
		if info, err = os.Stat(name); err == nil && !info.IsDir() {
			err = errNotDir
		} else if err == nil {
			f, err = os.OpenFile(name, os.O_RDONLY|openFlags, 0)
		}
	} else {
		f, err = r.openDir(name)
	}
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	defer f.Close()
	names, err := f.Readdirnames(limit)
	if err != nil && !errors.Is(err, io.EOF) {
		return names, pathError("readdir", name, err)
	}
	return names, nil
}

var errNotDir = errors.New("not a directory")

func checkName(name string) error {
	switch {
	case name == "":
		return fs.ErrNotExist
	case strings.IndexByte(name, 0) >= 0:
		return fs.ErrInvalid
	}
	return nil
}

func checkRegular(info fs.FileInfo) error {
	what := "a special file"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a FIFO"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Errorf("%s, %w", what, elfsym.ErrNotRegular)
}

// pathError gives every error the one path that the caller knows.
func pathError(op, name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// A walk is a path on its way to being one without symlinks.
type walk struct {
	done  []string // names walked, from the root down
	todo  []string // names to come, in reverse
	links int
	steps int
}

func newWalk(name string) *walk {
	w := new(walk)
	w.push(name)
	return w
}

func (w *walk) push(name string) {
	parts := strings.Split(name, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i] != "" && parts[i] != "." {
			w.todo = append(w.todo, parts[i])
		}
	}
}

// next is the next name to look at: ok is false at the end.
func (w *walk) next() (name string, ok bool, err error) {
	if len(w.todo) == 0 {
		return "", false, nil
	}
	if w.steps++; w.steps > maxComponents {
		return "", false, ErrTooManyLinks
	}
	name = w.todo[len(w.todo)-1]
	w.todo = w.todo[:len(w.todo)-1]
	return name, true, nil
}

// follow takes a symlink's text in; it reports whether to start from the root.
func (w *walk) follow(target string) (fromRoot bool, err error) {
	if w.links++; w.links > maxLinks {
		return false, ErrTooManyLinks
	}
	if target == "" {
		return false, fs.ErrNotExist
	}
	w.push(target)
	if path.IsAbs(target) {
		w.done = w.done[:0]
		return true, nil
	}
	return false, nil
}

func (w *walk) path() string { return "/" + strings.Join(w.done, "/") }
