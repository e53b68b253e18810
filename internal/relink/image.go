package relink

import (
	"debug/elf"
	"slices"
)

// The image is laid out so:
//
//	file            memory
//	headers         base
//	code, stubs     base+0x1000   executable
//	constants       …             what .eh_frame has is the last of them
//	data            …             writable
//	                …             .bss, slots and copied variables: no bytes
//	dynamic tables  …             read-only
//	symbols, section headers
//
// Up to the end of data both columns are the same but for base.

// strtab is a string table.
type strtab struct {
	b  []byte
	at map[string]uint32
}

func newStrtab() *strtab { return &strtab{[]byte{0}, map[string]uint32{"": 0}} }

func (t *strtab) add(s string) uint32 {
	at, ok := t.at[s]
	if !ok {
		at = uint32(len(t.b))
		t.at[s] = at
		t.b = append(append(t.b, s...), 0)
	}
	return at
}

// writer appends tables to the image.
type writer struct {
	*linker
	b        []byte
	secs     []elf.Section64
	names    *strtab
	shift    uint64 // address of a byte behind data, less its place
	segments []elf.Prog64
}

// section notes a section of the image.
func (w *writer) section(name string, s elf.Section64) int {
	s.Name = w.names.add(name)
	w.secs = append(w.secs, s)
	return len(w.secs) - 1
}

// table appends one; with an address if it is one that is mapped.
func (w *writer) table(name string, typ elf.SectionType, b []byte, entry uint64, link, info int, mapped bool) int {
	w.b = append(w.b, make([]byte, -len(w.b)&7)...)
	s := elf.Section64{Type: uint32(typ), Off: uint64(len(w.b)), Size: uint64(len(b)), Entsize: entry, Link: uint32(link), Info: uint32(info), Addralign: 8}
	if mapped {
		s.Flags, s.Addr = uint64(elf.SHF_ALLOC), uint64(len(w.b))+w.shift
	}
	w.b = append(w.b, b...)
	return w.section(name, s)
}

// write makes the ELF file.
func (k *linker) write() []byte {
	w := &writer{linker: k, b: k.image, names: newStrtab()}
	w.section("", elf.Section64{})
	text := w.content(".text", k.areas[code], elf.SHF_EXECINSTR)
	w.content(".plt", k.stubs, elf.SHF_EXECINSTR)
	w.content(".rodata", k.areas[constant], 0)
	w.content(".eh_frame", k.areas[frames], 0)
	w.content(".data", area{k.areas[data].start, k.areas[threads].end}, elf.SHF_WRITE)
	bss := area{k.areas[zero].start, k.next}
	w.section(".bss", elf.Section64{Type: uint32(elf.SHT_NOBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_WRITE), Addr: bss.start, Off: uint64(len(w.b)), Size: bss.size(), Addralign: 8})

	load := func(flags elf.ProgFlag, a area, bytes uint64) {
		if a.size() > 0 {
			w.segments = append(w.segments, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(flags), Off: a.start - k.base, Vaddr: a.start, Filesz: bytes, Memsz: a.size(), Align: page})
		}
	}
	load(elf.PF_R, area{k.base, k.base + page}, page)
	whole := area{k.areas[code].start, k.stubs.end}
	load(elf.PF_R|elf.PF_X, whole, whole.size())
	whole = area{k.areas[constant].start, k.areas[frames].end}
	load(elf.PF_R, whole, whole.size())
	whole = area{k.areas[data].start, k.areas[threads].end}
	load(elf.PF_R|elf.PF_W, whole, whole.size())
	if bss.size() > 0 {
		w.segments = append(w.segments, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Vaddr: bss.start, Memsz: bss.size(), Align: 16})
	}
	w.dynamic(alignUp(bss.end, page))
	w.symbols(text)
	return w.headers()
}

func (w *writer) content(name string, a area, flags elf.SectionFlag) int {
	return w.section(name, elf.Section64{Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC | flags), Addr: a.start, Off: a.start - w.base, Size: a.size(), Addralign: 1})
}

// dynamic writes what a loader would read, from an address on.
func (w *writer) dynamic(at uint64) {
	w.b = append(w.b, make([]byte, alignUp(uint64(len(w.b)), page)-uint64(len(w.b)))...)
	off := uint64(len(w.b))
	w.shift = at - off
	strs := newStrtab()
	syms := make([]byte, symSize)
	for _, name := range w.linker.symbols {
		syms = appendSym(syms, strs.add(name), elf.STB_GLOBAL, elf.STT_NOTYPE, 0, 0, 0)
	}
	rela := make([]byte, 0, relaSize*len(w.relocs))
	for _, r := range w.relocs {
		rela = le.AppendUint64(rela, r.at)
		rela = le.AppendUint64(rela, uint64(r.sym)<<32|uint64(r.typ))
		rela = le.AppendUint64(rela, r.addend)
	}
	str := w.table(".dynstr", elf.SHT_STRTAB, strs.b, 0, 0, 0, true)
	sym := w.table(".dynsym", elf.SHT_DYNSYM, syms, symSize, str, 1, true)
	rel := w.table(".rela.dyn", elf.SHT_RELA, rela, relaSize, sym, 0, true)
	var dyn []byte
	for _, e := range []struct {
		tag elf.DynTag
		val uint64
	}{
		{elf.DT_STRTAB, w.secs[str].Addr}, {elf.DT_STRSZ, w.secs[str].Size}, {elf.DT_SYMTAB, w.secs[sym].Addr}, {elf.DT_SYMENT, symSize},
		{elf.DT_RELA, w.secs[rel].Addr}, {elf.DT_RELASZ, w.secs[rel].Size}, {elf.DT_RELAENT, relaSize}, {elf.DT_NULL, 0},
	} {
		dyn = le.AppendUint64(le.AppendUint64(dyn, uint64(e.tag)), e.val)
	}
	d := &w.secs[w.table(".dynamic", elf.SHT_DYNAMIC, dyn, 16, str, 0, true)]
	size := uint64(len(w.b)) - off
	w.segments = append(w.segments,
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R), Off: off, Vaddr: at, Filesz: size, Memsz: size, Align: page},
		elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Flags: uint32(elf.PF_R), Off: d.Off, Vaddr: d.Addr, Filesz: d.Size, Memsz: d.Size, Align: 8})
}

func appendSym(b []byte, name uint32, bind elf.SymBind, typ elf.SymType, sec uint16, value, size uint64) []byte {
	b = le.AppendUint32(b, name)
	b = append(b, elf.ST_INFO(bind, typ), 0)
	b = le.AppendUint16(b, sec)
	return le.AppendUint64(le.AppendUint64(b, value), size)
}

// symbols writes those of the functions: of all members, also where several have one name.
func (w *writer) symbols(text int) {
	strs := newStrtab()
	locals, globals := make([]byte, symSize), []byte(nil)
	for _, o := range w.objs {
		for i := range o.syms {
			s := &o.syms[i]
			if !s.function() || s.name == "" || s.sec >= common {
				continue
			}
			sec := &o.secs[s.sec]
			if sec.class != code || sec.discarded || s.value >= sec.size {
				continue
			}
			addr, size := sec.addr+s.value, min(s.size, sec.size-s.value)
			if s.bind == elf.STB_LOCAL {
				locals = appendSym(locals, strs.add(s.name), s.bind, s.typ, uint16(text), addr, size)
			} else {
				globals = appendSym(globals, strs.add(s.name), s.bind, s.typ, uint16(text), addr, size)
			}
		}
	}
	first := len(locals) / symSize
	str := w.table(".strtab", elf.SHT_STRTAB, strs.b, 0, 0, 0, false)
	w.table(".symtab", elf.SHT_SYMTAB, slices.Concat(locals, globals), symSize, str, first, false)
}

// headers writes those of the sections, and of the file.
func (w *writer) headers() []byte {
	w.names.add(".shstrtab")
	names := w.table(".shstrtab", elf.SHT_STRTAB, slices.Clone(w.names.b), 0, 0, 0, false)
	w.b = append(w.b, make([]byte, -len(w.b)&7)...)
	shoff := uint64(len(w.b))
	for _, s := range w.secs {
		for _, v := range []uint32{s.Name, s.Type} {
			w.b = le.AppendUint32(w.b, v)
		}
		for _, v := range []uint64{s.Flags, s.Addr, s.Off, s.Size} {
			w.b = le.AppendUint64(w.b, v)
		}
		w.b = le.AppendUint32(le.AppendUint32(w.b, s.Link), s.Info)
		w.b = le.AppendUint64(le.AppendUint64(w.b, s.Addralign), s.Entsize)
	}
	const ehsize, phsize, shsize = 64, 56, 64
	typ := elf.ET_DYN
	if w.fixed {
		typ = elf.ET_EXEC
	}
	h := append([]byte(elf.ELFMAG), byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	h = le.AppendUint16(le.AppendUint16(h, uint16(typ)), uint16(w.machine))
	h = le.AppendUint32(h, 1)
	for _, v := range []uint64{0, ehsize, shoff} {
		h = le.AppendUint64(h, v)
	}
	h = le.AppendUint32(h, 0)
	for _, v := range []int{ehsize, phsize, len(w.segments), shsize, len(w.secs), names} {
		h = le.AppendUint16(h, uint16(v))
	}
	for _, p := range w.segments {
		h = le.AppendUint32(le.AppendUint32(h, p.Type), p.Flags)
		for _, v := range []uint64{p.Off, p.Vaddr, p.Vaddr, p.Filesz, p.Memsz, p.Align} {
			h = le.AppendUint64(h, v)
		}
	}
	copy(w.b, h)
	return w.b
}
