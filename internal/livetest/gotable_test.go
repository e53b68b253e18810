package livetest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
)

// goTraced calls its functions a known number of times, in goroutines whose stacks grow meanwhile, once
// a line comes.
const goTraced = `package main

type T struct{ n int }

//go:noinline
func (t *T) Method(x int) int { return t.n + x }

//go:noinline
func generic[K any](x K, n int) int { return n }

//go:noinline
func deep(n int) int {
	var room [128]int
	if n == 0 {
		return room[n]
	}
	return deep(n-1) + room[n%128]
}

func main() {
	println("ready")
	var b [1]byte
	read(b[:])
	done := make(chan int)
	for i := range 10 {
		go func() {
			t := &T{i}
			n := 0
			for k := range 100 {
				n += t.Method(k) + generic("x", k) + generic(k, k)
			}
			done <- n + deep(500)
		}()
	}
	n := 0
	for range 10 {
		n += <-done
	}
	println("done", n)
	read(b[:]) // the last goroutine returns after it has sent its sum
}
`

const goRead = "package main\n\nimport \"syscall\"\n\nfunc read(b []byte) { syscall.Read(0, b) }\n"

const goReadC = "package main\n\n// #include <unistd.h>\nimport \"C\"\n\nimport \"unsafe\"\n\n" +
	"func read(b []byte) { C.read(0, unsafe.Pointer(&b[0]), 1) }\n"

// Probes at the functions of stripped Go programs are hit as often as they are called: the offsets are
// right for the kernel, however the program was linked.
func TestGoTable(t *testing.T) {
	for _, tt := range []struct{ name, arch, mode, cc, ldflags string }{
		{"static", "amd64", "", "", ""},
		{"pie", "amd64", "pie", "", ""},
		{"cgo", "amd64", "", "x86_64-linux-gnu-gcc", ""},
		{"cgo-pie", "amd64", "pie", "x86_64-linux-gnu-gcc", ""},
		{"cgo-pie-lld", "amd64", "pie", "x86_64-linux-gnu-gcc", "-linkmode=external -extldflags=-fuse-ld=lld"},
		{"386", "386", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			dir := t.TempDir()
			env := append(os.Environ(), "GOOS=linux", "GOARCH="+tt.arch, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
			read := goRead
			if strings.Contains(tt.ldflags, "lld") {
				skip.Tool(t, "ld.lld")
			}
			if tt.cc != "" {
				env = append(env, "CGO_ENABLED=1", "CC="+skip.Tool(t, tt.cc))
				read = goReadC
			}
			for name, text := range map[string]string{"go.mod": "module prog\n\ngo 1.22\n", "main.go": goTraced, "read.go": read} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			prog := filepath.Join(dir, "prog")
			cmd := exec.Command(skip.Tool(t, "go"), "build", "-buildvcs=false", "-o", prog, "-buildmode="+orDefault(tt.mode), "-ldflags=-s -w "+tt.ldflags)
			cmd.Dir, cmd.Env = dir, env
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			removeSectionHeaders(t, prog)
			countGo(t, c, prog)
		})
	}
}

func orDefault(mode string) string {
	if mode == "" {
		return "exe"
	}
	return mode
}

// removeSectionHeaders makes the file's header say that there are none.
func removeSectionHeaders(t *testing.T, prog string) {
	t.Helper()
	b, err := os.ReadFile(prog)
	if err != nil {
		t.Fatal(err)
	}
	if b[4] == 2 {
		clear(b[40:48])
		clear(b[58:64])
	} else {
		clear(b[32:36])
		clear(b[46:52])
	}
	if err := os.WriteFile(prog, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// countGo attaches to the functions of the program, runs it and counts.
func countGo(t *testing.T, c *counter, prog string) {
	t.Helper()
	f, err := elfsym.Open(prog)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tab, err := f.GoFuncs()
	if err != nil || tab == nil {
		t.Fatal(tab, err)
	}
	s := &exec.Cmd{Path: prog}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StderrPipe() // println writes there
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		skip.Nowf(t, "this system does not run it: %v", err)
	}
	defer s.Wait()
	defer in.Close()
	buf := make([]byte, 100)
	if n, err := out.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("ready")) {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	want := map[string]int{
		"main.main":        0, // it runs already
		"main.(*T).Method": 1000, "main.deep": 5010, "main.main.func1": 10,
		"main.generic[go.shape.string]": 1000, "main.generic[go.shape.int]": 1000,
	}
	var names []string
	var places []offset.Location
	for name := range want {
		n := 0
		for fn, err := range tab.Lookup(name) {
			if err != nil {
				t.Fatal(err)
			}
			off, err := f.Segments().Code(fn.Addr)
			if err != nil {
				t.Fatal(err)
			}
			names, places = append(names, name), append(places, offset.Location{Path: prog, Offset: off})
			n++
		}
		if n != 1 {
			t.Errorf("%s: %d functions", name, n)
		}
	}
	first := c.locations(t, places, s.Process.Pid)
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := out.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("done")) {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	for i, name := range names {
		got := c.count(t, first+uint64(i))
		// Where the stack is too small, or another goroutine shall run, a function calls morestack and
		// begins again: one hit more. Deep recursion grows a stack ten times, the others rarely.
		again := 10
		if name == "main.deep" {
			again = 200
		}
		if got > want[name] && got <= want[name]+again {
			continue
		}
		if got != want[name] {
			t.Errorf("%s: %d hits, want %d", name, got, want[name])
		}
	}
}
