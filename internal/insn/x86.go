package insn

const maxX86 = 15

// Prefixes are x86's legacy prefixes, a set.
type Prefixes uint16

const (
	PrefixOpSize   Prefixes = 1 << iota // 66
	PrefixAddrSize                      // 67
	PrefixRepne                         // f2
	PrefixRep                           // f3
	PrefixLock                          // f0
	PrefixES                            // 26
	PrefixCS                            // 2e
	PrefixSS                            // 36
	PrefixDS                            // 3e: notrack before an indirect branch
	PrefixFS                            // 64
	PrefixGS                            // 65
)

// An Encoding is how an x86 instruction says which opcode map it is of.
type Encoding uint8

const (
	Legacy Encoding = iota
	REX2
	VEX
	EVEX
	XOP
)

// X86 is what only x86 has.
type X86 struct {
	Prefixes Prefixes
	Encoding Encoding

	// Map is the opcode's: 0 (one byte), 1 (0f), 2 (0f 38), 3 (0f 3a), and
	// those that only VEX, EVEX (4 to 7) or XOP (8 to 10) have.
	Map    uint8
	Opcode byte

	REX      byte // of a REX prefix, 0 if there is none; bit 3 is W, also of the other encodings
	HasModRM bool
	ModRM    byte
	SIB      byte // if ModRM asks for one
	Disp     int32
	Imm      int64 // sign extended; the first of two
	Start    uint8 // bytes before the encoding prefix or opcode: those of the legacy prefixes and REX
}

// x86Cursor goes through the bytes of one instruction.
type x86Cursor struct {
	b   []byte
	n   int
	err error
}

func (c *x86Cursor) peek(k int) byte {
	if c.n+k < len(c.b) && c.n+k < maxX86 {
		return c.b[c.n+k]
	}
	if c.err == nil {
		c.err = ErrShort
		if c.n+k >= maxX86 {
			c.err = ErrUndefined
		}
	}
	return 0
}

func (c *x86Cursor) next() byte {
	v := c.peek(0)
	c.n++
	return v
}

// number reads a little-endian number of n bytes, sign extended.
func (c *x86Cursor) number(n int) int64 {
	var v uint64
	for i := range n {
		v |= uint64(c.next()) << (8 * i)
	}
	shift := uint(64 - 8*n)
	return int64(v<<shift) >> shift
}

func decodeX86(b []byte, addr uint64, wide bool) (Inst, error) {
	c := &x86Cursor{b: b}
	x := X86{}
	x.prefixes(c, wide)
	x.Start = uint8(min(c.n, maxX86))
	flags, err := x.opcode(c, wide)
	if c.err != nil {
		return Inst{}, c.err
	}
	if err != nil {
		return Inst{}, err
	}
	if flags&opModRM != 0 {
		if err := x.modRM(c, wide); err != nil {
			return Inst{}, err
		}
	}
	flags = x.refine(flags)
	if flags&opBad != 0 && c.err == nil {
		return Inst{}, ErrUndefined
	}
	immediate, second, err := x.immediate(flags, wide)
	if err != nil {
		return Inst{}, err
	}
	if immediate > 0 {
		x.Imm = c.number(immediate)
	}
	c.number(second)
	if c.err != nil {
		return Inst{}, c.err
	}
	i := Inst{Len: uint8(c.n), Reg: -1, X86: x}
	i.flow(addr, wide)
	return i, nil
}

func (x *X86) prefixes(c *x86Cursor, wide bool) {
	for c.err == nil {
		var p Prefixes
		switch c.peek(0) {
		case 0x66:
			p = PrefixOpSize
		case 0x67:
			p = PrefixAddrSize
		case 0xf2:
			p = PrefixRepne
		case 0xf3:
			p = PrefixRep
		case 0xf0:
			p = PrefixLock
		case 0x26:
			p = PrefixES
		case 0x2e:
			p = PrefixCS
		case 0x36:
			p = PrefixSS
		case 0x3e:
			p = PrefixDS
		case 0x64:
			p = PrefixFS
		case 0x65:
			p = PrefixGS
		default:
			if !wide || c.peek(0)&0xf0 != 0x40 {
				return
			}
			x.REX = c.next() // counts only if nothing but the opcode follows
			continue
		}
		x.Prefixes |= p
		x.REX = 0
		c.next()
	}
}

// opcode reads what says the map, and the opcode; it returns what follows it.
func (x *X86) opcode(c *x86Cursor, wide bool) (uint8, error) {
	first := c.peek(0)
	switch {
	case first == 0x62 && (wide || c.peek(1) >= 0xc0):
		c.next()
		p0, p1 := c.next(), c.next()
		c.next()
		x.Encoding, x.Map, x.Opcode = EVEX, p0&7, c.next()
		return x.vector(p1)
	case first == 0xc5 && (wide || c.peek(1) >= 0xc0):
		c.next()
		p1 := c.next()
		x.Encoding, x.Map, x.Opcode = VEX, 1, c.next()
		return x.vector(p1 & 0x7f)
	case first == 0xc4 && (wide || c.peek(1) >= 0xc0):
		c.next()
		p0, p1 := c.next(), c.next()
		x.Encoding, x.Map, x.Opcode = VEX, p0&31, c.next()
		return x.vector(p1)
	case first == 0x8f && c.peek(1)&31 >= 8: // else pop, whose ModRM has 0 there
		c.next()
		p0, p1 := c.next(), c.next()
		x.Encoding, x.Map, x.Opcode = XOP, p0&31, c.next()
		return x.vector(p1)
	case first == 0xd5 && wide:
		c.next()
		payload := c.next()
		if x.REX != 0 {
			return 0, ErrUndefined
		}
		x.Encoding, x.REX, x.Map, x.Opcode = REX2, payload&0x0f|0x40, payload>>7, c.next()
		return x.rex2()
	}
	x.Opcode = c.next()
	flags := x86Map0[x.Opcode]
	if x.Opcode == 0x0f {
		x.Map, x.Opcode = 1, c.next()
		flags = x86Map1[x.Opcode]
		switch x.Opcode {
		case 0x38:
			x.Map, x.Opcode = 2, c.next()
			flags = opModRM | badUnless(legacyMap2.has(x.Opcode))
		case 0x3a:
			x.Map, x.Opcode = 3, c.next()
			flags = opModRM | opIb | badUnless(legacyMap3.has(x.Opcode))
		}
	}
	if flags&opNo64 != 0 && wide {
		flags |= opBad
	}
	if flags&opBad != 0 {
		return 0, ErrUndefined
	}
	return flags, nil
}

// rex2 is what follows an opcode behind a REX2 prefix. Rows 4, 7, a and e of map
// 0, and 3 and 8 of map 1, are reserved, but for a1, which is jmpabs there.
func (x *X86) rex2() (uint8, error) {
	row := x.Opcode >> 4
	switch {
	case x.Map == 0 && x.Opcode == 0xa1:
		return opMoffs, nil
	case x.Map == 0 && (row == 4 || row == 7 || row == 0xa || row == 0xe),
		x.Map == 1 && (row == 3 || row == 8):
		return 0, ErrUndefined
	case x.Map == 0 && (x.Opcode == 0x0f || x.Opcode == 0x62 || x.Opcode == 0xc4 || x.Opcode == 0xc5 || x.Opcode == 0xd5):
		return 0, ErrUndefined
	}
	flags := x86Map0[x.Opcode]
	if x.Map == 1 {
		flags = x86Map1[x.Opcode]
	}
	if flags&(opBad|opNo64) != 0 {
		return 0, ErrUndefined
	}
	return flags, nil
}

// vector is what follows an opcode of the VEX, EVEX and XOP maps; p1 has W in bit 7
// and the implied prefix in the two lowest bits. Legacy prefixes that would change
// the opcode, and REX, may not precede them.
func (x *X86) vector(p1 byte) (uint8, error) {
	if x.REX != 0 || x.Prefixes&(PrefixOpSize|PrefixRepne|PrefixRep|PrefixLock) != 0 {
		return 0, ErrUndefined
	}
	x.REX = p1 >> 7 << 3
	sets := vectorMaps[x.Encoding]
	if int(x.Map) >= len(sets) || !sets[x.Map].has(x.Opcode) {
		return 0, ErrUndefined
	}
	switch x.Map {
	case 1:
		switch op := x.Opcode; {
		case op == 0x77 && x.Encoding == VEX:
			return 0, nil // vzeroupper, vzeroall
		case op >= 0x70 && op <= 0x73, op == 0xc2, op >= 0xc4 && op <= 0xc6:
			return opModRM | opIb, nil
		}
	case 3, 8:
		return opModRM | opIb, nil
	case 7, 10:
		return opModRM | opIz, nil
	case 4: // opcodes of map 0, some of map 1 and 2, with a new destination
		if p1&3 == 1 {
			x.Prefixes |= PrefixOpSize // of the immediate
		}
		switch x.Opcode {
		case 0x69, 0x81:
			return opModRM | opIz, nil
		case 0x24, 0x2c, 0x6b, 0x80, 0x83, 0xc0, 0xc1, 0xd4:
			return opModRM | opIb, nil
		}
	}
	return opModRM, nil
}

func (x *X86) modRM(c *x86Cursor, wide bool) error {
	x.HasModRM, x.ModRM = true, c.next()
	mod, rm := x.ModRM>>6, x.ModRM&7
	legacy := x.Encoding == Legacy || x.Encoding == REX2
	if mod == 3 || legacy && x.Map == 1 && x.Opcode >= 0x20 && x.Opcode <= 0x23 { // mov of control registers ignores mod
		return nil
	}
	if !wide && x.Prefixes&PrefixAddrSize != 0 { // 16-bit addresses have no SIB
		switch {
		case mod == 1:
			x.Disp = int32(c.number(1))
		case mod == 2 || rm == 6:
			x.Disp = int32(c.number(2))
		}
		return nil
	}
	base := rm
	if rm == 4 {
		x.SIB = c.next()
		base = x.SIB & 7
	}
	switch {
	case mod == 1:
		x.Disp = int32(c.number(1))
	case mod == 2 || base == 5:
		x.Disp = int32(c.number(4))
	}
	return nil
}

// refine settles what depends on ModRM or a prefix.
func (x *X86) refine(flags uint8) uint8 {
	reg, mod := x.ModRM>>3&7, x.ModRM>>6
	switch {
	case x.Encoding == EVEX && x.Map == 4:
		switch {
		case x.Opcode == 0xf6 && reg < 2:
			flags |= opIb
		case x.Opcode == 0xf7 && reg < 2:
			flags |= opIz
		}
	case x.Encoding != Legacy && x.Encoding != REX2:
	case x.Map == 0:
		switch x.Opcode {
		case 0xf6:
			if reg < 2 {
				flags |= opIb
			}
		case 0xf7:
			if reg < 2 {
				flags |= opIz
			}
		case 0xff:
			flags |= badUnless(reg != 7 && (mod != 3 || reg != 3 && reg != 5))
		case 0xfe:
			flags |= badUnless(reg < 2)
		case 0x8f:
			flags |= badUnless(reg == 0)
		case 0xc6, 0xc7:
			flags |= badUnless(reg == 0 || x.ModRM == 0xf8)
		case 0x8d, 0x62, 0xc4, 0xc5:
			flags |= badUnless(mod != 3)
		}
	case x.Map == 1:
		switch x.Opcode {
		case 0x78:
			if x.Prefixes&(PrefixOpSize|PrefixRepne) != 0 {
				flags |= opIw // extrq, insertq: two bytes
			}
		case 0xb8:
			flags |= badUnless(x.Prefixes&PrefixRep != 0)
		case 0xa6, 0xa7:
			flags |= badUnless(mod == 3)
		}
	}
	return flags
}

func badUnless(ok bool) uint8 {
	if ok {
		return 0
	}
	return opBad
}

// immediate is the number of bytes that follow, and of those of a second number.
func (x *X86) immediate(flags uint8, wide bool) (first, second int, err error) {
	size16 := x.Prefixes&PrefixOpSize != 0 && x.REX&8 == 0
	z := 4
	if size16 {
		z = 2
	}
	switch flags & (opIb | opIw | opIz | opIv | opMoffs) {
	case opIb:
		return 1, 0, nil
	case opIw:
		return 2, 0, nil
	case opIb | opIw:
		return 2, 1, nil
	case opIz | opIw:
		return z, 2, nil
	case opIz:
		if wide && size16 && x.nearBranch() {
			return 0, 0, ErrAmbiguous
		}
		return z, 0, nil
	case opIv:
		if x.REX&8 != 0 {
			return 8, 0, nil
		}
		return z, 0, nil
	case opMoffs:
		switch {
		case x.Encoding == REX2:
			return 8, 0, nil
		case wide == (x.Prefixes&PrefixAddrSize != 0): // 64-bit mode with 67, 32-bit mode without
			return 4, 0, nil
		case wide:
			return 8, 0, nil
		}
		return 2, 0, nil
	}
	return 0, 0, nil
}

// nearBranch reports whether it is a branch with a displacement of operand size.
func (x *X86) nearBranch() bool {
	return x.Encoding == Legacy && (x.Map == 0 && (x.Opcode == 0xe8 || x.Opcode == 0xe9 || x.Opcode == 0xc7 && x.ModRM == 0xf8) ||
		x.Map == 1 && x.Opcode>>4 == 8)
}

// flow says what the instruction does to the flow of control.
func (i *Inst) flow(addr uint64, wide bool) {
	x := &i.X86
	if x.Encoding != Legacy && x.Encoding != REX2 {
		return
	}
	reg := x.ModRM >> 3 & 7
	target := func(k Kind) {
		i.Kind, i.Target = k, addr+uint64(i.Len)+uint64(x.Imm)
		if !wide {
			i.Target &= 0xffffffff
			if x.Prefixes&PrefixOpSize != 0 {
				i.Target &= 0xffff
			}
		}
	}
	if x.Map == 1 {
		switch {
		case x.Opcode>>4 == 8:
			target(CondJump)
		case x.Opcode == 0x0b || x.Opcode == 0xb9 || x.Opcode == 0xff: // ud2, ud1, ud0
			i.Kind = Trap
		}
		return
	}
	if x.Map != 0 {
		return
	}
	switch op := x.Opcode; {
	case op == 0xc2 || op == 0xc3 || op == 0xca || op == 0xcb || op == 0xcf:
		i.Kind = Return
	case op>>4 == 7 || op >= 0xe0 && op <= 0xe3 || op == 0xc7 && x.ModRM == 0xf8:
		target(CondJump)
	case op == 0xe8:
		target(Call)
	case op == 0xe9 || op == 0xeb:
		target(Jump)
	case op == 0xa1 && x.Encoding == REX2:
		i.Kind, i.Target = Jump, uint64(x.Imm)
	case op == 0xf4:
		i.Kind = Trap
	case op == 0x9a || op == 0xff && (reg == 2 || reg == 3):
		i.Kind = IndirectCall
	case op == 0xea || op == 0xff && (reg == 4 || reg == 5):
		i.Kind = IndirectJump
		if op == 0xff && x.ModRM>>6 == 3 {
			i.Reg = int8(x.ModRM&7 | x.REX&1<<3)
		}
	}
}
