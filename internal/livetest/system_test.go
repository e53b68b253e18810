package livetest

import (
	"bufio"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
)

// copied is a system file's copy, so that only what this test starts is counted.
func copied(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		skip.Nowf(t, "needs %s: %v", path, err)
	}
	b, err := os.ReadFile(real)
	if err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), filepath.Base(real))
	if err := os.WriteFile(dst, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return dst
}

// systemPython is the distribution's, which is built with USDT probes and has no library beside it.
const systemPython = "/usr/bin/python3"

func TestPython(t *testing.T) {
	c := newCounter(t)
	prog := copied(t, systemPython)
	tgt := target(t, prog)
	if res, err := tgt.Resolve(t.Context(), offset.USDT("python", "function__entry"), offset.Func("PyEval_EvalCode")); err != nil || res[0].Err != nil || res[1].Err != nil {
		skip.Nowf(t, "needs a %s with USDT probes and its interpreter in it", systemPython)
	}
	want := []struct {
		spec     string
		min, max int
	}{
		// The probes are behind semaphores. In Python 3.11 only few calls get to function__entry (bpftrace
		// counts as few), but each of the thousand to function__return.
		{"python:function__entry", 1, 1 << 30},
		{"python:function__return", 1000, 1 << 30},
		{"python:gc__start", 3, 1 << 30},
		{"python:import__find__load__start", 1, 1 << 30},
		{"PyEval_EvalCode", 1, 1 << 30},
		{"Py_BytesMain", 1, 1},
		{"Py_FinalizeEx", 1, 1},
		{"PyList_Append", 100, 1 << 30},
	}
	of := map[string][]uint64{}
	for _, w := range want {
		for _, l := range resolve(t, tgt, w.spec) {
			of[w.spec] = append(of[w.spec], c.location(t, l, 0))
		}
	}
	cmd := exec.Command(prog, "-c", `
import gc
def f(): pass
for i in range(1000): f()
for i in range(3): gc.collect()
l = []
append = list.append
for i in range(100): append(l, i)
exec("[].sort()")
`)
	cmd.Env = append(os.Environ(), "PYTHONHOME=/usr")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, w := range want {
		hits := 0
		for _, probe := range of[w.spec] {
			hits += c.count(t, probe)
		}
		if hits < w.min || hits > w.max {
			t.Errorf("%s: %d hits in %d places, want %d to %d", w.spec, hits, len(of[w.spec]), w.min, w.max)
		}
	}
}

// The C library, which has only versioned names: the loader runs a program with a copy of it.
func TestLibc(t *testing.T) {
	c := newCounter(t)
	prog := skip.Tool(t, "true")
	loader := interpreter(t, prog)
	libc := copied(t, filepath.Join(filepath.Dir(mustEval(t, loader)), "libc.so.6"))
	tgt := target(t, libc)
	want := []string{"__libc_start_main@@GLIBC_2.34", "exit", "__cxa_finalize"}
	for _, spec := range want {
		c.location(t, one(t, tgt, spec), 0)
	}
	if out, err := exec.Command(loader, "--preload", libc, prog).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, spec := range want {
		if hits := c.count(t, uint64(i)); hits < 1 || i < 2 && hits > 1 {
			t.Errorf("%s: %d hits, want 1", spec, hits)
		}
	}
}

func mustEval(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// interpreter is the loader that a program asks for.
func interpreter(t *testing.T, prog string) string {
	t.Helper()
	f, err := elf.Open(prog)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b, err := io.ReadAll(p.Open())
			if err != nil {
				t.Fatal(err)
			}
			return string(b[:len(b)-1])
		}
	}
	skip.Nowf(t, "needs %s to be dynamically linked", prog)
	return ""
}

// The kernel takes a uprobe at every function that is listed of a big program, while it runs: only
// then does the kernel look at the instruction. They are attached, not counted.
func TestKernelTakesAll(t *testing.T) {
	c := newCounter(t)
	prog := copied(t, systemPython)
	cmd := exec.Command(prog, "-c", "import sys; print('ready', flush=True); sys.stdin.read()")
	cmd.Env = append(os.Environ(), "PYTHONHOME=/usr")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	var ls []offset.Location
	seen := map[elfsym.Offset]bool{}
	for _, p := range list(t, target(t, prog), offset.Query{Kinds: offset.KindFunc}) {
		l, err := p.Location()
		if err != nil {
			t.Fatal(err)
		}
		if !seen[l.Offset] {
			seen[l.Offset] = true
			ls = append(ls, l)
		}
	}
	if len(ls) < 1000 {
		t.Fatalf("only %d functions", len(ls))
	}
	if c.multi == nil {
		ls = ls[:200] // one after the other takes milliseconds each
	}
	c.locations(t, ls, cmd.Process.Pid)
	t.Logf("%d functions", len(ls))
}
