package die

import (
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

// Parent is the entry that this one is a child of; not Valid for the root.
func (e Entry) Parent() (Entry, error) {
	if !e.Valid() || e.IsRoot() {
		return Entry{}, nil
	}
	x := e.b.scopeIndex()
	i, _ := slices.BinarySearchFunc(x.all, int32(e.off), func(s scope, off int32) int { return int(s.start) - int(off) })
	for i--; i >= 0; i = int(x.all[i].parent) {
		if int(x.all[i].end) > e.off {
			return e.b.entry(int(x.all[i].start))
		}
	}
	if x.err != nil {
		return Entry{}, x.err
	}
	return Entry{}, e.b.damaged(e.off, "an entry outside of the unit's tree")
}
