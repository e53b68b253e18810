package insn

import "bytes"

// A Harm is how a uprobe on an instruction ends.
type Harm uint8

const (
	Refused    Harm = iota + 1 // the kernel says no while a process has the file mapped
	Misbehaves                 // the kernel says yes, and the program goes wrong
)

// refused64 and refused32 are the one-byte opcodes that Linux doesn't run out of
// line (arch/x86/kernel/uprobes.c, good_insns_64 and good_insns_32; the same from
// 3.19 to 6.18). It looks up the last byte of a VEX or EVEX opcode in the same
// table. Of two-byte opcodes it looks up the 0f, which is good, so it takes all of
// them, whatever good_2byte_insns says.
var (
	refused64 = refusedSet(0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x62, 0x6c, 0x6d, 0x6e, 0x6f, 0x82, 0x9a,
		0xcc, 0xcd, 0xce, 0xcf, 0xd4, 0xd5, 0xd6, 0xe4, 0xe5, 0xe6, 0xe7, 0xea, 0xec, 0xed, 0xee, 0xef, 0xf1, 0xf4, 0xfa, 0xfb)
	refused32 = refusedSet(0x07, 0x17, 0x1f, 0x6c, 0x6d, 0x6e, 0x6f, 0xcc, 0xcd, 0xce, 0xcf,
		0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef, 0xf1, 0xf4, 0xfa, 0xfb)
)

func refusedSet(ops ...byte) *opcodeSet {
	s := &opcodeSet{}
	for _, op := range ops {
		s[op>>4] |= 1 << (op & 15)
	}
	return s
}

// UprobeX86 says why Linux takes no uprobe on an instruction, or takes one and
// runs the program wrong; "" if nothing is known against it.
func UprobeX86(i *Inst, wide bool) (Harm, string) {
	x := &i.X86
	vector := x.Encoding == VEX || x.Encoding == EVEX || x.Encoding == XOP
	op := x.Opcode
	if x.Encoding == Legacy && x.Map > 0 {
		op = 0x0f
	}
	set := refused64
	if !wide {
		set = refused32
	}
	branch := op == 0xe8 || op == 0xe9 || op == 0xeb || op>>4 == 7
	switch {
	case x.Prefixes&PrefixLock != 0:
		return Refused, "the kernel takes no uprobe on an instruction with a lock prefix"
	case x.Prefixes&(PrefixES|PrefixCS|PrefixSS|PrefixDS) != 0:
		return Refused, "the kernel takes no uprobe on an instruction with a segment prefix (cs, ds, es, ss; notrack is one)"
	case !vector && x.Map == 0 && (op == 0x17 || op == 0x8e && x.ModRM>>3&7 == 2):
		return Refused, "the kernel takes no uprobe on mov and pop of ss, which delay the next trap"
	case set.has(op) && vector:
		return Refused, "the kernel takes no uprobe on this vector instruction, whose opcode is also that of one that it refuses"
	case set.has(op):
		return Refused, "the kernel takes no uprobe on this instruction"
	case vector && branch:
		return Misbehaves, "the kernel takes this vector instruction for a branch, and would not run it"
	case vector && (op == 0xc2 || op == 0xc3 || op == 0xca || op == 0xcb || op == 0x9a || op == 0x9d || op == 0xea ||
		op == 0xff && x.ModRM>>3&7 >= 2 && x.ModRM>>3&7 <= 5):
		return Misbehaves, "the kernel takes this vector instruction for another, and the program would go on at a wrong place"
	case !vector && x.Map == 0 && op == 0x9c:
		return Misbehaves, "the kernel steps over pushf with the trap flag set, which it pushes: the program dies when it restores it"
	case x.Prefixes&PrefixOpSize != 0 && !vector && (x.Map == 0 && branch || x.Map == 1 && x.Opcode>>4 == 8):
		return Refused, "the kernel takes no uprobe on a branch with an operand size prefix"
	}
	return 0, ""
}

// LongNop reports whether an instruction is one of the nops that recent kernels
// replace by a call.
func LongNop(b []byte) bool {
	return bytes.Equal(b, []byte{0x0f, 0x1f, 0x44, 0, 0}) || bytes.Equal(b, []byte{0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0})
}
