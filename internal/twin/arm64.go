package twin

import (
	"github.com/probels/probels/internal/insn"
)

// arm64Code reads A64's instructions. An address is mostly made by two of them,
// the page (adrp) and what is within it (an add's or a load's immediate), so the
// pages that registers hold are followed through the function, in the order of
// the code and as far as the next write of the register.
type arm64Code struct {
	d    *insn.Decoder
	page [31]uint64
	held uint32 // a bit for each register that holds a page
}

func (c *arm64Code) begin() { c.held = 0 }

func (c *arm64Code) step(b []byte, addr uint64) (step, bool) {
	i, err := c.d.Decode(b, addr)
	if err != nil {
		return step{}, false
	}
	w := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	s := step{size: 4, kind: i.Kind, target: i.Target}
	rd, rn := w&31, w>>5&31
	switch i.Kind {
	case insn.Jump, insn.Call:
		s.class, s.exact = uint64(w>>26), uint64(w>>26)
	case insn.CondJump:
		switch {
		case w>>24 == 0x54: // b.cond
			s.class, s.exact = uint64(w>>24)<<8|uint64(w&31), uint64(w&0xff00001f)
		case w&0x7e000000 == 0x36000000: // tbz, tbnz
			s.class, s.exact = uint64(w>>24), uint64(w&0xfff8001f)
		case w&0x7e000000 == 0x34000000:
			s.class, s.exact = uint64(w>>24), uint64(w&0xff00001f)
		default:
			s.class, s.exact = uint64(w>>22), uint64(w&^(0x1ff<<5))
		}
		return s, true
	}
	if i.Kind == insn.Call || i.Kind == insn.IndirectCall {
		c.held &^= 1<<19 - 1 // a call may change x0 to x18
	}
	if i.Kind == insn.Jump || i.Kind == insn.Call {
		return s, true
	}
	s.class, s.exact = arm64Class(w), uint64(w)
	if i.Kind != insn.Other {
		return s, true
	}
	switch {
	case w&0xfffff01f == 0xd503201f: // hints: nop, bti, paciasp and such
		s.nop = true
		return s, true
	case w>>31 == 1 && w>>24&0x1f == 0x10: // adrp
		imm := uint64(int64(int32(w<<8))>>13<<2|int64(w>>29&3)) << 12
		c.set(rd, addr&^0xfff+imm)
		s.exact = uint64(w & 0x9f00001f)
		s.class = uint64(w >> 24 & 0x9f)
		return s, true
	case w>>31 == 0 && w>>24&0x1f == 0x10: // adr
		s.ref, s.refs = addr+uint64(int64(int32(w<<8))>>13<<2|int64(w>>29&3)), true
		s.exact = uint64(w & 0x9f00001f)
		s.class = uint64(w >> 24 & 0x9f)
	case w>>27&7 == 3 && w>>24&3 == 0: // ldr of a literal
		s.ref, s.refs, s.load = addr+uint64(int64(int32(w<<8))>>13<<2), true, true
		s.exact = uint64(w & 0xff00001f)
		s.width = 8
	case w>>22 == 0x244 && c.has(rn): // add of 64 bits with an unshifted immediate
		s.ref, s.refs = c.page[rn]+uint64(w>>10&0xfff), true
		s.exact = uint64(w &^ (0xfff << 10))
	case w>>27&7 == 7 && w>>24&3 == 1 && c.has(rn): // load or store with an unsigned immediate
		scale := w >> 30
		if w>>26&1 != 0 && w>>23&1 != 0 {
			scale = 4 // a vector register of 128 bits
		}
		s.ref, s.refs, s.load = c.page[rn]+uint64(w>>10&0xfff)<<scale, true, true
		s.exact = uint64(w &^ (0xfff << 10))
		if w>>22&3 != 0 {
			s.width = 1 << scale
		}
	case w>>23&0x3f == 0x25 && w>>29&3 != 3: // movz, movn
		s.number = uint64(w>>5&0xffff) << (w >> 21 & 3 * 16)
		if s.number < 0x100 {
			s.number = 0
		}
	case w>>23&0x3f == 0x25: // movk
		s.number = uint64(w>>5&0xffff) << (w >> 21 & 3 * 16)
	}
	if !arm64Store(w) && rd < 31 {
		c.held &^= 1 << rd
	}
	return s, true
}

// arm64Class is the part of a word that tells the kind of instruction: the upper
// bits, without those of immediates.
func arm64Class(w uint32) uint64 {
	switch w >> 25 & 7 {
	case 5: // data processing of registers
		return uint64(w >> 21)
	case 7: // of vector registers
		return uint64(w>>21<<6 | w>>10&0x3f)
	}
	return uint64(w >> 22)
}

func (c *arm64Code) set(r uint32, page uint64) {
	if r < 31 {
		c.page[r] = page
		c.held |= 1 << r
	}
}

func (c *arm64Code) has(r uint32) bool { return r < 31 && c.held>>r&1 != 0 }

// arm64Store reports whether the lowest bits of a word name no general register
// that is written: a store, or a load of a vector register.
func arm64Store(w uint32) bool {
	if w>>25&5 != 4 { // not among loads and stores
		return false
	}
	if w>>26&1 != 0 {
		return true
	}
	switch w >> 27 & 7 {
	case 5: // pairs
		return w>>22&1 == 0
	case 7:
		return w>>22&3 == 0
	}
	return false
}
