package die

import (
	"cmp"
	"iter"
	"math"
	"slices"
)

// scopeIndex tells which entry another is in. Entries don't point to their
// parents, so it is made by a pass over the unit, once for a unit in memory.
type scopeIndex struct {
	all []scope // by start
	err error   // where the pass ended early
}

// A scope is an entry with children, as offsets in the unit.
type scope struct {
	start, end int32
	parent     int32 // index, or -1
}

func (b *body) scopeIndex() *scopeIndex {
	b.scopeOnce.Do(func() { b.scopes = b.findScopes() })
	return &b.scopes
}

func (b *body) findScopes() (x scopeIndex) {
	if len(b.b) > math.MaxInt32 {
		x.err = &Error{b.u.Section(), b.u.Off, "a unit too large to know its scopes", ErrLimit}
		return x
	}
	open := int32(-1)
	depth := 0
	for i := b.u.header; i < len(b.b); {
		e, err := b.entry(i)
		if err != nil {
			x.err = err
			break
		}
		i = e.end
		if e.Valid() {
			if e.HasChildren {
				if depth++; depth > maxDepth {
					x.err = &Error{b.u.Section(), e.Off(), "entries nested too deep", ErrLimit}
					break
				}
				x.all = append(x.all, scope{int32(e.off), math.MaxInt32, open})
				open = int32(len(x.all) - 1)
			}
			continue
		}
		if open < 0 {
			break
		}
		x.all[open].end = int32(e.off)
		open = x.all[open].parent
		if depth--; open < 0 {
			break
		}
	}
	x.all = slices.Clip(x.all)
	return x
}

// perStep is one in how many of a unit's bytes entries may be passed, in all, on the
// way to those whose parents are asked for, before the index is made. On such a way
// all is passed over that says where it ends, so that most are short; the index
// takes a step for every dozen bytes.
const perStep = 32

// Parents are the entries that this one is in, the innermost first and the unit's root
// last; none of the root.
func (e Entry) Parents() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if !e.Valid() || e.IsRoot() {
			return
		}
		if e.b.parentSteps.Load() < int64(len(e.b.b)/perStep) {
			open, steps, err := e.b.above(e.off)
			e.b.parentSteps.Add(steps)
			for _, p := range slices.Backward(open) {
				if !yield(p, nil) {
					return
				}
			}
			if err == nil {
				return
			} // something on the way is damaged, that the index may do without
		}
		x := e.b.scopeIndex()
		i, _ := slices.BinarySearchFunc(x.all, int32(e.off), func(s scope, off int32) int { return int(s.start) - int(off) })
		found := false
		for i--; i >= 0; i = int(x.all[i].parent) {
			if int(x.all[i].end) > e.off {
				found = true
				if p, err := e.b.entry(int(x.all[i].start)); !yield(p, err) || err != nil {
					return
				}
			}
		}
		if !found {
			yield(Entry{}, cmp.Or(x.err, e.b.outside(e.off)))
		}
	}
}

func (b *body) outside(off int) error { return b.damaged(off, "an entry outside of the unit's tree") }

// above are the entries that the one at an offset is in, the unit's root first, and
// how many were passed on the way.
func (b *body) above(off int) (open []Entry, steps int64, err error) {
	for i := b.u.header; i < off; steps++ {
		e, err := b.entry(i)
		if err != nil {
			return nil, steps, err
		}
		i = e.end
		if !e.Valid() {
			open = open[:max(len(open)-1, 0)]
		} else if e.HasChildren {
			to, ok, err := e.jump()
			switch {
			case err != nil:
				return nil, steps, err
			case ok && to <= off && len(open) > 0:
				i = to
			case len(open) == maxDepth:
				return nil, steps, &Error{b.u.Section(), e.Off(), "entries nested too deep", ErrLimit}
			default:
				open = append(open, e)
			}
		}
		if len(open) == 0 || i > off {
			return nil, steps, b.outside(off)
		}
	}
	return open, steps, nil
}
