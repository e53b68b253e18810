package die_test

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/internal/die"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// memory is sections in memory.
type memory map[string][]byte

func (m memory) Section(name string) (die.Section, error) {
	if b := m[name]; len(b) > 0 {
		return bytes.NewReader(b), nil
	}
	return nil, nil
}

// load takes the debug sections of an ELF file, inflated.
func load(t testing.TB, path string) (memory, *elf.File) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m := memory{}
	for _, s := range f.Sections {
		if !strings.HasPrefix(s.Name, ".debug_") || s.Type == elf.SHT_NOBITS {
			continue
		}
		if m[s.Name], err = s.Data(); err != nil {
			t.Fatalf("%s: %s: %v", path, s.Name, err)
		}
	}
	return m, f
}

// units are all of a file's.
func units(t testing.TB, f *die.File) (all []*die.Unit) {
	for i := 0; ; i++ {
		u, err := f.Unit(i)
		if err != nil {
			t.Fatal(err)
		}
		if u == nil {
			return all
		}
		all = append(all, u)
	}
}

const source = `
namespace ns { struct s { int a : 3; long b[4]; s *next; virtual ~s(); }; }
enum class color { red = -1, green = 1 << 20 };
template <class T> static inline T twice(T v) { return v + v; }
color c;
int f(ns::s *p, int n) { static long count; { int m = twice(n); count += m + (long)p->b[m & 3]; } return (int)count; }
ns::s::~s() {}
`

// Go's own reader sees the same entries, at the same offsets, with the same attributes, names and numbers.
func TestAsDebugDwarf(t *testing.T) {
	var files []string
	for _, name := range testbin.All(t) {
		if f, err := elf.Open(testbin.Path(t, name)); err == nil {
			if f.Section(".debug_info") != nil && f.Type != elf.ET_REL {
				files = append(files, testbin.Path(t, name))
			}
			f.Close()
		}
	}
	skip.Tool(t, "gcc")
	dir := t.TempDir()
	src := filepath.Join(dir, "a.cc")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5", "-gdwarf64 -gdwarf-5", "-gdwarf-4 -gstrict-dwarf"} {
		bin := filepath.Join(dir, strings.ReplaceAll(flag, " ", ""))
		args := append(strings.Fields(flag), "-x", "c++", "-shared", "-fPIC", "-O1", "-o", bin, src)
		if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		files = append(files, bin)
	}
	entries := 0
	for _, path := range files {
		m, e := load(t, path)
		f, err := die.Open(m, die.Config{Big: e.ByteOrder.String() == "BigEndian"})
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.DWARF()
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		r := d.Reader()
		for depth := 0; ; {
			x, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if x == nil {
				break
			}
			if x.Tag == 0 {
				depth--
				continue
			}
			name, _ := x.Val(dwarf.AttrName).(string)
			line, _ := x.Val(dwarf.AttrDeclLine).(int64)
			want = append(want, fmt.Sprintf("%#x %d %v %q %d %d", x.Offset, depth, x.Tag, name, line, len(x.Field)))
			if x.Children {
				depth++
			}
		}
		var have []string
		put := func(e die.Entry, depth int) {
			n := 0
			e.Each(func(dwarf.Attr, die.Value) bool { n++; return true })
			line, _ := e.Uint(dwarf.AttrDeclLine)
			have = append(have, fmt.Sprintf("%#x %d %v %q %d %d", e.Off(), depth, e.Tag, e.Name(), line, n))
		}
		for _, u := range units(t, f) {
			root, err := u.Root()
			if err != nil {
				t.Fatal(err)
			}
			put(root, 0)
			if err := root.Walk(func(e die.Entry, depth int) die.Step { put(e, depth); return die.Enter }); err != nil {
				t.Fatal(err)
			}
		}
		entries += len(have)
		for i := range min(len(want), len(have)) {
			if have[i] != want[i] {
				t.Errorf("%s: %s, want %s", filepath.Base(path), have[i], want[i])
				break
			}
		}
		if len(have) != len(want) {
			t.Errorf("%s: %d entries, want %d", filepath.Base(path), len(have), len(want))
		}
	}
	t.Logf("%d files, %d entries", len(files), entries)
	if entries < 1000 {
		t.Errorf("only %d entries", entries)
	}
}

// known says whether an error is one that the package promises.
func known(err error) bool {
	return errors.Is(err, die.ErrDamaged) || errors.Is(err, die.ErrUnsupported) || errors.Is(err, die.ErrLimit) || errors.Is(err, die.ErrMissing)
}

// sections are the debug sections of a damaged file, those that can be read.
func sections(b []byte) (memory, bool) {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, false
	}
	m := memory{}
	for _, s := range f.Sections {
		if strings.HasPrefix(s.Name, ".debug_") && s.FileSize < uint64(len(b)) {
			if d, err := s.Data(); err == nil {
				m[s.Name] = d
			}
		}
	}
	return m, true
}
