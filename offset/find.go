package offset

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/internal/loader"
)

// ErrNoSuchName: no command and no library has the name.
var ErrNoSuchName = errors.New("no such command or library")

// FindOptions say where Find looks; nil means the system's libraries and no
// commands.
type FindOptions struct {
	// Root is the directory that stands for "/": a container's, or an unpacked
	// image. No symlink is followed out of it. "" is the host's own.
	Root string

	// Path are the directories of commands, as $PATH lists them; absolute paths
	// in the root.
	Path []string

	// LibraryPath are the directories of LD_LIBRARY_PATH, if they are to count.
	// This package does not read the environment.
	LibraryPath []string

	// For is the program on whose behalf a library is looked for: its RUNPATH,
	// its loader and its machine then count. nil means every program's.
	For *Target

	// All asks for libraries even where there is a command of the name.
	All bool
}

// A FoundKind says what a Candidate is.
type FoundKind uint8

const (
	FoundCommand FoundKind = iota + 1 // an ELF file in Path
	FoundScript                       // a script in Path: Script says what runs it
	FoundLibrary
)

func (k FoundKind) String() string {
	switch k {
	case FoundCommand:
		return "command"
	case FoundScript:
		return "script"
	case FoundLibrary:
		return "library"
	}
	return "none"
}

// A Candidate is a file that a name may stand for.
type Candidate struct {
	Kind FoundKind
	Name string // of a library its SONAME
	Path string // to open it by: outside of the root, without symlinks

	// How is the evidence: "/etc/ld.so.cache", "DT_RUNPATH of /usr/bin/x",
	// "default directory", "LD_LIBRARY_PATH"; of a command the directory in Path.
	How string

	// Machine tells the libraries of several machines apart; Native is whether it
	// is this one's.
	Machine string
	Native  bool

	// Only is what a processor must have for a loader to take this library
	// ("x86-64-v3"), where that is not known; else "".
	Only string

	// Shadowed is the path of the library that a loader takes in place of this
	// one, which has the same SONAME and comes later; else "".
	Shadowed string

	Script *Script // of a script
}

// Find says which files a name stands for: a command, or a library as its loader
// would find it ("libc.so.6") or as people shorten it ("libssl", "ssl"). All that
// it may be are returned, those that would be taken first: choosing is the
// caller's. A name with "/" is a path, and nobody's here.
//
// The error wraps ErrNoSuchName if there is nothing; other errors are about places
// that could not be read, and may come with candidates from elsewhere.
func Find(ctx context.Context, name string, o *FindOptions) ([]Candidate, error) {
	if o == nil {
		o = &FindOptions{}
	}
	root, err := inroot.Open(o.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var out []Candidate
	if name != "" && !strings.Contains(name, "/") {
		out = findCommands(root, name, o)
	}
	if len(out) > 0 && !o.All {
		return out, nil
	}
	libs, err := findLibraries(ctx, root, name, o)
	out = append(out, libs...)
	if len(out) == 0 {
		err = errors.Join(fmt.Errorf("%s: %w", name, ErrNoSuchName), err)
	}
	return out, err
}

func findLibraries(ctx context.Context, root *inroot.Root, name string, o *FindOptions) ([]Candidate, error) {
	f := newFinder(root, o)
	q := loader.Query{Name: name}
	if o.For != nil {
		by, err := o.For.loaderObject(root)
		if err != nil {
			return nil, err
		}
		q.By = by
	}
	libs, err := f.Find(ctx, q)
	host, known := loader.HostABI()
	var out []Candidate
	for _, l := range libs {
		c := Candidate{Kind: FoundLibrary, Name: l.SONAME, Path: outside(root, l.Path), How: l.How, Machine: l.ABI.String(),
			Only: l.Only, Native: known && root.Host() && l.ABI.Fits(host)}
		if l.Shadowed != "" {
			c.Shadowed = outside(root, l.Shadowed)
		}
		out = append(out, c)
	}
	return out, err
}

func newFinder(root *inroot.Root, o *FindOptions) *loader.Finder {
	c := loader.Config{Root: root, LibraryPath: o.LibraryPath}
	if root.Host() {
		c.HWCaps, c.HWCapsKnown = loader.HostHWCaps()
	}
	return loader.New(c)
}

// outside is where a file in the root is for us, without symlinks.
func outside(root *inroot.Root, name string) string {
	if real, err := root.RealPath(name); err == nil {
		name = real
	}
	return root.HostPath(name)
}

// object is the target as its loader sees it.
func (t *Target) loaderObject(root *inroot.Root) (*loader.Object, error) {
	name := t.path
	if !root.Host() {
		rest, ok := strings.CutPrefix(name, strings.TrimSuffix(root.Dir(), "/")+"/")
		if !ok {
			return nil, fmt.Errorf("%s is not below %s", name, root.Dir())
		}
		name = path.Join("/", rest)
	}
	o := loader.NewObject(t.f, name, nil)
	return o, o.LinkErr
}

// A Library is one that a program needs, directly or because another does.
type Library struct {
	Name string // as it is needed: mostly the SONAME
	By   string // path in the root of the file that needs it first

	// Path is the library's file, to open it by; "" where the loader would not
	// find it, and Err says why.
	Path string
	How  string // the evidence, as in Candidate

	// Instead are libraries taken in its place by processors that have what is
	// said of each, where it is not known what the processor has.
	Instead []Candidate

	Err error
}

// Needed are all libraries of the program, in the order in which its loader loads
// them, as ldd lists them without its running anything. One that is missing is
// there with its Err. The error is about the whole.
func (t *Target) Needed(ctx context.Context, o *FindOptions) ([]Library, error) {
	if o == nil {
		o = &FindOptions{}
	}
	root, err := inroot.Open(o.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	by, err := t.loaderObject(root)
	if err != nil {
		return nil, err
	}
	found, err := newFinder(root, o).Needed(ctx, by)
	out := make([]Library, 0, len(found))
	for _, r := range found {
		l := Library{Name: r.Name, By: r.By, How: r.How, Err: r.Err}
		if r.Path != "" {
			l.Path = outside(root, r.Path)
		}
		for _, a := range r.Instead {
			l.Instead = append(l.Instead, Candidate{Kind: FoundLibrary, Name: r.Name, Path: outside(root, a.Path), How: r.How, Only: a.Only})
		}
		out = append(out, l)
	}
	return out, err
}

// DefinedIn are the program's libraries that define a symbol, in the order of
// loading: of those the first is the one that the program's import is bound to,
// but for LD_PRELOAD and symbol versions. name may have a version, "f@V".
func (t *Target) DefinedIn(ctx context.Context, name string, o *FindOptions) ([]Library, error) {
	libs, err := t.Needed(ctx, o)
	if err != nil {
		return nil, err
	}
	var out []Library
	var errs []error
	for _, l := range libs {
		if l.Path == "" {
			errs = append(errs, l.Err)
			continue
		}
		defined, err := definesIn(l.Path, name, t.opts.Limits)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", l.Path, err))
		}
		if defined {
			out = append(out, l)
		}
	}
	return out, errors.Join(errs...)
}

func definesIn(file, name string, lim elfsym.Limits) (bool, error) {
	f, err := elfsym.OpenWith(file, &elfsym.Options{Limits: lim})
	if err != nil {
		return false, err
	}
	defer f.Close()
	for s, err := range f.Lookup(elfsym.Dynsym, name) {
		if err != nil {
			return false, err
		}
		if s.Defined() {
			return true, nil
		}
	}
	return false, nil
}

// RuntimeIn finds the library that has the runtime of a launcher, as
// [Target.Program] tells it: one that the program needs, or the Java machine,
// which libjli.so opens beside itself. None if p is no launcher.
func (t *Target) RuntimeIn(ctx context.Context, p Program, o *FindOptions) ([]Library, error) {
	if !p.Launcher {
		return nil, nil
	}
	libs, err := t.Needed(ctx, o)
	if err != nil {
		return nil, err
	}
	if p.Runtime != JVM {
		for _, l := range libs {
			if l.Name == p.Library {
				return []Library{l}, nil
			}
		}
		return nil, fmt.Errorf("%s: %w", p.Library, ErrNoSuchName)
	}
	opener := t.path
	for _, l := range libs {
		if strings.HasPrefix(l.Name, "libjli.so") {
			if l.Path == "" {
				return nil, l.Err
			}
			opener = l.Path
		}
	}
	return t.javaMachines(opener, o)
}

// javaMachines are the variants of libjvm.so that a libjli.so may open. Which, its
// jvm.cfg and the command line say; nearly all have one only.
func (t *Target) javaMachines(opener string, o *FindOptions) ([]Library, error) {
	dir := ""
	if o != nil {
		dir = o.Root
	}
	root, err := inroot.Open(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	inside := opener
	if !root.Host() {
		inside = strings.TrimPrefix(opener, strings.TrimSuffix(root.Dir(), "/"))
	}
	var out []Library
	// lib/libjli.so since JDK 9; lib/ARCH/jli/libjli.so before.
	for _, base := range []string{path.Dir(inside), path.Dir(path.Dir(inside))} {
		for _, variant := range []string{"server", "client", "minimal", "zero", "j9vm"} {
			name := path.Join(base, variant, "libjvm.so")
			if info, err := root.Stat(name); err == nil && info.Mode().IsRegular() {
				out = append(out, Library{Name: "libjvm.so", By: opener, Path: outside(root, name), How: "beside " + path.Base(opener)})
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, fmt.Errorf("libjvm.so beside %s: %w", opener, ErrNoSuchName)
}
