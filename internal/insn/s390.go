package insn

// s390 decodes an instruction of z/Architecture. Principles of Operation, chapter
// 5 "Instruction Formats": the two top bits tell 2, 4, 4 or 6 bytes.
func s390(b []byte, addr uint64) (Inst, error) {
	if len(b) < 2 {
		return Inst{}, ErrShort
	}
	i := Inst{Len: [4]uint8{2, 4, 4, 6}[b[0]>>6], Reg: -1}
	if len(b) < int(i.Len) {
		return Inst{}, ErrShort
	}
	m1, op2 := b[1]>>4, b[1]&15
	near := func(off []byte) uint64 { return addr + signed(get16(off, true), 16)*2 }
	far := func() uint64 { return addr + signed(get32(b[2:], true), 32)*2 }
	jumpIf := func(m byte) Kind {
		switch m {
		case 0:
			return Other
		case 15:
			return Jump
		}
		return CondJump
	}
	switch b[0] {
	case 0x00:
		i.Kind = Trap // no operation has the code 0
	case 0x07: // bcr: m1 0 is a nop, and so is r2 0
		if m1 != 0 && op2 != 0 {
			i.Kind, i.Reg, i.Cond = IndirectJump, int8(op2), m1 != 15
			if op2 == 14 {
				i.Kind, i.Reg = Return, -1
			}
		}
	case 0x05, 0x0d: // balr, basr
		if op2 != 0 {
			i.Kind, i.Reg = IndirectCall, int8(op2)
		}
	case 0x06: // bctr
		if op2 != 0 {
			i.Kind, i.Reg, i.Cond = IndirectJump, int8(op2), true
		}
	case 0x0b, 0x0c: // bsm, bassm
		if op2 != 0 {
			i.Kind, i.Reg = callIf(b[0] == 0x0c, IndirectJump, IndirectCall), int8(op2)
		}
	case 0x47: // bc
		if m1 != 0 {
			i.Kind, i.Cond = IndirectJump, m1 != 15
			if base := b[2] >> 4; op2 == 0 && b[2]&15 == 0 && b[3] == 0 {
				i.Reg = int8(base)
				if base == 14 {
					i.Kind, i.Reg = Return, -1
				}
			}
		}
	case 0x45, 0x4d: // bal, bas
		i.Kind = IndirectCall
	case 0x46, 0x86, 0x87: // bct, bxh, bxle
		i.Kind, i.Cond = IndirectJump, true
	case 0x84, 0x85: // brxh, brxle
		i.Kind, i.Target = CondJump, near(b[2:])
	case 0xa7:
		switch op2 {
		case 4: // brc
			if i.Kind = jumpIf(m1); i.Kind != Other {
				i.Target = near(b[2:])
			}
		case 5: // bras
			i.Kind, i.Target = Call, near(b[2:])
		case 6, 7: // brct, brctg
			i.Kind, i.Target = CondJump, near(b[2:])
		}
	case 0xc0:
		switch op2 {
		case 4: // brcl
			if i.Kind = jumpIf(m1); i.Kind != Other {
				i.Target = far()
			}
		case 5: // brasl
			i.Kind, i.Target = Call, far()
		}
	case 0xcc:
		if op2 == 6 { // brcth
			i.Kind, i.Target = CondJump, far()
		}
	case 0xe3:
		switch b[5] {
		case 0x46: // bctg
			i.Kind, i.Cond = IndirectJump, true
		case 0x47: // bic
			if m1 != 0 {
				i.Kind, i.Cond = IndirectJump, m1 != 15
			}
		}
	case 0xeb:
		if b[5] == 0x44 || b[5] == 0x45 { // bxhg, bxleg
			i.Kind, i.Cond = IndirectJump, true
		}
	case 0xec:
		switch b[5] {
		case 0x44, 0x45, 0x64, 0x65, 0x76, 0x77, 0x7c, 0x7d, 0x7e, 0x7f: // brxhg, brxlg, compare and branch relative
			i.Kind, i.Target = CondJump, near(b[2:])
		case 0xe4, 0xe5, 0xf6, 0xf7, 0xfc, 0xfd, 0xfe, 0xff: // compare and branch
			i.Kind, i.Cond = IndirectJump, true
		}
	}
	return i, nil
}
