package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// question is one SPEC of the command line and the file that it is about.
type question struct {
	path, text string
}

func runResolve(a *app, args []string) error {
	flags, o := newFlags("resolve", "pfr")
	args, err := parse(flags, o, args)
	if err != nil {
		return helpOr(a, "resolve", err)
	}
	if len(o.pids) > 0 {
		if len(args) == 0 {
			return usagef("no name to resolve; try: probels resolve -p %d malloc, or list them: probels -p %d", o.pids[0], o.pids[0])
		}
		for _, pid := range o.pids {
			if err := a.resolveProcess(pid, args, o); err != nil {
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
		if err := a.resolve(mine, o); err != nil {
			a.fail(err)
		}
		return nil
	})
}

// parseQuestions reads TARGET SPEC… and lines that carry their target.
func parseQuestions(args []string) ([]question, error) {
	var out []question
	target := ""
	for _, arg := range args {
		s, ok, err := parseSpelled(arg)
		if target != "" && !strings.Contains(s.path, "/") {
			ok, err = false, nil // a SPEC: "*:gc__start", or a provider named "data"
		}
		switch {
		case err != nil:
			return nil, err
		case ok && s.name == "":
			target = s.path
		case ok:
			paths, err := s.paths()
			if err != nil {
				return nil, err
			}
			for _, p := range paths {
				out = append(out, question{p, s.spec()})
			}
		case target == "":
			target = arg
		default:
			out = append(out, question{target, arg})
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case target == "":
		return nil, usagef("no target; try: probels resolve /usr/bin/bash readline")
	}
	return nil, usagef("no name to resolve; try: probels resolve %s main, or list them: probels %s", target, target)
}

// resolve answers the questions about one file.
func (a *app) resolve(questions []question, o *options) error {
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
	l := listing{a: a, t: t}
	for _, e := range parts(err) {
		l.problem(e)
	}
	l.moreProblems()
	if o.format != "" {
		a.pasteResults(t, results, o)
		return nil
	}
	for i := range results {
		r := &results[i]
		if len(r.Locations) == 0 && errors.Is(err, elfsym.ErrTruncated) {
			continue // that is why, as far as anybody can tell
		}
		if o.debug != "off" {
			r.Err = definedWhere(t, r.Err)
		}
		a.answer(t, r, o)
	}
	return nil
}

func (a *app) answer(t *offset.Target, r *offset.Result, o *options) {
	if o.quiet {
		l, err := r.One()
		if err != nil {
			a.missing(err)
			return
		}
		fmt.Fprintln(a.out, hex(l.Offset))
		return
	}
	for i := range r.Locations {
		if o.json {
			a.out.Write(locationJSON(t, r.Spec, &r.Locations[i]))
		} else {
			fmt.Fprintln(a.out, clean(locationLine(&r.Locations[i])))
		}
	}
	if r.Err != nil {
		a.missing(r.Err)
	}
}

// missing tells that a spec stands for nothing, or for less than it should.
func (a *app) missing(err error) {
	a.note("%s", oneLine(err))
	a.raise(statusMissing)
}

// locationLine is "OFFSET  PATH  NAME  EVIDENCE…".
func locationLine(l *offset.Location) string {
	name := l.Name
	switch {
	case l.Kind == offset.KindUSDT:
		name = l.Provider + ":" + l.Name
	case l.Name == "":
		name = hex(l.Addr)
		if l.Function != 0 {
			name = hex(l.Function) + "+" + hex(l.Addend)
		}
	case l.Version != "" && l.Default:
		name += "@@" + l.Version
	case l.Version != "":
		name += "@" + l.Version
	}
	if l.Addend != 0 && l.Name != "" {
		name += "+" + hex(l.Addend)
	}
	c := []string{hex(l.Offset), l.Path, name}
	if l.Kind == offset.KindUSDT {
		c = append(c, "usdt")
		if l.RefCtrOffset != 0 {
			c = append(c, "ref_ctr="+hex(l.RefCtrOffset))
		}
	}
	if s := l.Sources.String(); s != "" {
		c = append(c, s)
	}
	if l.Confidence != offset.NotMatched {
		c = append(c, l.Confidence.String())
	}
	if l.Type == elf.STT_GNU_IFUNC {
		c = append(c, "ifunc: this is its resolver, which runs once")
	}
	if l.File != "" {
		if l.Line != 0 {
			c = append(c, fmt.Sprintf("(%s:%d)", l.File, l.Line))
		} else {
			c = append(c, "("+l.File+")")
		}
	}
	if at, ok := l.RuntimeAddr(); ok {
		c = append(c, "at="+hex(at))
	}
	if l.Object != nil && l.Object.MappedPath != l.Path {
		c = append(c, "mapped as "+l.Object.MappedPath)
	}
	return strings.Join(c, "  ")
}

func locationJSON(t *offset.Target, spec offset.Spec, l *offset.Location) []byte {
	var j jsonLine
	j.reset()
	j.str("spec", spec.String())
	j.str("kind", l.Kind.String())
	j.str("path", l.Path)
	j.strNonEmpty("build_id", l.BuildID)
	writeProcess(&j, l.Object)
	j.strNonEmpty("provider", l.Provider)
	j.strNonEmpty("name", l.Name)
	if l.Version != "" {
		j.str("version", l.Version)
		j.bool("default_version", l.Default)
	}
	j.uint("address", uint64(l.Addr))
	j.uint("offset", uint64(l.Offset))
	at, mapped := l.RuntimeAddr()
	writeRuntime(&j, at, mapped)
	if l.RefCtrOffset != 0 {
		j.uint("ref_ctr_offset", uint64(l.RefCtrOffset))
	}
	j.uint("addend", l.Addend)
	if l.Function != 0 {
		j.uint("function_address", uint64(l.Function))
	}
	if l.Kind != offset.KindUSDT {
		if l.Name != "" {
			j.str("type", offset.TypeName(l.Type))
		}
		j.strs("sources", l.Sources.Strings())
	}
	j.strNonEmpty("confidence", l.Confidence.String())
	file, line := l.File, l.Line
	if l.Object != nil {
		t = l.Object.Target
	}
	if line == 0 && t != nil {
		if f, n := lineOf(t, l.Addr); n != 0 {
			file, line = f, n
		}
	}
	j.strNonEmpty("file", file)
	if line != 0 {
		j.int("line", int64(line))
	}
	return j.line()
}
