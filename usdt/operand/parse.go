package operand

import (
	"debug/elf"
	"errors"
	"strconv"
)

// Sentinels that a ParseError wraps.
var (
	// ErrMachine: the file's machine has no grammar here.
	ErrMachine = errors.New("no operand grammar for this machine")
	// ErrSyntax: the text is not an argument in the machine's grammar.
	ErrSyntax = errors.New("not an operand")
)

// A ParseError tells why an argument's text could not be read. It wraps
// ErrMachine or ErrSyntax.
type ParseError struct {
	Machine elf.Machine
	Text    string // the argument's
	Pos     int    // where in Text reading stopped, in bytes, 0 to len(Text)
	Reason  string
}

func (e *ParseError) Error() string {
	return "argument " + strconv.Quote(e.Text) + " (" + e.Machine.String() + "), byte " + strconv.Itoa(e.Pos) + ": " + e.Reason
}

// Unwrap returns ErrMachine or ErrSyntax.
func (e *ParseError) Unwrap() error {
	if !Supported(e.Machine) {
		return ErrMachine
	}
	return ErrSyntax
}

// Supported tells whether operands of m's programs can be read. Where it is
// false, every argument comes out Unparsed.
func Supported(m elf.Machine) bool {
	switch m {
	case elf.EM_X86_64, elf.EM_386, elf.EM_AARCH64, elf.EM_ARM, elf.EM_PPC64, elf.EM_PPC,
		elf.EM_S390, elf.EM_RISCV, elf.EM_MIPS, elf.EM_MIPS_RS3_LE, elf.EM_LOONGARCH:
		return true
	}
	return false
}

// ParseArgs reads the argument string of a probe in a file of machine m and
// class c: one Arg per argument, in order. An argument that cannot be read
// keeps its place and its Text and has Err set; the others stand. The empty
// string and ":" hold no arguments, nor does "-": so Debian's loongarch64
// ld.so reads, whose assembler wrote a NUL for the size behind the sign. Who
// has the note's bytes behind that NUL may pass them too ("-\x00@$r23"); such
// arguments have NoSize set. Time and result are linear in the text.
func ParseArgs(m elf.Machine, c elf.Class, spec string) []Arg {
	return AppendArgs(nil, m, c, spec)
}

// AppendArgs is ParseArgs that appends to dst. Where dst has room it
// allocates nothing, save for errors and for the few symbols whose text is
// not contiguous ("sym+8@toc@l").
func AppendArgs(dst []Arg, m elf.Machine, c elf.Class, spec string) []Arg {
	if noArgs(spec) {
		return dst
	}
	sp := splitter{s: spec}
	p := parser{m: m, c: c, size: word(m, c)}
	for {
		start, end, ok := sp.next()
		if !ok {
			return dst
		}
		if n := len(dst); n < cap(dst) {
			dst = dst[:n+1]
			dst[n] = Arg{}
		} else {
			dst = append(dst, Arg{})
		}
		p.parse(&dst[len(dst)-1], spec[start:end])
	}
}

// noArgs tells whether spec is one of the ways to say that there is nothing.
func noArgs(spec string) bool {
	i := 0
	for i < len(spec) && isBlank(spec[i]) {
		i++
	}
	return i == len(spec) || (spec[i] == ':' || spec[i] == '-') && onlyBlanks(spec[i+1:])
}

// ParseArg reads text as a single argument. Text with two arguments in it is
// in error.
func ParseArg(m elf.Machine, c elf.Class, text string) Arg {
	var a Arg
	for len(text) > 0 && isBlank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	p := parser{m: m, c: c, size: word(m, c)}
	p.parse(&a, text)
	return a
}

// A parser reads one argument. Its first failure stays; every method may be
// called after it and then does no harm.
type parser struct {
	m      elf.Machine
	c      elf.Class
	size   int // of an address, in bytes
	s      string
	pos    int
	depth  int    // of parentheses and unary operators that are open
	prefix byte   // '$' or '#' where one may stand before a number
	marked bool   // such a prefix was seen
	inside bool   // an operator's parentheses, where no name is a register's
	reason string // of the first failure; "" while there is none
	failAt int
}

// maxDepth bounds recursion. Compilers write no parentheses at all; GDB's own
// tests go four deep.
const maxDepth = 32

func (p *parser) fail(reason string) {
	if p.reason == "" {
		p.reason, p.failAt = reason, p.pos
	}
}

func (p *parser) failed() bool { return p.reason != "" }

func (p *parser) done() bool { return p.pos >= len(p.s) }

// peek returns the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

func (p *parser) blanks() {
	for p.pos < len(p.s) && isBlank(p.s[p.pos]) {
		p.pos++
	}
}

// eat takes ch, with blanks before it, if it comes next.
func (p *parser) eat(ch byte) bool {
	i := p.pos
	for i < len(p.s) && isBlank(p.s[i]) {
		i++
	}
	if i < len(p.s) && p.s[i] == ch {
		p.pos = i + 1
		return true
	}
	return false
}

// parse reads text into a, which is zero. p may have read others before.
func (p *parser) parse(a *Arg, text string) {
	a.Text = text
	p.s, p.pos, p.marked, p.reason = text, 0, false, ""
	n, size, signed, float := sizePrefix(text)
	if n > 0 {
		a.Size, a.Signed, a.Float = size, signed, float
		p.pos = n
	}
	if n == 0 || size == sizeLost {
		a.Size, a.NoSize = p.size, true
	}
	p.operand(a)
	if !p.failed() && !p.done() {
		p.fail("unexpected text after the operand")
	}
	if !p.failed() && !sizeFits(a) {
		a.Size = 0
		p.pos = 0
		p.fail("no value has this size")
	}
	if p.failed() {
		if a.Size < 1 || a.Size > maxSize {
			a.Size = 0
		}
		a.Operand = Operand{machine: p.m}
		p.depth, p.inside = 0, false
		a.Err = &ParseError{Machine: p.m, Text: text, Pos: p.failAt, Reason: p.reason}
	}
}

func (p *parser) operand(a *Arg) {
	o := &a.Operand
	o.machine = p.m
	if !Supported(p.m) {
		p.pos = 0
		p.fail(ErrMachine.Error())
		return
	}
	if p.done() {
		p.fail("no operand")
		return
	}
	switch p.m {
	case elf.EM_X86_64, elf.EM_386:
		p.x86(a)
	case elf.EM_AARCH64:
		p.aarch64(a)
	case elf.EM_ARM:
		p.arm(a)
	case elf.EM_PPC64, elf.EM_PPC:
		p.ppc(a)
	case elf.EM_S390:
		p.s390(a)
	case elf.EM_RISCV:
		p.riscv(a)
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		p.mips(a)
	case elf.EM_LOONGARCH:
		p.loongarch(a)
	}
	if a.Float && a.Kind == Constant && a.Symbol != "" {
		p.fail("a symbol's address is no floating-point number")
	}
}

const (
	maxSize  = 65535
	sizeLost = -1
)

// sizeFits tells whether a value of a.Size bytes can be where the operand
// says. Memory holds structures of any size; numbers and registers come in
// powers of two, and 24 and 32 for the tuples that are named by their first
// register.
func sizeFits(a *Arg) bool {
	if a.Kind == Memory {
		return a.Size >= 1 && a.Size <= maxSize
	}
	switch a.Size {
	case 1, 2, 4, 8, 16, 24, 32:
		return true
	case 64:
		return a.Kind == Register && a.Reg.Width == 64
	case 12:
		// i386's long double, whose register is the first of three.
		return a.Float && a.machine == elf.EM_386
	}
	return false
}

// word returns the size of the program's registers and addresses.
func word(m elf.Machine, c elf.Class) int {
	switch c {
	case elf.ELFCLASS32:
		return 4
	case elf.ELFCLASS64:
		return 8
	}
	switch m {
	case elf.EM_386, elf.EM_ARM, elf.EM_PPC:
		return 4
	}
	return 8
}
