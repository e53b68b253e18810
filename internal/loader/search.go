package loader

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
)

// A place is a path where a library may be, and why.
type place struct {
	path string
	how  string

	// only is the processor feature without which the loader does not look here,
	// where it is not known whether the processor has it.
	only string
}

// places are where the loader looks for a library that by needs, in its order.
// It opens nothing but the cache. An error is about the places, and what is
// missing then is missing among them.
func (f *Finder) places(name string, by *Object, s *system) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		w := &walker{f: f, s: s, name: name, by: by, yield: yield}
		switch {
		case s.libc == Musl:
			w.musl()
		default:
			w.glibc()
		}
	}
}

// A walker yields places until nobody wants more.
type walker struct {
	f     *Finder
	s     *system
	name  string
	by    *Object
	yield func(place, error) bool
}

func (w *walker) glibc() {
	if w.by.RunPath == "" {
		for l := w.by; l != nil; l = l.parent {
			if l.rpath() != "" && !w.search(l.rpath(), "DT_RPATH", l) {
				return
			}
		}
	}
	for _, d := range w.f.c.LibraryPath {
		if !w.dir(d, "LD_LIBRARY_PATH") {
			return
		}
	}
	if w.by.RunPath != "" && !w.search(w.by.RunPath, "DT_RUNPATH", w.by) {
		return
	}
	for _, name := range w.s.caches {
		if !w.cached(name) {
			return
		}
	}
	if w.by.NoDefaultLib {
		return
	}
	for _, d := range w.s.dirs {
		if !w.dir(d, w.s.dirsHow) {
			return
		}
	}
}

func (w *walker) musl() {
	for _, d := range w.f.c.LibraryPath {
		if !w.yield(place{path: join(d, w.name), how: "LD_LIBRARY_PATH"}, nil) {
			return
		}
	}
	for l := w.by; l != nil; l = l.parent {
		list, tag := l.RunPath, "DT_RUNPATH"
		if list == "" {
			list, tag = l.RPath, "DT_RPATH"
		}
		if !muslExpands(list) {
			continue
		}
		for _, d := range splitPath(list, ":\n") {
			for _, dir := range (&tokens{origin: l.origin}).expand(d) {
				if !w.yield(place{path: join(dir, w.name), how: tag + " of " + l.Path}, nil) {
					return
				}
			}
		}
	}
	if w.s.err != nil && !w.yield(place{}, w.s.err) {
		return
	}
	for _, d := range w.s.dirs {
		if !w.yield(place{path: join(d, w.name), how: w.s.dirsHow}, nil) {
			return
		}
	}
}

// muslExpands: musl ignores an RPATH with any "$" but $ORIGIN (fixup_rpath).
func muslExpands(list string) bool {
	for {
		i := strings.IndexByte(list, '$')
		if i < 0 {
			return true
		}
		name, rest := token(list[i:])
		if name != "ORIGIN" {
			return false
		}
		list = rest
	}
}

// search goes through a list of directories that a file has.
func (w *walker) search(list, tag string, o *Object) bool {
	t := tokens{origin: o.origin, lib: w.s.lib, platforms: o.ABI.platforms()}
	for _, d := range splitPath(list, ":") {
		for _, dir := range t.expand(d) {
			if path.IsAbs(dir) && !w.dir(dir, tag+" of "+o.Path) {
				return false
			}
		}
	}
	return true
}

// dir is one directory, and its subdirectories for better processors first.
func (w *walker) dir(d, how string) bool {
	if !w.f.isDir(d) {
		return true
	}
	if hw := join(d, "glibc-hwcaps"); w.s.libc == Glibc && w.f.isDir(hw) {
		names, known := w.f.hwcaps(w.by.ABI)
		for _, n := range names {
			p := place{path: join(hw+"/"+n, w.name), how: how}
			if !known {
				p.only = n
			}
			if !w.yield(p, nil) {
				return false
			}
		}
	}
	return w.yield(place{path: join(d, w.name), how: how}, nil)
}

// hwcaps are the subdirectories to look at, and whether the processor is known
// to have them.
func (f *Finder) hwcaps(a ABI) (names []string, known bool) {
	if f.c.HWCapsKnown {
		return f.c.HWCaps, true
	}
	return a.hwcapNames(), false
}

// cached are the entries of an ld.so.cache. They are sorted by version; of those
// of one name the loader takes the best that the processor can run, else the
// one for all.
func (w *walker) cached(name string) bool {
	c, err := w.f.cache(name)
	if err != nil {
		return w.yield(place{}, err)
	}
	if c == nil {
		return true
	}
	var found []CacheEntry
	for e, err := range c.Entries(func(n []byte) bool { return string(n) == w.name }) {
		if err != nil {
			if !w.yield(place{}, fmt.Errorf("%s: %w", name, err)) {
				return false
			}
			continue
		}
		if w.by.ABI.accepts(e.Flags) && path.IsAbs(e.Path) && !(w.by.NoDefaultLib && w.inDefault(e.Path)) {
			found = append(found, e)
		}
	}
	names, known := w.f.hwcaps(w.by.ABI)
	rank := func(e CacheEntry) int {
		switch i := slices.Index(names, e.HWCaps); {
		case e.Legacy != 0:
			return len(names) // asked for by older loaders, and by their own names
		case e.HWCaps == "":
			return len(names) + 1
		case i >= 0:
			return i
		case known:
			return -1 // not this processor's
		}
		return len(names)
	}
	slices.SortStableFunc(found, func(a, b CacheEntry) int { return rank(a) - rank(b) })
	for _, e := range found {
		if rank(e) < 0 {
			continue
		}
		p := place{path: e.Path, how: name}
		switch {
		case e.Legacy != 0:
			p.only = fmt.Sprintf("hwcap 0x%x", e.Legacy)
		case e.HWCaps != "" && !known:
			p.only = e.HWCaps
		}
		if !w.yield(p, nil) {
			return false
		}
	}
	return true
}

func (w *walker) inDefault(name string) bool { return slices.Contains(w.s.dirs, path.Dir(name)) }

// A Found is the answer for one library that a file needs.
type Found struct {
	Name string // as it is needed
	By   string // path of the file that needs it first

	// Path is where the loader finds it, in the root and as the loader spells
	// it; "" if it does not, and then Err says why.
	Path string
	How  string // "DT_RUNPATH of /usr/bin/x", "/etc/ld.so.cache", "default directory", …

	// Instead are libraries that the loader takes on processors that have what
	// is said of each.
	Instead []Alternative

	Err error
}

// An Alternative is a library for some processors only.
type Alternative struct{ Path, Only string }

// ErrNotFound is a library that is nowhere where its loader looks.
var ErrNotFound = errors.New("not found")

// find is what the loader takes for a name. The Found's By stays the caller's.
func (f *Finder) find(name string, by *Object, s *system) (*Object, Found) {
	r := Found{Name: name}
	if strings.Contains(name, "/") {
		return f.findPath(name, by, s)
	}
	var passed []string
	for p, err := range f.places(name, by, s) {
		if err != nil {
			passed = append(passed, err.Error())
			continue
		}
		o, err := f.open(p.path)
		switch {
		case err != nil && absent(err):
			if errors.Is(err, fs.ErrPermission) {
				passed = append(passed, err.Error())
			}
			continue
		case err != nil:
			// What is no ELF file, or a broken one, ends a loader's search.
			r.Err = fmt.Errorf("%s: %s: %w", name, p.path, err)
			return nil, r
		case !o.ABI.Fits(by.ABI):
			if s.libc == Musl {
				r.Err = fmt.Errorf("%s: %s is for %v: %w", name, p.path, o.ABI.Machine, ErrNotFound)
				return nil, r
			}
			passed = append(passed, fmt.Sprintf("%s is for %v", p.path, o.ABI))
			continue
		case p.only != "":
			r.Instead = append(r.Instead, Alternative{p.path, p.only})
			continue
		}
		r.Path, r.How = p.path, p.how
		return o, r
	}
	r.Err = fmt.Errorf("%s: %w", name, ErrNotFound)
	if len(passed) > 0 {
		r.Err = fmt.Errorf("%w (%s)", r.Err, strings.Join(passed, "; "))
	}
	return nil, r
}

// findPath opens a library that is needed by path.
func (f *Finder) findPath(name string, by *Object, s *system) (*Object, Found) {
	r := Found{Name: name, How: "its path"}
	t := tokens{origin: by.origin, lib: s.lib, platforms: by.ABI.platforms()}
	if s.libc == Musl {
		t = tokens{origin: by.origin}
	}
	r.Err = fmt.Errorf("%s: %w", name, ErrNotFound)
	for _, p := range t.expand(name) {
		if !path.IsAbs(p) {
			r.Err = fmt.Errorf("%s: %w: it depends on the directory that the process is in", name, ErrNotFound)
			continue
		}
		o, err := f.open(p)
		if err != nil {
			r.Err = fmt.Errorf("%s: %w", name, err)
			continue
		}
		if !o.ABI.Fits(by.ABI) {
			r.Err = fmt.Errorf("%s is for %v: %w", p, o.ABI.Machine, ErrNotFound)
			continue
		}
		r.Path, r.Err = p, nil
		return o, r
	}
	return nil, r
}

// join does not clean: in "a/../b" a may be a symlink, which leads elsewhere.
func join(dir, name string) string { return strings.TrimRight(dir, "/") + "/" + name }
