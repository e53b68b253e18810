package offset

import (
	"cmp"
	"context"
	"iter"

	"github.com/probels/probels/elfsym"
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
