package consumer

import (
	"debug/elf"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/probels/probels/usdt/operand"
)

// libbpfFormats are usdt.c's sscanf formats in the order in which they are
// tried: the first that fits decides. The names behind them say which holes are
// what: s size, d displacement, r register, k scale, c constant.
var libbpfFormats = sync.OnceValue(func() map[elf.Machine][][2]string {
	return map[elf.Machine][][2]string{
		elf.EM_X86_64: {
			{" D @ D ( %* , %* , D )", "sdrrk"},
			{" D @ ( %* , %* , D )", "srrk"},
			{" D @ D ( %* , %R )", "sdrr"},
			{" D @ ( %* , %R )", "srr"},
			{" D @ D ( %R )", "sdr"},
			{" D @ ( %R )", "sr"},
			{" D @ %R", "sr"},
			{" D @ $D", "sc"},
		},
		elf.EM_S390: {
			{" D @ D ( %R )", "sdr"},
			{" D @ %R", "sr"},
			{" D @ D", "sc"},
		},
		elf.EM_AARCH64: {
			{" D @ [ R , D ]", "srd"},
			{" D @ [ R ]", "sr"},
			{" D @ D", "sc"},
			{" D @ R", "sr"},
		},
		elf.EM_ARM: {
			{" D @ [ R , #D ]", "srd"},
			{" D @ [ R ]", "sr"},
			{" D @ #D", "sc"},
			{" D @ R", "sr"},
		},
		elf.EM_RISCV: {
			{" D @ D ( R )", "sdr"},
			{" D @ D", "sc"},
			{" D @ R", "sr"},
		},
	}
})

// libbpfRegisters are the registers in usdt.c's table of each machine.
var libbpfRegisters = sync.OnceValue(func() map[elf.Machine]func() *regexp.Regexp {
	return map[elf.Machine]func() *regexp.Regexp{
		elf.EM_X86_64:  once(`^([re]?[abcd]x|[abcd]l|[re]?[sd]i|[sd]il|[re]?[sb]p|[sb]pl|[re]?ip|r([89]|1[0-5])[dwb]?)$`),
		elf.EM_S390:    once(`^r([0-9]|1[0-5])$`),
		elf.EM_AARCH64: once(`^(x([12]?[0-9]|30)|sp)$`),
		elf.EM_ARM:     once(`^(r([0-9]|10)|fp|ip|sp|lr|pc)$`),
		elf.EM_RISCV:   once(`^(ra|sp|gp|tp|a[0-7]|s([0-9]|1[01])|t[0-6])$`),
	}
})

func once(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

const libbpfMaxArgs = 12 // BPF_USDT_MAX_ARG_CNT

func libbpf(p Program, args []operand.Arg, spec string, out []Finding) {
	formats, ok := libbpfFormats()[p.Machine]
	if !ok || p.Class == elf.ELFCLASS32 && p.Machine != elf.EM_ARM {
		for i := range out {
			out[i] = fails("libbpf reads no arguments of %s programs", machineOf(p))
		}
		return
	}
	at := 0
	for i := range args {
		if k := strings.Index(spec[at:], args[i].Text); k >= 0 {
			at += k
		}
		// From here on, for a format does not stop where the argument does.
		out[i] = libbpfArg(p, formats, spec[at:], &args[i])
		if i >= libbpfMaxArgs {
			out[i] = fails("libbpf takes %d arguments at most, and refuses a probe with more", libbpfMaxArgs)
		}
		at = min(at+len(args[i].Text), len(spec))
	}
}

const wholeProbe = "; libbpf then refuses the whole probe"

func libbpfArg(p Program, formats [][2]string, rest string, a *operand.Arg) Finding {
	for _, f := range formats {
		holes, n, ok := match(f[0], rest)
		if !ok {
			continue
		}
		for i, hole := range holes {
			switch f[1][i] {
			case 's':
				if size, _ := strconv.Atoi(hole); !number(max(size, -size)) {
					return fails("libbpf knows no size %s", hole+wholeProbe)
				}
			case 'r':
				if !libbpfRegisters()[p.Machine]().MatchString(strings.TrimRight(hole, " \t")) {
					if n > len(a.Text) {
						return fails("libbpf takes it and the next argument for one" + wholeProbe)
					}
					return fails("libbpf knows no register %s", hole+wholeProbe)
				}
			case 'k':
				if !slices.Contains([]string{"1", "2", "4", "8"}, hole) {
					return fails("libbpf knows no scale %s", hole+wholeProbe)
				}
			case 'c', 'd':
				if _, err := strconv.ParseInt(hole, 10, 64); err != nil {
					return misreads("libbpf reads %s as 2^63-1", hole)
				}
			}
		}
		if strings.TrimRight(rest[:n], " \t") != a.Text {
			return fails("libbpf reads %q of it%s", clip(rest[:n]), wholeProbe)
		}
		return reads
	}
	why := "libbpf has no format for it"
	switch {
	case a.NoSize:
		why = "libbpf needs a size (N@)"
	case a.Float:
		why = "libbpf reads no floating-point arguments"
	case a.Symbol != "":
		why = "libbpf looks up no symbols"
	case a.Kind == operand.Memory && a.Index.Name != "":
		why = "libbpf knows no index register on " + machineOf(p)
	}
	return fails("%s%s", why, wholeProbe)
}

// clip is the beginning of a text, for a reason.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
