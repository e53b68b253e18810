package insn

const (
	armLR = 14
	armPC = 15
)

// arm32 decodes one word of A32. Arm Architecture Reference Manual for A-profile,
// F4.1.
func arm32(w uint32, addr uint64) Inst {
	i := Inst{Reg: -1, Cond: w>>28 != 14}
	if w>>28 == 15 { // no condition, other instructions
		i.Cond = false
		if w>>25&7 == 5 { // blx
			i.Kind, i.Target = Call, (addr+8+signed(w<<2, 26)+uint64(w>>23&2))&0xffffffff
		}
		return i
	}
	rn, rd, rm := w>>16&15, w>>12&15, w&15
	switch {
	case w&0x0e000000 == 0x0a000000: // b, bl
		i.Target = (addr + 8 + signed(w<<2, 26)) & 0xffffffff
		switch {
		case w>>24&1 != 0:
			i.Kind = Call
		case i.Cond:
			i.Kind = CondJump
		default:
			i.Kind = Jump
		}
	case w&0x0ffffff0 == 0x012fff10 && rm == armLR: // bx lr
		i.Kind = Return
	case w&0x0fffffd0 == 0x012fff10: // bx, bxj
		i.Kind, i.Reg = IndirectJump, int8(rm)
	case w&0x0ffffff0 == 0x012fff30: // blx
		i.Kind, i.Reg = IndirectCall, int8(rm)
	case w&0x0fffffff == 0x01a0f00e: // mov pc, lr
		i.Kind = Return
	case w&0x0ffffff0 == 0x01a0f000: // mov pc, r
		i.Kind, i.Reg = IndirectJump, int8(rm)
	case w&0x0e108000 == 0x08108000: // ldm with pc
		i.Kind = IndirectJump
		if rn == 13 || rn == 11 { // pop, or through the frame pointer
			i.Kind = Return
		}
	case w&0x0c50f000 == 0x0410f000 && w&0x02000010 != 0x02000010: // ldr pc
		i.Kind = IndirectJump
		if rn == 13 && w>>24&1 == 0 { // ldr pc, [sp], #n: pop
			i.Kind = Return
		}
	case w&0x0c00f000 == 0x0000f000 && dataWritesPC(w, rd):
		i.Kind = IndirectJump
	case w&0xfff000f0 == 0xe7f000f0: // udf
		i.Kind = Trap
	}
	return i
}

// dataWritesPC reports whether a data processing instruction of which rd is pc
// writes it: the ones that only compare do not, nor do those that lie between.
func dataWritesPC(w, rd uint32) bool {
	op := w >> 21 & 15
	immediate := w>>25&1 != 0
	if !immediate && w&0x90 == 0x90 || op >= 8 && op < 12 {
		return false // multiplications, extra loads; tst, teq, cmp, cmn and miscellaneous
	}
	return rd == armPC
}

// thumb2 decodes an instruction of T32, the same manual's F3.1. A condition that
// an IT instruction before it gives is not seen here.
func thumb2(b []byte, addr uint64, big bool) (Inst, error) {
	if len(b) < 2 {
		return Inst{}, ErrShort
	}
	h := get16(b, big)
	i := Inst{Len: 2, Reg: -1}
	mask := func(a uint64) uint64 { return a & 0xffffffff }
	if h>>11 < 0b11101 {
		switch {
		case h&0xfff8 == 0x4770, h == 0x46f7: // bx lr and bxns lr, whose two low bits should be 0; mov pc, lr
			i.Kind = Return
		case h&0xff87 == 0x4700, h&0xff87 == 0x4704: // bx, bxns
			i.Kind, i.Reg = IndirectJump, int8(h>>3&15)
		case h&0xff80 == 0x4780: // blx, blxns
			i.Kind, i.Reg = IndirectCall, int8(h>>3&15)
		case h&0xff87 == 0x4687: // mov pc, r
			i.Kind, i.Reg = IndirectJump, int8(h>>3&15)
		case h&0xff87 == 0x4487: // add pc, r
			i.Kind = IndirectJump
		case h&0xff00 == 0xbd00: // pop with pc
			i.Kind = Return
		case h>>12 == 0b1101 && h>>8&15 < 14:
			i.Kind, i.Target = CondJump, mask(addr+4+signed(h<<1, 9))
		case h>>8 == 0xde: // udf
			i.Kind = Trap
		case h&0xf500 == 0xb100: // cbz, cbnz
			i.Kind, i.Target = CondJump, mask(addr+4+uint64(h>>3&31<<1|h>>9&1<<6))
		case h>>11 == 0b11100:
			i.Kind, i.Target = Jump, mask(addr+4+signed(h<<1, 12))
		}
		return i, nil
	}
	if len(b) < 4 {
		return Inst{}, ErrShort
	}
	i.Len = 4
	l := get16(b[2:], big)
	if h>>11 == 0b11110 && l>>15 == 1 {
		i.branch32(h, l, addr)
		i.Target = mask(i.Target)
		return i, nil
	}
	rn := h & 15
	switch {
	case h&0xfe50 == 0xe810 && l>>15 == 1: // ldm with pc
		i.Kind = IndirectJump
		if rn == 13 || rn == 7 || rn == 11 { // pop, or through a frame pointer
			i.Kind = Return
		}
	case h&0xffd0 == 0xe990 && rn == 13 && l&0xffff == 0xc000: // rfe
		i.Kind = Return
	case h&0xff70 == 0xf850 && l>>12 == 15: // ldr pc
		i.Kind = IndirectJump
		if rn == 13 && l&0x0f00 == 0x0b00 {
			i.Kind = Return // ldr pc, [sp], #n
		}
	case h&0xfff0 == 0xe8d0 && l&0xffe0 == 0xf000: // tbb, tbh
		i.Kind = IndirectJump
	case h&0xfff0 == 0xf7f0 && l>>12 == 10: // udf.w
		i.Kind = Trap
	}
	return i, nil
}

// branch32 decodes "branches and miscellaneous control".
func (i *Inst) branch32(h, l uint32, addr uint64) {
	s, j1, j2 := h>>10&1, l>>13&1, l>>11&1
	far := func() uint64 {
		return signed(s<<24|(1^j1^s)<<23|(1^j2^s)<<22|h&0x3ff<<12|l&0x7ff<<1, 25)
	}
	switch l >> 12 & 5 {
	case 0:
		switch {
		case h>>6&15 < 14: // b with a condition
			i.Kind = CondJump
			i.Target = addr + 4 + signed(s<<20|j2<<19|j1<<18|h&0x3f<<12|l&0x7ff<<1, 21)
		case h == 0xf3de && l>>8 == 0x8f: // subs pc, lr
			i.Kind = Return
		case h&0xfff0 == 0xf7f0 && l>>12 == 10: // udf
			i.Kind = Trap
		}
	case 1: // b
		i.Kind, i.Target = Jump, addr+4+far()
	case 4: // blx, to A32, whose words are aligned
		i.Kind, i.Target = Call, (addr+4)&^3+far()&^3
	case 5: // bl
		i.Kind, i.Target = Call, addr+4+far()
	}
}
