package elfsym

import (
	"context"
	"debug/elf"
	"iter"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/probels/probels/internal/inorder"
	"github.com/probels/probels/internal/strsort"
)

// ByAddr yields the functions by address, and those at one address by name and version:
// what Table.ByAddr does of a Table of all, with InferSizes, for a part of its time and
// memory. Names are neither sorted nor compared, but where several have one address.
// It is false where only a Table can tell. When the context is cancelled it ends.
//
// Symbols are made on all processors; none is busy with it after the iteration has ended.
func (x *Spans) ByAddr(ctx context.Context) (iter.Seq2[Symbol, error], bool) {
	m, ok := x.newMaker()
	if !ok {
		return nil, false
	}
	m.order = m.byAddr
	m.begins = make([]bool, len(m.order))
	for i := range m.order {
		m.begins[i] = i == 0 || m.at(i).addr != m.at(i-1).addr
	}
	return m.all(ctx), true
}

// ByName is ByAddr by name, version and address, as Table.All. Names are sorted before it
// returns.
func (x *Spans) ByName(ctx context.Context) (iter.Seq2[Symbol, error], bool) {
	m, ok := x.newMaker()
	if !ok || !m.sortByName(ctx) {
		return nil, false
	}
	return m.all(ctx), true
}

// symbolMaker makes the symbols of spans.
type symbolMaker struct {
	x      *Spans
	texts  []partText // of x.parts
	byAddr []uint32   // of x.all
	order  []uint32   // of x.all, as they are made
	begins []bool     // parallel: those before which a group ends, of what may be one symbol
	ends   func() []Addr
}

// newMaker is false where something is not as a Table may have it.
func (x *Spans) newMaker() (*symbolMaker, bool) {
	if x.moved {
		return nil, false
	}
	m := &symbolMaker{x: x, texts: make([]partText, len(x.parts))}
	m.ends = sync.OnceValue(m.findEnds)
	loaded := make([]bool, len(x.parts))
	var loads sync.WaitGroup
	for i := range x.parts {
		loads.Go(func() { loaded[i] = m.texts[i].load(x.parts[i].t) })
	}
	m.byAddr = strsort.Numbers(len(x.all), func(i int) uint64 { return uint64(x.all[i].addr) })
	loads.Wait()
	return m, !slices.Contains(loaded, false)
}

// partText is the names of a table, and the versions.
type partText struct {
	strs     string
	versions *versionTable
	versym   []byte
}

func (x *partText) load(t *symbolTable) bool {
	var err error
	if x.strs, err = t.strs.whole(); err != nil {
		return false
	}
	// With a name that is too long something is wrong; most likely none of this is.
	for rest := x.strs; len(rest) > maxName; {
		end := strings.LastIndexByte(rest[:maxName+1], 0)
		if end < 0 {
			return false
		}
		rest = rest[end+1:]
	}
	x.versions, x.versym, err = t.loadVersions()
	return err == nil
}

func (m *symbolMaker) at(i int) *span { return &m.x.all[m.order[i]] }

// partOf is the part that a span is of.
func (x *Spans) partOf(i uint32) int {
	k := 0
	for k+1 < len(x.parts) && x.parts[k+1].first <= int(i) {
		k++
	}
	return k
}

// partEnd is behind the last span of a part.
func (x *Spans) partEnd(i int) int {
	if i+1 < len(x.parts) {
		return x.parts[i+1].first
	}
	return len(x.all)
}

// name is that of a function, "" if it has none.
func (m *symbolMaker) name(i uint32) string {
	p := m.x.partOf(i)
	name, _ := cstring(m.texts[p].strs, uint64(m.x.all[i].name))
	if m.x.parts[p].t.src == Symtab {
		name, _, _ = SplitVersion(name)
	}
	return name
}

// touch reads a byte of each name from first up to end: each is memory that is in no
// cache, and the processor waits for several at once.
func (m *symbolMaker) touch(order []uint32) {
	var sum uint8
	for _, i := range order {
		if strs, name := m.texts[m.x.partOf(i)].strs, m.x.all[i].name; uint64(name) < uint64(len(strs)) {
			sum += strs[name]
		}
	}
	runtime.KeepAlive(sum)
}

// So many functions are looked at at a time, by one goroutine, and so many names are asked
// for together.
const symbolsPerPart, namesAhead = 1024, 64

// cuts are where parts of an order begin, each where begins says that one may, and its
// end.
func (m *symbolMaker) cuts(order []uint32, begins func(int) bool) []int {
	cuts := []int{0}
	for i := symbolsPerPart; i < len(order); i++ {
		if begins(i) {
			cuts = append(cuts, i)
			i += symbolsPerPart - 1
		}
	}
	if len(order) > 0 {
		cuts = append(cuts, len(order))
	}
	return cuts
}

// madeSymbols are those of a part of the order.
type madeSymbols struct {
	syms  []Symbol
	errs  []error
	bytes []int64 // of names, by the part of the spans
}

// all yields the symbols in order.
func (m *symbolMaker) all(ctx context.Context) iter.Seq2[Symbol, error] {
	return func(yield func(Symbol, error) bool) {
		left := make([]int64, len(m.x.parts)) // bytes that names may have
		for i := range left {
			left[i] = m.x.parts[i].t.nameBudget()
		}
		cuts := m.cuts(m.order, func(i int) bool { return m.begins[i] })
		for made := range inorder.Map(len(cuts)-1, func(i int, _ madeSymbols) madeSymbols { return m.make(cuts[i], cuts[i+1]) }) {
			if ctx.Err() != nil {
				return
			}
			for _, err := range made.errs {
				if !yield(Symbol{}, err) {
					return
				}
			}
			for i := range made.syms {
				if !yield(made.syms[i], nil) {
					return
				}
			}
			for i, n := range made.bytes {
				if left[i] -= n; left[i] < 0 {
					yield(Symbol{}, m.x.parts[i].t.tooLong())
					return
				}
			}
		}
	}
}

// make makes the symbols of the order from first up to end, which is where others begin.
func (m *symbolMaker) make(first, end int) madeSymbols {
	made := madeSymbols{syms: make([]Symbol, 0, end-first), bytes: make([]int64, len(m.x.parts))}
	group := 0 // where in syms the present group begins
	for i := first; i < end; i++ {
		if (i-first)%namesAhead == 0 {
			m.touch(m.order[i:min(i+namesAhead, end)])
		}
		if m.begins[i] {
			made.syms = m.finish(made.syms, group)
			group = len(made.syms)
		}
		made.syms = append(made.syms, Symbol{})
		s := &made.syms[len(made.syms)-1]
		err := m.symbol(s, m.order[i])
		if err != nil {
			made.errs = append(made.errs, err)
		}
		if err != nil || s.Name == "" {
			made.syms = made.syms[:len(made.syms)-1]
			continue
		}
		made.bytes[m.x.partOf(m.order[i])] += int64(len(s.Name))
	}
	made.syms = m.finish(made.syms, group)
	return made
}

// finish unites the symbols from group on, and infers sizes.
func (m *symbolMaker) finish(syms []Symbol, group int) []Symbol {
	syms = syms[:group+len(unite(syms[group:]))]
	for i := group; i < len(syms); i++ {
		s := &syms[i]
		if s.Size != 0 || !s.placed() {
			continue
		}
		if fr, ok, _ := m.x.f.FrameAt(s.Addr); ok && fr.Addr == s.Addr {
			s.Size, s.SizeInferred = fr.Size, true
			continue
		}
		next, known := m.next(s.Addr)
		m.x.f.sizeUpTo(s, next, known)
	}
	return syms
}

// next is the address of the next function above one that is placed and has a name.
func (m *symbolMaker) next(a Addr) (Addr, bool) {
	ends := m.ends()
	i := sort.Search(len(ends), func(i int) bool { return ends[i] > a })
	if i == len(ends) {
		return 0, false
	}
	return ends[i], true
}

// findEnds is the addresses at which functions without a size may end, sorted: found once,
// since a file can have thousands of those below a million that have no name.
func (m *symbolMaker) findEnds() []Addr {
	var ends []Addr
	for _, i := range m.byAddr {
		if sp := &m.x.all[i]; sp.placed && m.name(i) != "" {
			ends = append(ends, sp.addr)
		}
	}
	return ends
}

// symbol makes the symbol of a span, as Symbols would yield it; without a name if that
// is none.
func (m *symbolMaker) symbol(s *Symbol, i uint32) error {
	part, sp := m.x.partOf(i), &m.x.all[i]
	p, text := &m.x.parts[part], &m.texts[part]
	raw := rawSymbol{value: uint64(sp.addr), size: sp.size, index: sp.index, name: sp.name, shndx: sp.shndx, info: sp.info, other: sp.other}
	if sp.odd {
		raw.value++
	}
	if sp.framed {
		raw.size = 0
	}
	name, ok := cstring(text.strs, uint64(raw.name))
	if !ok {
		return p.t.badName(raw, len(text.strs))
	}
	file := ""
	if elf.ST_BIND(raw.info) == elf.STB_LOCAL {
		file = p.file(text.strs, sp.index)
	}
	var entry uint16
	if at := 2 * uint64(raw.index); at+2 <= uint64(len(text.versym)) {
		entry = p.t.f.U16(text.versym[at:])
	}
	var version versionName
	if text.versions != nil {
		version = text.versions.names[entry&^verHidden]
	}
	err := p.t.symbol(s, raw, name, file, version, entry)
	s.Source = p.mark
	return err
}

// file is the source file of a local symbol; "" if the table does not tell.
func (p *spanPart) file(strs string, index uint32) string {
	k := sort.Search(len(p.files), func(k int) bool { return p.files[k].index > index })
	if k == 0 {
		return ""
	}
	if name, ok := cstring(strs, uint64(p.files[k-1].name)); ok && len(name) <= maxFileName {
		return name
	}
	return ""
}

// unite makes one of symbols that are the same, of those at one address, and sorts them
// by name and version, in place.
func unite(syms []Symbol) []Symbol {
	switch {
	case len(syms) < 2:
		return syms
	case len(syms) == 2 && syms[0].repeats(&syms[1]): // in .symtab and in .dynsym
		syms[0].unite(&syms[1])
		return syms[:1]
	case len(syms) > 1<<blockBits:
		n := 0
		for _, s := range slices.Collect(NewTable(slices.Values(slices.Clone(syms))).All()) {
			syms[n] = *s
			n++
		}
		return syms[:n]
	}
	t := Table{blocks: [][]Symbol{syms}}
	var room [16]uint32
	order := room[:0]
	for i := range syms {
		order = append(order, uint32(i))
	}
	slices.SortStableFunc(order, func(i, k uint32) int { return strings.Compare(syms[i].Name, syms[k].Name) })
	out := make([]Symbol, 0, len(syms))
	for len(order) > 0 {
		n := 1
		for n < len(order) && syms[order[n]].Name == syms[order[0]].Name {
			n++
		}
		for _, i := range t.mergeNamed(order[:n]) {
			out = append(out, syms[i])
		}
		order = order[n:]
	}
	return syms[:copy(syms, out)]
}
