package dwloc

import (
	"iter"
	"strconv"

	"github.com/probels/probels/internal/leb128"
)

// An Entry is one entry of a location list.
type Entry struct {
	Low, High uint64 // link-time addresses: from Low and below High
	Expr      []byte // part of the section's bytes

	// Default: the entry holds wherever no other one does; Low and High are 0.
	Default bool

	// Begin and End are GNU's view numbers, if HasViews: which of several rows of the line table at Low and
	// at High the entry begins and ends with.
	Begin, End uint64
	HasViews   bool
}

// A Unit is what a list's meaning depends on besides the section.
type Unit struct {
	Encoding
	Base uint64 // the unit's DW_AT_low_pc, 0 without one; ranges are relative to it

	// AddrBase is where the unit's part of .debug_addr begins: DW_AT_addr_base, or DW_AT_GNU_addr_base.
	AddrBase uint64
	// ListsBase is DW_AT_loclists_base; in a .dwo file, where there is none, the size of the header that
	// the section begins with.
	ListsBase uint64
	// Split: the unit is in a .dwo file of before DWARF 5, and its lists in .debug_loc.dwo have that
	// extension's own format.
	Split bool

	// AddrAt gives entry n of the unit's part of .debug_addr, where Lists has not got that section; may be nil.
	AddrAt func(n uint64) (uint64, error)
}

// Lists are the sections that location lists lie in.
type Lists struct {
	Data []byte // .debug_loc, .debug_loclists or either's .dwo, as the unit's version and kind demand
	Addr []byte // .debug_addr
}

// Addrx is address n of a unit's part of .debug_addr.
func (s *Lists) Addrx(u *Unit, n uint64) (uint64, error) {
	if u.AddrAt != nil {
		return u.AddrAt(n)
	}
	size := uint64(u.AddrSize)
	if u.AddrBase > uint64(len(s.Addr)) || size == 0 || n >= (uint64(len(s.Addr))-u.AddrBase)/size {
		return 0, &Error{u.AddrBase, "no address " + itoa(n) + " in .debug_addr"}
	}
	v, ok := number(s.Addr[u.AddrBase+n*size:], int(size), u.layout())
	if !ok {
		return 0, &Error{u.AddrBase, "addresses of " + itoa(size) + " bytes"}
	}
	return v, nil
}

// Offset is where list n of the unit is, as DW_FORM_loclistx says it, from the section's beginning.
func (s *Lists) Offset(u *Unit, n uint64) (uint64, error) {
	l := u.layout()
	word := uint64(l.WordSize())
	if u.ListsBase > uint64(len(s.Data)) || n >= (uint64(len(s.Data))-u.ListsBase)/word {
		return 0, &Error{u.ListsBase, "no location list " + itoa(n)}
	}
	off := l.Word(s.Data[u.ListsBase+n*word:])
	if off > uint64(len(s.Data))-u.ListsBase {
		return 0, &Error{u.ListsBase, "location list " + itoa(n) + " beyond the section's end"}
	}
	return u.ListsBase + off, nil
}

// All are the entries of the list at off, in its order; an error comes last. Ranges that are empty, or
// of code that the linker dropped, are among them; they hold nowhere.
func (s *Lists) All(u *Unit, off uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if off >= uint64(len(s.Data)) {
			yield(Entry{}, &Error{off, "no location list here"})
			return
		}
		r := listReader{s: s, u: u, pos: off, base: u.Base, top: top(u.AddrSize)}
		for {
			e, more := r.next()
			if r.err != nil {
				yield(Entry{}, r.err)
				return
			}
			if !more || !yield(e, nil) {
				return
			}
		}
	}
}

// At are the entries that hold at addr: several if the value is in several places at once, the default
// one if there is no other, none if the value is nowhere. With an error come those before the damage.
func (s *Lists) At(u *Unit, off, addr uint64) (es []Entry, err error) {
	var rest Entry
	for e, err := range s.All(u, off) {
		if err != nil {
			return es, err
		}
		if e.Default {
			rest = e
		} else if e.Low <= addr && addr < e.High {
			es = append(es, e)
		}
	}
	if len(es) == 0 && rest.Default {
		es = append(es, rest)
	}
	return es, nil
}

func top(size int) uint64 {
	if size == 4 {
		return 1<<32 - 1
	}
	return 1<<64 - 1
}

// A listReader reads entries one after the other.
type listReader struct {
	s          *Lists
	u          *Unit
	pos        uint64
	base, top  uint64
	dead       bool // base is a tombstone: what is relative to it was dropped
	begin, end uint64
	views      bool
	err        error
}

func (r *listReader) fail(reason string) (Entry, bool) {
	if r.err == nil {
		r.err = &Error{r.pos, reason}
	}
	return Entry{}, false
}

// fixed reads a number of size bytes.
func (r *listReader) fixed(size int) uint64 {
	b := r.s.Data[r.pos:]
	if r.err != nil || len(b) < size {
		r.fail("the location list has no end")
		return 0
	}
	v, ok := number(b, size, r.u.layout())
	if !ok {
		r.fail("addresses of " + itoa(uint64(size)) + " bytes")
		return 0
	}
	r.pos += uint64(size)
	return v
}

func (r *listReader) uleb() uint64 {
	v, n := leb128.Uint(r.s.Data[r.pos:])
	if r.err != nil || n == 0 {
		r.fail("the location list has no end")
		return 0
	}
	r.pos += uint64(n)
	return v
}

func (r *listReader) indexed() uint64 {
	n := r.uleb()
	if r.err != nil {
		return 0
	}
	v, err := r.s.Addrx(r.u, n)
	if err != nil {
		r.err = err
	}
	return v
}

// expr reads the expression behind its length.
func (r *listReader) expr(size uint64) []byte {
	if r.err == nil && size > uint64(len(r.s.Data))-r.pos {
		r.fail("an expression of " + itoa(size) + " bytes")
	}
	if r.err != nil {
		return nil
	}
	b := r.s.Data[r.pos:][:size:size]
	r.pos += size
	return b
}

// next reads the next entry. more is false at the end.
func (r *listReader) next() (e Entry, more bool) {
	switch {
	case r.u.Version >= 5:
		return r.next5()
	case r.u.Split:
		return r.nextSplit()
	}
	size := r.u.AddrSize
	for {
		low, high := r.fixed(size), r.fixed(size)
		switch {
		case r.err != nil || low == 0 && high == 0:
			return Entry{}, false
		case low == r.top:
			r.base, r.dead = high, high >= r.top-1
			continue
		}
		return r.entry(r.base+low, r.base+high, r.fixed(2))
	}
}

// entry finishes a bounded entry whose expression has size bytes.
func (r *listReader) entry(low, high, size uint64) (Entry, bool) {
	if r.dead {
		low, high = r.top, r.top
	}
	e := Entry{Low: low & r.top, High: high & r.top, Begin: r.begin, End: r.end, HasViews: r.views, Expr: r.expr(size)}
	r.begin, r.end, r.views = 0, 0, false
	return e, r.err == nil
}

// Kinds of entries (DW_LLE) of version 5, and of GNU's extension of version 4.
const (
	lleEnd          = 0
	lleBaseAddrx    = 1
	lleStartxEndx   = 2
	lleStartxLength = 3
	lleOffsetPair   = 4
	lleDefault      = 5
	lleBaseAddress  = 6
	lleStartEnd     = 7
	lleStartLength  = 8
	lleGNUViewPair  = 9
)

func (r *listReader) next5() (Entry, bool) {
	for {
		var low, high uint64
		kind := r.fixed(1)
		if r.err != nil {
			return Entry{}, false
		}
		switch kind {
		case lleEnd:
			return Entry{}, false
		case lleBaseAddrx:
			r.base = r.indexed()
			r.dead = r.base == r.top
			continue
		case lleBaseAddress:
			r.base = r.fixed(r.u.AddrSize)
			r.dead = r.base == r.top
			continue
		case lleGNUViewPair:
			r.begin, r.end, r.views = r.uleb(), r.uleb(), true
			continue
		case lleStartxEndx:
			low, high = r.indexed(), r.indexed()
		case lleStartxLength:
			low = r.indexed()
			high = low + r.uleb()
		case lleOffsetPair:
			low, high = r.base+r.uleb(), r.base+r.uleb()
		case lleStartEnd:
			low, high = r.fixed(r.u.AddrSize), r.fixed(r.u.AddrSize)
		case lleStartLength:
			low = r.fixed(r.u.AddrSize)
			high = low + r.uleb()
		case lleDefault:
			return Entry{Default: true, Expr: r.expr(r.uleb())}, r.err == nil
		default:
			return r.fail("an entry of kind " + itoa(kind))
		}
		return r.entry(low, high, r.uleb())
	}
}

func (r *listReader) nextSplit() (Entry, bool) {
	for {
		var low, high uint64
		kind := r.fixed(1)
		if r.err != nil {
			return Entry{}, false
		}
		switch kind {
		case lleEnd:
			return Entry{}, false
		case lleBaseAddrx:
			r.base = r.indexed()
			r.dead = r.base == r.top
			continue
		case lleStartxEndx:
			low, high = r.indexed(), r.indexed()
		case lleStartxLength:
			low = r.indexed()
			high = low + r.fixed(4)
		case lleOffsetPair:
			low, high = r.base+r.fixed(4), r.base+r.fixed(4)
		default:
			return r.fail("an entry of kind " + itoa(kind))
		}
		return r.entry(low, high, r.fixed(2))
	}
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }
