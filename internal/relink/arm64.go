package relink

import "debug/elf"

// The relocations of arm64 (ELF for the Arm 64-bit Architecture, "Relocation").
var arm64 = machine{
	apply:    (*linker).applyARM64,
	stub:     stubARM64,
	fill:     func(b []byte) { fillWith(b, []byte{0x1f, 0x20, 0x03, 0xd5}) },
	typeName: func(typ uint32) string { return typeName(typ, elf.R_AARCH64(typ).String()) },
	relative: uint32(elf.R_AARCH64_RELATIVE), irelative: uint32(elf.R_AARCH64_IRELATIVE), globDat: uint32(elf.R_AARCH64_GLOB_DAT),
	jumpSlot: uint32(elf.R_AARCH64_JUMP_SLOT), symbolic: uint32(elf.R_AARCH64_ABS64), copied: uint32(elf.R_AARCH64_COPY),
}

// stubARM64 writes "adrp x16,slot; ldr x17,[x16,#]; add x16,x16,#; br x17".
func stubARM64(b []byte, at, slot uint64) {
	low := uint32(slot & 0xfff)
	for i, w := range []uint32{adrImmediate(0x90000010, int64(slot>>12)-int64(at>>12)), 0xf9400211 | low>>3<<10, 0x91000210 | low<<10, 0xd61f0220} {
		le.PutUint32(b[4*i:], w)
	}
}

// adrImmediate is adr or adrp with an immediate.
func adrImmediate(w uint32, v int64) uint32 {
	return w&0x9f00001f | uint32(v)&3<<29 | uint32(v>>2)&0x7ffff<<5
}

// fits reports whether a signed number has no more bits.
func fits(v int64, bits uint) bool { return v<<(64-bits)>>(64-bits) == v }

func (k *linker) applyARM64(s *site) string {
	typ := elf.R_AARCH64(s.typ)
	switch typ { // of data
	case elf.R_AARCH64_ABS64, elf.R_AARCH64_PREL64:
		if !s.room(0, 8) {
			return outOfBounds
		}
		if typ == elf.R_AARCH64_ABS64 {
			le.PutUint64(s.b[s.at:], k.word(s.addr, s.t, s.addend))
		} else {
			le.PutUint64(s.b[s.at:], k.referred(s.t)+uint64(s.addend)-s.addr)
		}
		return ""
	case elf.R_AARCH64_ABS16, elf.R_AARCH64_PREL16:
		if !s.room(0, 2) {
			return outOfBounds
		}
		v := k.referred(s.t) + uint64(s.addend)
		if typ == elf.R_AARCH64_PREL16 {
			v -= s.addr
		}
		le.PutUint16(s.b[s.at:], uint16(v))
		return ""
	}
	if !s.room(0, 4) {
		return outOfBounds
	}
	switch typ {
	case elf.R_AARCH64_ABS32:
		return s.put32(int64(k.referred(s.t))+s.addend, false)
	case elf.R_AARCH64_PREL32:
		if s.t.kind == gone {
			return s.put32(-int64(s.addr), true)
		}
		return s.put32(int64(k.referred(s.t))+s.addend-int64(s.addr), true)
	case plt32ARM64:
		return s.put32(int64(k.called(s.t))+s.addend-int64(s.addr), true)
	}
	w, why := k.instructionARM64(s, le.Uint32(s.b[s.at:]))
	if why == "" {
		le.PutUint32(s.b[s.at:], w)
	}
	return why
}

// Types that debug/elf has no names of.
const (
	plt32ARM64     = elf.R_AARCH64(314)
	gotPage15ARM64 = elf.R_AARCH64(313)
)

// instructionARM64 is an instruction with the relocation applied.
func (k *linker) instructionARM64(s *site, w uint32) (uint32, string) {
	p := int64(s.addr)
	to := func() int64 { return int64(k.referred(s.t)) + s.addend }
	pages := func(v int64) int64 { return v>>12 - p>>12 }
	low := func(v int64, scale uint) uint32 { return w&^(0xfff<<10) | uint32(v)&0xfff>>scale<<10 }
	switch typ := elf.R_AARCH64(s.typ); typ {
	case elf.R_AARCH64_CALL26, elf.R_AARCH64_JUMP26:
		far := int64(k.called(s.t)) + s.addend - p
		if s.t.kind == gone {
			far = 0
		}
		if far&3 != 0 || !fits(far, 28) {
			return 0, outOfRange
		}
		return w&^(1<<26-1) | uint32(far>>2)&(1<<26-1), ""
	case elf.R_AARCH64_CONDBR19, elf.R_AARCH64_LD_PREL_LO19:
		far := to() - p
		if typ == elf.R_AARCH64_CONDBR19 {
			far = int64(k.called(s.t)) + s.addend - p
		}
		if far&3 != 0 || !fits(far, 21) {
			return 0, outOfRange
		}
		return w&^(0x7ffff<<5) | uint32(far>>2)&0x7ffff<<5, ""
	case elf.R_AARCH64_TSTBR14:
		far := int64(k.called(s.t)) + s.addend - p
		if far&3 != 0 || !fits(far, 16) {
			return 0, outOfRange
		}
		return w&^(0x3fff<<5) | uint32(far>>2)&0x3fff<<5, ""
	case elf.R_AARCH64_ADR_PREL_LO21:
		if v := to() - p; fits(v, 21) {
			return adrImmediate(w, v), ""
		}
		return 0, outOfRange
	case elf.R_AARCH64_ADR_PREL_PG_HI21, elf.R_AARCH64_ADR_PREL_PG_HI21_NC:
		return adrImmediate(w, pages(to())), ""
	case elf.R_AARCH64_ADD_ABS_LO12_NC, elf.R_AARCH64_LDST8_ABS_LO12_NC:
		return low(to(), 0), ""
	case elf.R_AARCH64_LDST16_ABS_LO12_NC:
		return low(to(), 1), ""
	case elf.R_AARCH64_LDST32_ABS_LO12_NC:
		return low(to(), 2), ""
	case elf.R_AARCH64_LDST64_ABS_LO12_NC:
		return low(to(), 3), ""
	case elf.R_AARCH64_LDST128_ABS_LO12_NC:
		return low(to(), 4), ""
	case elf.R_AARCH64_ADR_GOT_PAGE:
		return adrImmediate(w, pages(int64(k.slot(s.t)))), ""
	case elf.R_AARCH64_LD64_GOT_LO12_NC:
		return low(int64(k.slot(s.t)), 3), ""
	case gotPage15ARM64:
		return w&^(0xfff<<10) | uint32((int64(k.slot(s.t))-int64(k.bssEnd)&^0xfff)>>3)&0xfff<<10, ""
	case elf.R_AARCH64_GOT_LD_PREL19:
		return w&^(0x7ffff<<5) | uint32((int64(k.slot(s.t))-p)>>2)&0x7ffff<<5, ""
	case elf.R_AARCH64_MOVW_UABS_G0, elf.R_AARCH64_MOVW_UABS_G0_NC:
		return movw(w, to(), 0), ""
	case elf.R_AARCH64_MOVW_UABS_G1, elf.R_AARCH64_MOVW_UABS_G1_NC:
		return movw(w, to(), 16), ""
	case elf.R_AARCH64_MOVW_UABS_G2, elf.R_AARCH64_MOVW_UABS_G2_NC:
		return movw(w, to(), 32), ""
	case elf.R_AARCH64_MOVW_UABS_G3:
		return movw(w, to(), 48), ""
	}
	return k.threadARM64(s, w)
}

// movw is movz or movk with 16 bits of a number.
func movw(w uint32, v int64, shift uint) uint32 { return w&^(0xffff<<5) | uint32(v>>shift)&0xffff<<5 }

const nopARM64 = 0xd503201f

// threadARM64 applies what is about thread-local data. As in a program, what is
// this image's own is at a number from the thread pointer, behind the two words
// of the thread's control block, and the general ways are replaced by that.
func (k *linker) threadARM64(s *site, w uint32) (uint32, string) {
	own := s.t.kind == thread
	off := int64(alignUp(16, k.align)) + int64(s.t.addr) + s.addend
	high := func() uint32 { return movw(0xd2a00000|w&31, off, 16) } // movz x,#,lsl #16
	lower := func() uint32 { return movw(0xf2800000|w&31, off, 0) } // movk x,#
	low := func(v int64, scale uint) uint32 { return w&^(0xfff<<10) | uint32(v)&0xfff>>scale<<10 }
	page := func() uint32 { return adrImmediate(w, int64(k.slot(s.t)>>12)-int64(s.addr>>12)) }
	switch elf.R_AARCH64(s.typ) {
	case elf.R_AARCH64_TLSLE_ADD_TPREL_HI12:
		return low(off>>12, 0), ""
	case elf.R_AARCH64_TLSLE_ADD_TPREL_LO12, elf.R_AARCH64_TLSLE_ADD_TPREL_LO12_NC:
		return low(off, 0), ""
	case elf.R_AARCH64_TLSLE_MOVW_TPREL_G0, elf.R_AARCH64_TLSLE_MOVW_TPREL_G0_NC:
		return movw(w, off, 0), ""
	case elf.R_AARCH64_TLSLE_MOVW_TPREL_G1, elf.R_AARCH64_TLSLE_MOVW_TPREL_G1_NC:
		return movw(w, off, 16), ""
	case elf.R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21:
		if own {
			return high(), ""
		}
		return page(), ""
	case elf.R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC:
		if own {
			return lower(), ""
		}
		return low(int64(k.slot(s.t)), 3), ""
	case elf.R_AARCH64_TLSDESC_ADR_PAGE21:
		if own {
			return high(), ""
		}
		return page(), ""
	case elf.R_AARCH64_TLSDESC_LD64_LO12_NC:
		if own {
			return movw(0xf2800000, off, 0), "" // movk x0: what the descriptor's function would return there
		}
		return low(int64(k.slot(s.t)), 3), ""
	case elf.R_AARCH64_TLSDESC_ADD_LO12_NC:
		if own {
			return nopARM64, ""
		}
		return low(int64(k.slot(s.t)), 0), ""
	case elf.R_AARCH64_TLSDESC_CALL:
		if own {
			return nopARM64, ""
		}
		return w, ""
	case elf.R_AARCH64_TLSGD_ADR_PAGE21:
		return page(), ""
	case elf.R_AARCH64_TLSGD_ADD_LO12_NC:
		return low(int64(k.slot(s.t)), 0), ""
	}
	return 0, unknownType
}
