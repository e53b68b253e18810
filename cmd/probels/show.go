package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"slices"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
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
