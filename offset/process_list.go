package offset

import (
	"context"
	"fmt"
	"iter"
)

// Probes yields what the query asks for in all objects, as Target.Probes does in
// one: USDT sites first, then the rest, each object by object. Probe.Object says
// which file a probe is in. After the last one the process is looked at
// again: ErrProcessChanged means that it is not there any more.
func (p *Process) Probes(ctx context.Context, q Query) iter.Seq2[Probe, error] {
	if q.Kinds == 0 {
		q.Kinds = KindUSDT | KindFunc
	}
	return func(yield func(Probe, error) bool) {
		for _, kinds := range []Kind{q.Kinds & KindUSDT, q.Kinds &^ KindUSDT} {
			if kinds == 0 {
				continue
			}
			part := q
			part.Kinds = kinds
			for _, o := range p.objects {
				if o.Target == nil {
					continue
				}
				for probe, err := range o.Target.Probes(ctx, part) {
					if err != nil {
						err = fmt.Errorf("%s: %w", o.describe(), err)
					}
					if !yield(probe, err) {
						return
					}
				}
				if ctx.Err() != nil {
					return // told by the object
				}
			}
		}
		if err := p.Check(); err != nil {
			yield(Probe{}, err)
		}
	}
}
