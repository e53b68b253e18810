package dwarfinfo

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/probels/probels/internal/die"
)

// Kind is what a type is in memory.
type Kind uint8

// The kinds. A string, slice or interface of Go is a Struct, or a Typedef of
// one, as DWARF has it; GoKind tells. An enum of Rust with data is a Struct that
// has Variants.
const (
	Unknown     Kind = iota // it could not be read: Err says why
	Void                    // C's void, or the type of what has none
	Unspecified             // only its name is known: decltype(nullptr)
	Bool
	Int
	Uint
	Char // of one byte, or UTF-8, -16, -32: Size tells
	Float
	Complex
	Decimal
	Pointer
	Reference       // C++ &
	RvalueReference // C++ &&
	MemberPointer   // C++ T C::*
	Array
	Struct
	Class
	Union
	Enum
	Function // a function's type, as pointers point to
	Typedef
	Const
	Volatile
	Restrict
	Atomic
	Subrange
)

var kindNames = [...]string{"unknown", "void", "unspecified", "bool", "int", "uint", "char", "float", "complex", "decimal", "pointer", "reference",
	"rvalue_reference", "member_pointer", "array", "struct", "class", "union", "enum", "function", "typedef", "const", "volatile", "restrict", "atomic", "subrange"}

// String is the kind's name, as JSON has it: "rvalue_reference".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", k)
}

// Aggregate reports whether types of the kind have Fields.
func (k Kind) Aggregate() bool { return k == Struct || k == Class || k == Union }

// transparent reports whether the kind only adds a name or qualifier to another
// type.
func (k Kind) transparent() bool {
	switch k {
	case Typedef, Const, Volatile, Restrict, Atomic:
		return true
	}
	return false
}

// A Type is a type of the program. It is immutable and safe for concurrent use;
// its fields are not to be changed. What it is made of is read when it is asked
// for, so a type that refers to half of the program costs no more than another.
// Types that the program has once may be several *Type: compare Strings.
type Type struct {
	Kind   Kind
	Name   string       // DW_AT_name, without scope and without "struct"; mostly "" for pointers, arrays, qualifiers
	Signed bool         // of Int, Char, Enum and Subrange: negative values are possible
	GoKind reflect.Kind // what it is in Go; 0 in other languages
	Counts []int64      // of an Array: the elements in each dimension, the outermost first; -1 where unknown ("int a[]")

	Declared   bool // DWARF has here only that it exists: see Definition
	Variadic   bool // of a Function: "..." follows the Params
	Prototyped bool // of a Function in C: "(void)" and not "()"

	// Err says why the type, or its name, could not be read.
	Err error

	size  int64 // DW_AT_byte_size; -1 if it is not said
	align int64
	lang  Language
	d     *Data
	loc   die.Loc // no Unit: made up, as void is
	decl  die.Loc // the entry whose scope is the type's
	ref   die.Loc // of DW_AT_type; no Unit if there is none

	elem       lazy[*Type]
	containing lazy[*Type]
	content    lazy[*content]
	name       lazy[string]
	definition lazy[*Type]
}

// lazy is a value that is made when first asked for.
type lazy[T any] struct {
	once sync.Once
	v    T
	err  error
}

func (l *lazy[T]) get(make func() (T, error)) (T, error) {
	l.once.Do(func() { l.v, l.err = make() })
	return l.v, l.err
}

// maxChain is how many types one may lead through to another: typedefs of
// const arrays of pointers…. Compilers' output has up to some dozens; what leads in
// circles is cut.
const maxChain = 256

// Language is that of the unit which has the type.
func (t *Type) Language() Language { return t.lang }

// Unit is the unit that has the type; false for void.
func (t *Type) Unit() (Unit, bool) { return Unit{t.loc.Unit}, t.loc.Unit != nil }

// Offset is where the type's entry is in .debug_info, or in the section that
// its unit is in.
func (t *Type) Offset() uint64 { return t.loc.Off }

// Elem is the type that this one is made of: what a pointer points to, an array
// has, a typedef or qualifier stands for, a function returns, an enum or
// subrange is stored as. Nil for other kinds, and for an enum that does not
// say. If it cannot be read its Kind is Unknown.
func (t *Type) Elem() *Type {
	switch t.Kind {
	case Pointer, Reference, RvalueReference, MemberPointer, Array, Function, Typedef, Const, Volatile, Restrict, Atomic:
	case Enum, Subrange:
		if t.ref.Unit == nil {
			return nil
		}
	default:
		return nil
	}
	e, _ := t.elem.get(func() (*Type, error) { return t.d.typeRef(t.ref, t.lang), nil })
	return e
}

// Containing is the class that a MemberPointer points into; nil for others.
func (t *Type) Containing() *Type {
	if t.Kind != MemberPointer {
		return nil
	}
	c, _ := t.containing.get(func() (*Type, error) { return t.d.containing(t) })
	return c
}

// Strip is the type without typedefs and qualifiers, and with its definition
// where it is only declared here and defined elsewhere.
func (t *Type) Strip() *Type {
	s := t.bare()
	if s.Declared {
		if def, err := s.Definition(); err == nil && def != nil {
			return def
		}
	}
	return s
}

// bare is the type without typedefs and qualifiers.
func (t *Type) bare() *Type {
	for n := 0; t.Kind.transparent(); n++ {
		if n == maxChain {
			return t.d.broken(errCircle(t))
		}
		t = t.Elem()
	}
	return t
}

func errCircle(t *Type) error {
	return &die.Error{Section: t.loc.Unit.Section(), Offset: t.loc.Off, Reason: "a type that is made of itself", Err: ErrDamaged}
}

// Size is how many bytes a value takes, as sizeof: -1 where that is unknown,
// for void, functions, arrays without a length and types that are declared and
// nowhere defined.
func (t *Type) Size() int64 {
	times := int64(1)
	for range maxChain {
		switch {
		case t.size >= 0:
			if t.size != 0 && times > (1<<62)/t.size {
				return -1
			}
			return t.size * times
		case t.Kind == Array:
			for _, n := range t.Counts {
				if n < 0 || n != 0 && times > (1<<62)/n {
					return -1
				}
				times *= n
			}
			t = t.Elem()
		case t.Kind.transparent(), t.Kind == Enum && t.ref.Unit != nil, t.Kind == Subrange && t.ref.Unit != nil:
			t = t.Elem()
		case t.Declared:
			def, err := t.Definition()
			if err != nil || def == nil || def.Declared {
				return -1
			}
			t = def
		default:
			return -1
		}
	}
	return -1
}

// A Field is a member of a struct, class or union, or a class it is derived
// from.
type Field struct {
	Name string
	Type *Type

	Offset    int64 // bytes from the start of the struct; of a bit-field, the byte that it begins in; -1 where it is not fixed
	BitSize   int   // of a bit-field; 0 for others
	BitOffset int64 // of a bit-field: from the struct's start to its first bit: the lowest one, or in big-endian programs the highest

	Base       bool // a base class
	Virtual    bool // and a virtual one: where it is depends on the object
	Embedded   bool // an anonymous struct or union, or a field that Go embeds: its members count as the struct's
	Artificial bool // made by the compiler, as the pointer to virtual functions is
}

// An Enumerator is a value that an enum names.
type Enumerator struct {
	Name  string
	Value int64 // of an unsigned enum of 8 bytes to be taken as uint64
}

// A Variant is one of several contents of a Rust enum.
type Variant struct {
	Name   string
	Fields []Field

	Default bool    // it is there when no other's value is
	Values  []Bound // of the discriminant that select it; none of a Default
}

// A Bound is a range of values, both ends included: of an unsigned discriminant
// to be taken as uint64.
type Bound struct{ Low, High int64 }

// Fields are the members of a struct, class or union in the order of their
// declaration, base classes before; static members are not among them. They are
// not to be changed. A type that is only declared has those of its Definition.
// An error leaves what could be read.
func (t *Type) Fields() ([]Field, error) {
	c, err := t.parts()
	return c.fields, err
}

// Enumerators are the values of an Enum.
func (t *Type) Enumerators() ([]Enumerator, error) {
	c, err := t.parts()
	return c.enumerators, err
}

// Variants are the contents that a Rust enum can have, and the field that tells
// which, nil if there is but one; there are none in types of other kinds.
func (t *Type) Variants() (discriminant *Field, _ []Variant, _ error) {
	c, err := t.parts()
	return c.discriminant, c.variants, err
}

// Params are the types of a Function's parameters. What it returns is Elem.
func (t *Type) Params() ([]*Type, error) {
	c, err := t.parts()
	return c.params, err
}

// parts are what the children of the type's entry say, never nil.
func (t *Type) parts() (*content, error) {
	if t.Declared {
		def, err := t.Definition()
		if err != nil || def == nil || def.Declared {
			return &content{}, err
		}
		t = def
	}
	return t.content.get(func() (*content, error) {
		if t.loc.Unit == nil {
			return &content{}, t.Err
		}
		return t.d.readContent(t)
	})
}
