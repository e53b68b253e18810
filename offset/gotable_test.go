package offset_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
)

// A stripped Go program has the names of its own table, at the offsets that its
// symbol table gave before.
func TestStrippedGoProgram(t *testing.T) {
	gotool := skip.Tool(t, "go")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module prog\n\ngo 1.21\n",
		"main.go": "package main\n\ntype T struct{ n int }\n\n//go:noinline\nfunc (t *T) Method() { println(t.n) }\n\nfunc main() { (&T{1}).Method() }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := func(out, ldflags string, o *offset.Options) *offset.Target {
		cmd := exec.Command(gotool, "build", "-buildvcs=false", "-o", out, "-ldflags="+ldflags)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		tg, err := offset.Open(filepath.Join(dir, out), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tg.Close() })
		return tg
	}
	whole, stripped := build("whole", "", nil), build("stripped", "-s -w", nil)
	for _, name := range []string{"main.(*T).Method", "main.main", "runtime.mallocgc"} {
		want, err := resolve(t, whole, offset.Func(name)).One()
		if err != nil || want.Sources != elfsym.Symtab {
			t.Fatalf("%s: %+v, %v", name, want, err)
		}
		got, err := resolve(t, stripped, offset.Func(name)).One()
		if err != nil || got.Offset != want.Offset || got.Sources != elfsym.GoTable {
			t.Errorf("%s: at 0x%x from %v, %v; want 0x%x from Go's table", name, got.Offset, got.Sources, err, want.Offset)
		}
	}
	if n := checkFuncNames(t, stripped); n < 1000 {
		t.Errorf("only %d names", n)
	}
	own, err := offset.Open(stripped.Path(), &offset.Options{OwnTables: true})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if res := resolve(t, own, offset.Func("main.main")); res.Err == nil {
		t.Errorf("its own tables have main.main: %+v", res.Locations)
	}
}
