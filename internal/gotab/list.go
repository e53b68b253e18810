package gotab

import "fmt"

// A Func is one function of a table.
type Func struct {
	Index uint32 // in the table
	Name  string // without the ".abi0" of symbols; in Go 1.18 to 1.20 with "[...]" for type arguments
	Addr  uint64
	Size  uint64 // up to the next function, padding included; 0 if unknown
	Line  int32  // where the function begins in its file; 0 if unknown (before Go 1.20)
	Flags uint8  // abi.FuncFlag, since Go 1.18
}

// FlagAsm in Func.Flags marks a function written in assembly.
const FlagAsm = 1 << 2

// maxReports is how many damaged functions are reported one by one.
const maxReports = 20

// reports keeps a table of which everything is damaged from yielding millions of
// errors.
type reports struct {
	n    int
	more error
}

func (r *reports) add(err error, yield func(Func, error) bool) bool {
	if r.n++; r.n > maxReports {
		r.more = err
		return true
	}
	return yield(Func{}, err)
}

func (r *reports) end(yield func(Func, error) bool) bool {
	if r.more == nil {
		return true
	}
	return yield(Func{}, fmt.Errorf("%d functions more, the last of them: %w", r.n-maxReports, r.more))
}

// All yields the functions by address. One that is damaged is yielded as an
// error, and the next follows; false if yield wanted no more. Names are parts of
// strings that some hundreds of them share.
func (t *Table) All(yield func(Func, error) bool) bool {
	names := nameReader{t: t}
	return t.walk(nil, names.at, yield)
}

// walk yields the functions of which want accepts the place of their name; nil
// accepts all.
func (t *Table) walk(want func(uint32) bool, name func(uint32) (string, error), yield func(Func, error) bool) bool {
	r, err := t.newReader(true)
	if err != nil {
		return yield(Func{}, err)
	}
	var bad reports
	// Functions whose names are tails of one long string would have names of gigabytes
	// in a file of megabytes.
	most := 64<<20 + 16*int64(min(t.names.size, 1<<32))
	left := most
	for i := range t.n {
		p, err := r.place(i)
		if err != nil {
			return yield(Func{}, err) // the list itself: what follows is missing too
		}
		if p.record == hole {
			continue
		}
		b, _, err := r.record(p)
		if err == nil && want != nil && !want(t.nameOf(b)) {
			continue
		}
		var f Func
		if err == nil {
			f, err = t.function(r, p, b, name)
		}
		if err != nil {
			if !bad.add(err, yield) {
				return false
			}
			continue
		}
		if left -= int64(len(f.Name)); left < 0 {
			return yield(Func{}, damaged(t.placeAddr(p), "the functions up to %d share strings, and have names of more than %d bytes in all; the rest is left out", i, most))
		}
		if !yield(f, nil) {
			return false
		}
	}
	return bad.end(yield)
}

// function checks an entry of the list against its record and its neighbours.
func (t *Table) function(r *reader, p *place, b []byte, name func(uint32) (string, error)) (Func, error) {
	// The record says it a second time. Where a loader relocates both, only the
	// list was relocated for this.
	if again := t.number(b); again != p.entry && (r.whole == nil || r.whole.inPlace) {
		return Func{}, t.misplaced(p, "the list says that it is at 0x%x, its record 0x%x", p.entry, again)
	}
	// Of three neighbours that are out of order, it is the one without which
	// the others are in order. Where that can be either of two, it is both.
	if (p.entry < p.prev || p.entry > p.next) && p.prev <= p.next {
		return Func{}, t.misplaced(p, "at 0x%x, between 0x%x and 0x%x", p.entry, p.prev, p.next)
	}
	a, ok := t.address(p.entry)
	if !ok || p.entry < t.first || p.entry >= t.last || !t.isCode(r, a) {
		return Func{}, t.misplaced(p, "at 0x%x, where there is no code", p.entry)
	}
	f := Func{Index: uint32(p.i), Addr: a}
	if p.next > p.entry && p.next <= t.last {
		f.Size = p.next - p.entry
	}
	if t.version == Go120 {
		f.Line = max(0, int32(t.U32(b[36:])))
	}
	if t.version >= Go118 {
		f.Flags = b[len(b)-3]
	}
	var err error
	f.Name, err = name(t.nameOf(b))
	return f, err
}

func (t *Table) misplaced(p *place, format string, args ...any) error {
	return damaged(t.placeAddr(p), "function %d: %s", p.i, fmt.Sprintf(format, args...))
}

// isCode reports whether an address is in executable memory, of which the reader
// remembers a piece.
func (t *Table) isCode(r *reader, a uint64) bool {
	if a-r.code.addr < r.code.size {
		return true
	}
	n := t.mem.Code(a)
	r.code = area{a, n}
	return n > 0
}
