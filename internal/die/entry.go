package die

import (
	"debug/dwarf"
	"iter"
)

// An Entry is a debugging information entry (DIE). It is a small value that
// points into its unit; the zero Entry is none. It stays valid as long as it is
// kept, and keeps its unit in memory: who holds many keeps a Loc of each.
type Entry struct {
	*Abbrev
	b    *body
	off  int // from the unit's start
	vals int // where the attributes' values begin
	end  int // where they end
}

// A Loc is where an entry is: enough to read it again.
type Loc struct {
	Unit *Unit
	Off  uint64 // in the unit's section
}

// Entry reads the entry there.
func (l Loc) Entry() (Entry, error) { return l.Unit.EntryAt(l.Off) }

// Valid reports whether there is an entry.
func (e Entry) Valid() bool { return e.Abbrev != nil }

// Unit is the unit the entry is in.
func (e Entry) Unit() *Unit { return e.b.u }

// Off is where the entry is in its unit's section.
func (e Entry) Off() uint64 { return e.b.u.Off + uint64(e.off) }

// Loc is where the entry is.
func (e Entry) Loc() Loc { return Loc{e.b.u, e.Off()} }

// IsRoot reports whether the entry is its unit's first.
func (e Entry) IsRoot() bool { return e.off == e.b.u.header }

// Same reports whether both are one entry.
func (e Entry) Same(o Entry) bool {
	return e.Valid() && o.Valid() && e.b.u == o.b.u && e.off == o.off
}

// Root is the unit's first entry, of which all others are descendants.
func (u *Unit) Root() (Entry, error) { return u.EntryAt(u.Off + uint64(u.header)) }

// TypeEntry is the type that a type unit is for.
func (u *Unit) TypeEntry() (Entry, error) { return u.EntryAt(u.Off + u.typeOff) }

// EntryAt is the entry at an offset in the unit's section. That an entry begins
// there is up to who gives the offset.
func (u *Unit) EntryAt(off uint64) (Entry, error) { return u.entryAt(off, nil) }

func (u *Unit) entryAt(off uint64, w *Budget) (Entry, error) {
	b, err := u.body(w)
	if err != nil {
		return Entry{}, err
	}
	return b.at(off)
}

// at is the entry at an offset in the section.
func (b *body) at(off uint64) (Entry, error) {
	u := b.u
	if off < u.Off+uint64(u.header) || off-u.Off >= u.Size {
		return Entry{}, damaged(u.Section(), off, "a reference out of the unit at 0x%x", u.Off)
	}
	e, err := b.entry(int(off - u.Off))
	if err == nil && !e.Valid() {
		err = damaged(u.Section(), off, "a reference to an empty entry")
	}
	return e, err
}

// entry decodes the entry at i: where it ends, not what it says. At the end of
// a list of children it is not Valid.
func (b *body) entry(i int) (Entry, error) {
	code, vals := uleb(b.b, i)
	if vals < 0 {
		return Entry{}, b.damaged(i, "an entry behind the unit's end")
	}
	if code == 0 {
		return Entry{b: b, off: i, vals: vals, end: vals}, nil
	}
	a := b.ab.get(code)
	if a == nil {
		return Entry{}, b.damaged(i, "an entry of abbreviation %d, which there is not", code)
	}
	end := a.skip(b, vals)
	if end < 0 || end > len(b.b) {
		return Entry{}, b.damaged(i, "an entry beyond the unit's end")
	}
	return Entry{a, b, i, vals, end}, nil
}

func (b *body) damaged(i int, format string, a ...any) error {
	return damaged(b.u.Section(), b.u.Off+uint64(i), format, a...)
}

// skip is where the values end that begin at i: -1, or more than the unit has,
// if it ends before.
func (a *Abbrev) skip(b *body, i int) int {
	if a.fixed >= 0 {
		return i + int(a.fixed)
	}
	for _, s := range a.steps {
		if s.enc == encFixed {
			i += int(s.n)
			continue
		}
		if s.enc == encULEB {
			if uint(i) < uint(len(b.b)) && b.b[i] < 0x80 {
				i++
				continue
			}
		}
		if i = b.skipValue(s.enc, i); i < 0 {
			return -1
		}
	}
	return i
}

// skipValue is where a value that has no fixed length ends, or -1.
func (b *body) skipValue(enc encoding, i int) int {
	if i < 0 || i > len(b.b) {
		return -1
	}
	var n uint64
	switch enc {
	case encULEB, encSLEB:
		return skipLEB(b.b, i)
	case encCString:
		for i < len(b.b) {
			i++
			if b.b[i-1] == 0 {
				return i
			}
		}
		return -1
	case encBlock1, encBlock2, encBlock4:
		w := 1 << (enc - encBlock1)
		if w > len(b.b)-i {
			return -1
		}
		n = b.u.File.number(b.b[i:], w)
		i += w
	case encBlock:
		n, i = uleb(b.b, i)
	case encAddrx:
		if i = skipLEB(b.b, i); i >= 0 {
			n = 4
		}
	case encIndirect:
		var form uint64
		if form, i = uleb(b.b, i); i < 0 {
			return -1
		}
		enc, size := b.indirect(form)
		if enc == encBad {
			return -1
		}
		if enc != encFixed {
			return b.skipValue(enc, i)
		}
		n = uint64(size)
	default:
		return -1
	}
	if i < 0 || n > uint64(len(b.b)-i) {
		return -1
	}
	return i + int(n)
}

// indirect is the encoding of a form that stands beside its value. It can be
// neither indirect again nor one whose value stands in the abbreviation.
func (b *body) indirect(form uint64) (encoding, int) {
	if form > 0xffff || Form(form) == FormIndirect || Form(form) == FormImplicitConst {
		return encBad, 0
	}
	return b.f.size(Form(form))
}

// next is where the entry's next sibling begins: by DW_AT_sibling or, where
// that is missing, behind all descendants.
func (e Entry) next() (int, error) {
	if !e.HasChildren {
		return e.end, nil
	}
	if i, ok, err := e.jump(); ok || err != nil {
		return i, err
	}
	b, i, depth := e.b, e.end, 1
	for {
		d, err := b.entry(i)
		if err != nil {
			return 0, err
		}
		i = d.end
		switch {
		case !d.Valid():
			if depth--; depth == 0 {
				return i, nil
			}
		case d.HasChildren:
			if j, ok, err := d.jump(); err != nil {
				return 0, err
			} else if ok {
				i = j
			} else {
				depth++
			}
		}
	}
}

// jump is where DW_AT_sibling points, if there is one. It points forwards, so
// that following it ends.
func (e Entry) jump() (int, bool, error) {
	b := e.b
	var to uint64
	if e.sibling >= 0 {
		to = uint64(b.u.File.U32(b.b[e.vals+int(e.sibling):]))
	} else {
		v, ok := e.Val(dwarf.AttrSibling)
		if !ok {
			return 0, false, nil
		}
		if to = v.U; v.Form == FormRefAddr {
			to -= b.u.Off
		}
	}
	if to < uint64(e.end) || to > uint64(len(b.b)) {
		return 0, false, b.damaged(e.off, "its sibling is at 0x%x of the unit", to)
	}
	return int(to), true, nil
}

// Children are the entry's children. After an error there are no more.
func (e Entry) Children() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if !e.Valid() || !e.HasChildren {
			return
		}
		for i := e.end; ; {
			if i == len(e.b.b) && e.IsRoot() {
				return // units may end without the last list's end
			}
			c, err := e.b.entry(i)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !c.Valid() || !yield(c, nil) {
				return
			}
			if i, err = c.next(); err != nil {
				yield(Entry{}, err)
				return
			}
		}
	}
}

// A Step is what a walk does next.
type Step uint8

const (
	Enter Step = iota // the entry's children
	Pass              // over the entry's children
	Stop              // end the walk
)

// maxDepth is how deep a walk goes. Compilers nest some dozens of blocks.
const maxDepth = 1 << 12

// Walk calls fn for all descendants of the entry, each before its own children,
// which have a depth higher by one; those of e have depth 1. It reads each entry
// once and recursion takes no stack, so it suits hostile input better than
// nested loops over Children.
func (e Entry) Walk(fn func(e Entry, depth int) Step) error {
	if !e.Valid() || !e.HasChildren {
		return nil
	}
	for i, depth := e.end, 1; depth > 0; {
		if i == len(e.b.b) && depth == 1 && e.IsRoot() {
			return nil
		}
		c, err := e.b.entry(i)
		if err != nil {
			return err
		}
		i = c.end
		if !c.Valid() {
			depth--
			continue
		}
		switch fn(c, depth) {
		case Stop:
			return nil
		case Pass:
			if i, err = c.next(); err != nil {
				return err
			}
		default:
			if c.HasChildren {
				if depth++; depth > maxDepth {
					return &Error{e.b.u.Section(), c.Off(), "entries nested too deep", ErrLimit}
				}
			}
		}
	}
	return nil
}
