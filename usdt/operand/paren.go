package operand

import "strings"

// ppc reads
//
//	i5  i-1            a constant (sys/sdt.h's "%I" puts the i)
//	29  r29  %r29      a register
//	8(29)  8(%r29)     memory
//	9,10               memory at r9+r10
//	sym+8@toc@l(9)     memory at sym+8
//	sym                see bareSymbol
func (p *parser) ppc(a *Arg) {
	o := &a.Operand
	if ppcConstant(p.s[p.pos:]) {
		p.pos++
		p.constant(a, p.expr(1))
		return
	}
	start := p.pos
	if p.ppcReg(&o.Reg) {
		switch p.peek() {
		default:
			o.Kind = Register
			return
		case ',':
			p.pos++
			p.blanks()
			o.Kind, o.Scale = Memory, 1
			o.Base, o.Reg = o.Reg, Reg{}
			zeroBase(&o.Base)
			p.addressReg(&o.Base)
			if !p.ppcReg(&o.Index) {
				p.fail("no such register for an index")
			}
			p.addressReg(&o.Index)
			return
		case '(':
			p.pos, o.Reg = start, Reg{}
		}
	}
	var v value
	if p.peek() != '(' {
		p.sum(&v)
	}
	if p.failed() {
		return
	}
	if p.peek() != '(' {
		if v.sym == "" {
			p.pos = start
			p.fail("no such register")
			return
		}
		p.bareSymbol(a, v)
		return
	}
	p.pos++
	p.blanks()
	o.Kind = Memory
	if !p.ppcReg(&o.Base) {
		p.fail("no such register for a base")
	}
	zeroBase(&o.Base)
	p.addressReg(&o.Base)
	if !p.eat(')') {
		p.fail("no closing parenthesis")
	}
	// "@l" alone and "@toc@l" are the low part of the symbol's address, the
	// base has the rest. In "@got@l" or "@tprel@l" it is that of something else.
	if name, ok := strings.CutSuffix(v.sym, "@l"); ok {
		name = strings.TrimSuffix(name, "@toc")
		if name != "" && !strings.Contains(name, "@") {
			v.sym, v.low = name, "@l"
		}
	}
	p.address(o, v)
}

// ppcConstant tells whether s begins with the mark of a constant.
func ppcConstant(s string) bool {
	return len(s) > 1 && s[0] == 'i' && (s[1]-'0' <= 9 || s[1] == '-' || s[1] == '(' || s[1] == '~')
}

// ppcReg takes "9", "r9" or "%r9".
func (p *parser) ppcReg(r *Reg) bool {
	start := p.pos
	if p.peek() == '%' {
		p.pos++
	}
	ok := p.tryReg(r)
	if !ok {
		p.pos = start
	}
	return ok
}

// zeroBase makes register 0 the number 0, as the machine does in an address.
func zeroBase(r *Reg) {
	if r.class == regGPR && r.num == 0 {
		r.class = regZero
	}
}

// s390 reads
//
//	5                               a constant
//	%r2  %f0                        a register
//	8(%r3)  (%r3)  8(%r1,%r3)       memory, the index first
//	sym@GOTENT  sym                 see bareSymbol
func (p *parser) s390(a *Arg) {
	o := &a.Operand
	if p.peek() == '%' {
		o.Kind = Register
		p.sigilReg(&o.Reg, '%')
		return
	}
	if !p.displaced(a, '%') {
		return
	}
	p.pos++
	p.blanks()
	p.s390Base(&o.Base)
	if p.eat(',') {
		p.blanks()
		o.Index, o.Scale = o.Base, 1
		o.Base = Reg{}
		p.s390Base(&o.Base)
	}
	if !p.eat(')') {
		p.fail("no closing parenthesis")
	}
}

func (p *parser) s390Base(r *Reg) {
	p.sigilReg(r, '%')
	zeroBase(r)
	p.addressReg(r)
}

// riscv reads
//
//	5                                        a constant
//	a0  s1  x5  fa0                          a register
//	8(s0)  (a0)                              memory
//	%lo(sym+8)(a5)                           memory, at sym+8
//	%tprel_lo(sym)(a5)  %pcrel_lo(.L0)(a5)   memory; the operator stays
//	sym                                      see bareSymbol
func (p *parser) riscv(a *Arg) {
	o := &a.Operand
	if p.tryReg(&o.Reg) {
		o.Kind = Register
		return
	}
	if !p.displaced(a, 0) {
		return
	}
	p.pos++
	p.blanks()
	if !p.tryReg(&o.Base) {
		p.fail("no such register for a base")
	}
	p.addressReg(&o.Base)
	if !p.eat(')') {
		p.fail("no closing parenthesis")
	}
}

// mips reads
//
//	5                                        a constant
//	$4  $fp  $f0                             a register
//	16($fp)  $4($5)                          memory; the latter is index($base)
//	%lo(sym)($2)                             memory, at sym
//	%got_ofst(sym)($2)  %tprel_lo(sym)($2)   memory; the operator stays
//	sym  $.str.1                             see bareSymbol
func (p *parser) mips(a *Arg) {
	o := &a.Operand
	if p.peek() == '$' && !mipsLocal(p.s[p.pos+1:]) {
		p.sigilReg(&o.Reg, '$')
		if p.peek() != '(' {
			o.Kind = Register
			return
		}
		o.Kind, o.Index, o.Reg, o.Scale = Memory, o.Reg, Reg{}, 1
		p.addressReg(&o.Index)
	} else if !p.displaced(a, '$') {
		return
	}
	p.pos++
	p.blanks()
	p.sigilReg(&o.Base, '$')
	p.addressReg(&o.Base)
	if !p.eat(')') {
		p.fail("no closing parenthesis")
	}
}

// mipsLocal tells whether what follows a $ is a local symbol of the 32-bit
// ABI, which has "$" where others have ".L": "$L5", "$.str.1", "$tmp3".
func mipsLocal(s string) bool {
	return s != "" && (s[0] == '.' || s[0]-'A' < 26 || strings.HasPrefix(s, "tmp"))
}

// loongarch reads
//
//	5                                        a constant
//	$r12  $a0  $fp  $f0                      a register
//	$r12,8  $r12,$r13                        memory
//	$r12,%pc_lo12(sym)                       memory, at sym
//	[$r12]  [$r12,8]                         memory, as BCC has it; no compiler's
//	sym                                      see bareSymbol
func (p *parser) loongarch(a *Arg) {
	o := &a.Operand
	bracket := p.peek() == '['
	if bracket {
		p.pos++
		p.blanks()
	}
	if !bracket && p.peek() != '$' {
		p.displaced(a, '$')
		if a.Kind == Memory && p.peek() == '(' {
			p.fail("no parentheses on this machine")
		}
		return
	}
	p.sigilReg(&o.Reg, '$')
	comma := p.eat(',')
	if !bracket && !comma {
		o.Kind = Register
		return
	}
	o.Kind = Memory
	o.Base, o.Reg = o.Reg, Reg{}
	p.addressReg(&o.Base)
	if comma {
		p.blanks()
		if p.peek() == '$' {
			p.sigilReg(&o.Index, '$')
			p.addressReg(&o.Index)
			o.Scale = 1
		} else {
			var v value
			p.sum(&v)
			p.address(o, v)
		}
	}
	if bracket && !p.eat(']') {
		p.fail("no closing bracket")
	}
}

// sigilReg reads a register behind its sigil.
func (p *parser) sigilReg(r *Reg, sigil byte) {
	if p.peek() != sigil {
		p.fail("a register was expected")
		return
	}
	p.pos++
	if !p.tryReg(r) {
		p.fail("no such register")
	}
}

// displaced reads a displacement and stops before the parenthesis of a base:
// then it returns true, a.Kind is Memory and the displacement in its place.
// Where there is no such parenthesis it is the whole operand: a constant or a
// symbol.
func (p *parser) displaced(a *Arg, sigil byte) bool {
	var v value
	if p.peek() != '(' || !p.baseAhead(sigil) {
		p.sum(&v)
	}
	switch {
	case p.failed():
		return false
	case p.peek() == '(':
		a.Kind = Memory
		p.address(&a.Operand, v)
		return true
	}
	if v.sym != "" && v.low == "" && v.sym[0] != '%' {
		p.bareSymbol(a, v)
	} else {
		p.constant(a, v)
	}
	return false
}

// baseAhead tells whether the parenthesis at p.pos holds a register.
func (p *parser) baseAhead(sigil byte) bool {
	at := p.pos
	defer func() { p.pos = at }()
	p.pos++
	p.blanks()
	if sigil != 0 {
		return p.peek() == sigil
	}
	var r Reg
	return p.tryReg(&r)
}
