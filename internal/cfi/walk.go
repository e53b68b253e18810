package cfi

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"sort"
)

// FDEs yields all ranges in the order of the section. A damaged record is
// yielded as an error, and the next follows; a length that leads out of the
// section ends it.
func (t *Table) FDEs() iter.Seq2[FDE, error] {
	return func(yield func(FDE, error) bool) {
		b, err := t.whole()
		if err != nil && !yield(FDE{}, err) || b == nil {
			return
		}
		cies := map[uint64]*cie{}
		bad := map[uint64]bool{} // CIEs that were told to be damaged
		for pos := uint64(0); uint64(len(b.data))-pos >= 4; {
			r, err := t.record(b.data, pos, 0)
			if err != nil && r.end <= pos {
				yield(FDE{}, err)
				return
			}
			pos = r.end
			switch {
			case r.terminator:
				if t.SizeUnknown && t.Header == nil {
					return
				}
				continue
			case err == nil && r.isCIE:
				continue // read when an FDE needs it
			}
			var f FDE
			if err == nil {
				var c *cie
				if c, err = t.sharedCIE(b.data, r, cies, bad); c == nil && err == nil {
					continue
				}
				if err == nil {
					f, err = t.parseFDE(r, b.data[r.body:r.end], c)
				}
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// sharedCIE is the CIE of an FDE, read once; nil where it was told before that it
// is damaged.
func (t *Table) sharedCIE(data []byte, fde record, cies map[uint64]*cie, bad map[uint64]bool) (*cie, error) {
	if c := cies[fde.cie]; c != nil {
		return c, nil
	}
	if bad[fde.cie] {
		return nil, nil
	}
	r, err := t.record(data, fde.cie, 0)
	if err == nil && (r.terminator || !r.isCIE) {
		err = damaged(fde.off, "its CIE at 0x%x is none", fde.cie)
	}
	var c *cie
	if err == nil {
		c, err = t.parseCIE(r, data[r.body:r.end])
	}
	if err != nil {
		bad[fde.cie] = true
		return nil, err
	}
	cies[fde.cie] = c
	return c, nil
}

// index is the ranges sorted by start, for look-ups where there is no header
// that can be used.
type index struct {
	starts []uint64
	fdes   []FDE
}

func (t *Table) buildIndex() (*index, error) {
	x := &index{}
	var errs []error
	for f, err := range t.FDEs() {
		if err != nil {
			if len(errs) < 20 {
				errs = append(errs, err)
			}
			continue
		}
		if f.Size > 0 {
			x.fdes = append(x.fdes, f)
		}
	}
	slices.SortStableFunc(x.fdes, func(a, b FDE) int { return cmp.Compare(a.Start, b.Start) })
	x.starts = make([]uint64, len(x.fdes))
	for i := range x.fdes {
		x.starts[i] = x.fdes[i].Start
	}
	return x, errors.Join(errs...)
}

// At is the range that an address is in; false if none is. With a header it
// costs some small reads, else the section is read and sorted once. A header
// that does not agree with what it points to is an error, and no answer.
func (t *Table) At(pc uint64) (FDE, bool, error) {
	if t.Header != nil && !t.Debug {
		if f, ok, err := t.search(pc); !errors.Is(err, errNoTable) {
			return f, ok, err
		}
	}
	x, err := t.index()
	if x == nil {
		return FDE{}, false, err
	}
	i := sort.Search(len(x.starts), func(i int) bool { return x.starts[i] > pc }) - 1
	if i >= 0 && x.fdes[i].Contains(pc) {
		return x.fdes[i], true, nil
	}
	return FDE{}, false, err
}

// maxRecord is how long a record may be that is read for a look-up: those of
// real programs have some kilobytes at most.
const maxRecord = 1 << 20

// readFDE reads one record, and its CIE, without the rest of the section.
func (t *Table) readFDE(off uint64) (FDE, error) {
	r, b, err := t.readRecord(off)
	if err != nil {
		return FDE{}, err
	}
	if r.isCIE || r.terminator {
		return FDE{}, damaged(off, "an FDE was expected")
	}
	t.mu.Lock()
	c := t.cies[r.cie]
	t.mu.Unlock()
	if c == nil {
		cr, cb, err := t.readRecord(r.cie)
		if err != nil {
			return FDE{}, err
		}
		if !cr.isCIE || cr.terminator {
			return FDE{}, damaged(off, "its CIE at 0x%x is none", r.cie)
		}
		if c, err = t.parseCIE(cr, cb); err != nil {
			return FDE{}, err
		}
		t.mu.Lock()
		if t.cies == nil {
			t.cies = map[uint64]*cie{}
		}
		if len(t.cies) < 1<<10 {
			t.cies[r.cie] = c
		}
		t.mu.Unlock()
	}
	return t.parseFDE(r, b, c)
}

// readRecord reads one record; most fit into the first read.
func (t *Table) readRecord(off uint64) (record, []byte, error) {
	const first = 128
	if off > t.Frames.Size {
		return record{}, nil, damaged(off, "beyond the section's %d bytes", t.Frames.Size)
	}
	b := make([]byte, min(first, t.Frames.Size-off))
	if err := t.Frames.Read(b, off); err != nil {
		return record{}, nil, err
	}
	if need := t.recordSize(b); need > uint64(len(b)) {
		if need > maxRecord || need > t.Frames.Size-off {
			return record{}, nil, damaged(off, "a record of %d bytes", need)
		}
		b = make([]byte, need)
		if err := t.Frames.Read(b, off); err != nil {
			return record{}, nil, err
		}
	}
	r, err := t.record(b, 0, off)
	if err != nil || r.terminator {
		return r, nil, err
	}
	return r, b[r.body-off : r.end-off], nil
}

// recordSize is how many bytes the record at the beginning of b has, its length
// included; 0 if b is too short to tell.
func (t *Table) recordSize(b []byte) uint64 {
	if len(b) < 4 {
		return 0
	}
	n := uint64(t.U32(b))
	if n != 0xffffffff {
		return n + 4
	}
	if len(b) < 12 {
		return 0
	}
	if n = t.U64(b[4:]); n > 1<<62 {
		return n
	}
	return n + 12
}
