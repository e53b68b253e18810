package elfsym_test

import (
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
)

// self is the table of the running test, and how far its functions are from
// their link-time addresses.
func self(t testing.TB) (tab *elfsym.GoFuncTable, bias uintptr) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elfsym.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if tab, err = f.GoFuncs(); err != nil || tab == nil {
		t.Fatal(tab, err)
	}
	here := reflect.ValueOf(self).Pointer()
	for fn, err := range tab.Lookup(runtime.FuncForPC(here).Name()) {
		if err != nil {
			t.Fatal(err)
		}
		return tab, here - uintptr(fn.Addr)
	}
	t.Fatal("this function is not in the table")
	return nil, 0
}

// shortened is a name as the runtime prints it.
func shortened(name string) string {
	i, k := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if i < 0 || k < i {
		return name
	}
	return name[:i] + "[...]" + name[k+1:]
}

// The runtime of this very process says the same of every function: its name,
// where it begins, its file and line and what was inlined, at its entry and at
// places within it.
func TestGoTableRuntime(t *testing.T) {
	tab, bias := self(t)
	n := 0
	for fn, err := range tab.Funcs() {
		if err != nil {
			t.Error(err)
			continue
		}
		n++
		// The race detector's C++ is in the table too, but in the runtime's index only by the page.
		if fn.Size == 0 || strings.HasPrefix(fn.Name, "go:") || strings.HasPrefix(fn.Name, "_Z") {
			continue
		}
		pc := uintptr(fn.Addr) + bias
		of := runtime.FuncForPC(pc)
		if of == nil || of.Entry() != pc {
			t.Errorf("%s at 0x%x is unknown to the runtime", fn.Name, fn.Addr)
			continue
		}
		step := max(1, fn.Size/4)
		if skip.Race {
			step = fn.Size
		}
		for at := uint64(0); at < fn.Size; at += step {
			checkRuntime(t, tab, fn.Addr+elfsym.Addr(at), pc+uintptr(at))
		}
	}
	if n < 3000 || n != tab.Len() {
		t.Errorf("%d functions of %d", n, tab.Len())
	}
}

func checkRuntime(t *testing.T, tab *elfsym.GoFuncTable, a elfsym.Addr, pc uintptr) {
	t.Helper()
	frames, err := tab.Frames(a)
	if err != nil || len(frames) == 0 {
		t.Errorf("0x%x: %v, %v", a, frames, err)
		return
	}
	// It takes what a call returns to.
	want, _ := runtime.CallersFrames([]uintptr{pc + 1}).Next()
	if want.Line == 0 {
		want.File = ""
	}
	if want.Function == "" && frames[0].Func == "internal/cpu.Initialize" {
		want.Function = frames[0].Func // the runtime takes the first of all names for none
	}
	if got := frames[0]; shortened(got.Func) != want.Function || got.File != want.File && want.File != "?" || got.Line != want.Line {
		t.Errorf("0x%x: %+v, the runtime says %s %s:%d", a, got, want.Function, want.File, want.Line)
	}
	file, line, err := tab.Line(a)
	if err != nil || file != frames[0].File || line != frames[0].Line {
		t.Errorf("0x%x: %s:%d, %v, and %+v", a, file, line, err, frames[0])
	}
}

//go:noinline
func inlineOuter(pcs []uintptr) int { return inlineMiddle(pcs) + 1 }

func inlineMiddle(pcs []uintptr) int { return inlineInner(pcs) + 1 }

func inlineInner(pcs []uintptr) int { return runtime.Callers(1, pcs) }

// The calls inlined at one place are those that the runtime finds on the stack.
func TestGoTableInlined(t *testing.T) {
	tab, bias := self(t)
	var pcs [16]uintptr
	inlineOuter(pcs[:])
	var want []elfsym.GoFrame
	for frames, more := runtime.CallersFrames(pcs[:3]), true; more; {
		var fr runtime.Frame
		fr, more = frames.Next()
		want = append(want, elfsym.GoFrame{Func: fr.Function, File: fr.File, Line: fr.Line, Inlined: len(want) < 2})
	}
	got, err := tab.Frames(elfsym.Addr(pcs[0] - 1 - bias))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// One table serves many at once.
func TestGoTableConcurrent(t *testing.T) {
	tab, _ := self(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			n := 0
			for fn, err := range tab.Funcs() {
				if err != nil {
					t.Error(err)
				}
				if n++; n%500 == 0 {
					tab.Frames(fn.Addr)
					if got, _ := drain(tab.Lookup(fn.Name)); len(got) == 0 {
						t.Errorf("%s not found", fn.Name)
					}
				}
			}
		})
	}
	wg.Wait()
}

// A listing reads what it needs once, and allocates nothing for a function; one
// name is found without reading the names into memory.
func TestGoTableReads(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	osf, err := os.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer osf.Close()
	info, err := osf.Stat()
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{r: osf}
	f, err := elfsym.NewFile(c, info.Size(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := f.GoFuncs()
	if err != nil {
		t.Fatal(err)
	}
	if c.bytes > 64<<10 || len(c.reads) > 60 {
		t.Errorf("%d bytes in %d reads to find the table: %v", c.bytes, len(c.reads), c.reads)
	}
	table := int(f.Section(".gopclntab").Size)
	c.reads, c.bytes = nil, 0
	if found := mustDrain(t, tab.Lookup("runtime.main")); len(found) != 1 {
		t.Error(found)
	}
	if c.bytes > table {
		t.Errorf("%d bytes read for a name, the table has %d", c.bytes, table)
	}
	c.reads, c.bytes = nil, 0
	if found := mustDrain(t, tab.Lookup("runtime.noSuchName")); len(found) != 0 {
		t.Error(found)
	}
	if c.bytes > table/4 {
		t.Errorf("%d bytes read for a name that is not there, the table has %d", c.bytes, table)
	}
	c.reads, c.bytes = nil, 0
	main := mustDrain(t, tab.Lookup("runtime.main"))[0]
	c.reads, c.bytes = nil, 0
	if _, err := tab.Frames(main.Addr + 100); err != nil || c.bytes > 600<<10 || len(c.reads) > 200 { // with -race there is more of everything
		t.Errorf("%d bytes in %d reads for the first frames, %v", c.bytes, len(c.reads), err)
	}
	c.reads, c.bytes = nil, 0
	if _, err := tab.Frames(main.Addr + 100); err != nil || c.bytes > 8<<10 || len(c.reads) > 60 {
		t.Errorf("%d bytes in %d reads for more frames, %v", c.bytes, len(c.reads), err)
	}
	allocs := testing.AllocsPerRun(3, func() {
		for range tab.Funcs() {
		}
	})
	if allocs > float64(tab.Len()/20) { // for names, some hundreds at a time, and those that are far from the others
		t.Errorf("%.0f allocations for %d functions", allocs, tab.Len())
	}
	allocs = testing.AllocsPerRun(10, func() {
		for range tab.Lookup("runtime.main") {
		}
	})
	if allocs > 60 { // the counting reader's own, one or two for each read, among them
		t.Errorf("%.0f allocations for one name", allocs)
	}
}

func BenchmarkGoTable(b *testing.B) {
	name := os.Getenv("PROBELS_GO_PROGRAM") // a large one, if there is one
	if name == "" {
		var err error
		if name, err = os.Executable(); err != nil {
			b.Fatal(err)
		}
	}
	with := func(do func(*elfsym.GoFuncTable)) {
		f, err := elfsym.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		tab, err := f.GoFuncs()
		if err != nil || tab == nil {
			b.Fatal(tab, err)
		}
		do(tab)
	}
	b.Run("find", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			with(func(*elfsym.GoFuncTable) {})
		}
	})
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			with(func(tab *elfsym.GoFuncTable) {
				for _, err := range tab.Funcs() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			})
		}
		b.ReportMetric(float64(n)/float64(b.N), "functions")
	})
	b.Run("name", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			with(func(tab *elfsym.GoFuncTable) {
				for range tab.Lookup("runtime.main") {
					n++
				}
			})
			if n != 1 {
				b.Fatal(n)
			}
		}
	})
	b.Run("frames", func(b *testing.B) {
		with(func(tab *elfsym.GoFuncTable) {
			fn, _ := drain(tab.Lookup("runtime.main"))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tab.Frames(fn[0].Addr + 100); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
