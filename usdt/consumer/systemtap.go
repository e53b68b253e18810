package consumer

import (
	"debug/elf"
	"regexp"
	"strings"
	"sync"

	"github.com/probels/probels/usdt/operand"
)

var stapRegisters = sync.OnceValue(func() map[elf.Machine]func() *regexp.Regexp {
	return map[elf.Machine]func() *regexp.Regexp{
		elf.EM_AARCH64: once(`^(x([12]?[0-9]|30)|w([12]?[0-9]|30)|sp|v([12]?[0-9]|3[01]))$`),
		elf.EM_ARM:     once(`^(r([0-9]|1[0-5])|fp|ip|sp|lr|pc)$`),
		elf.EM_RISCV:   once(`^(x([12]?[0-9]|3[01])|ra|sp|gp|tp|fp|a[0-7]|s([0-9]|1[01])|t[0-6])$`),
	}
})

func systemtap(p Program, a *operand.Arg) Finding {
	text := body(a)
	if a.Err != nil || a.Kind == operand.Unparsed {
		return fails("systemtap has no format for it")
	}
	if !a.NoSize && !number(a.Size) {
		if a.Size <= 8 {
			return fails("systemtap knows no size %d", a.Size)
		}
		return misreads("systemtap reads the first word of a value of %d bytes", a.Size)
	}
	if strings.Contains(strings.ToLower(text), "0x") {
		return fails("systemtap reads decimal numbers only")
	}
	if a.Kind == operand.Constant && a.Symbol == "" {
		return stapConstant(p, text)
	}
	if a.Symbol != "" {
		return stapSymbol(p, a, text)
	}
	regs := []operand.Reg{a.Reg, a.Base, a.Index}
	switch p.Machine {
	case elf.EM_X86_64, elf.EM_386:
		if a.Segment != "" {
			return fails("systemtap reads no %%%s: addresses", a.Segment)
		}
		if strings.HasSuffix(text, ",0)") {
			return fails("systemtap knows no scale 0")
		}
	case elf.EM_AARCH64, elf.EM_ARM, elf.EM_RISCV:
		if strings.Contains(text, "x31") && p.Machine == elf.EM_AARCH64 {
			return fails("systemtap knows no register x31")
		}
		if strings.ContainsAny(text, "<>") || a.Extend != operand.NoExtend || a.Scale > 1 || a.Scale < 0 || p.Machine == elf.EM_ARM && a.Index.Name != "" {
			return fails("systemtap knows no shifted or extended index")
		}
		for _, r := range regs {
			if r.Name != "" && !stapRegisters()[p.Machine]().MatchString(r.Name) {
				return fails("systemtap knows no register %s", r.Name)
			}
		}
	case elf.EM_PPC64, elf.EM_PPC, elf.EM_S390:
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		if a.Kind == operand.Register && strings.HasPrefix(text, "$") && len(text) > 1 && isDigit(text[1]) {
			return fails("systemtap takes %s for a number", text)
		}
	default:
		return fails("systemtap reads no arguments of %s programs", machineOf(p))
	}
	return reads
}

// stapConstant: a literal is "i", "$" or "#" and a number; bare on aarch64 and
// mips only.
func stapConstant(p Program, text string) Finding {
	bare := p.Machine == elf.EM_AARCH64 || p.Machine == elf.EM_MIPS || p.Machine == elf.EM_MIPS_RS3_LE
	if _, _, ok := whole(text, "iD", "$D", "#D"); ok {
		return reads
	}
	if _, _, ok := whole(text, "D"); !ok {
		return fails("systemtap evaluates no expressions")
	}
	if !bare {
		return fails("systemtap knows no constants on %s", machineOf(p))
	}
	return reads
}

func stapSymbol(p Program, a *operand.Arg, text string) Finding {
	if _, _, ok := whole(text, "I", "I+U", "H+I", "I(%R)", "I+U(%R)", "H+I(%R)"); !ok {
		return fails("systemtap has no format for this use of a symbol")
	}
	if a.Base.Name != "" && a.Base.Name != "rip" {
		return fails("systemtap knows symbols with %%rip only")
	}
	if !p.defines(a.Symbol) {
		return fails("systemtap does not find the symbol %s in the file", a.Symbol)
	}
	return reads
}
