package operand

import (
	"debug/elf"
	"testing"
)

// Operands that other packages put together print in their registers'
// notation.
func TestOperandString(t *testing.T) {
	reg := func(m elf.Machine, name string) Reg {
		r, ok := LookupReg(m, elf.ELFCLASS64, name)
		if !ok {
			t.Fatalf("no register %s", name)
		}
		return r
	}
	for _, tt := range []struct {
		o    Operand
		want string
	}{
		{Operand{}, "?"},
		{Operand{Kind: Constant, Value: -1}, "-1"},
		{Operand{Kind: Constant, Value: -1, Unsigned: true}, "18446744073709551615"},
		{Operand{Kind: Register, Reg: reg(elf.EM_X86_64, "rax")}, "%rax"},
		{Operand{Kind: Memory, Base: reg(elf.EM_X86_64, "rbp"), Disp: -8}, "-8(%rbp)"},
		{Operand{Kind: Memory, Base: reg(elf.EM_AARCH64, "sp"), Disp: 16}, "[sp, 16]"},
		{Operand{Kind: Memory, Base: reg(elf.EM_AARCH64, "x0"), Symbol: "s", Direct: true, Disp: 4}, "[x0, #:lo12:s+4]"},
		{Operand{Kind: Memory, Base: reg(elf.EM_S390, "r1"), Index: reg(elf.EM_S390, "r2"), Scale: 1}, "0(%r2,%r1)"},
		{Operand{Kind: Memory, Base: reg(elf.EM_LOONGARCH, "r4")}, "$r4,0"},
		{Operand{Kind: Memory, Base: reg(elf.EM_PPC64, "9"), Index: reg(elf.EM_PPC64, "10"), Scale: 1}, "r9,r10"},
	} {
		if got := tt.o.String(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.o, got, tt.want)
		}
	}
}

func TestKindString(t *testing.T) {
	for k, want := range map[Kind]string{Unparsed: "unparsed", Constant: "constant", Register: "register", Memory: "memory", 9: "unparsed"} {
		if k.String() != want {
			t.Errorf("%d: %s", k, k)
		}
	}
}
