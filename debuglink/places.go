package debuglink

import (
	"encoding/hex"
	"iter"
	"path"
	"strconv"
	"strings"
)

// How says by what rule a file was looked for.
type How string

// The rules, in the order in which they are tried.
const (
	ByBuildID    How = "build-id"   // DIR/.build-id/xx/yyyy.debug
	ByLink       How = "debuglink"  // .gnu_debuglink's name beside the file, in .debug/ or below a debug directory
	ByName       How = "name"       // the file's own name, with or without .debug
	ByPath       How = "path"       // the path that .gnu_debugaltlink or .debug_sup has
	ByDebuginfod How = "debuginfod" // by the caller's Fetcher
)

// A Place is a path where a file may be, and why.
type Place struct {
	Path string // absolute, inside the root unless Outside
	How  How

	// Outside: the path is the host's, because it is below one of
	// Options.HostDirs.
	Outside bool

	// again: look here only if the place before this had a file, and a wrong
	// one. Such are the duplicates NAME.1.debug, NAME.2.debug, … of a build-id.
	again bool
}

// A Query is what is known about a file whose companion is wanted. Only paths
// and bytes: a list of places can be made without any file.
type Query struct {
	Path     string // inside the root, absolute
	RealPath string // the same without symlinks, if that differs; else ""
	BuildID  []byte
	Link     *Link
	Outside  bool // the paths are the host's, as in Place
}

// A build-id has up to 63 bytes for elfutils. One byte would be a directory's
// name without a file's, and GDB wants 2; elfutils wants 3.
const (
	minBuildID = 2
	maxBuildID = 64
)

// DefaultDirs is where debug files are installed.
var DefaultDirs = []string{"/usr/lib/debug"}

// Places are where the debug file of q may be, best first, each path once. It
// does no I/O.
//
// The order is that of GDB and elfutils: for each debug directory the build-id;
// then the debug link beside the file, in .debug/, and below each directory,
// where elfutils also tries every shorter tail of the file's directory (which
// finds /usr/lib/debug/lib/x for /usr/lib/x); then the same with the path that
// has no symlinks. A file with a build-id but no link is looked for by its own
// name too: NAME.debug is Fedora's habit, and NAME without it Ubuntu's and that
// of older Debian packages. Such a find is proved by its build-id.
func Places(q Query, o *Options) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		seen := make(map[Place]bool)
		emit := func(p Place) bool {
			key := Place{Path: p.Path, Outside: p.Outside}
			if seen[key] {
				return true
			}
			seen[key] = true
			return yield(p)
		}
		dirs := o.dirs()
		if rel := buildIDPath(q.BuildID); rel != "" {
			for _, d := range dirs {
				for p := range duplicates(d, rel, ".debug") {
					if !emit(p) {
						return
					}
				}
			}
		}
		for _, p := range []string{q.Path, q.RealPath} {
			if p != "" && !q.byName(p, dirs, emit) {
				return
			}
		}
	}
}

// duplicates are D/.build-id/xx/yyyy.debug and what distributions call further
// files of the same build-id, which a package of another version may have put
// in the first one's place: GDB looks at up to nine.
func duplicates(d dir, rel, suffix string) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		for i := range 10 {
			name := rel + suffix
			if i > 0 {
				name = rel + "." + strconv.Itoa(i) + suffix
			}
			if !yield(Place{Path: path.Join(d.path, name), How: ByBuildID, Outside: d.outside, again: i > 0}) {
				return
			}
		}
	}
}

// buildIDPath is ".build-id/xx/yyyy", or "" for what is too short or too long.
func buildIDPath(id []byte) string {
	if len(id) < minBuildID || len(id) > maxBuildID {
		return ""
	}
	h := hex.EncodeToString(id)
	return ".build-id/" + h[:2] + "/" + h[2:]
}

// byName yields the places that come from the file's path p.
func (q Query) byName(p string, dirs []dir, emit func(Place) bool) bool {
	p = path.Join("/", p)
	d, base := path.Split(p)
	d = path.Clean(d)
	type name struct {
		file   string
		how    How
		beside bool // also beside the file, not only below a debug directory
	}
	var names []name
	switch {
	case q.Link != nil:
		names = append(names, name{q.Link.Name, ByLink, true})
	case buildIDPath(q.BuildID) == "":
		return true // nothing to verify it by
	}
	if q.Link == nil {
		names = append(names, name{base + ".debug", ByName, true}, name{base, ByName, false})
	}
	for _, n := range names {
		if n.beside && (!emit(Place{Path: path.Join(d, n.file), How: n.how, Outside: q.Outside}) ||
			!emit(Place{Path: path.Join(d, ".debug", n.file), How: n.how})) {
			return false
		}
		if !n.beside && !emit(Place{Path: path.Join(d, ".debug", n.file), How: n.how, Outside: q.Outside}) {
			return false
		}
		for _, dd := range dirs {
			for sub := range tails(d) {
				if !emit(Place{Path: path.Join(dd.path, sub, n.file), How: n.how, Outside: dd.outside}) {
					return false
				}
			}
		}
	}
	return true
}

// maxTails bounds the list for a path of a thousand directories.
const maxTails = 64

// tails are a directory and what is left of it when its first names are taken
// off one by one, the empty rest included.
func tails(dir string) iter.Seq[string] {
	return func(yield func(string) bool) {
		dir = strings.Trim(dir, "/")
		for range maxTails {
			if !yield(dir) || dir == "" {
				return
			}
			_, dir, _ = strings.Cut(dir, "/")
		}
	}
}

// AltPlaces are where the supplementary file of the file at q.Path may be, best
// first: by build-id below each debug directory; at its path, which is
// absolute or relative to the directory of the file that names it; and by its
// base name in the .dwz directory beside that file and below each debug
// directory, where elfutils and GDB look when packages were moved.
func AltPlaces(q Query, link AltLink, o *Options) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		seen := make(map[Place]bool)
		emit := func(p Place) bool {
			key := Place{Path: p.Path, Outside: p.Outside}
			if seen[key] {
				return true
			}
			seen[key] = true
			return yield(p)
		}
		dirs := o.dirs()
		if rel := buildIDPath(link.ID); rel != "" {
			for _, d := range dirs {
				for p := range duplicates(d, rel, ".debug") {
					if !emit(p) {
						return
					}
				}
			}
		}
		base := path.Base(path.Join("/", link.Path))
		if path.IsAbs(link.Path) {
			if !emit(Place{Path: path.Clean(link.Path), How: ByPath, Outside: q.Outside}) {
				return
			}
			// The same below a tree that was unpacked somewhere:
			// /usr/lib/debug/.dwz/x means DIR/.dwz/x.
			for _, def := range DefaultDirs {
				rest, ok := strings.CutPrefix(path.Clean(link.Path), def+"/")
				for _, d := range dirs {
					if ok && !emit(Place{Path: path.Join(d.path, rest), How: ByPath, Outside: d.outside}) {
						return
					}
				}
			}
		}
		for i, p := range []string{q.RealPath, q.Path} {
			if p == "" {
				continue
			}
			d := path.Dir(path.Join("/", p))
			if !path.IsAbs(link.Path) {
				at := path.Join(d, link.Path)
				if i == 1 && q.RealPath != "" {
					at = d + "/" + link.Path // where d is a symlink, ".." is not what Join makes of it
				}
				if !emit(Place{Path: at, How: ByPath, Outside: q.Outside}) {
					return
				}
			}
			if !emit(Place{Path: path.Join(d, ".dwz", base), How: ByPath, Outside: q.Outside}) {
				return
			}
		}
		for _, d := range dirs {
			if !emit(Place{Path: path.Join(d.path, ".dwz", base), How: ByPath, Outside: d.outside}) {
				return
			}
		}
	}
}

// ExecutablePlaces are where the executable that a separate debug file belongs
// to may be: the build-id without ".debug", which Fedora links to it; the
// debug file's path without the debug directory; and beside it, or beside the
// .debug directory that it is in. name is what other files would call it.
func ExecutablePlaces(q Query, o *Options) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		seen := make(map[string]bool)
		emit := func(p string, how How) bool {
			if seen[p] {
				return true
			}
			seen[p] = true
			return yield(Place{Path: p, How: how})
		}
		dirs := o.dirs()
		if rel := buildIDPath(q.BuildID); rel != "" {
			for _, d := range append([]dir{{path: "/usr/lib"}}, dirs...) {
				if !d.outside && !emit(path.Join(d.path, rel), ByBuildID) {
					return
				}
			}
		}
		for _, p := range []string{q.Path, q.RealPath} {
			if p == "" {
				continue
			}
			p = path.Join("/", p)
			for _, d := range dirs {
				rest, ok := strings.CutPrefix(p, strings.TrimSuffix(d.path, "/")+"/")
				if !ok || strings.HasPrefix(rest, ".build-id/") {
					continue
				}
				for _, n := range bareNames("/" + rest) {
					if !emit(n, ByName) {
						return
					}
				}
			}
			d, base := path.Split(p)
			if path.Base(d) == ".debug" {
				d = path.Dir(path.Clean(d))
			}
			for _, n := range bareNames(path.Join(d, base)) {
				if !emit(n, ByName) {
					return
				}
			}
		}
	}
}

// bareNames are a debug file's path without ".debug", and as it is. Fedora adds
// "-VERSION-RELEASE.ARCH" before it, which is no part of the executable's name.
func bareNames(p string) []string {
	bare, ok := strings.CutSuffix(p, ".debug")
	if !ok {
		return []string{p}
	}
	out := []string{bare}
	base := path.Base(bare)
	if arch := strings.LastIndexByte(base, '.'); arch > 0 {
		nvr := base[:arch]
		if i := strings.LastIndexByte(nvr, '-'); i > 0 {
			if j := strings.LastIndexByte(nvr[:i], '-'); j > 0 {
				out = append(out, path.Join(path.Dir(bare), nvr[:j]))
			}
		}
	}
	return out
}
