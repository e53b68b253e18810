package dwarfinfo_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
)

// build compiles a source file and gives the program's path. A tool that is
// missing, or that does not know a flag, ends the test.
func build(t testing.TB, tool, name, source string, flags ...string) string {
	t.Helper()
	cc := skip.Tool(t, tool)
	dir := t.TempDir()
	src, out := filepath.Join(dir, name), filepath.Join(dir, "prog")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(cc, append(flags, "-o", out, src)...)
	cmd.Dir = dir
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, b)
	}
	return out
}

// open prepares a file's DWARF.
func open(t testing.TB, path string) *dwarfinfo.Data {
	t.Helper()
	f, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d, err := dwarfinfo.New(dwarfinfo.FromELF(f))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
