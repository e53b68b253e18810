package abi

import (
	"debug/elf"
	"errors"
	"fmt"

	"github.com/probels/probels/usdt/operand"
)

// Kind is what a type is to calling conventions.
type Kind uint8

const (
	Int     Kind = iota // integer, character, bool, enumeration; __int128 too
	Pointer             // also C++'s references; Go's maps, channels and functions
	Float               // binary floating point in memory as IEEE has it: 2, 4, 8 or 16 bytes
	X87                 // x86's long double: 10 bytes used of 16, or of 12 on i386
	Complex             // two of Elem
	Vector              // Len of Elem, one register's worth
	Struct              // fields one behind the other; Go's strings (pointer, int), slices and interfaces
	Union
	Array // Len of Elem
	Void  // no result
)

// A Type is as much of a type as conventions look at. A tree of Types may share nodes, and must not contain itself
// (a pointer does not say to what).
type Type struct {
	Kind   Kind
	Size   int64 // bytes
	Align  int64 // bytes; 0: Size of a scalar, or the strictest of the parts
	Fields []Field
	Elem   *Type
	Len    int64

	// NotTrivial: a C++ class that cannot be copied byte by byte, for it has a copy constructor, or a
	// destructor of its own. It is passed by invisible reference.
	NotTrivial bool
}

// A Field is a member of a Struct or Union. Base classes are fields.
type Field struct {
	Type    *Type
	Offset  int64 // bytes
	BitSize int64 // of a bit-field; 0: it is none
	BitOff  int64 // of a bit-field: its first bit, from the structure's beginning in the order of memory
}

// Convention is whose rules hold.
type Convention uint8

const (
	C        Convention = iota // the platform's, of C, C++, extern "C" of Rust, and nearly all others
	Fastcall                   // i386's __attribute__((fastcall))
	Go                         // ABIInternal
	Go0                        // ABI0
	Rust                       // extern "Rust": not specified
)

// A Func is what is asked about.
type Func struct {
	Machine    elf.Machine
	Class      elf.Class
	Big        bool // most significant byte first
	Convention Convention
	Regparm    int // i386: __attribute__((regparm(n)))
	Params     []*Type
	Results    []*Type // Go may have several
	Variadic   bool    // Params are the fixed ones
}

// A Place holds some of a value's bytes.
type Place struct {
	operand.Operand       // a register, whose low bytes they are, or memory at sp + Disp
	Off, Size       int64 // bytes of the value
}

// A Value is where a parameter or result is.
type Value struct {
	Places []Place // none: it has no bytes, or Err is set

	// Indirect: the one place holds a pointer to the value, Size bytes wide.
	Indirect bool

	// Entry: the pointer is there at the function's entry only (aarch64's x8 of a result in memory).
	Entry bool

	Err error // the place is not known: wraps ErrUnknown
}

// ErrUnknown: no convention that is known here says where the value is.
var ErrUnknown = errors.New("place not known")

func unknown(format string, args ...any) Value {
	return Value{Err: fmt.Errorf("%w: %s", ErrUnknown, fmt.Sprintf(format, args...))}
}

// maxParts is how many scalars a type may have, nested ones counted, before we stop to look; maxDepth how deep.
const (
	maxParts = 4096
	maxDepth = 64
)

// Locate tells where the parameters are at the function's first instruction, before it has run, and where
// the results are at the instruction that returns. One Value for each, in order.
func Locate(f *Func) (params, results []Value) {
	params, results = make([]Value, len(f.Params)), make([]Value, len(f.Results))
	a := newAssigner(f)
	for i, t := range append(append([]*Type(nil), f.Params...), f.Results...) {
		if err := check(t, f, 0, new(int)); err != nil && a != nil {
			a = refuser{unknown("type %d: %v", i, err)}
		}
	}
	if a == nil {
		a = refuser{unknown("no convention for %v", f.Machine)}
	}
	a.assign(params, results)
	return params, results
}

// An assigner is a convention.
type assigner interface{ assign(params, results []Value) }

type refuser struct{ v Value }

func (r refuser) assign(params, results []Value) {
	for i := range params {
		params[i] = r.v
	}
	for i := range results {
		results[i] = r.v
	}
}

func newAssigner(f *Func) assigner {
	switch f.Convention {
	case Go, Go0:
		return newGo(f)
	case Rust:
		return refuser{unknown("Rust's own convention is not specified")}
	}
	if len(f.Results) > 1 {
		return refuser{unknown("%d results", len(f.Results))}
	}
	switch {
	case f.Machine == elf.EM_X86_64 && f.Class == elf.ELFCLASS64 && f.Convention == C:
		return &sysv{f: f}
	case f.Machine == elf.EM_386:
		return &i386{f: f}
	case f.Machine == elf.EM_AARCH64 && f.Class == elf.ELFCLASS64 && !f.Big && f.Convention == C:
		return &aapcs64{f: f}
	}
	return nil
}

// check refuses types that make no sense, or too much work.
func check(t *Type, f *Func, depth int, parts *int) error {
	if *parts++; depth > maxDepth || *parts > maxParts {
		return errors.New("too large a type")
	}
	if t == nil || t.Size < 0 || t.Size > 1<<40 || t.Align < 0 || t.Align&(t.Align-1) != 0 {
		return errors.New("a type without a sound size")
	}
	switch t.Kind {
	case Int, Pointer, Float, X87:
		if t.Size > 16 || t.Size == 0 {
			return fmt.Errorf("a scalar of %d bytes", t.Size)
		}
	case Complex, Vector, Array:
		n := t.Len
		if t.Kind == Complex {
			n = 2
		}
		if t.Elem == nil || n < 0 || n > 1<<40 || n > 0 && t.Elem.Size*n != t.Size {
			return errors.New("elements that do not fill the type")
		}
		return check(t.Elem, f, depth+1, parts)
	case Struct, Union:
		for _, m := range t.Fields {
			if m.Type == nil || m.Offset < 0 || m.BitSize == 0 && (m.Offset > t.Size || m.Type.Size > t.Size-m.Offset) ||
				m.BitOff < 0 || m.BitSize < 0 || m.BitSize > 128 || m.BitOff > t.Size*8-m.BitSize {
				return errors.New("a member outside its structure")
			}
			if err := check(m.Type, f, depth+1, parts); err != nil {
				return err
			}
		}
	}
	return nil
}

// align is the type's alignment.
func (t *Type) align() int64 {
	if t.Align > 0 {
		return t.Align
	}
	switch t.Kind {
	case Complex, Array:
		return t.Elem.align()
	case Struct, Union:
		a := int64(1)
		for _, m := range t.Fields {
			a = max(a, m.Type.align())
		}
		return a
	}
	return max(1, t.Size&-t.Size)
}

func (t *Type) aggregate() bool { return t.Kind == Struct || t.Kind == Union || t.Kind == Array }

func up(n, align int64) int64 { return (n + align - 1) / align * align }

// A leaf is a scalar within a type.
type leaf struct {
	t   *Type
	off int64
	bit int64 // of a bit-field: its size
	pos int64 // and first bit
}

// leaves calls f for each scalar of t until it returns false; false also if there are too many. Vectors are
// scalars, complex numbers two.
func leaves(t *Type, off int64, budget *int, f func(leaf) bool) bool {
	if *budget--; *budget < 0 {
		return false
	}
	switch t.Kind {
	case Struct, Union:
		for _, m := range t.Fields {
			if m.BitSize > 0 {
				if !f(leaf{m.Type, 0, m.BitSize, off*8 + m.BitOff}) {
					return false
				}
			} else if !leaves(m.Type, off+m.Offset, budget, f) {
				return false
			}
		}
		return true
	case Array, Complex:
		n := t.Len
		if t.Kind == Complex {
			n = 2
		}
		for i := range n {
			if !leaves(t.Elem, off+i*t.Elem.Size, budget, f) {
				return false
			}
		}
		return true
	case Void:
		return true
	}
	return f(leaf{t: t, off: off})
}

func (f *Func) reg(name string) operand.Reg {
	r, _ := operand.LookupReg(f.Machine, f.Class, name)
	return r
}

func (f *Func) inReg(name string, off, size int64) Place {
	return Place{operand.Operand{Kind: operand.Register, Reg: f.reg(name)}, off, size}
}

func (f *Func) inMem(base string, disp, off, size int64) Place {
	return Place{operand.Operand{Kind: operand.Memory, Base: f.reg(base), Disp: disp}, off, size}
}

// word is the size of a pointer.
func (f *Func) word() int64 {
	if f.Class == elf.ELFCLASS32 {
		return 4
	}
	return 8
}
