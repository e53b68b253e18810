package operand

import (
	"debug/elf"
	"strings"
)

// symbol reads a symbol's name, with an operator around or behind it.
func (p *parser) symbol() value {
	start := p.pos
	ch := p.peek()
	switch {
	case ch == ':' && (p.m == elf.EM_AARCH64 || p.m == elf.EM_ARM):
		return p.colonOperator()
	case ch == '%' && (p.m == elf.EM_RISCV || isMIPS(p.m) || p.m == elf.EM_LOONGARCH):
		return p.percentOperator()
	}
	var name string
	if ch == '"' {
		name = p.quoted()
	} else {
		name = p.bareName()
	}
	if p.failed() {
		return value{}
	}
	quoted := ch == '"'
	nameEnd := p.pos
	for p.peek() == '@' {
		i := p.pos + 1
		for i < len(p.s) && (charClass[p.s[i]]&clSymbol != 0) {
			i++
		}
		if i == p.pos+1 && !(i < len(p.s) && p.s[i] == '@') {
			p.fail("nothing after @")
			return value{}
		}
		p.pos = i
	}
	if quoted && p.pos > nameEnd {
		return value{sym: name + p.s[nameEnd:p.pos]}
	}
	if quoted {
		return value{sym: name}
	}
	return value{sym: p.s[start:p.pos], start: start, end: p.pos}
}

// bareName reads a name as gas takes it without quotes.
func (p *parser) bareName() string {
	start, i := p.pos, p.pos
	if isMIPS(p.m) && strings.HasPrefix(p.s[i:], "$") && mipsLocal(p.s[i+1:]) {
		i++
	}
	if i >= len(p.s) || charClass[p.s[i]]&clSymStart == 0 {
		p.fail("not a register, number or symbol")
		return ""
	}
	for i < len(p.s) && charClass[p.s[i]]&clSymbol != 0 {
		i++
	}
	name := p.s[start:i]
	if !p.inside && looksLikeReg(p.m, p.c, name) {
		p.fail("no place for a register, or no such register")
		return ""
	}
	p.pos = i
	return name
}

// quoted reads a name in quotes, which gas allows for any bytes.
func (p *parser) quoted() string {
	i := p.pos + 1
	start, escaped := i, false
	for i < len(p.s) && p.s[i] != '"' {
		if p.s[i] == '\\' {
			escaped = true
			i++
		}
		i++
	}
	if i >= len(p.s) || i == start {
		p.fail("no closing quote, or nothing in quotes")
		return ""
	}
	name := p.s[start:i]
	p.pos = i + 1
	if escaped {
		b := make([]byte, 0, len(name))
		for j := 0; j < len(name); j++ {
			if name[j] == '\\' {
				j++
			}
			b = append(b, name[j])
		}
		name = string(b)
	}
	return name
}

// suffixOperator takes an operator that stands behind a sum, as clang prints
// it everywhere and gcc on powerpc: "sym+8@GOTOFF", "sym+8@toc@l".
func (p *parser) suffixOperator(v value) value {
	if p.peek() != '@' || v.sym == "" || v.end > 0 || v.low != "" {
		return v
	}
	start := p.pos
	for i := p.pos; ; i++ {
		if i == len(p.s) || charClass[p.s[i]]&clSymbol == 0 && p.s[i] != '@' {
			p.pos = i
			break
		}
	}
	if p.s[p.pos-1] == '@' {
		p.fail("nothing after @")
	}
	v.sym += p.s[start:p.pos]
	return v
}

// percentOperator reads riscv's, mips's and loongarch's "%lo(sym+8)". The
// operators that take the low part of an address go; every other stays around
// the symbol.
func (p *parser) percentOperator() value {
	start := p.pos
	p.pos++
	for p.pos < len(p.s) && charClass[p.s[p.pos]]&clSymbol != 0 && p.s[p.pos] != '$' {
		p.pos++
	}
	op := p.s[start:p.pos]
	if len(op) < 2 || p.peek() != '(' {
		p.fail("not an operator on a symbol")
		return value{}
	}
	p.pos++
	outside := p.inside
	p.inside = true
	v := p.expr(1)
	p.inside = outside
	if p.failed() {
		return v
	}
	if !p.eat(')') || v.sym == "" {
		p.fail("not an operator on a symbol")
		return v
	}
	inner := v.low != "" || strings.HasPrefix(v.sym, "%")
	switch op {
	case "%lo", "%pc_lo12", "%abs_lo12":
		if !inner {
			v.low, v.start, v.end = op, 0, 0
			return v
		}
	}
	if v.low != "" {
		p.fail("an operator inside an operator")
	}
	if v.num == 0 && v.end > 0 {
		return value{sym: p.s[start:p.pos], start: start, end: p.pos}
	}
	return value{sym: op + "(" + v.sym + ")", num: v.num}
}

// colonOperator reads aarch64's and arm's ":lo12:sym". What follows up to the
// end of the sum is its argument, so the offset needs no care.
func (p *parser) colonOperator() value {
	start := p.pos
	p.pos++
	for p.pos < len(p.s) && charClass[p.s[p.pos]]&clSymbol != 0 {
		p.pos++
	}
	op := p.s[start:p.pos]
	if len(op) < 2 || p.peek() != ':' {
		p.fail("not an operator on a symbol")
		return value{}
	}
	p.pos++
	name := p.pos
	if p.peek() == ':' {
		p.fail("an operator inside an operator")
		return value{}
	}
	p.inside = true
	v := p.symbol()
	p.inside = false
	switch {
	case p.failed():
	case op == ":lo12" && p.m == elf.EM_AARCH64:
		v.low, v.start, v.end = ":lo12:", 0, 0
	case v.end > 0:
		v.sym, v.start = p.s[start:v.end], start
	default:
		v.sym = p.s[start:name] + v.sym
	}
	return v
}
