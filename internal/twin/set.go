package twin

import "debug/elf"

// A Set is what is known of the functions of one file: enough to find them again
// in another build, and nothing else of it.
type Set struct {
	Machine elf.Machine
	Class   elf.Class

	Path    string // where it was read, for people
	BuildID string // hexadecimal; "" if it has none

	// Funcs by address, each address once.
	Funcs []Func

	// Data is how many different addresses outside of the code the functions
	// refer to; Ref.To of a RefData is below it.
	Data int

	// Tables are the words of data that hold a function's address.
	Tables []Entry

	// Partial is set where functions were left out: of a file of fingerprints that
	// was made for chosen names.
	Partial bool
}

// An Entry says that a word of data holds the address of a function.
type Entry struct {
	Data uint32 // the last address referred to at or before the word
	Off  uint32 // bytes from there
	Func uint32
}

// A Func is one function.
type Func struct {
	Addr uint64
	Size uint32 // bytes of its first part; what was moved away (".cold") is not looked at

	// Names that symbols give its address; none if nothing names it.
	Names []string

	Insns  uint32 // instructions, without those that do nothing
	Blocks uint32 // basic blocks
	Edges  uint32 // jumps between them, and falling through

	// Code hashes the instructions with registers and numbers, jumps as numbers
	// of blocks, and without what a linker decides. Full is Code with what the
	// instructions refer to, as far as that has a meaning of its own. Shape hashes
	// the kinds of instructions and the order of the blocks.
	Code, Full, Shape uint64

	// Peers is how many functions of the file have this Full, Code and Shape, up
	// to 255: of a Partial set, in which they are not to be counted.
	Peers [3]uint8

	Refs  []Ref
	Feats []uint64 // sorted: hashes of blocks and of runs of instructions

	Numbers []uint64 // sorted: hashes of the numbers in its code that are not small

	// Rows are hashes of the texts that stand beside the function's address in
	// tables, sorted.
	Rows []uint64

	// Bad is set where not all of it could be decoded: such a function is equal
	// to no other.
	Bad bool

	// First is set where what follows may be elsewhere in another file than what is
	// before, without the order within having changed: see Divide.
	First bool
}

// Divide says at which addresses an object file's code begins, in ascending order.
// A linker keeps the order in each, and puts those that a program needs into one of
// its own. Without it, all of a file counts as one.
func (s *Set) Divide(at []uint64) {
	for i := range s.Funcs {
		n := 0
		for n < len(at) && at[n] <= s.Funcs[i].Addr {
			n++
		}
		s.Funcs[i].First = n > 0
		at = at[n:]
	}
}

// RefKind says what an instruction refers to.
type RefKind uint8

const (
	RefOther  RefKind = iota // an address that nothing is known of
	RefString                // To is the hash of a text
	RefImport                // To is the hash of the name of another file's function or variable
	RefValue                 // To is the hash of a number in memory that is never written
	RefFunc                  // To is the index of a function
	RefData                  // To is the number of an address outside of the code
	RefPart                  // code that was moved away from its function
	refKinds
)

// A Ref is one reference, in the order of the code.
type Ref struct {
	Kind RefKind
	Call bool // a call or a jump, not the address taken
	Cond bool // a jump that may not be taken
	To   uint64
}

// Limits bound what one file may cost.
type Limits struct {
	Funcs uint32 // functions of one file; default 1<<20
	Code  uint64 // bytes of code decoded, default 1 GiB
	Size  uint64 // bytes of code of one function; beyond that it is Bad. Default 1 MiB.
}

func (l Limits) filled() Limits {
	if l.Funcs == 0 {
		l.Funcs = 1 << 20
	}
	if l.Code == 0 {
		l.Code = 1 << 30
	}
	if l.Size == 0 {
		l.Size = 1 << 20
	}
	return l
}
