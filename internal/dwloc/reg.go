package dwloc

import (
	"debug/elf"
	"strconv"

	"github.com/probels/probels/usdt/operand"
)

// Reg is the register that a program of machine m and class c has under DWARF's number n, as operands
// know it; false if the machine is unknown or has no such register among those that operands name
// (control, segment and special registers): see RegName.
func Reg(m elf.Machine, c elf.Class, n uint64) (operand.Reg, bool) {
	name := regName(m, c, n)
	if name == "" {
		return operand.Reg{}, false
	}
	return operand.LookupReg(m, c, name)
}

// RegName is the register's name, or "r" and the number where it has none here.
func RegName(m elf.Machine, c elf.Class, n uint64) string {
	if name := regName(m, c, n); name != "" {
		return name
	}
	return "reg" + strconv.FormatUint(n, 10)
}

var (
	x86Names   = [...]string{"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"}
	i386Names  = [...]string{"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip"}
	riscvNames = [...]string{"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
		"s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"}
	riscvFloats = [...]string{"ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7",
		"fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"}
	// s390 numbers floating-point registers in pairs, those that are arguments first, and the
	// vector registers 16 to 31, which have no other number, likewise.
	s390Pairs = [16]uint8{0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15}
)

// regName is the assembler's name; "" if there is none.
func regName(m elf.Machine, c elf.Class, n uint64) string {
	// in is the name of a register of a row: prefix and the number from first on.
	in := func(first, count uint64, prefix string, from uint64) string {
		if n-first < count {
			return prefix + strconv.FormatUint(n-first+from, 10)
		}
		return ""
	}
	switch m {
	case elf.EM_X86_64:
		return firstOf(at(x86Names[:], n), in(17, 16, "xmm", 0), in(67, 16, "xmm", 16), stack(n-33), in(41, 8, "mm", 0), in(118, 8, "k", 0), in(130, 16, "r", 16))
	case elf.EM_386:
		return firstOf(at(i386Names[:], n), in(21, 8, "xmm", 0), stack(n-11), in(29, 8, "mm", 0))
	case elf.EM_AARCH64:
		if n == 31 {
			return "sp"
		}
		return firstOf(in(0, 31, "x", 0), in(64, 32, "v", 0))
	case elf.EM_ARM:
		switch n {
		case 13:
			return "sp"
		case 14:
			return "lr"
		case 15:
			return "pc"
		}
		return firstOf(in(0, 13, "r", 0), in(64, 32, "s", 0), in(256, 32, "d", 0))
	case elf.EM_PPC64, elf.EM_PPC:
		return firstOf(in(0, 32, "r", 0), in(32, 32, "f", 0), in(77, 32, "v", 0))
	case elf.EM_RISCV:
		return firstOf(at(riscvNames[:], n), at(riscvFloats[:], n-32), in(96, 32, "v", 0))
	case elf.EM_S390:
		switch {
		case n-16 < 16:
			return "f" + strconv.Itoa(int(s390Pairs[n-16]))
		case n-68 < 16:
			return "v" + strconv.Itoa(int(s390Pairs[n-68])+16)
		}
		return firstOf(in(0, 16, "r", 0), in(48, 16, "a", 0))
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		switch n {
		case 28:
			return "gp"
		case 29:
			return "sp"
		case 30:
			return "fp"
		case 31:
			return "ra"
		}
		return firstOf(in(0, 32, "", 0), in(32, 32, "f", 0))
	case elf.EM_LOONGARCH:
		return firstOf(in(0, 32, "r", 0), in(32, 32, "f", 0))
	}
	return ""
}

func at(names []string, n uint64) string {
	if n < uint64(len(names)) {
		return names[n]
	}
	return ""
}

// stack is the name of one of x87's eight registers.
func stack(n uint64) string {
	if n < 8 {
		return "st(" + strconv.FormatUint(n, 10) + ")"
	}
	return ""
}

func firstOf(names ...string) string {
	for _, s := range names {
		if s != "" {
			return s
		}
	}
	return ""
}
