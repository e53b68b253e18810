package usdtbpf_test

import (
	"debug/elf"
	"fmt"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
	"github.com/probels/probels/usdt/usdtbpf"
)

// A variable is found by its distance from the probe, wherever the program was loaded; pt_regs
// of x86-64 has the program counter at 128.
func ExamplePlace_Fetch() {
	p := usdtbpf.Place{
		Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Order: elf.ELFDATA2LSB, Kernel: elf.EM_X86_64,
		Addr: 0x1150, Symbols: usdt.Symbols{"counter": elfsym.Addr(0x4010)},
	}
	for _, a := range operand.ParseArgs(p.Machine, p.Class, "1@%ah -4@counter(%rip) 4@%xmm0") {
		ins, err := p.Fetch(a, -8)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s\n%v", a.Text, ins)
	}
	// Output:
	// 1@%ah
	//	 0: LdXMemDW dst: r1 src: r6 off: 80 imm: 0
	//	 1: RShImm dst: r1 imm: 8
	//	 2: LShImm dst: r1 imm: 56
	//	 3: RShImm dst: r1 imm: 56
	//	 4: StXMemDW dst: rfp src: r1 off: -8 imm: 0
	//	 5: MovImm dst: r0 imm: 0
	// -4@counter(%rip)
	//	 0: LdXMemDW dst: r3 src: r6 off: 128 imm: 0
	//	 1: AddImm dst: r3 imm: 11968
	//	 2: MovReg dst: r1 src: rfp
	//	 3: AddImm dst: r1 imm: -8
	//	 4: MovImm dst: r2 imm: 4
	//	 5: Call FnProbeReadUser
	//	 6: LdXMemW dst: r1 src: rfp off: -8 imm: 0
	//	 7: LShImm dst: r1 imm: 32
	//	 8: ArShImm dst: r1 imm: 32
	//	 9: StXMemDW dst: rfp src: r1 off: -8 imm: 0
	// argument 4@%xmm0: xmm0: the kernel does not keep the register in pt_regs, which is all that an eBPF program at a uprobe sees
}
