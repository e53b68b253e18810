package dwarfinfo_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/internal/skip"
)

const cxxTypes = `
namespace std { template <class T> struct box { T t; }; }
namespace ns {
struct B { virtual ~B(); int b; };
B::~B() {}
class D : public B {
public:
	struct In { char c; } in;
	enum class E : unsigned char { a, b } e;
	std::box<unsigned long> v;
	int (D::*mf)(int) const;
	int D::*md;
	const std::box<B> &r;
	D &&rr;
	void (*cb)(D &, ...);
	long (*f)(long (&)[3]);
	static int st;
	D(const std::box<B> &x, D &&y) : r(x), rr((D &&) y) {}
};
struct V : virtual B { int z; };
namespace { struct hid { int q; }; }
}
ns::D *d; ns::V v; ns::hid h;
int main() { struct Local { int l; } lo; lo.l = h.q; return lo.l; }
`

// fieldTypes are a type's fields as text.
func fieldTypes(t testing.TB, typ *dwarfinfo.Type) []string {
	t.Helper()
	fs, err := typ.Fields()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range fs {
		out = append(out, strings.TrimSpace(f.Name+" "+f.Type.String()))
	}
	return out
}

// What GDB's ptype has, but for "this", which it makes const.
func TestTypesOfCPlusPlus(t *testing.T) {
	want := []string{"ns::B", "in ns::D::In", "e ns::D::E", "v std::box<unsigned long>", "mf int (ns::D::*)(const ns::D *, int)", "md int ns::D::*",
		"r const std::box<ns::B> &", "rr ns::D &&", "cb void (*)(ns::D &, ...)", "f long (*)(long (&)[3])"}
	for _, c := range []string{"g++ -gdwarf-4", "g++ -gdwarf-5", "g++ -gdwarf-5 -fdebug-types-section", "clang++ -gdwarf-5 -fstandalone-debug", "clang++ -gdwarf-4 -fstandalone-debug -fdebug-types-section"} {
		t.Run(c, func(t *testing.T) {
			tool, flags, _ := strings.Cut(c, " ")
			d := open(t, build(t, tool, "a.cc", cxxTypes, strings.Fields(flags)...))
			typ := one(t, d, "ns::D")
			if got := fieldTypes(t, typ); !slices.Equal(got, want) {
				t.Errorf("%q, not\n%q", got, want)
			}
			if m, err := typ.Member(".b"); err != nil || m.Offsets[0] != 8 {
				t.Errorf("a base's member: %+v, %v", m, err)
			}
			if _, err := one(t, d, "ns::V").Member(".b"); !errors.Is(err, dwarfinfo.ErrNoMember) {
				t.Errorf("a virtual base's member has a place: %v", err)
			}
			if s := one(t, d, "hid").String(); s != "ns::(anonymous namespace)::hid" {
				t.Errorf("hid is %s", s)
			}
			if s := one(t, d, "Local").String(); s != "Local" {
				t.Errorf("Local is %s", s)
			}
			if err := d.BTF(&bytes.Buffer{}, typ); err != nil {
				t.Error(err)
			}
		})
	}
}

const rustTypes = `
pub struct Pair { a: u32, b: Option<u64>, s: &'static str, arr: [u16; 4], p: *const u8, f: fn(i32) -> u8 }
pub enum Shape { Dot, Line(u32), Box { w: u16, h: u16 } }
fn main() {
    let n = std::env::args().count();
    let p = Pair { a: n as u32, b: Some(3), s: "x", arr: [1; 4], p: std::ptr::null(), f: |x| x as u8 };
    let s = [Shape::Dot, Shape::Line(2), Shape::Box { w: 1, h: n as u16 }];
    for x in s.iter() { if let Shape::Line(l) = x { println!("{} {:?} {} {:?} {:?} {}", l, p.b, p.s, p.arr, p.p, (p.f)(p.a as i32)); } }
}
`

func TestTypesOfRust(t *testing.T) {
	d := open(t, build(t, "rustc", "a.rs", rustTypes, "-g", "--crate-name", "prog"))
	got := fieldTypes(t, one(t, d, "prog::Pair"))
	slices.Sort(got)
	want := []string{"a u32", "arr [u16; 4]", "b core::option::Option<u64>", "f fn(i32) -> u8", "p *const u8", "s &str"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, not\n%q", got, want)
	}
	shape := one(t, d, "prog::Shape")
	tag, vs, err := shape.Variants()
	if err != nil || tag == nil || len(vs) != 3 || vs[1].Name != "Line" || vs[1].Values[0].Low != 1 {
		t.Errorf("%+v, %+v, %v", tag, vs, err)
	}
	if m, err := shape.Member(".Box.h"); err != nil || m.Type.String() != "u16" {
		t.Errorf("%+v, %v", m, err)
	}
	if err := d.BTF(&bytes.Buffer{}, one(t, d, "prog::Pair"), shape); err != nil {
		t.Error(err)
	}
}

const goTypes = `package main

type inner struct{ N int }
type server struct {
	inner
	Names []string
	ByID  map[int]*server
	On    func(int) error
	Any   interface{ Close() error }
	C     chan int8
	Raw   [3]byte
}

var keep *server

func main() { keep = &server{}; println(keep.N, keep.ByID, keep.On, keep.Any, keep.C, keep.Names, keep.Raw[0]) }
`

// openGo builds a program and opens it.
func openGo(t *testing.T, source string) *dwarfinfo.Data {
	t.Helper()
	tool := skip.Tool(t, "go")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "build", "-o", "prog", "a.go")
	cmd.Dir = dir
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return open(t, filepath.Join(dir, "prog"))
}

func TestTypesOfGo(t *testing.T) {
	d := openGo(t, goTypes)
	typ := one(t, d, "main.server")
	want := []string{"inner main.inner", "Names []string", "ByID map[int]*main.server", "On func(int) error", "Any interface { Close() error }", "C chan int8", "Raw [3]uint8"}
	if got := fieldTypes(t, typ); !slices.Equal(got, want) {
		t.Errorf("%q, not\n%q", got, want)
	}
	if m, err := typ.Member(".N"); err != nil || m.Type.String() != "int" {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := typ.Member(".Names.array"); err != nil || len(m.Offsets) != 1 || m.Offsets[0] != 8 {
		t.Errorf("%+v, %v", m, err)
	}
	if err := d.BTF(&bytes.Buffer{}, typ); err != nil {
		t.Error(err)
	}
}

const goResults = `package main

type value struct {
	text       string
	n          int64
	ok, bad    bool
	a, b, c, d int64
}

//go:noinline
func fail(s string) value { return value{text: s, bad: true} }

//go:noinline
func apply(op byte, l, r value) value {
	if l.bad {
		return l
	}
	v := value{ok: true}
	switch op {
	case '+':
		v.n = l.n + r.n
	case '/':
		if r.n == 0 {
			return fail("division by zero")
		}
		v.n = l.n / r.n
	}
	return v
}

//go:noinline
func pair(n int) (_ int, err error) { return n, nil }

func main() {
	n, _ := pair(1)
	println(apply('+', value{n: 1}, value{n: 2}).n, n)
}
`

// A result is one, though Go's compiler writes apply's twice.
func TestResultsOfGo(t *testing.T) {
	d := openGo(t, goResults)
	for name, want := range map[string][]string{"main.apply": {"main.value"}, "main.pair": {"int", "error"}, "main.fail": {"main.value"}, "main.main": nil} {
		s, err := function(t, d, name).Signature()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range s.Results {
			got = append(got, s.Results[i].Type.String())
			if s.Results[i].Exit.Err != nil {
				t.Errorf("%s: %v", name, s.Results[i].Exit.Err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s returns %q, not %q", name, got, want)
		}
	}
}
