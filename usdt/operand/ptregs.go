package operand

import "debug/elf"

// PtRegs returns where the register lies in struct pt_regs of a running kernel
// of machine kernel, as a uprobe or a BPF program at one sees it: the byte
// offset of the slot of the whole register, which is as wide as the kernel's
// word. Load the slot, shift right by r.Shift, keep r.Width bytes. That holds
// in both byte orders, for the load gives a number.
//
// The kernel need not be of the program's machine: an i386 program under an
// x86-64 kernel has that kernel's 64-bit slots.
//
// ok is false where there is no such slot: a floating-point or vector
// register; a register that is always 0 (see Zero); r16 to r31 of x86-64,
// which the kernel saves elsewhere; an arm program under an aarch64 kernel,
// which refuses uprobes in it; a 32-bit program of riscv, mips or loongarch,
// whose kernel may be of either width and so have its slots elsewhere.
func (r Reg) PtRegs(kernel elf.Machine) (off int, ok bool) {
	if r.class != regGPR && r.class != regPC {
		return 0, false
	}
	n := int(r.num)
	pc := r.class == regPC
	switch kernel {
	case elf.EM_X86_64:
		// arch/x86/include/uapi/asm/ptrace.h: r15 first.
		if r.machine != elf.EM_X86_64 && r.machine != elf.EM_386 {
			return 0, false
		}
		if pc {
			return 128, true
		}
		if n < len(amd64PtRegs) {
			return int(amd64PtRegs[n]), true
		}
	case elf.EM_386:
		if r.machine != elf.EM_386 {
			return 0, false
		}
		if pc {
			return 48, true
		}
		if n < len(i386PtRegs) {
			return int(i386PtRegs[n]), true
		}
	case elf.EM_AARCH64:
		// struct user_pt_regs: regs[31], sp, pc.
		if r.machine == elf.EM_AARCH64 {
			return 8 * n, true
		}
	case elf.EM_ARM:
		// uregs[18]: r0 to r15, cpsr, orig_r0.
		if r.machine == elf.EM_ARM {
			return 4 * n, true
		}
	case elf.EM_PPC64:
		// gpr[32], nip, ...; a 32-bit program has the same slots.
		if r.machine == elf.EM_PPC64 || r.machine == elf.EM_PPC {
			return 8 * n, true
		}
	case elf.EM_PPC:
		if r.machine == elf.EM_PPC {
			return 4 * n, true
		}
	case elf.EM_S390:
		// user_pt_regs, with which struct pt_regs begins: args[1], psw of two
		// words, gprs[16]. 31-bit kernels are gone since Linux 4.1.
		if r.machine == elf.EM_S390 {
			return 24 + 8*n, true
		}
	case elf.EM_RISCV:
		// epc, then x1 to x31: x0's place is the program counter's.
		if r.machine == elf.EM_RISCV && !r.narrow {
			if pc {
				n = 0
			}
			return 8 * n, true
		}
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		// regs[32]; a 32-bit kernel has an argument area before them.
		if isMIPS(r.machine) && !r.narrow {
			return 8 * n, true
		}
	case elf.EM_LOONGARCH:
		// regs[32], orig_a0, csr_era, ...
		if r.machine == elf.EM_LOONGARCH && !r.narrow {
			return 8 * n, true
		}
	}
	return 0, false
}

// By x86's register numbers: ax, cx, dx, bx, sp, bp, si, di, r8 to r15.
var (
	amd64PtRegs = [...]uint8{80, 88, 96, 40, 152, 32, 104, 112, 72, 64, 56, 48, 24, 16, 8, 0}
	i386PtRegs  = [...]uint8{24, 4, 8, 0, 60, 20, 12, 16}
)
