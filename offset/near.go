package offset

import (
	"sync"

	"github.com/probels/probels/elfsym"
)

// nearby finds the functions around single addresses, without a table of all.
type nearby struct {
	mu    sync.Mutex
	read  bool
	spans *elfsym.Spans // nil: only the table of all can tell
}

// manyAddresses is how many addresses are asked about one by one: each costs a
// pass over all functions' addresses, and a table of all as much as a thousand.
const manyAddresses = 256

// near is a table of which At and Covering may be asked about one address: of
// the functions around it or, if many are asked about, of all.
func (r *resolution) near(a elfsym.Addr) *elfsym.Table {
	if r.functions == nil && r.asked < manyAddresses {
		r.asked++
		r.asksOutside()
		if s := r.spans(); s != nil {
			if t, ok := s.Near(a); ok {
				return t
			}
		}
		r.asked = manyAddresses
	}
	return r.allFunctions()
}

// spans are those of all sources, read once for a target.
func (r *resolution) spans() *elfsym.Spans {
	n := &r.t.nearby
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.read {
		return n.spans
	}
	companions, err := r.t.stripped(r.ctx)
	if r.ctx.Err() != nil {
		return nil
	}
	if err != nil {
		r.problem(err)
	}
	n.read = true
	n.spans = r.t.spans(companions)
	return n.spans
}

// spans are where the functions of all tables are; nil if something is wrong with them,
// or one is Go's table, which can be asked itself.
func (t *Target) spans(companions []companion) *elfsym.Spans {
	sources := []elfsym.SpanSource{{File: t.f, Table: elfsym.Symtab, Mark: elfsym.Symtab}, {File: t.f, Table: elfsym.Dynsym, Mark: elfsym.Dynsym}}
	for _, c := range companions {
		if c.table == elfsym.GoTable {
			return nil
		}
		sources = append(sources, elfsym.SpanSource{File: c.f, Table: c.table, Mark: c.source})
	}
	if s, ok := elfsym.NewSpans(t.f, sources...); ok {
		return s
	}
	return nil
}
