package offset_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// A reader that writes down which bytes were asked for.
type reader struct {
	*bytes.Reader
	mu    sync.Mutex // DWARF is read by several goroutines
	reads [][2]int64 // from, to
	total int64
}

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads = append(r.reads, [2]int64{off, off + int64(len(p))})
	r.total += int64(len(p))
	return r.Reader.ReadAt(p, off)
}

func (r *reader) reset() { r.reads, r.total = nil, 0 }

// touched is the first section of those named that was read from, other than by
// the first read, of the file's head.
func (r *reader) touched(f *elf.File, sections ...string) string {
	for _, s := range f.Sections {
		if slices.Contains(sections, s.Name) && slices.ContainsFunc(r.reads, func(x [2]int64) bool {
			return x[0] > 0 && x[0] < int64(s.Offset+s.FileSize) && x[1] > int64(s.Offset)
		}) {
			return s.Name
		}
	}
	return ""
}

func counted(t *testing.T, b []byte) (*offset.Target, *reader) {
	r := &reader{Reader: bytes.NewReader(b)}
	f, err := elfsym.NewFile(r, int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	tg, err := offset.New(f, "/some/file", nil)
	if err != nil {
		t.Fatal(err)
	}
	return tg, r
}

// Listing USDT probes, and resolving one, reads no symbol table; and a listing
// has yielded them all before it reads one.
func TestUSDTReadsNoSymbols(t *testing.T) {
	tables := []string{".symtab", ".strtab", ".dynsym", ".dynstr", ".gnu.hash", ".gnu.version"}
	for _, name := range []string{"amd64/probe-pie", "s390x/probe-pie", "i386/libtestbin.so", "amd64/libtestbin.so"} {
		b := testbin.Read(t, name)
		f, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		tg, r := counted(t, b)
		if probes, errs := drain(tg.Probes(t.Context(), offset.Query{Kinds: offset.KindUSDT})); len(probes) == 0 || len(errs) > 0 {
			t.Fatalf("%s: %v", name, errs)
		}
		if s := r.touched(f, tables...); s != "" || len(r.reads) > 6 {
			t.Errorf("%s: listing USDT: %d reads, one of %s", name, len(r.reads), s)
		}
		for p, err := range tg.Probes(t.Context(), offset.Query{}) {
			if s := r.touched(f, tables...); err == nil && p.Kind == offset.KindUSDT && s != "" {
				t.Errorf("%s: %s was read before %s was yielded", name, s, p.Name())
			}
		}
		if r.touched(f, tables...) == "" {
			t.Errorf("%s: functions without a symbol table", name)
		}
		tg, r = counted(t, b)
		sites, _ := drain(tg.Probes(t.Context(), offset.Query{Kinds: offset.KindUSDT}))
		if res := resolve(t, tg, offset.USDT(sites[0].Site.Provider, sites[0].Site.Name)); res.Err != nil || r.touched(f, tables...) != "" {
			t.Errorf("%s: %v, %s read", name, res.Err, r.touched(f, tables...))
		}
	}
}

// One exported name among many costs a few small reads.
func TestOneNameReadsLittle(t *testing.T) {
	tg, r := counted(t, bigLibrary(20000))
	if res := typed(t, tg, "function_number_12345"); len(res.Locations) != 1 || res.Locations[0].Addr != 0x401000+12345 {
		t.Fatalf("%+v", res)
	}
	if r.total >= 4096 || len(r.reads) > 24 {
		t.Errorf("%d bytes in %d reads: %v", r.total, len(r.reads), r.reads)
	}
	t.Logf("%d bytes in %d reads", r.total, len(r.reads))
	// A second name, when the file is known, less than that.
	r.reset()
	if l, err := typed(t, tg, "function_number_00777").One(); err != nil || l.Addr != 0x401000+777 {
		t.Fatalf("%+v, %v", l, err)
	}
	if r.total >= 1024 {
		t.Errorf("%d bytes in %d reads: %v", r.total, len(r.reads), r.reads)
	}
}

// bigLibrary is a shared library that exports n functions, with a GNU hash
// table.
func bigLibrary(n int) []byte {
	const buckets = 4096
	hash := func(name string) uint32 {
		h := uint32(5381)
		for _, c := range []byte(name) {
			h = h*33 + uint32(c)
		}
		return h
	}
	file := program()
	file.Type = elf.ET_DYN
	file.Sections[0].Bytes = make([]byte, n)
	file.Sections[0].Addr = 0x401000
	for i := range file.Sections[1:] {
		file.Sections[i+1].Addr += 0x1000000
	}
	for i := range n {
		file.Dynsyms = append(file.Dynsyms, fn(fmt.Sprintf("function_number_%05d", i), 0x401000+uint64(i), 1))
	}
	slices.SortStableFunc(file.Dynsyms, func(a, b elfwrite.Symbol) int { return int(hash(a.Name)%buckets) - int(hash(b.Name)%buckets) })
	words := []uint32{buckets, 1, 1, 6, ^uint32(0), ^uint32(0)} // buckets, first symbol, one word of Bloom filter that lets all pass
	first := make([]uint32, buckets)
	chain := make([]uint32, n)
	for i, s := range file.Dynsyms {
		b := hash(s.Name) % buckets
		if first[b] == 0 {
			first[b] = uint32(i + 1)
		}
		chain[i] = hash(s.Name) &^ 1
		if i+1 == n || hash(file.Dynsyms[i+1].Name)%buckets != b {
			chain[i] |= 1
		}
	}
	var table []byte
	for _, w := range slices.Concat(words, first, chain) {
		table = append(table, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
	}
	file.Sections = append(file.Sections, elfwrite.Section{Name: ".gnu.hash", Type: elf.SHT_GNU_HASH, Link: ".dynsym", Align: 8, Bytes: table})
	return file.Bytes()
}
