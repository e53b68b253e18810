package twin

// maxGap bounds the functions between two that match which are compared by their
// order.
const maxGap = 256

// order proposes pairs by the order of the functions in the file: a compiler
// writes them as the source has them, and a linker the files as the build has
// them, so what stands between the same two neighbours, as many in both, is
// mostly the same.
func (p *pairing) order() {
	last := int32(-1)
	for a := range p.a.other {
		b := p.a.other[a]
		if b < 0 || p.a.conf[a] < Certain {
			continue
		}
		switch {
		case last < 0: // the files begin alike
			p.between(0, int32(a), 0, b)
		case b > p.a.other[last]:
			p.between(last+1, int32(a), p.a.other[last]+1, b)
		}
		last = int32(a)
	}
	if last >= 0 {
		p.between(last+1, int32(len(p.a.other)), p.a.other[last]+1, int32(len(p.b.other)))
	}
}

// between compares the functions a0 to a1 with b0 to b1, ends excluded.
func (p *pairing) between(a0, a1, b0, b1 int32) {
	n, m := a1-a0, b1-b0
	if n == 0 || m == 0 || n > maxGap || m > maxGap {
		return
	}
	add := func(q *proposal) { q.order++ }
	if n == m {
		for i := range n {
			if p.a.other[a0+i] < 0 && p.b.other[b0+i] < 0 {
				p.propose(a0+i, b0+i, EvOrder, add)
			}
		}
		return
	}
	// Some were added or taken away: only what is once on either side counts.
	once := func(s *side, i, end int32) map[uint64]int32 {
		all := map[uint64]int32{}
		for ; i < end; i++ {
			f := &s.set.Funcs[i]
			if s.other[i] >= 0 || f.Bad {
				continue
			}
			if _, twice := all[f.Code]; twice {
				all[f.Code] = -1
			} else {
				all[f.Code] = i
			}
		}
		return all
	}
	theirs := once(p.b, b0, b1)
	for code, a := range once(p.a, a0, a1) {
		if b, ok := theirs[code]; ok && a >= 0 && b >= 0 {
			p.propose(a, b, EvOrder, add)
		}
	}
}
