package dwarfinfo

import (
	"debug/dwarf"
	"fmt"
	"reflect"
	"sync"

	"github.com/probels/probels/internal/die"
)

// What debug/dwarf has no name for.
const (
	tagGenericSubrange dwarf.Tag  = 0x45
	attrGoKind         dwarf.Attr = 0x2900
	attrGoEmbedded     dwarf.Attr = 0x2903
)

// maxTypes is how many types of one name are told apart, and definitions remembered.
const maxTypes = 1 << 16

// typeCache remembers the types that were read, so that what a thousand
// functions share is read once.
type typeCache struct {
	mu   sync.Mutex
	all  map[typeKey]*Type
	defs map[string]*lazy[*Type] // of types that are declared only, by kind and name
}

// keptTypes is how many types are kept to be found again. Those of one unit are
// seldom as many, and another unit has its own.
const keptTypes = 1 << 14

// A typeKey has the language of who refers to the type beside its place: the
// partial units that dwz makes are for several, and some of them do not say.
type typeKey struct {
	loc  die.Loc
	lang Language
}

// typeOf is the type of an entry, of its own or of what completes it: void if
// DWARF says of none.
func (d *Data) typeOf(e die.Entry) (*Type, error) {
	if !e.Valid() {
		return d.void(0), nil
	}
	lang := Unit{e.Unit()}.Language()
	var at die.Loc
	var err error
	err2 := e.Origins(func(o die.Entry) bool {
		var ok bool
		at, ok, err = o.RefLoc(dwarf.AttrType)
		return !ok && err == nil
	})
	if err == nil {
		err = err2
	}
	if err != nil || at.Unit == nil {
		return d.void(lang), err
	}
	return d.typeIn(at, lang)
}

// typeAt is the type whose entry is at a place.
func (d *Data) typeAt(l die.Loc) (*Type, error) { return d.typeIn(l, 0) }

// typeIn is typeAt for who comes from an entry of that language.
func (d *Data) typeIn(l die.Loc, lang Language) (*Type, error) {
	if own := (Unit{l.Unit}).Language(); own != 0 {
		lang = own
	}
	k := typeKey{l, lang}
	d.types.mu.Lock()
	t := d.types.all[k]
	d.types.mu.Unlock()
	if t != nil {
		return t, nil
	}
	t, err := d.readType(l, lang)
	if err != nil {
		return nil, err
	}
	d.types.mu.Lock()
	defer d.types.mu.Unlock()
	if other := d.types.all[k]; other != nil {
		return other, nil
	}
	if d.types.all == nil || len(d.types.all) >= keptTypes {
		d.types.all = make(map[typeKey]*Type)
	}
	d.types.all[k] = t
	return t, nil
}

// typeRef is the type there, void for none, and one of Kind Unknown if it cannot
// be read.
func (d *Data) typeRef(l die.Loc, lang Language) *Type {
	if l.Unit == nil {
		return d.void(lang)
	}
	t, err := d.typeIn(l, lang)
	if err != nil {
		return d.broken(err)
	}
	return t
}

func (d *Data) void(lang Language) *Type { return &Type{Kind: Void, size: -1, d: d, lang: lang} }

func (d *Data) broken(err error) *Type { return &Type{Kind: Unknown, size: -1, d: d, Err: err} }

// readType reads a type's entry.
func (d *Data) readType(l die.Loc, lang Language) (*Type, error) {
	e, err := l.Entry()
	if err != nil {
		return nil, err
	}
	// The unit has only the name of a type that a type unit has.
	for n := 0; e.Has(dwarf.AttrSignature); n++ {
		if n == maxChain {
			return nil, &die.Error{Section: l.Unit.Section(), Offset: l.Off, Reason: "signatures lead in circles", Err: ErrDamaged}
		}
		full, err := e.Ref(dwarf.AttrSignature)
		if err != nil || !full.Valid() {
			break // what is here says at least what it is
		}
		e = full
	}
	t := &Type{d: d, loc: e.Loc(), lang: lang, size: -1}
	if t.Kind = kindOf(e.Tag); t.Kind == Unknown {
		return nil, &die.Error{Section: l.Unit.Section(), Offset: l.Off, Reason: fmt.Sprintf("%v where a type is wanted", e.Tag), Err: ErrDamaged}
	}
	t.complete(e)
	switch t.Kind {
	case Pointer, Reference, RvalueReference:
		if t.size < 0 {
			t.size = int64(l.Unit.AddrSize)
		}
	case MemberPointer:
		if t.size < 0 {
			t.size = t.memberPointerSize()
		}
	case Array:
		t.Counts, err = t.counts(e)
		if err != nil {
			t.Err = err
		}
	case Int:
		t.base(e)
	case Enum:
		if !t.Signed {
			t.Signed = t.enumSigned(e)
		}
	case Function:
		t.Prototyped = e.Flag(dwarf.AttrPrototyped)
		for c, err := range e.Children() {
			if err != nil {
				t.Err = err
			} else if c.Tag == dwarf.TagUnspecifiedParameters {
				t.Variadic = true
			}
		}
	}
	return t, nil
}

// complete reads what the entry or its origins say.
func (t *Type) complete(e die.Entry) {
	first := true
	err := e.Origins(func(o die.Entry) bool {
		t.decl = o.Loc()
		own := first
		first = false
		o.Each(func(a dwarf.Attr, v die.Value) bool {
			switch a {
			case dwarf.AttrName:
				if t.Name == "" {
					var err error
					if t.Name, err = o.Unit().String(v); err != nil {
						t.Err = err
					}
				}
			case dwarf.AttrByteSize:
				if t.size < 0 && v.IsConst() && v.U < 1<<62 {
					t.size = int64(v.U)
				}
			case dwarf.AttrAlignment:
				if t.align == 0 && v.IsConst() && v.U < 1<<32 {
					t.align = int64(v.U)
				}
			case dwarf.AttrType:
				if t.ref.Unit == nil {
					var err error
					if t.ref, err = o.Unit().RefLoc(v); err != nil {
						t.ref, t.Err = die.Loc{}, err
					}
				}
			case dwarf.AttrDeclaration:
				t.Declared = t.Declared || own && v.U != 0
			case attrGoKind:
				if v.IsConst() && v.U <= uint64(reflect.UnsafePointer) {
					t.GoKind = reflect.Kind(v.U)
				}
			}
			return true
		})
		return true
	})
	if err != nil && t.Err == nil {
		t.Err = err
	}
}

func kindOf(tag dwarf.Tag) Kind {
	switch tag {
	case dwarf.TagBaseType:
		return Int // until its encoding is read
	case dwarf.TagPointerType:
		return Pointer
	case dwarf.TagReferenceType:
		return Reference
	case dwarf.TagRvalueReferenceType:
		return RvalueReference
	case dwarf.TagPtrToMemberType:
		return MemberPointer
	case dwarf.TagArrayType, dwarf.TagStringType:
		return Array
	case dwarf.TagStructType:
		return Struct
	case dwarf.TagClassType, dwarf.TagInterfaceType:
		return Class
	case dwarf.TagUnionType:
		return Union
	case dwarf.TagEnumerationType:
		return Enum
	case dwarf.TagSubroutineType, dwarf.TagSubprogram:
		return Function
	case dwarf.TagTypedef, dwarf.TagTemplateAlias:
		return Typedef
	case dwarf.TagConstType:
		return Const
	case dwarf.TagVolatileType:
		return Volatile
	case dwarf.TagRestrictType:
		return Restrict
	case dwarf.TagAtomicType:
		return Atomic
	case dwarf.TagSubrangeType:
		return Subrange
	case dwarf.TagUnspecifiedType:
		return Unspecified
	}
	return Unknown
}

// base reads a base type's encoding (DWARF 5, 7.8).
func (t *Type) base(e die.Entry) {
	enc, _ := e.Uint(dwarf.AttrEncoding)
	switch enc {
	case 0x02:
		t.Kind = Bool
	case 0x03, 0x09:
		t.Kind = Complex
	case 0x04:
		t.Kind = Float
	case 0x05, 0x0d:
		t.Signed = true
	case 0x06:
		t.Kind, t.Signed = Char, true
	case 0x08, 0x10, 0x11, 0x12:
		t.Kind = Char
	case 0x0f:
		t.Kind = Decimal
	default: // address, unsigned, unsigned_fixed and unknown ones
		t.Kind = Uint
	}
	if bits, ok := e.Uint(dwarf.AttrBitSize); ok && t.size < 0 && bits < 1<<32 {
		t.size = int64(bits+7) / 8
	}
}

// counts are an array's dimensions.
func (t *Type) counts(e die.Entry) ([]int64, error) {
	var out []int64
	if e.Tag == dwarf.TagStringType {
		return []int64{t.size}, nil
	}
	for c, err := range e.Children() {
		if err != nil {
			return out, err
		}
		switch c.Tag {
		case dwarf.TagSubrangeType, dwarf.TagEnumerationType, tagGenericSubrange:
		default:
			continue
		}
		if len(out) == maxChain {
			return out, &die.Error{Section: t.loc.Unit.Section(), Offset: c.Off(), Reason: "an array of too many dimensions", Err: ErrLimit}
		}
		out = append(out, count(c))
	}
	if len(out) == 0 {
		out = []int64{-1}
	}
	return out, nil
}

// count is how many elements a dimension has, -1 where that is not fixed.
// gcc writes an upper bound of -1 for "int a[0]", and none for "int a[]".
func count(c die.Entry) int64 {
	if n, ok := c.Uint(dwarf.AttrCount); ok && n < 1<<62 {
		return int64(n)
	}
	v, ok := c.Val(dwarf.AttrUpperBound)
	if !ok || !v.IsConst() {
		return -1
	}
	low := int64(0)
	if l, ok := c.Val(dwarf.AttrLowerBound); ok {
		if !l.IsConst() {
			return -1
		}
		low = l.Int()
	}
	high := int64(v.U)
	switch {
	case v.Form == die.FormData4 && v.U == 1<<32-1, v.Form == die.FormData8 && v.U == 1<<64-1:
		high = -1 // of no elements
	}
	if high < low-1 || high-low < -1 || high > 1<<62 {
		return -1
	}
	return high - low + 1
}

// enumSigned reports whether an enum has negative values.
func (t *Type) enumSigned(e die.Entry) bool {
	// By entries and not by types: those of a chain of enums would be read
	// each within the one before.
	o := e
	for range maxChain {
		next, err := o.Ref(dwarf.AttrType)
		if err != nil || !next.Valid() {
			break
		}
		o = next
	}
	if o.Tag == dwarf.TagBaseType {
		enc, _ := o.Uint(dwarf.AttrEncoding)
		return enc == 0x05 || enc == 0x06
	}
	for c, err := range e.Children() {
		if err != nil {
			break
		}
		if v, ok := c.Val(dwarf.AttrConstValue); ok && v.Form == die.FormSdata && int64(v.U) < 0 {
			return true
		}
	}
	return false
}

// memberPointerSize is that of the C++ ABIs that all but ARM's and Microsoft's
// compilers follow: an offset, or for functions a pointer and an adjustment.
func (t *Type) memberPointerSize() int64 {
	w := int64(t.loc.Unit.AddrSize)
	if t.ref.Unit == nil {
		return w
	}
	if e, err := t.ref.Entry(); err == nil && e.Tag == dwarf.TagSubroutineType {
		return 2 * w
	}
	return w
}

// containing is DW_AT_containing_type.
func (d *Data) containing(t *Type) (*Type, error) {
	e, err := t.loc.Entry()
	if err != nil {
		return d.broken(err), nil
	}
	l, ok, err := e.RefLoc(dwarf.AttrContainingType)
	if err != nil {
		return d.broken(err), nil
	}
	if !ok {
		return d.void(t.lang), nil
	}
	return d.typeRef(l, t.lang), nil
}
