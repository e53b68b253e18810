package capture

import (
	"context"
	"errors"
	"fmt"

	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
	"github.com/probels/probels/usdt/usdtbpf"
)

// A Site is a place and what is wanted there.
type Site struct {
	// Location is where the uprobe goes; Tracepoint is set in its place for a
	// tracepoint, "raw_syscalls/sys_enter".
	Location   offset.Location
	Tracepoint string

	// Place is what operands mean there, and Args are the arguments of a USDT probe.
	Place usdtbpf.Place
	Args  []operand.Arg

	// Return is set for the return of the function at Location.
	Return bool

	// Want is what each event has, in this order.
	Want []Value

	// Keep, where it is set, is a number that is kept for the thread: see Kept.
	Keep Source

	// Silent sites give no events: they are there for what they keep.
	Silent bool
}

// At is the site at a location of a file.
func At(t *offset.Target, l offset.Location, want ...Value) Site {
	return Site{Location: l, Place: usdtbpf.At(t.File(), l.Addr), Want: want}
}

// USDT are all sites of the USDT probes that match a pattern (offset.Query), with their
// arguments, and nothing wanted yet. A site that has no place in the file is an error,
// and the others stand.
func USDT(ctx context.Context, t *offset.Target, match ...string) ([]Site, error) {
	var errs []error
	var sites []Site
	var notes []usdt.Site
	for p, err := range t.Probes(ctx, offset.Query{Kinds: offset.KindUSDT, Match: match}) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l, err := p.Location()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Name(), err))
			continue
		}
		sites = append(sites, Site{Location: l, Args: p.Site.Args()})
		notes = append(notes, *p.Site)
	}
	places, err := usdtbpf.Places(t.File(), notes)
	if err != nil {
		errs = append(errs, err)
	}
	for i := range places {
		sites[i].Place = places[i]
	}
	return sites, errors.Join(errs...)
}
