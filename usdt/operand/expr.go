package operand

import "math"

// A value is what an assembler expression comes to: a number, a symbol, or
// their sum.
type value struct {
	num      int64
	unsigned bool // num is above math.MaxInt64 and stands for uint64(num)
	float    bool // num is the bit pattern of a decimal fraction

	sym        string
	low        string // the operator sym stood in, if it takes the low part of its address
	start, end int    // where the whole of sym stands in the text, 0,0 if nowhere
}

// whole returns the symbol with the operator that low took off.
func (v *value) whole() string {
	switch {
	case v.low == "":
		return v.sym
	case v.low[0] == ':':
		return v.low + v.sym
	}
	return v.low + "(" + v.sym + ")"
}

// Operators, by precedence as gas and GDB have it: unlike C, + and - bind no
// tighter than comparisons and looser than & | ^, which bind looser than
// shifts.
type operator uint8

const (
	opNone operator = iota
	opOrOr
	opAndAnd
	opAdd
	opSub
	opEq
	opNe
	opLt
	opLe
	opGt
	opGe
	opOr
	opAnd
	opXor
	opMul
	opDiv
	opMod
	opShl
	opShr
)

func (op operator) precedence() int {
	switch {
	case op >= opMul:
		return 5
	case op >= opOr:
		return 4
	case op >= opAdd:
		return 3
	case op == opAndAnd:
		return 2
	}
	return 1
}

// binaryOp returns the operator at p.pos and its length.
func (p *parser) binaryOp() (operator, int) {
	var next byte
	if p.pos+1 < len(p.s) {
		next = p.s[p.pos+1]
	}
	switch p.peek() {
	case '+':
		return opAdd, 1
	case '-':
		return opSub, 1
	case '*':
		return opMul, 1
	case '/':
		return opDiv, 1
	case '%':
		return opMod, 1
	case '^':
		return opXor, 1
	case '|':
		if next == '|' {
			return opOrOr, 2
		}
		return opOr, 1
	case '&':
		if next == '&' {
			return opAndAnd, 2
		}
		return opAnd, 1
	case '=':
		if next == '=' {
			return opEq, 2
		}
	case '!':
		if next == '=' {
			return opNe, 2
		}
	case '<':
		switch next {
		case '<':
			return opShl, 2
		case '>':
			return opNe, 2
		case '=':
			return opLe, 2
		}
		return opLt, 1
	case '>':
		switch next {
		case '>':
			return opShr, 2
		case '=':
			return opGe, 2
		}
		return opGt, 1
	}
	return opNone, 0
}

// sum reads a whole expression. Nearly all are one short decimal number that
// ends the text or stands before a bracket, and take the way without detours.
func (p *parser) sum(v *value) {
	s, i := p.s, p.pos
	minus := i < len(s) && s[i] == '-'
	if minus {
		i++
	}
	n, digits := int64(0), i
	for i < len(s) && s[i]-'0' <= 9 {
		n = n*10 + int64(s[i]-'0')
		i++
	}
	if l := i - digits; l > 0 && l < 18 && (s[digits] != '0' || l == 1) &&
		(i == len(s) || s[i] == '(' || s[i] == ']') {
		if minus {
			n = -n
		}
		v.num, p.pos = n, i
		return
	}
	*v = p.suffixOperator(p.expr(1))
}

// expr reads an expression of operators of precedence min and above.
func (p *parser) expr(min int) value {
	l := p.unary()
	for !p.failed() {
		end := p.pos
		p.blanks()
		op, n := p.binaryOp()
		if op == opNone || op.precedence() < min {
			p.pos = end
			break
		}
		at := p.pos
		p.pos += n
		r := p.expr(op.precedence() + 1)
		if p.failed() {
			break
		}
		end = p.pos
		p.pos = at // where a failure to apply it belongs
		l = p.apply(op, l, r)
		p.pos = end
	}
	return l
}

// unary reads a number, a symbol, a parenthesised expression, or one of them
// behind signs.
func (p *parser) unary() value {
	p.blanks()
	ch := p.peek()
	if ch-'0' <= 9 {
		return p.number()
	}
	if p.depth == maxDepth {
		p.fail("nested too deeply")
		return value{}
	}
	p.depth++
	v := p.prefixed(ch)
	p.depth--
	return v
}

// prefixed is unary for anything but a number.
func (p *parser) prefixed(ch byte) value {
	switch {
	case ch == '-' || ch == '+' || ch == '~' || ch == '!':
		at := p.pos
		p.pos++
		v := p.unary()
		if p.failed() || ch == '+' {
			return v
		}
		end := p.pos
		p.pos = at
		v = p.applyUnary(ch, v)
		p.pos = end
		return v
	case ch == '(':
		p.pos++
		v := p.expr(1)
		if !p.failed() && !p.eat(')') {
			p.fail("no closing parenthesis")
		}
		v.start, v.end = 0, 0
		return v
	case ch == p.prefix && ch != 0:
		p.pos++
		if p.peek() == ch {
			p.fail("a second prefix")
		}
		p.marked = true
		return p.unary()
	}
	return p.symbol()
}

func (p *parser) applyUnary(op byte, v value) value {
	switch {
	case v.float && op == '-' && v.sym == "":
		v.num ^= math.MinInt64 // the sign bit
	case v.sym != "" || v.float:
		p.fail("only + and - take a symbol or a fraction")
	case op == '~':
		v.num, v.unsigned = ^v.num, false
	case op == '!':
		v.num, v.unsigned = truth(v.num == 0), false
	case v.unsigned:
		if v.num != math.MinInt64 {
			p.fail("number below 64 bits")
		}
		v.unsigned = false
	case v.num == math.MinInt64:
		p.fail("overflow")
	default:
		v.num = -v.num
	}
	return v
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// apply computes l op r. Comparisons give 1 or 0 as in GDB, the only reader of
// such arguments, and not gas's -1.
func (p *parser) apply(op operator, l, r value) value {
	if l.sym != "" || r.sym != "" {
		return p.applySymbol(op, l, r)
	}
	if l.float || r.float {
		p.fail("a fraction inside an expression")
		return l
	}
	if l.unsigned || r.unsigned {
		p.fail("a number above 63 bits inside an expression")
		return l
	}
	a, b := l.num, r.num
	var n int64
	overflow := false
	switch op {
	case opAdd:
		n = a + b
		overflow = (a^n)&(b^n) < 0
	case opSub:
		n = a - b
		overflow = (a^b)&(a^n) < 0
	case opMul:
		n = a * b
		overflow = a != 0 && (n/a != b || (a == -1 && b == math.MinInt64))
	case opDiv, opMod:
		if b == 0 {
			p.fail("division by zero")
			return l
		}
		if op == opMod {
			n = a % b
		} else {
			n = a / b
			overflow = a == math.MinInt64 && b == -1
		}
	case opShl, opShr:
		if b < 0 || b > 63 {
			p.fail("shift by fewer than 0 or more than 63 bits")
			return l
		}
		if op == opShl {
			n = a << b
		} else {
			n = a >> b
		}
	case opAnd:
		n = a & b
	case opOr:
		n = a | b
	case opXor:
		n = a ^ b
	case opEq:
		n = truth(a == b)
	case opNe:
		n = truth(a != b)
	case opLt:
		n = truth(a < b)
	case opLe:
		n = truth(a <= b)
	case opGt:
		n = truth(a > b)
	case opGe:
		n = truth(a >= b)
	case opAndAnd:
		n = truth(a != 0 && b != 0)
	case opOrOr:
		n = truth(a != 0 || b != 0)
	}
	if overflow {
		p.fail("overflow")
	}
	return value{num: n}
}

// applySymbol adds a number to a symbol, or takes it away: addresses, so
// modulo 2^64. The difference of two symbols, which is how 32-bit powerpc's
// PIC names a slot of its TOC (".LC0-.LCTOC1(30)"), stays one Symbol: nobody
// can take it apart without knowing both.
func (p *parser) applySymbol(op operator, l, r value) value {
	switch {
	case l.float || r.float:
	case op == opAdd && r.sym == "":
		l.num += r.num
		l.unsigned, l.start, l.end = false, 0, 0
		return l
	case op == opAdd && l.sym == "":
		r.num += l.num
		r.unsigned, r.start, r.end = false, 0, 0
		return r
	case op == opSub && r.sym == "":
		l.num -= r.num
		l.unsigned, l.start, l.end = false, 0, 0
		return l
	case op == opSub && l.end > 0 && l.end == p.pos && r.start == p.pos+1 && l.low == "" && r.low == "":
		return value{sym: p.s[l.start:r.end], start: l.start, end: r.end}
	}
	p.fail("an operator that a symbol cannot take")
	return l
}

// constant makes v the value of o.
func (p *parser) constant(a *Arg, v value) {
	o := &a.Operand
	o.Kind = Constant
	switch {
	case v.float:
		p.fraction(a, math.Float64frombits(uint64(v.num)))
	case v.sym == "":
		o.Value, o.Unsigned = v.num, v.unsigned
	case v.low != "":
		// Without a base it is the low part itself.
		o.Symbol, o.Disp = v.whole(), v.num
	default:
		o.Symbol, o.Disp = v.sym, v.num
	}
}

// address adds v to the address of o.
func (p *parser) address(o *Operand, v value) {
	if v.float || p.marked && p.prefix == '$' {
		p.fail("a constant where a displacement belongs")
	}
	o.Disp, o.Symbol = v.num, v.sym
	o.Direct = v.low != ""
}
