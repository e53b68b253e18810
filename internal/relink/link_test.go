package relink

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/twin"
)

// sources are two members that refer to each other in all ways that a compiler has.
var sources = map[string]string{
	"one.c": `
typedef unsigned long u;
extern u shared_var, weak_elsewhere(u), two(u), table_of(u); extern __thread u other_tls; extern const char *const names[];
__thread u own_tls = 7; __thread u zero_tls; u common_var; u weak_var __attribute__((weak)) = 3;
extern int puts(const char *); extern void *malloc(u); extern u imported_var;
static __attribute__((noinline)) u helper(u x) { return x * 3 + shared_var; }
__attribute__((weak)) u weak_fn(u x) { return x ^ 1; }
static u chosen_a(u x) { return x + 1; }
static void *choose(void) { return chosen_a; }
u picked(u) __attribute__((ifunc("choose")));
__attribute__((noinline)) static u cases(u x) { switch (x) { case 0: return two(9); case 1: return helper(2); case 2: return 77; case 3: return own_tls; case 4: return common_var; case 5: return 1234567; } return x; }
u one(u x) { puts("the first member"); own_tls += x; return helper(x) + two(x) + cases(x) + weak_fn(x) + (u)malloc(x); }
u pointers(u x) { u (*volatile f)(u) = two; u *volatile p = &shared_var; return f(x) + *p + imported_var + picked(x); }
u threads(u x) { return own_tls + other_tls + zero_tls + x; }
u texts(u x) { return (u)names[x & 3] + common_var + weak_var; }
double real(double x) { return x * 1.2345 + 6.789; }
void _start(void) { for (;;) one(table_of(threads(pointers(texts(1))))); }
`,
	"two.c": `
typedef unsigned long u;
u shared_var = 5; __thread u other_tls = 1; u common_var; u imported_var;
extern u one(u), weak_fn(u);
static __attribute__((noinline)) u helper(u x) { return x * 5 - 1; }
static u f0(u x) { return x + 10; } static u f1(u x) { return x - 10; }
static u (*const table[])(u) = { f0, f1, helper, one };
const char *const names[] = { "alpha", "beta", "gamma", "delta" };
__attribute__((noinline)) u two(u x) { return helper(x) * shared_var + weak_fn(x); }
u table_of(u x) { return table[x & 3](x); }
__attribute__((section(".text.unlikely"))) u rare(u x) { return two(x) + 99; }
`,
	"imports.c": "int puts(const char *s) { return *s; } void *malloc(unsigned long n) { return (void *)n; }\n",
}

type compiler struct {
	name          string
	cc, ld, flags []string
}

var compilers = []compiler{
	{"x86-64-pie", []string{"gcc"}, []string{"ld", "-pie"}, []string{"-O2", "-fPIE", "-fcommon"}},
	{"x86-64-pic", []string{"gcc"}, []string{"ld", "-pie"}, []string{"-O2", "-fPIC", "-fcommon"}},
	{"x86-64-fixed", []string{"gcc"}, []string{"ld", "-no-pie"}, []string{"-O2", "-fno-pie", "-fcommon"}},
	{"x86-64-pic-fixed", []string{"gcc"}, []string{"ld", "-no-pie"}, []string{"-O2", "-fPIC", "-fcommon"}},
	{"x86-64-sections", []string{"gcc"}, []string{"ld", "-pie"}, []string{"-Os", "-fPIE", "-fcommon", "-ffunction-sections", "-fdata-sections"}},
	{"x86-64-clang", []string{"clang"}, []string{"ld.lld", "-pie"}, []string{"-O2", "-fPIC", "-fcommon"}},
	{"arm64-pie", []string{"clang", "--target=aarch64-linux-gnu"}, []string{"ld.lld", "-pie", "--no-relax"}, []string{"-O2", "-fPIE", "-fcommon"}},
	{"arm64-pic", []string{"clang", "--target=aarch64-linux-gnu"}, []string{"ld.lld", "-pie", "--no-relax"}, []string{"-O2", "-fPIC", "-fcommon"}},
	{"arm64-fixed", []string{"clang", "--target=aarch64-linux-gnu"}, []string{"ld.lld", "-no-pie", "--no-relax"}, []string{"-O1", "-fno-pie", "-fcommon"}},
}

// build compiles the members into an archive, and links them as a linker does.
func (c *compiler) build(t *testing.T) (archive, program string) {
	t.Helper()
	dir := t.TempDir()
	ar := skip.Tool(t, "ar")
	run := func(command ...string) {
		t.Helper()
		cmd := exec.Command(skip.Tool(t, command[0]), command[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	for name, text := range sources {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		run(slices.Concat(c.cc, c.flags, []string{"-w", "-ffreestanding", "-c", name})...)
	}
	run(ar, "rc", "lib.a", "one.o", "two.o")
	run(slices.Concat(c.ld, []string{"-o", "prog", "one.o", "two.o", "imports.o"})...)
	return filepath.Join(dir, "lib.a"), filepath.Join(dir, "prog")
}

func linkBytes(t testing.TB, b []byte) ([]byte, []error) {
	t.Helper()
	lib, problems, err := Link(context.Background(), bytes.NewReader(b), int64(len(b)), "test.a", Limits{})
	if err != nil {
		t.Fatal(err, problems)
	}
	return lib.Image, problems
}

func functions(t *testing.T, b []byte) *twin.Set {
	t.Helper()
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	set, problems, err := twin.Read(t.Context(), f, "", f.Symbols(elfsym.Symtab), twin.Limits{})
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	return set
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Functions of an archive are what a linker makes of them: the same code, that refers to the same things, in programs of two linkers.
func TestLinkedAlike(t *testing.T) {
	for _, c := range compilers {
		t.Run(c.name, func(t *testing.T) {
			archive, program := c.build(t)
			image, problems := linkBytes(t, read(t, archive))
			if len(problems) > 0 {
				t.Error(problems)
			}
			ours, theirs := functions(t, image), functions(t, read(t, program))
			byName := map[string][]*twin.Func{}
			for i := range theirs.Funcs {
				for _, n := range theirs.Funcs[i].Names {
					byName[n] = append(byName[n], &theirs.Funcs[i])
				}
			}
			names := 0
			for i := range ours.Funcs {
				f := &ours.Funcs[i]
				for _, n := range f.Names {
					names++
					if !slices.ContainsFunc(byName[n], func(g *twin.Func) bool { return alike(ours, theirs, f, g) }) {
						for _, g := range byName[n] {
							t.Logf("%s: in the program %v", n, describe(theirs, g))
						}
						t.Errorf("%s: %v", n, describe(ours, f))
					}
				}
			}
			if names < 16 {
				t.Errorf("only %d functions", names)
			}
		})
	}
}

// alike reports whether two functions have the same code and size, and refer to the same: but what one of
// them imports, the other may have.
func alike(a, b *twin.Set, f, g *twin.Func) bool {
	if f.Code != g.Code || f.Size != g.Size || f.Bad || g.Bad || len(f.Refs) != len(g.Refs) {
		return false
	}
	for i := range f.Refs {
		x, y := f.Refs[i], g.Refs[i]
		switch {
		case x.Kind == twin.RefImport && (y.Kind == twin.RefFunc || y.Kind == twin.RefData || y.Kind == twin.RefImport):
		case x.Kind != y.Kind, x.Call != y.Call:
			return false
		case x.Kind == twin.RefString && slices.Equal(f.Names, []string{"cases"}): // its jump table, whose distances look like a text
		case (x.Kind == twin.RefString || x.Kind == twin.RefValue) && x.To != y.To:
			return false
		case x.Kind == twin.RefFunc && !slices.Equal(a.Funcs[x.To].Names, b.Funcs[y.To].Names):
			return false
		}
	}
	return true
}

func describe(s *twin.Set, f *twin.Func) string {
	var refs []string
	for _, r := range f.Refs {
		text := fmt.Sprintf("%d:%x", r.Kind, r.To)
		if r.Kind == twin.RefFunc {
			text = strings.Join(s.Funcs[r.To].Names, "/")
		}
		refs = append(refs, text)
	}
	return fmt.Sprintf("0x%x, %d bytes, code %x, %v", f.Addr, f.Size, f.Code, refs)
}

// What no member defines is an import, by its name.
func TestImports(t *testing.T) {
	archive, _ := compilers[0].build(t)
	image, _ := linkBytes(t, read(t, archive))
	f, err := elfsym.NewFile(bytes.NewReader(image), int64(len(image)), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for s, err := range f.Symbols(elfsym.PLT) {
		if err != nil {
			t.Fatal(err)
		}
		got[s.Name] = true
	}
	for _, want := range []string{"puts@plt", "malloc@plt"} {
		if !got[want] {
			t.Errorf("no %s: %v", want, got)
		}
	}
	if got["two@plt"] {
		t.Errorf("a call of a member's own goes by way of the PLT: %v", got)
	}
	words := 0
	for p, err := range f.Pointers() {
		if err != nil {
			t.Fatal(err)
		}
		if p.To != 0 && f.Segments().IsCode(p.To) && p.Name == "" {
			words++
		}
	}
	if words < 4 { // table in two.c
		t.Errorf("%d words have the address of a function", words)
	}
	if f.Type() != elf.ET_DYN {
		t.Errorf("it is of type %v", f.Type())
	}
}

// An archive gives one image, and one object the same as an archive of it.
func TestDeterministic(t *testing.T) {
	archive, _ := compilers[0].build(t)
	a, _ := linkBytes(t, read(t, archive))
	b, _ := linkBytes(t, read(t, archive))
	if !bytes.Equal(a, b) {
		t.Error("two images of one archive differ")
	}
	o, _ := linkBytes(t, read(t, filepath.Join(filepath.Dir(archive), "two.o")))
	if set := functions(t, o); len(set.Funcs) < 5 {
		t.Errorf("%d functions in one object", len(set.Funcs))
	}
}

// Of COMDAT groups with one name the first stays, also in what refers to the others.
func TestGroups(t *testing.T) {
	dir := t.TempDir()
	gxx, ar := skip.Tool(t, "g++"), skip.Tool(t, "ar")
	const class = "struct T { virtual ~T() {} virtual int m(int x) { return x * 31 + 7; } }; template <class X> __attribute__((noinline)) X twice(X x) { return x + x; }\n"
	for name, text := range map[string]string{"a.cc": "int fa(int x) { T t; T *volatile p = &t; return p->m(x) + twice(x); }", "b.cc": "int fb(int x) { T t; T *volatile p = &t; return p->m(x) - twice(x); }"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(class+text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "-c", `"$0" -O1 -c a.cc b.cc && "$1" rc t.a a.o b.o`, gxx, ar)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	image, problems := linkBytes(t, read(t, filepath.Join(dir, "t.a")))
	if len(problems) > 0 {
		t.Error(problems)
	}
	set := functions(t, image)
	at := map[string][]int{}
	for i := range set.Funcs {
		for _, n := range set.Funcs[i].Names {
			at[n] = append(at[n], i)
		}
	}
	for _, n := range []string{"_Z5twiceIiET_S0_", "_ZN1T1mEi", "_Z2fai", "_Z2fbi"} {
		if len(at[n]) != 1 {
			t.Fatalf("%s is there %d times", n, len(at[n]))
		}
	}
	for _, n := range []string{"_Z2fai", "_Z2fbi"} {
		if !slices.ContainsFunc(set.Funcs[at[n][0]].Refs, func(r twin.Ref) bool {
			return r == twin.Ref{Kind: twin.RefFunc, Call: true, To: uint64(at["_Z5twiceIiET_S0_"][0])}
		}) {
			t.Errorf("%s does not call the function that stayed: %s", n, describe(set, &set.Funcs[at[n][0]]))
		}
	}
}
