package elfwrite_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/probels/probels/internal/elfwrite"
)

// example has one of everything: a segment over two sections, one with its own bytes, symbols, notes.
func example(class elf.Class, data elf.Data) *elfwrite.File {
	f := &elfwrite.File{
		Class: class, Data: data, Machine: elf.EM_S390, Type: elf.ET_DYN, Entry: 0x11010, Flags: 7,
		Sections: []elfwrite.Section{
			{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x11010, Bytes: []byte("code"), Align: 16},
			{Name: ".bss", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: 0x11020, Size: 0x30},
		},
		Segments: []elfwrite.Segment{
			{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Covers: [2]string{".text", ".bss"}, Align: 0x1000},
			{Type: elf.PT_LOAD, Flags: elf.PF_R, Vaddr: 0x20123, Bytes: []byte("bytes"), Memsz: 9},
			{Type: elf.PT_GNU_STACK, Flags: elf.PF_R},
		},
		Symbols: []elfwrite.Symbol{
			{Name: "local", Value: 0x11010, Size: 2, Type: elf.STT_FUNC, Section: ".text"},
			{Name: "global", Value: 0x11012, Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL, Section: ".bss", Other: 2},
			{Name: "absolute", Value: 9, Bind: elf.STB_WEAK, Index: elf.SHN_ABS},
		},
		Dynsyms: []elfwrite.Symbol{{Name: "needed", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL}},
	}
	f.Sections = append(f.Sections, elfwrite.Section{Name: ".note.stapsdt",
		Notes: []elfwrite.Note{f.USDT(0x11011, 0x30, 0, "provider", "name", "-4@%r2"), {Name: "GNU", Type: 1}}})
	return f
}

func TestReadBack(t *testing.T) {
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, data := range []elf.Data{elf.ELFDATA2LSB, elf.ELFDATA2MSB} {
			t.Run(fmt.Sprint(class, data), func(t *testing.T) {
				b := example(class, data).Bytes()
				f, err := elf.NewFile(bytes.NewReader(b))
				if err != nil {
					t.Fatal(err)
				}
				if f.Class != class || f.Data != data || f.Machine != elf.EM_S390 || f.Type != elf.ET_DYN || f.Entry != 0x11010 {
					t.Errorf("header is %+v", f.FileHeader)
				}
				text := f.Section(".text")
				if got, err := text.Data(); string(got) != "code" || text.Addr != 0x11010 || err != nil {
					t.Errorf(".text is %q %v, %v", got, text.SectionHeader, err)
				}
				load := f.Progs[0]
				if load.Vaddr != 0x11010 || load.Off%0x1000 != 0x10 || load.Filesz != 4 || load.Memsz != 0x40 || load.Off != text.Offset {
					t.Errorf("first segment is %+v", load.ProgHeader)
				}
				own := make([]byte, 5)
				if _, err := f.Progs[1].ReadAt(own, 0); string(own) != "bytes" || err != nil || f.Progs[1].Memsz != 9 || f.Progs[1].Off%0x1000 != 0x123 {
					t.Errorf("second segment is %q %+v, %v", own, f.Progs[1].ProgHeader, err)
				}
				want := []elf.Symbol{
					{Name: "local", Value: 0x11010, Size: 2, Info: elf.ST_INFO(elf.STB_LOCAL, elf.STT_FUNC), Section: 1},
					{Name: "global", Value: 0x11012, Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_OBJECT), Section: 2, Other: 2},
					{Name: "absolute", Value: 9, Info: elf.ST_INFO(elf.STB_WEAK, elf.STT_NOTYPE), Section: elf.SHN_ABS},
				}
				got, err := f.Symbols()
				if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("symbols are %+v, %v", got, err)
				}
				if s := f.SectionByType(elf.SHT_SYMTAB); s.Info != 2 {
					t.Errorf("first global symbol is %d, want 2", s.Info)
				}
				if got, err := f.DynamicSymbols(); err != nil || len(got) != 1 || got[0].Name != "needed" {
					t.Errorf("dynamic symbols are %+v, %v", got, err)
				}
				note, _ := f.Section(".note.stapsdt").Data()
				word := 8
				if class == elf.ELFCLASS32 {
					word = 4
				}
				descsz := 3*word + len("provider.name.-4@%r2.")
				if f.ByteOrder.Uint32(note) != 8 || f.ByteOrder.Uint32(note[4:]) != uint32(descsz) || f.ByteOrder.Uint32(note[8:]) != 3 ||
					string(note[12:20]) != "stapsdt\x00" || !bytes.HasPrefix(note[20+3*word:], []byte("provider\x00name\x00-4@%r2\x00")) {
					t.Errorf("note is %q", note)
				}
				if gnu := note[20+(descsz+3)&^3:]; string(gnu[12:]) != "GNU\x00" || f.ByteOrder.Uint32(gnu) != 4 {
					t.Errorf("second note is %q", gnu)
				}
			})
		}
	}
}

func TestNoSectionHeaders(t *testing.T) {
	f := example(elf.ELFCLASS64, elf.ELFDATA2LSB)
	f.NoSectionHeaders = true
	g, err := elf.NewFile(bytes.NewReader(f.Bytes()))
	if err != nil || len(g.Sections) != 0 || len(g.Progs) != 3 {
		t.Errorf("got %d sections, %v", len(g.Sections), err)
	}
}

// More sections than 16 bits can count, names and symbols in the last of them.
func TestManySections(t *testing.T) {
	f := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_REL}
	for i := range 0xff10 {
		f.Sections = append(f.Sections, elfwrite.Section{Name: fmt.Sprintf(".s%d", i), Size: uint64(i), Type: elf.SHT_NOBITS})
	}
	f.Symbols = []elfwrite.Symbol{{Name: "far", Section: ".s65290", Type: elf.STT_FUNC}, {Name: "near", Section: ".s0"}}
	g, err := elf.NewFile(bytes.NewReader(f.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(g.Sections); n != 0xff10+5 {
		t.Errorf("%d sections", n)
	}
	if s := g.Sections[0xff00]; s.Name != ".s65279" || s.Size != 65279 {
		t.Errorf("section 0xff00 is %+v", s.SectionHeader)
	}
	symbols, err := g.Symbols()
	if err != nil || symbols[0].Section != elf.SHN_XINDEX || symbols[1].Section != 1 {
		t.Errorf("symbols are %v, %v", symbols, err)
	}
	far, _ := g.SectionByType(elf.SHT_SYMTAB_SHNDX).Data()
	if got := binary.LittleEndian.Uint32(far[4:]); got != 65291 || len(far) != 12 {
		t.Errorf("the far symbol is in section %d, %d bytes of indexes", got, len(far))
	}
}

// More segments than 16 bits can count. debug/elf knows nothing of that, so read section 0.
func TestManySegments(t *testing.T) {
	f := &elfwrite.File{Type: elf.ET_CORE, Segments: make([]elfwrite.Segment, 70000)}
	b := f.Bytes()
	if n := binary.LittleEndian.Uint16(b[56:]); n != 0xffff {
		t.Errorf("e_phnum is %#x", n)
	}
	null := b[binary.LittleEndian.Uint64(b[40:]):]
	if n := binary.LittleEndian.Uint32(null[44:]); n != 70000 {
		t.Errorf("sh_info of section 0 is %d", n)
	}
}

// Every header can be made to lie.
func TestEdit(t *testing.T) {
	f := &elfwrite.File{
		Sections: []elfwrite.Section{{Name: ".text", Edit: func(s *elf.Section64) { s.Off = 1 << 40 }}},
		Segments: []elfwrite.Segment{{Edit: func(p *elf.Prog64) { p.Filesz = 1 << 50 }}},
		Symbols:  []elfwrite.Symbol{{Edit: func(s *elf.Sym64) { s.Name = 1 << 20 }}},
		Edit:     func(h *elf.Header64) { h.Phnum = 99 },
		EditSection: func(name string, s *elf.Section64) {
			switch name {
			case "":
				s.Flags = 5
			case ".strtab":
				s.Type = 6
			}
		},
	}
	b, order := f.Bytes(), binary.LittleEndian
	sections := b[order.Uint64(b[40:]):]
	for _, c := range []struct {
		what      string
		got, want uint64
	}{
		{"sh_offset", order.Uint64(sections[64+24:]), 1 << 40},
		{"p_filesz", order.Uint64(b[64+32:]), 1 << 50},
		{"e_phnum", uint64(order.Uint16(b[56:])), 99},
		{"sh_flags of section 0", order.Uint64(sections[8:]), 5},
		{"sh_type of .strtab", uint64(order.Uint32(sections[3*64+4:])), 6},
		{"st_name", uint64(order.Uint32(b[order.Uint64(sections[2*64+24:])+24:])), 1 << 20},
	} {
		if c.got != c.want {
			t.Errorf("%s is %#x, want %#x", c.what, c.got, c.want)
		}
	}
}
