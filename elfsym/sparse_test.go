package elfsym_test

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/skip"
)

// sparse is a file of any size that is zeros but for its beginning, as a file system keeps it in a few kilobytes: what
// it claims to hold, it holds. It counts what is read, by several goroutines perhaps.
type sparse struct {
	head []byte
	size int64
	read atomic.Uint64
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.size-off))
	clear(p[:n])
	if off < int64(len(s.head)) {
		copy(p[:n], s.head[off:])
	}
	s.read.Add(uint64(n))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// askAll is all questions that read tables; how many errors there were, and whether each is one of the limit's.
func askAll(f *elfsym.File) (errs []error, symbols, notes, starts int) {
	keep := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	_, err := f.Sections()
	keep(err)
	f.Section(".absent")
	for _, err := range f.Notes() {
		notes++
		keep(err)
	}
	f.BuildID()
	for _, err := range f.Symbols(elfsym.Symtab | elfsym.Dynsym) {
		symbols++
		keep(err)
	}
	for _, err := range f.Lookup(elfsym.Symtab|elfsym.Dynsym, "one", "absent") {
		keep(err)
	}
	for _, err := range f.Starts() {
		starts++
		keep(err)
	}
	for _, err := range f.Pointers() {
		keep(err)
	}
	_, err = f.Linking()
	keep(err)
	_, err = f.GoFuncs()
	keep(err)
	return errs, symbols, notes, starts
}

// What a file claims and, being sparse, has: counts and sizes far beyond those of programs. Nothing may be read or
// allocated without end, and what is over a limit is said to be.
func TestSparse(t *testing.T) {
	const size = 1 << 41 // 2 TiB
	section := func(name string, edit func(s *elf.Section64)) func(w *elfwrite.File) {
		return func(w *elfwrite.File) {
			w.EditSection = func(n string, s *elf.Section64) {
				if n == name {
					edit(s)
				}
			}
		}
	}
	for _, tt := range []struct {
		what  string
		edit  func(w *elfwrite.File)
		limit bool // an error of the limit's is wanted
		read  uint64
	}{
		{"nothing", func(*elfwrite.File) {}, false, 1 << 16},
		{"2^32 symbols", section(".symtab", func(s *elf.Section64) { s.Size = 24 << 32 }), true, 1 << 16},
		{"2^26 symbols more than are allowed", section(".symtab", func(s *elf.Section64) { s.Size = 24 << 27 }), true, 1 << 16},
		{"2^32 dynamic symbols", section(".dynsym", func(s *elf.Section64) { s.Size = 24 << 32 }), true, 1 << 16},
		// Names are searched as far as 32 bits can say where one is.
		{"strings of 1 TiB", section(".strtab", func(s *elf.Section64) { s.Size = 1 << 40 }), true, 1<<32 + 1<<18},
		{"dynamic strings of 1 TiB", section(".dynstr", func(s *elf.Section64) { s.Size = 1 << 40 }), true, 1<<32 + 1<<18},
		{"notes of 4 GiB", section(".note", func(s *elf.Section64) { s.Size = 1 << 32 }), true, 1 << 16},
		{"a note of 4 GiB", func(w *elfwrite.File) {
			w.Sections[len(w.Sections)-1].Bytes = []byte("\x04\x00\x00\x00\xff\xff\xff\xff\x03\x00\x00\x00GNU\x00")
			section(".note", func(s *elf.Section64) { s.Size = 1<<32 + 16 })(w)
		}, true, 1 << 16},
		{"section names of 1 TiB", section(".shstrtab", func(s *elf.Section64) { s.Size = 1 << 40 }), true, 1 << 31},
		{"a hash table of 1 TiB", section(".gnu.hash", func(s *elf.Section64) { s.Size = 1 << 40 }), false, 1 << 31},
		{"frames of 1 TiB", section(".eh_frame", func(s *elf.Section64) { s.Size = 1 << 40 }), true, 1 << 31},
		{"relocations of 1 TiB", section(".rela.dyn", func(s *elf.Section64) { s.Size = 24 << 36 }), false, 1 << 31},
	} {
		t.Run(tt.what, func(t *testing.T) {
			w := library(elf.EM_X86_64, 1, fn("one", 0x401010, 1), fn("two", 0x401020, 2))
			w.Symbols = w.Dynsyms
			w.Sections = append(w.Sections,
				elfwrite.Section{Name: ".rela.dyn", Type: elf.SHT_RELA, Bytes: make([]byte, 24)},
				elfwrite.Section{Name: ".eh_frame", Flags: elf.SHF_ALLOC, Bytes: make([]byte, 24)},
				elfwrite.Section{Name: ".note", Type: elf.SHT_NOTE, Bytes: make([]byte, 12)})
			tt.edit(w)
			r := &sparse{head: w.Bytes(), size: size}
			f, err := elfsym.NewFile(r, size, nil)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			errs, _, _, _ := askAll(f)
			runtime.ReadMemStats(&after)
			limit := false
			for _, err := range errs {
				limit = limit || errors.Is(err, elfsym.ErrLimit)
			}
			if limit != tt.limit {
				t.Errorf("errors %v", errs)
			}
			if n := after.TotalAlloc - before.TotalAlloc; r.read.Load() > tt.read || n > 64<<20 {
				t.Errorf("%d bytes were read, %d allowed, and %d KB allocated", r.read.Load(), tt.read, n>>10)
			}
		})
	}
}

// A million section headers are read, and held in memory in proportion; one more than the limit is not.
func TestMillionSections(t *testing.T) {
	open := func(n uint64) (*elfsym.File, *sparse) {
		w := program(fn("one", 0x401010, 1))
		b := w.Bytes()
		binary.LittleEndian.PutUint64(b[40:], uint64(len(b))) // e_shoff
		binary.LittleEndian.PutUint32(b[60:], 0)              // e_shnum, and e_shstrndx: no names
		head := append(b, make([]byte, 64)...)
		binary.LittleEndian.PutUint64(head[len(b)+32:], n) // sh_size of section 0
		r := &sparse{head: head, size: 1 << 41}
		f, err := elfsym.NewFile(r, r.size, nil)
		if err != nil {
			t.Fatal(err)
		}
		return f, r
	}
	n := uint64(1_000_000)
	if skip.Race {
		n /= 10 // it takes seconds
	}
	f, r := open(n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	secs, err := f.Sections()
	askAll(f)
	runtime.ReadMemStats(&after)
	if err != nil || uint64(len(secs)) != n {
		t.Errorf("%d sections, %v", len(secs), err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; r.read.Load() > 70<<20 || n > 512<<20 {
		t.Errorf("%d KB read, %d KB allocated", r.read.Load()>>10, n>>10)
	}
	for _, n := range []uint64{1<<20 + 1, 1 << 32, 1<<64 - 1} {
		f, r := open(n)
		if secs, err := f.Sections(); len(secs) != 0 || !errors.Is(err, elfsym.ErrLimit) || r.read.Load() > 1<<16 {
			t.Errorf("%d sections claimed: %d, %v, %d bytes read", n, len(secs), err, r.read.Load())
		}
	}
}
