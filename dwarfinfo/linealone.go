package dwarfinfo

import (
	"debug/elf"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/dwline"
)

// maxLineAlone is the largest .debug_line, inflated, that is read whole.
const maxLineAlone = 128 << 20

// readLines reads the line tables of a file whose .debug_info has to be inflated,
// to be searched without it; nil if that is not possible or brings nothing.
func (d *Data) readLines() (*dwline.Sections, error) {
	if !d.f.Sequential() {
		return nil, nil
	}
	size := 0
	switch d.c.Class {
	case elf.ELFCLASS64:
		size = 8
	case elf.ELFCLASS32:
		size = 4
	default:
		return nil, nil
	}
	sec, err := d.f.Section(".debug_line")
	if err != nil || sec == nil || sec.Size() > maxLineAlone {
		return nil, err
	}
	b, err := d.f.ReadWhole(".debug_line")
	if err != nil {
		return nil, err
	}
	str, err := d.f.LineStrings()
	if err != nil {
		return nil, err
	}
	return &dwline.Sections{Line: b, LineStr: str, Big: d.c.ByteOrder == elf.ELFDATA2MSB, AddrSize: size, Zero: d.inCode(0)}, nil
}

// lineAlone is the line of an address by the line tables alone. Those of DWARF 5
// name their files in full; before that the unit has the directory. It is silent
// where not all that it finds says the same, or something is damaged: there
// .debug_info decides.
func (d *Data) lineAlone(a elfsym.Addr) (file string, line int, ok bool) {
	s, err := d.lineBytes()
	if s == nil || err != nil || !d.inCode(uint64(a)) {
		return "", 0, false
	}
	hits, err := s.Locate(uint64(a))
	if err != nil {
		return "", 0, false
	}
	for i, h := range hits {
		if h.Table.Version < 5 {
			return "", 0, false
		}
		files, err := h.Table.Files()
		if err != nil {
			return "", 0, false
		}
		name, err := files.Path(h.Row.File, "")
		if err != nil || i > 0 && (name != file || int(h.Row.Line) != line) {
			return "", 0, false
		}
		file, line = name, int(h.Row.Line)
	}
	return file, line, len(hits) > 0
}
