package debuglink_test

import (
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
)

// list writes places, the nine duplicates of each build-id as one line.
func list(places func(func(debuglink.Place) bool)) string {
	var b strings.Builder
	for p := range places {
		if strings.HasSuffix(p.Path, ".1.debug") {
			b.WriteString("  ….1.debug to .9.debug\n")
		}
		if i := len(p.Path) - len(".1.debug"); i > 0 && p.Path[i] == '.' && strings.HasSuffix(p.Path, ".debug") && p.Path[i+1] >= '1' && p.Path[i+1] <= '9' && p.How == debuglink.ByBuildID {
			continue
		}
		fmt.Fprintf(&b, "%s %s", p.How, p.Path)
		if p.Outside {
			b.WriteString(" (host)")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if want = strings.TrimLeft(want, "\n"); got != want {
		t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
	}
}

// The order is GDB's and elfutils': FACTS of both were read, and TestPeers asks
// them.
func TestPlaces(t *testing.T) {
	id, _ := hex.DecodeString("abcdef0123")
	link := &debuglink.Link{Name: "prog.dbg"}
	check(t, "build-id and link", list(debuglink.Places(debuglink.Query{Path: "/usr/bin/prog", BuildID: id, Link: link}, nil)), `
build-id /usr/lib/debug/.build-id/ab/cdef0123.debug
  ….1.debug to .9.debug
debuglink /usr/bin/prog.dbg
debuglink /usr/bin/.debug/prog.dbg
debuglink /usr/lib/debug/usr/bin/prog.dbg
debuglink /usr/lib/debug/bin/prog.dbg
debuglink /usr/lib/debug/prog.dbg
`)
	check(t, "a symlink", list(debuglink.Places(debuglink.Query{Path: "/bin/sh", RealPath: "/usr/bin/dash", Link: link}, nil)), `
debuglink /bin/prog.dbg
debuglink /bin/.debug/prog.dbg
debuglink /usr/lib/debug/bin/prog.dbg
debuglink /usr/lib/debug/prog.dbg
debuglink /usr/bin/prog.dbg
debuglink /usr/bin/.debug/prog.dbg
debuglink /usr/lib/debug/usr/bin/prog.dbg
`)
	check(t, "build-id alone", list(debuglink.Places(debuglink.Query{Path: "/usr/bin/prog", BuildID: id}, nil)), `
build-id /usr/lib/debug/.build-id/ab/cdef0123.debug
  ….1.debug to .9.debug
name /usr/bin/prog.debug
name /usr/bin/.debug/prog.debug
name /usr/lib/debug/usr/bin/prog.debug
name /usr/lib/debug/bin/prog.debug
name /usr/lib/debug/prog.debug
name /usr/bin/.debug/prog
name /usr/lib/debug/usr/bin/prog
name /usr/lib/debug/bin/prog
name /usr/lib/debug/prog
`)
	check(t, "nothing to go by", list(debuglink.Places(debuglink.Query{Path: "/usr/bin/prog"}, nil)), "")
	check(t, "build-id too short", list(debuglink.Places(debuglink.Query{Path: "/usr/bin/prog", BuildID: []byte{1}}, nil)), "")
	check(t, "several directories", list(debuglink.Places(debuglink.Query{Path: "/prog", BuildID: id, Link: link},
		&debuglink.Options{Dirs: []string{"/a", "b/", "/a"}})), `
build-id /a/.build-id/ab/cdef0123.debug
  ….1.debug to .9.debug
build-id /b/.build-id/ab/cdef0123.debug
  ….1.debug to .9.debug
debuglink /prog.dbg
debuglink /.debug/prog.dbg
debuglink /a/prog.dbg
debuglink /b/prog.dbg
`)
	if runtime.GOOS == "windows" {
		return
	}
	check(t, "--debug=DIR", list(debuglink.Places(debuglink.Query{Path: "/x/prog", BuildID: id, Link: link},
		&debuglink.Options{HostDirs: []string{"/tmp/d"}})), `
build-id /tmp/d/.build-id/ab/cdef0123.debug (host)
  ….1.debug to .9.debug
build-id /tmp/d/usr/lib/debug/.build-id/ab/cdef0123.debug (host)
  ….1.debug to .9.debug
debuglink /x/prog.dbg
debuglink /x/.debug/prog.dbg
debuglink /tmp/d/x/prog.dbg (host)
debuglink /tmp/d/prog.dbg (host)
debuglink /tmp/d/usr/lib/debug/x/prog.dbg (host)
debuglink /tmp/d/usr/lib/debug/prog.dbg (host)
`)
}

func TestAltPlaces(t *testing.T) {
	q := debuglink.Query{Path: "/usr/lib/debug/usr/bin/prog.debug"}
	check(t, "Debian", list(debuglink.AltPlaces(q, debuglink.AltLink{Path: "/usr/lib/debug/.dwz/x86_64-linux-gnu/prog.debug", ID: []byte{1, 2, 3}}, nil)), `
build-id /usr/lib/debug/.build-id/01/0203.debug
  ….1.debug to .9.debug
path /usr/lib/debug/.dwz/x86_64-linux-gnu/prog.debug
path /usr/lib/debug/usr/bin/.dwz/prog.debug
path /usr/lib/debug/.dwz/prog.debug
`)
	check(t, "Fedora", list(debuglink.AltPlaces(q, debuglink.AltLink{Path: "../../.dwz/prog-1-2.x86_64", ID: []byte{1, 2, 3}}, nil)), `
build-id /usr/lib/debug/.build-id/01/0203.debug
  ….1.debug to .9.debug
path /usr/lib/debug/.dwz/prog-1-2.x86_64
path /usr/lib/debug/usr/bin/.dwz/prog-1-2.x86_64
`)
	if runtime.GOOS == "windows" {
		return
	}
	q = debuglink.Query{Path: "/t/usr/lib/debug/.build-id/ab/cd.debug", Outside: true}
	check(t, "unpacked", list(debuglink.AltPlaces(q, debuglink.AltLink{Path: "/usr/lib/debug/.dwz/a/p.debug", ID: []byte{1, 2, 3}},
		&debuglink.Options{HostDirs: []string{"/t"}})), `
build-id /t/.build-id/01/0203.debug (host)
  ….1.debug to .9.debug
build-id /t/usr/lib/debug/.build-id/01/0203.debug (host)
  ….1.debug to .9.debug
path /usr/lib/debug/.dwz/a/p.debug (host)
path /t/.dwz/a/p.debug (host)
path /t/usr/lib/debug/.dwz/a/p.debug (host)
path /t/usr/lib/debug/.build-id/ab/.dwz/p.debug (host)
path /t/.dwz/p.debug (host)
path /t/usr/lib/debug/.dwz/p.debug (host)
`)
}

func TestExecutablePlaces(t *testing.T) {
	check(t, "Fedora", list(debuglink.ExecutablePlaces(debuglink.Query{
		Path: "/usr/lib/debug/.build-id/ab/cdef.debug", RealPath: "/usr/lib/debug/usr/bin/bash-5.2.15-3.fc38.x86_64.debug", BuildID: []byte{0xab, 0xcd, 0xef}}, nil)), `
build-id /usr/lib/.build-id/ab/cdef
build-id /usr/lib/debug/.build-id/ab/cdef
name /usr/bin/bash-5.2.15-3.fc38.x86_64
name /usr/bin/bash
name /usr/lib/debug/usr/bin/bash-5.2.15-3.fc38.x86_64
name /usr/lib/debug/usr/bin/bash
`[1:])
	check(t, "beside", list(debuglink.ExecutablePlaces(debuglink.Query{Path: "/opt/x/.debug/prog"}, nil)), "name /opt/x/prog\n")
}

// The list ends, whatever the path, and has each place once.
func FuzzPlaces(f *testing.F) {
	f.Add("/usr/bin/x", "/usr/bin/y", "x.debug", "/usr/lib/debug", []byte{1, 2, 3}, "../a")
	f.Add(strings.Repeat("/a", 3000), "", "..", "", []byte{}, "/")
	f.Fuzz(func(t *testing.T, p, real, name, dir string, id []byte, alt string) {
		o := &debuglink.Options{Dirs: []string{dir, "/usr/lib/debug"}}
		q := debuglink.Query{Path: p, RealPath: real, BuildID: id, Link: &debuglink.Link{Name: name}}
		for _, places := range []func(func(debuglink.Place) bool){
			debuglink.Places(q, o), debuglink.AltPlaces(q, debuglink.AltLink{Path: alt, ID: id}, o), debuglink.ExecutablePlaces(q, o),
		} {
			var seen []string
			for p := range places {
				if !strings.HasPrefix(p.Path, "/") || slices.Contains(seen, p.Path) {
					t.Fatalf("%q is not absolute, or there twice", p.Path)
				}
				if seen = append(seen, p.Path); len(seen) > 1000 {
					t.Fatal("too many places")
				}
			}
		}
	})
}
