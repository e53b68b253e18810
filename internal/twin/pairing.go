package twin

import (
	"context"
	"math"
	"slices"
)

// pairing is a match that is being made: a is the reference, b the target.
type pairing struct {
	ctx  context.Context
	a, b *side
	opts Options

	weight []float32 // of each feature, in bits

	dataOf  []int32 // a's data → b's, -1
	dataTo  []int32
	queue   []int32 // functions of a whose match is new
	props   map[uint64]*proposal
	propsOf map[int32][]int32 // candidates proposed for a's function
	propsTo map[int32][]int32

	work int      // cells of alignments so far
	lcs  []uint16 // of one, used again
}

// side is one of the two sets, with what is needed to look things up in it.
type side struct {
	set     *Set
	other   []int32 // the function that each is, -1
	conf    []Confidence
	ev      []Evidence
	feats   [][]uint32 // features by number, sorted
	total   []float32  // their weight
	callers [][]int32  // functions that refer to it, each once
	full    map[uint64][]int32
	code    map[uint64][]int32
	shape   map[uint64][]int32
	users   [][]int32 // of each datum: functions that refer to it
}

// proposal is what speaks for a pair besides what the two functions are like.
type proposal struct {
	exact int // callers with the same code that refer to it at the same place
	near  int // callers whose references could be aligned
	table int
	order int
	ev    Evidence
}

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

func newSide(s *Set) *side {
	n := len(s.Funcs)
	d := &side{set: s, other: make([]int32, n), conf: make([]Confidence, n), ev: make([]Evidence, n),
		full: make(map[uint64][]int32, n), code: make(map[uint64][]int32, n), shape: make(map[uint64][]int32, n),
		callers: make([][]int32, n), users: make([][]int32, s.Data)}
	for i := range s.Funcs {
		d.other[i] = -1
		f := &s.Funcs[i]
		if !f.Bad {
			d.full[f.Full] = append(d.full[f.Full], int32(i))
			d.code[f.Code] = append(d.code[f.Code], int32(i))
			d.shape[f.Shape] = append(d.shape[f.Shape], int32(i))
		}
		for _, r := range f.Refs {
			switch r.Kind {
			case RefFunc:
				c := d.callers[r.To]
				if len(c) == 0 || c[len(c)-1] != int32(i) {
					d.callers[r.To] = append(c, int32(i))
				}
			case RefData:
				c := d.users[r.To]
				if len(c) == 0 || c[len(c)-1] != int32(i) {
					d.users[r.To] = append(c, int32(i))
				}
			}
		}
	}
	return d
}

// index gives the features of both sides numbers, and each a weight: the fewer
// functions have it, the more it says.
func (p *pairing) index() {
	all := []uint64{}
	texts := func(s *side, each func(i int, h uint64)) {
		for i := range s.set.Funcs {
			f := &s.set.Funcs[i]
			for _, h := range f.Feats {
				each(i, h)
			}
			for _, h := range f.Rows {
				each(i, feature(featRow, h))
			}
			for _, r := range f.Refs {
				switch r.Kind {
				case RefString, RefImport, RefValue:
					each(i, feature(featRef+uint64(r.Kind), r.To))
				}
			}
		}
	}
	texts(p.a, func(_ int, h uint64) { all = append(all, h) })
	texts(p.b, func(_ int, h uint64) { all = append(all, h) })
	slices.Sort(all)
	all = slices.Compact(all)
	count := make([]uint32, len(all))
	for _, s := range []*side{p.a, p.b} {
		s.feats = make([][]uint32, len(s.set.Funcs))
		texts(s, func(i int, h uint64) {
			n, _ := slices.BinarySearch(all, h)
			s.feats[i] = append(s.feats[i], uint32(n))
		})
		for i := range s.feats {
			slices.Sort(s.feats[i])
			s.feats[i] = slices.Compact(s.feats[i])
			for _, n := range s.feats[i] {
				count[n]++
			}
		}
	}
	p.weight = make([]float32, len(all))
	n := float64(len(p.a.set.Funcs) + len(p.b.set.Funcs))
	for i, c := range count {
		// A thing that is once in each file says most; one that is in one file
		// only says no more than that.
		p.weight[i] = float32(math.Log2(1 + n/float64(max(c, 2))))
	}
	for _, s := range []*side{p.a, p.b} {
		s.total = make([]float32, len(s.feats))
		for i, fs := range s.feats {
			for _, k := range fs {
				s.total[i] += p.weight[k]
			}
		}
	}
}

// similarity is how much of what two functions have is in both, by weight, from 0
// to 1, and the weight of what is, in bits.
func (p *pairing) similarity(a, b int32) (score, shared float64) {
	fa, fb := &p.a.set.Funcs[a], &p.b.set.Funcs[b]
	if fa.Bad || fb.Bad {
		return 0, 0
	}
	x, y := p.a.feats[a], p.b.feats[b]
	var sum float32
	for i, k := 0, 0; i < len(x) && k < len(y); {
		switch {
		case x[i] < y[k]:
			i++
		case x[i] > y[k]:
			k++
		default:
			sum += p.weight[x[i]]
			i++
			k++
		}
	}
	union := p.a.total[a] + p.b.total[b] - sum
	if union <= 0 {
		if fa.Code == fb.Code {
			return 1, 0
		}
		return 0, 0
	}
	score = float64(sum / union)
	switch {
	case fa.Full == fb.Full:
		score = 1
	case fa.Code == fb.Code:
		score = max(score, 0.95)
	case fa.Shape == fb.Shape:
		score = max(score, 0.85)
	}
	return score, float64(sum)
}

// alike is what two functions have in common by themselves.
func (p *pairing) alike(a, b int32) Evidence {
	fa, fb := &p.a.set.Funcs[a], &p.b.set.Funcs[b]
	if fa.Bad || fb.Bad {
		return 0
	}
	var e Evidence
	switch {
	case fa.Full == fb.Full:
		e |= EvFull | EvCode
	case fa.Code == fb.Code:
		e |= EvCode
	case fa.Shape == fb.Shape:
		e |= EvShape
	}
	for kind, ev := range map[RefKind]Evidence{RefString: EvStrings, RefImport: EvImports} {
		if n, of := sharedRefs(fa, fb, kind); n > 0 && 2*n >= of {
			e |= ev
		}
	}
	return e
}

// sharedRefs counts the different things of a kind that both refer to, and those
// that either does.
func sharedRefs(a, b *Func, kind RefKind) (shared, either int) {
	x, y := refsOf(a, kind), refsOf(b, kind)
	for i, k := 0, 0; i < len(x) && k < len(y); {
		switch {
		case x[i] < y[k]:
			i++
		case x[i] > y[k]:
			k++
		default:
			shared++
			i++
			k++
		}
	}
	return shared, len(x) + len(y) - shared
}

func refsOf(f *Func, kind RefKind) []uint64 {
	var out []uint64
	for _, r := range f.Refs {
		if r.Kind == kind {
			out = append(out, r.To)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// accept makes a pair of two functions that have none.
func (p *pairing) accept(a, b int32, c Confidence, e Evidence) bool {
	if p.a.other[a] >= 0 || p.b.other[b] >= 0 {
		return false
	}
	p.a.other[a], p.b.other[b] = b, a
	p.a.conf[a], p.a.ev[a] = c, e|p.alike(a, b)
	p.queue = append(p.queue, a)
	return true
}

// bits is roughly how much a function by itself tells: of one with few
// instructions there are many.
func bits(f *Func) int {
	n := int(f.Insns)
	for _, r := range f.Refs {
		switch r.Kind {
		case RefString:
			n += 8
		case RefImport, RefValue:
			n += 4
		}
	}
	return n
}
