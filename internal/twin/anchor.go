package twin

// Weights that a function must have, in the measure of bits, to be known by being
// the only one of its kind in both files.
const (
	anchorFull  = 24
	anchorCode  = 40
	anchorShape = 80
)

// shapeAlike is how much of what two functions have must be in both for their
// shape to count.
const shapeAlike = 0.5

// sameMeaning reports whether two functions use the same texts, imports and
// numbers: then only their fields moved.
func (p *pairing) sameMeaning(a, b int32) bool {
	score, shared := p.meaning(a, b)
	return score >= 0.9 && shared >= 10 || p.a.meant[a] == 0 && p.b.meant[b] == 0 && p.a.set.Funcs[a].Insns >= 150
}

// anchors makes the first pairs: functions that are the only ones of their code
// in either file.
func (p *pairing) anchors() {
	if p.opts.Names {
		p.byName()
	}
	for _, by := range []struct {
		of   func(s *side) map[uint64][]int32
		ev   Evidence
		need int
	}{
		{func(s *side) map[uint64][]int32 { return s.full }, EvFull, anchorFull},
		{func(s *side) map[uint64][]int32 { return s.code }, EvCode, anchorCode},
		{func(s *side) map[uint64][]int32 { return s.shape }, EvShape, anchorShape},
	} {
		ours, theirs := by.of(p.a), by.of(p.b)
		for i := range p.a.set.Funcs {
			f := &p.a.set.Funcs[i]
			if p.a.other[i] >= 0 || f.Bad || bits(f) < by.need {
				continue
			}
			key := f.Full
			switch by.ev {
			case EvCode:
				key = f.Code
			case EvShape:
				key = f.Shape
			}
			if x, y := ours[key], theirs[key]; len(x) == 1 && len(y) == 1 {
				if by.ev == EvShape && p.shared(int32(i), y[0]) < shapeAlike && !p.sameMeaning(int32(i), y[0]) {
					continue // functions that do the same with other types are made of one pattern
				}
				p.accept(int32(i), y[0], Certain, by.ev|EvUnique)
			}
		}
	}
}

// nameAlike is how alike functions of one name must be for others to follow from
// them.
const nameAlike = 0.2

// byName pairs functions that have a name in both files, that no other function
// has in either.
func (p *pairing) byName() {
	where := func(s *Set) map[string]int32 {
		m := map[string]int32{}
		for i := range s.Funcs {
			for _, n := range s.Funcs[i].Names {
				if _, twice := m[n]; twice {
					m[n] = -1
				} else {
					m[n] = int32(i)
				}
			}
		}
		return m
	}
	theirs := where(p.b.set)
	for n, a := range where(p.a.set) {
		if b, ok := theirs[n]; ok && a >= 0 && b >= 0 {
			p.accept(a, b, Certain, EvName)
			if score, _ := p.similarity(a, b); score < nameAlike {
				p.queue = p.queue[:len(p.queue)-1] // it may be another program's main
			}
		}
	}
}
