package loader

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
)

// An Object is a program or library as its loader sees it.
type Object struct {
	Path string // in the root, as the loader spells it
	ABI  ABI
	elfsym.Linking

	// LinkErr says what of Linking could not be read.
	LinkErr error

	origin string // what $ORIGIN is
	info   fs.FileInfo
	parent *Object // that needed it first
}

// NewObject describes a program that is open already. name is its path in the
// root without symlinks.
func NewObject(f *elfsym.File, name string, info fs.FileInfo) *Object {
	o := &Object{Path: name, ABI: ABIOf(f), info: info}
	o.Linking, o.LinkErr = f.Linking()
	if path.IsAbs(name) {
		o.origin = max(name[:strings.LastIndexByte(name, '/')], "/") // not cleaned, see join
	}
	return o
}

// searchPath is what the file adds to the search: RPATH only where there is no
// RUNPATH.
func (o *Object) rpath() string {
	if o.RunPath != "" {
		return ""
	}
	return o.RPath
}

// open reads the library at a path; it remembers what it has read.
func (f *Finder) open(name string) (*Object, error) {
	if r, ok := f.objects[name]; ok {
		return r.o, r.err
	}
	o, err := f.read(name)
	if len(f.objects) < maxRemembered {
		f.objects[name] = opened{o, err}
	}
	return o, err
}

type opened struct {
	o   *Object
	err error
}

func (f *Finder) read(name string) (*Object, error) {
	file, info, err := f.c.Root.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	e, err := elfsym.NewFile(file, info.Size(), &elfsym.Options{Limits: f.c.Limits})
	if err != nil {
		return nil, err
	}
	f.reads++
	return NewObject(e, name, info), nil
}

// absent reports whether an error of open only says that nothing is there that
// a loader would take notice of.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, elfsym.ErrNotRegular) || isNotDir(err)
}

// isNotDir: a file where a directory was expected.
func isNotDir(err error) bool {
	var pe *fs.PathError
	return errors.As(err, &pe) && pe.Err != nil && pe.Err.Error() == "not a directory"
}

// Config for New.
type Config struct {
	Root *inroot.Root // stays the caller's

	// LibraryPath are the directories of LD_LIBRARY_PATH, as far as they are to
	// count: absolute paths in the root.
	LibraryPath []string

	// HWCaps are the subdirectories of glibc-hwcaps that the processor has, best
	// first, if HWCapsKnown; else a library in one of them is told as one that
	// some processors take instead.
	HWCaps      []string
	HWCapsKnown bool

	Limits elfsym.Limits
}

// A Finder finds libraries in one root. It remembers what it has read, so it
// is for one question or a few, not for a service that outlives the files. It is
// not safe for concurrent use.
type Finder struct {
	c       Config
	caches  map[string]cacheResult
	objects map[string]opened
	dirs    map[string]bool // whether they are there
	systems map[string]*system
	reads   int // files opened and read
}

type cacheResult struct {
	c   *Cache
	err error
}

const (
	// maxRemembered is for how many paths it is remembered what is there.
	maxRemembered = 1 << 16

	// maxCache is the size of an ld.so.cache, in bytes. 10,000 libraries make one
	// megabyte.
	maxCache = 64 << 20
)

// New makes a finder.
func New(c Config) *Finder {
	return &Finder{c: c, caches: map[string]cacheResult{}, objects: map[string]opened{}, dirs: map[string]bool{}, systems: map[string]*system{}}
}

// Reads is how many files were opened and read, the ld.so.cache among them.
func (f *Finder) Reads() int { return f.reads }

// cache is the ld.so.cache at a path; nil if there is none.
func (f *Finder) cache(name string) (*Cache, error) {
	if r, ok := f.caches[name]; ok {
		return r.c, r.err
	}
	var r cacheResult
	b, err := f.c.Root.ReadFile(name, maxCache)
	switch {
	case err == nil:
		f.reads++
		if r.c, r.err = ParseCache(b); r.err != nil {
			r.err = fmt.Errorf("%s: %w", name, r.err)
		}
	case !absent(err):
		r.err = err
	}
	f.caches[name] = r
	return r.c, r.err
}

func (f *Finder) isDir(name string) bool {
	is, ok := f.dirs[name]
	if !ok {
		info, err := f.c.Root.Stat(name)
		is = err == nil && info.IsDir()
		if len(f.dirs) < maxRemembered {
			f.dirs[name] = is
		}
	}
	return is
}
