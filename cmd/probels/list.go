package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"strings"

	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
)

func runList(a *app, args []string) error {
	flags, o := newFlags("list", "mpfn")
	var names []string // of files that a process has mapped
	args, err := parse(flags, o, args)
	switch {
	case err != nil:
		return helpOr(a, "list", err)
	case len(o.pids) > 0:
		names, args = args, nil
	case o.kinds&offset.KindJIT != 0:
		return usagef("-k jit: such code is in no file: give a process with -p PID")
	case len(args) == 0:
		return usagef("no target; try: probels /usr/bin/python3, or probels help")
	}
	targets, err := expandTargets(args)
	if err != nil {
		return err
	}
	done := func() error { return nil }
	if a.tty != nil && !o.json {
		done = a.startPager(o)
	}
	for _, pid := range o.pids {
		if err := a.listProcess(pid, names, o); err != nil {
			a.fail(err)
		}
	}
	for i, w := range targets {
		if w.many {
			if err := a.listMany(w, o); err != nil {
				a.fail(err)
			}
			continue
		}
		if err := a.list(w, o); err != nil {
			if i > 0 {
				err = hintMatch(err, args[0], w.arg)
			}
			a.fail(err)
		}
	}
	a.out.Flush()
	return done()
}

// hintMatch helps who gave a name behind a file: "probels bash readline".
func hintMatch(err error, first, arg string) error {
	if strings.Contains(arg, "/") {
		return err
	}
	if ue := (usageError{}); errors.As(err, &ue) && strings.Contains(ue.text, "no such file") {
		return fmt.Errorf("%w; for a name in %s: probels -m '%s' %s", err, first, arg, first)
	}
	return err
}

// list prints one target.
func (a *app) list(w wantedTarget, o *options) error {
	t, err := a.openTarget(w.path, o)
	if err != nil {
		if in, ok := parseInArchive(w.path); ok && in.member == "" {
			return a.listArchive(w, o)
		}
		return err
	}
	defer t.Close()
	q := offset.Query{
		Kinds: cmp.Or(o.kinds, w.kinds, offset.KindUSDT|offset.KindFunc),
		Match: o.match,
		Sizes: o.json || o.long || a.tty != nil,

		ByAddr: o.byAddr,
	}
	if len(w.match) > 0 {
		if len(o.match) > 0 {
			return usagef("%s: names are given there and with -m: leave one out", w.arg)
		}
		q.Match = w.match
	}
	var p printer
	table := false
	switch {
	case o.format != "":
		p = &pastePrinter{a: a, t: t, format: o.format}
	case o.json:
		garbage(200, 20) // a demangled name leaves a hundred times its bytes
		p = &jsonPrinter{a: a, t: t, o: o, q: q}
	case o.long, o.byAddr && a.tty == nil: // a plain line is a name, which may have many
		garbage(200, 100) // symbols are made one after the other, and none kept
		p = &longPrinter{a: a}
		if a.isMember(t) {
			p = &longPrinter{a: a, remark: remarkArchive}
		}
	case a.tty != nil:
		p = newTablePrinter(a, t, o, q)
		table = true
	default:
		p = newPlainPrinter(a, t, o, q)
	}
	l := listing{a: a, t: t, p: p}
	sites := l.print(q, offset.KindUSDT)
	// Reading symbols may take a while: what is known is shown.
	p.flush()
	n := sites + l.print(q, offset.KindFunc|offset.KindPLT|offset.KindAnon|offset.KindData)
	p.end()
	l.moreProblems()
	if n == 0 {
		a.raise(statusMissing)
	} else if a.isMember(t) {
		a.noteArchive(t.Path(), o)
	}
	if !o.quiet && !table && len(l.problems) == 0 {
		a.remark(t, q, n, sites)
	}
	return nil
}

// A printer writes the probes of one target in some form.
type printer interface {
	probe(offset.Probe)
	flush() // writes what is complete; more may follow
	end()
}

// A listing is one target on its way to a printer.
type listing struct {
	a        *app
	t        *offset.Target
	p        printer
	problems map[string]bool // those told, or counted
}

// A damaged table can have an error for each symbol: so many are told, and so
// many are counted.
const maxProblems, countedProblems = 5, 10000

// print lists what q asks for of some kinds, and is how many that were.
func (l *listing) print(q offset.Query, kinds offset.Kind) int {
	n := 0
	q.Kinds &= kinds
	if p, ok := l.p.(*plainPrinter); ok && !p.o.verbose && len(q.Match) == 0 {
		if q.Kinds&offset.KindUSDT != 0 {
			n, _ = printNames(l, l.t.USDTNames(context.Background()), p.usdtLine, func(n *usdt.Name) int { return len(n.Provider) + len(n.Name) })
		}
		if q.Kinds&offset.KindFunc != 0 {
			var funcs int
			funcs, p.last = printNames(l, l.t.FuncNames(context.Background()), p.funcLine, func(n *string) int { return len(*n) })
			n, p.lastKind = n+funcs, p.uprobe
		}
		q.Kinds &^= offset.KindUSDT | offset.KindFunc
	}
	if q.Kinds == 0 {
		return n
	}
	probe := l.p.probe
	if q.Kinds&offset.KindUSDT == 0 {
		if rp, ok := l.p.(recordPrinter); ok && rp.record() != nil {
			r := newRecordWriter(l.a.out, probesPerBatch, rp.record)
			defer r.end()
			probe = func(pr offset.Probe) { r.add(&pr, len(pr.Symbol.Name)) }
		}
	}
	for pr, err := range l.t.Probes(context.Background(), q) {
		if err != nil {
			l.problem(err)
			continue
		}
		n++
		probe(pr)
	}
	return n
}

// printNames prints a line for each name; it is how many those were, and the last.
func printNames[T any](l *listing, names iter.Seq2[T, error], line func([]byte, *T) []byte, size func(*T) int) (n int, last T) {
	r := newRecordWriter(l.a.out, namesPerBatch, func() func([]byte, *T) []byte { return line })
	defer r.end()
	for name, err := range names {
		if err != nil {
			l.problem(err)
			continue
		}
		n, last = n+1, name
		r.add(&name, size(&name))
	}
	return n, last
}

func (l *listing) problem(err error) {
	text := oneLine(err)
	if l.problems[text] || len(l.problems) == countedProblems {
		return
	}
	if l.problems == nil {
		l.problems = map[string]bool{}
	}
	l.problems[text] = true
	if len(l.problems) <= maxProblems {
		l.a.fail(fmt.Errorf("%s: %s", l.t.Path(), text))
	}
}

func (l *listing) moreProblems() {
	if n := len(l.problems); n == countedProblems {
		l.a.note("%s: %s or more like these", l.t.Path(), thousands(n-maxProblems))
	} else if n > maxProblems {
		l.a.note("%s: %s like these", l.t.Path(), plural(n-maxProblems, "more problem"))
	}
}

// remark says on standard error why something that people look for is not in a
// listing.
func (a *app) remark(t *offset.Target, q offset.Query, n, sites int) {
	if n == 0 && len(q.Match) > 0 {
		a.note("%s: nothing matches %s", t.Path(), strings.Join(q.Match, ", "))
		return
	}
	if sites > 0 || q.Kinds&offset.KindUSDT == 0 || len(q.Match) > 0 {
		return
	}
	a.note("%s: no USDT probes: %s", t.Path(), whyNoUSDT(t))
}

// noUSDT says why a file has no USDT probes.
func noUSDT(t *offset.Target) string {
	secs, err := t.File().Sections()
	switch {
	case err != nil:
		return "its section headers could not be read"
	case len(secs) == 0:
		return "it has no section headers, which tell where the notes are"
	case t.File().Section(".note.stapsdt") == nil:
		return "it has no .note.stapsdt section; it was built without them"
	}
	return "its .note.stapsdt section holds none"
}

func helpOr(a *app, name string, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return runHelp(a, []string{name})
	}
	return err
}
