package offset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/internal/procmaps"
)

// Errors of OpenPID and of a Process; test with errors.Is. What the reader lacks
// permission for also wraps fs.ErrPermission.
var (
	ErrNoProcess = errors.New("no such process")

	// ErrNotProcess: a thread, a zombie or a thread of the kernel's, none of
	// which has files mapped of its own.
	ErrNotProcess = errors.New("not a process with memory of its own")

	// ErrProcessChanged: the process ended, or executed another program, so that
	// what was read is no one process's.
	ErrProcessChanged = errors.New("the process ended or executed another program meanwhile")
)

// A Process is the files that a running process has mapped executable, each once
// and each with a Target of its own. It is safe for concurrent use.
//
// It shows the moment in which it was opened: what the process maps later is not
// in it.
type Process struct {
	state procState
	proc  string // "/proc", but in tests
	dir   string // proc/PID
	maps  *os.File
	opts  Options

	objects  []*Object
	problems []error

	rootLink string // what /proc/PID/root says
	ownRoot  bool   // the process's root is not ours, or its mounts are not
	ourPaths bool   // and yet its paths may be good for us

	mu      sync.Mutex // guards what follows, which is opened when it is needed
	closed  bool
	root    *inroot.Root
	memory  *os.File
	rootErr error
	memErr  error
}

// OpenPID opens the files that a process has mapped executable, through
// /proc/PID/map_files or beneath /proc/PID/root. Every one is the very file that
// is mapped, proved by device and inode, or it has no Target and an Err that says
// why. So a process of another user, or one in a container, gives what can be
// read, and the reasons for the rest: only if its list of mappings cannot be read
// at all is that an error.
//
// It needs Linux. Root can read everything; with the process's own user, files
// that are deleted or in no file system need more (see Object.Err). The caller
// closes the Process, which holds a descriptor for every file.
func OpenPID(ctx context.Context, pid int, o *Options) (*Process, error) {
	if !haveProc {
		return nil, fmt.Errorf("process %d: processes are read by way of Linux's /proc: %w", pid, errors.ErrUnsupported)
	}
	return openProcess(ctx, "/proc", pid, o)
}

func openProcess(ctx context.Context, proc string, pid int, o *Options) (*Process, error) {
	p, err := newProcess(proc, pid, o)
	if err != nil {
		return nil, err
	}
	images, err := p.images()
	if err == nil {
		err = p.openAll(ctx, images)
	}
	if err == nil {
		err = p.Check()
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// newProcess reads what the process is, and opens its list of mappings.
func newProcess(proc string, pid int, o *Options) (*Process, error) {
	p := &Process{proc: proc, dir: filepath.Join(proc, strconv.Itoa(pid))}
	if o != nil {
		p.opts = *o
	}
	var err error
	if p.state, err = readState(p.dir, pid); err != nil {
		return nil, err
	}
	if p.maps, err = os.Open(p.path("maps")); err != nil {
		return nil, p.denied("its mappings", err)
	}
	p.findRoot()
	return p, nil
}

// findRoot tells whether the process sees the file system as we do. Mounts may
// differ beneath one root directory, so its mount namespace has to be ours too.
//
// A process with mounts of its own beneath our root (most services of systemd have
// some) still has nearly all files where we have them. Another root's names mean
// nothing here, and are not looked up: its owner chose them.
func (p *Process) findRoot() {
	p.rootLink, _ = os.Readlink(p.path("root"))
	theirs, err := os.Stat(p.path("root"))
	ours, ourErr := os.Stat("/")
	ns, nsErr := os.Readlink(p.path("ns/mnt"))
	ourNS, ourNSErr := os.Readlink(filepath.Join(p.proc, "self/ns/mnt"))
	sameRoot := err == nil && ourErr == nil && os.SameFile(theirs, ours)
	sameNS := nsErr == nil && ourNSErr == nil && ns == ourNS
	p.ownRoot = !sameRoot || !sameNS
	p.ourPaths = sameRoot || sameNS
}

// rootDir is the process's root.
func (p *Process) rootDir() (*inroot.Root, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.root == nil && p.rootErr == nil && !p.closed {
		p.root, p.rootErr = inroot.Open(p.path("root"))
	}
	return p.root, cmp.Or(p.rootErr, p.useAfterClose(p.root == nil))
}

// mem is the process's memory.
func (p *Process) mem() (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.memory == nil && p.memErr == nil && !p.closed {
		p.memory, p.memErr = os.Open(p.path("mem"))
	}
	return p.memory, cmp.Or(p.memErr, p.useAfterClose(p.memory == nil))
}

func (p *Process) useAfterClose(missing bool) error {
	if missing {
		return fs.ErrClosed
	}
	return nil
}

func (p *Process) path(name string) string { return p.dir + "/" + name }

// Close closes the files and their targets. What was handed out stays valid.
func (p *Process) Close() error {
	var errs []error
	for _, o := range p.objects {
		errs = append(errs, o.close())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.root != nil {
		errs = append(errs, p.root.Close())
	}
	if p.memory != nil {
		errs = append(errs, p.memory.Close())
	}
	p.root, p.memory = nil, nil
	return errors.Join(append(errs, p.maps.Close())...)
}

// PID is the process's number as given.
func (p *Process) PID() int { return p.state.pid }

// InnerPID is its number as the process itself sees it: another one in a
// container.
func (p *Process) InnerPID() int { return p.state.inner }

// Name is the process's name, of at most 15 bytes: what /proc/PID/comm has.
func (p *Process) Name() string { return p.state.comm }

// Objects are the files that are mapped executable, and the kernel's own code
// ("[vdso]"), in the order of their addresses; the program itself is nearly
// always first. Shared: do not change it.
func (p *Process) Objects() []*Object { return p.objects }

// Problems are errors that are about no one object: lines of the list of
// mappings that could not be read.
func (p *Process) Problems() []error { return p.problems }

// Root is the directory that is "/" to the process, for package debuglink; "" if
// it is ours.
func (p *Process) Root() string {
	if !p.ownRoot {
		return ""
	}
	return p.path("root")
}

// Check says whether the process is still the one that was opened, running the
// same program; ErrProcessChanged if not. Probes and Resolve end with it.
func (p *Process) Check() error {
	// The open list belongs to the memory, not to the number: it is empty once
	// the process has ended or executed something else.
	var b [1]byte
	if n, _ := p.maps.ReadAt(b[:], 0); n == 0 {
		return fmt.Errorf("process %d (%s): %w", p.state.pid, p.state.comm, ErrProcessChanged)
	}
	// Another process can share the memory of one that has ended (vfork).
	now, err := readState(p.dir, p.state.pid)
	if err != nil || now.start != p.state.start {
		return fmt.Errorf("process %d (%s): %w", p.state.pid, p.state.comm, ErrProcessChanged)
	}
	return nil
}

// denied says who may read what could not be read.
func (p *Process) denied(what string, err error) error {
	who := fmt.Sprintf("process %d (%s)", p.state.pid, p.state.comm)
	switch {
	case errors.Is(err, fs.ErrPermission) && p.state.uid != os.Geteuid():
		return fmt.Errorf("%s: %s: %w; it runs as user %d: try as root", who, what, cause(err), p.state.uid)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %s: %w; it protects itself (set-user-ID, capabilities, or not dumpable), or ptrace_scope does: try as root", who, what, cause(err))
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", who, ErrProcessChanged)
	}
	return fmt.Errorf("%s: %s: %w", who, what, cause(err))
}

// cause leaves the path out of an error.
func cause(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// mappings are those that a file, or the kernel's code, is behind.
func (p *Process) mappings() iter.Seq[procmaps.Mapping] {
	return func(yield func(procmaps.Mapping) bool) {
		const enough = 20
		for m, err := range procmaps.All(p.maps) {
			switch {
			case err != nil && len(p.problems) < enough:
				p.problems = append(p.problems, fmt.Errorf("%s: %w", p.path("maps"), err))
			case err != nil:
			case m.Inode == 0 && m.Name != vdso && (m.Name == "" || m.Name[0] != '/'):
			case !yield(m):
				return
			}
		}
	}
}
