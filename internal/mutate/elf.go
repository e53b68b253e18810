package mutate

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// Fields of the structures of the ELF specification, for files of 32 and 64 bits.
var (
	ehdr = [2][]field{
		{{"type", 16, 2}, {"machine", 18, 2}, {"entry", 24, 4}, {"phoff", 28, 4}, {"shoff", 32, 4}, {"flags", 36, 4}, {"ehsize", 40, 2}, {"phentsize", 42, 2}, {"phnum", 44, 2}, {"shentsize", 46, 2}, {"shnum", 48, 2}, {"shstrndx", 50, 2}, {"class", 4, 1}, {"data", 5, 1}},
		{{"type", 16, 2}, {"machine", 18, 2}, {"entry", 24, 8}, {"phoff", 32, 8}, {"shoff", 40, 8}, {"flags", 48, 4}, {"ehsize", 52, 2}, {"phentsize", 54, 2}, {"phnum", 56, 2}, {"shentsize", 58, 2}, {"shnum", 60, 2}, {"shstrndx", 62, 2}, {"class", 4, 1}, {"data", 5, 1}},
	}
	phdr = [2][]field{
		{{"type", 0, 4}, {"offset", 4, 4}, {"vaddr", 8, 4}, {"paddr", 12, 4}, {"filesz", 16, 4}, {"memsz", 20, 4}, {"flags", 24, 4}, {"align", 28, 4}},
		{{"type", 0, 4}, {"flags", 4, 4}, {"offset", 8, 8}, {"vaddr", 16, 8}, {"paddr", 24, 8}, {"filesz", 32, 8}, {"memsz", 40, 8}, {"align", 48, 8}},
	}
	shdr = [2][]field{
		{{"name", 0, 4}, {"type", 4, 4}, {"flags", 8, 4}, {"addr", 12, 4}, {"offset", 16, 4}, {"size", 20, 4}, {"link", 24, 4}, {"info", 28, 4}, {"align", 32, 4}, {"entsize", 36, 4}},
		{{"name", 0, 4}, {"type", 4, 4}, {"flags", 8, 8}, {"addr", 16, 8}, {"offset", 24, 8}, {"size", 32, 8}, {"link", 40, 4}, {"info", 44, 4}, {"align", 48, 8}, {"entsize", 56, 8}},
	}
	symbol = [2][]field{
		{{"name", 0, 4}, {"value", 4, 4}, {"size", 8, 4}, {"info", 12, 1}, {"other", 13, 1}, {"shndx", 14, 2}},
		{{"name", 0, 4}, {"info", 4, 1}, {"other", 5, 1}, {"shndx", 6, 2}, {"value", 8, 8}, {"size", 16, 8}},
	}
	dynamic = [2][]field{{{"tag", 0, 4}, {"value", 4, 4}}, {{"tag", 0, 8}, {"value", 8, 8}}}
	rel     = [2][]field{{{"offset", 0, 4}, {"info", 4, 4}}, {{"offset", 0, 8}, {"info", 8, 8}}}
	rela    = [2][]field{{{"offset", 0, 4}, {"info", 4, 4}, {"addend", 8, 4}}, {{"offset", 0, 8}, {"info", 8, 8}, {"addend", 16, 8}}}
	chdr    = [2][]field{{{"type", 0, 4}, {"size", 4, 4}, {"align", 8, 4}}, {{"type", 0, 4}, {"size", 8, 8}, {"align", 16, 8}}}
	word    = []field{{"word", 0, 4}}
	half    = []field{{"half", 0, 2}}
)

// section is a section header, so far as it is needed.
type section struct {
	name        string
	typ         elf.SectionType
	off, size   int
	ent         int
	compressed  bool
	data        []byte
	flags, addr uint64
}

func (s *Source) elf() {
	if s.data[5] == 2 {
		s.order = binary.BigEndian
	}
	s.wide = s.data[4] == 2
	c, headers := 0, 52
	if s.wide {
		c, headers = 1, 64
	}
	if len(s.data) < headers {
		return
	}
	at := func(i int) int { f := ehdr[c][i]; return int(s.get(s.data[f.off : f.off+f.size])) }
	s.add(group{name: "ehdr", weight: 6, stride: headers, count: 1, fields: ehdr[c]})
	if off, size, n := at(3), at(7), at(8); s.holds(off, size*n) && size >= 32+24*c {
		s.add(group{name: "phdr", weight: 12, base: off, stride: size, count: n, fields: phdr[c]})
		s.bounds = append(s.bounds, off, off+size*n)
		for i := range n {
			b := s.data[off+i*size:]
			f, z := phdr[c][1+c], phdr[c][4+c]
			s.bounds = append(s.bounds, s.clip(s.get(b[f.off:f.off+f.size])), s.clip(s.get(b[f.off:f.off+f.size])+s.get(b[z.off:z.off+z.size])))
		}
	}
	off, size, n, strs := at(4), at(9), at(10), at(11)
	if !s.holds(off, size*n) || n == 0 || size < 40+24*c {
		return
	}
	s.add(group{name: "shdr", weight: 16, base: off, stride: size, count: n, fields: shdr[c]})
	s.bounds = append(s.bounds, off, off+size*n)
	sections := make([]section, n)
	for i := range sections {
		b := s.data[off+i*size:]
		v := func(k int) uint64 { f := shdr[c][k]; return s.get(b[f.off : f.off+f.size]) }
		sec := &sections[i]
		*sec = section{typ: elf.SectionType(v(1)), flags: v(2), addr: v(3), off: s.clip(v(4)), size: s.clip(v(5)), ent: s.clip(v(9)), compressed: elf.SectionFlag(v(2))&elf.SHF_COMPRESSED != 0}
		if sec.typ != elf.SHT_NOBITS && s.holds(sec.off, sec.size) {
			sec.data = s.data[sec.off : sec.off+sec.size]
			s.bounds = append(s.bounds, sec.off, sec.off+sec.size)
		}
	}
	for i := range sections {
		if strs < n {
			f := shdr[c][0]
			b := s.data[off+i*size:]
			sections[i].name = cstring(sections[strs].data, int(s.get(b[f.off:f.off+f.size])))
		}
		s.section(&sections[i], c)
	}
	s.dwarf(sections)
}

// section adds the groups of one section.
func (s *Source) section(sec *section, c int) {
	if len(sec.data) == 0 {
		return
	}
	table := func(stride, weight int, fields []field) {
		s.add(group{name: sec.name, weight: weight, base: sec.off, stride: stride, count: sec.size / stride, fields: fields})
	}
	switch {
	case sec.compressed:
		s.add(group{name: sec.name + " compression", weight: 3, base: sec.off, stride: 1, count: 1, fields: chdr[c]})
		table(1, 2, []field{{"byte", 0, 1}})
		return
	case sec.typ == elf.SHT_SYMTAB, sec.typ == elf.SHT_DYNSYM:
		table(16+8*c, 6, symbol[c])
	case sec.typ == elf.SHT_DYNAMIC:
		table(8+8*c, 8, dynamic[c])
	case sec.typ == elf.SHT_REL:
		table(8+8*c, 3, rel[c])
	case sec.typ == elf.SHT_RELA:
		table(12+12*c, 3, rela[c])
	case sec.typ == elf.SHT_NOTE:
		s.notes(sec)
	case sec.typ == elf.SHT_GNU_HASH, sec.typ == elf.SHT_HASH, sec.typ == elf.SHT_GROUP, sec.typ == elf.SHT_SYMTAB_SHNDX:
		table(4, 4, word)
	case sec.typ == elf.SHT_GNU_VERSYM:
		table(2, 2, half)
	case sec.typ == elf.SHT_GNU_VERDEF, sec.typ == elf.SHT_GNU_VERNEED:
		table(4, 4, append(word, half...))
	case sec.typ == elf.SHT_STRTAB:
		table(1, 2, []field{{"char", 0, 1}})
	case sec.name == ".eh_frame", sec.name == ".debug_frame":
		s.frames(sec)
	case sec.name == ".eh_frame_hdr", sec.name == ".ARM.exidx", sec.name == ".gnu_debuglink", sec.name == ".gdb_index":
		table(4, 4, append(word, field{"byte", 0, 1}))
	case sec.name == ".gopclntab", sec.name == ".data.rel.ro.gopclntab":
		s.pclntab(sec)
	case sec.name == ".go.buildinfo", sec.name == ".go.module", sec.name == ".gnu_debugdata", sec.name == ".got", sec.name == ".got.plt", strings.HasPrefix(sec.name, ".plt"):
		table(1, 2, []field{{"byte", 0, 1}})
	case elf.SectionFlag(sec.flags)&elf.SHF_EXECINSTR != 0:
		table(1, 2, []field{{"byte", 0, 1}})
	}
}

// notes adds the headers of notes, and their descriptions as words and bytes.
func (s *Source) notes(sec *section) {
	var spots []spot
	for at := 0; at+12 <= len(sec.data); {
		name, desc := s.clip(s.get(sec.data[at:at+4])), s.clip(s.get(sec.data[at+4:at+8]))
		base := sec.off + at
		for i, what := range []string{"namesz", "descsz", "type"} {
			spots = append(spots, spot{off: base + 4*i, size: 4, name: sec.name + " " + what, base: base})
		}
		body := at + 12 + (name+3)&^3
		next := body + (desc+3)&^3
		if next > len(sec.data) || next < at {
			break
		}
		word := 4
		if s.wide {
			word = 8
		}
		for i := range 3 {
			if word*(i+1) <= desc {
				spots = append(spots, spot{off: sec.off + body + word*i, size: word, name: sec.name + " word", base: base})
			}
		}
		for i := 3 * word; i < desc; i += 5 {
			spots = append(spots, spot{off: sec.off + body + i, size: 1, name: sec.name + " byte", base: base}, spot{off: sec.off + body + i, size: min(4, desc-i), kind: text, name: sec.name + " text", base: base})
		}
		at = next
	}
	s.add(group{name: sec.name, weight: 6, spots: spots})
}

// frames adds the records of .eh_frame: their lengths, what they say their CIE
// is, and all that follows as bytes and numbers.
func (s *Source) frames(sec *section) {
	var spots []spot
	for at := 0; at+8 <= len(sec.data); {
		n := s.clip(s.get(sec.data[at : at+4]))
		base := sec.off + at
		spots = append(spots, spot{off: base, size: 4, name: sec.name + " length", base: base}, spot{off: base + 4, size: 4, name: sec.name + " id", base: base})
		for i := at + 8; i < min(at+4+n, len(sec.data)); i++ {
			spots = append(spots, spot{off: sec.off + i, size: 1, name: sec.name + " byte", base: base}, spot{off: sec.off + i, size: 1, kind: leb, name: sec.name + " number", base: base})
		}
		if n == 0 || at+4+n > len(sec.data) || len(spots) > 1<<17 {
			break
		}
		at += 4 + n
	}
	s.add(group{name: sec.name, weight: 10, spots: spots})
}

// pclntab adds the header of Go's table of functions, the table and the records
// that follow it.
func (s *Source) pclntab(sec *section) {
	ptr := 4
	if s.wide {
		ptr = 8
	}
	if len(sec.data) < 8+8*ptr {
		return
	}
	fields := []field{{"magic", 0, 4}, {"pad", 4, 2}, {"quantum", 6, 1}, {"ptrsize", 7, 1}}
	for i := range 8 {
		fields = append(fields, field{"word", 8 + i*ptr, ptr})
	}
	s.add(group{name: sec.name + " header", weight: 6, base: sec.off, stride: 1, count: 1, fields: fields})
	// Since Go 1.16 the last word of the header is where the table of functions is, of 4-byte words since 1.18.
	at := s.clip(s.get(sec.data[8+7*ptr : 8+8*ptr]))
	if at < len(sec.data) {
		s.add(group{name: sec.name + " functions", weight: 6, base: sec.off + at, stride: 4, count: (len(sec.data) - at) / 4, fields: append(word, field{"byte", 0, 1})})
	}
	s.add(group{name: sec.name + " bytes", weight: 2, base: sec.off, stride: 1, count: len(sec.data), fields: []field{{"byte", 0, 1}}})
}

func (s *Source) holds(off, size int) bool {
	return off >= 0 && size >= 0 && off <= len(s.data) && size <= len(s.data)-off
}

func (s *Source) clip(v uint64) int { return int(min(v, uint64(len(s.data))+1)) }

func cstring(b []byte, off int) string {
	if off < 0 || off >= len(b) {
		return ""
	}
	name, _, _ := strings.Cut(string(b[off:min(off+64, len(b))]), "\x00")
	return name
}
