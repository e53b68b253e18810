package elfwrite

import "debug/elf"

// Linking is what Link gives a file for the dynamic loader.
type Linking struct {
	Interp, SONAME, RPath, RunPath string
	Needed                         []string
	Flags1                         elf.DynFlag1
}

// Link makes the file a program or library that a loader can read: code, DT_NEEDED
// and the like with their strings, PT_INTERP, and the PT_LOAD that they are in.
func (f *File) Link(l Linking) {
	const base = 0x1000
	strs := newStrings()
	word := uint64(8)
	if f.is32() {
		word = 4
	}
	var table []byte
	entry := func(tag elf.DynTag, val uint64) { table = f.word(f.word(table, uint64(tag)), val) }
	for _, n := range l.Needed {
		entry(elf.DT_NEEDED, uint64(strs.add(n)))
	}
	for _, s := range []struct {
		tag  elf.DynTag
		text string
	}{{elf.DT_SONAME, l.SONAME}, {elf.DT_RPATH, l.RPath}, {elf.DT_RUNPATH, l.RunPath}} {
		if s.text != "" {
			entry(s.tag, uint64(strs.add(s.text)))
		}
	}
	if l.Flags1 != 0 {
		entry(elf.DT_FLAGS_1, uint64(l.Flags1))
	}
	at := uint64(base)
	add := func(s Section, align uint64) uint64 {
		at = (at + align - 1) &^ (align - 1)
		s.Addr, s.Align = at, align
		s.Flags |= elf.SHF_ALLOC
		f.Sections = append(f.Sections, s)
		at += uint64(len(s.Bytes))
		return s.Addr
	}
	first := ".text"
	add(Section{Name: ".text", Flags: elf.SHF_EXECINSTR, Bytes: make([]byte, 64)}, 16)
	if l.Interp != "" {
		add(Section{Name: ".interp", Bytes: append([]byte(l.Interp), 0)}, 1)
		f.Segments = append(f.Segments, Segment{Type: elf.PT_INTERP, Flags: elf.PF_R, Covers: [2]string{".interp", ".interp"}})
	}
	size := uint64(len(strs.bytes))
	where := add(Section{Name: ".linkstr", Bytes: strs.bytes}, 1)
	entry(elf.DT_STRTAB, where)
	entry(elf.DT_STRSZ, size)
	entry(elf.DT_NULL, 0)
	add(Section{Name: ".dynamic", Type: elf.SHT_DYNAMIC, Flags: elf.SHF_WRITE, Bytes: table, Entsize: 2 * word}, word)
	f.Segments = append(f.Segments,
		Segment{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Covers: [2]string{first, ".dynamic"}, Align: 0x1000},
		Segment{Type: elf.PT_DYNAMIC, Flags: elf.PF_R, Covers: [2]string{".dynamic", ".dynamic"}})
	if f.Type == 0 {
		f.Type = elf.ET_DYN
	}
}
