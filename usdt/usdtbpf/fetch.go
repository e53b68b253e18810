package usdtbpf

import (
	"debug/elf"
	"math"

	"github.com/cilium/ebpf/asm"

	"github.com/probels/probels/usdt/operand"
)

func isX86(m elf.Machine) bool { return m == elf.EM_X86_64 || m == elf.EM_386 }

// Fetch makes the instructions that read an argument at the place. They expect the
// program's context in R6, leave the value, extended to 64 bits, in the 8 bytes at slot (a
// negative multiple of 8, from the frame pointer) and 0 in R0, or in R0 a negative
// error number and at slot 0. They use R0 to R5 and no stack but slot, and have no jumps, so
// that they can stand anywhere. The error is an *Error.
func (p *Place) Fetch(a operand.Arg, slot int16) (asm.Instructions, error) {
	pl, err := p.plan(&a)
	if err == nil {
		err = pl.number()
	}
	if err != nil {
		return nil, &Error{a, err}
	}
	c := code{p: p}
	switch pl.kind {
	case operand.Memory:
		c.address(pl)
		c.readUser(pl.size, a.Signed, slot)
	case operand.Register:
		c.load(asm.R1, pl.terms[0].off)
		if pl.shift != 0 {
			c.add(asm.RSh.Imm(asm.R1, int32(pl.shift)))
		}
		c.extend(asm.R1, pl.size, a.Signed)
		c.store(slot)
	default:
		c.number(pl)
		c.extend(asm.R1, pl.size, a.Signed)
		c.store(slot)
	}
	return c.out, nil
}

// Address makes the instructions that compute where an argument in memory is: for
// a structure, or a part of it. They are as those of Fetch, and never fail.
func (p *Place) Address(a operand.Arg, slot int16) (asm.Instructions, error) {
	pl, err := p.plan(&a)
	if err == nil && pl.kind != operand.Memory {
		err = errPlain
	}
	if err != nil {
		return nil, &Error{a, err}
	}
	c := code{p: p}
	c.address(pl)
	c.add(asm.Mov.Reg(asm.R1, asm.R3))
	c.store(slot)
	return c.out, nil
}

// A code is instructions being made.
type code struct {
	p   *Place
	out asm.Instructions
}

func (c *code) add(ins ...asm.Instruction) { c.out = append(c.out, ins...) }

// load reads a slot of struct pt_regs.
func (c *code) load(dst asm.Register, off int) {
	size := asm.DWord
	if c.p.kernelWord() == 4 {
		size = asm.Word
	}
	c.add(asm.LoadMem(dst, asm.R6, int16(off), size))
}

// addConst adds a number of 64 bits to R3, through R1.
func (c *code) addConst(n uint64) {
	switch v := int64(n); {
	case v == 0:
	case v >= math.MinInt32 && v <= math.MaxInt32:
		c.add(asm.Add.Imm(asm.R3, int32(v)))
	default:
		c.add(asm.LoadImm(asm.R1, v, asm.DWord), asm.Add.Reg(asm.R3, asm.R1))
	}
}

// number puts a constant into R1: of an address, what the program counter adds to it.
func (c *code) number(pl *plan) {
	if !pl.pc {
		c.add(asm.LoadImm(asm.R1, int64(pl.sum), asm.DWord))
		return
	}
	c.start(pl)
	c.wrap(pl)
	c.add(asm.Mov.Reg(asm.R1, asm.R3))
}

// start begins R3 with the number and the program counter.
func (c *code) start(pl *plan) {
	if !pl.pc {
		c.add(asm.LoadImm(asm.R3, int64(pl.sum), asm.DWord))
		return
	}
	off, _ := c.p.pcOffset()
	c.load(asm.R3, off)
	if c.p.addressBits() == 31 {
		c.mask(31) // the highest bit of a 31-bit PSW is the addressing mode
	}
	c.addConst(pl.sum)
}

// address puts the address of memory into R3.
func (c *code) address(pl *plan) {
	c.start(pl)
	for _, t := range pl.terms {
		c.load(asm.R2, t.off)
		c.index(t)
		if t.scale != 1 {
			c.add(asm.Mul.Imm(asm.R2, int32(t.scale)))
		}
		c.add(asm.Add.Reg(asm.R3, asm.R2))
	}
	c.wrap(pl)
}

// index does to R2 what the operand does to its index, a register of 32 bits.
func (c *code) index(t term) {
	by := int32(t.by)
	switch t.extend {
	case operand.NoExtend:
		return
	case operand.SignExtend, operand.ShiftRightSigned:
		c.extend(asm.R2, 4, true)
	default:
		c.extend(asm.R2, 4, false)
	}
	switch t.extend {
	case operand.ShiftRight:
		c.add(asm.RSh.Imm(asm.R2, by))
	case operand.ShiftRightSigned:
		c.add(asm.ArSh.Imm(asm.R2, by))
	case operand.RotateRight:
		c.add(
			asm.Mov.Reg(asm.R1, asm.R2), asm.RSh.Imm(asm.R1, by),
			asm.LSh.Imm(asm.R2, 32-by), asm.Or.Reg(asm.R2, asm.R1),
		)
		c.extend(asm.R2, 4, false)
	}
}

// wrap cuts the address in R3 to as many bits as the program's have.
func (c *code) wrap(pl *plan) {
	if pl.bits < 64 {
		c.mask(pl.bits)
	}
}

func (c *code) mask(bits int) {
	c.add(asm.LSh.Imm(asm.R3, int32(64-bits)), asm.RSh.Imm(asm.R3, int32(64-bits)))
}

// extend makes 64 bits of the lowest size bytes of a register.
func (c *code) extend(r asm.Register, size int, signed bool) {
	n := int32(64 - 8*size)
	if n == 0 {
		return
	}
	c.add(asm.LSh.Imm(r, n))
	if signed {
		c.add(asm.ArSh.Imm(r, n))
	} else {
		c.add(asm.RSh.Imm(r, n))
	}
}

// store puts R1 at slot, and success into R0.
func (c *code) store(slot int16) {
	c.add(asm.StoreMem(asm.RFP, slot, asm.R1, asm.DWord), asm.Mov.Imm(asm.R0, 0))
}

var sizes = map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}

// readUser reads a number at R3. Where it cannot, the kernel fills the buffer with
// zeros.
func (c *code) readUser(size int, signed bool, slot int16) {
	c.add(
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, int32(slot)),
		asm.Mov.Imm(asm.R2, int32(size)),
		asm.FnProbeReadUser.Call(),
	)
	if size == 8 {
		return
	}
	// A load of the value's own size is right in both byte orders.
	c.add(asm.LoadMem(asm.R1, asm.RFP, slot, sizes[size]))
	if signed {
		c.extend(asm.R1, size, true)
	}
	c.add(asm.StoreMem(asm.RFP, slot, asm.R1, asm.DWord))
}
