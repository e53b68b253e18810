package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/consumer"
	"github.com/probels/probels/usdt/manifest"
)

// checking is one run of check.
type checking struct {
	a        *app
	o        *options
	manifest string // "" without -f
	write    string
	format   string
	readers  []consumer.Consumer
	types    bool
	report   reporter
	ok, bad  int
	status   int // of the failures
}

func runCheck(a *app, args []string) error {
	flags, o := newFlags("check", "r")
	c := checking{a: a, o: o}
	c.flags(flags)
	args, err := parse(flags, o, args)
	if err != nil {
		return helpOr(a, "check", err)
	}
	if !c.types {
		onlyOwnTables(flags, o)
	}
	if c.report, err = newReporter(a, o, c.format); err != nil {
		return err
	}
	if c.write != "" {
		return c.writeManifest(args)
	}
	var targets []manifest.Target
	if c.manifest != "" {
		targets, err = c.manifestTargets(args)
	} else {
		targets, err = c.argumentTargets(args)
	}
	if err != nil {
		return err
	}
	for i := range targets {
		hold := c.target
		if c.manifest == "" && isTree(targets[i].Path) {
			hold = c.anywhere
		}
		if err := hold(&targets[i]); err != nil {
			c.report.unread(targets[i].Path, err)
			a.fail(err)
		}
	}
	if c.bad > 0 {
		a.raise(c.status)
	}
	c.report.end(fmt.Sprintf("%s ok, %s failed", thousands(c.ok), thousands(c.bad)))
	return nil
}

func (c *checking) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.manifest, "f", "", "hold the targets to the `MANIFEST`")
	fs.StringVar(&c.write, "write", "", "write what the targets have into a `MANIFEST`; - is standard output")
	fs.BoolVar(&c.types, "types", false, "compare, or write, the types of arguments too; takes debug information")
	fs.Func("for", "each argument must be one that these `TOOLS` read: libbpf,bpftrace,bcc,perf,systemtap,gdb", func(s string) error {
		more, err := consumer.Parse(s)
		c.readers = append(c.readers, more...)
		return err
	})
	addReportFlags(fs, c.o, &c.format)
}

// onlyOwnTables makes --debug=off the default: a debug package that is installed
// must not change a verdict.
func onlyOwnTables(fs *flag.FlagSet, o *options) {
	told := o.debuginfod
	fs.Visit(func(f *flag.Flag) { told = told || f.Name == "debug" })
	if o.debugTold = told; !told {
		o.debug = "off"
	}
}

// manifestTargets are what -f says, for the targets that were named, or else for
// those that it names itself.
func (c *checking) manifestTargets(args []string) ([]manifest.Target, error) {
	f, err := os.Open(c.manifest)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	m, err := manifest.Parse(f)
	if err != nil {
		return nil, usagef("%s: %s", c.manifest, oneLine(err))
	}
	if len(m.Targets) == 0 {
		return nil, usagef("%s: no probe is listed", c.manifest)
	}
	var out []manifest.Target
	if len(args) == 0 {
		for _, t := range m.Targets {
			if t.Path == "" {
				return nil, usagef("%s: says of no file what it must have; name one: probels check -f %s TARGET", c.manifest, c.manifest)
			}
		}
		out = m.Targets
	}
	for _, arg := range args {
		if isTree(arg) {
			all, err := c.findTargets(m, arg)
			if err != nil {
				return nil, err
			}
			out = append(out, all...)
			continue
		}
		t, err := pickTarget(m, arg)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.manifest, err)
		}
		t.Path = arg
		out = append(out, t)
	}
	for i := range out {
		for k := range out[i].Entries {
			e := &out[i].Entries[k]
			e.For = append(e.For[:len(e.For):len(e.For)], c.readers...)
		}
	}
	return out, nil
}

// pickTarget is the part of a manifest that is about a file: the only one, or
// that of its path, or of its base name.
func pickTarget(m *manifest.Manifest, path string) (manifest.Target, error) {
	if len(m.Targets) == 1 {
		return m.Targets[0], nil
	}
	var found []manifest.Target
	for _, t := range m.Targets {
		if t.Path == path {
			return t, nil
		}
		if filepath.Base(t.Path) == filepath.Base(path) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return manifest.Target{}, usagef("it has no target %s", path)
	case 1:
		return found[0], nil
	}
	return manifest.Target{}, usagef("several of its targets are called %s; name one as it does", filepath.Base(path))
}

// argumentTargets are TARGET… SPEC…, and lines of a listing, which carry their
// target. Further targets are arguments that are files.
func (c *checking) argumentTargets(args []string) ([]manifest.Target, error) {
	var out []manifest.Target
	var paths []string
	add := func(path, text string, line bool) error {
		e := manifest.Entry{Spec: text, Count: 1, AtLeast: true}
		if !line {
			var err error
			if e, err = manifest.ParseEntry(text); err != nil {
				return usagef("%v", err)
			}
		}
		e.For = c.readers
		for i := range out {
			if out[i].Path == path {
				out[i].Entries = append(out[i].Entries, e)
				return nil
			}
		}
		out = append(out, manifest.Target{Path: path, Entries: []manifest.Entry{e}})
		return nil
	}
	specs := false
	for _, arg := range args {
		s, ok, err := parseSpelled(arg)
		if len(paths) > 0 && !strings.Contains(s.path, "/") {
			ok, err = false, nil
		}
		switch {
		case err != nil:
			return nil, err
		case ok && s.name != "":
			named, err := s.paths()
			if err != nil {
				return nil, err
			}
			for _, p := range named {
				if err := add(p, s.spec(), true); err != nil {
					return nil, err
				}
			}
		case ok:
			paths = append(paths, s.path)
		case len(paths) == 0 || !specs && isFile(arg):
			paths = append(paths, arg)
		default:
			specs = true
			for _, p := range paths {
				if err := add(p, arg, false); err != nil {
					return nil, err
				}
			}
		}
	}
	switch {
	case len(out) > 0 && (specs || len(paths) == 0):
		return out, nil
	case len(paths) == 0:
		return nil, usagef("no target; try: probels check /usr/bin/python3 'python:*', or with -f MANIFEST")
	}
	return nil, usagef("nothing to check %s for; to hold it to what it has now: probels check --write probes.lock %s", paths[0], paths[0])
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}

// target holds one file to its entries.
func (c *checking) target(want *manifest.Target) error {
	t, err := c.a.openTarget(want.Path, c.o)
	if err != nil {
		return err
	}
	defer t.Close()
	names, err := c.typeNames(t)
	if err != nil {
		return err
	}
	probes, err := c.a.usdtProbes(t, names)
	if err != nil {
		return err
	}
	results, unlisted := manifest.Check(want.Entries, probes, &manifest.Options{Program: programOf(t, probes), Types: c.types})
	c.otherKinds(t, results)
	for i := range results {
		c.result(fileOf(t), &results[i])
	}
	if c.manifest != "" {
		for _, p := range unlisted {
			c.report.unlisted(fileOf(t), p)
		}
	}
	return nil
}

func (c *checking) result(f checkedFile, r *manifest.Result) {
	if len(r.Failures) == 0 {
		c.ok++
	} else {
		c.bad++
		c.status = max(c.status, failureStatus(r.Failures))
	}
	c.report.result(f, r, c.manifest)
}

// failureStatus is 2 where the types of an argument are not known: as
// without debug information, nothing can be said of them.
func failureStatus(all []manifest.Failure) int {
	for i := range all {
		if all[i].Kind == manifest.Unknown {
			return statusTrouble
		}
	}
	return statusMissing
}

// usdtProbes are a target's USDT probes. What is damaged is told, and is an
// error: nobody can say of a file that could not be read what it lacks.
func (a *app) usdtProbes(t *offset.Target, names manifest.Names) ([]manifest.Probe, error) {
	var sites []usdt.Site
	l := listing{a: a, t: t}
	for p, err := range t.Probes(context.Background(), offset.Query{Kinds: offset.KindUSDT}) {
		if err != nil {
			l.problem(err)
			continue
		}
		sites = append(sites, *p.Site)
	}
	l.moreProblems()
	return manifest.Probes(sites, names), nil
}

// typeNames gives the types of arguments with --types, which takes debug
// information: without it no type can be compared, and none be written.
func (c *checking) typeNames(t *offset.Target) (manifest.Names, error) {
	if !c.types {
		return nil, nil
	}
	if _, err := t.DWARF(context.Background()); err != nil {
		return nil, fmt.Errorf("%s: --types: %w", t.Path(), err)
	}
	return newDescriber(c.a, t).typesOf, nil
}

// programOf is what consumers know of a file.
func programOf(t *offset.Target, probes []manifest.Probe) consumer.Program {
	f := t.File()
	p := consumer.Program{Machine: f.Machine(), Class: f.Class(), Type: f.Type()}
	var syms usdt.Symbols
	p.Defines = func(name string) bool {
		if syms == nil {
			syms = usdt.Symbols{}
			for i := range probes {
				for k := range probes[i].Sites {
					syms.Names(probes[i].Sites[k].Args())
				}
			}
			if err := syms.Resolve(f); err != nil {
				return true // not known to be absent
			}
		}
		_, ok := syms[name]
		return ok
	}
	return p
}

// otherKinds looks for what is no USDT probe among the functions: a name without
// a colon, and "file.c:func".
func (c *checking) otherKinds(t *offset.Target, results []manifest.Result) {
	var specs []offset.Spec
	var asked []*manifest.Result
	for i := range results {
		r := &results[i]
		missing := len(r.Failures) == 1 && r.Failures[0].Kind == manifest.Missing
		if r.Entry.Args != nil || r.Entry.USDT() && !missing || !r.Entry.USDT() && !missing && r.Entry.Count > 0 {
			continue
		}
		s, err := offset.ParseSpec(r.Entry.Spec)
		if err != nil {
			r.Failures = []manifest.Failure{{Kind: manifest.Missing, Probe: r.Entry.Spec, Text: oneLine(err)}}
			continue
		}
		specs, asked = append(specs, s), append(asked, r)
	}
	if len(specs) == 0 {
		return
	}
	found, err := t.Resolve(context.Background(), specs...)
	l := listing{a: c.a, t: t}
	for _, e := range parts(err) {
		l.problem(e)
	}
	l.moreProblems()
	for i := range found {
		c.function(asked[i], &found[i])
	}
}

func (c *checking) function(r *manifest.Result, found *offset.Result) {
	e := r.Entry
	names := map[string]bool{}
	for i := range found.Locations {
		names[found.Locations[i].Name] = true
	}
	n := len(names)
	switch {
	case n == 0 && e.Count > 0:
		f := manifest.Failure{Kind: manifest.Missing, Probe: e.Spec, Text: "missing"}
		nf := (*offset.NotFoundError)(nil)
		switch {
		case errors.As(found.Err, &nf):
			if f.Nearest = nf.Nearest; e.USDT() && len(r.Failures) == 1 {
				f.Nearest = r.Failures[0].Nearest
			}
			switch {
			case nf.Imported:
				f.Text += ": only imported"
			case nf.Note != "":
				f.Text += ": " + nf.Note
			}
			switch {
			case len(f.Nearest) > 0:
				f.Text += "; nearest " + strings.Join(f.Nearest, ", ")
			case e.USDT() && len(r.Failures) == 1:
				f.Text = r.Failures[0].Text
			}
		case found.Err != nil:
			f.Kind, f.Text = manifest.Unreachable, "cannot be attached to: "+oneLine(found.Err)
		}
		r.Failures = []manifest.Failure{f}
	case n < e.Count || n > e.Count && !e.AtLeast:
		want := fmt.Sprint(e.Count)
		if e.AtLeast {
			want = "at least " + want
		}
		r.Failures = []manifest.Failure{{Kind: manifest.Count, Probe: e.Spec, Want: want, Have: fmt.Sprint(n), Text: fmt.Sprintf("want %s, have %d", want, n)}}
	default:
		r.Failures = nil
	}
}
