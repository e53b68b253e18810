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
	r := &processResolution{p: p, specs: specs, results: make([]Result, len(specs)), in: map[string]map[*Object]bool{}}
	for i, s := range specs {
		r.results[i].Spec = s
		r.open = append(r.open, i)
	}
	var keys [][]byte
	if p.opts.Cache != nil {
		keys = specKeys(specs, r.open)
	}
	for _, o := range p.objects {
		if o.Target != nil {
			r.objects = append(r.objects, newResolution(ctx, o.Target))
			r.files = append(r.files, o.Target.recall(specs, keys))
		}
	}
	r.outside()
	for i := range processSteps {
		if err := r.step(ctx, i); err != nil {
			return nil, err
		}
	}
	r.explain()
	var problems []error
	for x, o := range r.objects {
		if r.files[x].q != nil && o.results == nil {
			continue // nothing was read: all was kept, and the file is the same one
		}
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
	r.keep()
	return r.results, errors.Join(problems...)
}

// processSteps are the ways to find a name, in their order.
var processSteps = [...]func(*resolution){
	func(r *resolution) { r.sites(); r.ownNames() },
	(*resolution).companionNames,
	func(r *resolution) { r.addresses(); r.describeAddresses() },
	(*resolution).sourceNames,
	(*resolution).patterns,
	(*resolution).dwarfNames,
}

type processResolution struct {
	p       *Process
	specs   []Spec
	results []Result
	open    []int // specs that nothing was found for yet
	objects []*resolution
	files   []fileSearch                // parallel to objects
	in      map[string]map[*Object]bool // what Spec.In means
}

// step tries one way to find the open specs in every object.
func (r *processResolution) step(ctx context.Context, step int) error {
	if len(r.open) == 0 {
		return nil
	}
	for x, o := range r.objects {
		if err := ctx.Err(); err != nil {
			return err
		}
		var mine []int
		for _, i := range r.open {
			s := &r.specs[i]
			if s.in == "" && (s.addr != nil || s.off != nil) {
				continue // settled by outside, or an error there
			}
			if !r.means(s, o) {
				continue
			}
			switch k := &r.files[x].known[i]; {
			case k.steps > step: // nothing, as is known
			case k.kept != nil && k.steps == step:
				r.results[i].Locations = k.kept.appendTo(r.results[i].Locations, o.t)
			default:
				mine = append(mine, i)
			}
		}
		if len(mine) == 0 {
			continue
		}
		o.ask(r.specs, mine)
		processSteps[step](o)
		for k, i := range mine {
			r.merge(i, &o.results[k])
			r.files[x].known[i].learn(step, &o.results[k], o.outside)
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
	for i := range r.specs {
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

// explain says of what was not found what is near, in all objects.
func (r *processResolution) explain() {
	for x := range r.objects {
		r.explainIn(x, r.open[:min(len(r.open), fullyExplained)])
	}
	for k, i := range r.open {
		s := &r.specs[i]
		e := &NotFoundError{Spec: *s, Path: fmt.Sprintf("process %d (%s)", r.p.state.pid, r.p.state.comm)}
		r.results[i].Err = e
		n := nearest.New(s.wanted())
		searched := 0
		for x, o := range r.objects {
			if !r.means(s, o) {
				continue
			}
			searched++
			if k >= fullyExplained {
				continue
			}
			here := r.files[x].known[i].explain
			n.Join(here.nearest)
			if here.note != "" && e.Note == "" {
				e.Note = here.note + " (" + o.t.object.describe() + ")"
			}
		}
		e.Nearest = n.Names()
		e.Searched = []string{fmt.Sprintf("%d mapped files", searched)}
	}
}
