package dwarfinfo

import (
	"debug/dwarf"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
)

// A Range is addresses, from Low to below High.
type Range struct{ Low, High elfsym.Addr }

// Contains reports whether a is within.
func (r Range) Contains(a elfsym.Addr) bool { return r.Low <= a && a < r.High }

// A Func is a function that has code of its own: an out-of-line copy. Its fields
// are not to be changed. Methods read more of the DWARF.
type Func struct {
	Name        string // as the source has it, without scope: "size"; in Go with its package
	LinkageName string // as symbol tables have it, if that differs: "_ZNK4list4sizeEv"
	External    bool   // visible outside of its unit
	Artificial  bool   // made by the compiler
	Line        int    // of the declaration; 0 if unknown
	Entry       elfsym.Addr
	Ranges      []Range // its code, the part that begins at Entry mostly first; more than one with .cold parts

	// Err says why names or the declaration are missing where DWARF has them: in
	// a file that is not there, or damaged.
	Err error

	d        *Data
	loc      die.Loc
	declUnit *die.Unit // whose file table declFile counts in
	declFile uint64
}

// die is the function's entry: the concrete one. Names, parameters and types can
// be in those that its Origins lead to.
func (f *Func) die() (die.Entry, error) { return f.loc.Entry() }

// Unit is the compilation unit that has the function's code.
func (f *Func) Unit() Unit { return Unit{f.loc.Unit} }

// Contains reports whether an address is in the function's code.
func (f *Func) Contains(a elfsym.Addr) bool {
	for _, r := range f.Ranges {
		if r.Contains(a) {
			return true
		}
	}
	return false
}

// Symbol is the name that symbol tables have: LinkageName or, without one, Name.
func (f *Func) Symbol() string {
	if f.LinkageName != "" {
		return f.LinkageName
	}
	return f.Name
}

// decode reads a function's entry. It is false for one without code.
func (d *Data) decode(e die.Entry, w *die.Budget, scratch []die.Range) (f Func, ok bool, _ []die.Range) {
	rs, err := e.RangesIn(scratch[:0], w)
	scratch = rs
	f.Err = err
	n := 0
	for _, r := range rs {
		if d.inCode(r.Low) {
			rs[n] = r
			n++
		}
	}
	if n == 0 {
		return f, false, scratch
	}
	f.Ranges = make([]Range, n)
	for i, r := range rs[:n] {
		f.Ranges[i] = Range{elfsym.Addr(r.Low), elfsym.Addr(r.High)}
	}
	f.Entry = f.Ranges[0].Low
	f.d, f.loc = d, e.Loc()
	d.name(&f, e, w)
	return f, true, scratch
}

// name fills in what the entry and its origins say. The nearest counts: the
// concrete entry before the abstract one, and that before the declaration.
func (d *Data) name(f *Func, e die.Entry, w *die.Budget) {
	keep := func(err error) {
		if f.Err == nil {
			f.Err = err
		}
	}
	first := true
	err := e.OriginsIn(w, func(o die.Entry) bool {
		u := o.Unit()
		line, file := false, false
		o.Each(func(a dwarf.Attr, v die.Value) bool {
			switch a {
			case dwarf.AttrName:
				if f.Name == "" {
					s, err := u.String(v)
					f.Name = s
					keep(err)
				}
			case dwarf.AttrLinkageName, die.AttrMIPSLinkageName:
				if f.LinkageName == "" {
					s, err := u.String(v)
					f.LinkageName = s
					keep(err)
				}
			case dwarf.AttrExternal:
				f.External = f.External || v.U != 0
			case dwarf.AttrArtificial:
				f.Artificial = f.Artificial || v.U != 0
			case dwarf.AttrDeclLine:
				if line = f.Line == 0 && v.U <= 1<<31-1; line {
					f.Line = int(v.U)
				}
			case dwarf.AttrDeclFile:
				if file = f.declUnit == nil; file {
					f.declUnit, f.declFile = u, v.U
				}
			case dwarf.AttrEntrypc:
				if first {
					d.entryPC(f, u, v)
				}
			}
			return true
		})
		first = false
		return true
	})
	keep(err)
	if f.LinkageName == f.Name {
		f.LinkageName = ""
	}
}

// entryPC is DW_AT_entry_pc: an address, or an offset from the first.
func (d *Data) entryPC(f *Func, u *die.Unit, v die.Value) {
	a := uint64(f.Ranges[0].Low) + v.U
	if v.IsAddr() {
		var err error
		if a, err = u.Addr(v); err != nil {
			f.Err = err
			return
		}
	}
	if f.Contains(elfsym.Addr(a)) {
		f.Entry = elfsym.Addr(a)
	}
}
