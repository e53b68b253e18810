package paste

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/usdt/operand"
)

// perf writes shell commands. perf finds USDT probes in its build-id cache, all
// sites of one by name, and reads their arguments itself. A function is given by
// its place in the file, which perf hands on as it is: of several versions of a name
// perf 6.1 takes the first, of statics all, and it knows no distance behind a version.
func (p *printer) perf(probes []Probe) {
	var cached []string
	p.each(probes, func(sites []Probe) {
		pr := &sites[0]
		switch {
		case !printable(pr.Path):
			p.printf("# %s: a shell has no plain way to write its path\n", oneLine(pr.title()))
		case pr.Provider == "":
			p.printf("perf probe -x %s %s=0x%x  # %s\n", shellQuote(pr.Path), p.eventName(pr), uint64(pr.Offset), oneLine(pr.title()))
		case identifier(pr.Provider) != pr.Provider || identifier(pr.Name) != pr.Name:
			p.printf("# %s: perf takes no such name; see uprobe_events\n", oneLine(pr.title()))
		default:
			if !slices.Contains(cached, pr.Path) {
				cached = append(cached, pr.Path)
				p.printf("perf buildid-cache --add %s\n", shellQuote(pr.Path))
			}
			for i := range pr.Args {
				if a := &pr.Args[i]; a.Size != 0 && a.Size != 1 && a.Size != 2 && a.Size != 4 && a.Size != 8 {
					p.printf("# %s: an argument of %d bytes, for which perf drops all probes of the file; see uprobe_events\n", oneLine(pr.title()), a.Size)
					break
				}
			}
			p.printf("perf probe sdt_%s:%s\n", pr.Provider, pr.Name)
		}
	})
}

func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:,@%=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// uprobeEvent writes a line for tracefs' uprobe_events
// (Documentation/trace/uprobetracer.rst), one for each place.
func (p *printer) uprobeEvent(pr *Probe) {
	if strings.ContainsAny(pr.Path, " :()") || !printable(pr.Path) {
		p.printf("# %s: uprobe_events has no way to write the path %s\n", oneLine(pr.title()), oneLine(pr.Path))
		return
	}
	line := fmt.Sprintf("p:probels/%s %s:0x%x", p.eventName(pr), pr.Path, uint64(pr.Offset))
	if pr.RefCtr != 0 {
		line += fmt.Sprintf("(0x%x)", uint64(pr.RefCtr))
	}
	for i := range pr.Args {
		fetch, why := pr.fetchArg(&pr.Args[i])
		if why != "" {
			p.printf("# %s %s: %s\n", oneLine(pr.title()), pr.label(i), why)
			continue
		}
		if pr.isString(i) {
			fetch = "+0(" + fetch + "):string"
		} else {
			fetch += pr.fetchType(&pr.Args[i])
		}
		line += " " + pr.label(i) + "=" + fetch
	}
	p.WriteString(line + "\n")
}

func (pr *Probe) fetchType(a *operand.Arg) string {
	if a.Kind == operand.Register && a.Reg.Shift != 0 {
		return fmt.Sprintf(":b%d@%d/32", 8*a.Reg.Width, a.Reg.Shift)
	}
	return ":" + intType(a, "s%d", "u%d")
}

// fetchArg is where a value is in the kernel's notation, or why it has none.
func (pr *Probe) fetchArg(a *operand.Arg) (fetch, why string) {
	switch {
	case a.Err != nil:
		return "", oneLine(a.Err.Error())
	case a.Size != 1 && a.Size != 2 && a.Size != 4 && a.Size != 8:
		return "", fmt.Sprintf("a value of %d bytes", a.Size)
	case a.Float:
		return "", "floating point, which the kernel does not print"
	case a.Segment != "":
		return "", "relative to %" + a.Segment
	}
	if a.Symbol != "" {
		return pr.fetchSymbol(a)
	}
	switch a.Kind {
	case operand.Constant:
		return fmt.Sprintf(`\%d`, a.Value), ""
	case operand.Register:
		reg, ok := kernelReg(pr.Program.Machine, a.Reg)
		switch {
		case !ok:
			return "", "the kernel has no register " + a.Reg.Name
		case a.Reg.Shift != 0 && a.Signed:
			return "", "a signed part of a register"
		case is32(pr.Program) && a.Size == 8:
			return "", "a value in two registers"
		}
		return "%" + reg, ""
	}
	if a.Index.Name != "" {
		return "", "it has an index register"
	}
	if a.Base.Zero() {
		return fmt.Sprintf("@0x%x", uint64(a.Disp)), ""
	}
	base, ok := kernelReg(pr.Program.Machine, a.Base)
	if !ok {
		return "", "the kernel has no register " + a.Base.Name
	}
	return fmt.Sprintf("%+d(%%%s)", a.Disp, base), ""
}

// fetchSymbol is a variable of the file. "@+OFFSET" is the memory as far from the
// probe as OFFSET is from the probe's own offset, wherever the file is loaded
// (trace_uprobe.c, translate_user_vaddr): so not the variable's place in the file,
// but its distance.
func (pr *Probe) fetchSymbol(a *operand.Arg) (fetch, why string) {
	if pr.Symbol == nil || a.Index.Name != "" || a.Kind != operand.Memory || !a.Direct && a.Base.Name != "" {
		return "", "it is made of the symbol " + oneLine(a.Symbol)
	}
	addr, ok := pr.Symbol(a.Symbol)
	if !ok {
		return "", "the file does not have the symbol " + oneLine(a.Symbol)
	}
	distance := int64(addr) + a.Disp - int64(pr.Addr)
	at := int64(pr.Offset) + distance
	if at < 0 {
		return "", "the variable lies before the code"
	}
	return fmt.Sprintf("@+0x%x", at), ""
}

// kernelReg is a register's name in the kernel (regs_query_register_offset of
// each machine).
func kernelReg(m elf.Machine, r operand.Reg) (string, bool) {
	if _, ok := r.PtRegs(m); !ok {
		return "", false
	}
	name := r.Name
	switch m {
	case elf.EM_X86_64, elf.EM_386:
		name = strings.TrimPrefix(strings.TrimPrefix(name, "e"), "r")
		switch {
		case name != "" && '0' <= name[0] && name[0] <= '9':
			return "r" + strings.TrimRight(name, "dwb"), true
		case len(name) == 2 && (name[1] == 'l' || name[1] == 'h') && strings.IndexByte("abcd", name[0]) >= 0:
			return name[:1] + "x", true
		case len(name) == 3 && name[2] == 'l': // sil, bpl
			return name[:2], true
		}
		return name, len(name) == 2
	case elf.EM_AARCH64:
		if name[0] == 'w' {
			name = "x" + name[1:]
		}
		return name, true
	case elf.EM_PPC64, elf.EM_PPC:
		return "gpr" + strings.TrimPrefix(name, "r"), name[0] == 'r'
	}
	return name, true
}
