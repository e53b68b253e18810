package die

import (
	"cmp"
	"slices"
	"sync"
)

// An addrIndex tells which unit an address is in, as an index of the file
// says, which may be incomplete or wrong.
type addrIndex struct{ all []unitRange }

type unitRange struct {
	Range
	unit uint64 // offset in .debug_info
}

// units are the units that may hold an address, each once.
func (x *addrIndex) units(a uint64) []uint64 {
	i, _ := slices.BinarySearchFunc(x.all, a, func(r unitRange, a uint64) int {
		if r.Low <= a {
			return -1
		}
		return 1
	})
	var out []uint64
	// Ranges of different units don't overlap but where code was merged; some are
	// looked at, not all that might reach here.
	for n := 0; i > 0 && n < 16; n++ {
		if i--; x.all[i].High > a && !slices.Contains(out, x.all[i].unit) {
			out = append(out, x.all[i].unit)
		}
	}
	return out
}

func (x *addrIndex) sort() {
	slices.SortFunc(x.all, func(a, b unitRange) int {
		return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(b.High, a.High), cmp.Compare(a.unit, b.unit))
	})
}

// maxIndex is the largest index that is read into memory.
const maxIndex = 1 << 30

// ReadWhole reads a section whole, by its whole name; nil if there is none.
func (f *File) ReadWhole(name string) ([]byte, error) {
	s, err := f.RawSection(name)
	if err != nil || s == nil || s.Size() <= 0 {
		return nil, err
	}
	if s.Size() > maxIndex {
		return nil, &Error{name, 0, "an index of more than 1 GiB", ErrLimit}
	}
	return readInto(nil, s, name, 0, uint64(s.Size()))
}

// aranges reads .debug_aranges (DWARF 5, 6.1.2): for each unit a header and pairs
// of address and length, the last of zeros. What is damaged is left out; the
// index is a hint.
func (f *File) aranges() (*addrIndex, error) {
	b, err := f.ReadWhole(".debug_aranges")
	x := &addrIndex{}
	if err != nil {
		return x, err
	}
	for off := 0; len(b)-off >= 12; {
		set, i, offSize := b[off:], 4, 4
		n := uint64(f.U32(set))
		if n == 0xffffffff {
			if n, i, offSize = f.U64(set[4:]), 12, 8; len(set) < 24 {
				break
			}
		}
		if n > uint64(len(set)-i) || n < uint64(offSize)+4 {
			break
		}
		set = set[:i+int(n)]
		off += len(set)
		version := f.U16(set[i:])
		unit := f.number(set[i+2:], offSize)
		i += 2 + offSize
		size, seg := int(set[i]), set[i+1]
		i += 2
		if version != 2 || seg != 0 || size != 4 && size != 8 && size != 2 {
			continue
		}
		// Pairs begin at a multiple of their size.
		if rem := i % (2 * size); rem != 0 {
			i += 2*size - rem
		}
		for ; len(set)-i >= 2*size; i += 2 * size {
			low, n := f.number(set[i:], size), f.number(set[i+size:], size)
			if low == 0 && n == 0 {
				break
			}
			if low+n > low {
				x.all = append(x.all, unitRange{Range{low, low + n}, unit})
			}
		}
	}
	x.sort()
	return x, nil
}

// roots is an index of what the units' roots say.
func (f *File) roots() (*addrIndex, error) {
	x := &addrIndex{}
	var rs []Range
	for i := 0; ; i++ {
		u, err := f.Unit(i)
		if u == nil {
			x.sort()
			return x, err
		}
		if r := u.Info(); r.err != nil || u.IsType() {
			continue
		}
		e, err := u.rootAlone()
		if err != nil {
			continue
		}
		if rs, err = e.Ranges(rs[:0]); err != nil {
			continue
		}
		for _, r := range rs {
			x.all = append(x.all, unitRange{r, u.Off})
		}
	}
}

// unitIndexes are the file's indexes of addresses, each read when needed.
type unitIndexes struct{ aranges, gdb, roots func() (*addrIndex, error) }

func (f *File) indexes() unitIndexes {
	return unitIndexes{sync.OnceValues(f.aranges), sync.OnceValues(f.gdbAddresses), sync.OnceValues(f.roots)}
}

// UnitsFor calls fn for units that may have code at an address, the likeliest
// first, until it returns false; each once. There may be others: an index can
// lack units, and so can what the units say of themselves.
func (f *File) UnitsFor(a uint64, fn func(*Unit) bool) {
	var seen []uint64
	for _, index := range []func() (*addrIndex, error){f.byAddr.aranges, f.byAddr.gdb, f.byAddr.roots} {
		x, err := index()
		if x == nil || err != nil && len(x.all) == 0 {
			continue // a damaged index is a missing one: nothing rests on it
		}
		for _, off := range x.units(a) {
			if slices.Contains(seen, off) {
				continue
			}
			seen = append(seen, off)
			u, err := f.info.containing(off)
			if err == nil && u.Off == off && !fn(u) {
				return
			}
		}
	}
}

// gdbAddresses is the table of addresses of a .gdb_index, versions 7 to 9 (GDB's
// manual, "Index Section Format"): always little-endian; a header of offsets, the
// list of units (offset and length), that of type units, then the addresses:
// from, to and the unit's number.
func (f *File) gdbAddresses() (*addrIndex, error) {
	b, err := f.ReadWhole(".gdb_index")
	x := &addrIndex{}
	if err != nil || len(b) < 24 {
		return x, err
	}
	u32 := func(i uint64) uint64 {
		return uint64(b[i]) | uint64(b[i+1])<<8 | uint64(b[i+2])<<16 | uint64(b[i+3])<<24
	}
	if v := u32(0); v < 7 || v > 9 {
		return x, nil
	}
	units, types, addrs, end := u32(4), u32(8), u32(12), u32(16)
	if units > types || types > addrs || addrs > end || end > uint64(len(b)) {
		return x, damaged(".gdb_index", 0, "its tables are out of order")
	}
	for ; end-addrs >= 20; addrs += 20 {
		low, high, cu := u32(addrs)|u32(addrs+4)<<32, u32(addrs+8)|u32(addrs+12)<<32, u32(addrs+16)
		if low < high && cu < (types-units)/16 {
			at := units + 16*cu
			x.all = append(x.all, unitRange{Range{low, high}, u32(at) | u32(at+4)<<32})
		}
	}
	x.sort()
	return x, nil
}
