package die

import (
	"bytes"
	"debug/dwarf"
	"slices"
)

// A NameSearch finds units that may have functions of some names without
// decoding the others. A name is a string in .debug_str, mostly one for all
// units, and an entry refers to it by its offset: so the offset's bytes are
// looked for in the unit, which takes a tenth of a walk's time. Bytes that only
// look like it cost a walk over that unit; a unit is passed by only if it cannot
// have the name.
type NameSearch struct {
	offs    []uint32 // where the names are in .debug_str, this file's or the supplementary one's
	needles [][]byte // these as bytes of the file's order, and the names themselves, for DW_FORM_string
	all     bool     // too many to look for: all units may have them
}

// maxNeedles is how many offsets are looked for one by one. With more, walking
// is as fast.
const maxNeedles = 12

// Search looks the names up in the tables of strings. The search is of use with
// an error too: where a table cannot be read, all units may have the names.
func (f *File) Search(names []string) (*NameSearch, error) {
	s := &NameSearch{}
	var failed error
	files := []*File{f}
	if sup, err := f.sup(); err == nil {
		files = append(files, sup)
	}
	for _, x := range files {
		for _, table := range []*pages[string]{x.str, x.lineStr} {
			if err := s.find(table, names); err != nil {
				if s.all = true; failed == nil {
					failed = err
				}
			}
		}
	}
	slices.Sort(s.offs)
	s.offs = slices.Compact(s.offs)
	if len(s.offs)+len(names) > maxNeedles {
		s.all = true
	}
	if s.all {
		return s, failed
	}
	for _, off := range s.offs {
		b := make([]byte, 4)
		for i := range b {
			if shift := 8 * i; f.Big {
				b[3-i] = byte(off >> shift)
			} else {
				b[i] = byte(off >> shift)
			}
		}
		s.needles = append(s.needles, b)
	}
	for _, n := range names {
		s.needles = append(s.needles, append([]byte(n), 0))
	}
	return s, nil
}

// find notes where a table has the names, also as the ends of other strings:
// linkers share them.
func (s *NameSearch) find(table *pages[string], names []string) error {
	if table.err != nil {
		return table.err
	}
	const window = 1 << 20
	longest := 0
	for _, n := range names {
		longest = max(longest, len(n))
	}
	buf := make([]byte, min(table.size, uint64(window+longest)))
	for start := uint64(0); start < table.size; start += window {
		b := buf[:min(uint64(len(buf)), table.size-start)]
		if err := readSection(table.s, table.name, b, start); err != nil {
			return err
		}
		for _, n := range names {
			needle := append([]byte(n), 0)
			for pos := 0; pos < window; {
				i := bytes.Index(b[pos:], needle)
				if i < 0 || pos+i >= window {
					break
				}
				if s.offs = append(s.offs, uint32(start+uint64(pos+i))); len(s.offs) > 4*maxNeedles {
					s.all = true
					return nil
				}
				pos += i + 1
			}
		}
	}
	return nil
}

// mayHave reports whether the unit may have a function of the names.
func (s *NameSearch) mayHave(b *body) bool {
	// A name can be in another unit that this one's functions refer to.
	return b.ab.far || s.mayName(b)
}

// mayName reports whether the unit itself may have one of the names.
func (s *NameSearch) mayName(b *body) bool {
	if s.all {
		return true
	}
	if b.ab.strx && s.indexed(b.u) {
		return true
	}
	for _, n := range s.needles {
		if bytes.Contains(b.b, n) {
			return true
		}
	}
	return false
}

// indexed reports whether the unit's part of .debug_str_offsets has one of the
// offsets, or cannot be read.
func (s *NameSearch) indexed(u *Unit) bool {
	r := u.Info()
	if r.err != nil {
		return true
	}
	p, c := u.File.strOffsets, u.contrib.get(sectStrOffsets)
	start, end := c.off+r.strBase, c.off+c.size
	if c.size == 0 {
		end = p.size
	}
	if u.Version >= 5 && c.size == 0 {
		// The header before the base has the length of what follows it.
		head := uint64(8)
		if u.OffSize == 8 {
			head = 16
		}
		if start >= head {
			n, err := view(p, start-head, head)
			if err != nil {
				return true
			}
			size := uint64(u.File.U32(n))
			if u.OffSize == 8 {
				size = u.File.U64(n[4:])
			}
			if size >= 4 && size-4 <= end-min(end, start) {
				end = start + size - 4
			}
		}
	}
	for start < end {
		b, err := rest(p, start)
		if err != nil {
			return true
		}
		b = b[:min(uint64(len(b)), end-start)]
		if len(b) < u.OffSize {
			return false
		}
		for len(b) >= u.OffSize {
			off := u.File.number(b, u.OffSize)
			if _, found := slices.BinarySearch(s.offs, uint32(off)); found {
				return true
			}
			b = b[u.OffSize:]
			start += uint64(u.OffSize)
		}
	}
	return false
}

// FunctionsNamed is Functions for a unit that may have a function of the names,
// or an inlined copy of one; for another it calls nothing.
func (u *Unit) FunctionsNamed(s *NameSearch, buf *Buffer, w *Budget, fn func(Entry) bool) error {
	b, err := u.load(buf, w)
	if err != nil {
		return err
	}
	// A split unit's strings are those of its own file, which was not searched.
	if u.skeleton == nil && !s.mayHave(b) {
		return nil
	}
	if r := u.info(b); r.err != nil {
		return r.err
	}
	return b.functions(fn)
}

// remark notes what a table's functions need to be found by name.
func (t *abbrevTable) remark(s Spec) {
	switch s.Form {
	case FormStrx, FormStrx1, FormStrx2, FormStrx3, FormStrx4, FormGNUStrIndex, FormIndirect:
		t.strx = true
	}
	if s.Attr == dwarf.AttrDwoName || s.Attr == AttrGNUDwoName {
		t.split = true
	}
	if s.Attr == dwarf.AttrAbstractOrigin || s.Attr == dwarf.AttrSpecification {
		switch s.Form {
		case FormRefAddr, FormRefSup4, FormRefSup8, FormGNURefAlt, FormRefSig8, FormIndirect:
			t.far = true
		}
	}
}
