package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/probels/probels/debuglink/pkghint"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// runWhy says why a name stands for a place, or for none: the first line is the
// cause, the last the command that helps.
func runWhy(a *app, args []string) error {
	flags, o := newFlags("why", "p")
	args, err := parse(flags, o, args)
	if err != nil {
		return helpOr(a, "why", err)
	}
	if len(o.pids) > 0 {
		for _, pid := range o.pids {
			if err := a.whyProcess(pid, args, o); err != nil {
				a.fail(err)
			}
		}
		return nil
	}
	if len(args) == 0 {
		return usagef("no target; try: probels why /usr/bin/bash readline")
	}
	if len(args) == 1 {
		if s, ok, err := parseSpelled(args[0]); err != nil {
			return err
		} else if !ok || s.name == "" {
			path := args[0]
			if ok {
				path = s.path
			}
			return a.why(path, nil, o)
		}
	}
	questions, err := parseQuestions(args)
	if err != nil {
		return err
	}
	return eachFile(questions, func(mine []question) error {
		specs := make([]string, len(mine))
		for i := range mine {
			specs[i] = mine[i].text
		}
		if err := a.why(mine[0].path, specs, o); err != nil {
			a.fail(err)
		}
		return nil
	})
}

// eachFile calls do with the questions about each file, in the order in which
// the files were named first.
func eachFile(questions []question, do func(mine []question) error) error {
	for len(questions) > 0 {
		var mine, rest []question
		for _, q := range questions {
			if q.path == questions[0].path {
				mine = append(mine, q)
			} else {
				rest = append(rest, q)
			}
		}
		if err := do(mine); err != nil {
			return err
		}
		questions = rest
	}
	return nil
}

// why explains specs of one target, or its USDT probes if there are none.
func (a *app) why(name string, specs []string, o *options) error {
	if a.whyScript(name, specs, o) {
		return nil
	}
	t, err := a.openTarget(name, o)
	if err != nil {
		return err
	}
	defer t.Close()
	if len(specs) == 0 {
		e, err := t.ExplainProbes(context.Background(), findOptions())
		if e.Cause == "" {
			return err
		}
		a.problems(t, err)
		a.explain(t, &e, "", o)
		return nil
	}
	return a.explainSpecs(t, specs, o)
}

func (a *app) problems(t *offset.Target, err error) {
	l := listing{a: a, t: t}
	for _, e := range parts(err) {
		l.problem(e)
	}
	l.moreProblems()
}

func (a *app) explainSpecs(t *offset.Target, texts []string, o *options) error {
	specs := make([]offset.Spec, len(texts))
	for i, text := range texts {
		var err error
		if specs[i], err = offset.ParseSpec(text); err != nil {
			return usagef("%v", err)
		}
	}
	all, err := t.Explain(context.Background(), findOptions(), specs...)
	if all == nil {
		return err
	}
	a.problems(t, err)
	for i := range all {
		if i > 0 && !o.json {
			fmt.Fprintln(a.out)
		}
		a.explain(t, &all[i], texts[i], o)
	}
	return nil
}

// whyProcess explains names in a process: where they are, or why they are not in
// its program.
func (a *app) whyProcess(pid int, texts []string, o *options) error {
	p, err := a.openPID(pid, o)
	if err != nil {
		return err
	}
	defer p.Close()
	var program *offset.Target
	for _, x := range a.inObjects(p, nil, o) {
		if x.Target != nil {
			program = x.Target
			break
		}
	}
	if program == nil {
		return fmt.Errorf("process %d (%s): none of its files could be opened", p.PID(), p.Name())
	}
	if len(texts) == 0 {
		e, err := program.ExplainProbes(context.Background(), findOptions())
		if e.Cause == "" {
			return err
		}
		a.problems(program, err)
		a.explain(program, &e, "", o)
		return nil
	}
	for _, text := range texts {
		spec, err := offset.ParseSpec(text)
		if err != nil {
			return usagef("%v", err)
		}
		if o.in != "" {
			spec = spec.In(o.in)
		}
		results, err := p.Resolve(context.Background(), spec)
		t := program
		if len(results) > 0 && len(results[0].Locations) > 0 {
			t = results[0].Locations[0].Object.Target
		} else if results == nil {
			return err
		}
		if err := a.explainSpecs(t, []string{text}, o); err != nil {
			return err
		}
	}
	return p.Check()
}

// explain prints one explanation.
func (a *app) explain(t *offset.Target, e *offset.Explanation, spec string, o *options) {
	switch e.Cause {
	case offset.CauseFound, offset.CauseIfunc, offset.CauseHasProbes:
	default:
		a.raise(statusMissing)
	}
	h := a.help(t, e, spec, o)
	if o.json {
		a.out.Write(explanationJSON(t, e, h))
		return
	}
	fmt.Fprintln(a.out, clean(e.Text))
	row := func(label, text string) { fmt.Fprintf(a.out, "  %-13s %s\n", label, clean(text)) }
	for _, tr := range e.Tried {
		row(tr.Source, tr.Verdict)
	}
	for i := range e.Implementations {
		label := ""
		if i == 0 {
			label = "chooses"
		}
		row(label, strings.TrimSpace(e.Implementations[i].Name+"  "+hex(e.Implementations[i].Addr)))
	}
	if len(e.Nearest) > 1 || len(e.Nearest) == 1 && e.Cause != offset.CauseNear {
		row("nearest", strings.Join(e.Nearest, ", "))
	}
	if e.Program.Runtime != "" {
		row("program", e.Program.String())
		if trace := e.Program.Runtime.Trace(); trace != "" && e.Cause != offset.CauseScript && e.Cause != offset.CauseFound {
			row("", trace)
		}
	}
	for _, w := range e.Warnings {
		row("warning", w)
	}
	for _, n := range h.notes {
		row("note", n)
	}
	for _, c := range h.commands {
		fmt.Fprintln(a.out, clean(c))
	}
}

// help is what to do about a cause.
type help struct {
	notes    []string
	commands []string // to be pasted, in order; the last is the one that answers
}

func (a *app) help(t *offset.Target, e *offset.Explanation, spec string, o *options) (h help) {
	resolve := func(path string, specs ...string) {
		if len(specs) > 20 {
			h.notes = append(h.notes, fmt.Sprintf("%s more like these", thousands(len(specs)-20)))
			specs = specs[:20]
		}
		words := []string{"probels", "resolve", shellWord(path)}
		for _, s := range specs {
			words = append(words, shellWord(s))
		}
		h.commands = append(h.commands, strings.Join(words, " "))
	}
	nothing := func(why string) { h.commands = append(h.commands, "nothing can help: "+why) }
	path := t.Path()
	switch e.Cause {
	case offset.CauseFound:
		resolve(path, spec)
	case offset.CauseHasProbes:
		h.commands = append(h.commands, "probels -k usdt "+shellWord(path))
	case offset.CauseIfunc:
		if specs := placesOf(e.Implementations, e.Locations[0].Name); len(specs) > 0 {
			resolve(path, specs...)
		} else {
			resolve(path, spec)
		}
	case offset.CauseRefused:
		a.helpRefused(t, e, &h, resolve, nothing)
	case offset.CauseInvalid:
		nothing("a uprobe goes on code; to see where that is: probels -k uprobe,anon " + shellWord(path))
	case offset.CauseImported, offset.CauseLibrary, offset.CauseLauncher:
		switch {
		case len(e.Libraries) == 0:
			nothing("the library that defines it is not on this system")
		case spec == "":
			h.commands = append(h.commands, "probels -k usdt "+shellWord(e.Libraries[0].Path))
		default:
			resolve(e.Libraries[0].Path, spec)
		}
	case offset.CauseVersion:
		resolve(path, e.Versions...)
	case offset.CauseVariable:
		nothing("a uprobe goes on a function's code")
	case offset.CauseInlined:
		resolve(path, addresses(e.Locations)...)
	case offset.CauseNear:
		resolve(path, e.Nearest[0])
	case offset.CauseScript:
		a.helpScript(t, e, resolve, nothing)
	case offset.CauseStripped:
		a.helpStripped(t, spec, o, &h, nothing)
	case offset.CauseDisabled:
		nothing("it takes a build with " + e.Program.Runtime.ProbesNeed())
	case offset.CauseNoProbes:
		if len(e.Libraries) == 0 {
			nothing("functions can be probed instead: probels -k uprobe " + shellWord(path))
			break
		}
		words := []string{"probels", "-k", "usdt"}
		for _, l := range e.Libraries {
			words = append(words, shellWord(l.Path))
		}
		h.commands = append(h.commands, strings.Join(words, " "))
	default:
		nothing("no source has the name; functions without names: probels -k anon " + shellWord(path))
	}
	return h
}

// placesOf names locations as specs: by address where there is no name, or
// others have it too.
func placesOf(ls []offset.Location, taken string) []string {
	count := map[string]int{taken: 1}
	for i := range ls {
		count[ls[i].Name]++
	}
	var out []string
	for i := range ls {
		if name := ls[i].Name; name != "" && count[name] == 1 {
			out = append(out, name)
		} else {
			out = append(out, hex(ls[i].Addr))
		}
	}
	return out
}

func addresses(ls []offset.Location) []string {
	var out []string
	for i := range ls {
		out = append(out, hex(ls[i].Addr))
	}
	return out
}

// helpRefused offers the nearest places that the kernel takes.
func (a *app) helpRefused(t *offset.Target, e *offset.Explanation, h *help, resolve func(string, ...string), nothing func(string)) {
	var refused *offset.RefusedError
	if err := t.Check(e.Locations[0]); !errors.As(err, &refused) {
		nothing("the file could not be examined")
		return
	}
	var near []string
	for _, addr := range []elfsym.Addr{refused.Before, refused.After} {
		if addr != 0 {
			near = append(near, hex(addr))
		}
	}
	if len(near) == 0 {
		nothing(refused.Rule.String() + ": another place in the function may do: probels show " + shellWord(t.Path()) + " " + hex(e.Locations[0].Addr))
		return
	}
	h.notes = append(h.notes, "instructions begin at "+strings.Join(near, " and "))
	resolve(t.Path(), near...)
}

// helpScript leads to the runtime's probes that carry the names of functions.
func (a *app) helpScript(t *offset.Target, e *offset.Explanation, resolve func(string, ...string), nothing func(string)) {
	names := e.Program.Runtime.FunctionProbes()
	if len(names) == 0 {
		nothing(fmt.Sprintf("%s has no probes that carry the names of a script's functions", e.Program.Runtime))
		return
	}
	var specs []offset.Spec
	for _, n := range names {
		if s, err := offset.ParseSpec(n); err == nil {
			specs = append(specs, s)
		}
	}
	results, err := t.Resolve(context.Background(), specs...)
	if err == nil && len(results) > 0 && len(results[0].Locations) > 0 {
		resolve(t.Path(), names...)
		return
	}
	nothing(fmt.Sprintf("its probes carry the names of a script's functions (%s), and it was built without them: it takes %s", strings.Join(names, ", "), e.Program.Runtime.ProbesNeed()))
}

// helpStripped says where the names can be had.
func (a *app) helpStripped(t *offset.Target, spec string, o *options, h *help, nothing func(string)) {
	again := "probels resolve " + shellWord(t.Path()) + " " + shellWord(spec)
	if o.debug == "off" {
		h.commands = append(h.commands, again)
		return
	}
	if a.isMember(t) {
		h.notes = append(h.notes, "debug files are looked for on this system and with --debug=DIR, not in the archive")
	}
	hint, err := pkghint.For(context.Background(), t.File(), t.Path(), "")
	if err != nil {
		h.notes = append(h.notes, oneLine(err))
	}
	if hint != nil && len(hint.Steps) > 0 {
		if p := hint.Package; p != nil {
			h.notes = append(h.notes, "the file is of the package "+p.Name+" "+p.Version)
		}
		for _, s := range hint.Steps {
			if s.Instead {
				h.notes = append(h.notes, "or else: "+strings.ReplaceAll(s.Command, "\n", "; "))
				continue
			}
			h.commands = append(h.commands, strings.Split(s.Command, "\n")...)
		}
		h.commands = append(h.commands, again)
		return
	}
	if hint != nil && len(hint.Servers) > 0 && !o.debuginfod {
		h.commands = append(h.commands, again+" --debuginfod")
		return
	}
	nothing("nothing is known to have its names; functions without names: probels -k anon " + shellWord(t.Path()))
}

func explanationJSON(t *offset.Target, e *offset.Explanation, h help) []byte {
	var j jsonLine
	j.reset()
	j.str("kind", "why")
	j.str("path", t.Path())
	j.strNonEmpty("build_id", t.BuildID())
	j.strNonEmpty("spec", e.Spec.String())
	j.str("cause", string(e.Cause))
	j.str("text", e.Text)
	j.open("tried", '[')
	for _, tr := range e.Tried {
		j.element()
		j.str("source", tr.Source)
		j.str("verdict", tr.Verdict)
		j.close('}')
	}
	j.close(']')
	places := func(key string, ls []offset.Location) {
		if len(ls) == 0 {
			return
		}
		j.open(key, '[')
		for i := range ls {
			j.element()
			j.strNonEmpty("name", ls[i].Name)
			j.uint("address", uint64(ls[i].Addr))
			j.uint("offset", uint64(ls[i].Offset))
			j.close('}')
		}
		j.close(']')
	}
	places("locations", e.Locations)
	places("implementations", e.Implementations)
	if len(e.Libraries) > 0 {
		j.open("libraries", '[')
		for _, l := range e.Libraries {
			j.element()
			j.str("path", l.Path)
			j.strNonEmpty("how", l.How)
			j.close('}')
		}
		j.close(']')
	}
	for _, list := range []struct {
		key    string
		values []string
	}{{"nearest", e.Nearest}, {"versions", e.Versions}, {"warnings", e.Warnings}, {"notes", h.notes}, {"help", h.commands}} {
		if len(list.values) > 0 {
			j.strs(list.key, list.values)
		}
	}
	if e.Program.Runtime != "" {
		j.open("program", '{')
		j.str("runtime", string(e.Program.Runtime))
		j.bool("certain", e.Program.Certain)
		if e.Program.Launcher {
			j.str("library", filepath.Base(e.Program.Library))
		}
		j.close('}')
	}
	return j.line()
}
