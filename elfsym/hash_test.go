package elfsym_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// Hash tables of every layout; on s390x and alpha a 64-bit file's .hash has
// entries of eight bytes.
func TestHashLayouts(t *testing.T) {
	syms := []elfwrite.Symbol{fn("imported", 0, 0), fn("first", 0x401010, 1), fn("second", 0x401020, 2), fn("third", 0x401030, 3)}
	syms[0].Section = ""
	for _, l := range layouts {
		for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_S390, elf.EM_ALPHA, elf.EM_MIPS} {
			for _, gnu := range []bool{true, false} {
				w := program()
				w.Class, w.Data, w.Machine, w.Dynsyms = l.class, l.data, m, syms
				s := elfwrite.Section{Name: ".gnu.hash", Type: elf.SHT_GNU_HASH, Align: 8}
				if s.Bytes = gnuHashTable(w, 1, syms); !gnu {
					s.Name, s.Type, s.Bytes = ".hash", elf.SHT_HASH, sysvHashTable(w, syms)
				}
				w.Sections = append(w.Sections, s)
				b := w.Bytes()
				c := &counter{r: bytes.NewReader(b)}
				f, err := elfsym.NewFile(c, int64(len(b)), nil)
				if err != nil {
					t.Fatal(err)
				}
				what := fmt.Sprint(l.class, l.data, m, s.Name)
				f.Has(elfsym.Dynsym)
				before := c.bytes
				if got := show(mustDrain(t, f.Lookup(elfsym.Dynsym, "second"))); got != "second 0x401020 2" {
					t.Errorf("%s: found %q", what, got)
				}
				if n := c.bytes - before; n > 300 {
					t.Errorf("%s: %d bytes read: the hash table was not used", what, n)
				}
				if got := show(mustDrain(t, f.Lookup(elfsym.Dynsym, "imported", "third", "absent"))); got != "imported 0x0 0\nthird 0x401030 3" {
					t.Errorf("%s: found %q", what, got)
				}
			}
		}
	}
}

// A damaged hash table is reported, and the strings are searched instead.
func TestHashDamaged(t *testing.T) {
	le := binary.LittleEndian
	buckets := func(b []byte) uint32 { return 16 + 8*le.Uint32(b[8:]) } // behind the bloom words
	for _, c := range []struct {
		what, file, section string
		edit                func(b []byte)
		found               bool // although it is damaged, the table has led to it
		err                 error
	}{
		{"too many buckets", "amd64/libtestbin.so", ".gnu.hash", func(b []byte) { le.PutUint32(b, 1<<31) }, false, elfsym.ErrDamaged},
		{"too many bloom words", "amd64/libtestbin.so", ".gnu.hash", func(b []byte) { le.PutUint32(b[8:], 1<<31) }, false, elfsym.ErrDamaged},
		{"buckets lead outside", "amd64/libtestbin.so", ".gnu.hash", func(b []byte) {
			for i := range le.Uint32(b) {
				le.PutUint32(b[buckets(b)+4*i:], 1<<20)
			}
		}, false, elfsym.ErrDamaged},
		{"chains without an end", "amd64/libtestbin.so", ".gnu.hash", func(b []byte) {
			for chain := b[buckets(b)+4*le.Uint32(b):]; len(chain) > 0; chain = chain[4:] {
				chain[0] &^= 1
			}
		}, true, elfsym.ErrDamaged},
		{"too many buckets", "amd64/libtestbin-sysv.so", ".hash", func(b []byte) { le.PutUint32(b, 1<<31) }, false, elfsym.ErrDamaged},
		{"too many chains", "amd64/libtestbin-sysv.so", ".hash", func(b []byte) { le.PutUint32(b[4:], 1<<31) }, false, elfsym.ErrDamaged},
		{"buckets lead outside", "amd64/libtestbin-sysv.so", ".hash", func(b []byte) {
			for i := range le.Uint32(b) {
				le.PutUint32(b[8+4*i:], 1<<20)
			}
		}, false, elfsym.ErrDamaged},
		{"chains are rings", "amd64/libtestbin-sysv.so", ".hash", func(b []byte) {
			at := 8 + 4*le.Uint32(b)
			for i := range le.Uint32(b[4:]) {
				le.PutUint32(b[at+4*i:], i)
			}
		}, true, elfsym.ErrLimit},
	} {
		f := parse(t, edited(t, c.file, c.section, c.edit))
		want := reference(f, elfsym.Dynsym, []string{"ver_func"})
		got, errs := drain(f.Lookup(elfsym.Dynsym, "ver_func"))
		sameSymbols(t, c.what, got, want)
		if len(errs) != 1 || !errors.Is(errs[0], c.err) {
			t.Errorf("%s: %s: errors %v", c.file, c.what, errs)
		}
		_, errs = drain(f.Lookup(elfsym.Dynsym, "ver_func", "lib_func", "absent"))
		if len(errs) != 1 {
			t.Errorf("%s: %s: errors %v of three names", c.file, c.what, errs)
		}
	}
	// Without section headers the table must be whole, for nothing else says
	// how many symbols there are.
	b := testbin.Read(t, "amd64/libtestbin-noshdr.so")
	at := int(headerOf(t, testbin.Read(t, "amd64/libtestbin.so"), ".gnu.hash").Offset)
	le.PutUint32(b[at:], 1<<31)
	syms, errs := drain(parse(t, b).Symbols(elfsym.Dynsym))
	if len(syms) != 0 || len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrDamaged) {
		t.Errorf("%d symbols, errors %v", len(syms), errs)
	}
}

// A hostile chain over the whole table is not walked for each of many names.
func TestHashLongChain(t *testing.T) {
	const n = 100_000
	syms := make([]elfwrite.Symbol, n)
	for i := range syms {
		syms[i] = fn("s", 0x401000, 1) // one string, and one hash
	}
	b := library(elf.EM_X86_64, 0, syms...).Bytes()
	c := &counter{r: bytes.NewReader(b)}
	f, err := elfsym.NewFile(c, int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("absent%d", i)
	}
	syms2, errs := drain(f.Lookup(elfsym.Dynsym, names...))
	if len(syms2) != 0 || len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrLimit) {
		t.Errorf("%d symbols, errors %v", len(syms2), errs)
	}
	if len(c.reads) > 500_000 {
		t.Errorf("%d reads", len(c.reads))
	}
	c.reads = nil
	if got, _ := drain(f.Lookup(elfsym.Dynsym, "s")); len(got) != n {
		t.Errorf("%d symbols found of %d", len(got), n)
	}
}
