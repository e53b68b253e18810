package offset

import (
	"slices"

	"github.com/probels/probels/internal/nearest"
)

// A process is searched in steps, each in all files before the next (see
// Process.Resolve). What is kept is each file's part in that, so that a process with
// one file which nobody has met before costs that file alone.

// A fileSearch is what is known of one file of a process: from a Cache, and since.
type fileSearch struct {
	q     *inquiry // nil: nothing is kept of the file
	known []known  // by spec
}

// known is what one file says to one spec.
type known struct {
	steps, ownSteps int     // so many found nothing; and so many by the file's own bytes alone
	kept            *answer // the next one has these locations
	explain         *explanation

	// Of this call.
	asked   bool
	first   int        // the first step that was asked
	found   []Location // by the step that is after steps
	own     bool       // and by the file's own bytes
	bad     bool       // there was an error: nothing is kept
	learned bool       // there is something to keep
}

// recall begins the search of a file with what a Cache has.
func (t *Target) recall(specs []Spec, keys [][]byte) fileSearch {
	f := fileSearch{known: make([]known, len(specs))}
	if keys == nil {
		return f
	}
	if f.q = t.inquire(inProcess, keys); f.q == nil {
		return f
	}
	wanted := make([]wantedAnswer, len(specs))
	for i, key := range keys {
		wanted[i].key = key
	}
	own, _ := f.q.c.lookup(&f.q.own, wanted, false)
	if own == nil {
		return f
	}
	more := false
	for i := range wanted {
		if a := wanted[i].got; a != nil {
			f.known[i] = known{steps: a.steps, ownSteps: a.steps}
			f.known[i].take(a)
		}
		wanted[i].got = nil
		if k := &f.known[i]; k.kept != nil || k.explain != nil {
			wanted[i].key = nil
		} else {
			more = true
		}
	}
	if !more {
		return f
	}
	if searched, ok := f.q.searched(); ok {
		searched.of = own
		f.q.c.lookup(&searched, wanted, false)
		for i := range wanted {
			if a := wanted[i].got; a != nil && a.steps >= f.known[i].steps {
				f.known[i].take(a)
			}
		}
	}
	return f
}

func (k *known) take(a *answer) {
	k.steps, k.explain = a.steps, a.explain
	if len(a.locations) > 0 {
		k.kept = a
	}
}

// learn adds what a step has found in the file.
func (k *known) learn(step int, part *Result, outside bool) {
	if !k.asked {
		k.asked, k.first = true, step
	}
	k.learned = true
	switch {
	case part.Err != nil:
		k.bad = true
	case len(part.Locations) > 0:
		k.found, k.own = part.Locations, !outside
	default:
		k.steps = step + 1
		if !outside {
			k.ownSteps = k.steps
		}
	}
}

// keep keeps what was learned, if the file may be believed.
func (f *fileSearch) keep(r *resolution) {
	if f.q == nil || !slices.ContainsFunc(f.known, func(k known) bool { return k.learned }) || !f.q.certain(r) {
		return
	}
	keeper := f.q.keeper()
	for i := range f.known {
		k := &f.known[i]
		if !k.learned || k.bad {
			continue
		}
		all := &answer{steps: k.steps}
		if k.explain != nil {
			all.setExplanation(k.explain)
		}
		if !f.q.setLocations(all, k.found) {
			continue
		}
		own := k.ownSteps == k.steps && (k.found == nil || k.own) && (k.explain == nil || !r.outside)
		if !own && k.ownSteps > 0 {
			keeper.keep(i, &answer{steps: k.ownSteps}, true)
		}
		if own || k.steps > 0 || k.found != nil {
			keeper.keep(i, all, own)
		}
	}
}

// explainIn says what one file adds to the errors of the specs that it has not
// explained yet.
func (r *processResolution) explainIn(x int, specs []int) {
	o, f := r.objects[x], &r.files[x]
	var missing, again []int
	for _, i := range specs {
		k := &f.known[i]
		if k.explain != nil || !r.means(&r.specs[i], o) {
			continue
		}
		missing = append(missing, i)
		if !k.asked || k.first > 0 {
			again = append(again, i)
		}
	}
	if len(again) > 0 { // what else has the names
		o.ask(r.specs, again)
		o.ownNames()
		o.companionNames()
	}
	for _, i := range missing {
		s := &r.specs[i]
		here := NotFoundError{Spec: *s}
		o.explainName(&here)
		e := &explanation{note: here.Note}
		if want := s.wanted(); want != "" {
			n := nearest.New(want)
			o.addNearest(n, want)
			e.nearest = n.Found()
		}
		k := &f.known[i]
		k.explain, k.asked, k.learned = e, true, true
	}
}

// keep keeps what all files have said, and counts the specs that none had to be asked
// about.
func (r *processResolution) keep() {
	c := r.p.opts.Cache
	if c == nil {
		return
	}
	asked := make([]bool, len(r.specs))
	for i := range r.specs {
		s := &r.specs[i]
		asked[i] = s.in == "" && (s.addr != nil || s.off != nil) // of the process
	}
	for x := range r.files {
		f := &r.files[x]
		f.keep(r.objects[x])
		for i := range f.known {
			asked[i] = asked[i] || f.known[i].asked
		}
	}
	misses := 0
	for _, a := range asked {
		if a {
			misses++
		}
	}
	c.count(len(asked)-misses, misses)
}
