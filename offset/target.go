package offset

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/probels/probels/elfsym"
)

// Errors that say that a file was read well and still holds no place for a
// uprobe.
var (
	// ErrNotExecutable: an object file, a core dump, or an ELF file without
	// loadable segments.
	ErrNotExecutable = errors.New("no program or shared library")

	// ErrDebugOnly: a separate debug file. It has names, and its program
	// headers give wrong offsets: open the file that is executed.
	ErrDebugOnly = errors.New("a separate debug file")
)

// Options for Open and New; nil means the defaults.
type Options struct {
	Limits elfsym.Limits
}

// A Target is a file that is searched for places to probe. It is immutable and
// safe for concurrent use.
type Target struct {
	f       *elfsym.File
	path    string
	buildID string
	owned   bool
}

// Open opens the file at path, symlinks resolved: the path that locations carry
// is the file's own. The Target owns the descriptor; Close closes it.
func Open(path string, o *Options) (*Target, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	if abs, err := filepath.Abs(real); err == nil {
		real = abs
	}
	var eo elfsym.Options
	if o != nil {
		eo.Limits = o.Limits
	}
	f, err := elfsym.OpenWith(real, &eo)
	if err != nil {
		return nil, err
	}
	t, err := New(f, real, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	t.owned = true
	return t, nil
}

// New makes a target of a file that is open already and stays the caller's.
// path is what locations will carry.
func New(f *elfsym.File, path string, o *Options) (*Target, error) {
	if err := attachable(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Target{f: f, path: path, buildID: hex.EncodeToString(f.BuildID())}, nil
}

// attachable refuses files in which nothing is ever executed.
func attachable(f *elfsym.File) error {
	switch f.Type() {
	case elf.ET_REL:
		return fmt.Errorf("an object file, %w: link it first", ErrNotExecutable)
	case elf.ET_CORE:
		return fmt.Errorf("a core dump, %w: give the program that it is of", ErrNotExecutable)
	}
	// A debug file can keep the headers of its executable segment (objcopy does so on arm64, ppc64el and
	// mips64el), so bytes in the file alone do not prove that code is there.
	load, code := false, false
	for _, s := range f.Segments().All() {
		if s.Type == elf.PT_LOAD && s.MemSize > 0 {
			load = true
			code = code || s.Flags&elf.PF_X != 0 && s.FileSize > 0 && s.FileSize >= s.MemSize
		}
	}
	switch {
	case !load:
		return fmt.Errorf("no loadable segments, %w", ErrNotExecutable)
	case code:
		return nil
	case f.DebugOnly():
		id := "it has no build-id"
		if b := f.BuildID(); b != nil {
			id = "build-id " + hex.EncodeToString(b)
		}
		return fmt.Errorf("%w (%s): give the program or library that it belongs to", ErrDebugOnly, id)
	}
	return nil // a library of data: it has nothing to list, and may be asked about
}

// Close closes the file if Open opened it.
func (t *Target) Close() error {
	if !t.owned {
		return nil
	}
	return t.f.Close()
}

// File is the file itself.
func (t *Target) File() *elfsym.File { return t.f }

// Path is the path that locations carry.
func (t *Target) Path() string { return t.path }

// BuildID is the GNU build-id in lower-case hexadecimal digits, "" if there is
// none.
func (t *Target) BuildID() string { return t.buildID }
