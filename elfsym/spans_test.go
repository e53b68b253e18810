package elfsym_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// allFunctions is the table of functions in a file's code that Spans stand for.
func allFunctions(f *elfsym.File) *elfsym.Table {
	t := elfsym.NewTable(func(yield func(elfsym.Symbol) bool) {
		for s, err := range f.Symbols(both) {
			if err == nil && s.Name != "" && s.IsFunc() && !f.Floating(&s) && f.Segments().IsCode(s.Addr) && !yield(s) {
				return
			}
		}
	})
	t.InferSizes(f)
	return t
}

func spansOf(f *elfsym.File) (*elfsym.Spans, bool) {
	return elfsym.NewSpans(f, elfsym.SpanSource{File: f, Table: elfsym.Symtab, Mark: elfsym.Symtab}, elfsym.SpanSource{File: f, Table: elfsym.Dynsym, Mark: elfsym.Dynsym})
}

// checkNear compares what a table of all functions says of addresses: around up to
// n functions' beginnings and ends, and anywhere.
func checkNear(t *testing.T, f *elfsym.File, n int) (asked int) {
	t.Helper()
	spans, ok := spansOf(f)
	if !ok {
		return 0
	}
	all := allFunctions(f)
	rnd := rand.New(rand.NewPCG(1, 2))
	var at []elfsym.Addr
	i := 0
	for s := range all.All() {
		if i++; n < all.Len() && rnd.IntN(all.Len()/n+1) != 0 {
			continue
		}
		end := s.Addr + elfsym.Addr(s.Size)
		at = append(at, s.Addr-1, s.Addr, s.Addr+1, end-1, end, s.Addr+elfsym.Addr(rnd.Uint64N(s.Size+10000)))
	}
	for _, s := range f.Segments().All() {
		if s.MemSize > 0 && len(at) < 8*n {
			at = append(at, s.Addr, s.Addr+elfsym.Addr(rnd.Uint64N(s.MemSize)))
		}
	}
	text := func(syms []*elfsym.Symbol) (out string) {
		for _, s := range syms {
			out += fmt.Sprintf("%+v\n", *s)
		}
		return out
	}
	for _, a := range at {
		near, ok := spans.Near(a)
		if !ok {
			continue
		}
		asked++
		if got, want := text(near.At(a)), text(all.At(a)); got != want {
			t.Errorf("at 0x%x:\n%s of all\n%s", uint64(a), got, want)
		}
		if got, want := text(near.Covering(a)), text(all.Covering(a)); got != want {
			t.Errorf("0x%x is covered by\n%s of all\n%s", uint64(a), got, want)
		}
	}
	return asked
}

func TestNear(t *testing.T) {
	for _, name := range testbin.All(t) {
		f := open(t, name)
		n := 0
		for range f.Symbols(both) {
			n++
		}
		if asked := checkNear(t, f, 100); asked == 0 && n > 3 && f.Type() != elf.ET_REL && !f.DebugOnly() {
			t.Errorf("%s: nothing was asked", name)
		}
	}
}

// Functions within others, aliases of which one has a size, functions without a
// size before others, and what is no function.
func TestNearNested(t *testing.T) {
	alias := func(name string, addr, size uint64, bind elf.SymBind) elfwrite.Symbol {
		s := fn(name, addr, size)
		s.Bind = bind
		return s
	}
	w := program(
		elfwrite.Symbol{Name: "a.c", Type: elf.STT_FILE, Index: elf.SHN_ABS},
		alias("static", 0x401010, 16, elf.STB_LOCAL),
		elfwrite.Symbol{Name: "b.c", Type: elf.STT_FILE, Index: elf.SHN_ABS},
		alias("static", 0x401020, 0, elf.STB_LOCAL),
		fn("outer", 0x401100, 0x200), fn("inner", 0x401140, 0x10), alias("outer_weak", 0x401100, 0, elf.STB_WEAK), fn("inner_bare", 0x401160, 0),
		fn("same", 0x401180, 8), fn("same", 0x401180, 80), fn("same", 0x4011a0, 0), fn("same", 0x4011a0, 4),
		fn("", 0x401200, 10), fn("last", 0x401400, 0), fn("end", 0x401fff, 1), fn("beyond", 0x402000, 1),
		elfwrite.Symbol{Name: "absolute", Value: 0x401300, Size: 100, Type: elf.STT_FUNC, Index: elf.SHN_ABS},
		elfwrite.Symbol{Name: "variable", Value: 0x401310, Size: 100, Type: elf.STT_OBJECT, Section: ".text"},
	)
	f := parse(t, w.Bytes())
	spans, ok := spansOf(f)
	if !ok {
		t.Fatal("no spans")
	}
	all := allFunctions(f)
	for a := elfsym.Addr(0x400ff0); a < 0x402010; a++ {
		near, ok := spans.Near(a)
		if !ok {
			t.Fatalf("nothing near 0x%x", uint64(a))
		}
		for _, x := range []struct{ got, want []*elfsym.Symbol }{{near.At(a), all.At(a)}, {near.Covering(a), all.Covering(a)}} {
			if got, want := lines(x.got), lines(x.want); got != want {
				t.Fatalf("0x%x: %s, of all %s", uint64(a), got, want)
			}
		}
	}
	// A name behind the strings: a walk over all symbols tells of it.
	w = program(fn("one", 0x401010, 16), fn("two", 0x401030, 16))
	b := w.Bytes()
	sound := parse(t, b)
	sec := sound.Section(".symtab")
	copy(b[uint64(sec.Offset)+2*24:], []byte{0xff, 0xff, 0xff, 0x7f})
	if _, ok := spansOf(parse(t, b)); ok {
		t.Error("a symbol's damaged name was passed over")
	}
}

// One address costs a pass over the symbols, and reading of the strings only
// the names that are near.
func TestNearReads(t *testing.T) {
	syms := make([]elfwrite.Symbol, 20000)
	for i := range syms {
		syms[i] = fn(fmt.Sprintf("function_with_a_long_name_%d", i), 0x401000+uint64(i)*16, 16)
	}
	w := program(syms...)
	w.Sections[0] = code(0x401000, 16*len(syms))
	b := w.Bytes()
	c := &tally{r: bytes.NewReader(b)}
	f, err := elfsym.NewFile(c, int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	spans, ok := spansOf(f)
	if !ok {
		t.Fatal("no spans")
	}
	if limit := 24*len(syms) + 8192; c.n.Load() > int64(limit) {
		t.Errorf("%d bytes read for %d symbols, %d allowed", c.n.Load(), len(syms), limit)
	}
	before := c.n.Load()
	allocs := testing.AllocsPerRun(10, func() {
		near, ok := spans.Near(0x401000 + 16*777 + 5)
		if !ok {
			t.Fatal("nothing near")
		}
		if got := near.Covering(0x401000 + 16*777 + 5); len(got) != 1 || got[0].Name != "function_with_a_long_name_777" {
			t.Fatalf("%s", lines(got))
		}
	})
	if n := (c.n.Load() - before) / 11; n > 1024 {
		t.Errorf("%d bytes read for an address", n)
	}
	if allocs > 40 {
		t.Errorf("%v allocations for an address", allocs)
	}
}

func BenchmarkSpans(b *testing.B) {
	syms := make([]elfwrite.Symbol, 50000)
	for i := range syms {
		syms[i] = fn(fmt.Sprintf("f%d", i), 0x401000+uint64(i)*16, 16)
	}
	w := program(syms...)
	w.Sections[0] = code(0x401000, 16*len(syms))
	f := parse(b, w.Bytes())
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			spansOf(f)
		}
	})
	spans, _ := spansOf(f)
	b.Run("near", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			spans.Near(0x401000 + 16*7777 + 5)
		}
	})
}
