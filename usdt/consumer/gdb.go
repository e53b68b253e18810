package consumer

import (
	"debug/elf"
	"strings"

	"github.com/probels/probels/usdt/operand"
)

// gdb evaluates constants with all operators, registers, and a displacement
// from a register; an index only on x86. It knows no symbols and no "f".
func gdb(p Program, a *operand.Arg) Finding {
	switch {
	case a.Float:
		return fails("gdb has no size with \"f\"")
	case !a.NoSize && !number(a.Size):
		return fails("gdb reads sizes 1, 2, 4 and 8, not %d", a.Size)
	case a.Err != nil || a.Kind == operand.Unparsed:
		return fails("gdb has no format for it")
	case a.Symbol != "":
		return fails("gdb looks up no symbols")
	case strings.Contains(strings.ToLower(body(a)), "0x"):
		return fails("gdb reads decimal numbers only")
	case a.Segment != "":
		return fails("gdb reads no %%%s: addresses", a.Segment)
	}
	switch p.Machine {
	case elf.EM_X86_64, elf.EM_386:
	case elf.EM_AARCH64, elf.EM_ARM, elf.EM_PPC64, elf.EM_PPC, elf.EM_S390, elf.EM_RISCV:
		if a.Kind == operand.Memory && a.Index.Name != "" {
			return fails("gdb knows an index register on x86 only")
		}
	default:
		return fails("gdb reads no arguments of %s programs", machineOf(p))
	}
	if a.Kind == operand.Constant && a.Unsigned {
		return misreads("gdb reads %s as 2^63-1", body(a))
	}
	return reads
}
