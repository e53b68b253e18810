package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/paste"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/consumer"
	"github.com/probels/probels/usdt/operand"
)

// runShow prints everything that is known about a function or probe: a block for
// each place. Of a name that is absent it prints what why prints.
func runShow(a *app, args []string) error {
	flags, o := newFlags("show", "pfrv")
	args, err := parse(flags, o, args)
	if err != nil {
		return helpOr(a, "show", err)
	}
	if len(o.pids) > 0 {
		if len(args) == 0 {
			return usagef("no name to show; try: probels show -p %d malloc", o.pids[0])
		}
		for _, pid := range o.pids {
			if err := a.showProcess(pid, args, o); err != nil {
				a.fail(err)
			}
		}
		return nil
	}
	questions, err := parseQuestions(args)
	if err != nil {
		return err
	}
	return eachFile(questions, func(mine []question) error {
		if err := a.showFile(mine, o); err != nil {
			a.fail(err)
		}
		return nil
	})
}

func (a *app) showFile(questions []question, o *options) error {
	t, err := a.openTarget(questions[0].path, o)
	if err != nil {
		return err
	}
	defer t.Close()
	specs := make([]offset.Spec, len(questions))
	for i, q := range questions {
		if specs[i], err = offset.ParseSpec(q.text); err != nil {
			return usagef("%v", err)
		}
	}
	results, err := t.Resolve(context.Background(), specs...)
	if results == nil {
		return err
	}
	a.problems(t, err)
	if o.format != "" {
		a.pasteResults(t, results, o)
		return nil
	}
	sh := newShower(a, t, o)
	for i := range results {
		if len(results[i].Locations) == 0 {
			if err := a.explainSpecs(t, []string{questions[i].text}, o); err != nil {
				return err
			}
			continue
		}
		sh.locations(results[i].Locations)
		if results[i].Err != nil {
			a.missing(results[i].Err)
		}
	}
	return nil
}

func (a *app) showProcess(pid int, texts []string, o *options) error {
	p, err := a.openPID(pid, o)
	if err != nil {
		return err
	}
	defer p.Close()
	for _, text := range texts {
		spec, err := offset.ParseSpec(text)
		if err != nil {
			return usagef("%v", err)
		}
		if o.in != "" {
			spec = spec.In(o.in)
		}
		results, err := p.Resolve(context.Background(), spec)
		if len(results) == 0 {
			return err
		}
		for _, e := range parts(err) {
			a.fail(e)
		}
		if len(results[0].Locations) == 0 {
			a.missing(results[0].Err)
			continue
		}
		byTarget := map[*offset.Target][]offset.Location{}
		var order []*offset.Target
		for _, l := range results[0].Locations {
			t := l.Object.Target
			if byTarget[t] == nil {
				order = append(order, t)
			}
			byTarget[t] = append(byTarget[t], l)
		}
		for _, t := range order {
			newShower(a, t, o).locations(byTarget[t])
		}
	}
	return p.Check()
}

// shower prints the blocks of one target.
type shower struct {
	a     *app
	t     *offset.Target
	o     *options
	table *tablePrinter
	sites map[elfsym.Addr]*usdt.Site
	syms  usdt.Symbols
	first bool

	inlined map[string]inlinedCopies

	mappers []offset.Mapper
	unread  int
	asked   bool
}

type inlinedCopies struct {
	all []offset.InlinedCopy
	err error
}

// copies are the inlined copies of a function. All units are gone through for
// them: in a debug file that has to be inflated once, and what else is asked of it
// afterwards costs little. So they are asked for first.
func (s *shower) copies(ctx context.Context, l *offset.Location) inlinedCopies {
	if l.Name == "" || l.Kind != offset.KindFunc {
		return inlinedCopies{}
	}
	c, ok := s.inlined[l.Name]
	if !ok {
		c.all, c.err = s.t.InlinedCopies(ctx, l.Name)
		if s.inlined == nil {
			s.inlined = make(map[string]inlinedCopies)
		}
		s.inlined[l.Name] = c
	}
	return c
}

func newShower(a *app, t *offset.Target, o *options) *shower {
	return &shower{a: a, t: t, o: o, table: newTablePrinter(a, t, o, offset.Query{}), first: true}
}

// shown is what is known of one place.
type shown struct {
	l       *offset.Location
	site    *usdt.Site // of a USDT probe
	args    []operand.Arg
	in      *offset.Location // the function that a site or an address is in
	verdict offset.Verdict
	exits   *offset.FuncExits // of a function
	inlined []offset.InlinedCopy
	aliases []string
	what    description // what DWARF tells
	vars    []dwarfinfo.Var
	globals []dwarfinfo.Var

	warnings []string
}

func (s *shower) locations(ls []offset.Location) {
	verdicts, err := s.t.Verdicts(context.Background(), ls...)
	if err != nil {
		s.a.fail(err)
	}
	for i := range ls {
		one := shown{l: &ls[i]}
		if i < len(verdicts) {
			one.verdict = verdicts[i]
		}
		s.gather(&one)
		if s.o.json {
			s.json(&one)
		} else {
			s.print(&one)
		}
	}
}

func (s *shower) warn(one *shown, text string) {
	if text != "" && !slices.Contains(one.warnings, text) {
		one.warnings = append(one.warnings, text)
	}
}

// gather finds out what there is to tell.
func (s *shower) gather(one *shown) {
	ctx := context.Background()
	l := one.l
	for _, w := range one.verdict.Warnings {
		s.warn(one, w)
	}
	if l.Kind == offset.KindUSDT {
		if s.sites == nil {
			s.sites = sitesAt(s.t)
		}
		if one.site = s.sites[l.Addr]; one.site != nil {
			one.args = one.site.Args()
			s.symbols(one.args)
		}
	}
	if l.Kind == offset.KindUSDT || l.Kind == offset.KindAddr {
		if results, err := s.t.Resolve(ctx, offset.At(l.Addr)); err == nil && len(results[0].Locations) > 0 {
			in := results[0].Locations[0]
			if in.Function != 0 {
				one.in = &in
			}
		}
	}
	copies := s.copies(ctx, l)
	what, err := describe(ctx, s.t, one)
	one.what = what
	if one.site != nil {
		one.what.args = newDescriber(s.a, s.t).args(one.site, one.args)
	}
	if err != nil && !errors.Is(err, offset.ErrNoDWARF) {
		s.warn(one, oneLine(err))
	}
	if s.o.verbose {
		s.variables(ctx, one)
	}
	if l.Kind == offset.KindUSDT {
		return
	}
	s.function(ctx, one, copies)
}

// function finds out what is told of functions only.
func (s *shower) function(ctx context.Context, one *shown, copies inlinedCopies) {
	l := one.l
	if exits, err := s.t.Exits(ctx, *l); err == nil && len(exits) == 1 {
		if exits[0].Err == nil {
			one.exits = &exits[0]
			s.exitWarnings(one)
		} else if !errors.Is(exits[0].Err, offset.ErrNoFunction) {
			s.warn(one, "exits are not known: "+oneLine(exits[0].Err))
		}
	}
	if l.Name != "" && l.Kind == offset.KindFunc {
		var err error
		if one.aliases, err = s.t.Aliases(ctx, *l); err != nil {
			s.warn(one, oneLine(err))
		}
		if one.inlined = copies.all; copies.err != nil && !errors.Is(copies.err, offset.ErrNoDWARF) {
			s.warn(one, oneLine(copies.err))
		}
		if n := len(one.inlined); n > 0 {
			s.warn(one, fmt.Sprintf("inlined into %s: a probe here misses those", plural(n, "other place")))
		}
	}
	if l.Type == elf.STT_GNU_IFUNC {
		s.warn(one, "an ifunc: this is its resolver, which runs once; probels why lists what it chooses from")
	}
	if l.SizeInferred {
		s.warn(one, "its size is inferred from what follows it")
	}
	s.warn(one, s.t.UretprobeWarning(*l))
}

func (s *shower) exitWarnings(one *shown) {
	e := one.exits
	switch {
	case len(e.Undecoded) > 0:
		s.warn(one, fmt.Sprintf("exits may be missing: %s could not be decoded, the first at %s", plural(len(e.Undecoded), "place"), hex(e.Undecoded[0].Addr)))
	case len(e.Exits) == 0:
		s.warn(one, "it has no exit: it never returns, and a uretprobe never fires")
	case e.Has(offset.ExitTailCall):
		s.warn(one, "it is also left by tail calls: a uretprobe sees the function that they go to return, and cannot tell")
	}
}

// symbols looks up the symbols that operands name.
func (s *shower) symbols(args []operand.Arg) {
	named := usdt.Symbols{}
	named.Names(args)
	if len(named) == 0 {
		return
	}
	if err := named.Resolve(s.t.File()); err != nil {
		s.a.fail(fmt.Errorf("%s: %w", s.t.Path(), err))
	}
	if s.syms == nil {
		s.syms = usdt.Symbols{}
	}
	for name, addr := range named {
		s.syms[name] = addr
	}
}

// mapped is which processes run the file now; asked once for a target.
func (s *shower) mapped() ([]offset.Mapper, int) {
	if !s.asked {
		s.asked = true
		by, unread, err := offset.MappedBy(context.Background(), s.t.Path())
		if err == nil {
			s.mappers, s.unread = by, unread
		}
	}
	return s.mappers, s.unread
}

func (s *shower) print(one *shown) {
	l, out := one.l, s.a.out
	if !s.first {
		fmt.Fprintln(out)
	}
	s.first = false
	fmt.Fprintf(out, "%s  %s\n", s.table.bold(clean(titleOf(l))), clean(l.Path))
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(out, "  %-10s %s\n", label, clean(text))
		}
	}
	at := hex(l.Offset)
	if uint64(l.Addr) != uint64(l.Offset) {
		at += "  address " + hex(l.Addr)
	}
	row("offset", at)
	if l.Object != nil {
		if addr, ok := l.RuntimeAddr(); ok {
			row("at run time", hex(addr))
		}
	}
	if l.RefCtrOffset != 0 {
		row("ref_ctr", hex(l.RefCtrOffset)+s.semaphore(l))
	}
	row("build-id", l.BuildID)
	if l.Kind != offset.KindUSDT {
		if d := elfsym.Demangle(l.Name); d != l.Name && !s.o.noDemangle {
			row("name", d)
		}
		row("found in", l.Sources.String()+sizeText(l))
	}
	if one.in != nil {
		row("in", functionText(one.in))
	}
	one.what.print(row)
	if end := one.what.body; end != 0 {
		row("prologue", fmt.Sprintf("ends at +0x%x", uint64(end-l.Addr)))
	}
	for i := range one.args {
		s.arg(row, one, i)
	}
	if one.site != nil {
		if nop, err := usdt.ReadNop(s.t.File(), one.site); err == nil {
			row("instruction", nop.String())
		}
	}
	one.printVars(row)
	s.exits(row, one)
	for i := range one.inlined {
		label := ""
		if i == 0 {
			label = "inlined"
		}
		if i == fewRows {
			row("", fmt.Sprintf("%s more", thousands(len(one.inlined)-fewRows)))
			break
		}
		row(label, inlinedText(&one.inlined[i]))
	}
	row("aliases", strings.Join(one.aliases, ", "))
	s.printMapped(row)
	if one.verdict.Err != nil {
		row("refused", oneLine(one.verdict.Err))
	}
	for _, w := range one.warnings {
		row("warning", w)
	}
	switch {
	case one.verdict.Err != nil:
	case s.a.isMember(s.t):
		row("try", "unpack it first: probes are put on files")
	default:
		fmt.Fprintf(out, "  %-10s %s\n", "try", s.try(one))
	}
}

// fewRows is how many exits or copies are shown; JSON has all.
const fewRows = 12

func titleOf(l *offset.Location) string {
	switch {
	case l.Kind == offset.KindUSDT:
		return l.Provider + ":" + l.Name
	case l.Name == "":
		return hex(l.Addr)
	}
	name := l.Name
	if l.Version != "" {
		name += map[bool]string{true: "@@", false: "@"}[l.Default] + l.Version
	}
	if l.Addend != 0 {
		name += "+" + hex(l.Addend)
	}
	return name
}

func sizeText(l *offset.Location) string {
	switch {
	case l.Size == 0:
		return ""
	case l.SizeInferred:
		return fmt.Sprintf(", about %d bytes", l.Size)
	}
	return fmt.Sprintf(", %d bytes", l.Size)
}

func functionText(l *offset.Location) string {
	name := l.Name
	if name == "" {
		name = hex(l.Function)
	}
	return fmt.Sprintf("%s+0x%x", name, uint64(l.Addr-l.Function))
}

func (s *shower) semaphore(l *offset.Location) string {
	if l.Object == nil {
		return ""
	}
	switch n, err := l.Object.Semaphore(l.RefCtrOffset); {
	case err != nil:
		return ""
	case n == 0:
		return "  (0: nobody listens)"
	default:
		return fmt.Sprintf("  (%d: somebody listens)", n)
	}
}

// arg prints an argument: type, name, where it is, and who cannot read it.
func (s *shower) arg(row func(string, string), one *shown, i int) {
	a := &one.args[i]
	label := ""
	if i == 0 {
		label = "arguments"
	}
	text := one.what.argName(i)
	if text == "" {
		text = argType(a)
	}
	text += "   " + a.Text
	if addr, ok := s.syms[a.Symbol]; ok && a.Symbol != "" {
		text += "   " + a.Symbol + " is at " + hex(addr)
	}
	if a.Err != nil {
		text += "   " + a.Err.Error()
	}
	var not []string
	for _, c := range consumer.All() {
		if f := consumer.Judge(c, s.program(), one.site.Spec); i < len(f) && f[i].Verdict != consumer.Reads {
			not = append(not, c.String())
		}
	}
	if len(not) > 0 {
		text += "   not read by " + strings.Join(not, ", ")
	}
	row(label, text)
}

func (s *shower) program() consumer.Program {
	f := s.t.File()
	return consumer.Program{Machine: f.Machine(), Class: f.Class(), Type: f.Type(), Defines: func(name string) bool {
		_, ok := s.syms[name]
		return ok
	}}
}

func (s *shower) exits(row func(string, string), one *shown) {
	if one.exits == nil {
		return
	}
	for i, e := range one.exits.Exits {
		label := ""
		if i == 0 {
			label = "exits"
		}
		if i == fewRows {
			row("", fmt.Sprintf("%s more", thousands(len(one.exits.Exits)-fewRows)))
			return
		}
		row(label, exitText(&e))
	}
}

func exitText(e *offset.Exit) string {
	text := fmt.Sprintf("%s  %s", hex(e.Offset), e.Exit)
	if e.Conditional {
		text = fmt.Sprintf("%s  conditional %s", hex(e.Offset), e.Exit)
	}
	switch {
	case e.TargetName != "":
		text += " to " + e.TargetName
	case e.Target != 0:
		text += " to " + hex(e.Target)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

func inlinedText(c *offset.InlinedCopy) string {
	text := hex(c.Offset)
	if c.Into != "" {
		text += "  in " + c.Into
	}
	if c.File != "" {
		text += fmt.Sprintf("  %s:%d", c.File, c.Line)
	}
	return text
}

func (s *shower) printMapped(row func(string, string)) {
	by, unread := s.mapped()
	var names []string
	for i, m := range by {
		if i == fewRows {
			names = append(names, fmt.Sprintf("%s more", thousands(len(by)-fewRows)))
			break
		}
		names = append(names, fmt.Sprintf("%s (%d)", m.Name, m.PID))
	}
	text := strings.Join(names, ", ")
	if text != "" && unread > 0 {
		text += fmt.Sprintf("; %s could not be asked", plural(unread, "process"))
	}
	row("mapped by", text)
}

// try is a command that prints each hit.
func (s *shower) try(one *shown) string {
	var b strings.Builder
	p := &pastePrinter{a: s.a, t: s.t, format: paste.Bpftrace, syms: s.syms}
	p.add(one.l, one.site)
	one.what.paste(&p.probes[0])
	if err := paste.Write(&b, paste.Bpftrace, p.probes); err != nil {
		return ""
	}
	// Comments about arguments that bpftrace does not read are told with them.
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	return "bpftrace -e " + shellWord(lines[len(lines)-1])
}
