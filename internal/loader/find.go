package loader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
)

// A Library is one answer to a name that a person gave.
type Library struct {
	SONAME string // the name that a program would need it by
	Path   string // in the root
	ABI    ABI
	How    string // by what rule it was found

	// Only is what a processor must have for its loader to take this one; "" for
	// none.
	Only string

	// Shadowed is the path of another file of the same SONAME and ABI that the
	// loader comes to first; "" if it takes this one.
	Shadowed string
}

// maxDirNames is how many names are read of one directory.
const maxDirNames = 1 << 17

// A Query is what Find looks for.
type Query struct {
	Name string

	// By is the file on whose behalf: its RUNPATH, its loader, its ABI. nil for
	// none: then every ABI is an answer.
	By *Object
}

// Find finds what a person calls a library: its SONAME exactly ("libc.so.6"); or
// without a version ("libssl.so", "libssl"), which may stand for several; or
// without "lib" too ("ssl"). A version that is given must match: "libssl.so.3" is
// not libssl.so.59, and "libpython3" is not libpython3.11.
//
// Of one SONAME and ABI the loader takes the first; the others follow, marked as
// shadowed. The order is the loader's. Errors are about places that could not be
// read, and come with what was found elsewhere.
func (f *Finder) Find(ctx context.Context, q Query) ([]Library, error) {
	var errs []error
	for _, want := range wanted(q.Name) {
		s := &search{f: f, want: want, by: q.By}
		s.run(ctx)
		errs = append(errs, s.errs...)
		if len(s.out) > 0 {
			return s.shadow(), errors.Join(s.errs...)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return nil, errors.Join(errs...)
}

// A pattern is a name, exact or to be followed by ".so" and any version.
type pattern struct {
	name string
	stem bool
}

func (p pattern) match(name []byte) bool {
	if !p.stem {
		return string(name) == p.name
	}
	rest, ok := bytes.CutPrefix(name, []byte(p.name))
	if !ok {
		return false
	}
	rest, ok = bytes.CutPrefix(rest, []byte(".so"))
	return ok && (len(rest) == 0 || rest[0] == '.')
}

// wanted are the readings of a name, tried in turn.
func wanted(name string) []pattern {
	if name == "" || strings.Contains(name, "/") || strings.IndexByte(name, 0) >= 0 {
		return nil
	}
	out := []pattern{{name: name}}
	stem := name
	if s, ok := strings.CutSuffix(name, ".so"); ok {
		stem = s
	} else if strings.Contains(name, ".so.") {
		return out // the version is given
	}
	out = append(out, pattern{stem, true})
	if !strings.HasPrefix(stem, "lib") {
		out = append(out, pattern{"lib" + stem, true})
	}
	return out
}

// search collects what is called by one pattern.
type search struct {
	f    *Finder
	want pattern
	by   *Object
	out  []Library
	ids  []os.FileInfo
	errs []error
}

func (s *search) run(ctx context.Context) {
	if s.by != nil {
		sys := s.f.system(s.by)
		s.directories(ctx, s.by, sys)
		return
	}
	// Without a program: the caches and directories of every loader that this
	// root has.
	seen := map[string]bool{}
	for _, sys := range s.f.allSystems() {
		any := &Object{}
		for _, d := range s.f.c.LibraryPath {
			s.dir(d, "LD_LIBRARY_PATH", any, "")
		}
		for _, c := range sys.caches {
			if !seen[c] {
				seen[c] = true
				s.cache(c, nil)
			}
		}
		if sys.err != nil {
			s.errs = append(s.errs, sys.err)
		}
		for _, d := range sys.dirs {
			if !seen[d] && ctx.Err() == nil {
				seen[d] = true
				s.dir(d, sys.dirsHow, any, "")
			}
		}
	}
}

// directories looks where the loader would on behalf of a program.
func (s *search) directories(ctx context.Context, by *Object, sys *system) {
	lists := []struct{ list, how string }{{by.rpath(), "DT_RPATH of " + by.Path}, {"", "LD_LIBRARY_PATH"}, {by.RunPath, "DT_RUNPATH of " + by.Path}}
	t := tokens{origin: by.origin, lib: sys.lib, platforms: by.ABI.platforms()}
	for _, l := range lists {
		var dirs []string
		if l.how == "LD_LIBRARY_PATH" {
			dirs = s.f.c.LibraryPath
		}
		for _, d := range splitPath(l.list, ":") {
			dirs = append(dirs, t.expand(d)...)
		}
		for _, d := range dirs {
			if ctx.Err() == nil {
				s.dir(d, l.how, by, "")
			}
		}
	}
	for _, c := range sys.caches {
		s.cache(c, by)
	}
	if sys.err != nil {
		s.errs = append(s.errs, sys.err)
	}
	if by.NoDefaultLib {
		return
	}
	for _, d := range sys.dirs {
		if ctx.Err() == nil {
			s.dir(d, sys.dirsHow, by, "")
		}
	}
}

// dir looks into one directory; a name with a version is opened, any other is
// compared with all names there.
func (s *search) dir(d, how string, by *Object, only string) {
	if !path.IsAbs(d) || !s.f.isDir(d) {
		return
	}
	if only == "" {
		if hw := join(d, "glibc-hwcaps"); s.f.isDir(hw) {
			known := s.f.c.HWCaps
			for _, n := range s.f.hwcapDirs(hw, by) {
				mark := n
				if s.f.c.HWCapsKnown && slices.Contains(known, n) {
					mark = "-"
				} else if s.f.c.HWCapsKnown {
					continue
				}
				s.dir(join(hw, n), how, by, mark)
			}
		}
	}
	only = strings.TrimPrefix(only, "-")
	if !s.want.stem {
		s.take(join(d, s.want.name), s.want.name, how, only)
		return
	}
	names, err := s.f.c.Root.ReadDir(d, maxDirNames)
	if err != nil {
		if !absent(err) {
			s.errs = append(s.errs, err)
		}
		return
	}
	if len(names) == maxDirNames {
		s.errs = append(s.errs, fmt.Errorf("%s: more than %d names: %w", d, maxDirNames, elfsym.ErrLimit))
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !s.want.match([]byte(n)) })
	slices.Sort(names)
	for _, n := range names {
		s.take(join(d, n), n, how, only)
	}
}

// hwcapDirs are the subdirectories that are to be looked at.
func (f *Finder) hwcapDirs(hw string, by *Object) []string {
	if by.ABI != (ABI{}) {
		names, _ := f.hwcaps(by.ABI)
		return names
	}
	names, err := f.c.Root.ReadDir(hw, maxDirNames)
	if err != nil {
		return nil
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names
}

// cache looks through an ld.so.cache.
func (s *search) cache(name string, by *Object) {
	c, err := s.f.cache(name)
	if err != nil {
		s.errs = append(s.errs, err)
	}
	if c == nil {
		return
	}
	for e, err := range c.Entries(s.want.match) {
		if err != nil {
			s.errs = append(s.errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		if by != nil && !by.ABI.accepts(e.Flags) || !path.IsAbs(e.Path) {
			continue
		}
		only := e.HWCaps
		if e.Legacy != 0 {
			only = fmt.Sprintf("hwcap 0x%x", e.Legacy)
		}
		if only != "" && s.f.c.HWCapsKnown {
			if !slices.Contains(s.f.c.HWCaps, only) {
				continue
			}
			only = ""
		}
		s.take(e.Path, e.Name, name, only)
	}
}

// take opens a candidate, and adds it if it is a library that was not found
// before under another name.
func (s *search) take(name, soname, how, only string) {
	o, err := s.f.open(name)
	if err != nil {
		// What is no ELF file is no candidate: many a libX.so is a script for the
		// linker.
		if !absent(err) && !errors.Is(err, elfsym.ErrNotELF) {
			s.errs = append(s.errs, fmt.Errorf("%s: %w", name, err))
		}
		return
	}
	if s.by != nil && !s.by.ABI.Fits(o.ABI) {
		return
	}
	for _, id := range s.ids {
		if os.SameFile(id, o.info) {
			return
		}
	}
	if o.SONAME != "" {
		soname = o.SONAME
	}
	s.ids = append(s.ids, o.info)
	s.out = append(s.out, Library{SONAME: soname, Path: name, ABI: o.ABI, How: how, Only: only})
}

// shadow marks those that a loader does not come to.
func (s *search) shadow() []Library {
	for i := range s.out {
		l := &s.out[i]
		if l.Only != "" {
			continue
		}
		for _, first := range s.out[:i] {
			if first.SONAME == l.SONAME && first.ABI == l.ABI && first.Only == "" {
				l.Shadowed = first.Path
				break
			}
		}
	}
	return s.out
}

// allSystems are the loaders that a root has, by what distributions call them.
func (f *Finder) allSystems() []*system {
	var out []*system
	seen := map[string]bool{}
	host, known := HostABI()
	for _, dir := range []string{"/lib64", "/lib", "/libx32", "/lib32"} {
		names, err := f.c.Root.ReadDir(dir, maxDirNames)
		if err != nil {
			continue
		}
		slices.Sort(names)
		for _, n := range names {
			if !strings.HasPrefix(n, "ld-") && !strings.HasPrefix(n, "ld64.so") && !strings.HasPrefix(n, "ld.so.") {
				continue
			}
			o, err := f.open(join(dir, n))
			if err != nil {
				continue
			}
			s := f.system(&Object{Path: join(dir, n), ABI: o.ABI, Linking: elfsym.Linking{Interp: join(dir, n)}})
			if key := strings.Join(s.dirs, ":"); !seen[key] && s.libc != UnknownLibc {
				seen[key] = true
				if known && o.ABI.Fits(host) {
					out = append([]*system{s}, out...) // this machine's own first
				} else {
					out = append(out, s)
				}
			}
		}
	}
	if len(out) == 0 {
		return []*system{{libc: Glibc, caches: []string{"/etc/ld.so.cache"}, dirs: []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib"}, dirsHow: "default directory"}}
	}
	return out
}
