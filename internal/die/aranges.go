package die

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// An addrIndex tells which unit an address is in, as an index of the file
// says, which may be incomplete or wrong. It is in no order: for a few addresses
// all of it is looked through, and for more it is sorted.
type addrIndex struct {
	each  func(fn func(unitRange)) // all of its ranges
	asked atomic.Int32

	sorting sync.Once
	all     []unitRange // sorted
}

type unitRange struct {
	Range
	unit uint64 // offset in .debug_info
}

// order is by address, and of ranges that begin together the longer first.
func (r unitRange) order(o unitRange) int {
	return cmp.Or(cmp.Compare(r.Low, o.Low), cmp.Compare(o.High, r.High), cmp.Compare(r.unit, o.unit))
}

const (
	// fewAddresses is how many are looked for before an index is sorted, which takes
	// thirty times as long as to look through it.
	fewAddresses = 16

	// Ranges of different units don't overlap but where code was merged; some are
	// looked at, not all that might reach here.
	nearRanges = 16
)

// units are the units that may hold an address, each once.
func (x *addrIndex) units(a uint64) []uint64 {
	if x.asked.Add(1) <= fewAddresses {
		if out, ok := x.look(a); ok {
			return out
		}
	}
	x.sorting.Do(func() {
		x.each(func(r unitRange) { x.all = append(x.all, r) })
		slices.SortFunc(x.all, unitRange.order)
	})
	x.asked.Store(fewAddresses)
	i, _ := slices.BinarySearchFunc(x.all, a, func(r unitRange, a uint64) int {
		if r.Low <= a {
			return -1
		}
		return 1
	})
	var out []uint64
	for n := 0; i > 0 && n < nearRanges; n++ {
		if i--; x.all[i].High > a && !slices.Contains(out, x.all[i].unit) {
			out = append(out, x.all[i].unit)
		}
	}
	return out
}

// look is units without sorting; false where so many ranges hold the address that
// it would take long.
func (x *addrIndex) look(a uint64) (out []uint64, ok bool) {
	type holder struct {
		unitRange
		behind int // how many follow it in order, up to the address
	}
	var room [nearRanges]holder
	all := room[:0]
	ok = true
	x.each(func(r unitRange) {
		if r.Low <= a && a < r.High {
			if ok = ok && len(all) < nearRanges; ok {
				all = append(all, holder{unitRange: r})
			}
		}
	})
	if !ok || len(all) == 0 {
		return nil, ok
	}
	slices.SortFunc(all, func(r, s holder) int { return s.order(r.unitRange) })
	lowest := all[len(all)-1].Low
	x.each(func(r unitRange) {
		if r.Low < lowest || r.Low > a {
			return
		}
		for i := range all {
			if all[i].order(r) < 0 {
				all[i].behind++
			}
		}
	})
	for _, h := range all {
		if h.behind < nearRanges && !slices.Contains(out, h.unit) {
			out = append(out, h.unit)
		}
	}
	return out, true
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
	return &addrIndex{each: func(fn func(unitRange)) { f.eachArange(b, fn) }}, err
}

func (f *File) eachArange(b []byte, fn func(unitRange)) {
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
				fn(unitRange{Range{low, low + n}, unit})
			}
		}
	}
}

// roots is an index of what the units' roots say.
func (f *File) roots() (*addrIndex, error) {
	var all []unitRange
	var rs []Range
	for i := 0; ; i++ {
		u, err := f.Unit(i)
		if u == nil {
			return rangesIndex(all), err
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
			all = append(all, unitRange{r, u.Off})
		}
	}
}

func rangesIndex(all []unitRange) *addrIndex {
	return &addrIndex{each: func(fn func(unitRange)) {
		for _, r := range all {
			fn(r)
		}
	}}
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
		x, _ := index()
		if x == nil {
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
	var all []unitRange
	if err != nil || len(b) < 24 {
		return nil, err
	}
	u32 := func(i uint64) uint64 {
		return uint64(b[i]) | uint64(b[i+1])<<8 | uint64(b[i+2])<<16 | uint64(b[i+3])<<24
	}
	if v := u32(0); v < 7 || v > 9 {
		return nil, nil
	}
	units, types, addrs, end := u32(4), u32(8), u32(12), u32(16)
	if units > types || types > addrs || addrs > end || end > uint64(len(b)) {
		return nil, damaged(".gdb_index", 0, "its tables are out of order")
	}
	for ; end-addrs >= 20; addrs += 20 {
		low, high, cu := u32(addrs)|u32(addrs+4)<<32, u32(addrs+8)|u32(addrs+12)<<32, u32(addrs+16)
		if low < high && cu < (types-units)/16 {
			at := units + 16*cu
			all = append(all, unitRange{Range{low, high}, u32(at) | u32(at+4)<<32})
		}
	}
	return rangesIndex(all), nil
}
