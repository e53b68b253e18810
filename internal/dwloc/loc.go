package dwloc

import (
	"debug/elf"
	"fmt"
	"strconv"
	"strings"

	"github.com/probels/probels/usdt/operand"
)

// Kind tells how a value is had.
type Kind uint8

const (
	OptimizedOut    Kind = iota // there is none
	Constant                    // it is Term.Disp
	Bytes                       // it is Bytes, as memory would hold it
	Register                    // it is in register Reg
	Memory                      // it is in memory, at the address Term
	Value                       // it is the number Term, and nowhere in memory
	ImplicitPointer             // a pointer that was optimised out, to Offset bytes into the variable at DIE
	Composite                   // it is put together from Pieces
	Complex                     // more than can be told in these terms: Term.Expr, or else the operations themselves
)

// Base is what a Term begins with.
type Base uint8

const (
	NoBase    Base = iota // nothing: the number Disp
	RegBase               // what register Reg holds
	AddrBase              // Disp is a link-time address: static storage
	TLSBase               // the beginning of the object's thread-local storage
	EntryBase             // what register Reg held at the function's entry
	CFABase               // the frame's canonical address, which the caller of Reduce did not know
	FrameBase             // the function's frame base, which the caller of Reduce did not know
	OtherBase             // the formula Expr
)

// A Term is a number as a probe can compute it: Base + Disp, and then each step in turn.
type Term struct {
	Base  Base
	Reg   uint64 // DWARF's number
	Disp  int64
	Steps []Step
	Expr  string
}

// A Step goes on with a number: with what memory holds there, or with the number in another type. Then
// Disp is added.
type Step struct {
	Deref int    // bytes to read at the number, unsigned; 0: no read
	Type  uint64 // offset in the unit of the type's DIE that the number is read as or converted to; 0: none
	Bits  bool   // the type is that of the same bits, not of the same value
	Disp  int64
}

// A Piece is a part of a Composite, in the value's order of memory.
type Piece struct {
	Bits uint64 // how many of the value
	From uint64 // first bit of Loc's register or memory that they are in
	Loc  Loc
}

// A Loc is what an expression comes to.
type Loc struct {
	Kind   Kind
	Reg    uint64 // DWARF's number
	Term   Term
	Bytes  []byte
	Pieces []Piece
	DIE    uint64 // offset in .debug_info
	Offset int64
	Type   uint64 // of a Constant with a type of its own: offset in the unit; Bytes are then the value as it is written

	// Uninit: the variable is here, but not set yet (DW_OP_GNU_uninit).
	Uninit bool

	Ops []Op // of Complex

	machine elf.Machine
	class   elf.Class
}

// Operand is the location as an operand, of which a probe can read or compute the value; false if it takes more than
// that, or another. A link-time address is none (see Term.Base): where it is at run time depends
// on where the program was loaded.
func (l *Loc) Operand() (operand.Operand, bool) {
	t := &l.Term
	switch {
	case l.Kind == Constant && l.Type == 0:
		return operand.Operand{Kind: operand.Constant, Value: t.Disp}, true
	case l.Kind == Register:
		if r, ok := Reg(l.machine, l.class, l.Reg); ok {
			return operand.Operand{Kind: operand.Register, Reg: r}, true
		}
	case l.Kind == Memory && t.Base == RegBase && len(t.Steps) == 0, l.Kind == Value && t.Base == RegBase && l.isLoad():
		if r, ok := Reg(l.machine, l.class, t.Reg); ok {
			return operand.Operand{Kind: operand.Memory, Base: r, Disp: t.Disp}, true
		}
	case l.Kind == Value && t.Base == RegBase && t.Disp == 0 && len(t.Steps) == 0:
		if r, ok := Reg(l.machine, l.class, t.Reg); ok {
			return operand.Operand{Kind: operand.Register, Reg: r}, true
		}
	}
	return operand.Operand{}, false
}

// isLoad tells whether the term is a whole word's load and nothing behind it.
func (l *Loc) isLoad() bool {
	word := 8
	if l.class == elf.ELFCLASS32 {
		word = 4
	}
	s := l.Term.Steps
	return len(s) == 1 && s[0] == Step{Deref: word}
}

// String is the location as a person reads it, registers and memory as the machine's assembler writes
// them: "%rdi", "-20(%rbp)", "%rdi+8" of a computed value, "*(8(%rsp))+4", "entry(%rdi)", "0x4010",
// "tls+16", "%rax[0:8] %rdx[8:16]" of bytes in two registers, "optimized out".
func (l Loc) String() string {
	switch l.Kind {
	case OptimizedOut:
		return "optimized out"
	case Constant:
		if l.Type != 0 {
			return fmt.Sprintf("%d (type 0x%x)", l.Term.Disp, l.Type)
		}
		return strconv.FormatInt(l.Term.Disp, 10)
	case Bytes:
		return fmt.Sprintf("{% x}", l.Bytes)
	case Register:
		return l.reg(l.Reg)
	case Memory:
		if o, ok := l.Operand(); ok {
			return o.String()
		}
		if l.Term.Base == AddrBase && len(l.Term.Steps) == 0 || l.Term.Base == TLSBase {
			return l.term()
		}
		return "*(" + l.term() + ")"
	case Value:
		return l.term()
	case ImplicitPointer:
		return fmt.Sprintf("&<0x%x>%s", l.DIE, signed(l.Offset))
	case Composite:
		return l.pieces()
	}
	if l.Term.Expr != "" {
		return l.Term.Expr
	}
	var ops []string
	for _, o := range l.Ops {
		ops = append(ops, o.String())
	}
	return strings.Join(ops, "; ")
}

func (l *Loc) pieces() string {
	var b strings.Builder
	bit := uint64(0)
	for i, p := range l.Pieces {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.Loc.String())
		if end := bit + p.Bits; bit%8 == 0 && end%8 == 0 && p.From == 0 {
			fmt.Fprintf(&b, "[%d:%d]", bit/8, end/8)
		} else {
			fmt.Fprintf(&b, "[bits %d:%d from %d]", bit, end, p.From)
		}
		bit += p.Bits
	}
	return b.String()
}

func (l *Loc) reg(n uint64) string {
	if r, ok := Reg(l.machine, l.class, n); ok {
		return operand.Operand{Kind: operand.Register, Reg: r}.String()
	}
	return RegName(l.machine, l.class, n)
}

func (l *Loc) term() string { return l.Term.text(l.reg) }

// text is the term as a formula.
func (t *Term) text(reg func(uint64) string) string {
	var s string
	switch t.Base {
	case NoBase:
		s = strconv.FormatInt(t.Disp, 10)
	case AddrBase:
		s = "0x" + strconv.FormatUint(uint64(t.Disp), 16)
	case RegBase:
		s = reg(t.Reg) + signed(t.Disp)
	case EntryBase:
		s = "entry(" + reg(t.Reg) + ")" + signed(t.Disp)
	case TLSBase:
		s = "tls" + signed(t.Disp)
	case CFABase:
		s = "cfa" + signed(t.Disp)
	case FrameBase:
		s = "frame" + signed(t.Disp)
	case OtherBase:
		s = t.Expr + signed(t.Disp)
	}
	for _, p := range t.Steps {
		switch {
		case p.Deref != 0:
			s = "*" + strconv.Itoa(p.Deref) + "(" + s + ")"
			if p.Type != 0 {
				s = fmt.Sprintf("(type 0x%x)%s", p.Type, s)
			}
		case p.Bits:
			s = fmt.Sprintf("bits(type 0x%x, %s)", p.Type, s)
		case p.Type != 0:
			s = fmt.Sprintf("(type 0x%x)(%s)", p.Type, s)
		default:
			s = "(generic)(" + s + ")"
		}
		s += signed(p.Disp)
	}
	return s
}

func signed(d int64) string {
	if d == 0 {
		return ""
	}
	if d > 0 {
		return "+" + strconv.FormatInt(d, 10)
	}
	return strconv.FormatInt(d, 10)
}
