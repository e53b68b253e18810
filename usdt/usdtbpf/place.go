package usdtbpf

import (
	"debug/elf"
	"encoding/binary"
	"runtime"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt"
)

// A Place is where a program is entered, and what operands mean there. It is not
// changed by its methods.
type Place struct {
	// Machine, Class and Order are the file's, and Fixed is set where it is loaded
	// at its link-time addresses (ET_EXEC).
	Machine elf.Machine
	Class   elf.Class
	Order   elf.Data
	Fixed   bool

	// Kernel is the machine of the running kernel, whose struct pt_regs it is;
	// EM_NONE is the machine that this package was built for. Set it in a 32-bit
	// program under a 64-bit kernel.
	Kernel elf.Machine

	// Addr is the link-time address of the instruction that is probed.
	Addr elfsym.Addr

	// Symbols are the link-time addresses of symbols that operands name.
	Symbols usdt.Symbols
}

// At is the place at an address of a file, for operands that name no symbols.
func At(f *elfsym.File, addr elfsym.Addr) Place {
	return Place{Machine: f.Machine(), Class: f.Class(), Order: f.ByteOrder(), Fixed: f.Type() == elf.ET_EXEC, Addr: addr}
}

// Places are the places of USDT sites, in their order. The symbols that their
// operands name are looked up together, in one pass over the symbol tables, and none
// if they name none. With an error the places stand, without what was not found.
func Places(f *elfsym.File, sites []usdt.Site) ([]Place, error) {
	syms := usdt.Symbols{}
	places := make([]Place, len(sites))
	for i := range sites {
		syms.Names(sites[i].Args())
		places[i] = At(f, sites[i].Addr)
		places[i].Symbols = syms
	}
	if len(syms) == 0 {
		return places, nil
	}
	for name := range syms {
		if strings.HasSuffix(name, gotOff) {
			syms[gotSymbol] = 0
			break
		}
	}
	return places, syms.Resolve(f)
}

// kernel is the machine whose struct pt_regs it is.
func (p *Place) kernel() elf.Machine {
	if p.Kernel != elf.EM_NONE {
		return p.Kernel
	}
	return hosts[runtime.GOARCH]
}

var hosts = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "386": elf.EM_386, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "s390x": elf.EM_S390,
	"riscv64": elf.EM_RISCV, "ppc64": elf.EM_PPC64, "ppc64le": elf.EM_PPC64, "loong64": elf.EM_LOONGARCH,
	"mips64": elf.EM_MIPS, "mips64le": elf.EM_MIPS,
}

// pcOffset is where the program counter lies in the kernel's struct pt_regs.
func (p *Place) pcOffset() (int, bool) {
	switch p.kernel() {
	case elf.EM_X86_64:
		return 128, true
	case elf.EM_386:
		return 48, true
	case elf.EM_AARCH64: // behind regs[31] and sp
		return 256, true
	case elf.EM_ARM:
		return 60, true
	case elf.EM_S390: // the second word of the PSW, behind args[1]
		return 16, true
	case elf.EM_RISCV:
		return 0, true
	case elf.EM_PPC64: // nip, behind gpr[32]
		return 256, true
	case elf.EM_LOONGARCH: // csr_era, behind regs[32] and orig_a0
		return 264, true
	}
	return 0, false
}

// kernelWord is how wide a slot of struct pt_regs is, in bytes.
func (p *Place) kernelWord() int {
	switch p.kernel() {
	case elf.EM_386, elf.EM_ARM, elf.EM_PPC:
		return 4
	}
	return 8
}

// regBytes is how wide the program's registers are: x32's are x86-64's.
func (p *Place) regBytes() int {
	if p.Class == elf.ELFCLASS32 && p.Machine != elf.EM_X86_64 {
		return 4
	}
	return 8
}

// addressBits is how wide the program's addresses are.
func (p *Place) addressBits() int {
	switch {
	case p.Class != elf.ELFCLASS32:
		return 64
	case p.Machine == elf.EM_S390:
		return 31
	}
	return 32
}

// order is the byte order of the program, and so of the kernel.
func (p *Place) order() binary.ByteOrder {
	if p.Order == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
