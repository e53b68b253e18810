package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/probels/probels/offset"
)

func init() {
	commandHelp["scan"] = `The USDT probes of every ELF file below directories; with -k uprobe -m GLOB
functions too. Symbolic links are not followed, a file of several names is told
once, by the first; separate debug files are left out, and other file systems
unless --all-filesystems is given. Output is as that of list, and its order is
fixed: by name, the files of a directory before its subdirectories.

  probels scan /usr                        all there is
  probels scan -m 'postgresql:*' /usr      those of one provider
  probels scan -k uprobe -m SSL_read /opt  a function, wherever it is built in
  probels scan -a                          of all that runs, and in which processes

Exit status: 0 something was found, 1 nothing, 2 something could not be read.
`
}

// scanFlags are those that only scan has.
func scanFlags(fs *flag.FlagSet) (cross, running *bool) {
	return fs.Bool("all-filesystems", false, "directories of other file systems too"),
		fs.Bool("a", false, "in the place of DIR: every file that a running process has mapped executable, and which")
}

func runScan(a *app, args []string) error {
	flags, o := newFlags("scan", "m")
	cross, running := scanFlags(flags)
	dirs, err := parse(flags, o, args)
	switch {
	case err != nil:
		return helpOr(a, "scan", err)
	case *running && len(dirs) > 0:
		return usagef("%s: -a stands in the place of directories", dirs[0])
	case *running && *cross:
		return usagef("-a: it takes every file that is mapped, wherever it is")
	case len(dirs) == 0 && !*running:
		return usagef("no directory; try: probels scan /usr, or probels scan -a for what runs")
	}
	q := offset.Query{
		Kinds: cmp.Or(o.kinds, offset.KindUSDT),
		Match: o.match,
		Sizes: o.json || o.long || a.tty != nil,
	}
	if q.Kinds&^offset.KindUSDT != 0 && len(q.Match) == 0 {
		return usagef("every function of every file is too much: say which, with -m GLOB")
	}
	done := func() error { return nil }
	if a.tty != nil && !o.json {
		done = a.startPager(o)
	}
	if *running {
		err = a.scanAll(q, o)
	} else {
		err = a.scan(dirs, q, o, *cross)
	}
	a.out.Flush()
	return errors.Join(err, done())
}

// scan lists what is below directories.
func (a *app) scan(dirs []string, q offset.Query, o *options, cross bool) error {
	how, err := a.target(o)
	if err != nil {
		return err
	}
	// Here each file's memory is garbage soon: half of main's setting's peak.
	debug.SetGCPercent(100)
	s := offset.NewScan(&offset.ScanOptions{Query: q, CrossDevices: cross, Open: *how})
	v := &scanView{a: a, o: o, q: q, table: a.tty != nil && !o.json && !o.long}
	stop := a.showScanned(s)
	for found, err := range s.Files(context.Background(), dirs...) {
		stop.pause()
		if err != nil {
			v.problem(err.Error())
		} else {
			v.file(found.Target, found.Probes, found.Errs)
		}
		stop.resume()
	}
	stop.end()
	a.out.Flush()
	v.end()
	if v.files == 0 {
		a.raise(statusMissing)
	}
	if !o.quiet && (v.files == 0 && v.problems == 0 || a.tty != nil) {
		a.note("%s", scanSummary(s.Stats(), v.files))
	}
	return nil
}

// scanView prints files one after the other, and counts what is wrong.
type scanView struct {
	a        *app
	o        *options
	q        offset.Query
	table    bool
	files    int
	problems int
	first    []string
}

// file prints what was found in one.
func (v *scanView) file(t *offset.Target, probes []offset.Probe, errs []error) {
	for _, err := range errs {
		v.problem(t.Path() + ": " + oneLine(err))
	}
	if len(probes) == 0 {
		return
	}
	var p printer
	switch {
	case v.o.json:
		p = &jsonPrinter{a: v.a, t: t, o: v.o}
	case v.o.long:
		p = &longPrinter{a: v.a}
	case v.table:
		if v.files > 0 {
			fmt.Fprintln(v.a.out)
		}
		p = newTablePrinter(v.a, t, v.o, v.q)
	default:
		p = newPlainPrinter(v.a, t, v.o)
	}
	v.files++
	for i := range probes {
		p.probe(probes[i])
	}
	p.flush()
	p.end()
}

func (v *scanView) problem(text string) {
	if v.problems++; v.problems <= maxProblems {
		v.first = append(v.first, text)
	}
}

// end tells what could not be read: the first few, and how many more.
func (v *scanView) end() {
	for _, text := range v.first {
		v.a.fail(usageError{text})
	}
	if n := v.problems - len(v.first); n > 0 {
		v.a.note("%s could not be read", plural(n, "more file"))
	}
}

// scanSummary is what was looked at.
func scanSummary(s offset.ScanStats, found int) string {
	text := fmt.Sprintf("%s of %s have what was asked for", thousands(found), plural(int(s.ELF), "ELF file"))
	text += fmt.Sprintf(" (%s in all)", plural(int(s.Files), "file"))
	if s.DebugOnly > 0 {
		text += fmt.Sprintf("; %s left out", plural(int(s.DebugOnly), "debug file"))
	}
	if s.OtherDevices > 0 {
		text += fmt.Sprintf("; %s of other file systems left out: --all-filesystems", plural(int(s.OtherDevices), "tree"))
	}
	return text
}

// hasTerminal reports whether diagnosis goes to a terminal.
func (a *app) hasTerminal() bool {
	f, ok := a.err.(*os.File)
	return ok && isTerminal(f)
}
