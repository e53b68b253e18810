package offset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
)

// ErrNoDWARF: neither the file nor its debug file has debug information, or
// none was to be looked for.
var ErrNoDWARF = errors.New("no debug information (DWARF)")

// dwarfState is what was found of a target's DWARF.
type dwarfState struct {
	read bool
	data *dwarfinfo.Data
	from string
	err  error
}

// DWARF is the target's debug information, the file's own or its debug file's.
// It is opened when it is first asked for, and is the target's: it is good until
// Close. The error wraps ErrNoDWARF where there is none.
func (t *Target) DWARF(ctx context.Context) (*dwarfinfo.Data, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dwarf.read {
		data, from, err := t.openDWARF(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t.dwarf.read, t.dwarf.data, t.dwarf.from, t.dwarf.err = true, data, from, err
	}
	return t.dwarf.data, t.dwarf.err
}

// DWARFPath is the file that DWARF was read from; "" if it was not asked for, or
// there is none.
func (t *Target) DWARFPath() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dwarf.from
}

func (t *Target) openDWARF(ctx context.Context) (*dwarfinfo.Data, string, error) {
	if t.opts.OwnTables {
		return nil, "", fmt.Errorf("%w was looked for", ErrNoDWARF)
	}
	own, err := t.dwarfOf(t.f, t.debug, func() (*debuglink.Found, error) {
		return debuglink.FindAlt(context.WithoutCancel(ctx), t.f, t.debug, t.opts.Debug)
	})
	if err == nil && !own.Empty() {
		return own, t.path, nil
	}
	found, ferr := t.separate(ctx)
	switch {
	case ferr == nil && found.DWARF:
		data, derr := t.dwarfOf(found.File, found.Path, func() (*debuglink.Found, error) {
			return found.Alt(context.WithoutCancel(ctx), t.opts.Debug)
		})
		return data, found.Path, derr
	case ferr == nil:
		return nil, "", fmt.Errorf("%w: %s has symbols only", ErrNoDWARF, found.Path)
	case err != nil:
		return nil, "", err
	case errors.Is(ferr, debuglink.ErrNotFound):
		return nil, "", fmt.Errorf("%w: the file has none, and its debug file is not here", ErrNoDWARF)
	}
	return nil, "", fmt.Errorf("%w: %w", ErrNoDWARF, ferr)
}

// dwarfOf is the DWARF of one file. Addresses are those of the file that runs,
// so that is asked which of them are code.
func (t *Target) dwarfOf(f *elfsym.File, path string, alt func() (*debuglink.Found, error)) (*dwarfinfo.Data, error) {
	sections, config := dwarfinfo.FromELF(f)
	config.Limits = t.opts.DWARF
	config.Code = t.f.Segments().IsCode
	config.Sup = func() (dwarfinfo.Sections, error) {
		found, err := alt()
		if err != nil {
			return nil, err
		}
		t.closers.keep(found)
		sup, _ := dwarfinfo.FromELF(found.File)
		return sup, nil
	}
	config.CFA = func(a elfsym.Addr) (elfsym.CFA, bool) {
		// What is damaged there leaves variables' places in terms of the frame.
		if c, ok, err := t.f.CFAAt(a); ok && err == nil {
			return c, true
		}
		c, ok, err := f.CFAAt(a) // a debug file has .debug_frame
		return c, ok && err == nil
	}
	split := &splitFiles{t: t, path: path}
	config.Split = split.open
	return dwarfinfo.New(sections, config)
}

// closers are files that are closed with a target. It has a lock of its own, for
// DWARF is read while the target's is held, and while it is not.
type closers struct {
	mu     sync.Mutex
	list   []io.Closer
	closed bool
}

func (k *closers) keep(c io.Closer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		c.Close()
		return
	}
	k.list = append(k.list, c)
}

func (k *closers) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var err error
	for _, c := range k.list {
		err = errors.Join(err, c.Close())
	}
	k.list, k.closed = nil, true
	return err
}

// splitFiles opens .dwp and .dwo files beneath the root that debug files are
// searched in: their names stand in the file, and anybody may have written it.
type splitFiles struct {
	t    *Target
	path string // of the file with the skeletons

	once sync.Once
	root *inroot.Root
	err  error
	dwp  dwarfinfo.Sections // of the .dwp, if there is one
}

func (s *splitFiles) open(u dwarfinfo.SplitUnit) (dwarfinfo.Sections, error) {
	s.once.Do(func() {
		dir := ""
		if s.t.opts.Debug != nil {
			dir = s.t.opts.Debug.Root
		}
		if s.root, s.err = inroot.Open(dir); s.err != nil {
			return
		}
		s.t.closers.keep(s.root)
		for _, path := range []string{s.path + ".dwp", s.t.debug + ".dwp"} {
			if s.dwp, _ = s.file(path); s.dwp != nil { // mostly there is none
				return
			}
		}
	})
	if s.err != nil || s.dwp != nil {
		return s.dwp, s.err
	}
	path := u.Name
	if !filepath.IsAbs(path) {
		path = filepath.Join(u.CompDir, path)
	}
	sections, err := s.file(path)
	if err != nil {
		// Builds are moved: beside the program is the next place, as in GDB.
		if beside, berr := s.file(filepath.Join(filepath.Dir(s.t.debug), filepath.Base(u.Name))); berr == nil {
			return beside, nil
		}
	}
	return sections, err
}

func (s *splitFiles) file(path string) (dwarfinfo.Sections, error) {
	file, info, err := s.root.OpenFile(path)
	if err != nil {
		return nil, err
	}
	f, err := elfsym.NewFile(file, info.Size(), &elfsym.Options{Limits: s.t.opts.Limits})
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.t.closers.keep(file)
	sections, _ := dwarfinfo.FromELF(f)
	return sections, nil
}
