package die

import (
	"debug/dwarf"
	"math"
)

// A Range is addresses from Low to below High.
type Range struct{ Low, High uint64 }

// maxRanges is how many ranges one list may have. A unit of a kernel built with
// -ffunction-sections has some thousands.
const maxRanges = 1 << 20

// Ranges appends the addresses that an entry covers: DW_AT_ranges, or
// DW_AT_low_pc to DW_AT_high_pc. Empty ones, and what a linker left of code that
// it threw away (an address of -1 or -2, and 0 to 0 or 1 to 1), are not among them.
func (e Entry) Ranges(dst []Range) ([]Range, error) { return e.RangesIn(dst, nil) }

// RangesIn is Ranges within a budget.
func (e Entry) RangesIn(dst []Range, w *Budget) ([]Range, error) {
	u := e.b.u
	if v, ok := e.Val(dwarf.AttrRanges); ok {
		return u.RangeList(dst, v, w)
	}
	low, ok, err := e.Addr(dwarf.AttrLowpc)
	if !ok || err != nil {
		return dst, err
	}
	v, ok := e.Val(dwarf.AttrHighpc)
	if !ok {
		return dst, nil
	}
	high := v.U
	if v.IsAddr() {
		if high, err = u.Addr(v); err != nil {
			return dst, err
		}
	} else {
		high += low
	}
	return u.addRange(dst, low, high), nil
}

// addRange appends a range unless it is empty or thrown away.
func (u *Unit) addRange(dst []Range, low, high uint64) []Range {
	top := uint64(math.MaxUint64)
	if u.AddrSize < 8 {
		top = 1<<(8*u.AddrSize) - 1
		low, high = low&top, high&top
	}
	if low >= high || low >= top-1 {
		return dst
	}
	return append(dst, Range{low, high})
}

// RangeList appends the list that a DW_AT_ranges points to.
func (u *Unit) RangeList(dst []Range, v Value, w *Budget) ([]Range, error) {
	r := u.Info()
	if r.err != nil {
		return dst, r.err
	}
	if u.Version < 5 {
		if u.skeleton != nil {
			// GNU's split DWARF 4 leaves the lists in the main file; ranges of the
			// skeleton itself don't count from the base.
			return u.skeleton.oldRanges(dst, v.U+r.gnuRanges, r.Low, w)
		}
		return u.oldRanges(dst, v.U, r.Low, w)
	}
	p, c := u.File.rnglists, u.contrib.get(sectRnglists)
	off := v.U
	if v.Form == FormRnglistx {
		n, err := u.indexed(p, r.rngBase, v.U, u.OffSize, c)
		if err != nil {
			return dst, err
		}
		off = r.rngBase + n
	}
	return u.rnglist(dst, p, off+c.off, r.Low, w)
}

// oldRanges reads a list of .debug_ranges (DWARF 4, 2.17.3): pairs of addresses
// that count from a base, which a pair with the largest address changes.
func (u *Unit) oldRanges(dst []Range, off, base uint64, w *Budget) ([]Range, error) {
	n := u.AddrSize
	top := uint64(math.MaxUint64) >> (64 - 8*n)
	for k := 0; ; k++ {
		if k > maxRanges {
			return dst, &Error{".debug_ranges", off, "a list of too many ranges", ErrLimit}
		}
		if err := w.spend(int64(2 * n)); err != nil {
			return dst, err
		}
		b, err := view(u.File.ranges, off, uint64(2*n))
		if err != nil {
			return dst, err
		}
		off += uint64(2 * n)
		low, high := u.File.number(b, n), u.File.number(b[n:], n)
		switch {
		case low == 0 && high == 0:
			return dst, nil
		case low == top:
			base = high
		case low < high:
			dst = u.addRange(dst, base+low, base+high)
		}
	}
}

// rnglist reads a list of .debug_rnglists (DWARF 5, 2.17.3).
func (u *Unit) rnglist(dst []Range, p *pages[[]byte], off, base uint64, w *Budget) ([]Range, error) {
	const name = ".debug_rnglists"
	for k := 0; ; k++ {
		if k > maxRanges {
			return dst, &Error{name, off, "a list of too many ranges", ErrLimit}
		}
		b, err := rest(p, off)
		if err != nil {
			return dst, err
		}
		i := 1
		bad := false
		num := func() (v uint64) {
			if i >= 0 {
				v, i = uleb(b, i)
			}
			return v
		}
		addr := func() (v uint64) {
			if i < 0 || u.AddrSize > len(b)-i {
				i = -1
				return 0
			}
			v = u.File.number(b[i:], u.AddrSize)
			i += u.AddrSize
			return v
		}
		addrx := func() uint64 {
			x := num()
			if i < 0 {
				return 0
			}
			v, e := u.Addrx(x)
			if e != nil {
				err = e
			}
			return v
		}
		var low, high uint64
		has := true
		switch b[0] {
		case 0: // DW_RLE_end_of_list
			return dst, nil
		case 1: // DW_RLE_base_addressx
			base, has = addrx(), false
		case 2: // DW_RLE_startx_endx
			low = addrx()
			high = addrx()
		case 3: // DW_RLE_startx_length
			low = addrx()
			high = low + num()
		case 4: // DW_RLE_offset_pair
			low = base + num()
			high = base + num()
			// Counted from a base that was thrown away, it is so itself.
			if base >= uint64(math.MaxUint64)>>(64-8*u.AddrSize)-1 {
				has = false
			}
		case 5: // DW_RLE_base_address
			base, has = addr(), false
		case 6: // DW_RLE_start_end
			low = addr()
			high = addr()
		case 7: // DW_RLE_start_length
			low = addr()
			high = low + num()
		default:
			bad = true
		}
		if err != nil {
			return dst, err
		}
		if i < 0 || bad {
			return dst, damaged(name, off, "an entry of kind %d in a list of ranges", b[0])
		}
		if err := w.spend(int64(i)); err != nil {
			return dst, err
		}
		off += uint64(i)
		if has {
			dst = u.addRange(dst, low, high)
		}
	}
}
