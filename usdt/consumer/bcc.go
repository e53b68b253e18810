package consumer

import (
	"debug/elf"
	"strings"
	"sync"

	"github.com/probels/probels/usdt/operand"
)

const renumbered = "; bcc leaves it out and gives the next ones wrong numbers"

// bccFormats are the forms of src/cc/usdt/usdt_args.cc, without "N@".
var bccFormats = sync.OnceValue(func() map[elf.Machine][]string {
	return map[elf.Machine][]string{
		elf.EM_X86_64: {
			"$H", "%R",
			"(%R)", "H(%R)", "(%R,%R)", "H(%R,%R)", "(%R,%R,H)", "H(%R,%R,H)",
			"I(%R)", "I+H(%R)", "I-H(%R)", "H+I(%R)",
		},
		elf.EM_AARCH64:   {"H", "R", "[R]", "[R,H]", "[R, H]", "[R,R]", "[R, R]"},
		elf.EM_PPC64:     {"iH", "%R", "U", "H(%R)", "H(U)", "U,U", "%R,%R"},
		elf.EM_S390:      {"H", "%R", "H(%R)", "H(%R,%R)", "(%R)"},
		elf.EM_RISCV:     {"H", "R", "H(R)"},
		elf.EM_LOONGARCH: {"H", "$R", "[$R,H]", "[$R, H]", "[$R]"},
	}
})

var bccX86Registers = once(`^([re]?[abcd]x|[abcd]l|[re]?[sd]i|[sd]il|[re]?[sb]p|[sb]pl|[re]?ip|r([89]|1[0-5])[dwb]?|xmm[0-9]+)$`)
var bccARM64Registers = once(`^(x([12]?[0-9]|3[01])|sp)$`)
var bccRISCVRegisters = once(`^(ra|sp|gp|tp|fp|pc|a[0-7]|s([0-9]|1[01])|t[0-6])$`)

var bccS390Registers = once(`^r([0-9]|1[0-5])$`)

// bcc is the parser of BCC, which bpftrace has too.
func bcc(p Program, a *operand.Arg) Finding { return bccParser("bcc", p, a) }

// bpftrace reads what BCC's parser gives it, as an integer of its size. A symbol
// it does not look up: it says "deref ident is not handled yet" and reads at the
// program counter, where the breakpoint is (0.17, seen; the same in later
// sources).
func bpftrace(p Program, a *operand.Arg) Finding {
	f := bccParser("bpftrace", p, a)
	switch {
	case f.Verdict == Fails:
	case a.Symbol != "":
		return misreads("bpftrace does not look up %s and reads the instruction at the probe", a.Symbol)
	case f.Verdict == Reads && !number(a.Size):
		return fails("bpftrace reads sizes 1, 2, 4 and 8, not %d", a.Size)
	}
	return f
}

// bpftraceArgs is how many arguments bpftrace has words for, arg0 and on: as
// many as a function has registers for them (src/arch). 0.24 lifted that for
// USDT probes.
func bpftraceArgs(m elf.Machine) int {
	switch m {
	case elf.EM_X86_64:
		return 6
	case elf.EM_S390:
		return 5
	case elf.EM_AARCH64, elf.EM_PPC64, elf.EM_RISCV, elf.EM_LOONGARCH:
		return 8
	}
	return 0
}

// byNumber is what becomes of the arguments that a user of BCC's parser can
// reach only by their number: one that it cannot parse is left out, and those
// behind it have other numbers or, in 0.26, none.
func byNumber(c Consumer, p Program, out []Finding) {
	lost := false
	for i := range out {
		if lost {
			out[i] = fails("%s loses it with an argument before it", c)
		} else if strings.HasSuffix(out[i].Reason, renumbered) {
			lost = true
		} else if n := bpftraceArgs(p.Machine); c == Bpftrace && n > 0 && i >= n && out[i].Verdict == Reads {
			out[i] = fails("bpftrace before 0.24 has no arg%d on %s", i, machineOf(p))
		}
	}
}

func bccParser(tool string, p Program, a *operand.Arg) Finding {
	formats := bccFormats()[p.Machine]
	if formats == nil || p.Class != elf.ELFCLASS64 {
		return fails("%s reads no arguments of %s programs", tool, machineOf(p))
	}
	if a.Float {
		return fails("%s has no size with \"f\"%s", tool, renumbered)
	}
	holes, format, ok := whole(body(a), formats...)
	if !ok {
		return fails("%s has no format for it%s", tool, renumbered)
	}
	switch p.Machine {
	case elf.EM_X86_64:
		return bccX86(tool, p, a, holes, format)
	case elf.EM_AARCH64:
		if !allRegisters(holes, bccARM64Registers().MatchString) {
			return fails("%s knows no such register%s", tool, renumbered)
		}
		if !number(a.Size) {
			return fails("%s knows no size %d%s", tool, a.Size, renumbered)
		}
	case elf.EM_RISCV:
		if !allRegisters(holes, bccRISCVRegisters().MatchString) {
			return fails("%s knows no such register%s", tool, renumbered)
		}
		if !number(a.Size) {
			return fails("%s knows no size %d%s", tool, a.Size, renumbered)
		}
	case elf.EM_PPC64:
		switch {
		case a.NoSize:
			return fails("%s needs a size (N@) here%s", tool, renumbered)
		case !number(a.Size):
			return fails("%s knows no size %d%s", tool, a.Size, renumbered)
		case a.Kind == operand.Memory && a.Index.Name != "" && a.Size != 1:
			return misreads("%s multiplies the second register by the size", tool)
		}
	case elf.EM_S390:
		if !allRegisters(holes, bccS390Registers().MatchString) {
			return fails("%s knows no such register%s", tool, renumbered)
		}
		if format == "(%R)" {
			return misreads("%s reads the register, not what it points to", tool)
		}
	case elf.EM_LOONGARCH:
		if format == "[$R]" {
			return misreads("%s reads the register, not what it points to", tool)
		}
	}
	return reads
}

func bccX86(tool string, p Program, a *operand.Arg, holes []string, format string) Finding {
	symbol := a.Symbol != ""
	if !allRegisters(holes, func(r string) bool { return symbol && r == a.Symbol || bccX86Registers().MatchString(r) }) {
		return fails("%s knows no such register%s", tool, renumbered)
	}
	switch {
	case a.Kind == operand.Register && len(a.Reg.Name) > 3 && a.Reg.Name[:3] == "xmm":
		return misreads("%s reads 0 for a vector register", tool)
	case a.NoSize && a.Kind == operand.Register && a.Reg.Width < 8:
		return misreads("%s takes it for signed, of %d bytes", tool, a.Reg.Width)
	case symbol && a.Base.Name != "rip":
		return fails("%s knows symbols with %%rip only%s", tool, renumbered)
	case symbol && !p.defines(a.Symbol):
		return fails("%s does not find the symbol %s in the file", tool, a.Symbol)
	case symbol && p.Type != elf.ET_EXEC:
		return misreads("%s reads the link-time address of %s, and the file is loaded elsewhere", tool, a.Symbol)
	}
	return reads
}

// allRegisters tells whether each hole that is not a number is a register.
func allRegisters(holes []string, known func(string) bool) bool {
	for _, h := range holes {
		if c := h[0]; c != '-' && c != '+' && !isDigit(c) && !known(h) {
			return false
		}
	}
	return true
}
