package twin

import (
	"context"
	"fmt"
)

// Options say how to match.
type Options struct {
	// Names lets functions that have a name in both sets be each other's match,
	// from which others follow.
	Names bool
}

// Matching is what two sets have in common.
type Matching struct {
	p        *pairing
	toB, toA *finder
}

// maxRounds bounds how often what follows from new pairs is looked for again.
const maxRounds = 12

// Pair finds the functions of a reference in a target.
func Pair(ctx context.Context, ref, target *Set, o Options) (*Matching, error) {
	if ref.Machine != target.Machine || ref.Class != target.Class {
		return nil, fmt.Errorf("%s is of another machine than %s: %v and %v", ref.Path, target.Path, ref.Machine, target.Machine)
	}
	p := &pairing{ctx: ctx, a: newSide(ref), b: newSide(target), opts: o,
		dataOf: make([]int32, ref.Data), dataTo: make([]int32, target.Data),
		props: map[uint64]*proposal{}, propsOf: map[int32][]int32{}, propsTo: map[int32][]int32{}}
	for i := range p.dataOf {
		p.dataOf[i] = -1
	}
	for i := range p.dataTo {
		p.dataTo[i] = -1
	}
	p.index()
	m := &Matching{p: p, toB: p.newFinder(p.b), toA: p.newFinder(p.a)}
	p.anchors()
	for least := Certain; ; least = Likely {
		for range maxRounds {
			p.spread()
			p.tables()
			more := p.settle(least)
			if !more {
				p.order()
				more = p.settle(least)
			}
			if !more {
				more = p.fuzzy(m.toB, m.toA, least)
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if !more {
				break
			}
		}
		if least == Likely {
			break
		}
	}
	return m, nil
}

// Of is what was found for a function of the reference, with up to n other
// candidates.
func (m *Matching) Of(ref int, n int) Match {
	p, a := m.p, int32(ref)
	out := Match{Ref: ref}
	b := p.a.other[a]
	if b >= 0 {
		score, _ := p.similarity(a, b)
		out.Confidence = p.a.conf[a]
		out.Best = Candidate{int(b), score, p.a.ev[a]}
	}
	for _, c := range m.toB.near(p.a.feats[a], n, func(c int32) bool { return c == b || p.b.other[c] >= 0 && p.a.conf[p.b.other[c]] == Certain }) {
		score, _ := p.similarity(a, c)
		if score < 0.2 {
			continue
		}
		out.Others = append(out.Others, Candidate{int(c), score, p.alike(a, c)})
		if b < 0 {
			out.Confidence = Possible
		}
	}
	return out
}
