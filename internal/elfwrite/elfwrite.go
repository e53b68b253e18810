// Package elfwrite writes small ELF files for tests: any class, byte order and machine, as damaged as
// a test wants them.
//
// A [File] is declared, [File.Bytes] lays it out:
//
//	ELF header, program headers, contents of the sections in their order, section headers
//
// A section without an Offset goes to the next place that suits its alignment; one with an address
// goes where offset and address are equal modulo a page, as a loader needs it, so sections that follow
// each other in memory follow each other in the file. A segment takes its place and addresses from the
// sections it covers, or has bytes of its own, or says everything itself.
//
// .shstrtab is added when there are sections, and .symtab with .strtab, .dynsym with .dynstr when there
// are symbols. Counts that do not fit their 16 bits go to section 0, as the gABI has it: more than
// 0xfeff sections (SHN_XINDEX), more than 0xfffe segments (PN_XNUM), and a .symtab_shndx for symbols in
// sections that far up.
//
// Every header has an Edit function, called last with what is about to be written, so that any
// field can be made to lie.
package elfwrite

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// A File describes an ELF file. The zero values of Class and Data mean 64 bits and little endian.
type File struct {
	Class   elf.Class
	Data    elf.Data
	Machine elf.Machine
	Type    elf.Type
	OSABI   elf.OSABI
	Entry   uint64
	Flags   uint32

	Segments []Segment
	Sections []Section // without the null section, which is added where there is any other
	Symbols  []Symbol  // .symtab, without its null symbol
	Dynsyms  []Symbol  // .dynsym, likewise

	NoSectionHeaders bool // contents are written, headers are not: e_shoff is 0

	Edit        func(h *elf.Header64)               // the ELF header; narrowed to 32 bits after it
	EditSection func(name string, s *elf.Section64) // any section header, also those added here; "" is section 0
}

// A Section is one section with its contents.
type Section struct {
	Name    string
	Type    elf.SectionType // 0 means SHT_PROGBITS
	Flags   elf.SectionFlag
	Addr    uint64
	Bytes   []byte
	Notes   []Note // contents instead of Bytes; Type 0 then means SHT_NOTE
	Size    uint64 // of a SHT_NOBITS section
	Offset  uint64 // place in the file; 0 means the next one that suits
	Link    string // name of a section, for sh_link
	Info    uint32
	Align   uint64 // 0 means 1
	Entsize uint64

	Edit func(s *elf.Section64)
}

// A Segment is one program header. Covers names the first and the last section in it, which give
// offset, addresses and sizes; Bytes are written for the segment alone; without either, the numbers are
// taken as they are.
type Segment struct {
	Type   elf.ProgType
	Flags  elf.ProgFlag
	Covers [2]string
	Bytes  []byte

	Offset, Vaddr, Paddr, Filesz, Memsz, Align uint64

	Edit func(p *elf.Prog64)
}

// A Symbol is an entry of .symtab or .dynsym. Section names the section it is in, "" the one that
// Index says: SHN_UNDEF, SHN_ABS, or a plain number.
type Symbol struct {
	Name        string
	Value, Size uint64
	Type        elf.SymType
	Bind        elf.SymBind
	Other       byte
	Section     string
	Index       elf.SectionIndex

	Edit func(s *elf.Sym64)
}

// A Note is an entry of a note section.
type Note struct {
	Name string // without its final NUL
	Type uint32
	Desc []byte
}

// USDT is the note of a USDT probe site, its addresses as wide as the file's class.
func (f *File) USDT(loc, base, semaphore uint64, provider, name, args string) Note {
	var d []byte
	for _, a := range []uint64{loc, base, semaphore} {
		d = f.word(d, a)
	}
	return Note{Name: "stapsdt", Type: 3, Desc: append(d, provider+"\x00"+name+"\x00"+args+"\x00"...)}
}

// NoteBytes encodes notes as a note section or segment holds them.
func (f *File) NoteBytes(notes ...Note) []byte {
	var b []byte
	for _, n := range notes {
		b = f.order().AppendUint32(b, uint32(len(n.Name)+1))
		b = f.order().AppendUint32(b, uint32(len(n.Desc)))
		b = f.order().AppendUint32(b, n.Type)
		b = pad(append(b, n.Name+"\x00"...), 4)
		b = pad(append(b, n.Desc...), 4)
	}
	return b
}

func (f *File) is32() bool { return f.Class == elf.ELFCLASS32 }

type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func (f *File) order() order {
	if f.Data == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// word appends an address.
func (f *File) word(b []byte, v uint64) []byte {
	if f.is32() {
		return f.order().AppendUint32(b, uint32(v))
	}
	return f.order().AppendUint64(b, v)
}

func pad(b []byte, align int) []byte {
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}

// page is the largest distance that offsets and addresses are kept equal in: enough for every test,
// and small enough for small files.
const page = 0x1000

// Bytes lays the file out. It panics on a section name that is not there: a mistake in the test.
func (f *File) Bytes() []byte {
	sections := f.withTables()
	index := make(map[string]int, len(sections))
	for i, s := range sections {
		if _, ok := index[s.Name]; !ok {
			index[s.Name] = i
		}
	}
	find := func(name string) int {
		i, ok := index[name]
		if !ok {
			panic(fmt.Sprintf("elfwrite: no section %q", name))
		}
		return i
	}
	f.fillTables(sections, find)

	ehsize, phentsize, shentsize := 64, 56, 64
	if f.is32() {
		ehsize, phentsize, shentsize = 52, 32, 40
	}
	b := make([]byte, ehsize+len(f.Segments)*phentsize)
	headers := make([]elf.Section64, len(sections))
	for i, s := range sections {
		if i == 0 {
			continue
		}
		align := max(s.Align, 1)
		at := s.Offset
		if at == 0 {
			at = uint64(len(b))
			if s.Addr != 0 && s.Flags&elf.SHF_ALLOC != 0 {
				at += (s.Addr - at) % page
			} else {
				at += -at % align
			}
		}
		size := s.Size
		if s.Type != elf.SHT_NOBITS {
			size = uint64(len(s.Bytes))
			b = put(b, at, s.Bytes)
		}
		headers[i] = elf.Section64{
			Type: uint32(s.Type), Flags: uint64(s.Flags), Addr: s.Addr, Off: at, Size: size,
			Info: s.Info, Addralign: align, Entsize: s.Entsize,
		}
		if s.Link != "" {
			headers[i].Link = uint32(find(s.Link))
		}
	}
	if len(sections) > 0 {
		names := find(".shstrtab")
		strtab := newStrings()
		for i, s := range sections {
			headers[i].Name = strtab.add(s.Name)
		}
		headers[names].Off, headers[names].Size = uint64(len(b)), uint64(len(strtab.bytes))
		b = append(b, strtab.bytes...)
	}

	progs := make([]elf.Prog64, len(f.Segments))
	for i, s := range f.Segments {
		p := elf.Prog64{Type: uint32(s.Type), Flags: uint32(s.Flags), Off: s.Offset,
			Vaddr: s.Vaddr, Paddr: s.Paddr, Filesz: s.Filesz, Memsz: s.Memsz, Align: s.Align}
		switch {
		case s.Covers[0] != "":
			first, last := find(s.Covers[0]), find(s.Covers[1])
			h := headers[first]
			p.Off, p.Vaddr, p.Paddr = h.Off, h.Addr, h.Addr
			p.Memsz = headers[last].Addr + headers[last].Size - h.Addr
			for _, h := range headers[first : last+1] {
				if elf.SectionType(h.Type) != elf.SHT_NOBITS {
					p.Filesz = h.Off + h.Size - p.Off
				}
			}
		case s.Bytes != nil:
			p.Off = uint64(len(b)) + (s.Vaddr-uint64(len(b)))%page
			p.Filesz = uint64(len(s.Bytes))
			p.Memsz = max(s.Memsz, p.Filesz)
			b = put(b, p.Off, s.Bytes)
		}
		if s.Edit != nil {
			s.Edit(&p)
		}
		progs[i] = p
	}

	h := elf.Header64{Type: uint16(f.Type), Machine: uint16(f.Machine), Version: 1, Entry: f.Entry,
		Flags: f.Flags, Ehsize: uint16(ehsize), Phentsize: uint16(phentsize), Shentsize: uint16(shentsize)}
	class, data := f.Class, f.Data
	if class == 0 {
		class = elf.ELFCLASS64
	}
	if data == 0 {
		data = elf.ELFDATA2LSB
	}
	copy(h.Ident[:], elf.ELFMAG)
	copy(h.Ident[elf.EI_CLASS:], []byte{byte(class), byte(data), 1, byte(f.OSABI)})
	if len(progs) > 0 {
		h.Phoff, h.Phnum = uint64(ehsize), uint16(min(len(progs), 0xffff)) // PN_XNUM
		if len(progs) >= 0xffff && len(headers) > 0 {
			headers[0].Info = uint32(len(progs))
		}
	}
	if len(sections) > 0 && !f.NoSectionHeaders {
		b = pad(b, 8)
		h.Shoff, h.Shnum, h.Shstrndx = uint64(len(b)), uint16(len(sections)), uint16(find(".shstrtab"))
		if len(sections) >= int(elf.SHN_LORESERVE) {
			h.Shnum, headers[0].Size = 0, uint64(len(sections))
		}
		if n := find(".shstrtab"); n >= int(elf.SHN_LORESERVE) {
			h.Shstrndx, headers[0].Link = uint16(elf.SHN_XINDEX), uint32(n)
		}
		for i, s := range sections {
			if s.Edit != nil {
				s.Edit(&headers[i])
			}
			if f.EditSection != nil {
				f.EditSection(s.Name, &headers[i])
			}
			b = f.section(b, headers[i])
		}
	}
	if f.Edit != nil {
		f.Edit(&h)
	}
	copy(b, f.header(h))
	head := b[:ehsize:ehsize]
	for _, p := range progs {
		head = f.prog(head, p)
	}
	copy(b, head)
	return b
}

// put writes data at the offset, growing b as needed.
func put(b []byte, at uint64, data []byte) []byte {
	if end := at + uint64(len(data)); end > uint64(len(b)) {
		b = append(b, make([]byte, end-uint64(len(b)))...)
	}
	copy(b[at:], data)
	return b
}
