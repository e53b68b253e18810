package offset

import (
	"context"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/glob"
	"github.com/probels/probels/internal/inroot"
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
	// Limits are for every file that is opened; Debug.Limits.ELF, where that is
	// set, for debug files.
	Limits elfsym.Limits

	// DWARF are the limits of each file's debugging information.
	DWARF dwarfinfo.Limits

	// OwnTables leaves it at the file's own .symtab and .dynsym: no
	// .gnu_debugdata, and no other file.
	OwnTables bool

	// Debug says where the separate debug file is searched, and whether it may
	// be fetched; nil means below /usr/lib/debug and beside the file, and that
	// it may not. A Fetcher is the only thing that makes this package use a
	// network.
	Debug *debuglink.Options

	// Reference has functions of another build, by which names that this one has
	// not, nor its debug file, are looked for (Match). Only Resolve of one file asks
	// it, and only for such names. nil means that nothing is matched.
	Reference *Reference

	// Least is the confidence that a match must have to be an answer; 0 means
	// Certain. What is less is told in the NotFoundError.
	Least Confidence

	// Cache keeps answers of Resolve for later targets and processes. nil, which is
	// the default, means that nothing is kept.
	Cache *Cache
}

// A Target is a file that is searched for places to probe. What it reads lazily
// it reads once, so it is safe for concurrent use.
type Target struct {
	f       *elfsym.File
	path    string
	debug   string  // the path that debug files are searched from; not path beneath another root
	object  *Object // of a process; nil if the file was opened by itself
	buildID string
	owned   bool
	opts    Options
	ident   identity // what opts.Cache knows the file by

	mu         sync.Mutex // guards what follows
	searched   bool
	companions []companion
	unsure     bool // something was wrong with what the search found
	looked     bool // for the debug file
	found      *debuglink.Found
	foundErr   error
	dwarf      dwarfState

	nearby  nearby
	closers closers
}

// Open opens the file at path, symlinks resolved: the path that locations carry
// is the file's own. The Target owns the descriptor; Close closes it.
//
// A path by way of another process's root, "/proc/70/root/usr/bin/x", is looked
// up as that process would: an absolute symlink begins there. Locations keep
// that prefix, and debug files are searched there, unless Options.Debug has a root. A
// name in /proc stays the path ("/proc/70/exe") where the file has no other for us.
func Open(path string, o *Options) (*Target, error) {
	at, err := inroot.Find(path)
	if err != nil {
		return nil, err
	}
	var eo elfsym.Options
	if o != nil {
		eo.Limits = o.Limits
	}
	file, info, err := at.Open()
	if err != nil {
		return nil, err
	}
	t, err := openedTarget(file, info, at, &eo, o)
	if err != nil {
		file.Close()
		return nil, err
	}
	return t, nil
}

func openedTarget(file *os.File, info fs.FileInfo, at inroot.Place, eo *elfsym.Options, o *Options) (*Target, error) {
	var ident identity
	if o != nil {
		ident = o.Cache.identify(file)
	}
	f, err := elfsym.NewFile(file, info.Size(), eo)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Path, err)
	}
	debug := at.Path
	if at.Root != "" && (o == nil || !o.OwnTables && (o.Debug == nil || o.Debug.Root == "")) {
		var in Options
		if o != nil {
			in = *o
		}
		in.Debug = debugIn(in.Debug, at.Root)
		o, debug = &in, at.Within()
	}
	t, err := newTarget(f, at.Path, debug, nil, ident, o)
	if err != nil {
		return nil, err
	}
	t.owned = true
	t.closers.keep(file)
	return t, nil
}

// New makes a target of a file that is open already and stays the caller's.
// path is what locations will carry, and where its debug file is searched from.
func New(f *elfsym.File, path string, o *Options) (*Target, error) {
	return newTarget(f, path, path, nil, identity{}, o)
}

func newTarget(f *elfsym.File, path, debug string, object *Object, ident identity, o *Options) (*Target, error) {
	t := &Target{f: f, path: path, debug: debug, object: object, ident: ident, buildID: hex.EncodeToString(f.BuildID())}
	if o != nil {
		t.opts = o.limited()
	}
	if err := t.attachable(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// limited is a copy in which the limits are for debug files too.
func (o *Options) limited() Options {
	out := *o
	if o.Limits == (elfsym.Limits{}) {
		return out
	}
	var d debuglink.Options
	if o.Debug != nil {
		d = *o.Debug
	}
	if d.Limits.ELF == (elfsym.Limits{}) {
		d.Limits.ELF = o.Limits
	}
	out.Debug = &d
	return out
}

// matches reports whether a pattern means the file.
func (t *Target) matches(pattern string) bool {
	if t.object != nil {
		return t.object.Matches(pattern)
	}
	g := glob.New(pattern)
	return t.path == pattern || g.Match(t.path) || g.Match(filepath.Base(t.path))
}

// attachable refuses files in which nothing is ever executed.
func (t *Target) attachable() error {
	switch t.f.Type() {
	case elf.ET_REL:
		return fmt.Errorf("an object file, %w: link it first", ErrNotExecutable)
	case elf.ET_CORE:
		return fmt.Errorf("a core dump, %w: give the program that it is of", ErrNotExecutable)
	}
	load := false
	for _, s := range t.f.Segments().All() {
		load = load || s.Type == elf.PT_LOAD && s.MemSize > 0
	}
	switch {
	case !load:
		return fmt.Errorf("no loadable segments, %w", ErrNotExecutable)
	case t.object == nil && !t.met() && t.f.DebugOnly(): // what is executed has code
		return t.debugOnly()
	}
	return nil // if it has no code, it has nothing to list, and may be asked about
}

// debugOnly says which file a debug file belongs to.
func (t *Target) debugOnly() error {
	id := "it has no build-id"
	if b := t.f.BuildID(); b != nil {
		id = "build-id " + hex.EncodeToString(b)
	}
	local := debuglink.Options{}
	if t.opts.Debug != nil {
		local = *t.opts.Debug
		local.Fetcher = nil // what runs is here or nowhere
	}
	if found, err := debuglink.FindExecutable(context.Background(), t.f, t.debug, &local); err == nil {
		defer found.Close()
		return fmt.Errorf("%w (%s): it belongs to %s, give that one", ErrDebugOnly, id, found.Path)
	}
	return fmt.Errorf("%w (%s): give the program or library that it belongs to", ErrDebugOnly, id)
}

// Close closes the debug file, and the file itself if Open opened it. What was
// handed out stays valid.
func (t *Target) Close() error {
	t.mu.Lock()
	found := t.found
	t.companions, t.searched = nil, true
	t.found, t.foundErr, t.looked = nil, fs.ErrClosed, true
	t.dwarf = dwarfState{read: true, err: fs.ErrClosed}
	t.mu.Unlock()
	err := t.closers.close()
	if found != nil {
		err = errors.Join(err, found.Close())
	}
	if t.owned {
		err = errors.Join(err, t.f.Close())
	}
	return err
}

// File is the file itself.
func (t *Target) File() *elfsym.File { return t.f }

// Path is the path that locations carry.
func (t *Target) Path() string { return t.path }

// Object is what the file is in the process that it was opened from; nil if it
// was opened by itself.
func (t *Target) Object() *Object { return t.object }

// BuildID is the GNU build-id in lower-case hexadecimal digits, "" if there is
// none.
func (t *Target) BuildID() string { return t.buildID }
