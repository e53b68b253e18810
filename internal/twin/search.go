package twin

import (
	"slices"
)

// finder finds functions of one side by what they have in common with one of the
// other.
type finder struct {
	p     *pairing
	s     *side
	start []uint32 // of each feature: where its functions are in list
	list  []int32
	score []float32 // of each function, while one is looked for
	seen  []int32
}

// maxUsers is how many functions may have a feature that is still looked up.
const maxUsers = 64

func (p *pairing) newFinder(s *side) *finder {
	f := &finder{p: p, s: s, start: make([]uint32, len(p.weight)+1), score: make([]float32, len(s.feats))}
	for _, fs := range s.feats {
		for _, k := range fs {
			f.start[k+1]++
		}
	}
	for i := 1; i < len(f.start); i++ {
		f.start[i] += f.start[i-1]
	}
	f.list = make([]int32, f.start[len(f.start)-1])
	at := slices.Clone(f.start)
	for i, fs := range s.feats {
		for _, k := range fs {
			f.list[at[k]] = int32(i)
			at[k]++
		}
	}
	return f
}

// near are up to n functions that have most in common with features, those for
// which skip is true left out.
func (f *finder) near(feats []uint32, n int, skip func(int32) bool) []int32 {
	for _, k := range feats {
		users := f.list[f.start[k]:f.start[k+1]]
		if len(users) > maxUsers {
			continue
		}
		for _, u := range users {
			if f.score[u] == 0 {
				f.seen = append(f.seen, u)
			}
			f.score[u] += f.p.weight[k]
		}
	}
	seen := slices.DeleteFunc(f.seen, func(u int32) bool {
		if skip(u) {
			f.score[u] = 0
			return true
		}
		return false
	})
	// The few best of many: a partial selection.
	out := make([]int32, 0, n+1)
	for _, u := range seen {
		v := f.score[u] / (1 + f.s.total[u])
		i := len(out)
		for i > 0 && f.score[out[i-1]]/(1+f.s.total[out[i-1]]) < v {
			i--
		}
		if i < n {
			out = slices.Insert(out, i, u)
			out = out[:min(len(out), n)]
		}
	}
	for _, u := range seen {
		f.score[u] = 0
	}
	f.seen = f.seen[:0]
	return out
}

// maxGraph bounds how many of a function's callers and callees are looked at:
// what everything calls says little.
const maxGraph = 64

// graph is how well the matches around two functions agree: what of the functions
// that they call or are called by, as far as they have a match, is the same pair.
func (p *pairing) graph(a, b int32) (agree, of int) {
	count := func(x, y []int32) {
		x, y = x[:min(len(x), maxGraph)], y[:min(len(y), maxGraph)]
		for _, f := range x {
			o := p.a.other[f]
			if o < 0 {
				continue
			}
			of++
			if slices.Contains(y, o) {
				agree++
			}
		}
		for _, f := range y {
			if p.b.other[f] >= 0 {
				of++
			}
		}
	}
	count(p.a.callers[a], p.b.callers[b])
	count(callees(&p.a.set.Funcs[a]), callees(&p.b.set.Funcs[b]))
	return agree, of - agree
}

func callees(f *Func) []int32 {
	var out []int32
	for _, r := range f.Refs {
		if r.Kind == RefFunc {
			out = append(out, int32(r.To))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// fuzzy pairs functions that were changed but still have most in common with each
// other, and with no other.
func (p *pairing) fuzzy(toB, toA *finder) bool {
	any := false
	type found struct {
		best       int32
		score, gap float64
		shared     float64
	}
	look := func(s *side, i int32, f *finder, skip func(int32) bool, score func(int32) (float64, float64)) found {
		out := found{best: -1}
		for _, c := range f.near(s.feats[i], 6, skip) {
			v, shared := score(c)
			switch {
			case v > out.score:
				out.best, out.gap, out.score, out.shared = c, v-out.score, v, shared
			default:
				out.gap = min(out.gap, out.score-v)
			}
		}
		return out
	}
	for i := range p.a.other {
		a := int32(i)
		if p.a.other[a] >= 0 || p.a.set.Funcs[a].Bad || p.ctx.Err() != nil {
			continue
		}
		there := look(p.a, a, toB, func(b int32) bool { return p.b.other[b] >= 0 }, func(b int32) (float64, float64) { return p.score(a, b) })
		if there.best < 0 {
			continue
		}
		b := there.best
		back := look(p.b, b, toA, func(a int32) bool { return p.a.other[a] >= 0 }, func(a int32) (float64, float64) { return p.score(a, b) })
		if back.best != a {
			continue
		}
		c := p.judgeFuzzy(a, b, there.score, min(there.gap, back.gap), there.shared)
		if c = min(c, p.most()); c >= p.least {
			ev := EvSimilar
			if agree, _ := p.graph(a, b); agree > 0 {
				ev |= EvCallee
			}
			any = p.accept(a, b, c, ev) || any
		}
	}
	return any
}

// score is how alike two functions are, what stands around them included: by all
// that they have or, where a compiler made other code of it, by what the source
// decides.
func (p *pairing) score(a, b int32) (score, shared float64) {
	score, shared = p.similarity(a, b)
	means, meant := p.meaning(a, b)
	agree, of := p.graph(a, b)
	return max(codeScore(score, agree, of), 0.55*means*min(1, meant/40)+0.35*graphScore(agree, of)), shared
}

func codeScore(like float64, agree, of int) float64 {
	return 0.75*like + 0.25*graphScore(agree, of)
}

// graphScore is how well what stands around two functions agrees, from 0 to 1:
// a few functions that do say less than many.
func graphScore(agree, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(agree) / float64(of) * min(1, 0.4+0.2*float64(agree))
}

func (p *pairing) judgeFuzzy(a, b int32, score, gap, shared float64) Confidence {
	agree, of := p.graph(a, b)
	like, _ := p.similarity(a, b)
	means, meant := p.meaning(a, b)
	need := 0.5
	if p.orderly < keptOrder { // another compiler, or the linker's optimiser: functions were put together otherwise
		need = 0.65
	}
	switch {
	case p.denied(a, b):
		return None
	case p.a.set.Partial && p.a.set.Funcs[a].Code != p.b.set.Funcs[b].Code:
		// What was left out of the reference may be what this is.
		if score >= 0.35 && gap >= 0.1 && shared >= 40 {
			return Likely
		}
		return None
	case like >= 0.85 && gap >= 0.25 && shared >= 80:
		return Certain
	case codeScore(like, agree, of) >= need && gap >= 0.2 && shared >= 60 && agree >= 2 && 3*agree >= 2*of:
		return Certain
	case means >= 0.6 && meant >= 40 && agree >= 3 && 3*agree >= 2*of && gap >= 0.2 && p.callersAgree(a, b):
		return Certain
	case score >= 0.35 && gap >= 0.1 && shared >= 40:
		return Likely
	case means >= 0.5 && meant >= 24 && gap >= 0.08:
		return Likely
	}
	return None
}
