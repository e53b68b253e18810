package twin

import (
	"github.com/probels/probels/internal/insn"
)

// x86Code reads x86-64's instructions.
type x86Code struct {
	d     *insn.Decoder
	fixed bool // addresses may be numbers: the file is not position independent
	mem   *memory
}

// x86Nop reports whether an instruction does nothing but fill, or mark where
// jumps may go: what a compiler or assembler puts in for alignment and for
// control-flow enforcement.
func x86Nop(b []byte, i *insn.Inst) bool {
	x := &i.X86
	if x.Encoding != insn.Legacy {
		return false
	}
	switch {
	case x.Map == 0 && x.Opcode == 0x90:
		return x.Prefixes&insn.PrefixRep == 0 && x.REX&1 == 0
	case x.Map == 1 && x.Opcode == 0x1f:
		return true
	case x.Map == 1 && x.Opcode == 0x1e:
		return x.Prefixes&insn.PrefixRep != 0 && (x.ModRM == 0xfa || x.ModRM == 0xfb) // endbr64, endbr32
	}
	return false
}

func (c *x86Code) step(b []byte, addr uint64) (step, bool) {
	i, err := c.d.Decode(b, addr)
	if err != nil {
		return step{}, false
	}
	n := int(i.Len)
	s := step{size: i.Len, kind: i.Kind, target: i.Target, nop: x86Nop(b, &i)}
	if s.nop {
		return s, true
	}
	x := &i.X86
	// The class is what a disassembler's mnemonic tells: map, opcode and, where
	// ModRM has a part of the opcode, that.
	op := uint64(x.Opcode)
	switch i.Kind {
	case insn.CondJump, insn.Jump, insn.Call:
		// A short jump and a near one are one instruction: the distance decides,
		// and that is taken from the blocks.
		if i.Kind == insn.CondJump && (x.Map == 1 || x.Opcode>>4 == 7) {
			op = 0x70 | op&15
		} else if i.Kind == insn.Jump {
			op = 0xe9
		}
		s.class = uint64(i.Kind)<<16 | op
		s.exact = s.class
		return s, true
	}
	wide := uint64(x.REX >> 3 & 1)
	s.class = uint64(x.Encoding)<<40 | uint64(x.Map)<<32 | op<<16 | uint64(x.Prefixes&(insn.PrefixOpSize|insn.PrefixRep|insn.PrefixRepne))<<1 | wide
	if x.HasModRM && x.Map == 0 && (op >= 0x80 && op <= 0x83 || op == 0xc0 || op == 0xc1 || op >= 0xd0 && op <= 0xd3 || op == 0xf6 || op == 0xf7 || op >= 0xfe) {
		s.class |= uint64(x.ModRM>>3&7+1) << 8
	}
	// What a linker decides is taken out of the bytes.
	var buf [15]byte
	code := buf[:copy(buf[:], b[:n])]
	mod, rm := x.ModRM>>6, x.ModRM&7
	switch {
	case x.HasModRM && mod == 0 && rm == 5: // relative to the program counter
		if at := modRMEnd(b, x); at+4 <= n {
			clear(code[at : at+4])
		}
		s.ref = addr + uint64(n) + uint64(int64(x.Disp))
		s.refs, s.load = true, !(x.Map == 0 && x.Opcode == 0x8d)
		s.width = x86Width(x)
	case c.fixed && x.HasModRM && (mod == 2 || mod == 0 && rm == 4 && x.SIB&7 == 5) && c.mem.at(uint64(uint32(x.Disp))) != nil:
		at := modRMEnd(b, x)
		if rm == 4 {
			at++
		}
		if at+4 <= n {
			clear(code[at : at+4])
		}
		s.ref, s.refs, s.load = uint64(uint32(x.Disp)), true, mod == 0 && x.SIB == 0x25
		s.width = x86Width(x)
	}
	if c.fixed && x.Encoding == insn.Legacy && x.Map == 0 && op == 0xc7 && x.REX&8 != 0 && mod == 3 && n == 7 && x.Imm >= 0x1000 && c.mem.at(uint64(x.Imm)) != nil {
		// What a linker makes of a load from the global offset table, of which it
		// makes lea in a file that is position independent: the same.
		s.class = uint64(x.Encoding)<<40 | 0x8d<<16 | wide
		s.exact = uint64(seed.bytes([]byte{0x48 | x.REX&1<<2, 0x8d, 0x05 | rm<<3, 0, 0, 0, 0}))
		s.ref, s.refs = uint64(x.Imm), true
		return s, true
	}
	if c.fixed && !s.refs && x.Imm >= 0x1000 && c.mem.at(uint64(x.Imm)) != nil {
		if k := x86ImmSize(x); k == 4 || k == 8 {
			clear(code[n-k:])
			s.ref, s.refs = uint64(x.Imm), true
		}
	} else if x.Imm > 0xff || x.Imm < -0xff {
		s.number = uint64(x.Imm)
	}
	s.exact = uint64(seed.bytes(code))
	return s, true
}

// modRMEnd is where the bytes behind ModRM begin.
func modRMEnd(b []byte, x *insn.X86) int {
	n := int(x.Start)
	switch x.Encoding {
	case insn.Legacy:
		n += 1 + min(int(x.Map), 1)
		if x.Map >= 2 {
			n++
		}
	case insn.REX2:
		n += 3
	case insn.VEX:
		n += 3
		if b[x.Start] == 0xc4 {
			n++
		}
	case insn.EVEX:
		n += 5
	case insn.XOP:
		n += 4
	}
	return n + 1
}

// x86ImmSize is the size of the immediates that can be addresses: mov of a
// register or to memory, push, cmp, add, sub and their like.
func x86ImmSize(x *insn.X86) int {
	if x.Encoding != insn.Legacy || x.Map != 0 || x.Prefixes&insn.PrefixOpSize != 0 {
		return 0
	}
	switch op := x.Opcode; {
	case op >= 0xb8 && op <= 0xbf:
		if x.REX&8 != 0 {
			return 8
		}
		return 4
	case op == 0xc7 || op == 0x81 || op == 0x68 || op == 0x69 || op < 0x40 && op&7 == 5:
		return 4
	}
	return 0
}

// x86Width is how many bytes a load of a constant takes at least; 0 if unknown.
func x86Width(x *insn.X86) uint8 {
	if x.Map != 1 || x.Encoding != insn.Legacy {
		return 0
	}
	switch op := x.Opcode; {
	case op == 0x10 || op == 0x2a || op >= 0x58 && op <= 0x5f || op == 0x51:
		switch {
		case x.Prefixes&insn.PrefixRepne != 0:
			return 8
		case x.Prefixes&insn.PrefixRep != 0:
			return 4
		}
		return 16
	case op == 0x28 || op == 0x6f || op >= 0x54 && op <= 0x57 || op == 0xdb || op == 0xef || op == 0xeb:
		return 16
	case op == 0x2e || op == 0x2f:
		if x.Prefixes&insn.PrefixOpSize != 0 {
			return 8
		}
		return 4
	case op == 0x7e && x.Prefixes&insn.PrefixRep != 0:
		return 8
	}
	return 0
}
