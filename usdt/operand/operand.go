package operand

import "debug/elf"

// Kind tells where an operand's value is.
type Kind uint8

const (
	Unparsed Kind = iota // the text could not be read; see Arg.Err
	Constant             // the value stands in the text: Value, or the address of Symbol
	Register             // the value is in Reg
	Memory               // the value is in memory, at Base + Index*Scale + Disp + Symbol
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Constant:
		return "constant"
	case Register:
		return "register"
	case Memory:
		return "memory"
	}
	return "unparsed"
}

// An Operand is one assembler operand, taken apart. Which fields hold
// something depends on Kind; the others are zero. It is the part that USDT
// arguments and DWARF locations share.
type Operand struct {
	Kind Kind

	// Reg holds the value of a Register operand.
	Reg Reg

	// Value is the number of a Constant as it was written, not reduced to the
	// argument's size. Where Unsigned is set, the number written is above
	// math.MaxInt64 and is uint64(Value). Of a floating-point argument it is
	// the bit pattern.
	Value    int64
	Unsigned bool

	// Base, Index, Scale and Disp make the address of a Memory operand, in
	// bytes. Base and Index are the zero Reg where the operand has none; Scale
	// is 0 without an index, and negative where the index is subtracted
	// (arm's "[r4, -r5]").
	Base, Index Reg
	Scale       int32
	Disp        int64

	// Extend tells what is done to the index before it is scaled: a narrow one
	// is widened (aarch64's "[x0, w1, sxtw 2]"), or it is shifted right by
	// ShiftBy bits, 1 to 32 (arm's "[r0, r1, lsr #8]").
	Extend  Extend
	ShiftBy uint8

	// Symbol is added to the address of a Memory operand, or is the value of a
	// Constant (then Disp is added to it). It has lost the assembler's
	// operators ":lo12:" and "%lo()", which only say how the address is split
	// over instructions, and keeps "@GOTPCREL" and its like, which change what
	// is meant. Of a version ("name@VER") nothing is cut.
	Symbol string

	// Direct is set where the address is Symbol + Disp alone, although the
	// operand names a Base: the base is the program counter ("sym(%rip)"), or
	// a register that already holds the high part of the symbol's address
	// ("[x0, #:lo12:sym]", "%lo(sym)(a5)", "sym@toc@l(9)"). Adding Base to it
	// would count the address twice.
	Direct bool

	// Segment is x86's "fs" or "gs" where the address is relative to it.
	Segment string

	machine elf.Machine // whose notation String uses
}

// Extend is what happens to an index register before it is scaled.
type Extend uint8

const (
	NoExtend         Extend = iota // the index is as wide as an address
	ZeroExtend                     // uxtw
	SignExtend                     // sxtw
	ShiftRight                     // lsr: shifted right by ShiftBy, zeros come in
	ShiftRightSigned               // asr: shifted right by ShiftBy, copies of the sign come in
	RotateRight                    // ror: rotated right by ShiftBy
)

// An Arg is one argument of a USDT probe.
type Arg struct {
	Text string // as the note has it, without blanks around it

	// Size in bytes of the value: 1, 2, 4 and 8 for numbers; a structure
	// passed by value has its own. 0 where it could not be read.
	Size   int
	Signed bool
	Float  bool

	// NoSize is set where the text has no "N@": Size is then the program's
	// word, unsigned, as SystemTap and GDB take it. (Where only the digits are
	// lost, see ParseArgs, Signed is what the text says.)
	NoSize bool

	Operand

	// Err is why the text could not be read: a *ParseError. Kind is then
	// Unparsed.
	Err error
}

// A Reg is a register as an operand names it. The zero Reg is no register.
type Reg struct {
	// Name is the assembler's, without "%" or "$": "rsp", "x19", "r2". Where
	// assemblers write bare numbers it is completed ("10" on ppc64 is "r10"),
	// and the stack pointer's number becomes its name (aarch64's x31 is "sp").
	Name string

	// Width in bytes of what the name covers, and Shift in bits of where that
	// begins in the whole register: "ah" is 1 and 8.
	Width, Shift uint8

	machine elf.Machine
	num     uint8 // in the machine's own numbering of its register file
	class   regClass
	narrow  bool // the program is of class 32
}
