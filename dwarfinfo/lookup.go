package dwarfinfo

import (
	"cmp"
	"iter"
	"slices"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
)

// Lookup are all functions that have code and one of these names: plain,
// qualified or linkage names. The names are looked for in the table of strings
// and then in the units' bytes, and only units that may have them are walked.
func (d *Data) Lookup(names ...string) iter.Seq2[*Func, error] {
	n := newNames(names)
	return func(yield func(*Func, error) bool) {
		if len(n.want) == 0 {
			return
		}
		s, err := d.f.Search(n.spellings)
		if err != nil && !yield(nil, err) {
			return
		}
		budget := d.f.Budget()
		eachUnit(d, func(u *die.Unit, buf *die.Buffer) found[Func] {
			if u.Passes(s, buf, budget) {
				return found[Func]{}
			}
			u, err := u.WholeIn(buf, budget)
			if err != nil {
				return found[Func]{err: err}
			}
			g := gatherer{d: d, w: budget, want: n.mayBe}
			err = u.FunctionsNamed(s, buf, budget, g.add)
			return found[Func]{g.funcs, err}
		}, func(r found[Func]) bool {
			// Scopes are looked up here, in one goroutine, for the few that are left.
			for i := range r.all {
				ok, err := n.is(&r.all[i])
				if err != nil && !yield(nil, err) || ok && !yield(&r.all[i], nil) {
					return false
				}
			}
			return r.err == nil || yield(nil, r.err)
		})
	}
}

// names are the names asked for.
type names struct {
	want      map[string]bool
	last      map[string]bool // what DW_AT_name may have of a qualified one
	spellings []string        // both, as DWARF can have them
}

func newNames(list []string) *names {
	n := &names{want: make(map[string]bool), last: make(map[string]bool)}
	for _, name := range list {
		if name == "" || n.want[name] {
			continue
		}
		n.want[name] = true
		n.spellings = append(n.spellings, name)
		for _, l := range lastNames(name) {
			n.last[l] = true
			n.spellings = append(n.spellings, l)
		}
	}
	slices.Sort(n.spellings)
	n.spellings = slices.Compact(n.spellings)
	return n
}

// plainly reports whether a name or linkage name is one of them.
func (n *names) plainly(name, linkage string) bool {
	return name != "" && n.want[name] || linkage != "" && n.want[linkage]
}

// mayBe reports whether a function is one of them, or may turn out to be when
// its scopes are known.
func (n *names) mayBe(f *Func) bool { return n.plainly(f.Name, f.LinkageName) || n.last[f.Name] }

func (n *names) is(f *Func) (bool, error) {
	if n.plainly(f.Name, f.LinkageName) {
		return true, nil
	}
	q, err := f.QualifiedName()
	return n.want[q], err
}

// FuncAt is the function whose code an address is in, the innermost of nested
// ones; nil if there is none. .debug_aranges, .gdb_index or what the units say
// of themselves lead to the unit; only if it is in none of these all units are
// walked, and what they have is kept for the next time.
func (d *Data) FuncAt(a elfsym.Addr) (*Func, error) {
	if !d.inCode(uint64(a)) {
		return nil, nil
	}
	var best *Func
	d.f.UnitsFor(uint64(a), func(u *die.Unit) bool {
		f, err := d.funcIn(u, a)
		if err == nil {
			best = f
		}
		return best == nil // a unit that cannot be read is met again below
	})
	if best != nil {
		return best, nil
	}
	x, err := d.byAddr()
	loc, ok := x.at(a)
	if !ok {
		return nil, err
	}
	e, err := loc.Entry()
	if err != nil {
		return nil, err
	}
	f, ok, _ := d.decode(e, nil, nil)
	if !ok {
		return nil, nil
	}
	return &f, nil
}

// funcIn is the innermost function of a unit that an address is in.
func (d *Data) funcIn(u *die.Unit, a elfsym.Addr) (*Func, error) {
	u, err := u.Whole()
	if err != nil {
		return nil, err
	}
	// Nested functions are mostly within the one that they are nested in; where code
	// of theirs is elsewhere, as in GNU C, all are looked at.
	at, rs, err := holder(u, uint64(a), die.Pass)
	if !at.Valid() {
		at, rs, err = holder(u, uint64(a), die.Enter)
	}
	if !at.Valid() {
		return nil, err
	}
	if f, ok, _ := d.decode(at, nil, rs); ok {
		return &f, nil
	}
	return nil, err
}

// holder is the last function of a unit that holds an address: nested ones follow
// the one they are in. other is what is done with those that don't hold it.
func holder(u *die.Unit, a uint64, other die.Step) (at die.Entry, rs []die.Range, err error) {
	err = u.KeptFunctions(func(e die.Entry) die.Step {
		rs, _ = e.Ranges(rs[:0])
		if holds(rs, a) {
			at = e
			return die.Enter
		}
		return other
	})
	return at, rs, err
}

// addrTable is all functions by address.
type addrTable struct{ all []funcRange }

type funcRange struct {
	Range
	top elfsym.Addr // the highest end of this and all before
	loc die.Loc
}

func (d *Data) readAddrTable() (*addrTable, error) {
	x := &addrTable{}
	var first error
	for f, err := range d.Funcs() {
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		for _, r := range f.Ranges {
			x.all = append(x.all, funcRange{Range: r, loc: f.loc})
		}
	}
	// Of two that begin together the longer comes first, and nested ones keep
	// their order.
	slices.SortStableFunc(x.all, func(a, b funcRange) int { return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(b.High, a.High)) })
	top := elfsym.Addr(0)
	for i := range x.all {
		top = max(top, x.all[i].High)
		x.all[i].top = top
	}
	return x, first
}

// at is the range that holds an address and begins last.
func (x *addrTable) at(a elfsym.Addr) (die.Loc, bool) {
	i, _ := slices.BinarySearchFunc(x.all, a, func(r funcRange, a elfsym.Addr) int {
		if r.Low <= a {
			return -1
		}
		return 1
	})
	for i--; i >= 0 && x.all[i].top > a; i-- {
		if x.all[i].Contains(a) {
			return x.all[i].loc, true
		}
	}
	return die.Loc{}, false
}
