package operand

import (
	"debug/elf"
	"testing"
)

// Offsets as the kernel's headers give them: offsetof in the uapi structs,
// compiled for each machine.
func TestPtRegs(t *testing.T) {
	for _, tt := range []struct {
		machine, reg string
		kernel       elf.Machine
		want         int // -1: none
	}{
		{"x86_64", "r15", elf.EM_X86_64, 0}, {"x86_64", "r14", elf.EM_X86_64, 8}, {"x86_64", "r13d", elf.EM_X86_64, 16},
		{"x86_64", "r12", elf.EM_X86_64, 24}, {"x86_64", "rbp", elf.EM_X86_64, 32}, {"x86_64", "rbx", elf.EM_X86_64, 40},
		{"x86_64", "r11", elf.EM_X86_64, 48}, {"x86_64", "r10w", elf.EM_X86_64, 56}, {"x86_64", "r9b", elf.EM_X86_64, 64},
		{"x86_64", "r8", elf.EM_X86_64, 72}, {"x86_64", "ah", elf.EM_X86_64, 80}, {"x86_64", "ecx", elf.EM_X86_64, 88},
		{"x86_64", "dx", elf.EM_X86_64, 96}, {"x86_64", "sil", elf.EM_X86_64, 104}, {"x86_64", "edi", elf.EM_X86_64, 112},
		{"x86_64", "rip", elf.EM_X86_64, 128}, {"x86_64", "rsp", elf.EM_X86_64, 152},
		{"x86_64", "r16", elf.EM_X86_64, -1}, {"x86_64", "xmm0", elf.EM_X86_64, -1}, {"x86_64", "rax", elf.EM_386, -1},
		{"x86_64", "rax", elf.EM_AARCH64, -1},
		{"x32", "eax", elf.EM_X86_64, 80},
		{"i386", "eax", elf.EM_X86_64, 80}, {"i386", "eip", elf.EM_X86_64, 128}, {"i386", "esp", elf.EM_X86_64, 152},
		{"i386", "ebx", elf.EM_386, 0}, {"i386", "ecx", elf.EM_386, 4}, {"i386", "dh", elf.EM_386, 8}, {"i386", "esi", elf.EM_386, 12},
		{"i386", "edi", elf.EM_386, 16}, {"i386", "ebp", elf.EM_386, 20}, {"i386", "eax", elf.EM_386, 24},
		{"i386", "eip", elf.EM_386, 48}, {"i386", "esp", elf.EM_386, 60},
		{"aarch64", "x0", elf.EM_AARCH64, 0}, {"aarch64", "w19", elf.EM_AARCH64, 152}, {"aarch64", "fp", elf.EM_AARCH64, 232},
		{"aarch64", "lr", elf.EM_AARCH64, 240}, {"aarch64", "sp", elf.EM_AARCH64, 248}, {"aarch64", "x31", elf.EM_AARCH64, 248},
		{"aarch64", "xzr", elf.EM_AARCH64, -1}, {"aarch64", "d0", elf.EM_AARCH64, -1},
		{"arm", "r4", elf.EM_ARM, 16}, {"arm", "fp", elf.EM_ARM, 44}, {"arm", "ip", elf.EM_ARM, 48}, {"arm", "sp", elf.EM_ARM, 52},
		{"arm", "lr", elf.EM_ARM, 56}, {"arm", "pc", elf.EM_ARM, 60}, {"arm", "v8", elf.EM_ARM, 44}, {"arm", "a1", elf.EM_ARM, 0},
		{"arm", "r4", elf.EM_AARCH64, -1}, {"arm", "s0", elf.EM_ARM, -1},
		{"ppc64", "r31", elf.EM_PPC64, 248}, {"ppc64", "9", elf.EM_PPC64, 72}, {"ppc", "9", elf.EM_PPC64, 72},
		{"ppc", "9", elf.EM_PPC, 36}, {"ppc64", "9", elf.EM_PPC, -1}, {"ppc64", "f1", elf.EM_PPC64, -1},
		{"s390x", "r0", elf.EM_S390, 24}, {"s390x", "r15", elf.EM_S390, 144}, {"s390", "r2", elf.EM_S390, 40},
		{"s390x", "f0", elf.EM_S390, -1}, {"s390x", "a0", elf.EM_S390, -1},
		{"riscv64", "pc", elf.EM_RISCV, 0}, {"riscv64", "ra", elf.EM_RISCV, 8}, {"riscv64", "sp", elf.EM_RISCV, 16},
		{"riscv64", "t0", elf.EM_RISCV, 40}, {"riscv64", "s0", elf.EM_RISCV, 64}, {"riscv64", "fp", elf.EM_RISCV, 64},
		{"riscv64", "a0", elf.EM_RISCV, 80}, {"riscv64", "s2", elf.EM_RISCV, 144}, {"riscv64", "s11", elf.EM_RISCV, 216},
		{"riscv64", "t3", elf.EM_RISCV, 224}, {"riscv64", "t6", elf.EM_RISCV, 248}, {"riscv64", "x31", elf.EM_RISCV, 248},
		{"riscv64", "zero", elf.EM_RISCV, -1}, {"riscv64", "fa0", elf.EM_RISCV, -1}, {"riscv32", "a0", elf.EM_RISCV, -1},
		{"mips64", "2", elf.EM_MIPS, 16}, {"mips64", "fp", elf.EM_MIPS, 240}, {"mips64", "a4", elf.EM_MIPS, 64},
		{"mips64", "t0", elf.EM_MIPS, 96}, {"mips64", "s7", elf.EM_MIPS, 184}, {"mips64", "t9", elf.EM_MIPS, 200},
		{"mips64", "0", elf.EM_MIPS, -1}, {"mips", "2", elf.EM_MIPS, -1}, {"mips64", "f0", elf.EM_MIPS, -1},
		{"loongarch64", "a0", elf.EM_LOONGARCH, 32}, {"loongarch64", "t8", elf.EM_LOONGARCH, 160},
		{"loongarch64", "fp", elf.EM_LOONGARCH, 176}, {"loongarch64", "s8", elf.EM_LOONGARCH, 248},
		{"loongarch64", "sp", elf.EM_LOONGARCH, 24}, {"loongarch64", "r0", elf.EM_LOONGARCH, -1},
	} {
		m := machines[tt.machine]
		r, ok := LookupReg(m.m, m.c, tt.reg)
		if !ok {
			t.Errorf("%s: no register %s", tt.machine, tt.reg)
			continue
		}
		off, ok := r.PtRegs(tt.kernel)
		if ok != (tt.want >= 0) || ok && off != tt.want {
			t.Errorf("%s %s under %v: %d, %v; want %d", tt.machine, tt.reg, tt.kernel, off, ok, tt.want)
		}
	}
	if _, ok := (Reg{}).PtRegs(elf.EM_X86_64); ok {
		t.Error("the zero Reg has a place")
	}
}

func TestZero(t *testing.T) {
	for _, tt := range []struct {
		machine, text string
		want          bool
	}{
		{"aarch64", "8@xzr", true}, {"aarch64", "4@wzr", true}, {"aarch64", "8@sp", false},
		{"mips64", "8@$0", true}, {"riscv64", "8@x0", true}, {"loongarch64", "8@$zero", true},
		{"ppc64", "8@0", false}, {"s390x", "8@%r0", false}, {"x86_64", "8@%rax", false},
	} {
		m := machines[tt.machine]
		if a := ParseArg(m.m, m.c, tt.text); a.Reg.Zero() != tt.want {
			t.Errorf("%s %s: %v", tt.machine, tt.text, a.Reg.Zero())
		}
	}
	// In an address register 0 is the number 0 on two machines, but not as
	// the second of powerpc's pair.
	for _, tt := range []struct {
		machine, text string
		base, index   bool
	}{
		{"ppc64", "8@8(0)", true, false}, {"ppc64", "8@0,9", true, false}, {"ppc64", "8@9,0", false, false},
		{"s390x", "8@8(%r0)", true, false}, {"s390x", "8@8(%r0,%r1)", false, true},
	} {
		m := machines[tt.machine]
		a := ParseArg(m.m, m.c, tt.text)
		if a.Base.Zero() != tt.base || a.Index.Zero() != tt.index {
			t.Errorf("%s %s: base %v, index %v", tt.machine, tt.text, a.Base.Zero(), a.Index.Zero())
		}
	}
}
