package consumer

import (
	"debug/elf"
	"strings"

	"github.com/probels/probels/usdt/operand"
)

var (
	perfX86     = once(`^[+-]?[0-9]*\(?%[a-z][a-z0-9]+\)?$`)
	perfARM64   = once(`^x[1-2]?[0-9]$|^3[0-1]$`)
	perfARM64SP = once(`^\[sp(, )?([0-9]+)?\]$`)
	perfPPC     = once(`^(%r)?([1-2]?[0-9]|3[0-1])$`)
	perfPPCMem  = once(`^-?[0-9]+\((%r)?([1-2]?[0-9]|3[0-1])\)$`)
)

func perf(p Program, a *operand.Arg) Finding {
	if !a.NoSize && !number(a.Size) {
		return fails("perf refuses a size of %d, and then drops all probes of the file", a.Size)
	}
	text := body(a)
	ok := false
	switch p.Machine {
	case elf.EM_X86_64, elf.EM_386:
		ok = perfX86().MatchString(text) && !strings.ContainsAny(text, "$,")
	case elf.EM_AARCH64:
		ok = perfARM64().MatchString(text) || perfARM64SP().MatchString(text)
	case elf.EM_PPC64, elf.EM_PPC:
		ok = perfPPC().MatchString(text) || perfPPCMem().MatchString(text)
	default:
		return fails("perf reads no arguments of %s programs", machineOf(p))
	}
	switch {
	case ok && a.Float:
		return misreads("perf reads the bits as an integer")
	case ok:
		return reads
	case a.Kind == operand.Constant:
		return fails("perf drops constants")
	case a.Symbol != "":
		return fails("perf looks up no symbols")
	case a.Kind == operand.Memory && a.Index.Name != "":
		return fails("perf drops operands with an index register")
	}
	return fails("perf has no format for it")
}
