package usdtbpf

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/probels/probels/usdt/operand"
)

// MaxArgs is how many arguments a Spec has room for, as many as <sys/sdt.h> can give
// a probe.
const MaxArgs = 12

// argKind is what usdt.bpf.h calls enum __bpf_usdt_arg_type.
type argKind uint8

const (
	argConst argKind = iota // value
	argReg                  // the register at reg
	argDeref                // memory at that register + value
	argSIB                  // memory at that register + (the one at index << scale) + value
	argNone  argKind = 0xff // none of these: -EINVAL
)

// An argSpec is one argument in the terms of usdt.bpf.h.
type argSpec struct {
	kind       argKind
	signed     bool
	cut        uint8 // how many of 64 bits to cut
	scale      uint8 // log2
	reg, index int16
	value      uint64
}

// A Spec tells, as data, how to read the arguments of one site: what libbpf's
// usdt.bpf.h calls struct __bpf_usdt_spec.
type Spec struct {
	// Cookie is what bpf_usdt_cookie gives the program.
	Cookie uint64

	args  [MaxArgs]argSpec
	n     int
	order binary.ByteOrder
}

// The sizes of struct __bpf_usdt_spec, up to libbpf 1.6 and from 1.7 on, and of one
// argument in it.
const (
	oldSpecSize, oldArgSize = 208, 16
	specSize, argSize       = 304, 24
)

// Spec tells how to read the arguments of a site. Reading one that cannot be told
// gives the program -EINVAL; the errors, each an *Error, are joined, and the Spec
// stands for the others.
func (p *Place) Spec(args []operand.Arg) (Spec, error) {
	s := Spec{order: p.order()}
	var errs []error
	if len(args) > MaxArgs {
		errs = append(errs, fmt.Errorf("%d arguments, of which a Spec has the first %d", len(args), MaxArgs))
		args = args[:MaxArgs]
	}
	s.n = len(args)
	for i := range args {
		sp, err := p.argSpec(&args[i])
		if err != nil {
			sp = argSpec{kind: argNone}
			errs = append(errs, &Error{args[i], err})
		}
		s.args[i] = sp
	}
	return s, errors.Join(errs...)
}

func (p *Place) argSpec(a *operand.Arg) (argSpec, error) {
	pl, err := p.plan(a)
	if err == nil {
		err = pl.number()
	}
	if err != nil {
		return argSpec{}, err
	}
	sp := argSpec{signed: a.Signed, cut: uint8(64 - 8*pl.size), value: pl.sum}
	switch pl.kind {
	case operand.Constant:
		if pl.pc {
			return sp, fmt.Errorf("%w: an address as a value", ErrForm)
		}
		sp.kind = argConst
	case operand.Register:
		sp.kind = argReg
		off := pl.terms[0].off
		if pl.shift%8 != 0 || pl.shift != 0 && p.Order == elf.ELFDATA2MSB {
			return sp, fmt.Errorf("%w: part of a register", ErrForm)
		}
		sp.reg = int16(off + int(pl.shift/8)) // its bytes are read, not its number
	default:
		return p.memorySpec(sp, pl)
	}
	return sp, nil
}

// memorySpec fits an address to "register + (register << n) + number", where the
// program counter is as good a register as any.
func (p *Place) memorySpec(sp argSpec, pl *plan) (argSpec, error) {
	if pl.bits < 64 && p.addressBits() == 64 {
		return sp, fmt.Errorf("%w: an address of 32 bits", ErrForm)
	}
	var terms []term // the first unscaled
	if pl.pc {
		off, _ := p.pcOffset()
		terms = append(terms, term{off: off, scale: 1})
	}
	for _, t := range pl.terms {
		if t.extend != operand.NoExtend {
			return sp, fmt.Errorf("%w: a register that is extended or shifted", ErrForm)
		}
		if t.scale <= 0 || bits.OnesCount64(uint64(t.scale)) != 1 || t.scale > 1<<15 {
			return sp, fmt.Errorf("%w: an index times %d", ErrForm, t.scale)
		}
		if t.scale == 1 {
			terms = append([]term{t}, terms...)
		} else {
			terms = append(terms, t)
		}
	}
	if (len(terms) == 0 || terms[0].scale != 1) && p.Fixed {
		// An absolute address, in a program that is loaded where it was linked.
		off, ok := p.pcOffset()
		if !ok {
			return sp, errHost
		}
		sp.value -= uint64(p.Addr)
		terms = append([]term{{off: off, scale: 1}}, terms...)
	}
	if len(terms) == 0 || len(terms) > 2 || terms[0].scale != 1 {
		return sp, fmt.Errorf("%w: an address of %d registers", ErrForm, len(terms))
	}
	sp.kind, sp.reg = argDeref, int16(terms[0].off)
	if len(terms) == 2 {
		sp.kind, sp.index = argSIB, int16(terms[1].off)
		sp.scale = uint8(bits.TrailingZeros64(uint64(terms[1].scale)))
	}
	return sp, nil
}

// Marshal is the Spec as a value of size bytes in a map: 208, the layout of libbpf up to
// 1.6, or 304, from 1.7 on. An error says what the layout has no form for; the bytes
// stand for the rest. Of another size there are none.
func (s *Spec) Marshal(size int) ([]byte, error) {
	switch size {
	case specSize:
		return s.marshal(), nil
	case oldSpecSize:
		return s.marshalOld()
	}
	return nil, fmt.Errorf("a spec of %d bytes: usdt.bpf.h has %d or, since libbpf 1.7, %d", size, oldSpecSize, specSize)
}

func (s *Spec) big() bool { return s.order == binary.BigEndian }

func (s *Spec) marshal() []byte {
	b := make([]byte, specSize)
	kind, index := kindOffset(s.big())
	for i := range s.args[:s.n] {
		a, at := &s.args[i], b[i*argSize:]
		s.order.PutUint64(at, a.value)
		at[kind] = byte(a.kind)
		packed := uint16(a.index) | uint16(a.scale)<<12
		if s.big() {
			packed = uint16(a.index)<<4 | uint16(a.scale)
		}
		s.order.PutUint16(at[index:], packed)
		s.order.PutUint16(at[regOffset:], uint16(a.reg))
		at[signedOffset], at[cutOffset] = bool8(a.signed), a.cut
	}
	s.order.PutUint64(b[MaxArgs*argSize:], s.Cookie)
	s.order.PutUint16(b[countOffset:], uint16(s.n))
	return b
}

// Where the parts of an argument are, and the number of arguments in a spec, in the
// layout since libbpf 1.7.
const (
	regOffset    = 14
	signedOffset = 16
	cutOffset    = 17
	countOffset  = MaxArgs*argSize + 8
)

// kindOffset is where the bit-fields are, whose order goes with the bytes'.
func kindOffset(big bool) (kind, index int) {
	if big {
		return 12, 10
	}
	return 8, 10
}

func (s *Spec) marshalOld() ([]byte, error) {
	b := make([]byte, oldSpecSize)
	var errs []error
	for i := range s.args[:s.n] {
		a, at := &s.args[i], b[i*oldArgSize:]
		kind := a.kind
		if kind == argSIB {
			kind = argNone
			errs = append(errs, fmt.Errorf("argument %d: %w before 1.7: an index", i, ErrForm))
		}
		s.order.PutUint64(at, a.value)
		s.order.PutUint32(at[8:], uint32(kind))
		s.order.PutUint16(at[12:], uint16(a.reg))
		at[14], at[15] = bool8(a.signed), a.cut
	}
	s.order.PutUint64(b[MaxArgs*oldArgSize:], s.Cookie)
	s.order.PutUint16(b[MaxArgs*oldArgSize+8:], uint16(s.n))
	return b, errors.Join(errs...)
}

func bool8(b bool) byte {
	if b {
		return 1
	}
	return 0
}
