package elfwrite

import "debug/elf"

// strings is a string table; equal strings are stored once.
type strings struct {
	bytes []byte
	at    map[string]uint32
}

func newStrings() *strings { return &strings{bytes: []byte{0}, at: map[string]uint32{"": 0}} }

func (t *strings) add(s string) uint32 {
	at, ok := t.at[s]
	if !ok {
		at = uint32(len(t.bytes))
		t.at[s] = at
		t.bytes = append(t.bytes, s+"\x00"...)
	}
	return at
}

// withTables is the file's sections with the null section and those for symbols and names, the latter
// still empty.
func (f *File) withTables() []Section {
	if len(f.Sections) == 0 && len(f.Symbols) == 0 && len(f.Dynsyms) == 0 && len(f.Segments) < 0xffff {
		return nil
	}
	list := append([]Section{{}}, f.Sections...)
	for i := range list[1:] {
		s := &list[i+1]
		if s.Notes != nil {
			s.Bytes = f.NoteBytes(s.Notes...)
			s.Align = max(s.Align, 4)
			if s.Type == 0 {
				s.Type = elf.SHT_NOTE
			}
		}
		if s.Type == 0 {
			s.Type = elf.SHT_PROGBITS
		}
	}
	if f.Symbols != nil {
		list = append(list, Section{Name: ".symtab", Type: elf.SHT_SYMTAB, Link: ".strtab"},
			Section{Name: ".strtab", Type: elf.SHT_STRTAB})
		if len(f.Sections) >= int(elf.SHN_LORESERVE)-1 {
			list = append(list, Section{Name: ".symtab_shndx", Type: elf.SHT_SYMTAB_SHNDX, Link: ".symtab", Align: 4, Entsize: 4})
		}
	}
	if f.Dynsyms != nil {
		list = append(list, Section{Name: ".dynsym", Type: elf.SHT_DYNSYM, Flags: elf.SHF_ALLOC, Link: ".dynstr"},
			Section{Name: ".dynstr", Type: elf.SHT_STRTAB, Flags: elf.SHF_ALLOC})
	}
	return append(list, Section{Name: ".shstrtab", Type: elf.SHT_STRTAB})
}

// fillTables writes the symbol tables, now that every section has its index.
func (f *File) fillTables(sections []Section, find func(string) int) {
	fill := func(table, names string, symbols []Symbol) {
		if symbols == nil {
			return
		}
		strtab := newStrings()
		symtab := f.symbol(nil, elf.Sym64{})
		far := make([]byte, 4, 4+4*len(symbols)) // .symtab_shndx: one word per symbol, 0 for most
		info := uint32(1)
		for i, s := range symbols {
			n, high := uint32(s.Index), uint32(0)
			if s.Section != "" {
				n = uint32(find(s.Section))
				if n >= uint32(elf.SHN_LORESERVE) {
					n, high = uint32(elf.SHN_XINDEX), n
				}
			}
			if s.Bind == elf.STB_LOCAL {
				info = uint32(i) + 2 // sh_info: one more than the last local symbol
			}
			e := elf.Sym64{Name: strtab.add(s.Name), Info: elf.ST_INFO(s.Bind, s.Type), Other: s.Other,
				Shndx: uint16(n), Value: s.Value, Size: s.Size}
			if s.Edit != nil {
				s.Edit(&e)
			}
			symtab = f.symbol(symtab, e)
			far = f.order().AppendUint32(far, high)
		}
		t := &sections[find(table)]
		t.Bytes, t.Info, t.Align, t.Entsize = symtab, info, 8, uint64(len(f.symbol(nil, elf.Sym64{})))
		sections[find(names)].Bytes = strtab.bytes
		if table == ".symtab" && len(f.Sections) >= int(elf.SHN_LORESERVE)-1 {
			sections[find(".symtab_shndx")].Bytes = far
		}
	}
	fill(".symtab", ".strtab", f.Symbols)
	fill(".dynsym", ".dynstr", f.Dynsyms)
}
