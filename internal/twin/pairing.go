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
	queue   []int32    // functions of a whose match is new
	least   Confidence // of the pairs that are being made
	props   map[uint64]*proposal
	propsOf map[int32][]int32 // candidates proposed for a's function
	propsTo map[int32][]int32

	orderly float64 // how far the files keep the order of functions, 0 to 1
	stable  float64 // how many of the functions have a match of the same code, 0 to 1

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
	means   [][]uint32 // those of them that a compiler does not choose: texts, imports, numbers
	total   []float32  // the weight of feats
	meant   []float32  // the weight of means
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
	order int // 2 where all between the two neighbours are the same in both files
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
			if s.Partial {
				d.leftOut(f)
			}
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

// leftOut notes that a function of a partial set has others like it.
func (d *side) leftOut(f *Func) {
	for k, m := range []map[uint64][]int32{d.full, d.code, d.shape} {
		key := [...]uint64{f.Full, f.Code, f.Shape}[k]
		if f.Peers[k] > 1 && len(m[key]) < 2 {
			m[key] = append(m[key], -1)
		}
	}
}

// index gives the features of both sides numbers, and each a weight: the fewer
// functions have it, the more it says.
func (p *pairing) index() {
	sides := []*side{p.a, p.b}
	size := 0
	for _, s := range sides {
		for i := range s.set.Funcs {
			f := &s.set.Funcs[i]
			size += len(f.Feats) + len(f.Numbers) + len(f.Rows) + len(f.Refs)
		}
	}
	all := make([]uint64, 0, size)
	for _, s := range sides {
		for i := range s.set.Funcs {
			all = append(all, s.set.Funcs[i].Feats...)
			all = meanings(all, &s.set.Funcs[i])
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	count := make([]uint32, len(all))
	var buf []uint64
	number := func(hashes []uint64) []uint32 {
		out := make([]uint32, len(hashes))
		for i, h := range hashes {
			n, _ := slices.BinarySearch(all, h)
			out[i] = uint32(n)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	for _, s := range sides {
		s.feats, s.means = make([][]uint32, len(s.set.Funcs)), make([][]uint32, len(s.set.Funcs))
		for i := range s.set.Funcs {
			f := &s.set.Funcs[i]
			buf = meanings(buf[:0], f)
			s.means[i] = number(buf)
			s.feats[i] = number(append(buf, f.Feats...))
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
	for _, s := range sides {
		s.total, s.meant = p.weights(s.feats), p.weights(s.means)
	}
}

// meanings appends the features of a function that its source decides.
func meanings(out []uint64, f *Func) []uint64 {
	out = append(out, f.Numbers...)
	for _, h := range f.Rows {
		out = append(out, feature(featRow, h))
	}
	for _, r := range f.Refs {
		switch r.Kind {
		case RefString, RefImport, RefValue:
			out = append(out, feature(featRef+uint64(r.Kind), r.To))
		}
	}
	return out
}

func (p *pairing) weights(all [][]uint32) []float32 {
	out := make([]float32, len(all))
	for i, fs := range all {
		for _, k := range fs {
			out[i] += p.weight[k]
		}
	}
	return out
}

// common is the weight of what is in both of two sorted lists.
func (p *pairing) common(x, y []uint32) float32 {
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
	return sum
}

// similarity is how much of what two functions have is in both, by weight, from 0
// to 1, and the weight of what is, in bits.
func (p *pairing) similarity(a, b int32) (score, shared float64) {
	fa, fb := &p.a.set.Funcs[a], &p.b.set.Funcs[b]
	if fa.Bad || fb.Bad {
		return 0, 0
	}
	sum := p.common(p.a.feats[a], p.b.feats[b])
	if union := p.a.total[a] + p.b.total[b] - sum; union > 0 {
		score = float64(sum / union)
	}
	switch {
	case fa.Full == fb.Full:
		score = 1
	case fa.Code == fb.Code:
		score = max(score, 0.95)
	case fa.Shape == fb.Shape:
		score = max(score, (score+0.85)/2)
	}
	return score, float64(sum)
}

// shared is the same score without regard to code that is equal as a whole.
func (p *pairing) shared(a, b int32) float64 {
	sum := p.common(p.a.feats[a], p.b.feats[b])
	if union := p.a.total[a] + p.b.total[b] - sum; union > 0 {
		return float64(sum / union)
	}
	return 0
}

// meaning is the same of what the source decides alone.
func (p *pairing) meaning(a, b int32) (score, shared float64) {
	sum := p.common(p.a.means[a], p.b.means[b])
	if union := p.a.meant[a] + p.b.meant[b] - sum; union > 0 {
		score = float64(sum / union)
	}
	return score, float64(sum)
}

// denied reports whether two functions that have the same references, one by one,
// refer to functions or data that are known to be others.
func (p *pairing) denied(a, b int32) bool {
	x, y := p.a.set.Funcs[a].Refs, p.b.set.Funcs[b].Refs
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].Kind != y[i].Kind {
			continue
		}
		switch x[i].Kind {
		case RefFunc:
			if o := p.a.other[x[i].To]; o >= 0 && o != int32(y[i].To) && p.a.conf[x[i].To] == Certain {
				return true
			}
		case RefData:
			if o := p.dataOf[x[i].To]; o >= 0 && o != int32(y[i].To) {
				return true
			}
		}
	}
	return false
}

// same reports whether two functions have the same instructions, and refer to
// nothing that denies it.
func (p *pairing) same(a, b int32) bool {
	fa, fb := &p.a.set.Funcs[a], &p.b.set.Funcs[b]
	return !fa.Bad && !fb.Bad && fa.Code == fb.Code && !p.denied(a, b)
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
	if mostShared(refsOf(fa, RefString), refsOf(fb, RefString)) {
		e |= EvStrings
	}
	if mostShared(refsOf(fa, RefImport), refsOf(fb, RefImport)) {
		e |= EvImports
	}
	if mostShared(fa.Rows, fb.Rows) {
		e |= EvRow
	}
	return e
}

// mostShared reports whether half of what is in either of two sorted lists, or
// more, is in both.
func mostShared(x, y []uint64) bool {
	shared := 0
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
	return shared > 0 && 2*shared >= len(x)+len(y)-shared
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
