package offset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strconv"

	"github.com/probels/probels/internal/perfmap"
)

// A JITFunc is a function that a process has compiled into its own memory, as
// its runtime tells perf. No uprobe can be put on it: it is in no file, and it may
// move or go at any time. The runtime's USDT probes, if it has some, carry such
// names.
type JITFunc struct {
	Addr uint64 // run-time address
	Size uint64 // bytes
	Name string
}

// ErrNoPerfMap: the process has written no map of just-in-time compiled code,
// or none that may be believed.
var ErrNoPerfMap = errors.New("no perf map")

// PerfMapPath is where the map of the process's just-in-time compiled code is if
// there is one, as a path from here.
func (p *Process) PerfMapPath() string {
	if p.ownRoot {
		return p.path("root") + p.perfMap()
	}
	return p.perfMap()
}

// perfMap is its path for the process. The process writes the number that it
// knows itself by into the name.
func (p *Process) perfMap() string { return "/tmp/perf-" + strconv.Itoa(p.state.inner) + ".map" }

// JIT yields the functions of the process's perf map in the order of the file,
// which is that of compilation: a later one replaces those that it overlaps. ErrNoPerfMap
// if there is none, or if it is another user's: as perf does, only a map of the
// process's own user or root's is read. Lines that cannot be read are errors, and the
// next ones follow. What the process wrote there need not be true.
func (p *Process) JIT() iter.Seq2[JITFunc, error] {
	return func(yield func(JITFunc, error) bool) {
		f, err := p.openPerfMap()
		if err != nil {
			yield(JITFunc{}, err)
			return
		}
		defer f.Close()
		for fn, err := range perfmap.Read(f) {
			if err != nil {
				err = fmt.Errorf("%s: %w", p.PerfMapPath(), err)
			}
			if !yield(JITFunc(fn), err) {
				return
			}
		}
		if err := p.Check(); err != nil {
			yield(JITFunc{}, err)
		}
	}
}

func (p *Process) openPerfMap() (io.ReadCloser, error) {
	root, err := p.rootDir()
	if err != nil {
		return nil, p.denied("its root directory", err)
	}
	f, info, err := root.OpenFile(p.perfMap())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", p.PerfMapPath(), ErrNoPerfMap)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", p.PerfMapPath(), cause(err))
	}
	if uid, ok := ownerOf(info); ok && uid != 0 && uid != p.state.uid {
		f.Close()
		return nil, fmt.Errorf("%s: it is user %d's, and the process is user %d's: %w", p.PerfMapPath(), uid, p.state.uid, ErrNoPerfMap)
	}
	return f, nil
}
