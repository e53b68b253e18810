package elfsym_test

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// checkInOrder compares functions by address and by name with a table of all; it is how
// many there are.
func checkInOrder(t *testing.T, f *elfsym.File) (n int) {
	t.Helper()
	spans, ok := spansOf(f)
	if !ok {
		return 0
	}
	table := allFunctions(f)
	for _, o := range []struct {
		name  string
		spans func(context.Context) (iter.Seq2[elfsym.Symbol, error], bool)
		table iter.Seq[*elfsym.Symbol]
	}{{"address", spans.ByAddr, table.ByAddr()}, {"name", spans.ByName, table.All()}} {
		syms, ok := o.spans(context.Background())
		if !ok {
			continue
		}
		n = 0
		var got, want string
		for s, err := range syms {
			if errors.Is(err, elfsym.ErrLimit) {
				return n // which names are left out depends on the order
			}
			if err != nil {
				t.Error(err)
				continue
			}
			got += fmt.Sprintf("%+v\n", s)
			n++
		}
		for s := range o.table {
			want += fmt.Sprintf("%+v\n", *s)
		}
		if got != want {
			t.Errorf("by %s\n%s of all\n%s", o.name, got, want)
		}
	}
	return n
}

func TestInOrder(t *testing.T) {
	files, n := 0, 0
	for _, name := range testbin.All(t) {
		f := open(t, name)
		k := checkInOrder(t, f)
		if k == 0 {
			continue
		}
		files, n = files+1, n+k
		if spans, ok := spansOf(f); ok {
			_, byAddr := spans.ByAddr(context.Background())
			if _, byName := spans.ByName(context.Background()); !byAddr || !byName {
				t.Errorf("%s: by address %v, by name %v", name, byAddr, byName)
			}
		}
	}
	if files < 60 || n < 1200 {
		t.Errorf("only %d files, %d functions", files, n)
	}
}

// Several at one address, of one name and of several, with and without a size, local to
// several files, in one table and both, and so many that parts are cut in their midst.
func TestInOrderAliases(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var syms []elfwrite.Symbol
	for i := range 3000 {
		s := fn(fmt.Sprintf("function_%d", i*7%3000), 0x401000+uint64(i/7*32), uint64(i%5*8))
		if i%11 == 0 {
			syms = append(syms, elfwrite.Symbol{Name: fmt.Sprintf("file_%d.c", i), Type: elf.STT_FILE, Index: elf.SHN_ABS})
		}
		if i%3 == 0 {
			s.Bind = elf.STB_LOCAL
		}
		if syms = append(syms, s); i%4 == 0 {
			s.Size, s.Bind = 0, elf.STB_WEAK
			syms = append(syms, s)
		}
		if i%10 == 0 {
			s.Name += "@V" + fmt.Sprint(i%3)
			syms = append(syms, s)
		}
	}
	for range 2500 {
		syms = append(syms, fn("many", 0x401020, 8))
	}
	syms = append(syms, fn("@nameless", 0x401004, 0))
	w := program(syms...)
	w.Sections[0] = code(0x401000, 0x10000)
	if n := checkInOrder(t, parse(t, w.Bytes())); n < 3000 {
		t.Errorf("%d functions", n)
	}
}

func TestInOrderStops(t *testing.T) {
	var syms []elfwrite.Symbol
	for i := range 20_000 {
		syms = append(syms, fn(fmt.Sprintf("function_%d", i), 0x401000+uint64(i*16), 16))
	}
	w := program(syms...)
	w.Sections[0] = code(0x401000, 20_000*16)
	spans, ok := spansOf(parse(t, w.Bytes()))
	if !ok {
		t.Fatal("no spans")
	}
	before := runtime.NumGoroutine()
	for _, most := range []int{1, 5000} {
		ctx, cancel := context.WithCancel(context.Background())
		all, _ := spans.ByAddr(ctx)
		n := 0
		for range all {
			if n++; n == most {
				cancel()
			}
			if n == most+5000 {
				break
			}
		}
		if n < most || n > most+2000 {
			t.Errorf("%d came after it was cancelled at %d", n, most)
		}
		cancel()
	}
	for i := 0; i < 1000 && runtime.NumGoroutine() > before; i++ {
		time.Sleep(time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, and %d before", after, before)
	}
}
