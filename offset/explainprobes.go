package offset

import (
	"context"
	"fmt"
	"path/filepath"
)

// ExplainProbes says why a file has USDT probes, or has none, and where they are
// instead.
func (t *Target) ExplainProbes(ctx context.Context, o *FindOptions) (Explanation, error) {
	e := Explanation{}
	x := explainer{t: t, ctx: ctx, find: o, e: &e}
	n, names := 0, map[string]bool{}
	var damaged error
	for p, err := range t.Probes(ctx, Query{Kinds: KindUSDT}) {
		if err != nil {
			damaged = err
			continue
		}
		n++
		names[p.Name()] = true
		if _, err := p.Location(); err != nil {
			x.warn(err.Error())
		}
	}
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	e.Program, _ = t.Program()
	if n > 0 {
		x.say(CauseHasProbes, "%s has %s in %s", filepath.Base(t.path), countOf(len(names), "USDT probe"), countOf(n, "place"))
		return e, damaged
	}
	x.tried(".note.stapsdt", "%s", x.noteVerdict())
	p := e.Program
	if p.Launcher {
		libs, err := t.RuntimeIn(ctx, p, o)
		for _, l := range libs {
			if l.Path == "" {
				continue
			}
			switch has, err := x.probesIn(l.Path); {
			case err != nil:
				x.tried(l.Path, "%v", err)
			case has > 0:
				e.Libraries = []Library{l}
				x.say(CauseLauncher, "the file only starts %s, which is in %s and has %s", p.Runtime, l.Path, countOf(has, "USDT probe"))
				return e, damaged
			default:
				x.tried(l.Path, "has no USDT probes")
			}
		}
		if err != nil {
			x.tried(p.Library, "%v", err)
		}
	}
	if libs, err := t.Needed(ctx, o); err == nil {
		for _, l := range libs {
			if l.Path == "" {
				continue
			}
			if has, err := x.probesIn(l.Path); err == nil && has > 0 {
				e.Libraries = append(e.Libraries, l)
				x.tried(l.Path, "has %s", countOf(has, "USDT probe"))
			}
		}
	}
	switch need := p.Runtime.ProbesNeed(); {
	case p.Certain && need != "":
		x.say(CauseDisabled, "no USDT probes: this %s was built without %s", p.Runtime, need)
	case len(e.Libraries) > 0:
		x.say(CauseNoProbes, "no USDT probes in the file; libraries that it loads have some: %s", pathsOf(e.Libraries))
	default:
		x.say(CauseNoProbes, "no USDT probes: %s", x.noteVerdict())
	}
	return e, damaged
}

func (x *explainer) noteVerdict() string {
	secs, err := x.t.f.Sections()
	switch {
	case err != nil:
		return fmt.Sprintf("its section headers could not be read: %v", err)
	case len(secs) == 0:
		return "it has no section headers, and none of its note segments has any"
	case x.t.f.Section(".note.stapsdt") == nil:
		return "it has no .note.stapsdt section: it was built without them"
	}
	return "its .note.stapsdt section holds none"
}

// probesIn is how many USDT probes another file has.
func (x *explainer) probesIn(path string) (int, error) {
	other, err := Open(path, &Options{Limits: x.t.opts.Limits, OwnTables: true})
	if err != nil {
		return 0, err
	}
	defer other.Close()
	names := map[string]bool{}
	for p, err := range other.Probes(x.ctx, Query{Kinds: KindUSDT}) {
		if err == nil {
			names[p.Name()] = true
		}
	}
	return len(names), nil
}
