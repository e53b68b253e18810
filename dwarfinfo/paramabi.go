package dwarfinfo

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"strings"

	"github.com/probels/probels/internal/abi"
	"github.com/probels/probels/internal/die"
)

// Attributes and encodings that debug/dwarf has no name for.
const (
	attrDefaulted  dwarf.Attr = 0x8b
	attrGNUVector  dwarf.Attr = 0x2107
	attrProducerGo            = "Go cmd/compile "

	ateAddress  = 0x01
	ateBoolean  = 0x02
	ateComplex  = 0x03
	ateFloat    = 0x04
	ateSigned   = 0x05
	ateUChar    = 0x08
	ateUTF      = 0x10
	ateASCII    = 0x12
	ccNocall    = 0x03
	ccReference = 0x04 // DW_CC_pass_by_reference
	ccValue     = 0x05 // DW_CC_pass_by_value
)

// maxShape is how many entries are read to see how one signature is passed.
const maxShape = 20000

// A shaper makes of types what calling conventions look at. One is for one
// signature; equal types are read once.
type shaper struct {
	d     *Data
	known map[die.Loc]*abi.Type
	left  int
}

func (d *Data) newShaper() *shaper {
	return &shaper{d: d, known: make(map[die.Loc]*abi.Type), left: maxShape}
}

func unshaped(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNoPlace, fmt.Sprintf(format, args...))
}

// of is the shape of what an entry has as its type; Void if it has none.
func (s *shaper) of(e die.Entry, depth int) (*abi.Type, error) {
	t, err := e.Ref(dwarf.AttrType)
	if err != nil {
		return nil, err
	}
	if !t.Valid() {
		return &abi.Type{Kind: abi.Void}, nil
	}
	return s.shape(t, depth)
}

// maxTypeDepth is how deep types may be nested.
const maxTypeDepth = 64

func (s *shaper) shape(e die.Entry, depth int) (*abi.Type, error) {
	if s.left--; s.left < 0 || depth > maxTypeDepth {
		return nil, fmt.Errorf("a type of too many parts: %w", ErrLimit)
	}
	if t := s.known[e.Loc()]; t != nil {
		return t, nil
	}
	t, err := s.read(e, depth+1)
	if err == nil {
		s.known[e.Loc()] = t
	}
	return t, err
}

func (s *shaper) read(e die.Entry, depth int) (*abi.Type, error) {
	word := int64(s.d.word())
	size, sized := e.Uint(dwarf.AttrByteSize)
	if size > 1<<40 {
		return nil, unshaped("a type of 0x%x bytes", size)
	}
	n := int64(size)
	switch e.Tag {
	case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagAtomicType,
		dwarf.TagPackedType, dwarf.TagImmutableType, dwarf.TagSharedType:
		return s.of(e, depth)
	case dwarf.TagPointerType, dwarf.TagReferenceType, dwarf.TagRvalueReferenceType, dwarf.TagUnspecifiedType:
		if !sized {
			n = word
		}
		return &abi.Type{Kind: abi.Pointer, Size: n}, nil
	case dwarf.TagSubroutineType: // Go's functions as values
		return &abi.Type{Kind: abi.Pointer, Size: word}, nil
	case dwarf.TagPtrToMemberType:
		t, err := e.Ref(dwarf.AttrType)
		if err != nil {
			return nil, err
		}
		p := &abi.Type{Kind: abi.Int, Size: word}
		if t.Valid() && t.Tag == dwarf.TagSubroutineType { // a pointer and an adjustment of this
			return &abi.Type{Kind: abi.Struct, Size: 2 * word, Fields: []abi.Field{{Type: p}, {Type: p, Offset: word}}}, nil
		}
		return p, nil
	case dwarf.TagEnumerationType:
		if !sized {
			return s.of(e, depth)
		}
		return &abi.Type{Kind: abi.Int, Size: n}, nil
	case dwarf.TagSubrangeType:
		return s.of(e, depth)
	case dwarf.TagBaseType:
		return s.scalar(e, n)
	case dwarf.TagArrayType:
		return s.array(e, depth)
	case dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType:
		if !sized || e.Flag(dwarf.AttrDeclaration) {
			return nil, unshaped("%s is declared only", typeName(e))
		}
		return s.composite(e, n, depth)
	}
	return nil, unshaped("a type of kind %v", e.Tag)
}

func typeName(e die.Entry) string {
	if name := e.Name(); name != "" {
		return name
	}
	return "a type without a name"
}

func (s *shaper) scalar(e die.Entry, n int64) (*abi.Type, error) {
	enc, _ := e.Uint(dwarf.AttrEncoding)
	x86 := s.d.c.Machine == elf.EM_X86_64 || s.d.c.Machine == elf.EM_386
	switch {
	case enc == ateAddress, enc == ateBoolean, enc >= ateSigned && enc <= ateUChar, enc == ateUTF, enc == ateASCII:
		if n == 0 {
			return &abi.Type{Kind: abi.Void}, nil
		}
		return &abi.Type{Kind: abi.Int, Size: n}, nil
	case enc == ateFloat:
		name := e.Name()
		switch {
		case n == 2 && strings.Contains(strings.ToLower(name), "bf"), n > 16:
			return nil, unshaped("%s", name)
		case n <= 8 || !x86 || strings.Contains(name, "128"):
			return &abi.Type{Kind: abi.Float, Size: n}, nil
		case name == "long double" || name == "_Float64x" || name == "__float80":
			return &abi.Type{Kind: abi.X87, Size: n}, nil
		}
		return nil, unshaped("which format %s has", name)
	case enc == ateComplex:
		half := &abi.Type{Kind: abi.Float, Size: n / 2}
		if x86 && n > 16 && !strings.Contains(e.Name(), "128") {
			half.Kind = abi.X87
		}
		return &abi.Type{Kind: abi.Complex, Size: n, Elem: half}, nil
	}
	return nil, unshaped("%s has encoding %d", typeName(e), enc)
}

func (s *shaper) array(e die.Entry, depth int) (*abi.Type, error) {
	elem, err := s.of(e, depth)
	if err != nil {
		return nil, err
	}
	count := uint64(1)
	for d, err := range e.Children() {
		if err != nil {
			return nil, err
		}
		if s.left--; s.left < 0 {
			return nil, fmt.Errorf("an array of too many dimensions: %w", ErrLimit)
		}
		if d.Tag != dwarf.TagSubrangeType {
			continue
		}
		n, ok := d.Uint(dwarf.AttrCount)
		if !ok {
			upper, has := d.Val(dwarf.AttrUpperBound)
			switch {
			case !has: // without bounds, the last member of a structure
			case !upper.IsConst():
				return nil, unshaped("an array of variable length")
			default:
				n = uint64(upper.Int() + 1)
			}
			if lower, _ := d.Uint(dwarf.AttrLowerBound); lower <= n {
				n -= lower
			}
		}
		if n > 1<<40 || count > 0 && n > 1<<40/count {
			return nil, unshaped("an array of %d elements", n)
		}
		count *= n
	}
	kind := abi.Array
	if e.Flag(attrGNUVector) {
		kind = abi.Vector
	}
	if elem.Size > 0 && count > uint64(1<<40/elem.Size) {
		return nil, unshaped("an array of %d elements", count)
	}
	return &abi.Type{Kind: kind, Size: elem.Size * int64(count), Elem: elem, Len: int64(count)}, nil
}
