package dwloc

import (
	"debug/elf"
	"fmt"
)

// A Context is what an expression's meaning depends on. Fields that are not known may be left out: what needs
// them is then told in their terms (CFABase, FrameBase) or is Complex.
type Context struct {
	Encoding
	Machine elf.Machine
	Class   elf.Class

	// FrameBase is the function's DW_AT_frame_base at the address in question.
	FrameBase []byte

	// HasCFA: the frame's canonical address, the stack pointer's value in the caller, is at that address
	// what the register with DWARF's number CFAReg holds, plus CFAOffset.
	HasCFA    bool
	CFAReg    uint64
	CFAOffset int64

	// AtEntry: the address is the function's first instruction, so that a register still holds what it held
	// at the entry.
	AtEntry bool

	// Addrx is entry n of the unit's part of .debug_addr; see AddrTable.
	Addrx func(n uint64) (uint64, error)
}

const (
	maxSteps = 1000 // operations run, where an expression has jumps
	maxStack = 64
	maxText  = 400 // bytes of a formula
	maxNest  = 4   // expressions in expressions
)

// Reduce runs an expression. What is damaged gives an error; what is not, but goes beyond a Loc's terms, is
// Complex. Of a version 2 to 5 unit an empty expression is a value that was optimised out.
func Reduce(expr []byte, c *Context) (Loc, error) { return reduce(expr, c, 0) }

func reduce(expr []byte, c *Context, nest int) (Loc, error) {
	l := Loc{machine: c.Machine, class: c.Class}
	if len(expr) == 0 {
		return l, nil
	}
	ops, err := Decode(expr, c.Encoding)
	if err != nil {
		return l, err
	}
	if nest > maxNest {
		return l, damaged(0, "expressions in expressions, %d deep", nest)
	}
	r := reducer{c: c, ops: ops, nest: nest, size: len(expr)}
	if err := r.run(); err != nil {
		return Loc{machine: c.Machine, class: c.Class}, err
	}
	if r.complex {
		l.Kind, l.Ops = Complex, ops
		return l, nil
	}
	if len(r.pieces) > 0 {
		l.Kind, l.Pieces = Composite, r.pieces
		return l, nil
	}
	return r.take(), nil
}

// A reducer runs one expression on terms.
type reducer struct {
	c      *Context
	ops    []Op
	size   int // of the expression in bytes
	nest   int
	stack  []Term
	pieces []Piece

	// What a simple location said, that has no term.
	simple Loc
	have   bool

	value   bool // stack_value
	uninit  bool
	tls     bool
	complex bool

	typed      []byte // operand of the const_type on top
	typedAs    uint64
	typedDepth int
}

func (r *reducer) run() error {
	steps := 0
	for i := 0; i < len(r.ops) && !r.complex; steps++ {
		if steps == maxSteps {
			return damaged(r.ops[i].Off, "more than %d operations", maxSteps)
		}
		op := r.ops[i]
		if (r.have || r.value) && op.Code != opPiece && op.Code != opBitPiece && op.Code != opGNUUninit && op.Code != opNop {
			return damaged(op.Off, "%v behind what has to be the last", op.Code)
		}
		next := i + 1
		var err error
		switch {
		case op.Code == opSkip:
			next, err = r.jump(op)
		case op.Code == opBra:
			var t Term
			if t, err = r.pop(op); err == nil {
				if !t.isConst() {
					r.complex = true
				} else if t.Disp != 0 {
					next, err = r.jump(op)
				}
			}
		default:
			err = r.do(op)
		}
		if err != nil {
			return err
		}
		if len(r.stack) > maxStack {
			return damaged(op.Off, "more than %d values on the stack", maxStack)
		}
		i = next
	}
	if !r.complex && len(r.pieces) == 0 && !r.have && len(r.stack) == 0 && !r.value && len(r.ops) > 0 {
		for _, op := range r.ops {
			if op.Code != opNop && op.Code != opGNUUninit {
				return damaged(0, "nothing is left on the stack")
			}
		}
	}
	return nil
}

// jump is the operation that skip or bra goes on with.
func (r *reducer) jump(op Op) (int, error) {
	to := op.Off + 3 + int(int64(op.A))
	if to == r.size {
		return len(r.ops), nil
	}
	for i := range r.ops {
		if r.ops[i].Off == to {
			return i, nil
		}
	}
	return 0, damaged(op.Off, "a jump to %d, where no operation begins", to)
}

func (r *reducer) pop(op Op) (Term, error) {
	if len(r.stack) == 0 {
		return Term{}, damaged(op.Off, "%v of an empty stack", op.Code)
	}
	t := r.stack[len(r.stack)-1]
	r.stack = r.stack[:len(r.stack)-1]
	return t, nil
}

func (r *reducer) push(t Term) { r.stack = append(r.stack, t) }

// take makes a location of what has been computed, and clears it.
func (r *reducer) take() Loc {
	l := Loc{machine: r.c.Machine, class: r.c.Class, Uninit: r.uninit}
	switch {
	case r.have:
		l.Kind, l.Reg, l.Bytes, l.DIE, l.Offset = r.simple.Kind, r.simple.Reg, r.simple.Bytes, r.simple.DIE, r.simple.Offset
	case len(r.stack) > 0:
		l.Kind, l.Term = Memory, r.stack[len(r.stack)-1]
		switch {
		case r.value && l.Term.isConst():
			l.Kind = Constant
			if r.typed != nil && r.typedDepth == len(r.stack) {
				l.Type, l.Bytes = r.typedAs, r.typed
			}
		case r.value:
			l.Kind = Value
		}
		if l.Term.Base == OtherBase && l.Kind == Memory && len(l.Term.Steps) == 0 {
			l.Term.Expr = "*(" + l.Term.Expr + signed(l.Term.Disp) + ")"
			l.Kind, l.Term.Disp = Complex, 0
		}
		if l.Kind == Complex {
			l.Ops = r.ops
		}
	}
	r.stack, r.simple, r.have, r.value, r.uninit, r.typed = r.stack[:0], Loc{}, false, false, false, nil
	return l
}

// do runs an operation that is no jump.
func (r *reducer) do(op Op) error {
	switch o := op.Code; {
	case o >= opConst1u && o <= opConsts:
		r.push(Term{Disp: int64(op.A)})
	case o >= opLit0 && o < opLit0+32:
		r.push(Term{Disp: int64(o - opLit0)})
	case o == opAddr:
		r.push(Term{Base: AddrBase, Disp: int64(op.A)})
	case o == opAddrx || o == opGNUAddrIndex || o == opConstx || o == opGNUConstIndex:
		return r.indexed(op)
	case o >= opReg0 && o < opReg0+32:
		return r.only(op, Loc{Kind: Register, Reg: uint64(o - opReg0)})
	case o == opRegx:
		return r.only(op, Loc{Kind: Register, Reg: op.A})
	case o == opImplicitValue:
		return r.only(op, Loc{Kind: Bytes, Bytes: op.Block})
	case o == opImplicitPointer || o == opGNUImplicitPtr:
		return r.only(op, Loc{Kind: ImplicitPointer, DIE: op.A, Offset: int64(op.B)})
	case o >= opBreg0 && o < opBreg0+32:
		r.push(Term{Base: RegBase, Reg: uint64(o - opBreg0), Disp: int64(op.A)})
	case o == opBregx:
		r.push(Term{Base: RegBase, Reg: op.A, Disp: int64(op.B)})
	case o == opFbreg:
		return r.frame(op)
	case o == opCallFrameCFA:
		r.push(r.cfa())
	case o == opEntryValue || o == opGNUEntryValue:
		return r.entry(op)
	case o == opPiece:
		r.piece(op.A*8, 0, op.A > 1<<60)
	case o == opBitPiece:
		r.piece(op.A, op.B, false)
	case o == opStackValue:
		if len(r.stack) == 0 {
			return damaged(op.Off, "%v of an empty stack", op.Code)
		}
		r.value = true
	case o == opNop:
	case o == opGNUUninit:
		r.uninit = true
	case o == opPushObject:
		r.push(Term{Base: OtherBase, Expr: "object"})
	case o == opGNUParameterRef:
		r.push(Term{Base: OtherBase, Expr: fmt.Sprintf("parameter<0x%x>", op.A)})
	case o == opGNUVariableValue:
		r.push(Term{Base: OtherBase, Expr: fmt.Sprintf("value<0x%x>", op.A)})
	case o == opConstType || o == opGNUConstType:
		r.constType(op)
	case o == opRegvalType || o == opGNURegvalType:
		r.push(Term{Base: RegBase, Reg: op.A, Steps: []Step{{Type: op.B, Bits: true}}})
	case o >= opDup && o <= opRot:
		return r.shuffle(op)
	case o == opDeref, o == opDerefSize, o == opDerefType, o == opGNUDerefType, o == opConvert, o == opGNUConvert, o == opReinterpret, o == opGNUReinterpret,
		o == opFormTLS, o == opGNUPushTLS:
		return r.step(op)
	case o == opPlusUconst:
		t, err := r.pop(op)
		if err != nil {
			return err
		}
		t.add(int64(op.A))
		r.push(t)
	case o == opAbs, o == opNeg, o == opNot:
		return r.unary(op)
	case o >= opAnd && o <= opNe:
		return r.binary(op)
	default: // calls of other DIEs' locations, other address spaces
		r.complex = true
	}
	return nil
}

// only keeps a location that is the whole expression, or a piece.
func (r *reducer) only(op Op, l Loc) error {
	if len(r.stack) > 0 {
		return damaged(op.Off, "%v with values on the stack", op.Code)
	}
	r.simple, r.have = l, true
	return nil
}

func (r *reducer) piece(bits, from uint64, tooBig bool) {
	if tooBig || len(r.pieces) == maxSteps {
		r.complex = true
		return
	}
	r.pieces = append(r.pieces, Piece{bits, from, r.take()})
}

func (r *reducer) indexed(op Op) error {
	isAddr := op.Code == opAddrx || op.Code == opGNUAddrIndex
	if r.c.Addrx == nil {
		r.push(Term{Base: OtherBase, Expr: fmt.Sprintf("addrx(%d)", op.A)})
		return nil
	}
	v, err := r.c.Addrx(op.A)
	if err != nil {
		return err
	}
	t := Term{Disp: int64(v)}
	if isAddr {
		t.Base = AddrBase
	}
	r.push(t)
	return nil
}

func (r *reducer) cfa() Term {
	if !r.c.HasCFA {
		return Term{Base: CFABase}
	}
	return Term{Base: RegBase, Reg: r.c.CFAReg, Disp: r.c.CFAOffset}
}

// frame pushes the frame base and a displacement.
func (r *reducer) frame(op Op) error {
	if r.c.FrameBase == nil {
		r.push(Term{Base: FrameBase, Disp: int64(op.A)})
		return nil
	}
	c := *r.c
	c.FrameBase = nil
	base, err := reduce(r.c.FrameBase, &c, r.nest+1)
	if err != nil {
		return fmt.Errorf("frame base: %w", err)
	}
	var t Term
	switch base.Kind {
	case Register:
		t = Term{Base: RegBase, Reg: base.Reg}
	case Memory, Value:
		t = base.Term
	default:
		t = Term{Base: FrameBase}
	}
	t.add(int64(op.A))
	r.push(t)
	return nil
}

// entry pushes what an expression had at the function's entry.
func (r *reducer) entry(op Op) error {
	c := *r.c
	c.FrameBase = nil
	inner, err := reduce(op.Block, &c, r.nest+1)
	if err != nil {
		return fmt.Errorf("entry value: %w", err)
	}
	switch t := inner.Term; {
	case inner.Kind == Register && r.c.AtEntry:
		r.push(Term{Base: RegBase, Reg: inner.Reg})
	case inner.Kind == Register:
		r.push(Term{Base: EntryBase, Reg: inner.Reg})
	case r.c.AtEntry && inner.Kind == Memory: // what the address is, says DWARF; GCC means what is there
		t.Steps = append(t.Steps[:len(t.Steps):len(t.Steps)], Step{Deref: r.c.AddrSize})
		r.push(t)
	default:
		r.formula("entry(" + inner.String() + ")")
	}
	return nil
}

func (r *reducer) formula(s string) {
	if len(s) > maxText {
		r.complex = true
		return
	}
	r.push(Term{Base: OtherBase, Expr: s})
}

// constType pushes a number with a type of its own, of which the bytes are kept: it may be a float.
func (r *reducer) constType(op Op) {
	t := Term{}
	if len(op.Block) <= 8 {
		var b [8]byte
		n := copy(b[:], op.Block)
		if r.c.Big {
			b = [8]byte{}
			copy(b[8-n:], op.Block)
		}
		t.Disp = int64(r.c.layout().U64(b[:]))
	} else {
		r.formula(fmt.Sprintf("{% x}", op.Block))
		return
	}
	r.push(t)
	r.typed, r.typedAs, r.typedDepth = op.Block, op.A, len(r.stack)
}
