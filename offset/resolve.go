package offset

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"slices"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt"
)

// A Result is what one Spec stands for: at least one location, or an error.
// With locations Err may still be set: some of what matched has no place in the
// file.
type Result struct {
	Spec      Spec
	Locations []Location
	Err       error // a *NotFoundError where nothing has that name
}

// One is the location, if there is exactly one place in the file, and an
// *AmbiguousError with all of them if there are more. Two names of one place
// (aliases, versions) are one.
func (r Result) One() (Location, error) {
	if len(r.Locations) == 0 {
		return Location{}, cmp.Or(r.Err, errors.New("nothing found"))
	}
	first := r.Locations[0]
	for _, l := range r.Locations[1:] {
		if l.Path != first.Path || l.Offset != first.Offset || l.RefCtrOffset != first.RefCtrOffset {
			return Location{}, &AmbiguousError{r.Spec, r.Locations}
		}
	}
	return first, r.Err
}

// Resolve finds what each spec stands for, all of them in one pass over each
// table. Names are tried as the file spells them; if that finds nothing, as
// their source has them (demangled); if that does not either, as patterns. Where
// the tables have no statics, what is still missing is looked for in DWARF.
// Every candidate is returned: statics of one name, versions, ifuncs, all sites
// of a USDT probe. Results are in the order of the specs.
//
// The error is about the file as a whole; what a damaged table hides may be why
// a Result has none.
func (t *Target) Resolve(ctx context.Context, specs ...Spec) ([]Result, error) {
	results := make([]Result, len(specs))
	mine := make([]int, 0, len(specs))
	for i, s := range specs {
		if s.in == "" || t.matches(s.in) {
			mine = append(mine, i)
		} else {
			results[i] = Result{Spec: s, Err: &NotFoundError{Spec: s, Path: t.path, Note: "asked for in " + s.in + ", and this is " + t.path}}
		}
	}
	var q *inquiry
	if t.opts.Cache != nil {
		q = t.inquire(t.asked(), specKeys(specs, mine))
	}
	if mine = q.answered(results, specs, mine); len(mine) == 0 && ctx.Err() == nil {
		return results, nil
	}
	r := newResolution(ctx, t)
	r.ask(specs, mine)
	r.sites()
	r.ownNames()
	r.ownSettled()
	r.companionNames()
	r.addresses()
	r.sourceNames()
	r.patterns()
	r.dwarfNames()
	r.lines()
	r.matched()
	r.describeAddresses()
	r.explain()
	if err := cmp.Or(ctx.Err(), t.f.CheckUnchanged()); err != nil {
		return nil, err
	}
	for k, i := range mine {
		results[i] = r.results[k]
	}
	if q != nil {
		q.keepFrom(r, mine)
	}
	return results, errors.Join(r.problems...)
}

// resolution is one call of Resolve under way.
type resolution struct {
	t        *Target
	ctx      context.Context
	results  []Result
	problems []error // with the file, not with a spec

	siteList  []*usdt.Site // sorted
	sitesRead bool
	functions *elfsym.Table // all of them: read only if a name is not found as it is
	asked     int           // addresses, one by one
	notFuncs  map[string][]elfsym.Symbol

	dwarfAsked bool // for names that the tables have not

	matching  *matching         // with the reference, if one was given; made when first needed
	twinNotes map[string]string // by spec: what the reference says of one that was not found
	lineNotes map[string]string // by spec: why a line has no place

	// What a Cache has to know.
	outside bool            // more than the file's own bytes was asked
	own     []bool          // parallel to results: settled before that
	brief   bool            // not all of what was not found is explained
	private map[string]bool // by spec: what is said has a path in it
}

func newResolution(ctx context.Context, t *Target) *resolution {
	return &resolution{t: t, ctx: ctx, notFuncs: map[string][]elfsym.Symbol{}, twinNotes: map[string]string{}}
}

// ask makes new results, for some of the specs.
func (r *resolution) ask(specs []Spec, some []int) {
	r.results, r.own = make([]Result, len(some)), make([]bool, len(some))
	for k, i := range some {
		r.results[k].Spec = specs[i]
	}
}

// problem keeps an error about the file, within reason, and each once: several
// steps read the same tables. That a file is cut short is one error, however
// much is missing.
func (r *resolution) problem(err error) bool {
	const enough = 20
	if len(r.problems) == enough {
		return true
	}
	for _, p := range r.problems {
		if p.Error() == err.Error() || errors.Is(p, elfsym.ErrTruncated) && errors.Is(err, elfsym.ErrTruncated) {
			return true
		}
	}
	r.problems = append(r.problems, err)
	return true
}

// fail adds an error to a result.
func (res *Result) fail(err error) { res.Err = errors.Join(res.Err, err) }

// open reports whether nothing was found yet, nor refused.
func (res *Result) open() bool { return len(res.Locations) == 0 && res.Err == nil }

// addresses settles the specs that are an address or an offset.
func (r *resolution) addresses() {
	for i := range r.results {
		res := &r.results[i]
		if res.Spec.addr == nil && res.Spec.off == nil {
			continue
		}
		l, err := r.address(res.Spec)
		switch {
		case err == nil:
			res.Locations = append(res.Locations, l)
		case len(res.Locations) == 0: // else it is a strange name, and no number
			res.fail(err)
		}
	}
}

func (r *resolution) address(s Spec) (Location, error) {
	l := Location{Kind: KindAddr, Path: r.t.path, BuildID: r.t.buildID, Object: r.t.object}
	segs := r.t.f.Segments()
	var err error
	if s.addr != nil {
		l.Addr = *s.addr
	} else {
		if s.buildID != "" && s.buildID != r.t.buildID {
			return l, fmt.Errorf("%s is an offset in the build %s, and %s is %s", s, s.buildID, r.t.path, cmp.Or(r.t.buildID, "without a build-id"))
		}
		if l.Addr, err = segs.Addr(*s.off); err != nil {
			return l, err
		}
	}
	l.Offset, err = segs.Code(l.Addr)
	return l, err
}

// describeAddresses names the functions that cover the addresses.
func (r *resolution) describeAddresses() {
	for i := range r.results {
		for k := range r.results[i].Locations {
			l := &r.results[i].Locations[k]
			if l.Kind != KindAddr {
				continue
			}
			covering := r.near(l.Addr).Covering(l.Addr)
			if len(covering) == 0 {
				r.describeNameless(l)
				continue
			}
			l.nameAfter(best(covering))
		}
	}
}

// nameAfter names an address after the function that covers it.
func (l *Location) nameAfter(s *elfsym.Symbol) {
	file := l.File
	l.Name, l.Version, l.Default = s.Name, s.Version, s.Default
	l.describe(s)
	if l.Line != 0 {
		l.File = file // it was asked for by its line
	}
	l.Addend, l.Function = uint64(l.Addr-s.Addr), s.Addr
}

// best is the alias to describe an address with: a global one before a weak one
// and that before a local one, then the first by name.
func best(aliases []*elfsym.Symbol) *elfsym.Symbol {
	rank := func(s *elfsym.Symbol) int {
		switch s.Bind {
		case elf.STB_LOCAL:
			return 2
		case elf.STB_WEAK:
			return 1
		}
		return 0
	}
	return slices.MinFunc(aliases, func(a, b *elfsym.Symbol) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
}

// sites settles "provider:name".
func (r *resolution) sites() {
	for i := range r.results {
		res := &r.results[i]
		want := res.Spec.usdt
		if want == "" {
			continue
		}
		for _, s := range r.allSites() {
			if len(want) == len(s.Provider)+1+len(s.Name) && want == s.Provider+":"+s.Name {
				r.addSite(res, s)
			}
		}
	}
}

func (r *resolution) addSite(res *Result, s *usdt.Site) { r.add(res, r.t.siteProbe(s), 0) }

// add appends the location of a probe, or says why it has none.
func (r *resolution) add(res *Result, p Probe, addend uint64) {
	l, err := p.Location()
	if err == nil && addend != 0 {
		err = r.move(&l, p.Symbol, addend)
	}
	if err != nil {
		res.fail(err)
		return
	}
	res.Locations = append(res.Locations, l)
}

// move goes addend bytes into a function, and no further than its end. It
// counts from the symbol's address, as disassemblers do, not from a local entry.
func (r *resolution) move(l *Location, s *elfsym.Symbol, addend uint64) error {
	size := s.Size
	if size == 0 {
		// Nothing says where it ends but what comes next.
		for _, f := range r.near(s.Addr).At(s.Addr) {
			size = max(size, f.Size)
		}
	}
	if size != 0 && addend >= size {
		return fmt.Errorf("%s+0x%x: it has 0x%x bytes", l.Name, addend, size)
	}
	a := s.Addr + elfsym.Addr(addend)
	off, err := r.t.f.Segments().Code(a)
	if err != nil || a < s.Addr {
		return fmt.Errorf("%s+0x%x: %w", l.Name, addend, cmp.Or(err, elfsym.ErrNoOffset))
	}
	l.Addr, l.Offset, l.Addend = a, off, addend
	return nil
}

// allSites are the file's USDT sites, read once and sorted.
func (r *resolution) allSites() []*usdt.Site {
	if r.sitesRead {
		return r.siteList
	}
	r.sitesRead = true
	var sites siteList
	for s, err := range usdt.Sites(r.t.f) {
		if err != nil {
			r.problem(err)
		} else {
			sites.add(&s)
		}
	}
	for _, i := range sites.order(false) {
		r.siteList = append(r.siteList, sites.at(i))
	}
	return r.siteList
}

// allFunctions are the file's functions from all sources, read once.
func (r *resolution) allFunctions() *elfsym.Table {
	if r.functions == nil {
		r.asksOutside()
		r.functions, _ = r.t.table(r.ctx, KindFunc, nil, r.problem)
		r.functions.InferSizes(r.t.f)
	}
	return r.functions
}
