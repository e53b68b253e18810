package operand

import "debug/elf"

// regClass tells what a register is to pt_regs.
type regClass uint8

const (
	regGPR   regClass = iota // general purpose, by number
	regPC                    // the program counter
	regZero                  // always the number 0
	regOther                 // floating point, vector, mask, access: not in pt_regs
)

const noReg = 0xff

// maxRegName is the length of the longest name, "zmm31".
const maxRegName = 5

// LookupReg returns the register that assemblers for machine m know by name,
// written without "%" or "$", in a program of class c.
func LookupReg(m elf.Machine, c elf.Class, name string) (r Reg, ok bool) {
	ok = r.lookup(m, word(m, c), name)
	return r, ok
}

// lookup sets r, which must be zero and stays so if there is no such register.
// (It fills the caller's memory: a Reg written byte by byte is slow to copy.)
func (r *Reg) lookup(m elf.Machine, size int, name string) bool {
	switch m {
	case elf.EM_X86_64, elf.EM_386:
		x86Lookup(r, m, name)
	case elf.EM_AARCH64:
		aarch64Lookup(r, name)
	case elf.EM_ARM:
		armLookup(r, name)
	case elf.EM_PPC64, elf.EM_PPC:
		ppcLookup(r, name)
	case elf.EM_S390:
		s390Lookup(r, name)
	case elf.EM_RISCV:
		riscvLookup(r, name)
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		mipsLookup(r, name, size == 8)
	case elf.EM_LOONGARCH:
		loongarchLookup(r, name)
	default:
		return false
	}
	if r.num == noReg {
		*r = Reg{}
		return false
	}
	if r.Name == "" {
		r.Name = name
	}
	if r.Width == 0 {
		r.Width = uint8(size)
	}
	r.machine, r.narrow = m, size == 4
	return true
}

// looksLikeReg tells whether a bare name is a register's, or a mistyped one,
// where assemblers write registers without a sigil. A symbol of such a name
// can only stand in quotes.
func looksLikeReg(m elf.Machine, c elf.Class, name string) bool {
	switch m {
	case elf.EM_AARCH64, elf.EM_ARM, elf.EM_RISCV, elf.EM_PPC, elf.EM_PPC64:
	default:
		return false
	}
	if len(name) < 2 {
		return false
	}
	if _, ok := LookupReg(m, c, name); ok {
		return true
	}
	if m == elf.EM_RISCV && name[0] == 'f' && has("ast", name[1]) {
		return regNumber(name[2:], 99) != noReg
	}
	if name[1]-'0' > 9 {
		return false
	}
	number := regNumber(name[1:], 99) != noReg
	switch m {
	case elf.EM_AARCH64:
		// x1foo is nobody's symbol: a reader by sscanf takes it for x1.
		return name[0] == 'x' || name[0] == 'w' || number && has("bdhqsv", name[0])
	case elf.EM_ARM:
		return name[0] == 'r' || number && has("dqs", name[0])
	case elf.EM_RISCV:
		return number && has("astxfv", name[0])
	}
	return number && has("rfv", name[0])
}

func has(set string, ch byte) bool {
	for i := 0; i < len(set); i++ {
		if set[i] == ch {
			return true
		}
	}
	return false
}

// regNumber reads "0" to max, at most 99, without leading zeros.
func regNumber(s string, max uint8) uint8 {
	if len(s) == 0 || len(s) > 2 || s[0]-'0' > 9 {
		return noReg
	}
	n := s[0] - '0'
	if len(s) == 2 {
		if n == 0 || s[1]-'0' > 9 {
			return noReg
		}
		n = n*10 + s[1] - '0'
	}
	if n > max {
		return noReg
	}
	return n
}

func isMIPS(m elf.Machine) bool { return m == elf.EM_MIPS || m == elf.EM_MIPS_RS3_LE }

// Zero tells whether the register is the number 0 and nothing else: aarch64's
// xzr, register 0 of mips, riscv and loongarch, and register 0 as a base on
// ppc or as a base or index on s390. PtRegs has no place for it.
func (r Reg) Zero() bool { return r.class == regZero }
