package dwarfinfo_test

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const cxxSource = `
namespace ns {
struct list {
	int n;
	__attribute__((noinline)) int size(int k) const;
	int inlined(int k) const { return n * k; }
	template <class T> __attribute__((noinline)) static T twice(T v) { return v + v; }
};
int list::size(int k) const { return n + inlined(k); }
namespace { __attribute__((noinline)) int hidden(int a) { asm volatile(""); return a + 1; } }
}
static inline __attribute__((always_inline)) int both(int a) { return ns::hidden(a) + 3; }
extern "C" int entry(int a) { ns::list l{a}; return l.size(2) + both(a) + ns::list::twice(a); }
int main(int argc, char **argv) { return entry(argc); }
`

// What debug/dwarf finds in a program by reading every entry is what a walk
// finds: names, addresses and lines.
func TestFuncsStandard(t *testing.T) {
	for _, c := range []struct{ tool, flags string }{
		{"g++", "-gdwarf-2 -O2"}, {"g++", "-gdwarf-3 -O2"}, {"g++", "-gdwarf-4 -O2"}, {"g++", "-gdwarf-5 -O2"},
		{"g++", "-gdwarf-5 -O0"}, {"g++", "-gdwarf-5 -O2 -gz=zlib"}, {"g++", "-gdwarf-5 -O2 -gdwarf64"},
		{"clang++", "-gdwarf-4 -O2"}, {"clang++", "-gdwarf-5 -O2"}, {"clang++", "-gdwarf-5 -O0"}, {"clang++", "-gdwarf-5 -O2 -gz=zlib"},
	} {
		t.Run(c.tool+" "+c.flags, func(t *testing.T) {
			t.Parallel()
			path := build(t, c.tool, "a.cc", cxxSource, strings.Fields(c.flags)...)
			want := standard(t, path)
			var got []string
			for f, err := range open(t, path).Funcs() {
				if err != nil || f.Err != nil {
					t.Fatalf("%v, %v", err, f)
				}
				var rs [][2]uint64
				for _, r := range f.Ranges {
					rs = append(rs, [2]uint64{uint64(r.Low), uint64(r.High)})
				}
				got = append(got, fmt.Sprintf("%x %s %s %d", rs, f.Name, f.Symbol(), f.Line))
			}
			slices.Sort(got)
			if len(want) < 4 || !slices.Equal(got, want) {
				t.Errorf("functions are\n%s\ndebug/dwarf has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct{ tool, flags string }{{"g++", "-gdwarf-5 -O2"}, {"clang++", "-gdwarf-4 -O2"}} {
		d := open(t, build(t, c.tool, "a.cc", cxxSource, strings.Fields(c.flags+" -g")...))
		for name, want := range map[string]string{
			"size": "ns::list::size", "ns::list::size": "ns::list::size", "_ZNK2ns4list4sizeEi": "ns::list::size",
			"entry": "entry", "ns::(anonymous namespace)::hidden": "ns::(anonymous namespace)::hidden", "twice<int>": "ns::list::twice<int>",
			"list::size": "", "nothing": "", "": "", "inlined": "", "both": "",
		} {
			got := ""
			for f, err := range d.Lookup(name) {
				if err != nil {
					t.Fatal(err)
				}
				q, err := f.QualifiedName()
				if err != nil {
					t.Fatal(err)
				}
				got += q
				for _, r := range f.Ranges {
					at, err := d.FuncAt(r.High - 1)
					if err != nil || at == nil || at.Entry != f.Entry || at.Name != f.Name {
						t.Errorf("at 0x%x is %+v, %v; want %s", uint64(r.High-1), at, err, f.Name)
					}
				}
			}
			if got != want {
				t.Errorf("%s %s: %q is %q, want %q", c.tool, c.flags, name, got, want)
			}
		}
		if f, err := d.FuncAt(1); f != nil || err != nil {
			t.Errorf("at address 1 is %+v, %v", f, err)
		}
	}
}

// standard lists the functions with code by debug/dwarf.
func standard(t testing.TB, path string) []string {
	t.Helper()
	ef, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ef.Close()
	d, err := ef.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	r, other := d.Reader(), d.Reader()
	var out []string
	for {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			slices.Sort(out)
			return out
		}
		if e.Tag != dwarf.TagSubprogram {
			continue
		}
		rs, err := d.Ranges(e)
		if err != nil {
			t.Fatal(err)
		}
		rs = slices.DeleteFunc(rs, func(r [2]uint64) bool { return r[0] >= r[1] || r[0] == 0 })
		if len(rs) == 0 {
			continue
		}
		name, link, line := "", "", int64(0)
		for e != nil {
			if s, ok := e.Val(dwarf.AttrName).(string); ok && name == "" {
				name = s
			}
			for _, a := range []dwarf.Attr{dwarf.AttrLinkageName, 0x2007} {
				if s, ok := e.Val(a).(string); ok && link == "" {
					link = s
				}
			}
			if n, ok := e.Val(dwarf.AttrDeclLine).(int64); ok && line == 0 {
				line = n
			}
			off, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
			if !ok {
				if off, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
					break
				}
			}
			other.Seek(off)
			if e, err = other.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if link == "" {
			link = name
		}
		out = append(out, fmt.Sprintf("%x %s %s %d", rs, name, link, line))
	}
}
