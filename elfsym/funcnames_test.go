package elfsym_test

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// bothOf are the tables that hold what Symbols(both) does.
func bothOf(f *elfsym.File) []elfsym.SpanSource {
	return []elfsym.SpanSource{{File: f, Table: elfsym.Symtab}, {File: f, Table: elfsym.Dynsym}}
}

// checkFuncNames compares the names with those of all symbols, and the errors.
func checkFuncNames(t *testing.T, f *elfsym.File) (names []string) {
	t.Helper()
	want, wantErrs := map[string]bool{}, map[string]bool{}
	for s, err := range f.Symbols(both) {
		switch {
		case err != nil:
			wantErrs[err.Error()] = true
		case s.Name != "" && s.IsFunc() && !f.Floating(&s) && f.Segments().IsCode(s.Addr):
			want[s.Name] = true
		}
	}
	errs := map[string]bool{}
	for name, err := range f.FuncNames(context.Background(), bothOf(f)...) {
		if err == nil {
			names = append(names, name)
			continue
		}
		if errs[err.Error()] = true; len(names) > 0 || name != "" {
			t.Errorf("after %d names, and with %q: %v", len(names), name, err)
		}
	}
	if sorted := slices.Sorted(maps.Keys(want)); !slices.Equal(names, sorted) {
		t.Errorf("functions\n%q, of all symbols\n%q", names, sorted)
	}
	if !maps.Equal(errs, wantErrs) {
		t.Errorf("errors\n%v, of all symbols\n%v", slices.Sorted(maps.Keys(errs)), slices.Sorted(maps.Keys(wantErrs)))
	}
	return names
}

func TestFuncNames(t *testing.T) {
	n := 0
	for _, name := range testbin.All(t) {
		n += len(checkFuncNames(t, open(t, name)))
	}
	if n < 1000 {
		t.Errorf("only %d names", n)
	}
}

// A table that several goroutines read: names that come again in other parts, and
// damaged ones in all parts, more than anybody takes at once.
func TestFuncNamesParts(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	const n = 34_000
	syms := make([]elfwrite.Symbol, n)
	for i := range syms {
		syms[i] = fn(fmt.Sprintf("function_%d@V%d", i*7919%20_000, i%3), 0x401000+uint64(i)*16, 16)
	}
	w := program(syms...)
	w.Sections[0] = code(0x401000, 16*n)
	b := w.Bytes()
	if got := checkFuncNames(t, parse(t, b)); len(got) != 20_000 {
		t.Errorf("%d names, want 20,000", len(got))
	}
	off := parse(t, b).Section(".symtab").Offset
	for i := 0; i < n; i += 97 {
		copy(b[int(off)+24*(i+1):], []byte{0xff, 0xff, 0xff, 0x7f})
	}
	f := parse(t, b)
	checkFuncNames(t, f)

	// Whoever wants no more, or cancels, gets no more, and nothing is left running.
	before := runtime.NumGoroutine()
	for _, most := range []int{1, 100, 600, 5000} {
		i := 0
		for range f.FuncNames(context.Background(), bothOf(f)...) {
			if i++; i == most {
				break
			}
		}
		if i != most {
			t.Errorf("%d came, %d wanted", i, most)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, err := range f.FuncNames(ctx, bothOf(f)...) {
		if err == nil {
			t.Fatalf("%q after it was cancelled", name)
		}
	}
	// One that has said that it is done may not have ended yet.
	for i := 0; i < 1000 && runtime.NumGoroutine() > before; i++ {
		time.Sleep(time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, and %d before", after, before)
	}
}

// A function whose address cannot be told is told by its name, as Symbols does.
func TestFuncNamesOfDescriptors(t *testing.T) {
	b := testbin.Read(t, "ppc64/libtestbin.so")
	opd := parse(t, b).Section(".opd")
	clear(b[opd.Offset:][:opd.Size])
	f := parse(t, b)
	if _, errs := drain(f.Symbols(both)); len(errs) < 5 {
		t.Fatalf("%d errors", len(errs))
	}
	checkFuncNames(t, f)
}

// The tables may be another file's: a debug file's, with the code in this one.
func TestFuncNamesOfDebugFile(t *testing.T) {
	f := parse(t, program(fn("main", 0x401010, 16)).Bytes())
	w := program(fn("main", 0x401010, 16), fn("static", 0x401020, 8), fn("elsewhere", 0x801020, 8),
		elfwrite.Symbol{Name: "variable", Value: 0x401030, Size: 4, Type: elf.STT_OBJECT, Section: ".text"})
	debug := parse(t, w.Bytes())
	var got []string
	for name, err := range f.FuncNames(context.Background(), append(bothOf(f), elfsym.SpanSource{File: debug, Table: elfsym.Symtab})...) {
		if err != nil {
			t.Error(err)
		}
		got = append(got, name)
	}
	if want := "main static"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What cannot be read is told, and the other table is listed.
func TestFuncNamesDamagedTable(t *testing.T) {
	b := testbin.Read(t, "amd64/probe-pie")
	sound := parse(t, b)
	damaged := slices.Clone(b)
	sec := sound.Section(".dynsym")
	shoff := int(sound.U64(b[0x28:])) // e_shoff
	copy(damaged[shoff+64*sec.Index+0x18:], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	names := 0
	var told error
	f := parse(t, damaged)
	for _, err := range f.FuncNames(context.Background(), bothOf(f)...) {
		if err != nil {
			told = errors.Join(told, err)
		} else {
			names++
		}
	}
	if !errors.Is(told, elfsym.ErrTruncated) || names == 0 {
		t.Errorf("%d names, %v", names, told)
	}
	checkFuncNames(t, f)
}

// Names alone take less than symbols do.
func TestFuncNamesAllocs(t *testing.T) {
	const n = 20_000
	f := parse(t, program(many(n)...).Bytes())
	got := allocated(func() {
		for range f.FuncNames(context.Background(), bothOf(f)...) {
		}
	})
	if each := got / n; each > 80 {
		t.Errorf("%d bytes allocated for a name, 80 allowed", each)
	} else {
		t.Logf("%d bytes for a name", each)
	}
}

func BenchmarkFuncNames(b *testing.B) {
	syms := many(50_000)
	f := parse(b, program(syms...).Bytes())
	b.ReportAllocs()
	for b.Loop() {
		for range f.FuncNames(context.Background(), bothOf(f)...) {
		}
	}
}
