package elfsym_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
)

// A library that lies within another file has the same symbols, sections, notes
// and build-id, and every offset is larger by where it lies.
func TestBase(t *testing.T) {
	for _, name := range []string{"amd64/libtestbin.so", "amd64/libtestbin-noshdr.so", "i386/libtestbin.so", "s390x/libtestbin.so"} {
		b := testbin.Read(t, name)
		plain := newFile(t, b, 0)
		for _, base := range []int{4096, 3 * 65536} {
			f := newFile(t, slices.Concat(bytes.Repeat([]byte{'x'}, base), b, []byte("behind")), base)
			if f.Base() != elfsym.Offset(base) {
				t.Errorf("%s: base 0x%x", name, f.Base())
			}
			if !bytes.Equal(f.BuildID(), plain.BuildID()) {
				t.Errorf("%s at 0x%x: build-id %x", name, base, f.BuildID())
			}
			n := 0
			want := slices.Collect(symbols(plain))
			for s := range symbols(f) {
				if n >= len(want) || s.Name != want[n].Name || s.Addr != want[n].Addr {
					t.Fatalf("%s at 0x%x: symbol %d is %+v", name, base, n, s)
				}
				n++
				off, err := f.Segments().Code(s.Addr)
				plainOff, plainErr := plain.Segments().Code(s.Addr)
				if (err == nil) != (plainErr == nil) || err == nil && off != plainOff+elfsym.Offset(base) {
					t.Fatalf("%s at 0x%x: %s is at 0x%x, %v; alone at 0x%x", name, base, s.Name, off, err, plainOff)
				}
				if err != nil {
					continue
				}
				code, err := f.Code(off, 8)
				plainCode, _ := plain.Code(plainOff, 8)
				if err != nil || !bytes.Equal(code, plainCode) {
					t.Fatalf("%s at 0x%x: code of %s is %x, %v", name, base, s.Name, code, err)
				}
				if a, err := f.Segments().Addr(off); err != nil || a != s.Addr {
					t.Fatalf("%s: back from 0x%x to 0x%x, %v", name, off, a, err)
				}
			}
			if n == 0 || n != len(want) {
				t.Errorf("%s at 0x%x: %d symbols, want %d", name, base, n, len(want))
			}
		}
	}
}

func symbols(f *elfsym.File) func(func(elfsym.Symbol) bool) {
	return func(yield func(elfsym.Symbol) bool) {
		for s, err := range f.Symbols(elfsym.Symtab | elfsym.Dynsym) {
			if err == nil && s.Defined() && !yield(s) {
				return
			}
		}
	}
}

func newFile(t *testing.T, b []byte, base int) *elfsym.File {
	t.Helper()
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), &elfsym.Options{Base: elfsym.Offset(base)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Beyond the end there is nothing, and where something else is, no ELF file.
func TestBaseOutside(t *testing.T) {
	b := testbin.Read(t, "amd64/libtestbin.so")
	for _, base := range []elfsym.Offset{1, elfsym.Offset(len(b)), elfsym.Offset(len(b)) + 1, math.MaxUint64} {
		f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), &elfsym.Options{Base: base})
		if f != nil || !errors.Is(err, elfsym.ErrNotELF) {
			t.Errorf("at 0x%x: %v, %v", base, f, err)
		}
	}
}
