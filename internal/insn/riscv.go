package insn

// riscv decodes an instruction of the base sets and of C. The RISC-V Instruction
// Set Manual, volume I, 1.5 "Base Instruction-Length Encoding", 2.5 and 26.
func riscv(b []byte, addr uint64, wide bool) (Inst, error) {
	if len(b) < 2 {
		return Inst{}, ErrShort
	}
	h := get16(b, false)
	i := Inst{Len: 2, Reg: -1}
	if h&3 != 3 {
		i.compressed(h, addr, wide)
		return i, nil
	}
	switch {
	case h&0x1c != 0x1c:
		i.Len = 4
	case h&0x3f == 0x1f:
		i.Len = 6
	case h&0x7f == 0x3f:
		i.Len = 8
	default:
		return Inst{}, ErrUndefined
	}
	if len(b) < int(i.Len) {
		return Inst{}, ErrShort
	}
	if i.Len > 4 {
		return i, nil
	}
	w := get32(b, false)
	rd, rs1 := w>>7&31, int8(w>>15&31)
	switch w & 0x7f {
	case 0x63:
		i.Kind = CondJump
		i.Target = addr + signed(w>>31<<12|w>>7&1<<11|w>>25&0x3f<<5|w>>8&15<<1, 13)
	case 0x6f: // jal
		i.Kind = callIf(rd != 0, Jump, Call)
		i.Target = addr + signed(w>>31<<20|w>>12&0xff<<12|w>>20&1<<11|w>>21&0x3ff<<1, 21)
	case 0x67: // jalr
		i.register(rd, rs1)
		if i.Kind == Return && w>>20 != 0 {
			i.Kind, i.Reg = IndirectJump, rs1
		}
	}
	return i, nil
}

func callIf(call bool, other, k Kind) Kind {
	if call {
		return k
	}
	return other
}

// register is a jump to rs1 that leaves the return address in rd. Besides ra (x1),
// the calling convention has t0 (x5) as an alternate link register, through which
// only the routines that save registers for others return.
func (i *Inst) register(rd uint32, rs1 int8) {
	i.Reg = rs1
	switch {
	case rd != 0:
		i.Kind = IndirectCall
	case rs1 == 1 || rs1 == 5:
		i.Kind, i.Reg = Return, -1
	default:
		i.Kind = IndirectJump
	}
}

func (i *Inst) compressed(h uint32, addr uint64, wide bool) {
	jump := func() uint64 {
		return addr + signed(h>>12&1<<11|h>>8&1<<10|h>>9&3<<8|h>>6&1<<7|h>>7&1<<6|h>>2&1<<5|h>>11&1<<4|h>>3&7<<1, 12)
	}
	switch {
	case h == 0:
		i.Kind = Trap
	case h&0xe003 == 0xa001: // c.j
		i.Kind, i.Target = Jump, jump()
	case h&0xe003 == 0x2001 && !wide: // c.jal
		i.Kind, i.Target = Call, jump()
	case h&0xc003 == 0xc001: // c.beqz, c.bnez
		i.Kind = CondJump
		i.Target = addr + signed(h>>12&1<<8|h>>5&3<<6|h>>2&1<<5|h>>10&3<<3|h>>3&3<<1, 9)
	case h&0xf07f == 0x8002 && h>>7&31 != 0: // c.jr
		i.register(0, int8(h>>7&31))
	case h&0xf07f == 0x9002 && h>>7&31 != 0: // c.jalr
		i.register(1, int8(h>>7&31))
	}
}
