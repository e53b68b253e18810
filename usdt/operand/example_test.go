package operand_test

import (
	"debug/elf"
	"errors"
	"fmt"

	"github.com/probels/probels/usdt/operand"
)

func ExampleParseArgs() {
	// python:function__entry and a few others, of an x86-64 file.
	for _, a := range operand.ParseArgs(elf.EM_X86_64, elf.ELFCLASS64, "8@%rbp -4@112(%rsp) 1@$1 -4@24+mp_(%rip)") {
		switch a.Kind {
		case operand.Constant:
			fmt.Println(a.Size, a.Signed, "constant", a.Value)
		case operand.Register:
			fmt.Println(a.Size, a.Signed, "register", a.Reg.Name)
		case operand.Memory:
			fmt.Println(a.Size, a.Signed, "memory", a.Base.Name, a.Symbol, a.Disp)
		}
	}
	// Output:
	// 8 false register rbp
	// 4 true memory rsp  112
	// 1 false constant 1
	// 4 true memory rip mp_ 24
}

// The string belongs to the file's machine: the same text means other things.
func ExampleParseArgs_machines() {
	for _, m := range []elf.Machine{elf.EM_PPC64, elf.EM_RISCV, elf.EM_X86_64} {
		a := operand.ParseArgs(m, elf.ELFCLASS64, "8@10")[0]
		fmt.Println(m, a.Kind, a)
	}
	// Output:
	// EM_PPC64 register 8@r10
	// EM_RISCV constant 8@10
	// EM_X86_64 memory 8@10
}

// An argument that cannot be read does not hide the others.
func ExampleParseArgs_errors() {
	for i, a := range operand.ParseArgs(elf.EM_AARCH64, elf.ELFCLASS64, "8@x0 4@[x32,200] -4@[sp, 12]") {
		var e *operand.ParseError
		if errors.As(a.Err, &e) {
			fmt.Printf("%d: %s at byte %d of %s\n", i, e.Reason, e.Pos, a.Text)
			continue
		}
		fmt.Printf("%d: %s\n", i, a)
	}
	// Output:
	// 0: 8@x0
	// 1: no such register for a base at byte 3 of 4@[x32,200]
	// 2: -4@[sp, 12]
}

func ExampleAppendArgs() {
	var args []operand.Arg // reused: no allocation once it has grown
	for _, spec := range []string{"8@x19 8@[x19, 136]", "-4@w0"} {
		args = operand.AppendArgs(args[:0], elf.EM_AARCH64, elf.ELFCLASS64, spec)
		fmt.Println(len(args), args[0].Reg.Name)
	}
	// Output:
	// 2 x19
	// 1 w0
}

func ExampleParseArg() {
	a := operand.ParseArg(elf.EM_AARCH64, elf.ELFCLASS64, "4@[x21, #:lo12:.LANCHOR2]")
	fmt.Println(a.Symbol, a.Direct)
	// Output: .LANCHOR2 true
}

func ExampleReg_PtRegs() {
	a := operand.ParseArg(elf.EM_X86_64, elf.ELFCLASS64, "1@%ah")
	off, ok := a.Reg.PtRegs(elf.EM_X86_64)
	fmt.Println(off, ok, a.Reg.Shift, a.Reg.Width)

	a = operand.ParseArg(elf.EM_386, elf.ELFCLASS32, "4@%eax")
	off64, _ := a.Reg.PtRegs(elf.EM_X86_64)
	off32, _ := a.Reg.PtRegs(elf.EM_386)
	fmt.Println(off64, off32)
	// Output:
	// 80 true 8 1
	// 80 24
}

func ExampleArg_String() {
	a := operand.ParseArg(elf.EM_X86_64, elf.ELFCLASS64, "-4@-8+3+1(%rbp,%rax)")
	fmt.Println(a)
	// Output: -4@-4(%rbp,%rax,1)
}

func ExampleLookupReg() {
	r, ok := operand.LookupReg(elf.EM_X86_64, elf.ELFCLASS64, "r8d")
	fmt.Println(r.Name, r.Width, ok)
	_, ok = operand.LookupReg(elf.EM_386, elf.ELFCLASS32, "r8d")
	fmt.Println(ok)
	// Output:
	// r8d 4 true
	// false
}

func ExampleSupported() {
	fmt.Println(operand.Supported(elf.EM_S390), operand.Supported(elf.EM_IA_64))
	// Output: true false
}

func ExampleReg_Zero() {
	a := operand.ParseArg(elf.EM_PPC64, elf.ELFCLASS64, "4@16(0)")
	fmt.Println(a.Base.Name, a.Base.Zero())
	// Output: r0 true
}
