package die

import (
	"cmp"
	"fmt"
	"slices"
)

// A .dwp file is many .dwo files put together: each section is made of one
// contribution of each, and two tables, .debug_cu_index and .debug_tu_index, say
// for each unit which contributions are its own (DWARF 5, 7.3.5; before that,
// gcc.gnu.org/wiki/DebugFissionDWP). What a unit counts from the start of a
// section it then counts from its contribution.

// sect is a column of the tables, by the one numbering of both versions as far
// as they agree.
type sect uint8

const (
	sectInfo sect = iota
	sectTypes
	sectAbbrev
	sectLine
	sectLoc // .debug_loc or .debug_loclists
	sectStrOffsets
	sectRnglists
	numSects
)

// A span is a part of a section; of size 0, all of it.
type span struct{ off, size uint64 }

// A contribution is a unit's part of each section.
type contribution struct {
	sig  uint64
	sect [numSects]span
}

func (c *contribution) get(s sect) span {
	if c == nil {
		return span{}
	}
	return c.sect[s]
}

// dwpIndexes are the contributions to .debug_info and to .debug_types, by
// where they begin.
type dwpIndexes struct {
	info, types []*contribution
}

func (x *dwpIndexes) find(types bool, off uint64) *contribution {
	if x == nil {
		return nil
	}
	all, s := x.info, sectInfo
	if types {
		all, s = x.types, sectTypes
	}
	i, found := slices.BinarySearchFunc(all, off, func(c *contribution, off uint64) int { return cmp.Compare(c.sect[s].off, off) })
	if !found {
		i--
	}
	if i < 0 || off-all[i].sect[s].off >= all[i].sect[s].size {
		return nil
	}
	return all[i]
}

// readIndexes reads both tables; nil if the file has none.
func (f *File) readIndexes() (*dwpIndexes, error) {
	if !f.c.DWO {
		return nil, nil
	}
	x := &dwpIndexes{}
	any := false
	for _, name := range []string{".debug_cu_index", ".debug_tu_index"} {
		s, err := f.RawSection(name)
		if err != nil {
			return nil, err
		}
		if s == nil || s.Size() == 0 {
			continue
		}
		any = true
		if err := f.readIndex(x, s, name); err != nil {
			return nil, err
		}
	}
	if !any {
		return nil, nil
	}
	for s, all := range map[sect][]*contribution{sectInfo: x.info, sectTypes: x.types} {
		slices.SortFunc(all, func(a, b *contribution) int { return cmp.Compare(a.sect[s].off, b.sect[s].off) })
	}
	return x, nil
}

func (f *File) readIndex(x *dwpIndexes, s Section, name string) error {
	const maxIndex = 1 << 30
	if s.Size() > maxIndex {
		return &Error{name, 0, "a table of more than 1 GiB", ErrLimit}
	}
	b, err := readInto(nil, s, name, 0, uint64(max(s.Size(), 0)))
	if err != nil {
		return err
	}
	if len(b) < 16 {
		return damaged(name, 0, "no room for its header")
	}
	version := uint32(f.U16(b))
	if v := f.U32(b); v == 2 {
		version = v
	}
	if version != 2 && version != 5 {
		return &Error{name, 0, fmt.Sprintf("version %d", version), ErrUnsupported}
	}
	cols, units, slots := uint64(f.U32(b[4:])), uint64(f.U32(b[8:])), uint64(f.U32(b[12:]))
	if units == 0 {
		return nil
	}
	n := uint64(len(b)) - 16
	if cols == 0 || cols > 32 || slots > n/12 || units > n || 12*slots+4*cols+8*units*cols > n {
		return damaged(name, 0, "%d columns, %d units and %d slots in %d bytes", cols, units, slots, len(b))
	}
	sigs, rows := b[16:], b[16+8*slots:]
	ids := rows[4*slots:]
	offs := ids[4*cols:]
	sizes := offs[4*cols*units:]
	seen := make([]bool, units)
	for i := range slots {
		row := uint64(f.U32(rows[4*i:]))
		if row == 0 || row > units || seen[row-1] {
			continue
		}
		seen[row-1] = true
		c := &contribution{sig: f.U64(sigs[8*i:])}
		for k := range cols {
			at := 4 * ((row-1)*cols + k)
			to, ok := columnSect(version, f.U32(ids[4*k:]))
			if ok {
				c.sect[to] = span{uint64(f.U32(offs[at:])), uint64(f.U32(sizes[at:]))}
			}
		}
		if c.sect[sectTypes].size != 0 {
			x.types = append(x.types, c)
		} else {
			x.info = append(x.info, c)
		}
	}
	return nil
}

func columnSect(version, id uint32) (sect, bool) {
	switch id {
	case 1:
		return sectInfo, true
	case 2:
		return sectTypes, version == 2
	case 3:
		return sectAbbrev, true
	case 4:
		return sectLine, true
	case 5:
		return sectLoc, true
	case 6:
		return sectStrOffsets, true
	case 8:
		return sectRnglists, version == 5
	}
	return 0, false
}

// Split is the unit in a .dwo or .dwp that a skeleton names, nil for a unit that
// is not a skeleton. The error, if it cannot be had, wraps ErrMissing where
// there is no such file.
func (u *Unit) Split() (*Unit, error) {
	if u.split == nil {
		return nil, nil
	}
	return u.split()
}

// Whole is the unit that has the entries: the split unit of a skeleton, the unit
// itself of others. A skeleton whose split unit cannot be had has none.
func (u *Unit) Whole() (*Unit, error) {
	s, err := u.Split()
	if s != nil || err != nil {
		return s, err
	}
	return u, nil
}

// WholeIn is Whole for who walks over the unit next: its bytes are read into buf,
// and its root is told from there. Read alone, the root of a unit that is to be
// inflated would be a way back in the stream.
func (u *Unit) WholeIn(buf *Buffer, w *Budget) (*Unit, error) {
	if u.split != nil {
		b, err := u.load(buf, w)
		if err != nil {
			return nil, err
		}
		u.info(b)
	}
	return u.Whole()
}

func (u *Unit) openSplit() (*Unit, error) {
	if u.File.c.DWO {
		return nil, nil
	}
	r := u.Info()
	if r.err != nil || r.DWOName == "" {
		return nil, nil
	}
	if u.File.c.Split == nil {
		return nil, missing(u.Section(), u.Off, "split unit %q", r.DWOName)
	}
	f, err := u.File.c.Split(u)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, missing(u.Section(), u.Off, "split unit %q", r.DWOName)
	}
	var damage error
	for i := 0; ; i++ {
		d, err := f.Unit(i)
		if d == nil {
			if err == nil {
				err = damage
			}
			if err == nil {
				err = missing(u.Section(), u.Off, "%q has no unit with the id %016x", r.DWOName, r.DWOID)
			}
			return nil, err
		}
		if d.IsType() {
			continue
		}
		id, known := d.Sig, d.Version >= 5
		if !known {
			if d.contrib != nil {
				id = d.contrib.sig
			} else {
				o := d.Info()
				if o.err != nil {
					damage = o.err
					continue
				}
				id = o.DWOID
			}
		}
		if id == r.DWOID {
			return d.under(u), nil
		}
	}
}

// under is the split unit as the skeleton's: with its addresses.
func (u *Unit) under(skeleton *Unit) *Unit {
	return &Unit{File: u.File, Off: u.Off, Size: u.Size, Version: u.Version, Type: u.Type, AddrSize: u.AddrSize, OffSize: u.OffSize,
		Sig: u.Sig, typeOff: u.typeOff, abbrevOff: u.abbrevOff, header: u.header, inTypes: u.inTypes,
		skeleton: skeleton, contrib: u.contrib, split: func() (*Unit, error) { return nil, nil }}
}
