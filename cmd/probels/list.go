package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/probels/probels/offset"
)

func runList(a *app, args []string) error {
	flags, o := newFlags("list", "m")
	args, err := parse(flags, o, args)
	switch {
	case err != nil:
		return helpOr(a, "list", err)
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
	for i, w := range targets {
		if err := a.list(w, o); err != nil {
			a.fail(hintMatch(err, args, i))
		}
	}
	a.out.Flush()
	return done()
}

// hintMatch helps who gave a name behind a file: "probels bash readline".
func hintMatch(err error, args []string, i int) error {
	if i == 0 || len(args) < 2 || strings.Contains(args[i%len(args)], "/") {
		return err
	}
	if ue := (usageError{}); errors.As(err, &ue) && strings.Contains(ue.text, "no such file") || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; for a name in %s: probels -m '%s' %s", err, args[0], args[i], args[0])
	}
	return err
}

// list prints one target.
func (a *app) list(w wantedTarget, o *options) error {
	t, err := openTarget(w.path)
	if err != nil {
		return err
	}
	defer t.Close()
	q := offset.Query{Kinds: w.kinds, Match: o.match, Sizes: o.json || o.long || a.tty != nil}
	if o.kinds != 0 {
		q.Kinds = o.kinds
	}
	if len(w.match) > 0 {
		if len(o.match) > 0 {
			return usagef("%s: names are given there and with -m: leave one out", w.arg)
		}
		q.Match = w.match
	}
	var p printer
	switch {
	case o.json:
		p = &jsonPrinter{a: a, t: t, o: o}
	case a.tty != nil:
		p = newTablePrinter(a, t, o)
	case o.long:
		p = &longPrinter{a: a, t: t, o: o}
	default:
		p = newPlainPrinter(a, t, o)
	}
	p.begin()
	n, problems := 0, 0
	for probe, err := range t.Probes(context.Background(), q) {
		if err != nil {
			// A damaged table can have an error for each symbol.
			if problems++; problems <= maxProblems {
				a.fail(fmt.Errorf("%s: %w", t.Path(), err))
			}
			continue
		}
		n++
		p.probe(probe)
	}
	p.end()
	if problems > maxProblems {
		a.note("%s: %s like these", t.Path(), plural(problems-maxProblems, "more problem"))
	}
	if n == 0 {
		a.raise(statusMissing)
	}
	if !o.quiet && a.tty == nil && problems == 0 {
		a.remark(t, q, n)
	}
	return nil
}

const maxProblems = 5

// A printer writes the probes of one target in some form.
type printer interface {
	begin()
	probe(offset.Probe)
	end()
}

// remark says on standard error why something that people look for is not in a
// listing.
func (a *app) remark(t *offset.Target, q offset.Query, n int) {
	if n == 0 && len(q.Match) > 0 {
		a.note("%s: nothing matches %s", t.Path(), strings.Join(q.Match, ", "))
		return
	}
	if q.Kinds != 0 && q.Kinds&offset.KindUSDT == 0 || len(q.Match) > 0 {
		return
	}
	if why := noUSDT(t); why != "" {
		a.note("%s: no USDT probes: %s", t.Path(), why)
	}
}

// noUSDT says why a file has no USDT probes; "" if it has a section for them.
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
	return ""
}

func helpOr(a *app, name string, err error) error {
	if strings.Contains(err.Error(), "help requested") {
		return runHelp(a, []string{name})
	}
	return err
}
