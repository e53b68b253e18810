package dwline

import (
	"bytes"
	"cmp"
	"slices"
)

// A Hit is a row that covers an address, and whose it is.
type Hit struct {
	Row
	Next  uint64 // the row holds to here
	Table *Table
}

// Locate finds the rows that cover addr without .debug_info, in any table. There may be several where
// a linker folded equal functions into one: such sequences begin at one address. No hit and no
// error: no living code has this address.
//
// It looks for the instruction that begins a sequence, set_address, as bytes, and runs those programs
// only that have one at the nearest address below. What it finds so is proved by running the
// program; only if that does not cover addr are all programs run.
func (s *Sections) Locate(addr uint64) ([]Hit, error) {
	var hits []Hit
	for _, off := range s.candidates(addr) {
		t, err := s.around(off)
		if err != nil {
			continue // the walk over all will report it
		}
		if n := len(hits); n > 0 && hits[n-1].Table.Off == t.Off {
			continue
		}
		if hits, err = t.appendHits(hits, addr, off); err != nil {
			continue
		}
	}
	if len(hits) > 0 {
		return hits, nil
	}
	return s.locateAll(addr)
}

func (s *Sections) locateAll(addr uint64) (hits []Hit, first error) {
	var seqs []Sequence
	for t, err := range s.Tables() {
		if err == nil {
			seqs, err = t.appendSequences(seqs[:0])
			for _, q := range seqs {
				if q.Low <= addr && addr < q.High {
					if row, next, ok, bad := t.At(addr, q); ok && bad == nil {
						hits = append(hits, Hit{row, next, t})
					}
				}
			}
		}
		if err != nil && first == nil {
			first = err
		}
	}
	if len(hits) > 0 {
		return hits, nil
	}
	return nil, first
}

// appendHits appends the rows for addr of the sequences that the opcode at off lies in.
func (t *Table) appendHits(hits []Hit, addr, off uint64) ([]Hit, error) {
	seqs, err := t.Sequences()
	for _, q := range seqs {
		if q.Low <= addr && addr < q.High {
			row, next, ok, bad := t.At(addr, q)
			if bad != nil {
				return hits, bad
			}
			if ok {
				hits = append(hits, Hit{row, next, t})
			}
		}
	}
	return hits, err
}

// around is the table whose bytes those at off are. It steps from length to length.
func (s *Sections) around(at uint64) (*Table, error) {
	for off := s.Base; off < s.limit(); {
		begin, end, is64, err := s.extent(off)
		if err != nil {
			return nil, err
		}
		if at < end {
			return s.table(off, begin, end, is64)
		}
		off = end
	}
	return nil, missing(at, "no program here")
}

// candidates are the places of what looks like set_address to the highest address that is at most addr,
// ascending. Operands may look so too, and a length may be written in more bytes than it needs.
func (s *Sections) candidates(addr uint64) (offs []uint64) {
	size := s.AddrSize
	if size != 4 && size != 8 {
		return nil
	}
	l := s.layout(size == 8)
	pattern := []byte{0, byte(1 + size), lneSetAddress}
	best := uint64(0)
	for pos := 0; ; {
		i := bytes.Index(s.Line[pos:], pattern)
		if i < 0 || len(s.Line)-pos-i-len(pattern) < size {
			return offs
		}
		pos += i + len(pattern)
		a := l.Word(s.Line[pos:])
		if a > addr || a < best || a == 0 && !s.Zero {
			continue
		}
		if a > best {
			best, offs = a, offs[:0]
		}
		offs = append(offs, s.Base+uint64(pos))
	}
}

// An Index answers for many addresses: all living sequences of a section, sorted. It is immutable.
type Index struct {
	spans []span
	top   []uint64 // the highest High of spans up to each
}

type span struct {
	Sequence
	t *Table
}

// NewIndex runs all programs for their addresses alone. Together with the first error comes an index
// of what is not damaged.
func (s *Sections) NewIndex() (*Index, error) {
	x := &Index{}
	var first error
	var seqs []Sequence
	for t, err := range s.Tables() {
		if err == nil {
			seqs, err = t.appendSequences(seqs[:0])
			for _, q := range seqs {
				x.spans = append(x.spans, span{q, t})
			}
		}
		if err != nil && first == nil {
			first = err
		}
	}
	slices.SortStableFunc(x.spans, func(a, b span) int { return cmp.Compare(a.Low, b.Low) })
	x.top = make([]uint64, len(x.spans))
	high := uint64(0)
	for i := range x.spans {
		high = max(high, x.spans[i].High)
		x.top[i] = high
	}
	return x, first
}

// Len is the number of sequences.
func (x *Index) Len() int { return len(x.spans) }

// Locate is Sections.Locate.
func (x *Index) Locate(addr uint64) (hits []Hit, err error) {
	i, _ := slices.BinarySearchFunc(x.spans, addr, func(p span, a uint64) int {
		if p.Low <= a {
			return -1
		}
		return 1
	})
	for i--; i >= 0 && x.top[i] > addr; i-- {
		if p := &x.spans[i]; addr < p.High {
			row, next, ok, bad := p.t.At(addr, p.Sequence)
			if bad != nil && err == nil {
				err = bad
			}
			if ok {
				hits = append(hits, Hit{row, next, p.t})
			}
		}
	}
	slices.Reverse(hits)
	return hits, err
}
