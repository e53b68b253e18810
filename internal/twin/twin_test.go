package twin_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/internal/twin"
)

func nameless(func(elfsym.Symbol, error) bool) {}

func open(t testing.TB, path string) *elfsym.File {
	t.Helper()
	f, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func read(t testing.TB, f *elfsym.File, names iter.Seq2[elfsym.Symbol, error]) *twin.Set {
	t.Helper()
	set, problems, err := twin.Read(context.Background(), f, f.Name(), names, twin.Limits{})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%s: %v, %v", f.Name(), err, problems)
	}
	return set
}

func pair(t testing.TB, a, b *twin.Set) *twin.Matching {
	t.Helper()
	m, err := twin.Pair(context.Background(), a, b, twin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// truth are the names of a file by address.
func truth(t testing.TB, f *elfsym.File) map[uint64][]string {
	all := map[uint64][]string{}
	for s, err := range f.Symbols(elfsym.Symtab) {
		if err != nil {
			t.Fatal(err)
		}
		if s.IsFunc() {
			all[uint64(s.Addr)] = append(all[uint64(s.Addr)], s.Name)
		}
	}
	return all
}

// hold matches a reference with a target whose names are hidden, and holds every
// certain match to them. It returns the matches by name.
func hold(t *testing.T, ref, target string) map[string]twin.Match {
	t.Helper()
	fa, fb := open(t, ref), open(t, target)
	a, b := read(t, fa, fa.Symbols(elfsym.Symtab)), read(t, fb, nameless)
	m, names := pair(t, a, b), truth(t, fb)
	out := map[string]twin.Match{}
	for i := range a.Funcs {
		r := m.Of(i, 4)
		for _, n := range a.Funcs[i].Names {
			out[n] = r
		}
		if r.Confidence < twin.Certain || len(a.Funcs[i].Names) == 0 {
			continue
		}
		if at := b.Funcs[r.Best.Target].Addr; !slices.ContainsFunc(a.Funcs[i].Names, func(n string) bool { return slices.Contains(names[at], n) }) {
			t.Errorf("%v is certainly 0x%x, which is %v (%v)", a.Funcs[i].Names, at, names[at], r.Best.Evidence)
		}
	}
	return out
}

func certain(t *testing.T, found map[string]twin.Match, names ...string) {
	t.Helper()
	for _, n := range names {
		if r := found[n]; r.Confidence != twin.Certain {
			t.Errorf("%s is %v, and not certain: %+v", n, r.Confidence, r)
		}
	}
}

// compile makes a program of C source.
func compile(t *testing.T, cc, source string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	src, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.out")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(skip.Tool(t, cc), append(append([]string{"-w"}, flags...), "-o", out, src)...)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, b)
	}
	return out
}

// program is source of some functions that call each other. extra stands among
// them; text is one of their texts.
func program(extra, text string) string {
	var b strings.Builder
	b.WriteString("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#define N __attribute__((noinline,noclone))\n")
	b.WriteString("struct cmd { const char *name; int (*run)(int); };\nint total;\n")
	for i := range 12 {
		fmt.Fprintf(&b, "N int leaf%d(int x) { total += x * %d; if (x > %d) total ^= x << %d; return total + %d; }\n", i, 3+i, 100*i, i%7+1, i)
		if i == 5 {
			b.WriteString(extra)
		}
	}
	// Equal code, told apart by who calls it only.
	b.WriteString("N int get_a(int *p) { return p[3]; }\nN int get_b(int *p) { return p[3]; }\n")
	b.WriteString("N int use_a(int *p) { puts(\"use a of it\"); return get_a(p) + 1; }\nN int use_b(int *p) { puts(\"use b of it\"); return get_b(p) * 7 + 2; }\n")
	fmt.Fprintf(&b, "N int greet(int x) { printf(\"%s %%d\\n\", x); for (int i = 0; i < x; i++) total += leaf3(i) * leaf4(i); return total; }\n", text)
	b.WriteString("N int cmd_one(int x) { return leaf1(x) + 1; }\nN int cmd_two(int x) { return leaf2(x) + 1; }\n")
	b.WriteString("struct cmd table[] = { {\"one\", cmd_one}, {\"two\", cmd_two} };\n")
	b.WriteString("int main(int argc, char **argv) {\n\tfor (int i = 0; i < 2; i++) if (argc > 1 && !strcmp(argv[1], table[i].name)) return table[i].run(argc);\n\tint p[8] = {argc};\n\tint r = greet(argc) + use_a(p) + use_b(p);\n")
	for i := range 12 {
		fmt.Fprintf(&b, "\tif (argc > %d) { fprintf(stderr, \"case %d\\n\"); r += leaf%d(r); }\n", i, i, i)
	}
	b.WriteString("\treturn r;\n}\n")
	return b.String()
}

func TestPatchVersion(t *testing.T) {
	const added = "N int added(int x) { char b[64]; snprintf(b, sizeof b, \"added %d\", x); return strlen(b); }\n"
	for _, cc := range []string{"gcc", "clang"} {
		for _, flags := range [][]string{{"-O2"}, {"-O2", "-no-pie", "-fno-pie"}, {"-O0"}, {"-Os"}} {
			t.Run(cc+strings.Join(flags, ""), func(t *testing.T) {
				old := compile(t, cc, program("", "hello"), flags...)
				new := compile(t, cc, program(added+"int (*pointer)(int) = added;\n", "good day"), flags...)
				found := hold(t, old, new)
				certain(t, found, "main", "greet", "leaf0", "leaf5", "leaf11", "use_a", "use_b", "get_a", "get_b")
				// And back: what was added has no twin.
				if r := hold(t, new, old)["added"]; r.Confidence >= twin.Likely {
					t.Errorf("what is not there was found: %+v", r)
				}
			})
		}
	}
}

// Functions of the same code that nothing tells apart are candidates, and none is chosen.
func TestNoneChosen(t *testing.T) {
	const head = "#define N __attribute__((noinline,noclone,used))\n#include <stdio.h>\n"
	const body = "(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) { s += p[i] * 31; if (s > 1000) s -= p[i] << 3; if (s & 1) p[i] ^= 0x5a5a5a; } return s; }\n"
	ref := compile(t, "gcc", head+"N int only"+body+"int main(void) { return 0; }", "-O2")
	target := compile(t, "gcc", head+"N int one"+body+"N int other(int x) { return printf(\"%d\", x); }\nN int two"+body+"int main(void) { return other(1); }", "-O2")
	fa, fb := open(t, ref), open(t, target)
	a, b := read(t, fa, fa.Symbols(elfsym.Symtab)), read(t, fb, nameless)
	m := pair(t, a, b)
	for i := range a.Funcs {
		if !slices.Contains(a.Funcs[i].Names, "only") {
			continue
		}
		r := m.Of(i, 4)
		if r.Confidence != twin.Possible || len(r.Others) < 2 || r.Others[0].Score != 1 || r.Others[1].Score != 1 {
			t.Errorf("two equal functions: %+v", r)
		}
	}
}

// What a linker folded into one has several names, of which none is certain to be one of the functions that
// another linker left.
func TestFolded(t *testing.T) {
	skip.Tool(t, "ld.lld")
	source := program("", "hello")
	ref := compile(t, "clang", source, "-O2", "-ffunction-sections", "-fuse-ld=lld", "-Wl,--icf=all")
	f := open(t, ref)
	both := false
	for _, names := range truth(t, f) {
		both = both || slices.Contains(names, "get_a") && slices.Contains(names, "get_b")
	}
	if !both {
		t.Fatal("the linker folded nothing: the test shows nothing")
	}
	found := hold(t, ref, compile(t, "clang", source, "-O2"))
	for _, n := range []string{"get_a", "get_b"} {
		if r := found[n]; r.Confidence == twin.Certain {
			t.Errorf("%s, one of two that were folded, is certain: %+v", n, r)
		}
	}
	certain(t, found, "main", "use_a", "leaf5")
}

// Every function of a file is its own twin, and nothing is certain that is not.
func TestItself(t *testing.T) {
	for _, name := range []string{"amd64/probe-pie", "amd64/probe-nopie", "amd64/probe-lld", "amd64/main", "amd64/cxx.so", "amd64/rust-v0.so", "arm64/probe-pie", "arm64/main", "arm64/libtestbin.so"} {
		f := open(t, testbin.Path(t, name))
		a := read(t, f, f.Symbols(elfsym.Symtab|elfsym.Dynsym))
		m := pair(t, a, read(t, f, nameless))
		found := 0
		for i := range a.Funcs {
			switch r := m.Of(i, 0); {
			case r.Confidence < twin.Certain:
			case r.Best.Target != i:
				t.Errorf("%s: %v at 0x%x is not itself", name, a.Funcs[i].Names, a.Funcs[i].Addr)
			default:
				found++
			}
		}
		if strings.Contains(name, "/probe") && 20*found < 17*len(a.Funcs) {
			t.Errorf("%s: %d of %d functions found in itself", name, found, len(a.Funcs))
		}
	}
}

func TestOtherBuilds(t *testing.T) {
	for _, tt := range []struct{ ref, target string }{
		{"amd64/probe-pie", "amd64/probe-nopie"},
		{"amd64/probe-pie", "amd64/probe-lld"},
		{"amd64/probe-nopie", "amd64/probe-gold"},
		{"amd64/probe-lld", "amd64/probe-lld-nopie"},
		{"amd64/probe-pie", "amd64/probe-noseparate"},
		{"arm64/probe-pie", "arm64/probe-nopie"},
	} {
		t.Run(tt.ref+" "+tt.target, func(t *testing.T) {
			found := hold(t, testbin.Path(t, tt.ref), testbin.Path(t, tt.target))
			certain(t, found, "run", "call_helper_a", "traced", "recursive", "exits")
		})
	}
}

func TestOtherMachine(t *testing.T) {
	fa, fb := open(t, testbin.Path(t, "amd64/probe-pie")), open(t, testbin.Path(t, "arm64/probe-pie"))
	if _, err := twin.Pair(context.Background(), read(t, fa, nameless), read(t, fb, nameless), twin.Options{}); err == nil {
		t.Error("two machines were compared")
	}
	f := open(t, testbin.Path(t, "s390x/probe-pie"))
	if _, _, err := twin.Read(context.Background(), f, "", nameless, twin.Limits{}); err == nil {
		t.Error("s390x was read")
	}
}

// FuzzRead takes any file apart, and matches it with itself: what is certain must be
// so, each function has one match at most, and references lead to what is there.
func FuzzRead(f *testing.F) {
	for _, name := range testbin.All(f) {
		if b := testbin.Read(f, name); len(b) <= 32<<10 && (strings.HasPrefix(name, "amd64/") || strings.HasPrefix(name, "arm64/")) {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<18 {
			return
		}
		file, err := elfsym.NewFile(strings.NewReader(string(b)), int64(len(b)), nil)
		if err != nil {
			return
		}
		set, _, err := twin.Read(context.Background(), file, "fuzz", file.Symbols(elfsym.Symtab|elfsym.Dynsym), twin.Limits{Funcs: 4096})
		if err != nil {
			return
		}
		check(t, set)
	})
}

// check holds a set to what sets promise, and matches it with itself.
func check(t *testing.T, set *twin.Set) {
	for i := range set.Funcs {
		fn := &set.Funcs[i]
		if i > 0 && fn.Addr <= set.Funcs[i-1].Addr {
			t.Fatalf("functions %d and %d are out of order", i-1, i)
		}
		for _, r := range fn.Refs {
			if r.Kind == twin.RefFunc && r.To >= uint64(len(set.Funcs)) || r.Kind == twin.RefData && r.To >= uint64(set.Data) {
				t.Fatalf("function %d refers to %v, which is not there", i, r)
			}
		}
	}
	for _, e := range set.Tables {
		if int(e.Data) >= set.Data || int(e.Func) >= len(set.Funcs) {
			t.Fatalf("a table has %v, which is not there", e)
		}
	}
	if len(set.Funcs) > 2000 {
		return
	}
	m, err := twin.Pair(context.Background(), set, set, twin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for i := range set.Funcs {
		r := m.Of(i, 3)
		if r.Confidence < twin.Likely {
			continue
		}
		if seen[r.Best.Target] {
			t.Fatalf("function %d is the match of two", r.Best.Target)
		}
		seen[r.Best.Target] = true
		if set.Funcs[r.Best.Target].Bad {
			t.Fatalf("function %d could not be decoded and has a match", r.Best.Target)
		}
	}
}
