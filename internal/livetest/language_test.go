package livetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// C++ functions, by the names that their source has. Python's ctypes is the caller.
func TestCPlusPlus(t *testing.T) {
	c := newCounter(t)
	lib := testbin.Exec(t, "amd64/cxx.so")
	tgt := target(t, lib)
	want := []struct {
		spec string
		hits int
	}{
		{"outer::overloaded(int)", 3},
		{"outer::overloaded(char const*)", 2},
		{"_ZN5outer10overloadedEi", 3},
		{"outer::inner::Class::create", 4},
		{"outer::inner::Class::create(int)", 4},
		{"with_cold_part", 5},
		{"plain_c", 6},
		{"(anonymous namespace)::anonymous", 6},
		{"file_static", 6},
		{"outer::variadic", 0},
	}
	for _, w := range want {
		c.location(t, one(t, tgt, w.spec), 0)
	}
	if out, err := exec.Command(skip.Tool(t, "python3"), cxxScript(t, lib)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, w := range want {
		if got := c.count(t, uint64(i)); got != w.hits {
			t.Errorf("%s: %d hits, want %d", w.spec, got, w.hits)
		}
	}
}

// cxxScript writes a Python program that calls functions of cxx.so.
func cxxScript(t *testing.T, lib string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "calls.py")
	script := fmt.Sprintf(`
import ctypes
lib = ctypes.CDLL(%q)
def call(n, name, arg):
    for i in range(n): getattr(lib, name)(arg)
call(3, "_ZN5outer10overloadedEi", 1)
call(2, "_ZN5outer10overloadedEPKc", b"text")
call(4, "_ZN5outer5inner5Class6createEi", 1)
call(5, "_Z14with_cold_parti", 1)
call(6, "plain_c", 1)
`, lib)
	if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const goProgram = `package main

import "os"

type T struct{ n int }

//go:noinline
func (t *T) Method() { t.n++ }

//go:noinline
func (t T) Value() int { return t.n }

type G[P any] struct{ p P }

//go:noinline
func (g *G[P]) Get() P { return g.p }

//go:noinline
func Generic[P any](p *P) *P { return p }

//go:noinline
func call(f func()) { f() }

func main() {
	t := &T{}
	for range 7 {
		t.Method()
		t.Value()
		t.Value()
		g := &G[int]{}
		g.Get()
		Generic(&t.n)
		call(func() { t.n += 2 })
	}
	if t.n != 21 {
		os.Exit(1)
	}
}
`

// goBuild builds goProgram.
func goBuild(t *testing.T, arch, mode string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": goProgram, "go.mod": "module example\n\ngo 1.25\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	prog := filepath.Join(dir, "prog")
	cmd := exec.Command(skip.Tool(t, "go"), "build", "-buildmode="+mode, "-o", prog, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return prog
}

// Functions of a Go program, which spells them its own way, built for two machines and as PIE.
func TestGo(t *testing.T) {
	for _, tt := range []struct{ name, arch, mode string }{
		{"amd64", "amd64", "exe"}, {"amd64 PIE", "amd64", "pie"}, {"386", "386", "exe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCounter(t)
			prog := goBuild(t, tt.arch, tt.mode)
			tgt := target(t, prog)
			want := []struct {
				spec string
				hits int
			}{
				{"main.main", 1},
				{"main.(*T).Method", 7},
				{"main.T.Value", 14},
				{"main.(*G[go.shape.int]).Get", 7},
				{"main.Generic[go.shape.int]", 7},
				{"main.main.func1", 7},
				{"main.(*T).Meth?d", 7},
			}
			var ls []offset.Location
			for _, w := range want {
				ls = append(ls, one(t, tgt, w.spec))
			}
			first := c.locations(t, ls, 0)
			if out, err := exec.Command(prog).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for i, w := range want {
				if got := c.count(t, first+uint64(i)); got != w.hits {
					t.Errorf("%s at 0x%x: %d hits, want %d", w.spec, ls[i].Offset, got, w.hits)
				}
			}
		})
	}
}
