package twin

import "slices"

// propose notes that something speaks for a pair.
func (p *pairing) propose(a, b int32, e Evidence, add func(*proposal)) {
	if p.a.other[a] >= 0 || p.b.other[b] >= 0 || p.a.set.Funcs[a].Bad || p.b.set.Funcs[b].Bad {
		return
	}
	key := pairKey(a, b)
	q := p.props[key]
	if q == nil {
		q = &proposal{}
		p.props[key] = q
		p.propsOf[a] = append(p.propsOf[a], b)
		p.propsTo[b] = append(p.propsTo[b], a)
	}
	q.ev |= e
	add(q)
}

// spread takes what follows from the pairs that are new: what they refer to at
// the same places.
func (p *pairing) spread() {
	for len(p.queue) > 0 {
		a := p.queue[len(p.queue)-1]
		p.queue = p.queue[:len(p.queue)-1]
		b := p.a.other[a]
		if b < 0 || p.a.conf[a] < p.least {
			continue
		}
		fa, fb := &p.a.set.Funcs[a], &p.b.set.Funcs[b]
		if fa.Code == fb.Code && len(fa.Refs) == len(fb.Refs) {
			for i := range fa.Refs {
				p.together(fa.Refs[i], fb.Refs[i], func(q *proposal) { q.exact++ })
			}
			continue
		}
		p.align(fa.Refs, fb.Refs)
	}
}

// together notes that two references stand at the same place.
func (p *pairing) together(x, y Ref, add func(*proposal)) {
	if x.Kind != y.Kind {
		return
	}
	switch x.Kind {
	case RefFunc:
		p.propose(int32(x.To), int32(y.To), EvCaller, add)
	case RefData:
		p.sameData(int32(x.To), int32(y.To))
	}
}

// sameData pairs data. A datum that two things are said to be is none.
func (p *pairing) sameData(x, y int32) {
	const conflict = -2
	switch {
	case p.dataOf[x] == -1 && p.dataTo[y] == -1:
		p.dataOf[x], p.dataTo[y] = y, x
	case p.dataOf[x] == y:
	default:
		if o := p.dataOf[x]; o >= 0 {
			p.dataTo[o] = conflict
		}
		if o := p.dataTo[y]; o >= 0 {
			p.dataOf[o] = conflict
		}
		p.dataOf[x], p.dataTo[y] = conflict, conflict
	}
}

// maxAlign bounds the references that are aligned: the work is their product.
const maxAlign = 600

// maxWork bounds what all alignments cost together.
const maxWork = 1 << 29

// align finds what of two sequences of references stands at the same place: what
// is equal in both in the same order (a longest common subsequence), and what is
// alone between two such.
func (p *pairing) align(x, y []Ref) {
	x, y = x[:min(len(x), maxAlign)], y[:min(len(y), maxAlign)]
	n, m := len(x), len(y)
	if n == 0 || m == 0 || p.work > maxWork {
		return
	}
	p.work += n * m
	tx, ty := make([]uint64, n), make([]uint64, m)
	for i, r := range x {
		tx[i] = p.token(p.a, r, true)
	}
	for i, r := range y {
		ty[i] = p.token(p.b, r, false)
	}
	p.lcs = append(p.lcs[:0], make([]uint16, (n+1)*(m+1))...)
	table := p.lcs
	for i := n - 1; i >= 0; i-- {
		for k := m - 1; k >= 0; k-- {
			if tx[i] == ty[k] {
				table[i*(m+1)+k] = table[(i+1)*(m+1)+k+1] + 1
			} else {
				table[i*(m+1)+k] = max(table[(i+1)*(m+1)+k], table[i*(m+1)+k+1])
			}
		}
	}
	add := func(q *proposal) { q.near++ }
	gapI, gapK := 0, 0
	gap := func(i, k int) {
		if i-gapI == k-gapK && i-gapI <= 2 {
			for d := 0; d < i-gapI; d++ {
				if x[gapI+d].Kind == y[gapK+d].Kind && x[gapI+d].Call == y[gapK+d].Call && x[gapI+d].Kind == RefFunc {
					p.together(x[gapI+d], y[gapK+d], add)
				}
			}
		}
	}
	for i, k := 0, 0; ; {
		if i == n || k == m {
			gap(n, m)
			return
		}
		switch {
		case tx[i] == ty[k]:
			gap(i, k)
			p.together(x[i], y[k], add)
			i, k = i+1, k+1
			gapI, gapK = i, k
		case table[(i+1)*(m+1)+k] >= table[i*(m+1)+k+1]:
			i++
		default:
			k++
		}
	}
}

// token is what a reference is compared by: equal in both files for what is known
// to be the same.
func (p *pairing) token(s *side, r Ref, ours bool) uint64 {
	h := seed.add(uint64(r.Kind))
	switch r.Kind {
	case RefString, RefImport, RefValue:
		return uint64(h.add(r.To))
	case RefFunc:
		other := s.other[r.To]
		if other >= 0 {
			id := other
			if ours {
				id = int32(r.To)
			}
			return uint64(h.add(1).add(uint64(id)))
		}
		return uint64(h.add(2).add(s.set.Funcs[r.To].Full))
	case RefData:
		o := p.dataTo
		if ours {
			o = p.dataOf
		}
		if d := o[r.To]; d >= 0 {
			if ours {
				d = int32(r.To)
			}
			return uint64(h.add(1).add(uint64(d)))
		}
	}
	return uint64(h)
}

// tables takes what follows from data that are the same: functions at the same
// place of a table.
func (p *pairing) tables() {
	at := func(all []Entry, d int32) []Entry {
		i, _ := slices.BinarySearchFunc(all, d, func(e Entry, d int32) int { return int(e.Data) - int(d) })
		k := i
		for k < len(all) && all[k].Data == uint32(d) {
			k++
		}
		return all[i:k]
	}
	for x, y := range p.dataOf {
		if y < 0 {
			continue
		}
		ours, theirs := at(p.a.set.Tables, int32(x)), at(p.b.set.Tables, y)
		if len(ours) == 0 || len(ours) != len(theirs) {
			continue
		}
		same := true
		for i := range ours {
			f, g := int32(ours[i].Func), int32(theirs[i].Func)
			of, og := p.a.other[f], p.b.other[g]
			same = same && ours[i].Off == theirs[i].Off && (of == g || of < 0 && og < 0)
		}
		if !same {
			continue
		}
		for i := range ours {
			p.propose(int32(ours[i].Func), int32(theirs[i].Func), EvTable, func(q *proposal) { q.table++ })
		}
	}
}
