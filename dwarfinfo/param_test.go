package dwarfinfo_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
)

const paramSource = `
#include <stdio.h>
struct s { long a; double b; };
struct big { long a[5]; };
__attribute__((noinline)) static int changed(int a, int unused, long c) { return a + (int)c * 3 + printf("x"); }
__attribute__((noinline)) double all(int a, const char *b, float f, struct s s, struct big g, long double ld, int last)
{ return a + b[0] + f + s.a + s.b + g.a[3] + ld + last; }
__attribute__((noinline)) int variadic(const char *fmt, ...) { return fmt[0]; }
__attribute__((noinline)) int old(a, b) float a; char b; { return a + b; }
__attribute__((noinline)) struct big bigger(int (*f)(long, char), const struct s *p) { struct big g = {{ f(p->a, 1) }}; return g; }
static int cb(long a, char b) { return a + b; }
int main(int argc, char **argv) {
	struct s s = {1, 2}; struct big g = {{1, 2, 3, 4, argc}};
	return changed(argc, 5, 7) + changed(argc * 2, 5, 9) + all(1, "a", 2, s, g, 3, 7) + variadic("a", 2) + old(1.0, 2) + bigger(cb, &s).a[0];
}
`

// function is the one of a name.
func function(t *testing.T, d *dwarfinfo.Data, name string) *dwarfinfo.Func {
	t.Helper()
	var out *dwarfinfo.Func
	for f, err := range d.Lookup(name) {
		if err != nil {
			t.Fatal(err)
		}
		out = f
	}
	if out == nil {
		t.Fatalf("no %s", name)
	}
	return out
}

// entries are where parameters are, in one line.
func entries(ps []dwarfinfo.Param) string {
	var out []string
	for _, p := range ps {
		text := p.Entry.Text
		if p.Entry.Err != nil {
			text = "?"
		}
		out = append(out, p.Name+"="+text)
	}
	return strings.Join(out, " ")
}

func TestSignature(t *testing.T) {
	for _, c := range []struct{ tool, level string }{{"gcc", "-O0"}, {"gcc", "-O2"}, {"clang", "-O0"}, {"clang", "-O2"}} {
		t.Run(c.tool+c.level, func(t *testing.T) {
			d := open(t, build(t, c.tool, "a.c", paramSource, "-g", "-w", c.level, "-std=gnu11"))
			for _, want := range []struct{ name, declared, entries, exit string }{
				{
					"all", "double all(int a, const char *b, float f, struct s s, struct big g, long double ld, int last)",
					"a=%rdi b=%rsi f=%xmm0 s=%rdx[0:8] %xmm1[8:16] g=8(%rsp) ld=56(%rsp) last=%rcx", "%xmm0",
				},
				{"variadic", "int variadic(const char *fmt, ...)", "fmt=%rdi", "%rax"},
				{"old", "int old(float a, char b)", "a=? b=%rdi", "%rax"},
				{"bigger", "struct big bigger(int (*f)(long, char), const struct s *p)", "f=%rsi p=%rdx", "*(%rax)"},
				{"main", "int main(int argc, char **argv)", "argc=%rdi argv=%rsi", "%rax"},
			} {
				s, err := function(t, d, want.name).Signature()
				if err != nil {
					t.Error(err)
				}
				if got := strings.ReplaceAll(s.Declare(want.name), "long int", "long"); got != want.declared {
					t.Errorf("%s\nwant %s", got, want.declared)
				}
				if got := entries(s.Params); got != want.entries {
					t.Errorf("%s: %s\nwant %s", want.name, got, want.entries)
				}
				if len(s.Results) != 1 || s.Results[0].Exit.Text != want.exit {
					t.Errorf("%s: results %+v, want %s", want.name, s.Results, want.exit)
				}
				if s.Changed {
					t.Errorf("%s: changed", want.name)
				}
				if s.Unprototyped != (want.name == "old") || s.Variadic != (want.name == "variadic") {
					t.Errorf("%s: %+v", want.name, s)
				}
			}
			// Both compilers leave "unused" out when they optimise, and pass c as the
			// second: so says the location list, and so the convention must not.
			f := function(t, d, "changed")
			s, err := f.Signature()
			if err != nil {
				t.Fatal(err)
			}
			want, changed := "a=%rdi unused=%rsi c=%rdx", false
			if c.level == "-O2" {
				want, changed = "a=%rdi unused=? c=%rsi", true
			}
			if got := entries(s.Params); got != want || s.Changed != changed {
				t.Errorf("changed: %s (%v), want %s", got, s.Changed, want)
			}
		})
	}
}

// Parameters that are C++'s own: this, classes with a copy constructor, bases,
// references, default and deleted members.
func TestSignatureCPlusPlus(t *testing.T) {
	const source = `
#include <string>
#include <memory>
struct plain { int a; int b; };
struct derived : plain { double c; };
struct copied { int a; copied(const copied &o); copied() {} };
struct poly { virtual ~poly() {} int x; };
struct bits { unsigned a : 3; unsigned b : 29; float f; };
copied::copied(const copied &o) : a(o.a + 1) {}
struct k {
	int v;
	__attribute__((noinline)) long member(plain p, derived d, copied c, bits b, std::string s, std::unique_ptr<int> u, const int &r) const
	{ return v + p.a + d.c + c.a + b.a + s.size() + *u + r; }
	__attribute__((noinline)) static long fixed(poly p, int k::*mp, long (k::*mf)(int), int last) { return p.x + last; }
};
int main(int argc, char **) {
	k x = {argc}; plain p = {1, 2}; derived d; copied c; bits b = {1, 2, 3}; poly q;
	return x.member(p, d, c, b, "a", std::make_unique<int>(5), argc) + k::fixed(q, &k::v, nullptr, 3);
}
`
	for _, c := range []struct{ tool, level, version string }{{"g++", "-O0", "-gdwarf-5"}, {"g++", "-O0", "-gdwarf-4"}, {"clang++", "-O0", "-gdwarf-4"}} {
		t.Run(c.tool+c.version, func(t *testing.T) {
			d := open(t, build(t, c.tool, "a.cc", source, c.version, c.level, "-std=c++17"))
			s, err := function(t, d, "k::member").Signature()
			if err != nil {
				t.Fatal(err)
			}
			// Of what is passed in memory the places follow from the others' sizes.
			const want = "this=%rdi p=%rsi d=%rdx[0:8] %xmm0[8:16] c=*(%rcx) b=%r8 s=*(%r9) u=*(8(%rsp)) r=16(%rsp)"
			if got := entries(s.Params); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
			if !s.Params[0].Artificial || s.Params[1].Artificial {
				t.Error("this alone is artificial")
			}
			if s, err = function(t, d, "k::fixed").Signature(); err != nil {
				t.Fatal(err)
			}
			if got := entries(s.Params); got != "p=*(%rdi) mp=%rsi mf=%rdx[0:8] %rcx[8:16] last=%r8" {
				t.Error(got)
			}
		})
	}
}

func TestVars(t *testing.T) {
	const source = `
static int counter = 5;
static inline __attribute__((always_inline)) int twice(int n) { int m = n * 2; __asm__ volatile ("mark: nop" : : "r"(m)); return m; }
int f(int a, int b) { static int calls; int sum = a + b + calls++; { int inner = sum + 1; sum += twice(inner); } { int other = 3; sum += other; } return sum + counter; }
int main(int argc, char **argv) { return f(argc, 2); }
`
	path := build(t, "gcc", "a.c", source, "-g", "-O0", "-fno-inline")
	tg, err := offset.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	d, err := tg.DWARF(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	pc := symbol(t, tg.File(), "mark")
	vars, err := d.Vars(pc)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range vars {
		got = append(got, v.Function+"."+v.Name)
		if !strings.Contains(v.Location.Text, "(%rbp)") && v.Name != "calls" {
			t.Errorf("%s is at %v", v.Name, v.Location)
		}
	}
	const want = "twice.n twice.m f.a f.b f.calls f.sum f.inner"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
	globals, err := d.Globals(pc)
	if err != nil || len(globals) != 1 || globals[0].Name != "counter" || uint64(symbol(t, tg.File(), "counter")) == 0 {
		t.Errorf("%+v, %v", globals, err)
	}
	p, err := function(t, d, "f").Params()
	if err != nil {
		t.Fatal(err)
	}
	if l, err := p[1].At(pc); err != nil || !strings.HasSuffix(l.Text, "(%rbp)") {
		t.Errorf("%v, %v", l, err)
	}
}

func symbol(t *testing.T, f *elfsym.File, name string) elfsym.Addr {
	t.Helper()
	for s, err := range f.Lookup(elfsym.Symtab, name) {
		if err != nil {
			t.Fatal(err)
		}
		return elfsym.Addr(s.Addr)
	}
	t.Fatalf("no symbol %s", name)
	return 0
}

const argSource = `
#include <sys/sdt.h>
struct pair { int first; int second; };
static int global = 7;
extern void use(void *);
__attribute__((noinline)) void use(void *p) { __asm__ volatile ("" : : "r"(p) : "memory"); }
static inline __attribute__((always_inline)) void inlined(int depth, const char *what) { DTRACE_PROBE2(t, inlined, depth, what); }
__attribute__((noinline)) long f(int number, const char *text, unsigned char small, struct pair *p, double d) {
	struct pair here = { number, 3 };
	use(&here);
	DTRACE_PROBE4(t, plain, number, text, small, p);
	DTRACE_PROBE3(t, computed, number + 1, text[1], here.first);
	DTRACE_PROBE1(t, literal, 77);
	use(p);
	inlined(number, text);
	use((void *)text);
	return number + small + p->first + *text;
}
int main(int argc, char **argv) { struct pair p = { argc, 2 }; return f(argc, argv[0], 3, &p, 1.5) + global; }
`

// No name is wrong at any level of optimisation, and those that are plain are
// given where a compiler passes the variable itself.
func TestArgNames(t *testing.T) {
	may := map[string][]string{
		"plain":    {"int number", "const char *text", "unsigned char small", "struct pair *p"},
		"computed": {"", "", ""},
		"literal":  {""},
		"inlined":  {"int depth", "const char *what"},
	}
	for _, tool := range []string{"gcc", "clang"} {
		for _, level := range []string{"-O0", "-O1", "-O2", "-O3", "-Os"} {
			t.Run(tool+level, func(t *testing.T) {
				tg, err := offset.Open(build(t, tool, "a.c", argSource, "-g", level), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer tg.Close()
				d, err := tg.DWARF(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				named := 0
				for s, err := range usdt.Sites(tg.File()) {
					if err != nil {
						t.Fatal(err)
					}
					args := s.Args()
					names, err := d.ArgNames(s.Addr, args, nil)
					if err != nil {
						t.Fatal(err)
					}
					for i := range names {
						got, want := names[i].Declaration(), may[s.Name][i]
						if got == "" {
							continue
						}
						if named++; got != want {
							t.Errorf("%s, argument %d, %s: %q, want %q or none", s.Name, i, args[i].Text, got, want)
						}
					}
				}
				// gcc passes variables where they are; clang 14 a copy of each, without
				// optimisation too.
				if tool == "gcc" && named < 4 {
					t.Errorf("%d arguments have names", named)
				}
				t.Logf("%d arguments have names", named)
			})
		}
	}
}

// A Rust function's parameters are where debug information proves them to be, or
// nowhere that is known.
func TestSignatureRust(t *testing.T) {
	const source = `
#[inline(never)] #[no_mangle] pub fn work(a: u64, s: &str, p: (u32, u32)) -> u64 { s.len() as u64 + unsafe { std::ptr::read_volatile(&a) } + p.0 as u64 }
fn main() { let n = std::env::args().count() as u64; println!("{}", work(n, "abc", (1, n as u32))); }
`
	d := open(t, build(t, "rustc", "a.rs", source, "-g"))
	s, err := function(t, d, "work").Signature()
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Declare("work"); got != "fn work(a: u64, s: &str, p: (u32, u32)) -> u64" {
		t.Error(got)
	}
	for _, p := range s.Params {
		if !errors.Is(p.Entry.Err, dwarfinfo.ErrNoPlace) {
			t.Errorf("%s: %v", p.Name, p.Entry)
		}
	}
}
