package dwarfinfo

import (
	"debug/dwarf"
	"debug/elf"

	"github.com/probels/probels/internal/die"
	"github.com/probels/probels/internal/leb128"
)

// content is what the children of a type's entry say.
type content struct {
	fields       []Field
	enumerators  []Enumerator
	params       []*Type
	discriminant *Field
	variants     []Variant
}

// readContent reads the children. An entry that completes a declaration within
// a class has them itself; an abstract origin has them for it.
func (d *Data) readContent(t *Type) (*content, error) {
	c := &content{}
	e, err := t.loc.Entry()
	if err != nil {
		return c, err
	}
	switch t.Kind {
	case Struct, Class, Union, Enum, Function:
	default:
		return c, nil
	}
	r := contentReader{d: d, t: t, c: c}
	for child, err := range e.Children() {
		if err != nil {
			return c, err
		}
		r.child(child)
	}
	return c, r.err
}

// contentReader reads one type's children.
type contentReader struct {
	d   *Data
	t   *Type
	c   *content
	err error // the first
}

func (r *contentReader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *contentReader) child(e die.Entry) {
	switch {
	case e.Tag == dwarf.TagEnumerator && r.t.Kind == Enum:
		name, err := e.Str(dwarf.AttrName)
		r.keep(err)
		v, _ := e.Val(dwarf.AttrConstValue)
		n := int64(v.U)
		if r.t.Signed {
			n = v.Int()
		}
		r.c.enumerators = append(r.c.enumerators, Enumerator{name, n})
	case e.Tag == dwarf.TagFormalParameter && r.t.Kind == Function:
		p, err := r.d.typeOf(e)
		if err != nil {
			r.keep(err)
			p = r.d.broken(err)
		}
		r.c.params = append(r.c.params, p)
	case !r.t.Kind.Aggregate():
	case e.Tag == dwarf.TagMember, e.Tag == dwarf.TagInheritance:
		if f, ok := r.field(e); ok {
			r.c.fields = append(r.c.fields, f)
		}
	case e.Tag == dwarf.TagVariantPart:
		r.variantPart(e)
	}
}

// field is a member that is in each object.
func (r *contentReader) field(e die.Entry) (Field, bool) {
	f := Field{Base: e.Tag == dwarf.TagInheritance}
	if e.Flag(dwarf.AttrDeclaration) || e.Flag(dwarf.AttrExternal) {
		return f, false // static: it is where variables are
	}
	var err error
	f.Name, err = e.Str(dwarf.AttrName)
	r.keep(err)
	if f.Type, err = r.d.typeOf(e); err != nil {
		r.keep(err)
		f.Type = r.d.broken(err)
	}
	f.Artificial = e.Flag(dwarf.AttrArtificial)
	v, virtual := e.Val(dwarf.AttrVirtuality)
	f.Virtual = f.Base && virtual && v.U != 0
	// "struct { … };" has no name, and neither has a bit-field that only pads.
	f.Embedded = e.Flag(attrGoEmbedded) || !f.Base && f.Name == "" && f.Type.bare().Kind.Aggregate()
	f.Offset = r.offset(e)
	r.bits(e, &f)
	return f, true
}

// offset is DW_AT_data_member_location: a number or, mostly before DWARF 3, an
// expression that adds it to the struct's address.
func (r *contentReader) offset(e die.Entry) int64 {
	v, ok := e.Val(dwarf.AttrDataMemberLoc)
	switch {
	case !ok:
		return 0 // a union's member, or a bit-field
	case v.IsConst():
		if v.U < 1<<56 {
			return int64(v.U)
		}
	case v.IsExpr() && len(v.B) > 1 && (v.B[0] == 0x23 || v.B[0] == 0x10):
		// DW_OP_plus_uconst, or DW_OP_constu and DW_OP_plus.
		n, size := leb128.Uint(v.B[1:])
		if rest := v.B[1+size:]; size > 0 && n < 1<<56 && (v.B[0] == 0x23 && len(rest) == 0 || v.B[0] == 0x10 && len(rest) == 1 && rest[0] == 0x22) {
			return int64(n)
		}
	}
	return -1
}

// bits is where a bit-field is. DW_AT_data_bit_offset counts from the struct's
// start; the older DW_AT_bit_offset from the most significant bit of a unit of
// DW_AT_byte_size bytes, in programs of either byte order (DWARF 3, 5.6.6).
func (r *contentReader) bits(e die.Entry, f *Field) {
	size, ok := e.Uint(dwarf.AttrBitSize)
	if !ok || size > 1<<16 {
		return
	}
	f.BitSize = int(size)
	if v, ok := e.Val(dwarf.AttrDataBitOffset); ok && v.IsConst() && v.U < 1<<60 {
		f.BitOffset = int64(v.U) + max(f.Offset, 0)*8
	} else if v, ok := e.Val(dwarf.AttrBitOffset); ok && v.IsConst() {
		off := v.Int()
		unit, ok := e.Uint(dwarf.AttrByteSize)
		if !ok || unit > 1<<16 {
			unit = uint64(max(f.Type.bare().size, 0)) // not Size: a Definition is found by what is read here
		}
		if f.BitOffset = max(f.Offset, 0) * 8; r.d.c.ByteOrder == elf.ELFDATA2MSB {
			f.BitOffset += off
		} else {
			f.BitOffset += int64(unit)*8 - off - int64(size)
		}
	} else {
		f.BitOffset = max(f.Offset, 0) * 8
	}
	if f.BitOffset < 0 {
		r.keep(&die.Error{Section: e.Unit().Section(), Offset: e.Off(), Reason: "a bit-field before its struct", Err: ErrDamaged})
		f.BitOffset, f.Offset = 0, -1
		return
	}
	f.Offset = f.BitOffset / 8
}

// variantPart is what of a struct depends on a discriminant (DWARF 5, 5.7.10).
func (r *contentReader) variantPart(e die.Entry) {
	at, has, err := e.RefLoc(dwarf.AttrDiscr)
	r.keep(err)
	signed := false
	if has {
		if m, err := at.Entry(); err != nil {
			r.keep(err)
		} else if f, ok := r.field(m); ok && m.Tag == dwarf.TagMember {
			r.c.discriminant = &f
			signed = f.Type.bare().Signed
		}
	}
	for c, err := range e.Children() {
		if err != nil {
			r.keep(err)
			return
		}
		if c.Tag == dwarf.TagVariant {
			r.variant(c, signed)
		}
	}
}

func (r *contentReader) variant(e die.Entry, signed bool) {
	v := Variant{}
	if n, ok := e.Val(dwarf.AttrDiscrValue); ok {
		low := int64(n.U)
		if signed {
			low = n.Int()
		}
		v.Values = []Bound{{low, low}}
	} else if l, ok := e.Val(dwarf.AttrDiscrList); ok && l.IsExpr() {
		v.Values, ok = bounds(l.B, signed)
		if !ok {
			r.keep(&die.Error{Section: e.Unit().Section(), Offset: e.Off(), Reason: "a list of discriminants that ends early", Err: ErrDamaged})
		}
	} else {
		v.Default = true
	}
	for c, err := range e.Children() {
		if err != nil {
			r.keep(err)
			break
		}
		if c.Tag == dwarf.TagMember {
			if f, ok := r.field(c); ok {
				v.Fields = append(v.Fields, f)
			}
		}
	}
	if len(v.Fields) == 1 {
		v.Name = v.Fields[0].Name
	}
	r.c.variants = append(r.c.variants, v)
}

// bounds reads DW_AT_discr_list: DW_DSC_label and a value, or DW_DSC_range and
// two.
func bounds(b []byte, signed bool) (out []Bound, ok bool) {
	num := func() (v int64) {
		var n int
		if signed {
			v, n = leb128.Int(b)
		} else {
			var u uint64
			u, n = leb128.Uint(b)
			v = int64(u)
		}
		ok = n > 0
		b = b[n:]
		return v
	}
	for len(b) > 0 {
		kind := b[0]
		b = b[1:]
		low := num()
		high := low
		if kind == 1 && ok {
			high = num()
		}
		if !ok || kind > 1 {
			return out, false
		}
		out = append(out, Bound{low, high})
	}
	return out, true
}
