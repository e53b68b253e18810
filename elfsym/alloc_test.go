package elfsym_test

import (
	"runtime"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
)

// allocated is how many bytes one run of f allocates.
func allocated(f func()) uint64 {
	f() // what is read once and kept
	const runs = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}

// One exported name: at most 5 allocations and 2 KB.
func TestLookupAllocs(t *testing.T) {
	for _, name := range []string{"amd64/libtestbin.so", "amd64/libtestbin-sysv.so", "s390x/libtestbin.so"} {
		f := open(t, name)
		look := func() {
			found := 0
			for _, err := range f.Lookup(elfsym.Dynsym, "lib_func") {
				if err != nil {
					t.Fatal(err)
				}
				found++
			}
			if found != 1 {
				t.Fatalf("%s: %d found", name, found)
			}
		}
		if n := testing.AllocsPerRun(100, look); n > 5 {
			t.Errorf("%s: %v allocations, 5 allowed", name, n)
		} else {
			t.Logf("%s: %v allocations", name, n)
		}
		if n := allocated(look); n > 2048 {
			t.Errorf("%s: %d bytes, 2048 allowed", name, n)
		} else {
			t.Logf("%s: %d bytes", name, n)
		}
	}
}

// A walk over all symbols: a number that does not grow with theirs.
func TestSymbolsAllocs(t *testing.T) {
	var was float64
	for _, n := range []int{100, 20_000} {
		f := parse(t, program(many(n)...).Bytes())
		got := testing.AllocsPerRun(5, func() {
			i := 0
			for _, err := range f.Symbols(elfsym.Symtab) {
				if err != nil {
					t.Fatal(err)
				}
				i++
			}
			if i != n {
				t.Fatalf("%d symbols of %d", i, n)
			}
		})
		t.Logf("%d symbols: %v allocations", n, got)
		if got > 8 || was != 0 && got > was {
			t.Errorf("%d symbols: %v allocations, %v with fewer", n, got, was)
		}
		was = got
	}
}

// The questions asked of every symbol allocate nothing.
func TestNoAllocs(t *testing.T) {
	b := testbin.Read(t, "amd64/probe-pie")
	f := parse(t, b)
	segs := f.Segments()
	entry := f.Entry()
	off, err := segs.Code(entry)
	if err != nil {
		t.Fatal(err)
	}
	s := elfsym.Symbol{Name: "f", Addr: entry, Section: 1}
	q := elfsym.NewNameQuery("outer::inner")
	if n := testing.AllocsPerRun(100, func() {
		segs.Code(entry)
		segs.IsCode(entry)
		segs.IsCode(0)
		segs.CodeEnd(entry)
		segs.Addr(off)
		s.IsFunc()
		s.FullName()
		s.Entry()
		f.Floating(&s)
		f.BuildID()
		elfsym.SplitVersion("f@@V")
		elfsym.Demangle("main")
		q.Match("main")
		q.Match("_ZN5other5innerEi")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
