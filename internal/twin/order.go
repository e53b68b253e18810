package twin

// maxGap bounds the functions between two that match which are compared by their
// order.
const maxGap = 256

// order proposes pairs by the order of the functions in the file: a compiler
// writes them as the source has them, and a linker the files as the build has
// them, so what stands between the same two neighbours, as many in both, is
// mostly the same.
func (p *pairing) order() {
	if p.a.set.Partial || p.b.set.Partial {
		return // what is next to each other there is not in the file
	}
	p.orderly, p.stable = p.kept(), p.sameCode()
	last := int32(-1)
	first := int32(0) // of the object file
	for a := range p.a.other {
		if p.a.set.Funcs[a].First {
			if last >= 0 {
				p.behind(last, int32(a))
			}
			first, last = int32(a), -1
		}
		b := p.a.other[a]
		if b < 0 || p.a.conf[a] < p.least {
			continue
		}
		switch {
		case last < 0 && p.divided():
			n := int32(0)
			for n < int32(a)-first && b-n > 0 && p.b.other[b-n-1] < 0 {
				n++
			}
			p.between(first, int32(a), b-n, b)
		case last < 0: // the files begin alike
			p.between(0, int32(a), 0, b)
		case b > p.a.other[last]:
			p.between(last+1, int32(a), p.a.other[last]+1, b)
		}
		last = int32(a)
	}
	switch {
	case last < 0:
	case p.divided():
		p.behind(last, int32(len(p.a.other)))
	default:
		p.between(last+1, int32(len(p.a.other)), p.a.other[last]+1, int32(len(p.b.other)))
	}
}

// divided reports whether the reference is of object files, each of which a linker
// may have put elsewhere.
func (p *pairing) divided() bool { return len(p.a.set.Funcs) > 0 && p.a.set.Funcs[0].First }

// behind compares what follows the last match of an object file, up to its end,
// with as many functions behind the match.
func (p *pairing) behind(last, end int32) {
	b, n := p.a.other[last]+1, int32(0)
	for n < end-last-1 && b+n < int32(len(p.b.other)) && p.b.other[b+n] < 0 {
		n++
	}
	p.between(last+1, end, b, b+n)
}

// kept is how many of the functions that stand next to each other in the
// reference, in one object file where that is known, and were matched by something else than their order, do so in the
// target.
func (p *pairing) kept() float64 {
	kept, of := 0, 0
	for a := 1; a < len(p.a.other); a++ {
		x, y := p.a.other[a-1], p.a.other[a]
		if x < 0 || y < 0 || p.a.set.Funcs[a].First || (p.a.ev[a-1]|p.a.ev[a])&EvOrder != 0 {
			continue
		}
		if of++; y == x+1 {
			kept++
		}
	}
	if of < 3 {
		return 1 // too few to say
	}
	return float64(kept) / float64(of)
}

// sameCode is how many of the functions that are large enough to say something
// were matched by something else than their order, and have the same code.
func (p *pairing) sameCode() float64 {
	same := 0
	for a, b := range p.a.other {
		if b < 0 || p.a.ev[a]&EvOrder != 0 || bits(&p.a.set.Funcs[a]) < placed {
			continue
		}
		if p.a.set.Funcs[a].Code == p.b.set.Funcs[b].Code {
			same++
		}
	}
	all := 0
	for i := range p.a.set.Funcs {
		if f := &p.a.set.Funcs[i]; !f.Bad && bits(f) >= placed {
			all++
		}
	}
	if all == 0 {
		return 1
	}
	return float64(same) / float64(all)
}

// placed is the weight that a function must have to be told by its code among
// others that are not as many in both files: where fields have moved, what sets
// one field now has the code of what set another.
const placed = 20

// between compares the functions a0 to a1 with b0 to b1, ends excluded.
func (p *pairing) between(a0, a1, b0, b1 int32) {
	n, m := a1-a0, b1-b0
	if n == 0 || m == 0 || n > maxGap || m > maxGap {
		return
	}
	strength := 1
	if n == m {
		same := true
		for i := range n {
			same = same && (p.a.other[a0+i] == b0+i || p.a.other[a0+i] < 0 && p.b.other[b0+i] < 0 && p.same(a0+i, b0+i))
		}
		if same {
			strength = 2
		}
	}
	add := func(q *proposal) { q.order = max(q.order, strength) }
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
			if s.other[i] >= 0 || f.Bad || bits(f) < placed {
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
