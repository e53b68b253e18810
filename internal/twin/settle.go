package twin

import (
	"maps"
	"slices"
)

// settle accepts what was proposed and is better than all else that was. It
// reports whether there was anything.
func (p *pairing) settle(least Confidence) bool {
	any := false
	type chosen struct {
		a, b int32
		c    Confidence
		ev   Evidence
	}
	var take []chosen
	for _, a := range slices.Sorted(maps.Keys(p.propsOf)) {
		if p.a.other[a] >= 0 {
			delete(p.propsOf, a)
			continue
		}
		b, ok := p.bestOf(p.propsOf[a], p.b, func(b int32) float64 { return p.strength(a, b) })
		if !ok {
			continue
		}
		if back, ok := p.bestOf(p.propsTo[b], p.a, func(a int32) float64 { return p.strength(a, b) }); !ok || back != a {
			continue
		}
		if c := p.judge(a, b); c >= least {
			take = append(take, chosen{a, b, c, p.props[pairKey(a, b)].ev})
		}
	}
	for _, t := range take {
		any = p.accept(t.a, t.b, t.c, t.ev) || any
	}
	return any
}

// margin is how much better, of 1, a candidate must be than the next.
const margin = 0.15

// bestOf is the candidate of the greatest strength; false if there is none or
// another is nearly as good.
func (p *pairing) bestOf(candidates []int32, s *side, strength func(int32) float64) (int32, bool) {
	best, second, at := 0.0, 0.0, int32(-1)
	for _, c := range candidates {
		if s.other[c] >= 0 {
			continue
		}
		switch v := strength(c); {
		case v > best:
			best, second, at = v, best, c
		case v > second:
			second = v
		}
	}
	return at, at >= 0 && second <= best*(1-margin)
}

// strength orders the candidates that were proposed.
func (p *pairing) strength(a, b int32) float64 {
	q := p.props[pairKey(a, b)]
	score, _ := p.similarity(a, b)
	votes := float64(min(q.exact, 4)) + float64(min(q.near, 4))*0.6 + float64(min(q.table, 2)) + float64(min(q.order, 1))*0.7
	return (0.15 + score) * votes
}

// judge says how far a proposed pair may be believed.
func (p *pairing) judge(a, b int32) Confidence {
	q := p.props[pairKey(a, b)]
	fa, fb := &p.a.set.Funcs[a], &p.b.set.Funcs[b]
	score, shared := p.similarity(a, b)
	equal := !fa.Bad && !fb.Bad && fa.Code == fb.Code
	switch {
	case equal && (q.exact > 0 || q.table > 0 || q.order > 0):
		return Certain
	case equal && q.near > 0 && bits(fa) >= 8:
		return Certain
	case q.exact > 0 && score >= 0.5, q.table > 0 && score >= 0.5:
		return Certain
	case q.exact > 2 && score >= 0.25:
		return Certain
	case q.near > 0 && score >= 0.7 && shared >= 40:
		return Certain
	case q.near > 1 && score >= 0.5 && shared >= 40:
		return Certain
	case q.order > 0 && score >= 0.6 && shared >= 40:
		return Certain
	case q.exact > 0, q.near > 1, q.order > 0 && score >= 0.3, q.near > 0 && score >= 0.3:
		return Likely
	}
	return None
}
