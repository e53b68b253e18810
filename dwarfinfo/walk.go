package dwarfinfo

import (
	"cmp"
	"iter"
	"slices"
	"sync"

	"github.com/probels/probels/internal/die"
)

// Funcs are all functions that have code, by unit and then as they stand in it.
// Several units are walked at once, and the order is the same each time. An
// error is about one unit, or the end of .debug_info; the rest follows.
func (d *Data) Funcs() iter.Seq2[*Func, error] {
	return func(yield func(*Func, error) bool) {
		budget := d.f.Budget()
		eachUnit(d, func(u *die.Unit, buf *die.Buffer) found[Func] {
			u, err := u.WholeIn(buf, budget)
			if err != nil {
				return found[Func]{err: err}
			}
			g := gatherer{d: d, w: budget}
			err = u.Functions(buf, budget, g.add)
			return found[Func]{g.funcs, err}
		}, func(r found[Func]) bool { return r.yield(yield) })
	}
}

// found is what a walk finds in one unit, and what was wrong there.
type found[T any] struct {
	all []T
	err error
}

func (r found[T]) yield(yield func(*T, error) bool) bool {
	for i := range r.all {
		if !yield(&r.all[i], nil) {
			return false
		}
	}
	return r.err == nil || yield(nil, r.err)
}

// gatherer decodes functions and keeps those wanted.
type gatherer struct {
	d       *Data
	w       *die.Budget
	want    func(*Func) bool // nil: all
	scratch []die.Range
	funcs   []Func
}

func (g *gatherer) add(e die.Entry) bool {
	var f Func
	var ok bool
	if f, ok, g.scratch = g.d.decode(e, g.w, g.scratch); ok && (g.want == nil || g.want(&f)) {
		g.funcs = append(g.funcs, f)
	}
	return true
}

// ahead is how many units may be walked, and their results kept, before those of
// the unit that is waited for.
const ahead = 256

// eachUnit calls work for all units of .debug_info, several at once, and then
// done for the results one by one in the units' order, until it returns false.
// Each worker has a buffer.
func eachUnit[T any](d *Data, work func(*die.Unit, *die.Buffer) found[T], done func(found[T]) bool) {
	p := &pool[T]{f: d.f, work: work, results: make(map[int]found[T]), started: make(map[int]bool), end: -1}
	p.cond.L = &p.mu
	p.findBig(d.c.Workers)
	var wg sync.WaitGroup
	for range d.c.Workers {
		wg.Go(p.run)
	}
	defer wg.Wait()
	defer p.stop()
	for i := 0; ; i++ {
		r, ok := p.wait(i)
		if !ok {
			if p.err != nil {
				done(found[T]{err: p.err})
			}
			return
		}
		if !done(r) {
			return
		}
	}
}

// pool is the state of one walk.
type pool[T any] struct {
	f    *die.File
	work func(*die.Unit, *die.Buffer) found[T]

	reading sync.Mutex

	mu      sync.Mutex // protects what follows
	cond    sync.Cond
	big     []int        // units to begin with, the largest last
	started map[int]bool // those of them
	next    int          // the next unit in order
	wanted  int          // the unit that is waited for
	end     int          // the number of units; -1 until it is known
	err     error        // what follows the last unit
	results map[int]found[T]
	halt    bool
}

// findBig finds units that are so large that a worker who comes to one last
// would keep all others waiting; they are walked first. A section that has to be
// inflated is read from its start, and its order kept.
func (p *pool[T]) findBig(workers int) {
	if workers < 2 || p.f.Sequential() {
		return
	}
	const most = 64
	limit := p.f.InfoSize() / uint64(16*workers)
	var all []*die.Unit
	index := make(map[*die.Unit]int)
	for i := 0; ; i++ {
		u, err := p.f.Unit(i)
		if err != nil || u == nil {
			break
		}
		if u.Size > limit && len(all) < most {
			all = append(all, u)
			index[u] = i
		}
	}
	slices.SortStableFunc(all, func(a, b *die.Unit) int { return cmp.Compare(a.Size, b.Size) })
	for _, u := range all {
		p.big = append(p.big, index[u])
		p.started[index[u]] = true
	}
}

// run walks units until there are no more.
func (p *pool[T]) run() {
	var buf die.Buffer
	for {
		i, u := p.unit(&buf)
		if u == nil {
			return
		}
		r := p.work(u, &buf)
		p.mu.Lock()
		p.results[i] = r
		p.cond.Broadcast()
		p.mu.Unlock()
	}
}

// unit is the next unit to walk, nil if there are no more. In a section that has
// to be inflated its bytes are read here, by one worker while others walk what
// they have, so that the section is gone through once.
func (p *pool[T]) unit(buf *die.Buffer) (int, *die.Unit) {
	if p.f.Sequential() {
		p.reading.Lock()
		defer p.reading.Unlock()
	}
	i, ok := p.take()
	if !ok {
		return 0, nil
	}
	u, err := p.f.Unit(i)
	if u == nil {
		p.finish(i, err)
		return 0, nil
	}
	if p.f.Sequential() {
		// Whatever is wrong is met again by who wants the bytes.
		_ = u.Fill(buf)
	}
	return i, u
}

// take is the next unit to walk. The results of too many are not gathered.
func (p *pool[T]) take() (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.big); n > 0 && !p.halt {
		i := p.big[n-1]
		p.big = p.big[:n-1]
		return i, true
	}
	for {
		switch {
		case p.halt, p.end >= 0 && p.next >= p.end:
			return 0, false
		case p.started[p.next]:
			p.next++
		case p.next > p.wanted+ahead:
			p.cond.Wait()
		default:
			p.next++
			return p.next - 1, true
		}
	}
}

// finish notes that there is no unit i.
func (p *pool[T]) finish(i int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end < 0 || i < p.end {
		p.end, p.err = i, err
	}
	p.cond.Broadcast()
}

// wait is what was found in unit i; false if there are no more units.
func (p *pool[T]) wait(i int) (found[T], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = i
	p.cond.Broadcast()
	for {
		if r, ok := p.results[i]; ok {
			delete(p.results, i)
			return r, true
		}
		if p.end >= 0 && i >= p.end {
			return found[T]{}, false
		}
		p.cond.Wait()
	}
}

func (p *pool[T]) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halt = true
	p.cond.Broadcast()
}
