package livetest

import (
	"testing"

	"github.com/probels/probels/offset"
)

// Calls of imported functions are counted at their stubs, in programs without a symbol that says so:
// lazily bound, with IBT, bound at start, at fixed addresses, and 32-bit.
func TestPLT(t *testing.T) {
	calls := map[string]int{"lib_round@plt": rounds, "same_func@plt": rounds, "ifunc@plt": rounds, "protected_func@plt": rounds}
	for _, name := range []string{"amd64/main", "amd64/main-ibt", "amd64/main-now", "amd64/main-nopie", "i386/main"} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t)
			prog := program(t, name)
			removeSectionHeaders(t, prog)
			tgt := target(t, prog)
			var all []offset.Location
			var of []string
			for spec := range calls {
				all, of = append(all, one(t, tgt, spec)), append(of, spec)
			}
			first := c.locations(t, all, 0)
			run(t, prog)
			for i, spec := range of {
				if got := c.count(t, first+uint64(i)); got != calls[spec] {
					t.Errorf("%s: %d hits, want %d", spec, got, calls[spec])
				}
			}
		})
	}
}

// Functions of a stripped program: each start that call frame information tells is a place, and the
// program calls as many of them as it has functions in a round.
func TestAnonymous(t *testing.T) {
	c := newCounter(t)
	prog := program(t, "amd64/probe-stripped")
	tgt := target(t, prog)
	var all []offset.Location
	for _, p := range list(t, tgt, offset.Query{Kinds: offset.KindAnon}) {
		l, err := p.Location()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	named := target(t, program(t, "amd64/probe-pie")) // the same code, with its symbols
	first := c.locations(t, all, 0)
	run(t, prog)
	hit := 0
	for i, l := range all {
		n := c.count(t, first+uint64(i))
		if n > 0 {
			hit++
		}
		results, err := named.Resolve(t.Context(), offset.At(l.Addr))
		if err != nil || len(results[0].Locations) != 1 || results[0].Locations[0].Name == "" || results[0].Locations[0].Addend != 0 {
			t.Errorf("0x%x: no function begins there: %+v, %v", uint64(l.Addr), results, err)
		}
	}
	if hit < 20 {
		t.Errorf("%d of %d starts were hit", hit, len(all))
	}
}
