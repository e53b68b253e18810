package loader

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"

	"github.com/probels/probels/elfsym"
)

// maxLibraries is how many libraries one program may have. Large ones have
// some 300.
const maxLibraries = 4096

// Needed are all libraries that a program needs, and that those need, in the
// order in which the loader loads them: breadth first. Each is there once, as
// "ldd" lists them, but for the loader itself.
//
// The error is about the whole: the context's end, or a limit. What could not be
// found is in Found.Err.
func (f *Finder) Needed(ctx context.Context, program *Object) ([]Found, error) {
	s := f.system(program)
	t := &loaded{s: s, names: map[string]*Object{}}
	program.parent = nil
	t.add(program, "")
	if o := f.loaderOf(program, s); o != nil {
		t.add(o, path.Base(program.Interp))
		t.rtld = o
	}
	var out []Found
	asked := map[string]bool{}
	for i := 0; i < len(t.all); i++ {
		by := t.all[i]
		if by == t.rtld && t.rtld != nil && s.libc == Musl {
			continue
		}
		for _, name := range by.Needed {
			if err := ctx.Err(); err != nil {
				return out, err
			}
			if t.has(name) || asked[name] {
				continue
			}
			if len(out) == maxLibraries {
				return out, elfsym.ErrLimit
			}
			o, r := f.find(name, by, s)
			r.By = by.Path
			if o == nil {
				asked[name] = true // a loader gives up here; ldd goes on
				out = append(out, r)
				continue
			}
			if same := t.same(o); same != nil {
				t.names[name] = same
				continue
			}
			own := *o // parent is this program's
			own.parent = by
			t.add(&own, name)
			out = append(out, r)
		}
	}
	return out, nil
}

// loaded are the objects of one process.
type loaded struct {
	s     *system
	all   []*Object
	names map[string]*Object
	rtld  *Object
}

func (t *loaded) add(o *Object, name string) {
	t.all = append(t.all, o)
	if name != "" {
		t.names[name] = o
	}
	// glibc compares with DT_SONAME too, musl does not.
	if t.s.libc != Musl && o.SONAME != "" && t.names[o.SONAME] == nil {
		t.names[o.SONAME] = o
	}
}

func (t *loaded) has(name string) bool {
	if t.names[name] != nil {
		return true
	}
	return t.s.libc == Musl && isMuslLibc(name)
}

// isMuslLibc: names of what musl has in its loader, "libpthread.so.0"
// (ldso/dynlink.c, reserved).
func isMuslLibc(name string) bool {
	rest, ok := strings.CutPrefix(name, "lib")
	if !ok {
		return false
	}
	rest, _, ok = strings.Cut(rest, ".")
	if !ok {
		return false
	}
	switch rest {
	case "c", "pthread", "rt", "m", "dl", "util", "xnet":
		return true
	}
	return false
}

// same is an object that is the same file under another name.
func (t *loaded) same(o *Object) *Object {
	for _, l := range t.all {
		if l.info != nil && o.info != nil && os.SameFile(l.info, o.info) {
			return l
		}
	}
	return nil
}

// loaderOf is the loader as an object: it is in the process before anything is
// searched.
func (f *Finder) loaderOf(program *Object, s *system) *Object {
	for _, name := range []string{program.Interp, s.interp} {
		if name == "" {
			continue
		}
		if o, err := f.open(name); err == nil && o.ABI.Fits(program.ABI) {
			own := *o
			return &own
		}
	}
	return nil
}

// Loader is the program's loader, its path without symlinks; an error if it has
// none that is there.
func (f *Finder) Loader(program *Object) (string, error) {
	if program.Interp == "" {
		return "", errors.New("no interpreter: a static program or a library")
	}
	if _, err := f.open(program.Interp); err != nil {
		return "", err
	}
	return f.system(program).interp, nil
}
