package twin

import (
	"maps"
	"slices"
)

// settle accepts what was proposed and is better than all else that was. It
// reports whether there was anything.
func (p *pairing) settle() bool {
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
		if c := p.judge(a, b); c >= p.least {
			take = append(take, chosen{a, b, min(c, p.most()), p.props[pairKey(a, b)].ev})
		}
	}
	for _, t := range take {
		any = p.accept(t.a, t.b, t.c, t.ev) || any
	}
	return any
}

// most is the confidence that a pair can have: what follows from pairs that are
// not certain is not either.
func (p *pairing) most() Confidence { return max(p.least, Likely) }

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
	fa := &p.a.set.Funcs[a]
	score, shared := p.similarity(a, b)
	if p.denied(a, b) {
		return None
	}
	same := p.same(a, b)
	// The order counts for as much as these two files have been found to keep it,
	// and nothing where the texts are others.
	order := q.order
	if p.orderly < keptOrder || p.otherTexts(a, b) {
		order = 0
	}
	switch {
	case same && (q.exact > 0 || q.table > 0 || order > 1 && (p.stable >= keptCode || bits(fa) >= placed)):
		return Certain
	case same && q.near > 0 && bits(fa) >= 8 && p.single(fa):
		return Certain
	case same && order > 0 && (bits(fa) >= placed || p.stable >= keptCode && (bits(fa) >= 12 || !p.rival(a, b, score))):
		return Certain
	case q.exact > 0 && score >= 0.5, q.table > 0 && score >= 0.5:
		return Certain
	case q.exact > 2 && score >= 0.25:
		return Certain
	case q.near > 0 && score >= 0.7 && shared >= 40:
		return Certain
	case q.near > 1 && score >= 0.5 && shared >= 40 && !p.rival(a, b, score):
		return Certain
	case order > 0 && score >= 0.6 && shared >= 40 && !p.rival(a, b, score):
		return Certain
	case q.exact > 0, q.near > 1, q.order > 0 && score >= 0.3, q.near > 0 && score >= 0.3:
		return Likely
	}
	return None
}

// keptOrder is how many of the functions that stand next to each other in one
// file must do so in the other for their order to prove anything.
const keptOrder = 0.97

// keptCode is how many of the functions must have a match of the same code for
// small ones to be told by their order: else another compiler made them, or
// another version is far away. Between patch versions by one compiler it was half
// or more, between two releases of GCC at most a third.
const keptCode = 0.45

// single reports whether a function is the only one of its code and references in
// either file.
func (p *pairing) single(f *Func) bool {
	return len(p.a.full[f.Full]) <= 1 && len(p.b.full[f.Full]) <= 1
}

// otherTexts reports whether a text in one of two functions is not the one at the
// same place in the other.
func (p *pairing) otherTexts(a, b int32) bool {
	x, y := p.a.set.Funcs[a].Refs, p.b.set.Funcs[b].Refs
	for i := range x {
		if i < len(y) && x[i].Kind == RefString && y[i].Kind == RefString && x[i].To != y[i].To {
			return true
		}
	}
	return false
}

// rivals is how far around a function others are looked at that may be meant.
const rivals = 12

// rival reports whether a neighbour of either function is as good a match for the
// other: then their order alone proves nothing, for compilers change it.
func (p *pairing) rival(a, b int32, score float64) bool {
	const nearly = 0.02
	for d := int32(-rivals); d <= rivals; d++ {
		if k := b + d; d != 0 && k >= 0 && int(k) < len(p.b.other) && p.b.other[k] < 0 {
			if s, _ := p.similarity(a, k); s >= score-nearly {
				return true
			}
		}
		if k := a + d; d != 0 && k >= 0 && int(k) < len(p.a.other) && p.a.other[k] < 0 {
			if s, _ := p.similarity(k, b); s >= score-nearly {
				return true
			}
		}
	}
	return false
}

// confirm makes certain, of pairs that are likely, those that many others bear
// out: the functions around both are each other's matches, a caller among them,
// and what their source has in it is the same. A function that was compiled into
// its caller has its texts there, but not its callers.
func (p *pairing) confirm() {
	var sure []int32
	for i := range p.a.other {
		a := int32(i)
		b := p.a.other[a]
		if b < 0 || p.a.conf[a] != Likely || p.denied(a, b) {
			continue
		}
		score, shared := p.meaning(a, b)
		agree, of := p.graph(a, b)
		if score >= 0.5 && shared >= 20 && agree >= 3 && 4*agree >= 3*of && p.callersAgree(a, b) {
			sure = append(sure, a)
		}
	}
	for _, a := range sure {
		p.a.conf[a] = Certain
		p.a.ev[a] |= EvCallee | EvCaller
	}
}

// wrapped takes back that a function is certain where a small new one beside it
// in the target calls it: when an interface gets a second version, the old
// function's code moves into the new one, which the old then calls.
func (p *pairing) wrapped() {
	const near, small = 4, 60
	for i := range p.a.other {
		a := int32(i)
		b := p.a.other[a]
		if b < 0 || p.a.conf[a] < Certain || p.a.ev[a]&EvName != 0 {
			continue
		}
		for _, w := range p.b.callers[b] {
			if d := w - b; d != 0 && d >= -near && d <= near && p.b.other[w] < 0 && bits(&p.b.set.Funcs[w]) <= small {
				p.a.conf[a] = Likely
			}
		}
	}
}

// callersAgree reports whether the callers of two functions are each other's
// matches, all that have one.
func (p *pairing) callersAgree(a, b int32) bool {
	x, y := p.a.callers[a], p.b.callers[b]
	x, y = x[:min(len(x), maxGraph)], y[:min(len(y), maxGraph)]
	agree, deny := 0, 0
	for _, c := range x {
		switch o := p.a.other[c]; {
		case o >= 0 && slices.Contains(y, o):
			agree++
		case o >= 0:
			deny++
		}
	}
	for _, c := range y {
		if o := p.b.other[c]; o >= 0 && !slices.Contains(x, o) {
			deny++
		}
	}
	return agree > 0 && deny*4 <= agree
}
