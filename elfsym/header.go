package elfsym

import (
	"bytes"
	"debug/elf"
	"fmt"
	"math"

	"github.com/probels/probels/internal/wire"
)

// header is the ELF header (gABI chapter 4), with the numbers that do not fit
// into it (PN_XNUM, SHN_XINDEX, e_shnum 0) still to be taken from section 0.
type header struct {
	class   elf.Class
	typ     elf.Type
	machine elf.Machine
	entry   Addr
	flags   uint32

	phoff, shoff         uint64
	phentsize, shentsize uint64
	phnum, shnum         uint64
	shstrndx             uint32
}

// Sizes of structures, by class.
func (f *File) ehdrSize() uint64 { return pick(f.Is64, 64, 52) }
func (f *File) phdrSize() uint64 { return pick(f.Is64, 56, 32) }
func (f *File) shdrSize() uint64 { return pick(f.Is64, 64, 40) }
func (f *File) symSize() uint64  { return pick(f.Is64, 24, 16) }

func pick(is64 bool, n64, n32 uint64) uint64 {
	if is64 {
		return n64
	}
	return n32
}

func (f *File) readHeader() error {
	head := make([]byte, min(f.size-f.base, headSize))
	if err := f.readAt(head, f.base, "ELF header"); err != nil {
		return err
	}
	f.head = head
	if err := checkIdent(head); err != nil {
		return err
	}
	f.hdr.class = elf.Class(head[elf.EI_CLASS])
	f.Layout = wire.Layout{
		Big:  elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB,
		Is64: f.hdr.class == elf.ELFCLASS64,
	}
	if uint64(len(head)) < f.ehdrSize() {
		return &FormatError{"ELF header", 0, fmt.Sprintf("%d of %d bytes", len(head), f.ehdrSize()), ErrTruncated}
	}
	h, b := &f.hdr, head
	h.typ, h.machine = elf.Type(f.U16(b[16:])), elf.Machine(f.U16(b[18:]))
	b = b[24:] // past e_version, which every producer sets to 1
	w := f.WordSize()
	h.entry, h.phoff, h.shoff = Addr(f.Word(b)), f.place(f.Word(b[w:])), f.place(f.Word(b[2*w:]))
	b = b[3*w:]
	h.flags = f.U32(b)
	h.phentsize, h.phnum = uint64(f.U16(b[6:])), uint64(f.U16(b[8:]))
	h.shentsize, h.shnum = uint64(f.U16(b[10:])), uint64(f.U16(b[12:]))
	h.shstrndx = uint32(f.U16(b[14:]))
	return nil
}

// place is where in the file the byte is that the ELF header, a program header
// or a section header places at off: from the header on. 0 in the ELF header
// means that there is no such table.
func (f *File) place(off uint64) uint64 {
	if off == 0 {
		return 0
	}
	return f.behind(off)
}

// behind is place for an offset that may be 0. Beyond 2^64 it is beyond the
// file's end.
func (f *File) behind(off uint64) uint64 {
	if off > math.MaxUint64-f.base {
		return math.MaxUint64
	}
	return f.base + off
}

// checkIdent says in words what a file is that is no ELF file: it is what a
// person reads who gave the wrong one.
func checkIdent(head []byte) error {
	switch {
	case len(head) == 0:
		return fmt.Errorf("empty, %w", ErrNotELF)
	case !bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return fmt.Errorf("%s, %w", describe(head), ErrNotELF)
	case len(head) < elf.EI_NIDENT:
		return &FormatError{"ELF header", 0, fmt.Sprintf("%d bytes", len(head)), ErrTruncated}
	}
	switch elf.Class(head[elf.EI_CLASS]) {
	case elf.ELFCLASS32, elf.ELFCLASS64:
	default:
		return damaged("ELF header", uint64(elf.EI_CLASS), "class %d", head[elf.EI_CLASS])
	}
	switch elf.Data(head[elf.EI_DATA]) {
	case elf.ELFDATA2LSB, elf.ELFDATA2MSB:
	default:
		return damaged("ELF header", uint64(elf.EI_DATA), "byte order %d", head[elf.EI_DATA])
	}
	return nil
}

// describe guesses, for a message only, what a file is by its first bytes.
func describe(head []byte) string {
	for _, m := range []struct{ magic, what string }{
		{"#!", "a script"},
		{"!<arch>\n", "an archive (ar)"},
		{"\x1f\x8b", "compressed (gzip)"},
		{"\xfd7zXZ", "compressed (xz)"},
		{"\x28\xb5\x2f\xfd", "compressed (zstd)"},
		{"PK\x03\x04", "an archive (zip)"},
		{"MZ", "a Windows program"},
		{"\xcf\xfa\xed\xfe", "a Mach-O file"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.what
		}
	}
	for _, c := range head[:min(len(head), 512)] {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' && c != '\f' && c != 0x1b {
			return "a data file"
		}
	}
	return "a text file"
}

// section0 reads the fields of the first section header that stand in for
// header fields that were too narrow (gABI, "Extended numbering"): the number
// of sections in sh_size, of program headers in sh_info, and the index of the
// section-name table in sh_link.
func (f *File) section0() (size uint64, link, info uint32, err error) {
	if f.hdr.shoff == 0 {
		return 0, 0, 0, damaged("ELF header", 0, "extended numbering, and no section headers that would hold it")
	}
	b := make([]byte, f.shdrSize())
	if err := f.readAt(b, f.hdr.shoff, "section header 0"); err != nil {
		return 0, 0, 0, err
	}
	s := f.decodeSection(b)
	return s.Size, s.Link, s.Info, nil
}
