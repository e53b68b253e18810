package pkghint

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
)

// A Hint is what is known about getting a file's debug file.
type Hint struct {
	System  string   // os-release's ID: "debian"; "" if unknown
	Version string   // its VERSION_CODENAME or VERSION_ID
	BuildID string   // hexadecimal; "" if the file has none
	Package *Package // that the file belongs to; nil if it can't be told
	Note    *Note    // the file's own word on that; nil if it has none
	Steps   []Step   // in order; none if there is nothing that would help
	Servers []string // debuginfod servers that the system is set up for

	// Problems are what stood in the way: files that could not be read, or
	// sources that no debug source can be made of.
	Problems []error
}

// A Package is an installed one.
type Package struct {
	Name    string
	Version string
	Arch    string
	Source  string // what it was built from, if that is known
}

// A Step is something to do. Commands are for a POSIX shell.
type Step struct {
	Why     string
	Command string // may have several lines
	Root    bool   // it needs the superuser
	Instead bool   // it takes the place of the steps before it, should they fail
}

// For finds out what to install for the ELF file f, which is at path inside
// root; "" is the host's root. An error means that nothing could be found out
// because the root could not be opened or the context ended; everything else is
// in Hint.Problems. Safe for concurrent use.
func For(ctx context.Context, f *elfsym.File, path, root string) (*Hint, error) {
	r, err := inroot.Open(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := &system{ctx: ctx, root: r, Hint: &Hint{BuildID: hex.EncodeToString(f.BuildID())}}
	s.paths = s.allPaths(path)
	var noteErr error
	if s.Note, noteErr = ReadNote(f); noteErr != nil {
		s.problem(noteErr)
	}
	s.servers()
	s.osRelease()
	for _, id := range append([]string{s.System}, s.like...) {
		if family, ok := families[id]; ok {
			family(s)
			break
		}
	}
	return s.Hint, ctx.Err()
}

// families are how to help, by os-release's ID or ID_LIKE.
var families = map[string]func(*system){
	"debian": (*system).debian, "ubuntu": (*system).debian,
	"fedora": (*system).fedora, "rhel": (*system).fedora, "centos": (*system).fedora, "amzn": (*system).fedora,
	"opensuse": (*system).suse, "suse": (*system).suse, "sles": (*system).suse,
	"arch": (*system).arch, "alpine": (*system).alpine,
}

// A system is a root that is being looked at.
type system struct {
	*Hint
	ctx   context.Context
	root  *inroot.Root
	paths []string          // what the file may be called, best first
	os    map[string]string // os-release
	like  []string          // ID_LIKE
}

func (s *system) problem(err error) { s.Problems = append(s.Problems, err) }

func (s *system) step(root bool, why, format string, args ...any) {
	s.Steps = append(s.Steps, Step{Why: why, Command: fmt.Sprintf(format, args...), Root: root})
}

// Limits on what is read of other people's files.
const (
	maxFile    = 256 << 20 // a package database
	maxSmall   = 1 << 20   // a configuration file
	maxEntries = 200_000   // names in a directory
)

// read reads a file. One that is not there is no problem.
func (s *system) read(name string, limit int64) []byte {
	b, err := s.root.ReadFile(name, limit)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.problem(err)
	}
	return b
}

// list is the names in a directory that end in a suffix, sorted.
func (s *system) list(dir, suffix string) []string {
	names, err := s.root.ReadDir(dir, maxEntries)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.problem(err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, suffix) })
	slices.Sort(names)
	return names
}

// allPaths are a file's names: as given, without symlinks, and both as they
// were before /bin and /lib became symlinks into /usr, since package lists may
// have either.
func (s *system) allPaths(name string) []string {
	if s.root.Host() {
		if abs, err := filepath.Abs(name); err == nil {
			name = filepath.ToSlash(abs)
		}
	}
	name = path.Join("/", name)
	var out []string
	add := func(p string) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	add(name)
	if real, err := s.root.RealPath(name); err == nil {
		add(real)
	}
	for _, p := range slices.Clone(out) {
		if rest, ok := strings.CutPrefix(p, "/usr"); ok && merged(rest) {
			add(rest)
		} else if merged(p) {
			add("/usr" + p)
		}
	}
	return slices.DeleteFunc(out, func(p string) bool { return strings.ContainsAny(p, "\n\x00") })
}

// merged reports whether a path is in one of the directories that the usr-merge
// moved.
func merged(p string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	switch first {
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32":
		return strings.HasPrefix(p, "/")
	}
	return false
}

// servers reads /etc/debuginfod/*.urls.
func (s *system) servers() {
	for _, name := range s.list("/etc/debuginfod", ".urls") {
		for _, word := range strings.Fields(string(s.read("/etc/debuginfod/"+name, maxSmall))) {
			if isURL(word) && !slices.Contains(s.Servers, word) {
				s.Servers = append(s.Servers, word)
			}
		}
	}
}

// osRelease reads os-release(5): shell-like assignments.
func (s *system) osRelease() {
	var b []byte
	for _, name := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if b = s.read(name, maxSmall); b != nil {
			break
		}
	}
	s.os = parseOSRelease(string(b))
	if id := s.os["ID"]; isName(id) {
		s.System = id
	}
	for _, key := range []string{"VERSION_CODENAME", "UBUNTU_CODENAME", "VERSION_ID"} {
		if v := s.os[key]; s.Version == "" && isVersion(v) {
			s.Version = v
		}
	}
	for _, id := range strings.Fields(s.os["ID_LIKE"]) {
		if isName(id) {
			s.like = append(s.like, id)
		}
	}
	if strings.HasPrefix(s.System, "opensuse") { // -leap, -tumbleweed, -microos
		s.like = append(s.like, "suse")
	}
}

func parseOSRelease(text string) map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		m[key] = unquote(value)
	}
	return m
}

// unquote takes the quotes of a shell word off.
func unquote(v string) string {
	if len(v) < 2 || v[0] != '"' && v[0] != '\'' || v[len(v)-1] != v[0] {
		return v
	}
	q, v := v[0], v[1:len(v)-1]
	if q == '\'' || !strings.Contains(v, `\`) {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		b.WriteByte(v[i])
	}
	return b.String()
}
