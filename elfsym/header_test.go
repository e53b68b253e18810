package elfsym_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

var layouts = []struct {
	class elf.Class
	data  elf.Data
}{
	{elf.ELFCLASS32, elf.ELFDATA2LSB}, {elf.ELFCLASS32, elf.ELFDATA2MSB},
	{elf.ELFCLASS64, elf.ELFDATA2LSB}, {elf.ELFCLASS64, elf.ELFDATA2MSB},
}

func TestHeader(t *testing.T) {
	for _, l := range layouts {
		t.Run(fmt.Sprint(l.class, l.data), func(t *testing.T) {
			w := program(fn("f", 0x401010, 5))
			w.Class, w.Data, w.Machine, w.Entry, w.Flags = l.class, l.data, elf.EM_MIPS, 0x401234, 0x70001007
			f := parse(t, w.Bytes())
			if f.Class() != l.class || f.ByteOrder() != l.data || f.Machine() != elf.EM_MIPS || f.Type() != elf.ET_EXEC ||
				f.Entry() != 0x401234 || f.Flags() != 0x70001007 || f.Name() != "" || f.Size() != int64(len(w.Bytes())) {
				t.Errorf("header: %v %v %v %v entry 0x%x flags 0x%x name %q size %d", f.Class(), f.ByteOrder(), f.Machine(),
					f.Type(), uint64(f.Entry()), f.Flags(), f.Name(), f.Size())
			}
			if got := f.Segments().All(); len(got) != 1 || got[0].Addr != 0x401000 || got[0].Flags != rx || got[0].MemSize != 0x1000 || got[0].Align != 0x1000 {
				t.Errorf("segments: %+v", got)
			}
			if s := f.Section(".text"); s == nil || s.Addr != 0x401000 || s.Size != 0x1000 || s.Flags != elf.SHF_ALLOC|elf.SHF_EXECINSTR || s.AddrAlign != 16 {
				t.Errorf(".text: %+v", s)
			}
			if got := show(mustDrain(t, f.Symbols(elfsym.Symtab))); got != "f 0x401010 5" {
				t.Errorf("symbols: %s", got)
			}
		})
	}
}

// What debug/elf says of the committed binaries, this package says too.
func TestHeaderFixtures(t *testing.T) {
	for _, name := range testbin.All(t) {
		b := testbin.Read(t, name)
		want, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		f := parse(t, b)
		if f.Class() != want.Class || f.ByteOrder() != want.Data || f.Machine() != want.Machine || f.Type() != want.Type || uint64(f.Entry()) != want.Entry {
			t.Errorf("%s: %v %v %v %v, want %+v", name, f.Class(), f.ByteOrder(), f.Machine(), f.Type(), want.FileHeader)
		}
		segs := f.Segments().All()
		if len(segs) != len(want.Progs) {
			t.Fatalf("%s: %d segments, want %d", name, len(segs), len(want.Progs))
		}
		for i, s := range segs {
			w := want.Progs[i].ProgHeader
			if got := (elf.ProgHeader{Type: s.Type, Flags: s.Flags, Off: uint64(s.Offset), Vaddr: uint64(s.Addr), Paddr: w.Paddr,
				Filesz: s.FileSize, Memsz: s.MemSize, Align: s.Align}); got != w {
				t.Errorf("%s: segment %d is %+v, want %+v", name, i, got, w)
			}
		}
		secs, err := f.Sections()
		if err != nil || len(secs) != len(want.Sections) {
			t.Fatalf("%s: %d sections, want %d, %v", name, len(secs), len(want.Sections), err)
		}
		for i, s := range secs {
			w := want.Sections[i].SectionHeader
			if w.Flags&elf.SHF_COMPRESSED != 0 {
				w.Addralign = s.AddrAlign // debug/elf gives that of the inflated content
			}
			if s.Index != i || s.Name != w.Name || s.Type != w.Type || s.Flags != w.Flags || uint64(s.Addr) != w.Addr || uint64(s.Offset) != w.Offset ||
				s.Size != w.FileSize || s.Link != w.Link || s.Info != w.Info || s.AddrAlign != w.Addralign || s.EntSize != w.Entsize {
				t.Errorf("%s: section %d is %+v, want %+v", name, i, s, w)
			}
		}
		if err := f.Truncated(); err != nil && !strings.HasSuffix(name, ".debug") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Headers that lie.
func TestHeaderDamaged(t *testing.T) {
	for _, c := range []struct {
		what string
		edit func(h *elf.Header64)
		err  error
		part string
	}{
		{"class 0", func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = 0 }, elfsym.ErrDamaged, "class 0"},
		{"class 3", func(h *elf.Header64) { h.Ident[elf.EI_CLASS] = 3 }, elfsym.ErrDamaged, "class 3"},
		{"no byte order", func(h *elf.Header64) { h.Ident[elf.EI_DATA] = 9 }, elfsym.ErrDamaged, "byte order 9"},
		{"e_phentsize 0", func(h *elf.Header64) { h.Phentsize = 0 }, elfsym.ErrDamaged, "entries of 0 bytes"},
		{"e_phentsize 55", func(h *elf.Header64) { h.Phentsize = 55 }, elfsym.ErrDamaged, "entries of 55 bytes"},
		{"e_phoff beyond the end", func(h *elf.Header64) { h.Phoff = 1 << 40 }, elfsym.ErrTruncated, "program headers"},
		{"e_phoff near 2^64", func(h *elf.Header64) { h.Phoff = 1<<64 - 8 }, elfsym.ErrTruncated, "program headers"},
		{"e_phnum too many", func(h *elf.Header64) { h.Phnum = 0xfffe }, elfsym.ErrTruncated, "program headers"},
		{"PN_XNUM without sections", func(h *elf.Header64) { h.Phnum, h.Shoff = 0xffff, 0 }, elfsym.ErrDamaged, "extended numbering"},
		{"PN_XNUM, section 0 beyond the end", func(h *elf.Header64) { h.Phnum, h.Shoff = 0xffff, 1<<40 }, elfsym.ErrTruncated, "section header 0"},
	} {
		w := program(fn("f", 0x401010, 5))
		w.Edit = c.edit
		b := w.Bytes()
		f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
		if f != nil {
			t.Errorf("%s: opened", c.what)
			continue
		}
		wantError(t, c.what, err, c.err, c.part)
	}
}

// Entries may be larger than we know them.
func TestHeaderWideEntries(t *testing.T) {
	for _, l := range layouts {
		plain := program(fn("f", 0x401010, 5))
		plain.Class, plain.Data = l.class, l.data
		want := parse(t, plain.Bytes())
		wide := widen(t, plain.Bytes())
		f := parse(t, wide)
		if got, want := fmt.Sprint(f.Segments().All()), fmt.Sprint(want.Segments().All()); got != want {
			t.Errorf("%v %v: segments %s, want %s", l.class, l.data, got, want)
		}
		if got := show(mustDrain(t, f.Symbols(elfsym.Symtab))); got != "f 0x401010 5" {
			t.Errorf("%v %v: symbols: %s", l.class, l.data, got)
		}
	}
}

// widen appends copies of both header tables with seven more bytes an entry.
func widen(t *testing.T, b []byte) []byte {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	o := f.ByteOrder
	is64 := f.Class == elf.ELFCLASS64
	word := func(at64, at32 int) int {
		if is64 {
			return int(o.Uint64(b[at64:]))
		}
		return int(o.Uint32(b[at32:]))
	}
	half := func(at64, at32 int) []byte {
		if is64 {
			return b[at64:]
		}
		return b[at32:]
	}
	move := func(from, size, n int) int {
		at := len(b)
		for i := range n {
			b = append(b, b[from+i*size:from+(i+1)*size]...)
			b = append(b, "junk..."...)
		}
		return at
	}
	phsize, shsize := int(o.Uint16(half(54, 42))), int(o.Uint16(half(58, 46)))
	ph := move(word(32, 28), phsize, len(f.Progs))
	sh := move(word(40, 32), shsize, len(f.Sections))
	if is64 {
		o.PutUint64(b[32:], uint64(ph))
		o.PutUint64(b[40:], uint64(sh))
	} else {
		o.PutUint32(b[28:], uint32(ph))
		o.PutUint32(b[32:], uint32(sh))
	}
	o.PutUint16(half(54, 42), uint16(phsize+7))
	o.PutUint16(half(58, 46), uint16(shsize+7))
	return b
}

// More segments than e_phnum can say.
func TestManySegments(t *testing.T) {
	w := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_CORE, Segments: make([]elfwrite.Segment, 70000)}
	for i := range w.Segments {
		w.Segments[i] = elfwrite.Segment{Type: elf.PT_LOAD, Flags: rx, Vaddr: uint64(i) << 12, Filesz: 0x800, Memsz: 0x1000}
	}
	segs := parse(t, w.Bytes()).Segments()
	if n := len(segs.All()); n != 70000 {
		t.Fatalf("%d segments, want 70000", n)
	}
	// 65,000 segments and many look-ups: binary search, or this takes minutes.
	for i := range 2_000_000 {
		a := elfsym.Addr(i%70000)<<12 + elfsym.Addr(i%0x1000)
		if _, err := segs.Offset(a); (err == nil) != (a%0x1000 < 0x800) {
			t.Fatalf("0x%x: %v", uint64(a), err)
		}
	}
	// All map the first bytes of the file: an offset has many addresses.
	for range 100 {
		if a, err := segs.Addr(0x10); err == nil {
			t.Fatalf("offset 0x10 is at 0x%x alone", uint64(a))
		}
	}
}

// More sections than e_shnum can say, and a symbol in one of the last.
func TestManySections(t *testing.T) {
	w := program()
	w.Symbols = []elfwrite.Symbol{
		{Name: "far", Section: ".s65300", Type: elf.STT_OBJECT, Value: 1},
		{Name: "near", Section: ".s0", Type: elf.STT_OBJECT, Value: 2},
		{Name: "abs", Index: elf.SHN_ABS, Value: 3}, {Name: "common", Index: elf.SHN_COMMON, Value: 4},
	}
	for i := range 0xff20 {
		w.Sections = append(w.Sections, elfwrite.Section{Name: fmt.Sprintf(".s%d", i), Type: elf.SHT_NOBITS})
	}
	b := w.Bytes()
	f := parse(t, b)
	secs, err := f.Sections()
	if err != nil || len(secs) != 0xff20+6 {
		t.Fatalf("%d sections, %v", len(secs), err)
	}
	got := map[string]string{}
	for _, s := range mustDrain(t, f.Symbols(elfsym.Symtab)) {
		got[s.Name] = fmt.Sprint(s.Section)
		if s.Section > 0 {
			got[s.Name] = secs[s.Section].Name
		}
	}
	want := map[string]string{"far": ".s65300", "near": ".s0", "abs": fmt.Sprint(elfsym.SectionAbs), "common": fmt.Sprint(elfsym.SectionCommon)}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("symbols are in %v, want %v", got, want)
	}

	// Without the table that would tell, such a symbol is in no section known.
	f = parse(t, retyped(t, bytes.Clone(b), ".symtab_shndx", elf.SHT_PROGBITS))
	for s, err := range f.Lookup(elfsym.Symtab, "far") {
		if err != nil || s.Section != elfsym.SectionAbs {
			t.Errorf("without SHT_SYMTAB_SHNDX far is in %d, %v", s.Section, err)
		}
	}

	limited, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), &elfsym.Options{Limits: elfsym.Limits{Sections: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = limited.Sections()
	wantError(t, "limit of sections", err, elfsym.ErrLimit, "1000 allowed")
}
