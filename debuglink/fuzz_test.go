package debuglink_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// A link's section gives a link or an error, and a name that stays in its
// directory.
func FuzzLinks(f *testing.F) {
	f.Add([]byte("probe-pie.debug\x00\x01\x02\x03\x04"))
	f.Add([]byte("../x\x00\x00\x00\x00\x01\x02\x03\x04"))
	f.Add([]byte("/usr/lib/debug/.dwz/x\x00\x01\x02\x03\x04\x05"))
	f.Add([]byte("\x05\x00\x00/x\x00\x03\x01\x02\x03"))
	f.Add([]byte("\x05\x00\x01\x00\x83\x00\x01\x02\x03"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{".gnu_debuglink", ".gnu_debugaltlink", ".debug_sup"} {
			ef := parse(t, elfFile("", elfwrite.Section{Name: name, Bytes: b}).Bytes())
			l, err := debuglink.ReadLink(ef)
			if l != nil && (err != nil || l.Name == "" || strings.ContainsAny(l.Name, "/\x00") || l.Name == "..") {
				t.Fatalf("%+v %v", l, err)
			}
			a, altErr := debuglink.ReadAltLink(ef)
			if a != nil && (altErr != nil || a.Path == "" || len(a.ID) == 0 || len(a.ID) > 64) {
				t.Fatalf("%+v %v", a, altErr)
			}
			for _, err := range []error{err, altErr} {
				if err != nil && !errors.Is(err, elfsym.ErrDamaged) && !errors.Is(err, elfsym.ErrLimit) {
					t.Fatalf("%v wraps nothing", err)
				}
			}
		}
	})
}

// Any bytes for .gnu_debugdata: a file or an error, never both.
func FuzzMiniDebug(f *testing.F) {
	mini := parse(f, testbin.Read(f, "amd64/probe-minidebug"))
	raw, err := mini.Data(mini.Section(".gnu_debugdata"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:40])
	o := &debuglink.Options{Limits: debuglink.Limits{MiniDebug: 1 << 20, MiniDebugDict: 1 << 20}}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := debuglink.MiniDebug(parse(t, elfFile("", mini0(b)).Bytes()), o)
		if (m == nil) == (err == nil) {
			t.Fatalf("%v and %v", m, err)
		}
		if m != nil {
			for range m.Symbols(elfsym.Symtab) {
			}
		}
	})
}

// A hostile candidate never panics, and is found only if it has the build-id.
func FuzzCandidate(f *testing.F) {
	for _, name := range []string{"amd64/probe-pie.debug", "amd64/probe-debuglink", "amd64/probe-minidebug", "i386/main"} {
		f.Add(testbin.Read(f, name))
	}
	exe := testbin.Read(f, "amd64/probe-stripped")
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSystem(t)
		s.write("/bin/prog", exe)
		s.write(idPath(probeID), b)
		ef := parse(t, exe)
		x, err := debuglink.Find(context.Background(), ef, "/bin/prog", &debuglink.Options{Root: s.dir})
		if (x == nil) == (err == nil) {
			t.Fatalf("%v and %v", x, err)
		}
		if x == nil {
			return
		}
		defer x.Close()
		if !bytes.Equal(x.File.BuildID(), ef.BuildID()) || !x.Symtab && !x.DWARF {
			t.Fatalf("%+v", x)
		}
		if a, err := x.Alt(context.Background(), &debuglink.Options{Root: s.dir}); err == nil {
			a.Close()
		}
	})
}
