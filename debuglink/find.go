package debuglink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
)

// Found is a companion of a file that was located, opened and verified. It is
// immutable and, but for Close, safe for concurrent use.
type Found struct {
	File *elfsym.File // reads from a descriptor that Found owns
	Size int64        // of the file, in bytes

	Path     string // where it can be opened from here
	InRoot   string // what it is called inside Options.Root; "" if it is outside of it
	How      How
	From     string // a server's URL or a cache, for How ByDebuginfod
	Tries    []Try  // the places tried before it, and itself
	Warnings []error

	Symtab  bool     // it has a symbol table (.symtab) with symbols in it
	DWARF   bool     // it has .debug_info, or .zdebug_info
	AltLink *AltLink // its DWARF needs another file: see Alt; nil if not

	file *os.File
	real string // symlink-free path, for Alt
	out  bool
}

// Close closes the file. What was read from it stays valid.
func (x *Found) Close() error { return x.file.Close() }

// ReadAt reads from the file as it is on disk, for those who want more of it
// than elfsym gives.
func (x *Found) ReadAt(p []byte, off int64) (int, error) { return x.file.ReadAt(p, off) }

// Find looks for the separate debug file of f, which is at path inside the
// root. It returns the first that is proved to be of the same build and has
// symbols or DWARF, and the caller closes it; a *NotFoundError says what was
// looked at. Other errors are the root's, or the context's, which is asked
// between two places and while a CRC is computed.
//
// A build-id proves a file. Where f has one, a file with another is refused,
// whatever its CRC; a file without any is taken if its CRC is the debug link's.
// Where f has none, the CRC alone decides.
//
// Safe for concurrent use.
func Find(ctx context.Context, f *elfsym.File, path string, o *Options) (*Found, error) {
	s, err := newSearch(f, path, o, "debug file")
	if err != nil {
		return nil, err
	}
	defer s.root.Close()
	s.fetch, s.check = DebugInfo, s.checkDebug
	if s.q.Link, err = ReadLink(f); err != nil {
		s.notes = append(s.notes, err)
	}
	return s.run(ctx, Places(s.q, o))
}

// FindAlt looks for the supplementary file that f's DWARF refers to, by
// .gnu_debugaltlink or .debug_sup; f is at path inside the root. It is verified
// by the build-id that the link has. A *NotFoundError without tries says that f
// has no such link. For the debug file that Find has found, use [Found.Alt].
func FindAlt(ctx context.Context, f *elfsym.File, path string, o *Options) (*Found, error) {
	return findAlt(ctx, f, path, false, o)
}

// Alt looks for the supplementary file of x, as FindAlt does.
func (x *Found) Alt(ctx context.Context, o *Options) (*Found, error) {
	return findAlt(ctx, x.File, x.real, x.out, o)
}

func findAlt(ctx context.Context, f *elfsym.File, path string, outside bool, o *Options) (*Found, error) {
	if outside {
		path, _ = filepath.Abs(path)
	}
	s, err := newSearch(f, path, o, "supplementary file")
	if err != nil {
		return nil, err
	}
	defer s.root.Close()
	s.q.Outside = outside
	link, err := ReadAltLink(f)
	if err != nil {
		s.notes = append(s.notes, err)
	}
	if link == nil {
		s.q.BuildID = nil
		return nil, s.notFound()
	}
	s.q.BuildID = link.ID
	s.fetch = DebugInfo
	s.check = func(_ context.Context, c *candidate) error { return c.checkAlt(link) }
	return s.run(ctx, AltPlaces(s.q, *link, o))
}

// FindExecutable looks for the executable or library that f, a separate debug
// file at path inside the root, belongs to. It must have the same build-id or,
// where f has none, a debug link with f's CRC.
func FindExecutable(ctx context.Context, f *elfsym.File, path string, o *Options) (*Found, error) {
	s, err := newSearch(f, path, o, "executable")
	if err != nil {
		return nil, err
	}
	defer s.root.Close()
	s.fetch, s.check = Executable, s.checkExecutable
	return s.run(ctx, ExecutablePlaces(s.q, o))
}

// A search is one look for one file.
type search struct {
	f     *elfsym.File
	q     Query
	o     *Options
	lim   Limits
	what  string
	root  *inroot.Root
	host  *inroot.Root
	self  fs.FileInfo // nil if it can't be told
	fetch Artifact
	check func(context.Context, *candidate) error
	tries []Try
	notes []error
}

func newSearch(f *elfsym.File, name string, o *Options, what string) (*search, error) {
	s := &search{f: f, o: o, lim: o.limits(), what: what}
	root, err := inroot.Open(o.root())
	if err != nil {
		return nil, err
	}
	s.root = root
	s.host, _ = inroot.Open("")
	s.q = Query{Path: name, BuildID: f.BuildID()}
	if root.Host() {
		if abs, err := filepath.Abs(name); err == nil {
			s.q.Path = filepath.ToSlash(abs)
		}
	} else {
		s.q.Path = path.Join("/", name)
	}
	if real, err := root.RealPath(s.q.Path); err == nil && real != s.q.Path {
		s.q.RealPath = filepath.ToSlash(real)
	}
	s.self, _ = root.Stat(s.q.Path)
	return s, nil
}

func (s *search) notFound() error {
	return &NotFoundError{What: s.what, Path: s.q.Path, BuildID: s.q.BuildID, Link: s.q.Link, Tries: s.tries, Notes: s.notes}
}

func (s *search) run(ctx context.Context, places iter.Seq[Place]) (*Found, error) {
	series := false // the place before has a file, so its duplicates may too
	for p := range places {
		if p.again && !series {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x, err := s.try(ctx, p)
		if ctxErr := ctx.Err(); err != nil && ctxErr != nil {
			return nil, ctxErr
		}
		t := newTry(p, err)
		s.tries = append(s.tries, t)
		if x != nil {
			return s.done(x), nil
		}
		series = p.How == ByBuildID && t.Verdict != Absent
	}
	if fetcher := s.o.fetcher(); fetcher != nil && len(s.q.BuildID) > 0 {
		x, err := s.fetched(ctx, fetcher)
		if ctxErr := ctx.Err(); err != nil && ctxErr != nil {
			return nil, ctxErr
		}
		if x != nil {
			return s.done(x), nil
		}
	}
	return nil, s.notFound()
}

func (s *search) done(x *Found) *Found {
	x.Tries = s.tries
	x.Warnings = append(x.Warnings, s.notes...)
	return x
}

// try opens one place.
func (s *search) try(ctx context.Context, p Place) (*Found, error) {
	root := s.root
	if p.Outside {
		root = s.host
	}
	osf, info, err := root.OpenFile(p.Path)
	if err != nil {
		return nil, err
	}
	x, err := s.verify(ctx, osf, info, p)
	if err != nil {
		osf.Close()
		return nil, err
	}
	x.How, x.out = p.How, p.Outside
	x.real = p.Path
	// The path without symlinks is the one that is right from outside the root;
	// it must still be the file that was opened.
	if real, err := root.RealPath(p.Path); err == nil {
		if now, err := root.Stat(real); err == nil && os.SameFile(now, info) {
			x.real = real
		}
	}
	if p.Outside {
		x.Path = p.Path
	} else {
		x.InRoot = p.Path
		x.Path = root.HostPath(x.real)
		if root.Host() {
			x.Path = p.Path
		}
	}
	return x, nil
}

// fetched asks the Fetcher.
func (s *search) fetched(ctx context.Context, fetcher Fetcher) (*Found, error) {
	osf, from, err := fetcher.Fetch(ctx, s.fetch, s.q.BuildID)
	p := Place{Path: from, How: ByDebuginfod, Outside: true}
	if err == nil && osf == nil {
		err = errors.New("the fetcher gave no file")
	}
	var x *Found
	if err == nil {
		p.Path = osf.Name()
		var info fs.FileInfo
		if info, err = osf.Stat(); err == nil {
			x, err = s.verify(ctx, osf, info, p)
		}
		if err != nil {
			osf.Close()
		}
	}
	s.tries = append(s.tries, newTry(p, err))
	if err != nil {
		return nil, err
	}
	x.How, x.From, x.Path, x.real, x.out = ByDebuginfod, from, osf.Name(), osf.Name(), true
	return x, nil
}

// A candidate is a file that may be the one.
type candidate struct {
	*Found
	place Place
}

// verify reads a file that was opened and checks that it is the right one. It
// does not close the file.
func (s *search) verify(ctx context.Context, osf *os.File, info fs.FileInfo, p Place) (*Found, error) {
	if s.self != nil && os.SameFile(s.self, info) {
		return nil, ErrSameFile
	}
	ef, err := elfsym.NewFile(osf, info.Size(), &elfsym.Options{Limits: s.lim.ELF, Code: s.f})
	if err != nil {
		return nil, err
	}
	c := &candidate{Found: &Found{File: ef, Size: info.Size(), file: osf}, place: p}
	if err := sameMachine(s.f, ef); err != nil {
		return nil, err
	}
	if err := checkWhole(ef); err != nil {
		return nil, err
	}
	if err := s.check(ctx, c); err != nil {
		return nil, err
	}
	c.Symtab = ef.Has(elfsym.Symtab) != 0
	c.DWARF = hasDWARF(ef)
	if c.AltLink, err = ReadAltLink(ef); err != nil {
		c.Warnings = append(c.Warnings, err)
	}
	if err := ef.CheckUnchanged(); err != nil {
		return nil, err
	}
	return c.Found, nil
}

func sameMachine(f, other *elfsym.File) error {
	if f.Machine() == other.Machine() && f.Class() == other.Class() && f.ByteOrder() == other.ByteOrder() {
		return nil
	}
	return fmt.Errorf("%v %v %v, the file is %v %v %v: %w", other.Machine(), other.Class(), other.ByteOrder(),
		f.Machine(), f.Class(), f.ByteOrder(), ErrOtherMachine)
}

var _ io.ReaderAt = (*Found)(nil)
