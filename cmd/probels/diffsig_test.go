package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
)

// Two sources: what debug information says of functions, and of the structs that they take, is noted with
// -v and never decides; without it nothing is said.
func TestDiffDeclarations(t *testing.T) {
	const source = `
#ifdef V2
struct req { long id; const char *path; unsigned flags : 3; int extra; };
typedef long num;
void __attribute__((noinline)) note(const char *f, ...) { __asm__ volatile("" ::"r"(f)); }
#else
struct inner { int q; };
struct req { int id; const char *path; unsigned flags : 2; struct inner in; };
typedef int num;
void __attribute__((noinline)) note(const char *f) { __asm__ volatile("" ::"r"(f)); }
#endif
struct kept { num a; };
int __attribute__((noinline)) handle(const struct req *renamed, int n) { return renamed->id + n; }
int __attribute__((noinline)) same(const struct kept *k) { return k->a; }
int main(int argc, char **argv) { struct req r = {argc}; struct kept k = {1}; note("x"); return handle(&r, argc) + same(&k); }
`
	gcc, dir := skip.Tool(t, "gcc"), t.TempDir()
	build := func(name string, flags ...string) string {
		src, prog := filepath.Join(dir, "a.c"), filepath.Join(dir, name)
		if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(gcc, append(flags, "-O1", "-o", prog, src)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return prog
	}
	old, new, bare := build("old", "-g"), build("new", "-g", "-DV2"), build("bare")
	want := []string{
		"note   note  (const char *) void became (const char *, ...) void",
		"note   struct kept  member a: num at 0, 4 bytes became num at 0, 8 bytes",
		"note   struct req  member id: int at 0, 4 bytes became long at 0, 8 bytes",
		"note   struct req  member flags: unsigned int of 2 bits at bit 128 became unsigned int of 3 bits at bit 128",
		"note   struct req  member extra is new: int at 20, 4 bytes",
		"note   struct req  member in is gone: struct inner at 20, 4 bytes",
		"0 breaking changes, 0 new, 0 of the compiler's doing, 6 changes of declarations",
		"",
	}
	// The same of directories.
	trees := map[string][]string{"old": {old}, "new": {new}, "bare": {bare, old}}
	for name, files := range trees {
		tree := filepath.Join(dir, "trees", name)
		if err := os.MkdirAll(tree, 0o755); err != nil {
			t.Fatal(err)
		}
		for i, file := range files {
			if err := os.Link(file, filepath.Join(tree, string(rune('a'+i)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out, err := exec.Command(gcc, "-O1", "-s", "-o", filepath.Join(dir, "trees", "bare", "c"), filepath.Join(dir, "a.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	oldTree, newTree, bareTree := filepath.Join(dir, "trees", "old"), filepath.Join(dir, "trees", "new"), filepath.Join(dir, "trees", "bare")
	inTrees := "FILE   " + oldTree + "/a  " + newTree + "/a\n" + strings.Join(want[:len(want)-2], "\n") + "\n" + want[len(want)-2] + "; 1 file compared\n"
	for _, tt := range []struct {
		args string
		want string
		errs string
	}{
		{"-k uprobe -v " + oldTree + " " + newTree, inTrees, ""},
		{"-k uprobe -v " + bareTree + " " + bareTree, "nothing changed; 3 files compared\n", bareTree + "/a: signatures are not compared: no debug information (DWARF): the file has none, and its debug file is not here; nor are those of 1 file more\n"},
		{"-k uprobe -v OLD NEW", strings.Join(want, "\n"), ""},
		{"-k uprobe OLD NEW", "nothing changed\n", ""},
		{"-v OLD NEW", "nothing changed\n", "neither has USDT probes; to compare functions: -k uprobe\n"},
		{"-k uprobe -v OLD OLD", "nothing changed\n", ""},
		{"-k uprobe -v OLD BARE", "nothing changed\n", "bare: signatures are not compared: no debug information"},
		{"-k uprobe -v --debug=off OLD NEW", "nothing changed\n", "old: signatures are not compared: no debug information"},
	} {
		r := probels(t, append([]string{"diff"}, strings.Fields(strings.NewReplacer("OLD", old, "NEW", new, "BARE", bare).Replace(tt.args))...)...)
		if r.status != 0 || r.out != tt.want || !strings.Contains(r.errors, tt.errs) || tt.errs == "" && r.errors != "" {
			t.Errorf("diff %s: status %d\n%s%s\nwant\n%s%s", tt.args, r.status, r.out, r.errors, tt.want, tt.errs)
		}
	}
	s := readSchema(t)
	r := probels(t, "diff", "--json", "-k", "uprobe", "-v", old, new)
	for line := range strings.Lines(r.out) {
		if why := s.line(t, line); why != "" {
			t.Errorf("%s\n%s", why, line)
		}
	}
	if n := strings.Count(r.out, `"breaks":false`); n != 6 {
		t.Errorf("%d records, want 6\n%s", n, r.out)
	}
}

// Of members that share a name, as Go's _ do, nothing is said, nor of a struct that units define differently.
func TestDiffMembers(t *testing.T) {
	build := func(members ...member) *declared {
		return &declared{known: true, structs: map[string][]member{"s": members, "two": nil}}
	}
	old := build(member{"_", "int at 0"}, member{"_", "int at 8"}, member{"", "int at 16"}, member{"a", "int at 20"}, member{"b", "int at 24"})
	new := build(member{"_", "int at 0"}, member{"_", "int at 4"}, member{"", "int at 8"}, member{"a", "int at 12"}, member{"c", "int at 16"}, member{"c", "int at 20"})
	new.structs["two"] = []member{{"x", "int at 0"}}
	var got []string
	for _, c := range diffDeclared(old, new) {
		got = append(got, c.Probe+" "+c.Text)
	}
	if want := "s member a: int at 20 became int at 12; s member b is gone: int at 24"; strings.Join(got, "; ") != want {
		t.Errorf("%q, want %q", strings.Join(got, "; "), want)
	}
	if c := diffDeclared(old, old); c != nil {
		t.Errorf("of one build: %v", c)
	}
	if c := diffDeclared(old, &declared{structs: new.structs}); c != nil {
		t.Errorf("of what is not known: %v", c)
	}
}
