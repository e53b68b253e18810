package insn

// arm64 decodes one word. Arm Architecture Reference Manual, C4.1 "Branches,
// Exception Generating and System instructions".
func arm64(w uint32, addr uint64) Inst {
	i := Inst{Reg: -1}
	rn := int8(w >> 5 & 31)
	switch {
	case w>>26 == 0b000101:
		i.Kind, i.Target = Jump, addr+signed(w<<2, 28)
	case w>>26 == 0b100101:
		i.Kind, i.Target = Call, addr+signed(w<<2, 28)
	case w>>24 == 0b01010100: // b.cond, bc.cond
		i.Kind, i.Target = CondJump, addr+signed(w>>5<<2, 21)
	case w&0x7e000000 == 0x34000000: // cbz, cbnz
		i.Kind, i.Target = CondJump, addr+signed(w>>5<<2, 21)
	case w&0x7e000000 == 0x36000000: // tbz, tbnz
		i.Kind, i.Target = CondJump, addr+signed(w>>5<<2, 16)
	case w&0x7f000000 == 0x74000000, w&0x7f000000 == 0x75000000: // cb<cc> of two registers, and an immediate (FEAT_CMPBR)
		i.Kind, i.Target = CondJump, addr+signed(w>>5<<2, 11)
	case w>>25 == 0b1101011: // register branches
		switch opc := w >> 21 & 15; {
		case w>>16&31 != 31:
			i.Kind = Trap
		case w&0xfffffc1f == 0xd65f0000, w&0xfffffbff == 0xd65f0bff, w&0xfffffbe0 == 0xd65f0be0: // ret; retaa, retab; retaasppcr, retabsppcr
			i.Kind = Return
		case opc == 4, opc == 5: // eret, drps: not in user space
			i.Kind = Trap
		case opc&7 == 0:
			i.Kind, i.Reg = IndirectJump, rn
		case opc&7 == 1:
			i.Kind, i.Reg = IndirectCall, rn
		default:
			i.Kind = Trap
		}
	case w&0xff800000 == 0x55000000: // retaasppc, retabsppc with an offset
		i.Kind = Return
	case w>>16 == 0: // udf
		i.Kind = Trap
	}
	return i
}

// loong decodes one word. LoongArch Reference Manual, 2.2.5.
func loong(w uint32, addr uint64) Inst {
	i := Inst{Reg: -1}
	off16 := signed(w>>10<<2, 18)
	switch w >> 26 {
	case 0x10, 0x11, 0x12: // beqz, bnez, bceqz and bcnez
		i.Kind, i.Target = CondJump, addr+signed((w>>10&0xffff|w&31<<16)<<2, 23)
	case 0x13: // jirl
		rd, rj := w&31, w>>5&31
		switch {
		case rd != 0:
			i.Kind, i.Reg = IndirectCall, int8(rj)
		case rj == 1 && off16 == 0:
			i.Kind = Return
		default:
			i.Kind, i.Reg = IndirectJump, int8(rj)
		}
	case 0x14, 0x15: // b, bl
		i.Kind, i.Target = Jump, addr+signed((w>>10&0xffff|w&0x3ff<<16)<<2, 28)
		if w>>26 == 0x15 {
			i.Kind = Call
		}
	case 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b: // beq to bgeu
		i.Kind, i.Target = CondJump, addr+off16
	default:
		if w == 0 {
			i.Kind = Trap
		}
	}
	return i
}
