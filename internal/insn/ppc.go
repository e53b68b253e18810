package insn

// ppc decodes an instruction of Power. Power ISA 3.1, book I, 1.6.3 "Instruction
// Prefix Formats" and 2.4 "Branch Instructions".
func ppc(b []byte, addr uint64, big, wide bool) (Inst, error) {
	if len(b) < 4 {
		return Inst{}, ErrShort
	}
	w := get32(b, big)
	i := Inst{Len: 4, Reg: -1}
	relative := func(off uint64) uint64 {
		if w&2 == 0 { // AA
			off += addr
		}
		if !wide {
			off &= 0xffffffff
		}
		return off
	}
	always := w>>21&0x14 == 0x14 // BO is 1z1zz
	call := w&1 != 0
	switch w >> 26 {
	case 0:
		if w == 0 {
			i.Kind = Trap
		}
	case 1: // a prefix: word pc & 63 may not be 60, so the pair lies in one block
		if !wide {
			break
		}
		if len(b) < 8 {
			return Inst{}, ErrShort
		}
		i.Len = 8
	case 18:
		i.Kind, i.Target = callIf(call, Jump, Call), relative(signed(w&^3, 26))
	case 16:
		i.Kind, i.Cond, i.Target = CondJump, !always, relative(signed(w&^3, 16))
		switch {
		case call && w>>16&31 == 31 && w&0xfffc == 4: // bcl 20,31,$+4 reads the program counter
			i.Kind, i.Target = Other, 0
		case call:
			i.Kind = Call
		case always:
			i.Kind = Jump
		}
	case 19:
		i.Cond = !always
		switch w >> 1 & 0x3ff {
		case 16: // bclr
			i.Kind = callIf(call, Return, IndirectCall)
		case 528, 560: // bcctr, bctar
			i.Kind = callIf(call, IndirectJump, IndirectCall)
		default:
			i.Cond = false
		}
	case 31:
		if w == 0x7fe00008 { // trap
			i.Kind = Trap
		}
	}
	return i, nil
}

// mips decodes one word. MIPS Architecture volume II-A, table A.2 on. The
// instruction behind a branch is executed before it is taken, but for the compact
// branches of release 6, of which those without a condition are told here.
func mips(w uint32, addr uint64) Inst {
	i := Inst{Reg: -1}
	rs, rt, rd := w>>21&31, w>>16&31, w>>11&31
	off16 := addr + 4 + signed(w<<2, 18)
	switch op := w >> 26; op {
	case 0:
		switch w & 0x3f {
		case 8, 9: // jr, jalr
			switch {
			case w&0x3f == 9 && rd != 0:
				i.Kind, i.Reg = IndirectCall, int8(rs)
			case rs == 31:
				i.Kind = Return
			default:
				i.Kind, i.Reg = IndirectJump, int8(rs)
			}
		}
	case 1: // regimm
		switch rt & 0x1c {
		case 0:
			i.Kind, i.Target = CondJump, off16
		case 0x10: // bltzal, bgezal
			i.Kind, i.Target = Call, off16
		}
	case 2, 3:
		i.Kind, i.Target = callIf(op == 3, Jump, Call), (addr+4)&^0xfffffff|uint64(w&0x3ffffff<<2)
	case 4, 20:
		i.Kind, i.Target = callIf(rs != rt, Jump, CondJump), off16
	case 5, 6, 7, 21, 22, 23:
		i.Kind, i.Target = CondJump, off16
	case 17, 18:
		if rs == 8 || rs == 9 || rs == 13 { // bc1, and release 6's
			i.Kind, i.Target = CondJump, off16
		}
	}
	return i
}
