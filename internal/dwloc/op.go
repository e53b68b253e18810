package dwloc

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/probels/probels/internal/leb128"
	"github.com/probels/probels/internal/wire"
)

// ErrFormat: the bytes break the format's rules.
var ErrFormat = errors.New("damaged location")

// An Error tells what is wrong with an expression or a list, and where. It wraps ErrFormat.
type Error struct {
	Off    uint64 // in the expression, or the section
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("location+0x%x: %s", e.Off, e.Reason) }

// Unwrap returns ErrFormat.
func (e *Error) Unwrap() error { return ErrFormat }

func damaged(off int, format string, args ...any) error {
	return &Error{uint64(off), fmt.Sprintf(format, args...)}
}

// An Encoding is how a unit writes numbers.
type Encoding struct {
	Big      bool // most significant byte first
	Is64     bool // 64-bit DWARF: references have 8 bytes
	AddrSize int  // 4 or 8
	Version  int  // the unit's
}

func (e Encoding) layout() wire.Layout { return wire.Layout{Big: e.Big, Is64: e.Is64} }

// An Opcode is a DW_OP.
type Opcode uint8

// String is the opcode's name, as "DW_OP_fbreg".
func (c Opcode) String() string {
	switch {
	case c >= opLit0 && c < opLit0+32:
		return "DW_OP_lit" + strconv.Itoa(int(c-opLit0))
	case c >= opReg0 && c < opReg0+32:
		return "DW_OP_reg" + strconv.Itoa(int(c-opReg0))
	case c >= opBreg0 && c < opBreg0+32:
		return "DW_OP_breg" + strconv.Itoa(int(c-opBreg0))
	case table[c].name != "":
		return "DW_OP_" + table[c].name
	}
	return fmt.Sprintf("DW_OP_0x%x", uint8(c))
}

// args is how the operands are written.
func (c Opcode) args() [2]arg {
	if c >= opBreg0 && c < opBreg0+32 {
		return [2]arg{sleb}
	}
	return table[c].args
}

// An Op is one operation of an expression.
type Op struct {
	Code  Opcode
	Off   int    // in the expression
	A, B  uint64 // the operands; signed ones as two's complement
	Block []byte // the operand that is bytes, or an expression; part of the expression's bytes
}

// String is the operation as readelf and its like write it, but for registers' names.
func (o Op) String() string {
	s := o.Code.String()
	args := o.Code.args()
	for i, v := range [...]uint64{o.A, o.B} {
		switch args[i] {
		case none, block1, block:
		case s1, s2, s4, s8, sleb:
			s += " " + strconv.FormatInt(int64(v), 10)
		case addr, ref, die:
			s += " 0x" + strconv.FormatUint(v, 16)
		default:
			s += " " + strconv.FormatUint(v, 10)
		}
	}
	if o.Block != nil {
		s += fmt.Sprintf(" [%x]", o.Block)
	}
	return s
}

// arg is how an operand is written.
type arg uint8

const (
	none arg = iota
	u1
	s1
	u2
	s2
	u4
	s4
	u8
	s8
	uleb
	sleb
	addr
	ref    // to a DIE in .debug_info: as wide as an offset, in version 2 as an address
	die    // in this unit, ULEB128
	block1 // bytes, their count in one
	block  // bytes, their count in ULEB128
)

const (
	opAddr             = 0x03
	opDeref            = 0x06
	opConst1u          = 0x08
	opConst8s          = 0x0f
	opConstu           = 0x10
	opConsts           = 0x11
	opDup              = 0x12
	opDrop             = 0x13
	opOver             = 0x14
	opPick             = 0x15
	opSwap             = 0x16
	opRot              = 0x17
	opAbs              = 0x19
	opAnd              = 0x1a
	opDiv              = 0x1b
	opMinus            = 0x1c
	opMod              = 0x1d
	opMul              = 0x1e
	opNeg              = 0x1f
	opNot              = 0x20
	opOr               = 0x21
	opPlus             = 0x22
	opPlusUconst       = 0x23
	opShl              = 0x24
	opShr              = 0x25
	opShra             = 0x26
	opXor              = 0x27
	opBra              = 0x28
	opEq               = 0x29
	opGe               = 0x2a
	opGt               = 0x2b
	opLe               = 0x2c
	opLt               = 0x2d
	opNe               = 0x2e
	opSkip             = 0x2f
	opLit0             = 0x30
	opReg0             = 0x50
	opBreg0            = 0x70
	opRegx             = 0x90
	opFbreg            = 0x91
	opBregx            = 0x92
	opPiece            = 0x93
	opDerefSize        = 0x94
	opNop              = 0x96
	opPushObject       = 0x97
	opFormTLS          = 0x9b
	opCallFrameCFA     = 0x9c
	opBitPiece         = 0x9d
	opImplicitValue    = 0x9e
	opStackValue       = 0x9f
	opImplicitPointer  = 0xa0
	opAddrx            = 0xa1
	opConstx           = 0xa2
	opEntryValue       = 0xa3
	opConstType        = 0xa4
	opRegvalType       = 0xa5
	opDerefType        = 0xa6
	opConvert          = 0xa8
	opReinterpret      = 0xa9
	opGNUPushTLS       = 0xe0
	opGNUUninit        = 0xf0
	opGNUImplicitPtr   = 0xf2
	opGNUEntryValue    = 0xf3
	opGNUConstType     = 0xf4
	opGNURegvalType    = 0xf5
	opGNUDerefType     = 0xf6
	opGNUConvert       = 0xf7
	opGNUReinterpret   = 0xf9
	opGNUParameterRef  = 0xfa
	opGNUAddrIndex     = 0xfb
	opGNUConstIndex    = 0xfc
	opGNUVariableValue = 0xfd
)

// table has a name for each operation that is known, but for the three families of 32.
var table = [256]struct {
	name string
	args [2]arg
}{
	opAddr: {"addr", [2]arg{addr}}, opDeref: {name: "deref"},
	opConst1u: {"const1u", [2]arg{u1}}, 0x09: {"const1s", [2]arg{s1}}, 0x0a: {"const2u", [2]arg{u2}}, 0x0b: {"const2s", [2]arg{s2}},
	0x0c: {"const4u", [2]arg{u4}}, 0x0d: {"const4s", [2]arg{s4}}, 0x0e: {"const8u", [2]arg{u8}}, opConst8s: {"const8s", [2]arg{s8}},
	opConstu: {"constu", [2]arg{uleb}}, opConsts: {"consts", [2]arg{sleb}},
	opDup: {name: "dup"}, opDrop: {name: "drop"}, opOver: {name: "over"}, opPick: {"pick", [2]arg{u1}}, opSwap: {name: "swap"}, opRot: {name: "rot"},
	0x18: {name: "xderef"}, opAbs: {name: "abs"}, opAnd: {name: "and"}, opDiv: {name: "div"}, opMinus: {name: "minus"}, opMod: {name: "mod"},
	opMul: {name: "mul"}, opNeg: {name: "neg"}, opNot: {name: "not"}, opOr: {name: "or"}, opPlus: {name: "plus"}, opPlusUconst: {"plus_uconst", [2]arg{uleb}},
	opShl: {name: "shl"}, opShr: {name: "shr"}, opShra: {name: "shra"}, opXor: {name: "xor"},
	opBra: {"bra", [2]arg{s2}}, opEq: {name: "eq"}, opGe: {name: "ge"}, opGt: {name: "gt"}, opLe: {name: "le"}, opLt: {name: "lt"}, opNe: {name: "ne"},
	opSkip: {"skip", [2]arg{s2}},
	opRegx: {"regx", [2]arg{uleb}}, opFbreg: {"fbreg", [2]arg{sleb}}, opBregx: {"bregx", [2]arg{uleb, sleb}}, opPiece: {"piece", [2]arg{uleb}},
	opDerefSize: {"deref_size", [2]arg{u1}}, 0x95: {"xderef_size", [2]arg{u1}}, opNop: {name: "nop"}, opPushObject: {name: "push_object_address"},
	0x98: {"call2", [2]arg{u2}}, 0x99: {"call4", [2]arg{u4}}, 0x9a: {"call_ref", [2]arg{ref}}, opFormTLS: {name: "form_tls_address"},
	opCallFrameCFA: {name: "call_frame_cfa"}, opBitPiece: {"bit_piece", [2]arg{uleb, uleb}}, opImplicitValue: {"implicit_value", [2]arg{block}},
	opStackValue: {name: "stack_value"}, opImplicitPointer: {"implicit_pointer", [2]arg{ref, sleb}}, opAddrx: {"addrx", [2]arg{uleb}},
	opConstx: {"constx", [2]arg{uleb}}, opEntryValue: {"entry_value", [2]arg{block}}, opConstType: {"const_type", [2]arg{die, block1}},
	opRegvalType: {"regval_type", [2]arg{uleb, die}}, opDerefType: {"deref_type", [2]arg{u1, die}}, 0xa7: {"xderef_type", [2]arg{u1, die}},
	opConvert: {"convert", [2]arg{die}}, opReinterpret: {"reinterpret", [2]arg{die}},
	opGNUPushTLS: {name: "GNU_push_tls_address"}, opGNUUninit: {name: "GNU_uninit"}, opGNUImplicitPtr: {"GNU_implicit_pointer", [2]arg{ref, sleb}},
	opGNUEntryValue: {"GNU_entry_value", [2]arg{block}}, opGNUConstType: {"GNU_const_type", [2]arg{die, block1}},
	opGNURegvalType: {"GNU_regval_type", [2]arg{uleb, die}}, opGNUDerefType: {"GNU_deref_type", [2]arg{u1, die}},
	opGNUConvert: {"GNU_convert", [2]arg{die}}, opGNUReinterpret: {"GNU_reinterpret", [2]arg{die}}, opGNUParameterRef: {"GNU_parameter_ref", [2]arg{u4}},
	opGNUAddrIndex: {"GNU_addr_index", [2]arg{uleb}}, opGNUConstIndex: {"GNU_const_index", [2]arg{uleb}}, opGNUVariableValue: {"GNU_variable_value", [2]arg{ref}},
}

// Decode takes an expression apart. Together with an error come the operations before it: an opcode that
// is unknown has operands of unknown length.
func Decode(expr []byte, e Encoding) ([]Op, error) {
	if len(expr) == 0 {
		return nil, nil
	}
	ops := make([]Op, 0, 4)
	for pos := 0; pos < len(expr); {
		op, n, err := decode(expr, pos, e)
		if err != nil {
			return ops, err
		}
		ops = append(ops, op)
		pos += n
	}
	return ops, nil
}

func decode(expr []byte, pos int, e Encoding) (op Op, size int, err error) {
	op = Op{Code: Opcode(expr[pos]), Off: pos}
	b := expr[pos+1:]
	if c := op.Code; table[c].name == "" && (c < opLit0 || c >= opRegx) {
		return op, 0, damaged(pos, "unknown operation 0x%x", uint8(c))
	}
	args := op.Code.args()
	for i, v := range [...]*uint64{&op.A, &op.B} {
		if args[i] == none {
			break
		}
		n, ok := op.operand(v, args[i], b, e)
		if !ok {
			return op, 0, damaged(pos, "no room for the operands of %v", op.Code)
		}
		b = b[n:]
	}
	return op, len(expr) - pos - len(b), nil
}

// operand reads one operand at the beginning of b.
func (o *Op) operand(v *uint64, a arg, b []byte, e Encoding) (size int, ok bool) {
	l := e.layout()
	switch a {
	case u1, s1, block1:
		size = 1
	case u2, s2:
		size = 2
	case u4, s4:
		size = 4
	case u8, s8:
		size = 8
	case addr:
		size = e.AddrSize
	case ref:
		if size = l.WordSize(); e.Version == 2 {
			size = e.AddrSize
		}
	case sleb:
		x, n := leb128.Int(b)
		*v = uint64(x)
		return n, n > 0
	default:
		*v, size = leb128.Uint(b)
		if size == 0 {
			return 0, false
		}
	}
	if len(b) < size {
		return 0, false
	}
	if a < uleb || a == addr || a == ref || a == block1 {
		if *v, ok = number(b, size, l); !ok {
			return 0, false
		}
	}
	switch a {
	case s1:
		*v = uint64(int8(*v))
	case s2:
		*v = uint64(int16(*v))
	case s4:
		*v = uint64(int32(*v))
	case block, block1:
		if *v > uint64(len(b)-size) {
			return 0, false
		}
		o.Block = b[size:][:*v:*v]
		size += int(*v)
	}
	return size, true
}

// number reads a number of 1, 2, 4 or 8 bytes.
func number(b []byte, size int, l wire.Layout) (uint64, bool) {
	switch size {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(l.U16(b)), true
	case 4:
		return uint64(l.U32(b)), true
	case 8:
		return l.U64(b), true
	}
	return 0, false
}
