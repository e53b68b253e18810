package elfsym

import (
	"debug/elf"
	"fmt"
)

// A Section is one section header. Section headers are for linkers and
// debuggers; a program runs without them, and a stripped one may have none.
type Section struct {
	Index     int
	Name      string
	Type      elf.SectionType
	Flags     elf.SectionFlag
	Addr      Addr
	Offset    Offset
	Size      uint64 // bytes in the file, compressed ones if Flags say so; for SHT_NOBITS in memory
	Link      uint32
	Info      uint32
	AddrAlign uint64
	EntSize   uint64
}

// sectionTable is the section header table, and what was wrong with it.
type sectionTable struct {
	all []Section
	err error // the names could not be read
}

// Sections are the file's section headers in file order, the null section at
// index 0 included; none if the file has no table. Both results may be
// non-nil: where only the names could not be read, the sections stand without
// them. The slice is shared: do not change it.
func (f *File) Sections() ([]Section, error) {
	t, err := f.sections()
	if err != nil {
		return nil, err
	}
	return t.all, t.err
}

// Section is the first section of that name, or nil if there is none or the
// table could not be read. It is shared: do not change it.
func (f *File) Section(name string) *Section {
	return f.findSection(func(s *Section) bool { return s.Name == name })
}

func (f *File) findSection(ok func(*Section) bool) *Section {
	t, err := f.sections()
	if err != nil {
		return nil
	}
	for i := range t.all {
		if ok(&t.all[i]) {
			return &t.all[i]
		}
	}
	return nil
}

// linked is the section at an index that another section gave, if it has the
// type expected.
func (t *sectionTable) linked(i uint32, typ elf.SectionType) *Section {
	if i == 0 || uint64(i) >= uint64(len(t.all)) || t.all[i].Type != typ {
		return nil
	}
	return &t.all[i]
}

func (f *File) readSections() (*sectionTable, error) {
	h := &f.hdr
	const part = "section headers"
	if h.shoff == 0 {
		return &sectionTable{}, nil
	}
	if h.shentsize < f.shdrSize() {
		return nil, damaged(part, h.shoff, "entries of %d bytes", h.shentsize)
	}
	n, strndx := h.shnum, h.shstrndx
	if n == 0 || strndx == uint32(elf.SHN_XINDEX) {
		size, link, _, err := f.section0()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			n = size
		}
		if strndx == uint32(elf.SHN_XINDEX) {
			strndx = link
		}
	}
	if n > f.lim.Sections {
		return nil, &FormatError{part, Offset(h.shoff), fmt.Sprintf("%d sections, %d allowed", n, f.lim.Sections), ErrLimit}
	}
	if n > f.size/h.shentsize {
		return nil, &FormatError{part, Offset(h.shoff), fmt.Sprintf("%d of them, the file has %d bytes", n, f.size), ErrTruncated}
	}
	b, err := f.bytes(h.shoff, n*h.shentsize, part)
	if err != nil {
		return nil, err
	}
	t := &sectionTable{all: make([]Section, n)}
	names := make([]uint32, n)
	for i := range t.all {
		e := b[uint64(i)*h.shentsize:]
		t.all[i], names[i] = f.decodeSection(e), f.U32(e)
		t.all[i].Index = i
	}
	t.err = f.nameSections(t, names, strndx)
	return t, nil
}

func (f *File) nameSections(t *sectionTable, names []uint32, strndx uint32) error {
	if len(t.all) == 0 || strndx == 0 {
		return nil // no names: allowed
	}
	const part = "section names"
	s := t.linked(strndx, elf.SHT_STRTAB)
	if s == nil {
		return damaged(part, f.hdr.shoff, "section %d is not a string table", strndx)
	}
	text, err := f.text(uint64(s.Offset), s.Size, part)
	if err != nil {
		return err
	}
	for i := range t.all {
		name, ok := cstring(text, uint64(names[i]))
		if !ok && t.all[i].Type != elf.SHT_NULL {
			err = damaged(part, uint64(names[i]), "name of section %d", i)
		}
		t.all[i].Name = name
	}
	return err
}

func (f *File) decodeSection(b []byte) Section {
	if f.Is64 {
		return Section{
			Type: elf.SectionType(f.U32(b[4:])), Flags: elf.SectionFlag(f.U64(b[8:])),
			Addr: Addr(f.U64(b[16:])), Offset: Offset(f.behind(f.U64(b[24:]))), Size: f.U64(b[32:]),
			Link: f.U32(b[40:]), Info: f.U32(b[44:]), AddrAlign: f.U64(b[48:]), EntSize: f.U64(b[56:]),
		}
	}
	return Section{
		Type: elf.SectionType(f.U32(b[4:])), Flags: elf.SectionFlag(f.U32(b[8:])),
		Addr: Addr(f.U32(b[12:])), Offset: Offset(f.behind(uint64(f.U32(b[16:])))), Size: uint64(f.U32(b[20:])),
		Link: f.U32(b[24:]), Info: f.U32(b[28:]), AddrAlign: uint64(f.U32(b[32:])), EntSize: uint64(f.U32(b[36:])),
	}
}

// DebugOnly reports whether this is a separate debug file, as objcopy
// --only-keep-debug and eu-strip make them: its code sections have a size and
// no bytes, so that nothing in it can be executed and its program headers give
// no offsets.
func (f *File) DebugOnly() bool {
	t, err := f.sections()
	if err != nil {
		return false
	}
	code := 0
	for i := range t.all {
		s := &t.all[i]
		const want = elf.SHF_ALLOC | elf.SHF_EXECINSTR
		if s.Flags&want != want || s.Size == 0 {
			continue
		}
		if s.Type != elf.SHT_NOBITS {
			return false
		}
		code++
	}
	return code > 0
}
