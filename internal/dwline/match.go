package dwline

import (
	"path"
	"strings"
)

// MatchPath tells whether a person who says want means the file at p: its components are p's last ones,
// as "malloc.c" and "malloc/malloc.c" are of "/build/glibc/malloc/malloc.c". Both are cleaned of "." and
// ".." first. An absolute want has to be all of p.
func MatchPath(p, want string) bool {
	// Most paths differ in the last component.
	if p[strings.LastIndexByte(p, '/')+1:] != want[strings.LastIndexByte(want, '/')+1:] {
		return false
	}
	if strings.Contains(p, ".") {
		p = path.Clean(p)
	}
	want = path.Clean(want)
	rest, ok := strings.CutSuffix(p, want)
	return ok && want != "." && (rest == "" || !strings.HasPrefix(want, "/") && strings.HasSuffix(rest, "/"))
}

// Match is the set of the files that MatchPath takes for want, by number; nil if there are none. A
// file whose name cannot be read is none, and err tells of the first such.
func (f *Files) Match(want, compDir string) (set []bool, err error) {
	base := want[strings.LastIndexByte(want, '/')+1:]
	for i := f.First(); i < f.End(); i++ {
		e, bad := f.File(i)
		if bad == nil && e.Name[strings.LastIndexByte(e.Name, '/')+1:] != base {
			continue
		}
		var p string
		if bad == nil {
			p, bad = f.join(e, compDir)
		}
		if bad != nil {
			if err == nil {
				err = bad
			}
			continue
		}
		if MatchPath(p, want) {
			if set == nil {
				set = make([]bool, f.End())
			}
			set[i] = true
		}
	}
	return set, err
}
