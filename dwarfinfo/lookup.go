package dwarfinfo

import (
	"iter"

	"github.com/probels/probels/elfsym"
)

// Lookup are the functions of any of these names: plain, qualified or linkage
// names.
func (d *Data) Lookup(names ...string) iter.Seq2[*Func, error] {
	want := make(map[string]bool, len(names))
	last := make(map[string]bool, len(names))
	for _, n := range names {
		want[n] = true
		for _, l := range lastNames(n) {
			last[l] = true
		}
	}
	return func(yield func(*Func, error) bool) {
		for f, err := range d.Funcs() {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			ok := want[f.Name] || f.LinkageName != "" && want[f.LinkageName]
			if !ok && last[f.Name] {
				q, err := f.QualifiedName()
				if err != nil && !yield(nil, err) {
					return
				}
				ok = want[q]
			}
			if ok && !yield(f, nil) {
				return
			}
		}
	}
}

// FuncAt is the function whose code an address is in, the innermost if it is
// nested; nil if there is none.
func (d *Data) FuncAt(a elfsym.Addr) (*Func, error) {
	var best *Func
	var first error
	for f, err := range d.Funcs() {
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if f.Contains(a) {
			best = f
		}
	}
	if best != nil {
		return best, nil
	}
	return nil, first
}
