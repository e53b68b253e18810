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
	sides := make([]*side, 2)
	for i, arg := range args {
		if sides[i], err = a.side(arg, o); err != nil {
			return err
		}
	}
	changes := manifest.Diff(sides[0].probes, sides[1].probes, sides[0].function, sides[1].function)
	changes = append(changes, diffFunctions(sides[0].functions, sides[1].functions)...)
	breaks, added := 0, 0
	for i := range changes {
		switch {
		case changes[i].Kind.Breaks():
			breaks++
		case changes[i].Kind == manifest.New:
			added++
		}
		report.change(sides[0].path, sides[1].path, &changes[i])
	}
	if breaks > 0 {
		a.raise(statusMissing)
	}
	summary := "nothing changed"
	if len(changes) > 0 {
		summary = fmt.Sprintf("%s, %s new, %s of the compiler's doing", plural(breaks, "breaking change"), thousands(added), thousands(len(changes)-breaks-added))
	}
	report.end(summary)
	return nil
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
	probes    []manifest.Probe
	within    map[elfsym.Addr]string // the functions that sites stand in
	functions []string               // with versions, sorted, each once; nil if they were not asked for
}

func (s *side) function(site *usdt.Site) string { return s.within[site.Addr] }

func (a *app) side(arg string, o *options) (*side, error) {
	t, err := a.openTarget(arg, o)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	s := &side{path: t.Path(), within: map[elfsym.Addr]string{}}
	if o.kinds&offset.KindUSDT != 0 {
		if s.probes, err = a.usdtProbes(t); err != nil {
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
			s.within[l.Addr] = l.Name
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
