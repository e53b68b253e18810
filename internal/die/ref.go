package die

import (
	"debug/dwarf"
)

// Ref follows a reference attribute: into the same unit, another unit, a type
// unit or the supplementary file. Not Valid, without an error, if the entry
// lacks it.
func (e Entry) Ref(attr dwarf.Attr) (Entry, error) { return e.RefIn(attr, nil) }

// RefIn is Ref within a budget.
func (e Entry) RefIn(attr dwarf.Attr, w *Budget) (Entry, error) {
	v, ok := e.Val(attr)
	if !ok {
		return Entry{}, nil
	}
	return e.b.follow(v, w)
}

// RefLoc is where a reference attribute points, without going there: cheap, and
// equal for equal targets. False if the entry lacks it.
func (e Entry) RefLoc(attr dwarf.Attr) (Loc, bool, error) {
	v, ok := e.Val(attr)
	if !ok {
		return Loc{}, false, nil
	}
	l, err := e.b.u.RefLoc(v)
	return l, err == nil, err
}

// Follow is the entry that a value refers to.
func (e Entry) Follow(v Value) (Entry, error) { return e.b.follow(v, nil) }

func (b *body) follow(v Value, w *Budget) (Entry, error) {
	switch v.Form {
	case FormRef1, FormRef2, FormRef4, FormRef8, FormRefUdata:
		return b.at(b.u.Off + min(v.U, b.u.Size))
	}
	l, err := b.u.RefLoc(v)
	if err != nil {
		return Entry{}, err
	}
	if l.Unit == b.u {
		return b.at(l.Off)
	}
	return l.Unit.entryAt(l.Off, w)
}

// RefLoc is where a value of a reference form points.
func (u *Unit) RefLoc(v Value) (Loc, error) {
	switch v.Form {
	case FormRef1, FormRef2, FormRef4, FormRef8, FormRefUdata:
		if v.U >= u.Size {
			return Loc{}, damaged(u.Section(), u.Off, "a reference to 0x%x of a unit of 0x%x", v.U, u.Size)
		}
		return Loc{u, u.Off + v.U}, nil
	case FormRefAddr:
		// An offset in .debug_info of the file, as it was linked. In a .dwp the
		// contributions have moved, and nothing tells where from; producers don't
		// write it there.
		if !u.inTypes && v.U >= u.Off && v.U-u.Off < u.Size {
			return Loc{u, v.U}, nil
		}
		to, err := u.File.info.containing(v.U)
		return Loc{to, v.U}, err
	case FormRefSup4, FormRefSup8, FormGNURefAlt:
		sup, err := u.File.sup()
		if err != nil {
			return Loc{}, err
		}
		to, err := sup.info.containing(v.U)
		return Loc{to, v.U}, err
	case FormRefSig8:
		t, err := u.File.TypeBySig(v.U, u)
		if err != nil {
			return Loc{}, err
		}
		return Loc{t, t.Off + t.typeOff}, nil
	}
	return Loc{}, u.wrongForm(v, "a reference")
}

// TypeBySig is the type unit of a signature. from is the unit that refers to it.
func (f *File) TypeBySig(sig uint64, from *Unit) (*Unit, error) {
	sigs, err := f.sigs()
	if t := sigs[sig]; t != nil {
		return t, nil
	}
	if err == nil {
		err = missing(from.Section(), from.Off, "type unit %016x", sig)
	}
	return nil, err
}

// maxOrigins is how many references lead from a concrete entry to the abstract
// and on to the declaration. Compilers make three; a loop is cut here.
const maxOrigins = 16

// Origins calls fn for the entry, and for those that complete it: what
// DW_AT_abstract_origin and DW_AT_specification refer to, and so on (DWARF 5,
// 2.13.2 and 3.3.8). It ends when fn returns false.
func (e Entry) Origins(fn func(Entry) bool) error { return e.OriginsIn(nil, fn) }

// OriginsIn is Origins within a budget.
func (e Entry) OriginsIn(w *Budget, fn func(Entry) bool) error {
	for n := 0; e.Valid() && fn(e); n++ {
		attr := dwarf.AttrAbstractOrigin
		v, ok := e.Val(attr)
		if !ok {
			attr = dwarf.AttrSpecification
			v, ok = e.Val(attr)
		}
		if !ok {
			if v, ok = e.Val(dwarf.AttrSignature); !ok || v.Form != FormRefSig8 {
				return nil
			}
		}
		if n == maxOrigins {
			return damaged(e.b.u.Section(), e.Off(), "%v leads in circles", attr)
		}
		var err error
		if e, err = e.b.follow(v, w); err != nil {
			return err
		}
	}
	return nil
}
