package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// scanAll prints the probes of every file that a running process has mapped
// executable, each file once, with the processes.
func (a *app) scanAll(q offset.Query, o *options) error {
	how, err := a.target(o)
	if err != nil {
		return err
	}
	ctx := context.Background()
	sys, err := offset.Running(ctx, how)
	if err != nil {
		return err
	}
	v := &allView{a: a, o: o, q: q, table: a.tty != nil && !o.json && !o.long}
	for _, err := range sys.Problems {
		v.problem(err)
	}
	for f, objects := range sys.Open(ctx) {
		if f.Err != nil && !errors.Is(f.Err, offset.ErrProcessChanged) { // else nobody runs it any more
			v.problem(f.Err)
		}
		for _, x := range objects {
			v.object(f, x)
		}
	}
	a.out.Flush()
	if n := v.problems - maxProblems; n > 0 {
		a.note("%s like these", plural(n, "more problem"))
	}
	if sys.Unread > 0 && !o.quiet {
		a.note("%s could not be read for lack of permission", processes(sys.Unread))
	}
	if v.files == 0 {
		a.raise(statusMissing)
	}
	if !o.quiet && (v.files == 0 || a.tty != nil) {
		a.note("%s of %s, mapped by %s, have what was asked for", thousands(v.files), plural(len(sys.Files), "file"), processes(sys.Processes))
	}
	return nil
}

// allView prints files one after the other.
type allView struct {
	a        *app
	o        *options
	q        offset.Query
	table    bool
	files    int
	problems int
}

func (v *allView) problem(err error) {
	if v.problems++; v.problems <= maxProblems {
		v.a.fail(err)
	}
}

// object prints what was found in one file, if anything was.
func (v *allView) object(f *offset.SharedFile, x *offset.Object) {
	switch {
	case x.Err == nil:
	case x.Kind == offset.ObjectOther, errors.Is(x.Err, elfsym.ErrNotELF):
		return // mapped, and no program
	default:
		v.problem(x.Err)
		return
	}
	var probes []offset.Probe
	for pr, err := range x.Target.Probes(context.Background(), v.q) {
		if err != nil {
			v.problem(fmt.Errorf("%s: %w", x.Path, err))
			continue
		}
		pr.Object = nil // addresses and semaphores are one process's
		probes = append(probes, pr)
	}
	if len(probes) == 0 {
		return
	}
	var p printer
	switch {
	case v.o.json:
		p = &jsonPrinter{a: v.a, t: x.Target, o: v.o, q: v.q, more: func(j *jsonLine) {
			j.str("mapped_path", x.MappedPath)
			j.open("pids", '[')
			for i, m := range f.By {
				if i > 0 {
					j.b = append(j.b, ',')
				}
				j.b = strconv.AppendInt(j.b, int64(m.PID), 10)
			}
			j.close(']')
		}}
	case v.o.long:
		p = &longPrinter{a: v.a}
	case v.table:
		if v.files > 0 {
			fmt.Fprintln(v.a.out)
		}
		p = newTablePrinter(v.a, x.Target, v.o, v.q)
	default:
		p = newPlainPrinter(v.a, x.Target, v.o, v.q)
	}
	v.files++
	for i := range probes {
		p.probe(probes[i])
	}
	p.flush()
	p.end()
	switch text := mappers(f.By); {
	case v.o.json:
	case v.table:
		fmt.Fprintf(v.a.out, "Mapped by %s\n", clean(text))
	case !v.o.quiet:
		v.a.note("%s: mapped by %s", x.Path, text)
	}
}

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return thousands(n) + " processes"
}

// mappers names processes: "3 processes: 12 34 (postgres), 56 (bash)".
func mappers(by []offset.Mapper) string {
	var names []string
	pids := map[string][]string{}
	for _, m := range by {
		if pids[m.Name] == nil {
			names = append(names, m.Name)
		}
		pids[m.Name] = append(pids[m.Name], strconv.Itoa(m.PID))
	}
	var out []string
	for _, name := range names {
		const few = 8
		some := pids[name]
		text := strings.Join(some[:min(len(some), few)], " ")
		if len(some) > few {
			text += " …"
		}
		out = append(out, fmt.Sprintf("%s (%s)", text, name))
	}
	return processes(len(by)) + ": " + strings.Join(out, ", ")
}
