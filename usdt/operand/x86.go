package operand

import (
	"debug/elf"
	"strings"
)

// x86 reads an operand in AT&T notation, for x86-64, x32 and i386:
//
//	$5  $sym+4                      a constant: the $ makes it one
//	%eax  %st(0)                    a register
//	8(%rbp,%rcx,4)  (,%rcx,4)       memory
//	sym+8(%rip)  sym  4096  %fs:40  memory
func (p *parser) x86(a *Arg) {
	o := &a.Operand
	p.prefix = '$'
	if p.peek() == '%' {
		if name := p.x86Segment(); name != "" {
			o.Segment = name
		} else {
			o.Kind = Register
			p.x86Reg(&o.Reg)
			return
		}
	}
	var v value
	if p.peek() != '(' || !p.registerAhead() {
		p.sum(&v)
	}
	if p.failed() {
		return
	}
	switch {
	case p.peek() == '(':
		o.Kind = Memory
		p.address(o, v)
		p.x86Base(o)
	case p.marked && o.Segment != "":
		p.fail("a constant in a segment")
	case p.marked, o.Segment == "" && (v.float || strings.HasPrefix(v.sym, ".Ltmp")):
		// gcc leaves the $ out before a long double, and clang before the
		// address of a label, whose name no variable has.
		p.constant(a, v)
	default:
		// "eax" is what gcc -masm=intel prints, and no variable's name; the
		// shorter ones are ("si").
		if r, ok := LookupReg(p.m, p.c, v.sym); ok && r.Width >= 4 && r.class != regOther {
			p.fail("a register without %")
		}
		o.Kind = Memory
		p.address(o, v)
	}
}

// x86Segment takes "%fs:" or "%gs:".
func (p *parser) x86Segment() string {
	rest := p.s[p.pos:]
	if len(rest) < 4 || rest[2] != 's' || rest[3] != ':' || (rest[1] != 'f' && rest[1] != 'g') {
		return ""
	}
	p.pos += 4
	return rest[1:3]
}

// registerAhead tells whether the parenthesis at p.pos is that of an address.
func (p *parser) registerAhead() bool {
	i := p.pos + 1
	for i < len(p.s) && isBlank(p.s[i]) {
		i++
	}
	return i < len(p.s) && (p.s[i] == '%' || p.s[i] == ',')
}

// x86Base reads "(base,index,scale)".
func (p *parser) x86Base(o *Operand) {
	p.pos++
	p.blanks()
	if p.peek() == '%' {
		p.x86Reg(&o.Base)
		p.addressReg(&o.Base)
		if o.Base.class == regPC {
			o.Direct = o.Symbol != ""
		}
	}
	if p.eat(',') {
		p.blanks()
		p.x86Reg(&o.Index)
		p.addressReg(&o.Index)
		if o.Index.class == regPC {
			p.fail("the program counter as an index")
		}
		o.Scale = 1
		if p.eat(',') {
			p.blanks()
			o.Scale = p.x86Scale()
		}
	} else if o.Base.Name == "" {
		p.fail("neither base nor index")
	}
	if !p.eat(')') {
		p.fail("no closing parenthesis")
	}
}

// x86Scale reads 1, 2, 4 or 8. GDB's own test suite has a 0, which GDB takes
// as 1.
func (p *parser) x86Scale() int32 {
	at := p.pos
	ch := p.peek()
	p.pos++
	switch ch {
	case '1', '2', '4', '8':
		return int32(ch - '0')
	case '0':
		return 1
	}
	p.pos = at
	p.fail("a scale other than 1, 2, 4 and 8")
	return 0
}

// x86Reg reads "%name".
func (p *parser) x86Reg(r *Reg) {
	if p.peek() != '%' {
		p.fail("a register was expected")
		return
	}
	start := p.pos + 1
	i := start
	for i < len(p.s) && (p.s[i]-'0' <= 9 || p.s[i]-'a' < 26) {
		i++
	}
	if p.s[start:i] == "st" && i+2 < len(p.s) && p.s[i] == '(' && p.s[i+2] == ')' {
		i += 3
	}
	if !r.lookup(p.m, p.size, p.s[start:i]) {
		p.fail("no such register")
	}
	p.pos = i
}

// addressReg refuses a register that cannot hold part of an address.
func (p *parser) addressReg(r *Reg) {
	if r.class == regOther {
		p.fail("an address in such a register")
	}
}

// x86 numbers are the instruction encoding's: ax, cx, dx, bx, sp, bp, si, di,
// r8 to r31.
func x86Lookup(r *Reg, m elf.Machine, name string) {
	long := m == elf.EM_X86_64
	r.num = noReg
	switch len(name) {
	case 0, 1:
		return
	case 2:
		if r.num = x86Legacy(name[0], name[1]); r.num != noReg {
			r.Width = 2
			return
		}
		if name[1] == 'l' || name[1] == 'h' {
			if r.num = x86Legacy(name[0], 'x'); r.num != noReg {
				r.Width = 1
				if name[1] == 'h' {
					r.Shift = 8
				}
				return
			}
		}
	case 3:
		switch {
		case name[0] == 'r' && long:
			if name == "rip" {
				*r = Reg{Width: 8, class: regPC}
				return
			}
			r.num, r.Width = x86Legacy(name[1], name[2]), 8
		case name[0] == 'e':
			if name == "eip" {
				*r = Reg{Width: 4, class: regPC}
				return
			}
			r.num, r.Width = x86Legacy(name[1], name[2]), 4
		case name[2] == 'l' && long:
			if n := x86Legacy(name[0], name[1]); n != noReg && n >= 4 {
				r.num, r.Width = n, 1
			}
		}
		if r.num != noReg {
			return
		}
	}
	if name[0] == 'r' && long {
		rest, width := name[1:], uint8(8)
		switch rest[len(rest)-1] {
		case 'd':
			width = 4
		case 'w':
			width = 2
		case 'b', 'l':
			width = 1
		}
		if width != 8 {
			rest = rest[:len(rest)-1]
		}
		if n := regNumber(rest, 31); n != noReg && n >= 8 {
			r.num, r.Width = n, width
		}
		return
	}
	x86Vector(r, name, long)
}

func x86Vector(r *Reg, name string, long bool) {
	last := uint8(31)
	if !long {
		last = 7
	}
	r.num, r.class = noReg, regOther
	switch {
	case strings.HasPrefix(name, "xmm"):
		r.num, r.Width = regNumber(name[3:], last), 16
	case strings.HasPrefix(name, "ymm"):
		r.num, r.Width = regNumber(name[3:], last), 32
	case strings.HasPrefix(name, "zmm"):
		r.num, r.Width = regNumber(name[3:], last), 64
	case strings.HasPrefix(name, "mm"):
		r.num, r.Width = regNumber(name[2:], 7), 8
	case name[0] == 'k':
		r.num, r.Width = regNumber(name[1:], 7), 8
	case name == "st":
		r.num, r.Width = 0, 10
	case len(name) == 5 && name[:3] == "st(" && name[4] == ')':
		r.num, r.Width = regNumber(name[3:4], 7), 10
	}
}

// x86Legacy returns the number of "ax" and its seven fellows.
func x86Legacy(a, b byte) uint8 {
	switch uint16(a)<<8 | uint16(b) {
	case 'a'<<8 | 'x':
		return 0
	case 'c'<<8 | 'x':
		return 1
	case 'd'<<8 | 'x':
		return 2
	case 'b'<<8 | 'x':
		return 3
	case 's'<<8 | 'p':
		return 4
	case 'b'<<8 | 'p':
		return 5
	case 's'<<8 | 'i':
		return 6
	case 'd'<<8 | 'i':
		return 7
	}
	return noReg
}
