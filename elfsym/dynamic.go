package elfsym

import (
	"debug/elf"
	"fmt"
)

// dynamicTable is the dynamic section: what the loader reads, and so what a
// file without section headers still has. Its pointers are addresses.
type dynamicTable struct {
	tags   map[elf.DynTag]uint64 // the first of each tag
	needed []uint64              // offsets into the string table
}

// maxNeeded is how many libraries a file may need. Each costs a name, and all
// names may be one.
const maxNeeded = 1 << 12

// Machine-specific tags that debug/elf lacks.
const (
	dtPPC64OPD   elf.DynTag = 0x70000001
	dtPPC64OPDSZ elf.DynTag = 0x70000002
	dtMIPSSYMNO  elf.DynTag = 0x70000011 // DT_MIPS_SYMTABNO
	dtMIPSXHASH  elf.DynTag = 0x70000036 // DT_MIPS_XHASH
)

// dynamicArea is where the dynamic section is: PT_DYNAMIC, which the loader
// follows.
func (f *File) dynamicArea() (off, size uint64, ok bool) {
	for _, s := range f.segs.all {
		if s.Type == elf.PT_DYNAMIC {
			return uint64(s.Offset), s.FileSize, s.FileSize > 0
		}
	}
	return 0, 0, false
}

func (f *File) readDynamic() (*dynamicTable, error) {
	d := &dynamicTable{}
	off, size, ok := f.dynamicArea()
	if !ok {
		return d, nil
	}
	b, err := f.table(off, size, "dynamic section")
	if err != nil {
		return d, err
	}
	w := f.WordSize()
	d.tags = make(map[elf.DynTag]uint64, 32)
	for ; len(b) >= 2*w; b = b[2*w:] {
		tag, val := elf.DynTag(f.Word(b)), f.Word(b[w:])
		if tag == elf.DT_NULL {
			break
		}
		if tag == elf.DT_NEEDED && len(d.needed) <= maxNeeded {
			d.needed = append(d.needed, val)
		}
		if _, again := d.tags[tag]; !again {
			d.tags[tag] = val
		}
	}
	return d, nil
}

// offsetOf is the place in the file that a pointer in the dynamic section
// means.
func (f *File) offsetOf(d *dynamicTable, tag elf.DynTag) (uint64, bool, error) {
	a, ok := d.tags[tag]
	if !ok {
		return 0, false, nil
	}
	off, err := f.segs.Offset(Addr(a))
	if err != nil {
		return 0, true, fmt.Errorf("%v: %w", tag, err)
	}
	return uint64(off), true, nil
}

// Needed are the libraries that the file says it needs (DT_NEEDED), in order:
// names as the loader looks for them, not paths. A symbol that is only imported
// is in one of them, or in one that those need.
func (f *File) Needed() ([]string, error) {
	d, err := f.dynamic()
	if err != nil {
		return nil, err
	}
	if len(d.needed) == 0 {
		return nil, nil
	}
	off, ok, err := f.offsetOf(d, elf.DT_STRTAB)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, damaged("dynamic section", 0, "DT_NEEDED and no DT_STRTAB")
	}
	if len(d.needed) > maxNeeded {
		return nil, &FormatError{"dynamic section", 0, fmt.Sprintf("more than %d libraries", maxNeeded), ErrLimit}
	}
	strs := stringTable{f: f, part: "dynamic strings", off: off, size: d.tags[elf.DT_STRSZ]}
	out := make([]string, 0, len(d.needed))
	for _, n := range d.needed {
		s, err := strs.at(n, maxVersion)
		if err != nil {
			return out, err
		}
		out = append(out, s)
	}
	return out, nil
}
