package elfsym

import (
	"debug/elf"
	"fmt"
	"math"
)

// symbolTable is where one symbol table is and what belongs to it. The symbols
// themselves are read anew for each question, in windows: they are a quarter of
// a million in a big library, and most questions are about one.
type symbolTable struct {
	f      *File
	src    Source
	part   string // what messages call it
	off    uint64 // of entry 0, the null symbol
	n      uint64 // entries
	strs   *stringTable
	xindex []byte // SHT_SYMTAB_SHNDX, 4 bytes an entry; nil if none

	versions *versionTable // .dynsym's; nil for .symtab
	gnuHash  tablePlace
	sysvHash tablePlace
}

// tablePlace is a table's place in the file; size 0 is no table.
type tablePlace struct{ off, size uint64 }

func (f *File) findSymtab() (*symbolTable, error) {
	secs, err := f.sections()
	if err != nil {
		return nil, err
	}
	for i := range secs.all {
		if secs.all[i].Type == elf.SHT_SYMTAB {
			return f.symbolSection(secs, &secs.all[i], Symtab)
		}
	}
	return nil, nil
}

func (f *File) findDynsym() (*symbolTable, error) {
	secs, err := f.sections()
	if err == nil {
		for i := range secs.all {
			if secs.all[i].Type == elf.SHT_DYNSYM {
				return f.dynsymSection(secs, &secs.all[i])
			}
		}
		if len(secs.all) > 0 && f.DebugOnly() {
			return nil, nil // its PT_DYNAMIC points into code that is not there
		}
	}
	// No section headers, or none that can be read: the loader needs none. That
	// they are damaged is told by whoever asks for a section.
	return f.dynsymSegment()
}

// symbolSection is the table in one section.
func (f *File) symbolSection(secs *sectionTable, s *Section, src Source) (*symbolTable, error) {
	t := &symbolTable{f: f, src: src, part: src.String(), off: uint64(s.Offset), n: s.Size / f.symSize()}
	if s.EntSize != f.symSize() {
		return nil, damaged(s.Name, t.off, "entries of %d bytes", s.EntSize)
	}
	if t.n > 1<<32 {
		return nil, damaged(s.Name, t.off, "%d symbols", t.n) // indexes have 32 bits
	}
	if t.off > f.size || s.Size > f.size-t.off {
		return nil, &FormatError{s.Name, s.Offset, fmt.Sprintf("%d bytes wanted, the file ends at 0x%x", s.Size, f.size), ErrTruncated}
	}
	if err := t.checkCount(); err != nil {
		return nil, err
	}
	strs := secs.linked(s.Link, elf.SHT_STRTAB)
	if strs == nil {
		return nil, damaged(s.Name, t.off, "its strings, section %d, are none", s.Link)
	}
	t.strs = newStringTable(f, strs.Name, uint64(strs.Offset), strs.Size)
	for i := range secs.all {
		x := &secs.all[i]
		if x.Type == elf.SHT_SYMTAB_SHNDX && x.Link == uint32(s.Index) {
			var err error
			if t.xindex, err = f.bytes(uint64(x.Offset), x.Size, x.Name); err != nil {
				return t, err
			}
		}
	}
	return t, nil
}

func (f *File) dynsymSection(secs *sectionTable, s *Section) (*symbolTable, error) {
	t, err := f.symbolSection(secs, s, Dynsym)
	if t == nil {
		return nil, err
	}
	v := versionPlaces{n: t.n, strs: t.strs}
	for i := range secs.all {
		x := &secs.all[i]
		place := tablePlace{uint64(x.Offset), x.Size}
		switch x.Type {
		case elf.SHT_GNU_VERSYM:
			v.versym = place
		case elf.SHT_GNU_VERDEF:
			v.verdef, v.defs = place, x.Info
		case elf.SHT_GNU_VERNEED:
			v.verneed, v.needs = place, x.Info
		case elf.SHT_GNU_HASH:
			t.gnuHash = place
		case elf.SHT_HASH:
			t.sysvHash = place
		}
	}
	t.versions = &versionTable{}
	t.versions.init(f, v)
	return t, err
}

// dynsymSegment is .dynsym as the loader finds it. The dynamic section does not
// say how many symbols there are: the hash tables do.
func (f *File) dynsymSegment() (*symbolTable, error) {
	d, err := f.dynamic()
	if err != nil {
		return nil, err
	}
	off, ok, err := f.offsetOf(d, elf.DT_SYMTAB)
	if !ok || err != nil {
		return nil, err
	}
	strs, ok, err := f.offsetOf(d, elf.DT_STRTAB)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, damaged("dynamic section", 0, "DT_SYMTAB and no DT_STRTAB")
	}
	t := &symbolTable{f: f, src: Dynsym, part: Dynsym.String(), off: off}
	t.strs = newStringTable(f, "dynamic strings", strs, d.tags[elf.DT_STRSZ])
	v := versionPlaces{strs: t.strs, defs: uint32(d.tags[elf.DT_VERDEFNUM]), needs: uint32(d.tags[elf.DT_VERNEEDNUM])}
	for _, p := range []struct {
		tag   elf.DynTag
		place *tablePlace
	}{
		{elf.DT_GNU_HASH, &t.gnuHash}, {elf.DT_HASH, &t.sysvHash},
		{elf.DT_VERSYM, &v.versym}, {elf.DT_VERDEF, &v.verdef}, {elf.DT_VERNEED, &v.verneed},
	} {
		at, ok, err := f.offsetOf(d, p.tag)
		if err != nil {
			return nil, err
		}
		if ok {
			*p.place = tablePlace{at, f.size - at} // its own counts end it
		}
	}
	if t.n, err = t.count(d); err != nil {
		return nil, err
	}
	if t.n > 1<<32 || off > f.size || t.n > (f.size-off)/f.symSize() {
		return nil, &FormatError{"dynamic symbols", Offset(off), fmt.Sprintf("%d of them, the file ends at 0x%x", t.n, f.size), ErrTruncated}
	}
	if err := t.checkCount(); err != nil {
		return nil, err
	}
	v.n = t.n
	t.versions = &versionTable{}
	t.versions.init(f, v)
	return t, nil
}

// checkCount holds the number of symbols to the limit.
func (t *symbolTable) checkCount() error {
	if t.n > t.f.lim.Symbols {
		return &FormatError{t.part, Offset(t.off), fmt.Sprintf("%d symbols, %d allowed", t.n, t.f.lim.Symbols), ErrLimit}
	}
	return nil
}

// count is the number of dynamic symbols.
func (t *symbolTable) count(d *dynamicTable) (uint64, error) {
	if t.sysvHash.size > 0 {
		h, err := t.readSysvHash(&peeker{f: t.f})
		return h.chains, err // nchain equals the number of symbols (gABI, "Hash Table")
	}
	if n, ok := d.tags[dtMIPSSYMNO]; ok && t.f.hdr.machine == elf.EM_MIPS {
		return n, nil
	}
	if t.gnuHash.size > 0 {
		return t.countByGNUHash()
	}
	return 0, &FormatError{"dynamic symbols", Offset(t.off),
		"no hash table that would tell how many there are", ErrUnsupported}
}

// each yields the symbols, as long as their names have not more than so many bytes in
// all; false if yield wanted no more.
func (t *symbolTable) each(left int64, yield func(Symbol, error) bool) bool {
	strs, err := t.strs.whole()
	if err != nil {
		return yield(Symbol{}, err)
	}
	versions, versym, err := t.loadVersions()
	if err != nil && !yield(Symbol{}, err) {
		return false
	}
	file := ""
	var told error // what all functions have in common is reported once
	var s Symbol
	one := func(raw rawSymbol) bool {
		name, ok := cstring(strs, uint64(raw.name))
		if raw.typ() == elf.STT_FILE {
			if file = name; len(file) > maxFileName {
				file = ""
			}
			return true
		}
		if !ok && raw.typ() != elf.STT_SECTION {
			return yield(Symbol{}, t.badName(raw, len(strs)))
		}
		if left -= int64(len(name)); left < 0 {
			return false
		}
		if t.skips(raw, name) {
			return true
		}
		var entry uint16
		if at := 2 * uint64(raw.index); at+2 <= uint64(len(versym)) {
			entry = t.f.U16(versym[at:])
		}
		var version versionName
		if versions != nil {
			version = versions.names[entry&^verHidden] // 0 (local) and 1 (global) have none
		}
		if err := t.symbol(&s, raw, name, file, version, entry); err != nil {
			if err == told {
				return true
			}
			told = err
			return yield(Symbol{}, err)
		}
		return yield(s, nil)
	}
	size := t.f.symSize()
	ok := t.eachWindow(func(b []byte, i uint32, err error) bool {
		if err != nil {
			return yield(Symbol{}, err)
		}
		t.touch(b, strs)
		for ; len(b) > 0; b, i = b[size:], i+1 {
			if !one(t.f.decodeRaw(b, i)) {
				return false
			}
		}
		return true
	})
	if left < 0 {
		return yield(Symbol{}, t.tooLong())
	}
	return ok
}

// nameBudget is how many bytes the names of a table may have in all: far more than its
// strings have, but not 64 KiB for each symbol, as where they are tails of one long
// string. To sort and print those of a file of 7 MB would take half a minute.
func (t *symbolTable) nameBudget() int64 {
	return 64<<20 + 16*int64(min(t.strs.size, 1<<32))
}

func (t *symbolTable) tooLong() error {
	return &FormatError{t.part, Offset(t.off), fmt.Sprintf("its symbols share strings, and have names of more than %d bytes in all; the rest is left out", t.nameBudget()), ErrLimit}
}

// skips reports whether an entry is none that Symbols and Lookup yield.
func (t *symbolTable) skips(raw rawSymbol, name string) bool {
	switch raw.typ() {
	case elf.STT_SECTION, elf.STT_FILE:
		return true
	case elf.STT_NOTYPE, elf.STT_TLS: // gas makes those in .tdata thread-local
		return isMapping(t.f.hdr.machine, name)
	}
	return false
}

// loadVersions is the version names and .gnu.version whole; both are usable,
// if empty, after an error.
func (t *symbolTable) loadVersions() (v *versionTable, versym []byte, err error) {
	if t.versions == nil {
		return nil, nil, nil
	}
	v = t.versions
	v.load()
	if versym, err = v.all(); err == nil {
		err = v.err
	}
	return v, versym, err
}

func (t *symbolTable) badName(raw rawSymbol, size int) error {
	e := &SymbolError{Source: t.src, Index: raw.index, Err: ErrDamaged}
	switch {
	case uint64(raw.name) >= uint64(size):
		e.Reason = fmt.Sprintf("its name is at 0x%x, the strings have %d bytes", raw.name, size)
	case size-int(raw.name) > maxName:
		e.Reason, e.Err = fmt.Sprintf("its name has more than %d bytes", maxName), ErrLimit
	default:
		e.Reason = "its name has no end"
	}
	return e
}

// symbol fills in the Symbol of a raw entry; entry is its word of .gnu.version. It is
// filled in place: to hand it over would be a third of the time of a walk.
func (t *symbolTable) symbol(s *Symbol, raw rawSymbol, name, file string, version versionName, entry uint16) error {
	*s = Symbol{
		Name: name, Addr: Addr(raw.value), Size: raw.size,
		Type: raw.typ(), Bind: elf.ST_BIND(raw.info), Visibility: elf.ST_VISIBILITY(raw.other),
		Section: t.section(raw), Source: t.src, Index: raw.index,
	}
	if s.Bind == elf.STB_LOCAL {
		s.File = file
	}
	if t.versions != nil {
		s.Version, s.Default = version.text, version.isDefault(entry)
	} else if t.src == Symtab {
		s.Name, s.Version, s.Default = SplitVersion(name)
	}
	return t.f.adjust(s, raw)
}

// section is the index of the symbol's section, taken from SHT_SYMTAB_SHNDX
// where 16 bits were too few.
func (t *symbolTable) section(raw rawSymbol) int {
	switch i := elf.SectionIndex(raw.shndx); {
	case i == elf.SHN_XINDEX:
		at := 4 * uint64(raw.index)
		if at+4 <= uint64(len(t.xindex)) {
			if n := t.f.U32(t.xindex[at:]); n <= math.MaxInt32 {
				return int(n)
			}
		}
		return SectionAbs // no table that would tell: in no section that we know
	case i >= elf.SHN_LORESERVE:
		return int(i) - 0x10000
	default:
		return int(i)
	}
}
