package elfsym

import (
	"debug/elf"
	"errors"
	"slices"
)

// A relocation is an entry of a dynamic relocation table.
type relocation struct {
	at     Addr
	typ    uint32
	sym    uint32 // index in .dynsym
	addend uint64
	rela   bool // addend is known; else it is in the word itself
}

// relocArea is one table.
type relocArea struct {
	off, size uint64
	rela      bool
}

// relocAreas are the tables that the dynamic section names or, in a static
// program, sections that are loaded.
func (f *File) relocAreas() ([]relocArea, error) {
	var out []relocArea
	d, err := f.dynamic()
	if err != nil {
		return nil, err
	}
	var errs []error
	add := func(at, size elf.DynTag, rela bool) {
		off, ok, err := f.offsetOf(d, at)
		if err != nil {
			errs = append(errs, err)
		} else if ok && d.tags[size] > 0 {
			out = append(out, relocArea{off, d.tags[size], rela})
		}
	}
	add(elf.DT_JMPREL, elf.DT_PLTRELSZ, elf.DynTag(d.tags[elf.DT_PLTREL]) == elf.DT_RELA)
	add(elf.DT_RELA, elf.DT_RELASZ, true)
	add(elf.DT_REL, elf.DT_RELSZ, false)
	if len(d.tags) > 0 {
		return out, errors.Join(errs...)
	}
	secs, err := f.sections()
	if err != nil {
		return out, errors.Join(errs...) // without sections, there is nothing to name
	}
	for i := range secs.all {
		s := &secs.all[i]
		if s.Flags&elf.SHF_ALLOC != 0 && (s.Type == elf.SHT_RELA || s.Type == elf.SHT_REL) {
			out = append(out, relocArea{uint64(s.Offset), s.Size, s.Type == elf.SHT_RELA})
		}
	}
	return out, errors.Join(errs...)
}

// eachRelocation hands over all entries, read in windows. One that is in two
// tables, as DT_RELA often spans DT_JMPREL, is handed over twice.
func (f *File) eachRelocation(fn func(*relocation)) error {
	areas, err := f.relocAreas()
	errs := []error{err}
	slices.SortFunc(areas, func(a, b relocArea) int { return int(b.size>>1) - int(a.size>>1) })
	w := uint64(f.WordSize())
	for _, a := range areas {
		entry := 2 * w
		if a.rela {
			entry = 3 * w
		}
		if a.off > f.size || a.size > f.size-a.off {
			errs = append(errs, &FormatError{"relocations", Offset(a.off), "beyond the file's end", ErrTruncated})
			continue
		}
		n := a.size / entry
		per := uint64(windowSize) / entry
		buf := make([]byte, min(n, per)*entry)
		var r relocation
		for i := uint64(0); i < n; {
			b := buf[:min(per, n-i)*entry]
			if err := f.readAt(b, a.off+i*entry, "relocations"); err != nil {
				errs = append(errs, err)
				break
			}
			for ; len(b) > 0; b, i = b[entry:], i+1 {
				r = relocation{at: Addr(f.Word(b)), rela: a.rela}
				r.sym, r.typ = f.relocInfo(f.Word(b[w:]))
				if a.rela {
					r.addend = f.Word(b[2*w:])
				}
				fn(&r)
			}
		}
	}
	return errors.Join(errs...)
}

// relocInfo takes r_info apart. 64-bit MIPS has five fields there, which
// little-endian files store in the order of big-endian ones.
func (f *File) relocInfo(info uint64) (sym, typ uint32) {
	switch {
	case !f.Is64:
		return uint32(info) >> 8, uint32(info) & 0xff
	case f.hdr.machine == elf.EM_MIPS && !f.Big:
		return uint32(info), uint32(info >> 56)
	case f.hdr.machine == elf.EM_MIPS:
		return uint32(info >> 32), uint32(info) & 0xff
	}
	return uint32(info >> 32), uint32(info)
}
