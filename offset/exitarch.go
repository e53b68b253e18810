package offset

import (
	"encoding/binary"

	"github.com/probels/probels/elfsym"
)

// s390Returns reports whether a branch goes to the caller through another register
// than %r14, as GCC likes to:
//
//	lg   %r4,272(%r15)        the slot in which the function saved %r14
//	lmg  %r6,%r15,208(%r15)   restores %r6 from 208, so %r14 from 208+8*8
//	br   %r4
//
// or "lgr %r1,%r14", or with one register restored at a time, "lgdr %r1,%f0".
func s390Returns(i *decoded, before []decoded, b []byte) bool {
	if i.Reg < 0 {
		return false
	}
	slot := int64(-1)
	r := byte(i.Reg)
	type restore struct{ first, last, slot int64 }
	var restored []restore
	for k := len(before) - 1; k >= 0; k-- {
		c := b[before[k].at:]
		switch {
		case c[0] == 0xeb && c[5] == 0x04 && c[2]>>4 == 15: // lmg
			restored = append(restored, restore{int64(c[1] >> 4), int64(c[1] & 15), s390Disp(c)})
		case c[0] == 0xe3 && c[5] == 0x04 && c[1] == r<<4 && c[2]>>4 == 15: // lg without an index
			slot = s390Disp(c)
		case c[0] == 0xb9 && c[1] == 0x04 && c[3] == r<<4|14: // lgr
			return true
		}
		if slot >= 0 {
			break
		}
	}
	for _, m := range restored {
		if slot >= 0 && m.first <= 14 && m.last >= 14 && slot == m.slot+(14-m.first)*8 {
			return true
		}
	}
	return false
}

// s390Disp is the 20-bit displacement of the RXY and RSY formats.
func s390Disp(c []byte) int64 {
	return int64(int8(c[4]))<<12 | int64(c[2]&15)<<8 | int64(c[3])
}

// arm64Table reports whether a jump is that of a switch:
//
//	ldrb/ldrh/ldrsw W, [TABLE, I]
//	adr  X, base
//	add  X, X, W, sxtb #2     or sxth, sxtw, uxt...; or a plain add
//	br   X
func arm64Table(i *decoded, before []decoded, b []byte) bool {
	added := false
	for k := len(before) - 1; k >= 0; k-- {
		w := binary.LittleEndian.Uint32(b[before[k].at:])
		switch {
		case w&0xff200000 == 0x8b200000 && w&31 == uint32(i.Reg), // add, extended register
			w&0xff200000 == 0x8b000000 && w&31 == uint32(i.Reg):
			added = true
		case added && (w&0xffe00c00 == 0x38600800 || w&0xffe00c00 == 0x78600800 || // ldrb, ldrh with a register
			w&0xffe00c00 == 0xb8a00800 || w&0xffa00c00 == 0x38a00800 || w&0xffa00c00 == 0x78a00800 || // ldrsw, ldrsb, ldrsh
			w&0xffe00c00 == 0xb8600800): // ldr
			return true
		}
	}
	return false
}

// riscvTail is where the pair that a linker leaves of "tail f" goes: auipc R and
// "jalr x0, n(R)".
func riscvTail(i *decoded, before []decoded, b []byte) (elfsym.Addr, bool) {
	if i.Len != 4 || len(before) == 0 {
		return 0, false
	}
	last := before[len(before)-1]
	if last.Len != 4 {
		return 0, false
	}
	jump, high := binary.LittleEndian.Uint32(b[i.at:]), binary.LittleEndian.Uint32(b[last.at:])
	if high&0x7f != 0x17 || high>>7&31 != jump>>15&31 {
		return 0, false
	}
	off := int64(int32(high&^0xfff)) + int64(int32(jump)>>20)
	return last.addr + elfsym.Addr(off), true
}

// armTable reports whether a jump of 32-bit ARM adds to pc, or loads from a table
// behind it: tbb, tbh, add pc, ldr pc,[pc,...].
func armTable(i *decoded, b []byte, thumb bool) bool {
	c := b[i.at:]
	if thumb {
		h := binary.LittleEndian.Uint16(c)
		return h&0xfff0 == 0xe8d0 || h&0xff87 == 0x4487 || h == 0xf85f || h == 0xf8df
	}
	w := binary.LittleEndian.Uint32(c)
	return w&0x0fef0000 == 0x008f0000 || w&0x0e0f0000 == 0x060f0000
}
