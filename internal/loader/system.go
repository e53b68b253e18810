package loader

import (
	"path"
	"slices"
	"strings"
)

// Libc is whose loader's rules hold.
type Libc uint8

const (
	UnknownLibc Libc = iota
	Glibc
	Musl
)

func (l Libc) String() string { return [...]string{"unknown", "glibc", "musl"}[l] }

// A system is what a loader has built in.
type system struct {
	libc    Libc
	dirs    []string // searched last
	dirsHow string   // where that list is from
	caches  []string // paths of ld.so.cache
	lib     []string // what $LIB is
	interp  string   // path of the loader, without symlinks if it is there
	err     error    // what could not be read
}

// system tells the rules for a program by its interpreter and, for a library,
// which has none, by what it needs and what the root has.
func (f *Finder) system(o *Object) *system {
	key := o.Interp
	if key == "" {
		key = f.guessInterp(o)
	}
	id := key + "\x00" + o.ABI.Machine.String() + o.ABI.Class.String() + o.ABI.Data.String() + string(rune(o.ABI.Flags))
	if store := storeItem(o.Path); store != "" {
		id += store
	}
	if s := f.systems[id]; s != nil {
		return s
	}
	s := f.newSystem(key, o)
	f.systems[id] = s
	return s
}

func (f *Finder) newSystem(interp string, o *Object) *system {
	s := &system{interp: interp}
	if real, err := f.c.Root.RealPath(interp); interp != "" && err == nil {
		s.interp = real
	}
	base := path.Base(interp)
	switch {
	case strings.HasPrefix(base, "ld-musl-"):
		s.libc = Musl
		f.muslPath(s, interp)
	case interp == "", strings.HasPrefix(base, "ld-linux"), strings.HasPrefix(base, "ld64.so"), strings.HasPrefix(base, "ld.so."), strings.HasPrefix(base, "ld-2."):
		s.libc = Glibc
		f.glibcDirs(s, interp, o)
	default:
		s.lib = o.ABI.libNames()
	}
	return s
}

// guessInterp is a loader for a library, which does not say which one: musl's if
// it needs musl's libc, or if the root has no other.
func (f *Finder) guessInterp(o *Object) string {
	if slices.ContainsFunc(o.Needed, func(n string) bool { return strings.HasPrefix(n, "libc.so.") || strings.HasPrefix(n, "ld-linux") }) {
		return ""
	}
	wants := slices.ContainsFunc(o.Needed, func(n string) bool { return n == "libc.so" || strings.HasPrefix(n, "libc.musl-") })
	if !wants && (f.exists("/etc/ld.so.cache") || len(o.Needed) > 0) {
		return ""
	}
	names, err := f.c.Root.ReadDir("/lib", 1<<14)
	if err != nil {
		return ""
	}
	slices.Sort(names)
	for _, n := range names {
		if !strings.HasPrefix(n, "ld-musl-") || !strings.HasSuffix(n, ".so.1") {
			continue
		}
		if l, err := f.open("/lib/" + n); err == nil && l.ABI.Fits(o.ABI) {
			return "/lib/" + n
		}
	}
	return ""
}

func (f *Finder) exists(name string) bool {
	_, err := f.c.Root.Stat(name)
	return err == nil
}

// storeItem is "/gnu/store/HASH-NAME" for a path below it: Guix's loader reads
// the ld.so.cache of the program's own package.
func storeItem(name string) string {
	const store = "/gnu/store/"
	rest, ok := strings.CutPrefix(name, store)
	if !ok {
		return ""
	}
	item, _, ok := strings.Cut(rest, "/")
	if !ok || item == "" {
		return ""
	}
	return store + item
}

// glibcDirs are those that glibc was built with. They follow from where its
// loader is: Debian's /lib64/ld-linux-x86-64.so.2 leads to
// /lib/x86_64-linux-gnu, Fedora's to /usr/lib64.
func (f *Finder) glibcDirs(s *system, interp string, o *Object) {
	s.dirsHow = "default directory"
	dir := strings.TrimPrefix(path.Dir(s.interp), "/usr")
	if interp != "" && !isLibDir(dir) {
		// A prefix of its own.
		prefix := path.Dir(path.Dir(interp))
		s.dirs = []string{path.Dir(interp)}
		s.lib = []string{path.Base(path.Dir(interp))}
		s.caches = []string{path.Join(prefix, "etc/ld.so.cache")}
		if item := storeItem(o.Path); item != "" {
			s.caches = append([]string{path.Join(item, "etc/ld.so.cache")}, s.caches...)
		}
		return
	}
	s.caches = []string{"/etc/ld.so.cache"}
	add := func(d string) {
		for _, d := range []string{"/" + d, "/usr/" + d} {
			if !slices.Contains(s.dirs, d) {
				s.dirs = append(s.dirs, d)
			}
		}
	}
	if interp != "" && s.interp != interp || interp != "" && f.exists(interp) {
		lib := strings.TrimPrefix(dir, "/")
		s.lib = []string{lib}
		add(lib)
		if strings.Contains(lib, "/") || lib == "lib32" || lib == "libx32" {
			for _, t := range o.ABI.triplets() {
				add("lib/" + t)
			}
			add("lib") // Debian
		}
		return
	}
	// No loader in this root: all that there may be.
	for _, t := range o.ABI.triplets() {
		if f.isDir("/lib/"+t) || f.isDir("/usr/lib/"+t) {
			s.lib = append(s.lib, "lib/"+t)
		}
		add("lib/" + t)
	}
	for _, l := range o.ABI.libNames() {
		s.lib = append(s.lib, l)
		add(l)
	}
	add("lib")
}

// isLibDir: "/lib", "/lib64", "/lib/x86_64-linux-gnu", "/lib64/lp64d".
func isLibDir(dir string) bool {
	return strings.HasPrefix(dir, "/lib") && strings.Count(dir, "/") <= 2
}

// muslPath reads the path file, which is found from where the program says that
// the loader is, not from where that leads.
func (f *Finder) muslPath(s *system, interp string) {
	s.dirs = []string{"/lib", "/usr/local/lib", "/usr/lib"}
	s.dirsHow = "default directory"
	arch, _, _ := strings.Cut(strings.TrimPrefix(path.Base(interp), "ld-musl-"), ".")
	name := path.Join(path.Dir(path.Dir(interp)), "etc", "ld-musl-"+arch+".path")
	b, err := f.c.Root.ReadFile(name, 1<<20)
	switch {
	case err == nil:
		f.reads++
		s.dirs, s.dirsHow = splitPath(string(b), ":\n"), name
	case !absent(err):
		s.dirs, s.err = nil, err // so does musl
	}
}
