package offset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/probels/probels/internal/nearest"
)

// Resolve finds what each spec stands for in all objects, or in those that
// Spec.In names. A name is tried in steps as by Target.Resolve, each step
// in all objects before the next: a name that one library exports is not looked
// for in the debug files of the others. All that is found in a step is
// returned, each with its Location.Object.
//
// An address (At, "0x7f…") is a run-time address of the process, as a stack trace
// has it, and a link-time one with Spec.In; a file offset needs Spec.In.
func (p *Process) Resolve(ctx context.Context, specs ...Spec) ([]Result, error) {
	r := &processResolution{p: p, specs: specs, results: make([]Result, len(specs)), own: make([]bool, len(specs)), in: map[string]map[*Object]bool{}}
	all := make([]int, len(specs))
	for i, s := range specs {
		r.results[i].Spec, all[i] = s, i
	}
	q := p.inquire(specs)
	if r.open = q.answered(r.results, all); len(r.open) == 0 {
		if err := cmp.Or(ctx.Err(), p.Check()); err != nil {
			return nil, err
		}
		return r.results, nil
	}
	asked := r.open
	for _, o := range p.objects {
		if o.Target != nil {
			r.objects = append(r.objects, newResolution(ctx, o.Target))
		}
	}
	r.outside()
	for i, step := range []func(*resolution){
		func(r *resolution) { r.sites(); r.ownNames() },
		(*resolution).companionNames,
		func(r *resolution) { r.addresses(); r.describeAddresses() },
		(*resolution).sourceNames,
		(*resolution).patterns,
	} {
		if err := r.step(ctx, step); err != nil {
			return nil, err
		}
		if i == 0 {
			r.ownSettled(asked)
		}
	}
	r.explain()
	var problems []error
	for _, o := range r.objects {
		if err := o.t.f.CheckUnchanged(); err != nil {
			return nil, fmt.Errorf("%s: %w", o.t.object.describe(), err)
		}
		for _, err := range o.problems {
			problems = append(problems, fmt.Errorf("%s: %w", o.t.object.describe(), err))
		}
	}
	if err := cmp.Or(ctx.Err(), p.Check()); err != nil {
		return nil, err
	}
	if q != nil && len(problems) == 0 {
		q.keepFromProcess(r, asked)
	}
	return r.results, errors.Join(problems...)
}

type processResolution struct {
	p       *Process
	specs   []Spec
	results []Result
	open    []int // specs that nothing was found for yet
	objects []*resolution
	in      map[string]map[*Object]bool // what Spec.In means

	// What a Cache has to know.
	own    []bool         // parallel to results: settled by the files' own bytes
	noteOf map[int]noteAt // by spec: whose the note is
	brief  bool           // not all of what was not found is explained
}

// step tries one way to find the open specs in every object.
func (r *processResolution) step(ctx context.Context, try func(*resolution)) error {
	if len(r.open) == 0 {
		return nil
	}
	for _, o := range r.objects {
		if err := ctx.Err(); err != nil {
			return err
		}
		var mine []int
		for _, i := range r.open {
			s := &r.specs[i]
			if s.in == "" && (s.addr != nil || s.off != nil) {
				continue // settled by outside, or an error there
			}
			if r.means(s, o) {
				mine = append(mine, i)
			}
		}
		if len(mine) == 0 {
			continue
		}
		o.ask(r.specs, mine)
		try(o)
		for k, i := range mine {
			r.merge(i, &o.results[k])
		}
	}
	r.close()
	return nil
}

func (r *processResolution) merge(i int, part *Result) {
	r.results[i].Locations = append(r.results[i].Locations, part.Locations...)
	if part.Err != nil {
		r.results[i].fail(part.Err)
	}
}

// close drops the specs that are settled.
func (r *processResolution) close() {
	var open []int
	for _, i := range r.open {
		if r.results[i].open() {
			open = append(open, i)
		}
	}
	r.open = open
}

// outside settles what is about the process's addresses, and what is wrong
// already.
func (r *processResolution) outside() {
	for _, i := range r.open {
		s, res := &r.specs[i], &r.results[i]
		switch {
		case s.in != "":
			if !slices.ContainsFunc(r.objects, func(o *resolution) bool { return r.means(s, o) }) {
				res.fail(fmt.Errorf("%s: process %d (%s) has no file %s mapped that could be read", s, r.p.state.pid, r.p.state.comm, s.in))
			}
		case s.addr != nil:
			r.runtime(res, uint64(*s.addr))
		case s.off != nil:
			res.fail(fmt.Errorf("%s: an offset in which file of process %d?", s, r.p.state.pid))
		}
	}
	r.close()
}

// runtime finds the function at a run-time address.
func (r *processResolution) runtime(res *Result, addr uint64) {
	o := r.p.At(addr)
	switch {
	case o == nil:
		res.fail(fmt.Errorf("0x%x: process %d (%s) has no file's code there", addr, r.p.state.pid, r.p.state.comm))
		return
	case o.Target == nil:
		res.fail(fmt.Errorf("0x%x: in %s: %w", addr, o.MappedPath, o.Err))
		return
	}
	a, err := o.Addr(addr)
	if err != nil {
		res.fail(err)
		return
	}
	for _, one := range r.objects {
		if one.t != o.Target {
			continue
		}
		one.ask([]Spec{At(a)}, []int{0})
		one.addresses()
		one.describeAddresses()
		res.Locations, res.Err = one.results[0].Locations, one.results[0].Err
	}
}

func (p *Process) describe() string { return fmt.Sprintf("process %d (%s)", p.state.pid, p.state.comm) }

// objectNote is a note about one object, for an error about the process.
func objectNote(note string, o *Object) string { return note + " (" + o.describe() + ")" }

// explain says of what was not found what is near, in all objects.
func (r *processResolution) explain() {
	r.brief, r.noteOf = len(r.open) > fullyExplained, map[int]noteAt{}
	for k, i := range r.open {
		s := &r.specs[i]
		e := &NotFoundError{Spec: *s, Path: r.p.describe()}
		r.results[i].Err = e
		n := nearest.New(s.wanted())
		searched := 0
		for _, o := range r.objects {
			if !r.means(s, o) {
				continue
			}
			searched++
			if k >= fullyExplained {
				continue
			}
			if want := s.wanted(); want != "" {
				o.addNearest(n, want)
			}
			here := NotFoundError{Spec: *s}
			o.explainName(&here)
			if here.Note != "" && e.Note == "" {
				e.Note = objectNote(here.Note, o.t.object)
				r.noteOf[i] = noteAt{here.Note, o.t.object}
			}
		}
		e.Nearest = n.Names()
		e.Searched = []string{fmt.Sprintf("%d mapped files", searched)}
	}
}
