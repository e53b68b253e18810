package elfsym_test

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// parse opens bytes that must be good enough to open.
func parse(t testing.TB, b []byte) *elfsym.File {
	t.Helper()
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// open opens a committed binary for the length of the test.
func open(t testing.TB, name string) *elfsym.File {
	t.Helper()
	f, err := elfsym.Open(testbin.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// drain gathers a sequence: its values and its errors.
func drain[T any](seq iter.Seq2[T, error]) (all []T, errs []error) {
	for v, err := range seq {
		if err != nil {
			errs = append(errs, err)
		} else {
			all = append(all, v)
		}
	}
	return all, errs
}

// mustDrain is drain where nothing may go wrong.
func mustDrain[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	all, errs := drain(seq)
	for _, err := range errs {
		t.Error(err)
	}
	return all
}

// show writes symbols as sorted lines: name, address, size.
func show(syms []elfsym.Symbol) string {
	lines := make([]string, len(syms))
	for i := range syms {
		lines[i] = fmt.Sprintf("%s 0x%x %d", syms[i].FullName(), uint64(syms[i].Addr), syms[i].Size)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// wantError checks that there is one error, that it wraps sentinel, and that
// its text has a part.
func wantError(t testing.TB, what string, err, sentinel error, part string) {
	t.Helper()
	if !errors.Is(err, sentinel) || !strings.Contains(err.Error(), part) {
		t.Errorf("%s: error %v, want one that wraps %q and has %q", what, err, sentinel, part)
	}
}

// code is a section .text of n bytes at addr, and load the segment over it.
func code(addr uint64, n int) elfwrite.Section {
	return elfwrite.Section{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: addr, Bytes: make([]byte, n), Align: 16}
}

func load(flags elf.ProgFlag, first, last string) elfwrite.Segment {
	return elfwrite.Segment{Type: elf.PT_LOAD, Flags: flags, Covers: [2]string{first, last}, Align: 0x1000}
}

const rx, rw = elf.PF_R | elf.PF_X, elf.PF_R | elf.PF_W

// fn is a defined global function.
func fn(name string, addr, size uint64) elfwrite.Symbol {
	return elfwrite.Symbol{Name: name, Value: addr, Size: size, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"}
}

// program is a small executable with these symbols in .symtab.
func program(syms ...elfwrite.Symbol) *elfwrite.File {
	return &elfwrite.File{
		Machine: elf.EM_X86_64, Type: elf.ET_EXEC,
		Sections: []elfwrite.Section{code(0x401000, 0x1000)},
		Segments: []elfwrite.Segment{load(rx, ".text", ".text")},
		Symbols:  syms,
	}
}

// library is a small shared object with these symbols in .dynsym, none of which
// is local, and a GNU hash table of one bucket over those from hashed on.
func library(m elf.Machine, hashed int, syms ...elfwrite.Symbol) *elfwrite.File {
	f := program()
	f.Machine, f.Type, f.Dynsyms = m, elf.ET_DYN, syms
	f.Sections = append(f.Sections, elfwrite.Section{
		Name: ".gnu.hash", Type: elf.SHT_GNU_HASH, Link: ".dynsym", Align: 8, Bytes: gnuHashTable(f, hashed, syms),
	})
	return f
}

// numbers encodes 32-bit words, or 64-bit ones.
func numbers(f *elfwrite.File, wide bool, ns ...uint64) []byte {
	var b []byte
	for _, n := range ns {
		word := []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
		if wide {
			word = append(word, byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
		}
		if f.Data == elf.ELFDATA2MSB {
			slices.Reverse(word)
		}
		b = append(b, word...)
	}
	return b
}

func gnuHashTable(f *elfwrite.File, hashed int, syms []elfwrite.Symbol) []byte {
	b := numbers(f, false, 1, uint64(hashed+1), 1, 6) // nbuckets, symoffset, bloom words, shift
	b = append(b, numbers(f, f.Class != elf.ELFCLASS32, ^uint64(0))...)
	b = append(b, numbers(f, false, uint64(hashed+1))...)
	for i := hashed; i < len(syms); i++ {
		h := uint32(5381)
		for _, c := range []byte(syms[i].Name) {
			h = h*33 + uint32(c)
		}
		h &^= 1
		if i == len(syms)-1 {
			h |= 1
		}
		b = append(b, numbers(f, false, uint64(h))...)
	}
	return b
}

// sysvHashTable has one bucket, in which every symbol is.
func sysvHashTable(f *elfwrite.File, syms []elfwrite.Symbol) []byte {
	wide := f.Class != elf.ELFCLASS32 && (f.Machine == elf.EM_S390 || f.Machine == elf.EM_ALPHA)
	n := uint64(len(syms) + 1)
	words := []uint64{1, n, n - 1, 0}
	for i := uint64(1); i < n; i++ {
		words = append(words, i-1)
	}
	return numbers(f, wide, words...)
}

// edited is a committed binary after an edit of the content of one section.
func edited(t testing.TB, name, section string, edit func(b []byte)) []byte {
	t.Helper()
	b := testbin.Read(t, name)
	s := headerOf(t, b, section)
	edit(b[s.Offset : s.Offset+s.FileSize])
	return b
}

// headerOf is a section as debug/elf sees it.
func headerOf(t testing.TB, b []byte, section string) *elf.Section {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Section(section)
	if s == nil {
		t.Fatalf("no section %s", section)
	}
	return s
}

// retyped gives a section header another type, which is how a file loses a
// table.
func retyped(t testing.TB, b []byte, section string, typ elf.SectionType) []byte {
	t.Helper()
	order, at := sectionHeader(t, b, section)
	order.PutUint32(b[at+4:], uint32(typ))
	return b
}

// movedSection gives a section header of a 64-bit file another offset.
func movedSection(t testing.TB, b []byte, section string, off uint64) []byte {
	t.Helper()
	order, at := sectionHeader(t, b, section)
	order.PutUint64(b[at+24:], off)
	return b
}

// sectionHeader is where a section header is.
func sectionHeader(t testing.TB, b []byte, section string) (binary.ByteOrder, uint64) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	shoff, entry := uint64(0), uint64(64)
	if f.Class == elf.ELFCLASS32 {
		shoff, entry = uint64(f.ByteOrder.Uint32(b[32:])), 40
	} else {
		shoff = f.ByteOrder.Uint64(b[40:])
	}
	for i, s := range f.Sections {
		if s.Name == section {
			return f.ByteOrder, shoff + uint64(i)*entry
		}
	}
	t.Fatalf("no section %s", section)
	return nil, 0
}

// A counter is a reader that writes down what is read.
type counter struct {
	r     io.ReaderAt
	reads []string
	bytes int
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	c.reads = append(c.reads, fmt.Sprintf("%d@0x%x", len(p), off))
	c.bytes += len(p)
	return c.r.ReadAt(p, off)
}

// A shrinking reader ends at size, which can change.
type shrinking struct {
	b    []byte
	size atomic.Int64
}

func (s *shrinking) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(s.b[:s.size.Load()]).ReadAt(p, off)
}

// many are n functions with names of their own, 16 bytes apart, shuffled.
func many(n int) []elfwrite.Symbol {
	syms := make([]elfwrite.Symbol, n)
	for i := range syms {
		syms[i] = fn(fmt.Sprintf("a_function_number_%06d", i), 0x401000+uint64(i%256)*16, 16)
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(syms), func(i, j int) { syms[i], syms[j] = syms[j], syms[i] })
	return syms
}

func byIndex(a, b elfsym.Symbol) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Index, b.Index))
}
