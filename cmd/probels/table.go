package main

import (
	"debug/elf"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
)

// tablePrinter is the listing on a terminal: what the file is, its USDT probes,
// its functions. All is gathered first, because the first screen says how much
// there is of each.
type tablePrinter struct {
	a     *app
	t     *offset.Target
	o     *options
	q     offset.Query
	sites []usdt.Site
	funcs []offset.Probe
	data  []offset.Probe
	stubs []offset.Probe
	anon  []offset.Probe
	args  []operand.Arg
	sigs  *describer
	bold  func(string) string
	faint func(string) string
}

func newTablePrinter(a *app, t *offset.Target, o *options, q offset.Query) *tablePrinter {
	paint := func(code string) func(string) string {
		return func(s string) string {
			if !o.colored(a.tty) {
				return s
			}
			return "\x1b[" + code + "m" + s + "\x1b[0m"
		}
	}
	return &tablePrinter{a: a, t: t, sigs: newFunctionDescriber(a, t, q, signatureText), o: o, q: q, bold: paint("1"), faint: paint("2")}
}

func (p *tablePrinter) flush() {} // all columns line up

func (p *tablePrinter) probe(pr offset.Probe) {
	switch pr.Kind {
	case offset.KindUSDT:
		p.sites = append(p.sites, *pr.Site)
	case offset.KindFunc:
		p.funcs = append(p.funcs, pr)
	case offset.KindPLT:
		p.stubs = append(p.stubs, pr)
	case offset.KindAnon:
		p.anon = append(p.anon, pr)
	case offset.KindData:
		p.data = append(p.data, pr)
	}
}

func (p *tablePrinter) end() {
	fmt.Fprintln(p.a.out, p.identity())
	for _, line := range traceLines(p.t) {
		fmt.Fprintf(p.a.out, "  %s\n", p.faint(clean(line)))
	}
	if p.q.Kinds&offset.KindUSDT != 0 {
		p.usdtTable(usdt.Group(p.sites))
	}
	if p.q.Kinds&offset.KindFunc != 0 {
		p.symbolTable("Functions", p.funcs)
	}
	if p.q.Kinds&offset.KindPLT != 0 {
		p.symbolTable("PLT entries", p.stubs)
	}
	if p.q.Kinds&offset.KindAnon != 0 {
		p.symbolTable("Functions without names", p.anon)
	}
	if p.q.Kinds&offset.KindData != 0 {
		p.symbolTable("Variables", p.data)
	}
	p.a.out.Flush()
}

// identity is the line that says what the file is.
func (p *tablePrinter) identity() string {
	f := p.t.File()
	kind, language := programKind(p.t)
	parts := []string{kind, machineName(f)}
	if language != "" {
		parts = append(parts, language)
	}
	if v := f.GoVersion(); v != "" {
		parts = append(parts, clean(v))
	}
	if id := p.t.BuildID(); len(id) > 8 {
		parts = append(parts, "build-id "+id[:8]+"…")
	}
	// What cannot be read is left out here: it is the listing that tells.
	if fp, _ := f.FramePointers(); fp.Verdict() != "" {
		parts = append(parts, "frame pointers: "+fp.Verdict())
	}
	parts = append(parts, "names: "+p.sources())
	return p.bold(clean(p.t.Path())) + "  " + strings.Join(parts, " · ")
}

// sources says where the file's names are: in which of its tables, and where
// else if some of those listed came from there.
func (p *tablePrinter) sources() string {
	from := p.t.File().Has(elfsym.Symtab | elfsym.Dynsym)
	for i := range p.funcs {
		from |= p.funcs[i].Symbol.Source
	}
	var out []string
	for _, s := range []struct {
		source elfsym.Source
		name   string
	}{
		{elfsym.Symtab, ".symtab"}, {elfsym.Dynsym, ".dynsym"},
		{elfsym.DebugFile, "debug file"}, {elfsym.MiniDebug, ".gnu_debugdata"}, {elfsym.GoTable, "Go's own table"},
	} {
		if from&s.source != 0 {
			out = append(out, s.name)
		}
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, " + ")
}

func fileKind(f *elfsym.File) string {
	interp := false
	for _, s := range f.Segments().All() {
		interp = interp || s.Type == elf.PT_INTERP
	}
	switch {
	case f.Type() == elf.ET_EXEC && interp:
		return "program"
	case f.Type() == elf.ET_EXEC:
		return "static program"
	case interp:
		return "PIE program"
	}
	return "shared object"
}

// machineName is the usual short name of the file's architecture.
func machineName(f *elfsym.File) string {
	little := f.ByteOrder() == elf.ELFDATA2LSB
	is64 := f.Class() == elf.ELFCLASS64
	switch f.Machine() {
	case elf.EM_X86_64:
		if !is64 {
			return "x32"
		}
		return "x86-64"
	case elf.EM_386:
		return "i386"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_PPC64:
		if little {
			return "ppc64le"
		}
		return "ppc64"
	case elf.EM_S390:
		if is64 {
			return "s390x"
		}
		return "s390"
	case elf.EM_RISCV:
		if is64 {
			return "riscv64"
		}
		return "riscv32"
	case elf.EM_LOONGARCH:
		return "loongarch64"
	case elf.EM_MIPS:
		name := "mips"
		if is64 {
			name = "mips64"
		}
		if little {
			name += "el"
		}
		return name
	}
	return f.Machine().String()
}

// screenful is how many rows fit on a small terminal with the headings.
const screenful = 18

func (p *tablePrinter) usdtTable(probes []usdt.Probe) {
	out := p.a.out
	head := p.bold(fmt.Sprintf("USDT probes (%s)", thousands(len(probes))))
	if len(probes) > screenful && len(p.funcs) > 0 {
		head += p.faint(fmt.Sprintf("  functions (%s) below", thousands(len(p.funcs))))
	}
	fmt.Fprintln(out, head)
	if len(probes) == 0 && len(p.q.Match) == 0 {
		fmt.Fprintf(out, "  %s\n", p.faint("none: "+whyNoUSDT(p.t)))
	}
	rows := make([][]string, 0, len(probes))
	for i := range probes {
		rows = append(rows, p.usdtRow(&probes[i]))
	}
	widths := columnWidths(rows, p.a.width()/2)
	for i, row := range rows {
		p.row(row, widths)
		if p.o.verbose {
			p.arguments(&probes[i])
		}
	}
}

// usdtRow is name, offset, types, remarks. Of several sites the first is shown
// and the others are counted; -v shows them all.
func (p *tablePrinter) usdtRow(pr *usdt.Probe) []string {
	s := &pr.Sites[0]
	at := hexOrDash(s.Offset, s.Err)
	p.args = s.AppendArgs(p.args[:0])
	types := make([]string, len(p.args))
	for i := range p.args {
		types[i] = argType(&p.args[i])
	}
	var remarks []string
	if len(pr.Sites) > 1 {
		remarks = append(remarks, plural(len(pr.Sites), "site"))
	}
	if s.Semaphore != 0 {
		remarks = append(remarks, "semaphore")
	}
	if s.Err != nil {
		remarks = append(remarks, s.Err.Error())
	}
	return []string{pr.Provider + ":" + pr.Name, at, strings.Join(types, " "), strings.Join(remarks, ", ")}
}

// arguments prints a line for each argument, and above them one for each site
// if there are several.
func (p *tablePrinter) arguments(pr *usdt.Probe) {
	for i := range pr.Sites {
		s := &pr.Sites[i]
		if len(pr.Sites) > 1 {
			fmt.Fprintf(p.a.out, "    %s\n", p.faint("site "+hexOrDash(s.Offset, s.Err)))
		}
		p.args = s.AppendArgs(p.args[:0])
		names := p.sigs.args(s, p.args)
		for k := range p.args {
			a := &p.args[k]
			line := fmt.Sprintf("    %-4s %s", argType(a), clean(operandText(a)))
			if k < len(names) && names[k].Name != "" {
				line = fmt.Sprintf("    %s   %s", clean(names[k].Declaration()), clean(a.Text))
			}
			if a.Err != nil {
				line += "   " + clean(a.Err.Error())
			}
			fmt.Fprintln(p.a.out, line)
		}
	}
}

func hexOrDash(o elfsym.Offset, err error) string {
	if err != nil {
		return "-"
	}
	return hex(o)
}

func (p *tablePrinter) symbolTable(title string, probes []offset.Probe) {
	out := p.a.out
	head := p.bold(fmt.Sprintf("%s (%s)", title, thousands(len(probes))))
	switch {
	case len(probes) == 0 && len(p.q.Match) == 0 && title == "Functions":
		head += p.faint("  no symbol table names one; its names were stripped")
	case len(probes) > 50 && len(p.q.Match) == 0:
		head += p.faint(fmt.Sprintf("  narrow with -m '%s'", examplePattern(probes)))
	}
	fmt.Fprintln(out, head)
	// Rows are made in blocks: columns line up, and a quarter of a million rows
	// are not all held.
	const block = 200
	rows := make([][]string, 0, block)
	for len(probes) > 0 {
		n := min(block, len(probes))
		rows = rows[:0]
		for _, pr := range probes[:n] {
			rows = append(rows, p.symbolRow(&pr))
		}
		widths := columnWidths(rows, p.a.width()/2)
		for i, row := range rows {
			p.row(row, widths)
			if p.o.verbose && probes[i].Kind == offset.KindFunc && probes[i].Symbol.Type != elf.STT_GNU_IFUNC {
				p.sigs.verboseFunction(probes[i].Symbol.Addr)
			}
		}
		probes = probes[n:]
	}
}

func (p *tablePrinter) symbolRow(pr *offset.Probe) []string {
	s := pr.Symbol
	name := s.Name
	if !p.o.noDemangle {
		name = elfsym.Demangle(name)
	}
	if s.Version != "" {
		name += strings.TrimPrefix(s.FullName(), s.Name)
	}
	at := hexOrDash(pr.EntryOffset, pr.Err)
	if pr.Kind == offset.KindData {
		at = hex(s.Addr) // an address: there is no offset to give
	}
	size := strconv.FormatUint(s.Size, 10) + " B"
	if s.SizeInferred {
		size = "~" + size
	}
	remarks := s.Source.String()
	if s.Type == elf.STT_GNU_IFUNC {
		remarks += ", ifunc resolver"
	}
	if s.File != "" {
		remarks += ", " + s.File
	}
	if pr.Err != nil {
		remarks += ", " + pr.Err.Error()
	}
	return []string{name, at, size, remarks}
}

// columnWidths are the widths that line columns up, none above most.
func columnWidths(rows [][]string, most int) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if n := utf8.RuneCountInString(cell); n <= most {
				widths[i] = max(widths[i], n)
			}
		}
	}
	return widths
}

func (p *tablePrinter) row(cells []string, widths []int) {
	var b strings.Builder
	b.WriteByte(' ')
	for i, cell := range cells {
		cell = clean(cell)
		b.WriteByte(' ')
		b.WriteString(cell)
		if pad := widths[i] - utf8.RuneCountInString(cell); pad > 0 {
			b.WriteString(strings.Repeat(" ", pad))
		}
		b.WriteByte(' ')
	}
	p.a.out.WriteString(strings.TrimRight(b.String(), " "))
	p.a.out.WriteByte('\n')
}

// examplePattern is a pattern that fits this file: the beginning that most of
// some names share.
func examplePattern(probes []offset.Probe) string {
	best, most := "*read*", 1
	count := map[string]int{}
	for _, pr := range probes {
		name := pr.Symbol.Name
		if strings.HasPrefix(name, "_") {
			continue
		}
		if i := strings.IndexAny(name, "_."); i > 1 && i < 20 {
			count[name[:i+1]]++
			if n := count[name[:i+1]]; n > most {
				best, most = name[:i+1]+"*", n
			}
		}
	}
	return clean(best)
}
