package operand

import (
	"debug/elf"
	"strings"
)

// aarch64 reads
//
//	5  #5                                                a constant
//	x0  w3  sp  d0                                       a register
//	[x0]  [x0, 8]  [x0, x1, lsl 3]  [x0, w1, sxtw 2]     memory
//	[x0, #:lo12:sym+8]                                   memory, at sym+8
//	sym+8                                                see bareSymbol
func (p *parser) aarch64(a *Arg) { p.bracket(a) }

// arm reads
//
//	#5  5                                                a constant
//	r0  fp  s0                                           a register
//	[r0]  [r0, #8]  [r0, -r1, lsl #2]  [r0, r1, lsr #8]  memory
//	.L4+8                                                a literal pool, memory
//	#sym  sym+8                                          see bareSymbol
func (p *parser) arm(a *Arg) { p.bracket(a) }

func (p *parser) bracket(a *Arg) {
	o := &a.Operand
	p.prefix = '#'
	if p.peek() == '[' {
		p.pos++
		o.Kind = Memory
		p.bracketed(o)
		return
	}
	if p.tryReg(&o.Reg) {
		o.Kind = Register
		return
	}
	var v value
	p.sum(&v)
	if p.failed() {
		return
	}
	if v.sym != "" && !p.marked && v.low == "" && v.sym[0] != ':' {
		p.bareSymbol(a, v)
		return
	}
	p.constant(a, v)
}

// bracketed reads what is behind the opening bracket.
func (p *parser) bracketed(o *Operand) {
	p.blanks()
	if !p.tryReg(&o.Base) || o.Base.class == regZero {
		p.fail("no such register for a base")
		return
	}
	p.addressReg(&o.Base)
	if p.eat(',') {
		p.blanks()
		p.bracketedOffset(o)
	}
	if !p.eat(']') {
		p.fail("no closing bracket")
	}
}

func (p *parser) bracketedOffset(o *Operand) {
	at, minus := p.pos, false
	if p.m == elf.EM_ARM && (p.peek() == '-' || p.peek() == '+') {
		minus = p.peek() == '-'
		p.pos++
	}
	if p.tryReg(&o.Index) {
		p.addressReg(&o.Index)
		o.Scale = 1
		if p.eat(',') {
			p.blanks()
			p.shift(o)
		} else if p.m == elf.EM_AARCH64 && o.Index.Width == 4 {
			p.fail("a narrow index needs uxtw or sxtw")
		}
		if minus {
			o.Scale = -o.Scale
		}
		return
	}
	p.pos = at
	var v value
	p.sum(&v)
	if v.sym != "" && v.low == "" && v.sym[0] != ':' {
		p.fail("a symbol without an operator in brackets")
		return
	}
	p.address(o, v)
}

// shift reads "lsl 3", "sxtw #2", "uxtw", "lsr #8".
func (p *parser) shift(o *Operand) {
	start := p.pos
	for p.pos < len(p.s) && p.s[p.pos]-'a' < 26 {
		p.pos++
	}
	kind := p.s[start:p.pos]
	amount := int64(-1)
	if p.blanks(); p.peek() != ']' {
		var v value
		p.sum(&v)
		if v.sym != "" || v.float || v.num < 0 || v.num > 32 {
			p.fail("a shift by fewer than 0 or more than 32 bits")
			return
		}
		amount = v.num
	}
	arm64 := p.m == elf.EM_AARCH64
	narrow := arm64 && o.Index.Width == 4
	switch {
	case (kind == "lsl" && amount >= 0 || kind == "sxtx") && !narrow && (arm64 || kind == "lsl"):
	case kind == "uxtw" && narrow:
		o.Extend = ZeroExtend
	case kind == "sxtw" && narrow:
		o.Extend = SignExtend
	case !arm64 && amount > 0 && (kind == "lsr" || kind == "asr" || kind == "ror" && amount < 32):
		switch kind {
		case "lsr":
			o.Extend = ShiftRight
		case "asr":
			o.Extend = ShiftRightSigned
		default:
			o.Extend = RotateRight
		}
		o.ShiftBy = uint8(amount)
		return
	default:
		p.fail("no such shift of an index")
		return
	}
	switch {
	case arm64 && amount > 4, amount > 30:
		p.fail("an index shifted too far")
	case amount > 0:
		o.Scale = 1 << amount
	}
}

// tryReg takes a register's name if one comes next.
func (p *parser) tryReg(r *Reg) bool {
	i := p.pos
	for i < len(p.s) && charClass[p.s[i]]&clSymbol != 0 {
		i++
	}
	if i == p.pos || i-p.pos > maxRegName || (i < len(p.s) && p.s[i] == '@') {
		return false
	}
	ok := r.lookup(p.m, p.size, p.s[p.pos:i])
	if ok {
		p.pos = i
	}
	return ok
}

// bareSymbol decides what a symbol without any mark is, on the machines that
// mark neither constants nor addresses. Only the constraints "g" and "i" yield
// it, never sys/sdt.h's default: observed with gcc 12 and clang 14, it is then
// the symbol's address, in an unsigned argument as wide as an address;
// whatever else has another type is a variable in memory. Two machines differ.
// arm's gcc prints "#sym" for an address, and a bare label for its literal
// pool. s390's gcc prints both alike, so that an argument that could be either
// is not read.
func (p *parser) bareSymbol(a *Arg, v value) {
	pointer := !a.Signed && !a.Float && a.Size == p.size
	switch {
	case strings.Contains(v.sym, "@"), !pointer, p.m == elf.EM_ARM && poolLabel(v.sym):
		a.Kind = Memory
		p.address(&a.Operand, v)
	case p.m == elf.EM_S390:
		p.fail("a symbol's address or its content: the text does not tell")
	default:
		p.constant(a, v)
	}
}

// poolLabel tells whether name is gcc's for a literal pool: ".L5", ".LC2".
func poolLabel(name string) bool {
	rest, ok := strings.CutPrefix(name, ".L")
	if !ok {
		return false
	}
	rest = strings.TrimPrefix(rest, "C")
	return rest != "" && strings.Trim(rest, "0123456789") == ""
}
