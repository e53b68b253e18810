package insn

import "debug/elf"

// Uprobe says why Linux takes no uprobe on the instruction at the beginning of b on
// machines other than x86, and what else one should know; "" if nothing. The rules
// are those of arch/*/kernel/uprobes.c and what it calls, of Linux 6.1 and later.
func Uprobe(m elf.Machine, b []byte, addr uint64, order elf.Data, thumb bool) (refusal, warning string) {
	if len(b) < 2 || m != elf.EM_S390 && m != elf.EM_RISCV && len(b) < 4 {
		return "the file ends there", ""
	}
	big := order == elf.ELFDATA2MSB
	switch m {
	case elf.EM_AARCH64:
		return uprobeARM64(get32(b, false)), ""
	case elf.EM_ARM:
		if thumb {
			return "the kernel takes no uprobe on Thumb code", ""
		}
		return "", "a 64-bit kernel takes no uprobe in 32-bit Arm programs"
	case elf.EM_RISCV:
		return uprobeRISCV(b)
	case elf.EM_S390:
		return uprobeS390(b), ""
	case elf.EM_PPC64, elf.EM_PPC:
		return uprobePPC(get32(b, big), addr), ""
	case elf.EM_MIPS:
		if op := get32(b, big) >> 26; op == 50 || op == 58 {
			return "", "on processors of release 6 this is a compact branch, on which the kernel takes no uprobe"
		}
	case elf.EM_LOONGARCH:
		if op := get32(b, false) >> 24; op >= 0x20 && op <= 0x23 {
			return "the kernel takes no uprobe on ll and sc", ""
		}
	}
	return "", ""
}

// uprobeARM64: arch/arm64/kernel/probes/decode-insn.c. What it can't step out of
// line it must simulate, which it does for b, bl, br, blr, ret, adr, and the
// conditional branches.
func uprobeARM64(w uint32) string {
	switch {
	case w&0x3f800000 == 0x08000000:
		return "the kernel takes no uprobe on an exclusive load or store, whose pair would never succeed"
	case w&0xbf000000 == 0x18000000, w&0xff000000 == 0x98000000, w&0xff000000 == 0xd8000000:
		return "the kernel takes no uprobe on a load relative to the program counter"
	case w>>24 == 0xd4:
		return "the kernel takes no uprobe on an instruction that makes an exception (svc, brk, hlt)"
	case w&0xfffff01f == 0xd503201f && !steppableHint(w>>5&0x7f):
		return "the kernel takes no uprobe on this hint (of them it takes nop, bti, paciasp and the like; not autiasp, wfe, yield)"
	case w&0xfff00000 == 0xd5100000, w&0xfff8f01f == 0xd500401f:
		return "the kernel takes no uprobe on msr"
	case w&0xfffffbff == 0xd65f0bff, w&0xfefff800 == 0xd61f0800, w&0xfefff800 == 0xd63f0800,
		w&0xfffffbe0 == 0xd65f0be0, w&0xff800000 == 0x55000000:
		return "the kernel takes no uprobe on a branch or return with pointer authentication"
	case w == 0xd69f03e0, w&0xfffffbff == 0xd69f0bff:
		return "the kernel takes no uprobe on eret"
	}
	return ""
}

// steppableHint: aarch64_insn_is_steppable_hint.
func steppableHint(n uint32) bool {
	switch n {
	case 0, 7, 8, 10, 24, 25, 26, 27, 32, 34, 36, 38:
		return true
	}
	return false
}

// uprobeRISCV: arch/riscv/kernel/probes/decode-insn.c. Compressed branches were
// refused before Linux 6.6, which simulates them.
func uprobeRISCV(b []byte) (refusal, warning string) {
	h := get16(b, false)
	const old = "Linux before 6.6 takes no uprobe on a compressed branch or return"
	switch {
	case h&0x7f == 0x73:
		return "the kernel takes no uprobe on a system instruction (ecall, ebreak, csr...)", ""
	case h&0x7f == 0x0f:
		return "the kernel takes no uprobe on fence", ""
	case h == 0x9002:
		return "the kernel takes no uprobe on c.ebreak", ""
	case h&3 == 1 && h>>13 >= 5, h&0xe07f == 0x8002 && h>>7&31 != 0:
		return "", old
	}
	return "", ""
}

// uprobeS390: probe_is_prohibited_opcode of arch/s390/lib/probes.c.
func uprobeS390(b []byte) string {
	switch b[0] {
	case 0x0b, 0x0c, 0x44, 0x83, 0xac, 0xad:
		return "the kernel takes no uprobe on bsm, bassm, diag, ex, stnsm, stosm"
	case 0xc6:
		if b[1]&15 == 0 {
			return "the kernel takes no uprobe on exrl"
		}
	}
	switch get16(b, true) {
	case 0x0101, 0xb25a, 0xb240, 0xb258, 0xb218, 0xb228, 0xb98d, 0xe560, 0xe561, 0xb2f8:
		return "the kernel takes no uprobe on a program call, transaction or state instruction"
	}
	return ""
}

// uprobePPC: arch/powerpc/kernel/uprobes.c and can_single_step.
func uprobePPC(w uint32, addr uint64) string {
	switch w >> 26 {
	case 1:
		if addr&0x3f == 60 {
			return "a prefixed instruction may not cross a 64-byte boundary"
		}
	case 2, 3:
		return "the kernel takes no uprobe on a trap"
	case 17:
		return "the kernel takes no uprobe on sc"
	case 31:
		if x := w >> 1 & 0x3ff; x == 4 || x == 68 {
			return "the kernel takes no uprobe on a trap"
		}
	}
	return ""
}
