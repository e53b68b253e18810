package dwarfinfo

import (
	"debug/dwarf"
	"fmt"
	"strings"

	"github.com/probels/probels/internal/abi"
	"github.com/probels/probels/internal/die"
)

// composite is the shape of a structure, class or union.
func (s *shaper) composite(e die.Entry, size int64, depth int) (*abi.Type, error) {
	t := &abi.Type{Kind: abi.Struct, Size: size}
	if e.Tag == dwarf.TagUnionType {
		t.Kind = abi.Union
	}
	if a, ok := e.Uint(dwarf.AttrAlignment); ok && a <= 1<<20 {
		t.Align = int64(a)
	}
	// Compilers tell since DWARF 5 how a class is passed.
	cc, told := e.Uint(dwarf.AttrCalling)
	if told && cc == ccReference {
		return &abi.Type{Kind: abi.Struct, Size: size, Align: t.Align, NotTrivial: true}, nil
	}
	name := e.Name()
	for m, err := range e.Children() {
		if err != nil {
			return nil, err
		}
		if s.left--; s.left < 0 {
			return nil, fmt.Errorf("a type of too many parts: %w", ErrLimit)
		}
		switch m.Tag {
		case dwarf.TagMember, dwarf.TagInheritance:
			if err := s.member(t, m, depth); err != nil {
				return nil, err
			}
		case dwarf.TagSubprogram:
			if told {
				continue
			}
			own, err := copies(e, m, name)
			if err != nil {
				return nil, err
			}
			t.NotTrivial = t.NotTrivial || own
		case dwarf.TagVariantPart:
			return nil, unshaped("%s has variants", typeName(e))
		}
	}
	if told && cc == ccValue {
		t.NotTrivial = false
	}
	return t, nil
}

// member adds a data member or base class.
func (s *shaper) member(t *abi.Type, m die.Entry, depth int) error {
	if m.Flag(dwarf.AttrExternal) || m.Flag(dwarf.AttrDeclaration) {
		return nil // a static one
	}
	if v, _ := m.Uint(dwarf.AttrVirtuality); v != 0 {
		t.NotTrivial = true // a virtual base
		return nil
	}
	mt, err := s.of(m, depth)
	if err != nil {
		return err
	}
	t.NotTrivial = t.NotTrivial || mt.NotTrivial
	f := abi.Field{Type: mt}
	if v, ok := m.Val(dwarf.AttrDataMemberLoc); ok {
		switch {
		case v.IsConst():
			f.Offset = v.Int()
		case v.IsExpr() && len(v.B) > 1 && v.B[0] == 0x23: // DW_OP_plus_uconst, as in DWARF 2
			for i, c := range v.B[1:] {
				if i > 8 {
					return unshaped("a member of an unknown place")
				}
				f.Offset |= int64(c&0x7f) << (7 * i)
			}
		default:
			return unshaped("a member of an unknown place")
		}
	}
	bits, ok := m.Uint(dwarf.AttrBitSize)
	if !ok {
		t.Fields = append(t.Fields, f)
		return nil
	}
	if bits > 128 {
		return unshaped("a bit-field of %d bits", bits)
	}
	f.BitSize = int64(bits)
	if v, ok := m.Uint(dwarf.AttrDataBitOffset); ok && v < 1<<43 {
		f.BitOff = int64(v)
	} else if v, ok := m.Val(dwarf.AttrBitOffset); ok {
		// Counted from the most significant bit of the storage unit.
		unit := mt.Size
		if n, ok := m.Uint(dwarf.AttrByteSize); ok && n <= 16 {
			unit = int64(n)
		}
		f.BitOff = f.Offset*8 + v.Int()
		if !s.d.f.Big {
			f.BitOff = f.Offset*8 + unit*8 - v.Int() - f.BitSize
		}
	} else {
		f.BitOff = f.Offset * 8
	}
	t.Fields = append(t.Fields, f)
	return nil
}

// copies reports whether a member function is a copy constructor or destructor
// that a class has of its own: then it is passed by reference (Itanium C++ ABI,
// 1.1, "non-trivial for the purposes of calls").
func copies(class, m die.Entry, name string) (bool, error) {
	fn := m.Name()
	if v, ok := m.Uint(dwarf.AttrVirtuality); ok && v != 0 {
		return true, nil // with a table of virtual functions comes a copy constructor
	}
	if d, _ := m.Uint(attrDefaulted); m.Flag(dwarf.AttrArtificial) || d == 1 || name == "" {
		return false, nil
	}
	if strings.HasPrefix(fn, "~") {
		return true, nil
	}
	// A template's constructor lacks the arguments in its name.
	if base, _, _ := strings.Cut(name, "<"); fn != base && fn != name {
		return false, nil
	}
	n, self := 0, false
	for p, err := range m.Children() {
		if err != nil {
			return false, err
		}
		if p.Tag != dwarf.TagFormalParameter {
			continue
		}
		if n++; n == 2 {
			t, err := p.Ref(dwarf.AttrType)
			if err != nil {
				return false, err
			}
			if t.Valid() && (t.Tag == dwarf.TagReferenceType || t.Tag == dwarf.TagRvalueReferenceType) {
				for i := 0; i < 4 && t.Valid() && !self; i++ {
					if t, err = t.Ref(dwarf.AttrType); err != nil {
						return false, err
					}
					self = t.Valid() && t.Same(class)
				}
			}
		}
	}
	return n == 2 && self, nil
}
