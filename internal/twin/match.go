package twin

import (
	"context"
	"fmt"
	"strings"
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
	for _, p.least = range []Confidence{Certain, Likely} {
		if p.least == Likely { // what is certain leads on again, to what is only likely
			for a := range p.a.other {
				if p.a.other[a] >= 0 {
					p.queue = append(p.queue, int32(a))
				}
			}
		}
		for range maxRounds {
			p.spread()
			p.tables()
			more := p.settle()
			if !more {
				p.order()
				more = p.settle()
			}
			if !more {
				more = p.fuzzy(m.toB, m.toA)
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if !more {
				break
			}
		}
	}
	p.confirm()
	p.fragments()
	p.strangers()
	p.wrapped()
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
		if out.Confidence == Certain && p.folded(a, b) {
			out.Confidence = Likely
		}
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

// folded reports whether a function of the reference has several names, and the
// target more functions of the code that it matches than the reference: then a
// linker may have made one of what are several there, and each name is another
// one's.
func (p *pairing) folded(a, b int32) bool {
	f, code := &p.a.set.Funcs[a], p.b.set.Funcs[b].Code
	return len(f.Names) > 1 && len(p.b.code[code]) > max(1, len(p.a.code[code])) && p.a.ev[a]&EvName == 0
}

// fragments takes back that something is certain where compilers choose what a
// function is: a part that one of them split off ("f.part.0"), a copy for certain
// arguments ("f.constprop.0"), and the rest of f, are other code in another
// build, unless they are the very same.
func (p *pairing) fragments() {
	split := map[string]bool{}
	for i := range p.a.set.Funcs {
		for _, n := range p.a.set.Funcs[i].Names {
			if base, ok := fragmentOf(n); ok {
				split[base] = true
			}
		}
	}
	for i := range p.a.set.Funcs {
		b := p.a.other[i]
		if b < 0 || p.a.conf[i] < Certain || p.a.ev[i]&(EvCode|EvShape|EvName) != 0 {
			continue
		}
		for _, n := range p.a.set.Funcs[i].Names {
			if _, ok := fragmentOf(n); ok || split[n] {
				p.a.conf[i] = Likely
			}
		}
	}
}

// related is how many of the functions of the smaller file must be certain for
// the two to be builds of one program.
const related = 0.03

// strangers takes back what is certain by what only builds of one program have in
// common, if the files seem to be none: then what has the same code is left.
func (p *pairing) strangers() {
	n := 0
	for i := range p.a.other {
		if p.a.other[i] >= 0 && p.a.conf[i] == Certain && p.a.ev[i]&EvName == 0 {
			n++
		}
	}
	if p.a.set.Partial || p.b.set.Partial || float64(n) >= related*float64(min(len(p.a.other), len(p.b.other))) {
		return
	}
	for i := range p.a.other {
		if p.a.conf[i] == Certain && p.a.ev[i]&(EvName|EvCode) == 0 {
			p.a.conf[i] = Likely
		}
	}
}

// fragmentOf is the name of the function that a compiler made a part or copy of.
func fragmentOf(name string) (string, bool) {
	for _, suffix := range []string{".part.", ".constprop.", ".isra."} {
		if i := strings.Index(name, suffix); i > 0 {
			base, _, _ := strings.Cut(name, ".")
			return base, true
		}
	}
	return "", false
}
