package elfsym_test

import (
	"bytes"
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
)

// goProgram has methods, closures, generic functions, calls that are inlined and
// assembly from the runtime, and imports nothing, so that it builds fast.
const goProgram = `package main

type T struct{ a, b int }

//go:noinline
func (t *T) Sum(x int) int { return t.a + t.b + middle(x) }

func middle(x int) int { return inner(x) * 3 }

func inner(x int) int {
	if x < 0 {
		panic("negative")
	}
	return x + 1
}

//go:noinline
func Map[K comparable, V any](m map[K]V, f func(V) V) (out []V) {
	for _, v := range m {
		out = append(out, f(v))
	}
	return out
}

func main() {
	t := &T{1, 2}
	done := make(chan int)
	go func() { done <- t.Sum(3) }()
	println(<-done, len(Map(map[string]int{"a": 1}, func(v int) int { return v + 1 })),
		len(Map(map[int]string{1: "x"}, func(v string) string { return v + "!" })))
	extra()
}
`

const goPlain = "package main\n\nfunc extra() {}\n"

const goWithC = `package main

// static int twice(int x) { return 2 * x; }
import "C"

//export Exported
func Exported(x C.int) C.int { return C.twice(x) + 1 }

func extra() { println(int(C.twice(21))) }
`

// A goBuild is one way to build it.
type goBuild struct {
	name, arch, mode string
	cc               string // C compiler of an externally linked build, else cgo is off
	ldflags          string
	needs            string // another program
}

var goBuilds = []goBuild{
	{name: "amd64", arch: "amd64"},
	{name: "amd64-pie", arch: "amd64", mode: "pie"},
	{name: "amd64-cgo", arch: "amd64", cc: "x86_64-linux-gnu-gcc"},
	{name: "amd64-cgo-pie", arch: "amd64", mode: "pie", cc: "x86_64-linux-gnu-gcc"},
	{name: "amd64-c-shared", arch: "amd64", mode: "c-shared", cc: "x86_64-linux-gnu-gcc"},
	{name: "amd64-static-pie", arch: "amd64", mode: "pie", cc: "x86_64-linux-gnu-gcc", ldflags: "-linkmode=external -extldflags=-static-pie"},
	{name: "amd64-lld-rela", arch: "amd64", mode: "pie", cc: "x86_64-linux-gnu-gcc", ldflags: "-linkmode=external -extldflags=-fuse-ld=lld", needs: "ld.lld"},
	{name: "amd64-lld-relr", arch: "amd64", mode: "pie", cc: "x86_64-linux-gnu-gcc", needs: "ld.lld",
		ldflags: "-linkmode=external '-extldflags=-fuse-ld=lld -Wl,--pack-dyn-relocs=relr'"},
	{name: "amd64-gold", arch: "amd64", cc: "x86_64-linux-gnu-gcc", ldflags: "-linkmode=external -extldflags=-fuse-ld=gold", needs: "ld.gold"},
	{name: "amd64-noseparate", arch: "amd64", cc: "x86_64-linux-gnu-gcc", ldflags: "-linkmode=external -extldflags=-Wl,-z,noseparate-code"},

	{name: "386", arch: "386"},
	{name: "arm", arch: "arm"},
	{name: "arm64", arch: "arm64"},
	{name: "loong64", arch: "loong64"},
	{name: "mips", arch: "mips"},
	{name: "mipsle", arch: "mipsle"},
	{name: "mips64", arch: "mips64"},
	{name: "mips64le", arch: "mips64le"},
	{name: "ppc64", arch: "ppc64"},
	{name: "ppc64le", arch: "ppc64le"},
	{name: "riscv64", arch: "riscv64"},
	{name: "s390x", arch: "s390x"},

	{name: "arm64-pie", arch: "arm64", mode: "pie"},
	{name: "loong64-pie", arch: "loong64", mode: "pie"},
	{name: "ppc64le-pie", arch: "ppc64le", mode: "pie"},

	{name: "386-cgo-pie", arch: "386", mode: "pie", cc: "i686-linux-gnu-gcc"},
	{name: "arm-cgo-pie", arch: "arm", mode: "pie", cc: "arm-linux-gnueabihf-gcc"},
	{name: "arm64-cgo-pie", arch: "arm64", mode: "pie", cc: "aarch64-linux-gnu-gcc"},
	{name: "arm64-c-shared", arch: "arm64", mode: "c-shared", cc: "aarch64-linux-gnu-gcc"},
	{name: "ppc64le-cgo-pie", arch: "ppc64le", mode: "pie", cc: "powerpc64le-linux-gnu-gcc"},
	{name: "riscv64-cgo-pie", arch: "riscv64", mode: "pie", cc: "riscv64-linux-gnu-gcc"},
	{name: "s390x-cgo-pie", arch: "s390x", mode: "pie", cc: "s390x-linux-gnu-gcc"},
	{name: "arm-sections", arch: "arm", cc: "arm-linux-gnueabihf-gcc", ldflags: "-linkmode=external -debugtextsize=131072"},
	{name: "ppc64le-sections", arch: "ppc64le", cc: "powerpc64le-linux-gnu-gcc", ldflags: "-linkmode=external -debugtextsize=131072"},
}

// goMatrix is the variable that asks for all of goBuilds: they take minutes,
// since the standard library is built for each machine, and all of the cross
// compilers.
const goMatrix = "PROBELS_GO_MATRIX"

// chosenBuilds are those that every run of the tests does, and in CI also what needs no more
// than Go and the host's C compiler, and one machine of the other byte order.
func chosenBuilds() []goBuild {
	if os.Getenv(goMatrix) != "" {
		return goBuilds
	}
	everyRun := []string{"amd64", "amd64-pie"} // each but the first compiles the standard library
	if skip.Forbidden() {
		everyRun = append(everyRun, "amd64-cgo", "amd64-cgo-pie", "amd64-c-shared", "s390x")
	}
	return slices.DeleteFunc(slices.Clone(goBuilds), func(g goBuild) bool { return !slices.Contains(everyRun, g.name) })
}

// build builds the program with this toolchain's go, or skips with what is
// missing. more are flags for the linker.
func (g goBuild) build(t *testing.T, dir string, more string) string {
	t.Helper()
	gotool := skip.Tool(t, "go")
	if g.needs != "" {
		skip.Tool(t, g.needs)
	}
	source := goPlain
	env := append(os.Environ(), "GOOS=linux", "GOARCH="+g.arch, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "CGO_CFLAGS=-O2", "CGO_LDFLAGS=")
	if g.cc != "" {
		env = append(env, "CGO_ENABLED=1", "CC="+skip.Tool(t, g.cc))
		source = goWithC
	}
	for name, text := range map[string]string{"go.mod": "module prog\n\ngo 1.21\n", "main.go": goProgram, "extra.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	args := []string{"build", "-buildvcs=false", "-o", out, "-ldflags=" + g.ldflags + " " + more}
	if g.mode != "" {
		args = append(args, "-buildmode="+g.mode)
	}
	cmd := exec.Command(gotool, args...)
	cmd.Dir, cmd.Env = dir, env
	if text, err := cmd.CombinedOutput(); err != nil {
		if bytes.Contains(text, []byte("no such file or directory")) && g.cc != "" {
			skip.Nowf(t, "needs the C library for %s: %s", g.cc, firstLine(text))
		}
		t.Fatalf("%v: %v\n%s", args, err, text)
	}
	return out
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(bytes.TrimSpace(b)), "\n")
	return line
}

// placed is a name and where it is from runtime.text on.
type placed struct {
	name string
	at   uint64
}

func (p placed) String() string { return fmt.Sprintf("%s+0x%x", p.name, p.at) }

// goSymbolTable is what the linker wrote of Go's functions into .symtab, by
// address, as debug/elf reads it. The table has the same but for ".abi0" and for
// symbols of the linker's own.
func goSymbolTable(t *testing.T, b []byte) (out []placed, text uint64) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	end := uint64(0)
	for _, s := range syms {
		switch s.Name {
		case "runtime.text":
			text = s.Value
		case "runtime.etext":
			end = s.Value
		}
	}
	for _, s := range syms {
		name := strings.TrimSuffix(s.Name, ".abi0")
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Value < text || s.Value >= end || s.Section == elf.SHN_UNDEF ||
			name == "runtime.etext" || name == "runtime.text" || strings.HasPrefix(name, "runtime.text.") {
			continue
		}
		out = append(out, placed{name, s.Value - text})
	}
	slices.SortFunc(out, comparePlaced)
	return out, text
}

func comparePlaced(a, b placed) int {
	if a.at != b.at {
		return int(int64(a.at) - int64(b.at))
	}
	return strings.Compare(a.name, b.name)
}

// tableOf is the table of a file as that list.
func tableOf(t *testing.T, b []byte) (out []placed, tab *elfsym.GoFuncTable) {
	t.Helper()
	f := parse(t, b)
	tab, err := f.GoFuncs()
	if err != nil {
		t.Fatal(err)
	}
	if tab == nil {
		t.Fatal("no table")
	}
	for _, fn := range mustDrain(t, tab.Funcs()) {
		off, err := f.Segments().Code(fn.Addr)
		if err != nil {
			t.Errorf("%s: %v", fn.Name, err)
		}
		if a, err := f.Segments().Addr(off); err != nil || a != fn.Addr {
			t.Errorf("%s at 0x%x, offset 0x%x, which is loaded to 0x%x, %v", fn.Name, fn.Addr, off, a, err)
		}
		// The linker writes symbols without the middle dot.
		out = append(out, placed{strings.ReplaceAll(fn.Name, "·", "."), uint64(fn.Addr - tab.TextStart())})
	}
	slices.SortFunc(out, comparePlaced)
	return out, tab
}

func shortenedAll(all []placed) []placed {
	out := make([]placed, len(all))
	for i, p := range all {
		out[i] = placed{shortened(p.name), p.at}
	}
	return out
}

// difference is what only one of two sorted lists has.
func difference(got, want []placed) string {
	var out []string
	for len(got) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(got) > 0 && comparePlaced(got[0], want[0]) < 0:
			out, got = append(out, "+"+got[0].String()), got[1:]
		case len(got) == 0 || comparePlaced(got[0], want[0]) > 0:
			out, want = append(out, "-"+want[0].String()), want[1:]
		default:
			got, want = got[1:], want[1:]
		}
	}
	return strings.Join(out[:min(len(out), 20)], "\n")
}

// withoutSectionHeaders is the file as sstrip leaves it.
func withoutSectionHeaders(b []byte) []byte {
	b = bytes.Clone(b)
	if elf.Class(b[elf.EI_CLASS]) == elf.ELFCLASS64 {
		clear(b[40:48])
		clear(b[58:64])
	} else {
		clear(b[32:36])
		clear(b[46:52])
	}
	return b
}

// Every function of a stripped program is where its twin's symbol table says,
// however it was linked and for whatever machine.
func TestGoTableBuilt(t *testing.T) {
	for _, g := range chosenBuilds() {
		t.Run(g.name, func(t *testing.T) {
			if g.arch != "amd64" {
				skip.Short(t)
			}
			t.Parallel()
			dir := t.TempDir()
			b := readFile(t, g.build(t, dir, ""))
			want, text := goSymbolTable(t, b)
			if len(want) < 500 {
				t.Fatalf("only %d functions in the symbol table", len(want))
			}
			check := func(what string, b []byte, moved bool) {
				got, tab := tableOf(t, b)
				want := want
				if tab.Version() == "1.18" {
					want = shortenedAll(want) // Go 1.18 to 1.20 do that in the table already
				}
				if d := difference(got, want); d != "" {
					t.Errorf("%s: %d functions, want %d\n%s\n%s", what, len(got), len(want), d, strings.Join(tab.Evidence(), "\n"))
				}
				if !moved && uint64(tab.TextStart()) != text {
					t.Errorf("%s: text at 0x%x, want 0x%x", what, tab.TextStart(), text)
				}
				if strings.Contains(g.ldflags, "-debugtextsize") && !strings.Contains(strings.Join(tab.Evidence(), ";"), "text sections") {
					t.Errorf("%s: one text section: %q", what, tab.Evidence())
				}
				if tab.Module() == 0 {
					t.Errorf("%s: no moduledata", what)
				}
				checkMain(t, what, tab)
			}
			check("unstripped", b, false)
			check("no section headers", withoutSectionHeaders(b), false)
			if g.arch == "amd64" {
				stripped := filepath.Join(dir, "stripped")
				if text, err := exec.Command(skip.Tool(t, "strip"), "-o", stripped, filepath.Join(dir, "out")).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				check("strip", readFile(t, stripped), false)
			}
			// An external linker may place things differently without symbols.
			b = readFile(t, g.build(t, dir, "-s -w"))
			check("-s -w", b, g.cc != "")
			check("-s -w, no section headers", withoutSectionHeaders(b), g.cc != "")
		})
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkMain asks for one function: by name, by address, with its lines and what
// was inlined into it.
func checkMain(t *testing.T, what string, tab *elfsym.GoFuncTable) {
	t.Helper()
	found := mustDrain(t, tab.Lookup("main.(*T).Sum"))
	if len(found) != 1 || found[0].Line != 6 && tab.Version() == "1.20" {
		t.Errorf("%s: %+v", what, found)
		return
	}
	fn := found[0]
	if g, ok, err := tab.At(fn.Addr + elfsym.Addr(fn.Size) - 1); g != fn || !ok || err != nil {
		t.Errorf("%s: %+v, %v, %v", what, g, ok, err)
	}
	if file, line, err := tab.Line(fn.Addr); !strings.HasSuffix(file, "/main.go") || line != 6 || err != nil {
		t.Errorf("%s: %s:%d, %v", what, file, line, err)
	}
	// Both calls are inlined, one in the other; the call of panic comes last.
	deepest := ""
	for a := fn.Addr; a < fn.Addr+elfsym.Addr(fn.Size); a++ {
		frames, err := tab.Frames(a)
		if err != nil {
			t.Errorf("%s: 0x%x: %v", what, a, err)
			return
		}
		var names []string
		for _, fr := range frames {
			names = append(names, fmt.Sprintf("%s:%d", fr.Func, fr.Line))
		}
		if s := strings.Join(names, " < "); len(frames) == 3 {
			deepest = s
		}
	}
	if want := "main.inner:12 < main.middle:8 < main.(*T).Sum:6"; deepest != want {
		t.Errorf("%s: inlined %q, want %q", what, deepest, want)
	}
}

// debug/gosym, told where the text is, reads the same functions and lines.
func TestGoTableGosym(t *testing.T) {
	g := goBuilds[0]
	path := g.build(t, t.TempDir(), "-s -w")
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := f.Section(".gopclntab").Data()
	if err != nil {
		t.Fatal(err)
	}
	got, tab := tableOf(t, readFile(t, path))
	text := uint64(tab.TextStart())
	// Since Go 1.26 the header has no text start; gosym takes it from there only.
	data = bytes.Clone(data)
	binary.LittleEndian.PutUint64(data[8+2*8:], text)
	std, err := gosym.NewTable(nil, gosym.NewLineTable(data, text))
	if err != nil {
		t.Fatal(err)
	}
	var want []placed
	for _, fn := range std.Funcs {
		want = append(want, placed{strings.ReplaceAll(fn.Name, "·", "."), fn.Entry - text})
		for pc := fn.Entry; pc < fn.End; pc += max(1, (fn.End-fn.Entry)/5) {
			wantFile, wantLine, _ := std.PCToLine(pc)
			file, line, err := tab.Line(elfsym.Addr(pc))
			if wantLine <= 0 {
				wantFile, wantLine = "", 0
			}
			if file != wantFile || line != wantLine || err != nil {
				t.Errorf("%s at 0x%x: %s:%d, %v; gosym says %s:%d", fn.Name, pc, file, line, err, wantFile, wantLine)
			}
		}
	}
	slices.SortFunc(want, comparePlaced)
	if d := difference(got, want); d != "" {
		t.Error(d)
	}
}
