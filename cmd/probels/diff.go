package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/manifest"
)

func runDiff(a *app, args []string) error {
	flags, o := newFlags("diff", "")
	format := ""
	addDiffFlags(flags, o, &format)
	args, err := parse(flags, o, args)
	switch {
	case err != nil:
		return helpOr(a, "diff", err)
	case len(args) != 2:
		return usagef("diff takes two targets: probels diff OLD NEW")
	}
	onlyOwnTables(flags, o)
	if o.kinds == 0 {
		o.kinds = offset.KindUSDT
	}
	if extra := o.kinds &^ (offset.KindUSDT | offset.KindFunc); extra != 0 {
		return usagef("diff compares usdt and uprobe, not %s", extra)
	}
	report, err := newReporter(a, o, format)
	if err != nil {
		return err
	}
	d := differ{report: report}
	if isTree(args[0]) || isTree(args[1]) {
		d.several = true
		err = a.diffTrees(args, o, &d)
	} else {
		err = a.diffFiles(args, o, &d)
	}
	if err != nil {
		return err
	}
	if d.breaks > 0 {
		a.raise(statusMissing)
	}
	summary := "nothing changed"
	if d.changes > 0 {
		summary = fmt.Sprintf("%s, %s new, %s of the compiler's doing", plural(d.breaks, "breaking change"), thousands(d.added), thousands(d.changes-d.breaks-d.added-d.declared))
		if d.declared > 0 {
			summary += fmt.Sprintf(", %s of declarations", plural(d.declared, "change"))
		}
	}
	if d.several {
		summary += fmt.Sprintf("; %s compared", plural(d.pairs, "file"))
	}
	report.end(summary)
	return nil
}

func (a *app) diffFiles(args []string, o *options, d *differ) error {
	var p pair
	for i, arg := range args {
		t, err := a.openTarget(arg, o)
		if err != nil {
			return err
		}
		s, err := a.sideOf(t, o)
		t.Close()
		if err != nil {
			return err
		}
		if o.declares() {
			if t, err = a.openTarget(arg, o.forDeclared()); err != nil {
				return err
			}
			if s.declared, err = a.declaredOf(t); err != nil {
				a.note("%s", oneLine(err))
			}
			t.Close()
		}
		if i == 0 {
			p.old = s
		} else {
			p.new = s
		}
	}
	d.pair(p)
	if o.kinds == offset.KindUSDT && len(p.old.probes) == 0 && len(p.new.probes) == 0 {
		a.note("neither has USDT probes; to compare functions: -k uprobe")
	}
	return nil
}

// differ counts and reports what changed.
type differ struct {
	report  reporter
	several bool // files: it is said of which the changes are

	pairs, changes, breaks, added, declared int
}

// pair compares two builds of a file. All that a file had is gone with it.
func (d *differ) pair(p pair) {
	none := &side{}
	old, new := p.old, p.new
	if old == nil {
		old = none
	}
	if new == nil {
		new = none
	}
	if p.old != nil && p.new != nil {
		d.pairs++
	}
	changes := manifest.Diff(old.probes, new.probes, old.function, new.function)
	changes = append(changes, diffFunctions(old.functions, new.functions)...)
	changes = append(changes, diffDeclared(old.declared, new.declared)...)
	if d.several && len(changes) > 0 {
		d.report.files(old.path, new.path)
	}
	d.changes += len(changes)
	for i := range changes {
		switch {
		case changes[i].Kind.Breaks():
			d.breaks++
		case changes[i].Kind == manifest.New:
			d.added++
		case changes[i].Kind == manifest.Declaration, changes[i].Kind == manifest.Member:
			d.declared++
		}
		d.report.change(old.path, new.path, &changes[i])
	}
}

func addDiffFlags(fs *flag.FlagSet, o *options, format *string) {
	addReportFlags(fs, o, format)
	kinds := func(s string) error {
		k, err := offset.ParseKinds(s)
		o.kinds |= k
		return err
	}
	fs.Func("k", "compare these kinds: `usdt,uprobe`; USDT probes by default", kinds)
	fs.Func("kind", "the same as -k `KINDS`", kinds)
}

// side is one of the two builds.
type side struct {
	path      string
	within    string // the path in the directory or archive, where several files are compared
	probes    []manifest.Probe
	standIn   map[elfsym.Addr]string // the functions that sites stand in
	functions []string               // with versions, sorted, each once; nil if they were not asked for
	declared  *declared              // with -v
}

func (s *side) function(site *usdt.Site) string { return s.standIn[site.Addr] }

// sideOf reads of a file what is compared.
func (a *app) sideOf(t *offset.Target, o *options) (*side, error) {
	var err error
	s := &side{path: t.Path(), standIn: map[elfsym.Addr]string{}}
	if o.kinds&offset.KindUSDT != 0 {
		if s.probes, err = a.usdtProbes(t, nil); err != nil {
			return nil, err
		}
		if err := s.locate(t); err != nil {
			return nil, err
		}
	}
	if o.kinds&offset.KindFunc != 0 {
		l := listing{a: a, t: t}
		for p, err := range t.Probes(context.Background(), offset.Query{Kinds: offset.KindFunc}) {
			if err != nil {
				l.problem(err)
				continue
			}
			s.functions = append(s.functions, p.Symbol.FullName())
		}
		l.moreProblems()
		slices.Sort(s.functions)
		s.functions = slices.Compact(s.functions)
	}
	return s, nil
}

// locate finds the functions that sites stand in, where the file says it.
func (s *side) locate(t *offset.Target) error {
	var specs []offset.Spec
	for i := range s.probes {
		for k := range s.probes[i].Sites {
			if site := &s.probes[i].Sites[k]; site.Err == nil {
				specs = append(specs, offset.At(site.Addr))
			}
		}
	}
	if len(specs) == 0 {
		return nil
	}
	results, _ := t.Resolve(context.Background(), specs...) // damage was told with the probes
	for i := range results {
		for _, l := range results[i].Locations {
			s.standIn[l.Addr] = l.Name
		}
	}
	return t.File().CheckUnchanged()
}

// diffFunctions compares two sorted lists of names.
func diffFunctions(old, new []string) []manifest.Change {
	var out []manifest.Change
	for len(old) > 0 || len(new) > 0 {
		switch {
		case len(new) == 0 || len(old) > 0 && strings.Compare(old[0], new[0]) < 0:
			out = append(out, manifest.Change{Kind: manifest.Gone, Probe: old[0], Text: "gone"})
			old = old[1:]
		case len(old) == 0 || strings.Compare(old[0], new[0]) > 0:
			out = append(out, manifest.Change{Kind: manifest.New, Probe: new[0], Text: "new"})
			new = new[1:]
		default:
			old, new = old[1:], new[1:]
		}
	}
	return out
}
