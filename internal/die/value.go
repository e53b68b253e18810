package die

import (
	"debug/dwarf"
	"fmt"
)

// A Value is an attribute's value as it is written. What its number means the
// form says; Unit has the methods that make a string, an address or an entry
// of it.
type Value struct {
	Form Form
	U    uint64 // a number, offset, index or address; sign-extended for DW_FORM_sdata and implicit_const
	Aux  uint32 // DW_FORM_LLVM_addrx_offset: the offset
	B    []byte // a block's, an expression's or a string's bytes, or the 16 of DW_FORM_data16: not to be changed
}

// Val is the value of an attribute; false if the entry lacks it.
func (e Entry) Val(attr dwarf.Attr) (Value, bool) {
	if e.Abbrev == nil {
		return Value{}, false
	}
	i := e.vals
	for k := range e.Specs {
		s := &e.Specs[k]
		if s.Attr == attr {
			v, _ := e.b.value(s.Form, s.Implicit, i)
			return v, true
		}
		if s.enc == encFixed {
			i += int(s.n)
		} else {
			i = e.b.skipValue(s.enc, i)
		}
	}
	return Value{}, false
}

// Has reports whether the entry has an attribute.
func (e Entry) Has(attr dwarf.Attr) bool {
	if e.Abbrev == nil {
		return false
	}
	for k := range e.Specs {
		if e.Specs[k].Attr == attr {
			return true
		}
	}
	return false
}

// Each calls fn for all attributes in their order until it returns false.
func (e Entry) Each(fn func(dwarf.Attr, Value) bool) {
	if e.Abbrev == nil {
		return
	}
	i := e.vals
	for k := range e.Specs {
		s := &e.Specs[k]
		var v Value
		v, i = e.b.value(s.Form, s.Implicit, i)
		if !fn(s.Attr, v) {
			return
		}
	}
}

// value decodes a value at i that skip has passed, so that it is whole, and
// gives where it ends.
func (b *body) value(form Form, implicit int64, i int) (Value, int) {
	v := Value{Form: form}
	enc, n := b.f.size(form)
	switch enc {
	case encFixed:
		switch form {
		case FormImplicitConst:
			v.U = uint64(implicit)
		case FormFlagPresent:
			v.U = 1
		case FormData16:
			v.B = b.b[i : i+16 : i+16]
		default:
			v.U = b.u.File.number(b.b[i:], n)
		}
		return v, i + n
	case encULEB:
		v.U, i = uleb(b.b, i)
		return v, i
	case encSLEB:
		var s int64
		s, i = sleb(b.b, i)
		v.U = uint64(s)
		return v, i
	case encIndirect:
		f, next := uleb(b.b, i)
		return b.value(Form(f), 0, next)
	}
	end := b.skipValue(enc, i)
	switch enc {
	case encCString:
		v.B = b.b[i : end-1 : end-1]
	case encBlock1, encBlock2, encBlock4:
		i += 1 << (enc - encBlock1)
		v.B = b.b[i:end:end]
	case encBlock:
		i = skipLEB(b.b, i)
		v.B = b.b[i:end:end]
	case encAddrx:
		v.U, i = uleb(b.b, i)
		v.Aux = b.u.File.U32(b.b[i:])
	}
	return v, end
}

// IsExpr reports whether the value is a block of bytes: an expression, where the
// attribute can have one.
func (v Value) IsExpr() bool {
	switch v.Form {
	case FormExprloc, FormBlock, FormBlock1, FormBlock2, FormBlock4:
		return true
	}
	return false
}

// IsRef reports whether the value refers to an entry.
func (v Value) IsRef() bool {
	switch v.Form {
	case FormRef1, FormRef2, FormRef4, FormRef8, FormRefUdata, FormRefAddr, FormRefSig8, FormRefSup4, FormRefSup8, FormGNURefAlt:
		return true
	}
	return false
}

// IsConst reports whether the value is a number.
func (v Value) IsConst() bool {
	switch v.Form {
	case FormData1, FormData2, FormData4, FormData8, FormSdata, FormUdata, FormImplicitConst:
		return true
	}
	return false
}

// IsAddr reports whether the value is an address, or the index of one.
func (v Value) IsAddr() bool {
	switch v.Form {
	case FormAddr, FormAddrx, FormAddrx1, FormAddrx2, FormAddrx3, FormAddrx4, FormGNUAddrIndex, FormLLVMAddrxOffset:
		return true
	}
	return false
}

// IsOffset reports whether the value is a place in another section, or the index
// of one: a list of locations or ranges, a line table. DWARF 2 and 3 wrote these
// as numbers of four or eight bytes.
func (v Value) IsOffset() bool {
	switch v.Form {
	case FormSecOffset, FormLoclistx, FormRnglistx, FormData4, FormData8:
		return true
	}
	return false
}

// Int is the value as a signed number: those of fixed size are taken as signed.
func (v Value) Int() int64 {
	switch v.Form {
	case FormData1:
		return int64(int8(v.U))
	case FormData2:
		return int64(int16(v.U))
	case FormData4:
		return int64(int32(v.U))
	}
	return int64(v.U)
}

// Uint is a constant attribute's number, not negative; false if the entry lacks
// it or it is something else.
func (e Entry) Uint(attr dwarf.Attr) (uint64, bool) {
	v, ok := e.Val(attr)
	if !ok || !v.IsConst() || (v.Form == FormSdata || v.Form == FormImplicitConst) && int64(v.U) < 0 {
		return 0, false
	}
	return v.U, true
}

// Flag reports whether a flag is there and set.
func (e Entry) Flag(attr dwarf.Attr) bool {
	v, ok := e.Val(attr)
	return ok && v.U != 0
}

// Str is a string attribute's text, "" if the entry lacks it.
func (e Entry) Str(attr dwarf.Attr) (string, error) {
	v, ok := e.Val(attr)
	if !ok {
		return "", nil
	}
	return e.b.u.String(v)
}

// Addr is an address attribute's value; false if the entry lacks it or it is
// something else.
func (e Entry) Addr(attr dwarf.Attr) (uint64, bool, error) {
	v, ok := e.Val(attr)
	if !ok || !v.IsAddr() {
		return 0, false, nil
	}
	a, err := e.b.u.Addr(v)
	return a, err == nil, err
}

// Name is DW_AT_name, "" without one or if it cannot be read.
func (e Entry) Name() string {
	s, _ := e.Str(dwarf.AttrName)
	return s
}

// String is the text of a string of any form.
func (u *Unit) String(v Value) (string, error) {
	switch v.Form {
	case FormString:
		return string(v.B), nil
	case FormStrp:
		off := v.U
		return cstring(u.File.str, off)
	case FormLineStrp:
		return cstring(u.File.lineStr, v.U)
	case FormStrpSup, FormGNUStrpAlt:
		sup, err := u.File.sup()
		if err != nil {
			return "", err
		}
		return cstring(sup.str, v.U)
	case FormStrx, FormStrx1, FormStrx2, FormStrx3, FormStrx4, FormGNUStrIndex:
		r := u.Info()
		if r.err != nil {
			return "", r.err
		}
		return u.strx(r, v.U)
	}
	return "", u.wrongForm(v, "a string")
}

func (u *Unit) wrongForm(v Value, want string) error {
	return damaged(u.Section(), u.Off, "form 0x%x where %s is wanted", uint16(v.Form), want)
}

// strx is a string by its index.
func (u *Unit) strx(r *rootInfo, i uint64) (string, error) {
	p := u.File.strOffsets
	off, err := u.indexed(p, r.strBase, i, u.OffSize, u.contrib.get(sectStrOffsets))
	if err != nil {
		return "", err
	}
	return cstring(u.File.str, off)
}

// indexed is the i-th number of n bytes in a table that begins at base of a
// section, or of a contribution to it.
func (u *Unit) indexed(p *pages[[]byte], base, i uint64, n int, c span) (uint64, error) {
	if c.size == 0 {
		c.size = p.size
	}
	if i > p.size || base+i*uint64(n) < base || base+i*uint64(n)+uint64(n) > c.size {
		if p.err != nil {
			return 0, p.err
		}
		return 0, damaged(p.name, base, "index %d is behind the section's end", i)
	}
	b, err := view(p, c.off+base+i*uint64(n), uint64(n))
	if err != nil {
		return 0, err
	}
	return u.File.number(b, n), nil
}

// Addr is the address of a value: itself, or what .debug_addr has at its index.
func (u *Unit) Addr(v Value) (uint64, error) {
	switch v.Form {
	case FormAddr:
		return v.U, nil
	case FormAddrx, FormAddrx1, FormAddrx2, FormAddrx3, FormAddrx4, FormGNUAddrIndex:
		return u.Addrx(v.U)
	case FormLLVMAddrxOffset:
		a, err := u.Addrx(v.U)
		return a + uint64(v.Aux), err
	}
	return 0, u.wrongForm(v, "an address")
}

// Addrx is an entry of the unit's part of .debug_addr, which for a split unit is
// its skeleton's: DW_OP_addrx, DW_LLE_startx_length and others count so too.
func (u *Unit) Addrx(i uint64) (uint64, error) {
	if u.skeleton != nil {
		u = u.skeleton
	} else if u.File.c.DWO {
		return 0, fmt.Errorf("address %d of a split unit without its skeleton: %w", i, ErrMissing)
	}
	r := u.Info()
	if r.err != nil {
		return 0, r.err
	}
	return u.addrx(r, i)
}

func (u *Unit) addrx(r *rootInfo, i uint64) (uint64, error) {
	return u.indexed(u.File.addr, r.addrBase, i, u.AddrSize, span{})
}
