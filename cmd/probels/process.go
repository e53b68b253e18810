package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/glob"
	"github.com/probels/probels/offset"
)

// -p PID stands in the place of TARGET: what the process has mapped. Beside it a
// name narrows to a mapped file, as --in does.

func (a *app) openPID(pid int, o *options) (*offset.Process, error) {
	how, err := a.target(o)
	if err != nil {
		return nil, err
	}
	p, err := offset.OpenPID(context.Background(), pid, how)
	if err != nil {
		return nil, err
	}
	for _, e := range p.Problems() {
		a.fail(e)
	}
	return p, nil
}

// inObjects are the objects that names or --in stand for; all without either.
func (a *app) inObjects(p *offset.Process, names []string, o *options) []*offset.Object {
	if o.in != "" {
		names = append(names[:len(names):len(names)], o.in)
	}
	if len(names) == 0 {
		return p.Objects()
	}
	wanted := map[*offset.Object]bool{}
	for _, name := range names {
		found := p.Find(name)
		for _, x := range found {
			wanted[x] = true
		}
		if len(found) > 0 {
			continue
		}
		a.raise(statusMissing)
		hint := ""
		if name != o.in {
			hint = fmt.Sprintf("; for a function or probe: probels -p %d -m %s", p.PID(), shellWord(name))
		}
		a.note("process %d (%s): it has no file %s mapped executable%s", p.PID(), p.Name(), name, hint)
	}
	return slices.DeleteFunc(slices.Clone(p.Objects()), func(x *offset.Object) bool { return !wanted[x] })
}

// listProcess prints what a process has mapped, or those files of it that are named: USDT probes of all files, then
// functions if they are asked for, else how many there are.
func (a *app) listProcess(pid int, names []string, o *options) error {
	p, err := a.openPID(pid, o)
	if err != nil {
		return err
	}
	defer p.Close()
	l := &processListing{a: a, p: p, o: o, objects: a.inObjects(p, names, o)}
	if len(l.objects) == 0 && len(names)+len(o.in) > 0 {
		return p.Check() // told
	}
	kinds := o.kinds
	if kinds == 0 {
		kinds = offset.KindUSDT
		if l.count = len(o.match) == 0; !l.count {
			kinds |= offset.KindFunc
		}
	}
	l.q = offset.Query{Kinds: kinds, Match: o.match, Sizes: o.json || o.long || a.tty != nil}
	if l.table = a.tty != nil && !o.json && !o.long; l.table {
		paint := newTablePrinter(a, nil, o, l.q)
		fmt.Fprintln(a.out, paint.bold(fmt.Sprintf("process %d (%s)", p.PID(), clean(p.Name()))))
	}
	n := l.list(offset.KindUSDT)
	if n == 0 && l.q.Kinds&offset.KindUSDT != 0 && len(o.match) == 0 && !o.quiet {
		a.note("process %d (%s): no USDT probes in the %s that it has mapped", p.PID(), p.Name(), plural(l.files(), "file"))
	}
	n += l.list(offset.KindFunc | offset.KindData)
	n += l.others()
	if kinds&offset.KindJIT != 0 {
		n += l.jit()
	} else if l.count {
		l.countJIT()
	}
	a.out.Flush()
	if n == 0 {
		a.raise(statusMissing)
		if len(o.match) > 0 && !o.quiet {
			a.note("process %d (%s): nothing matches", p.PID(), p.Name())
		}
	}
	return p.Check()
}

type processListing struct {
	a       *app
	p       *offset.Process
	o       *options
	q       offset.Query
	objects []*offset.Object
	table   bool
	count   bool // functions are counted
}

// files is how many could be read.
func (l *processListing) files() int {
	n := 0
	for _, x := range l.objects {
		if x.Target != nil {
			n++
		}
	}
	return n
}

// list prints the probes of some kinds in all files, and is how many there were.
func (l *processListing) list(kinds offset.Kind) int {
	n := 0
	for _, x := range l.objects {
		if q := l.q; x.Target != nil && q.Kinds&kinds != 0 {
			q.Kinds &= kinds
			n += l.object(x, q)
		}
	}
	return n
}

// object prints one file. On a terminal it is passed over if it has nothing.
func (l *processListing) object(x *offset.Object, q offset.Query) int {
	var p printer
	var held *heldPrinter
	switch {
	case l.o.json:
		p = &jsonPrinter{a: l.a, t: x.Target, o: l.o, q: q}
	case l.o.long:
		p = &longPrinter{a: l.a}
	case l.table:
		held = &heldPrinter{p: newTablePrinter(l.a, x.Target, l.o, q)}
		p = held
	default:
		p = newPlainPrinter(l.a, x.Target, l.o, q)
	}
	one := listing{a: l.a, t: x.Target, p: p}
	n := one.print(q, q.Kinds)
	p.flush()
	if held == nil || held.any {
		p.end()
	}
	one.moreProblems()
	return n
}

// heldPrinter tells whether anything came.
type heldPrinter struct {
	p   printer
	any bool
}

func (h *heldPrinter) probe(pr offset.Probe) { h.any = true; h.p.probe(pr) }
func (h *heldPrinter) flush()                { h.p.flush() }
func (h *heldPrinter) end()                  { h.p.end() }

// others tells what could not be read and, where functions are only counted, a
// line for each file: in a pipe on standard error. It is how many records of
// JSON that made.
func (l *processListing) others() int {
	n := 0
	var rows [][]string
	for _, x := range l.objects {
		text := ""
		functions := -1
		switch {
		case x.Err != nil:
			text = oneLine(x.Err)
			if x.Kind != offset.ObjectVDSO && x.Kind != offset.ObjectOther && !errors.Is(x.Err, elfsym.ErrNotELF) {
				l.a.raise(statusTrouble)
			} else if !l.count {
				continue
			}
		case l.count:
			functions = l.countFunctions(x)
			text = plural(functions, "function")
			if x.Kind != offset.ObjectFile {
				text += ", " + x.Kind.String()
			}
		default:
			continue
		}
		switch name := cmp.Or(x.Path, x.MappedPath); {
		case l.o.json && l.count:
			l.a.out.Write(objectJSON(x, functions))
			n++
		case l.table:
			row := []string{name, text}
			if x.Path != "" && x.Path != x.MappedPath {
				row = append(row, "mapped as "+x.MappedPath)
			}
			rows = append(rows, row)
		case l.o.quiet && x.Err == nil:
		case x.Path != "" && x.Path != x.MappedPath:
			l.a.note("%s (%s): %s", name, x.MappedPath, text)
		default:
			l.a.note("%s: %s", name, text)
		}
	}
	if len(rows) > 0 {
		t := newTablePrinter(l.a, nil, l.o, l.q)
		fmt.Fprintln(l.a.out, t.bold(fmt.Sprintf("Mapped files (%d)", len(rows)))+t.faint("  functions: -k uprobe, or -m GLOB"))
		widths := columnWidths(rows, l.a.width())
		for _, row := range rows {
			t.row(row, widths)
		}
	}
	return n
}

func (l *processListing) countFunctions(x *offset.Object) int {
	one := listing{a: l.a, t: x.Target, p: nothing{}}
	return one.print(offset.Query{Kinds: offset.KindFunc}, offset.KindFunc)
}

// nothing is a printer for who only counts.
type nothing struct{}

func (nothing) probe(offset.Probe) {}
func (nothing) flush()             {}
func (nothing) end()               {}

func objectJSON(x *offset.Object, functions int) []byte {
	var j jsonLine
	j.reset()
	j.str("kind", "object")
	j.strNonEmpty("path", x.Path)
	if x.Target != nil {
		j.strNonEmpty("build_id", x.Target.BuildID())
	}
	writeProcess(&j, x)
	j.str("object", x.Kind.String())
	if x.Base != 0 {
		j.uint("base", uint64(x.Base))
	}
	if biases := x.Biases(); len(biases) == 1 {
		j.uint("bias", biases[0])
	}
	if functions >= 0 {
		j.int("functions", int64(functions))
	}
	if x.Err != nil {
		j.str("error", oneLine(x.Err))
	}
	return j.line()
}

// writeProcess writes what a record of a process has besides.
func writeProcess(j *jsonLine, x *offset.Object) {
	if x != nil {
		j.str("mapped_path", x.MappedPath)
		j.int("pid", int64(x.Process().PID()))
	}
}

func writeRuntime(j *jsonLine, at uint64, ok bool) {
	if ok {
		j.uint("runtime_address", at)
	}
}

// jit lists the functions of just-in-time compiled code.
func (l *processListing) jit() int {
	n := 0
	path := l.p.PerfMapPath()
	prefix := "jit:" + quote(path) + ":"
	problems := 0
	for f, err := range l.p.JIT() {
		switch {
		case errors.Is(err, offset.ErrNoPerfMap):
			l.a.note("process %d (%s): %v; its runtime may write one: perf's manual tells how", l.p.PID(), l.p.Name(), err)
		case err != nil:
			if problems++; problems <= maxProblems {
				l.a.fail(err)
			}
		case !l.wanted(f.Name):
		case l.o.json:
			n++
			var j jsonLine
			j.reset()
			j.str("kind", "jit")
			j.int("pid", int64(l.p.PID()))
			j.str("perf_map", path)
			j.str("name", f.Name)
			j.uint("runtime_address", f.Addr)
			j.uint("size", f.Size)
			l.a.out.Write(j.line())
		case l.o.long || l.table:
			n++
			fmt.Fprintf(l.a.out, "%s  %s  perf map  jit  %s\n", hex(f.Addr), strconv.FormatUint(f.Size, 10), clean(f.Name))
		default:
			n++
			fmt.Fprintf(l.a.out, "%s%s\n", prefix, quote(f.Name))
		}
	}
	if problems > maxProblems {
		l.a.note("%s: %s like these", path, plural(problems-maxProblems, "more problem"))
	}
	return n
}

func (l *processListing) wanted(name string) bool {
	return len(l.q.Match) == 0 || slices.ContainsFunc(l.q.Match, func(m string) bool { return m == name || glob.New(m).Match(name) })
}

// countJIT says in one line that there is such code.
func (l *processListing) countJIT() {
	n := 0
	for _, err := range l.p.JIT() {
		if err == nil {
			n++
		}
	}
	if n > 0 && !l.o.quiet {
		l.a.note("%s: %s compiled just in time, in no file, so that no uprobe can be put there; -k jit lists them", l.p.PerfMapPath(), plural(n, "function"))
	}
}

// resolveProcess answers questions about a process.
func (a *app) resolveProcess(pid int, args []string, o *options) error {
	specs := make([]offset.Spec, len(args))
	for i, arg := range args {
		in := o.in
		s, ok, err := parseSpelled(arg)
		if ok && err == nil && s.name != "" { // a line of a listing has its file
			arg, in = s.spec(), s.path
		}
		if specs[i], err = offset.ParseSpec(arg); err != nil {
			return usagef("%v", err)
		}
		if in != "" {
			specs[i] = specs[i].In(in)
		}
	}
	p, err := a.openPID(pid, o)
	if err != nil {
		return err
	}
	defer p.Close()
	for _, x := range p.Objects() {
		if x.Err != nil && x.Kind != offset.ObjectVDSO && x.Kind != offset.ObjectOther && !errors.Is(x.Err, elfsym.ErrNotELF) {
			a.note("%s", oneLine(x.Err)) // what was not found may be there
		}
	}
	results, err := p.Resolve(context.Background(), specs...)
	for _, e := range parts(err) {
		a.fail(e)
	}
	for i := range results {
		a.answer(nil, &results[i], o)
	}
	return nil
}
