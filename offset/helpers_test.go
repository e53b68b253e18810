package offset_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// open opens a committed binary for the length of the test.
func open(t testing.TB, name string) *offset.Target {
	t.Helper()
	target, err := offset.Open(testbin.Path(t, name), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	return target
}

// target makes one of bytes.
func target(t testing.TB, b []byte) *offset.Target {
	t.Helper()
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	tg, err := offset.New(f, "/some/file", nil)
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

// resolve resolves one spec, in a file with nothing wrong.
func resolve(t testing.TB, tg *offset.Target, spec offset.Spec) offset.Result {
	t.Helper()
	results, err := tg.Resolve(context.Background(), spec)
	if err != nil || len(results) != 1 {
		t.Fatalf("%s: %d results, error %v", spec, len(results), err)
	}
	return results[0]
}

// typed resolves what a person types.
func typed(t testing.TB, tg *offset.Target, text string) offset.Result {
	t.Helper()
	spec, err := offset.ParseSpec(text)
	if err != nil {
		t.Fatal(err)
	}
	return resolve(t, tg, spec)
}

// places writes offsets in ascending order: "0x10 0x20".
func places(ls []offset.Location) string {
	var offs []uint64
	for _, l := range ls {
		offs = append(offs, uint64(l.Offset))
	}
	return hexes(offs)
}

func hexes(offs []uint64) string {
	slices.Sort(offs)
	return strings.Trim(fmt.Sprintf("%#x", offs), "[]")
}

// drain gathers a listing and its errors.
func drain(seq iter.Seq2[offset.Probe, error]) (probes []offset.Probe, errs []error) {
	for p, err := range seq {
		if err != nil {
			errs = append(errs, err)
		} else {
			probes = append(probes, p)
		}
	}
	return probes, errs
}

// A truth is what debug/elf says of a committed binary, put right for its machine
// in the plainest way.
type truth struct {
	*elf.File
	t testing.TB
}

func truthOf(t testing.TB, name string) truth {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(testbin.Read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	return truth{f, t}
}

// place is the place in the file of an address in code, or of one in data.
func (f truth) place(addr uint64, flags elf.ProgFlag) uint64 {
	f.t.Helper()
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&flags == flags && addr >= p.Vaddr && addr-p.Vaddr < p.Filesz {
			return addr - p.Vaddr + p.Off
		}
	}
	f.t.Fatalf("%#x is nowhere", addr)
	return 0
}

// inCode reports whether a file offset is inside an executable segment.
func (f truth) inCode(off uint64) bool {
	return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool {
		return p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && off >= p.Off && off-p.Off < p.Filesz
	})
}

// A function's address, its entry for calls from within, and its size.
type function struct {
	addr, entry, size uint64
	file              string
}

// functions are those of a name in .symtab, by source file.
func (f truth) functions(name string) []function {
	f.t.Helper()
	syms, err := f.Symbols()
	if err != nil {
		f.t.Fatal(err)
	}
	var out []function
	file := ""
	for _, s := range syms {
		if elf.ST_TYPE(s.Info) == elf.STT_FILE {
			file = s.Name
		}
		if s.Name != name || elf.ST_TYPE(s.Info) != elf.STT_FUNC {
			continue
		}
		fn := function{addr: s.Value, size: s.Size, file: file}
		switch {
		case f.Machine == elf.EM_ARM:
			fn.addr &^= 1
		case f.Machine == elf.EM_PPC64 && f.ByteOrder == binary.BigEndian:
			opd := f.Section(".opd")
			b, err := opd.Data()
			if err != nil {
				f.t.Fatal(err)
			}
			fn.addr = binary.BigEndian.Uint64(b[s.Value-opd.Addr:])
		}
		fn.entry = fn.addr
		if f.Machine == elf.EM_PPC64 && f.ByteOrder == binary.LittleEndian {
			fn.entry += 1 << (s.Other >> 5) &^ 3
		}
		out = append(out, fn)
	}
	if len(out) == 0 {
		f.t.Fatalf("no function %s", name)
	}
	slices.SortFunc(out, func(a, b function) int { return strings.Compare(a.file, b.file) })
	return out
}

// A site of a USDT probe, and its semaphore.
type site struct{ addr, semaphore uint64 }

// sites are those of a probe, from notes that lie one behind the other.
func (f truth) sites(probe string) []site {
	f.t.Helper()
	b, err := f.Section(".note.stapsdt").Data()
	if err != nil {
		f.t.Fatal(err)
	}
	word := 8
	if f.Class == elf.ELFCLASS32 {
		word = 4
	}
	number := func(b []byte) uint64 {
		if word == 4 {
			return uint64(f.ByteOrder.Uint32(b))
		}
		return f.ByteOrder.Uint64(b)
	}
	var out []site
	for len(b) > 0 {
		size := int(f.ByteOrder.Uint32(b[4:]))
		desc := b[20 : 20+size]
		text := strings.Split(string(desc[3*word:]), "\x00")
		if text[0]+":"+text[1] == probe {
			out = append(out, site{number(desc), number(desc[2*word:])})
		}
		b = b[20+(size+3)&^3:]
	}
	if len(out) == 0 {
		f.t.Fatalf("no probe %s", probe)
	}
	return out
}

// function is a symbol of a function in .text.
func fn(name string, addr, size uint64) elfwrite.Symbol {
	return elfwrite.Symbol{Name: name, Value: addr, Size: size, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"}
}

// program is a small executable: code at 0x401000, read-only data at 0x403000,
// data at 0x404000 with zeroed memory behind it, and these symbols in .symtab.
func program(syms ...elfwrite.Symbol) *elfwrite.File {
	f := &elfwrite.File{
		Machine: elf.EM_X86_64, Type: elf.ET_EXEC,
		Sections: []elfwrite.Section{
			{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x401000, Bytes: make([]byte, 0x1000)},
			{Name: ".rodata", Flags: elf.SHF_ALLOC, Addr: 0x403000, Bytes: make([]byte, 0x100)},
			{Name: ".data", Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: 0x404000, Bytes: make([]byte, 0x100)},
			{Name: ".bss", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: 0x404100, Size: 0x100},
		},
		Symbols: syms,
	}
	for _, s := range []struct {
		flags       elf.ProgFlag
		first, last string
	}{{elf.PF_R | elf.PF_X, ".text", ".text"}, {elf.PF_R, ".rodata", ".rodata"}, {elf.PF_R | elf.PF_W, ".data", ".bss"}} {
		f.Segments = append(f.Segments, elfwrite.Segment{Type: elf.PT_LOAD, Flags: s.flags, Covers: [2]string{s.first, s.last}, Align: 0x1000})
	}
	return f
}

func noteSection(notes ...elfwrite.Note) elfwrite.Section {
	return elfwrite.Section{Name: ".note.stapsdt", Notes: notes}
}
