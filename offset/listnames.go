package offset

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/strsort"
	"github.com/probels/probels/usdt"
)

// FuncNames yields the names of the functions that Probes lists, each once and in its
// order, without their offsets: that takes a third of the time. What is damaged is
// yielded as an error, with an empty name, and before all names; the last error may be
// ErrChanged.
func (t *Target) FuncNames(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		report := eachErrorOnce(func(_ Probe, err error) bool { return yield("", err) })
		fail := func(err error) bool { return err == nil || report(Probe{}, err) }
		if !fail(t.f.Truncated()) {
			return
		}
		companions, err := t.stripped(ctx)
		if !fail(err) {
			return
		}
		sources := []elfsym.SpanSource{{File: t.f, Table: elfsym.Symtab}, {File: t.f, Table: elfsym.Dynsym}}
		for _, c := range companions {
			sources = append(sources, elfsym.SpanSource{File: c.f, Table: c.table})
		}
		for name, err := range t.f.FuncNames(ctx, sources...) {
			if err != nil && !fail(err) || err == nil && !yield(name, nil) {
				return
			}
		}
		fail(cmp.Or(ctx.Err(), t.f.CheckUnchanged()))
	}
}

// USDTNames yields the names of the USDT probes that Probes lists, each once and in its
// order, without their sites. What is damaged is yielded as an error, with an empty
// name, and before all names; the last error may be ErrChanged.
func (t *Target) USDTNames(ctx context.Context) iter.Seq2[usdt.Name, error] {
	return func(yield func(usdt.Name, error) bool) {
		report := eachErrorOnce(func(_ Probe, err error) bool { return yield(usdt.Name{}, err) })
		fail := func(err error) bool { return err == nil || report(Probe{}, err) }
		if !fail(t.f.Truncated()) {
			return
		}
		providers := map[string]*strsort.List{}
		var last string // provider, whose list is names
		var names *strsort.List
		for n, err := range usdt.Names(t.f) {
			if ctx.Err() != nil {
				break
			}
			if err != nil {
				if !fail(err) {
					return
				}
				continue
			}
			if names == nil || n.Provider != last {
				if names = providers[n.Provider]; names == nil {
					names = strsort.NewList(0)
					providers[n.Provider] = names
				}
				last = n.Provider
			}
			names.Add(n.Name)
		}
		for _, provider := range slices.Sorted(maps.Keys(providers)) {
			if ctx.Err() != nil {
				break
			}
			providers[provider].Sort()
			for name := range strsort.Merged(providers[provider]) {
				if !yield(usdt.Name{Provider: provider, Name: name}, nil) {
					return
				}
			}
		}
		fail(cmp.Or(ctx.Err(), t.f.CheckUnchanged()))
	}
}
