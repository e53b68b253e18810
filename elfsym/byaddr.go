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
// what Table.ByAddr does of a Table of all, with InferSizes, for a part of its time, since
// names are neither sorted nor compared, but where several have one address. A name that
// is damaged is yielded as an error, and the rest follows. When the context is cancelled
// it ends. It is false where only a Table can tell.
//
// Symbols are made on all processors; none is busy with it after the iteration has ended.
func (x *Spans) ByAddr(ctx context.Context) (iter.Seq2[Symbol, error], bool) {
	if x.moved {
		return nil, false
	}
	return func(yield func(Symbol, error) bool) {
		m := symbolMaker{x: x, texts: make([]partText, len(x.parts))}
		left := make([]int64, len(x.parts)) // bytes that names may have
		errs := make([]error, len(x.parts))
		var loads sync.WaitGroup
		for i := range x.parts {
			loads.Go(func() { errs[i] = m.texts[i].load(&x.parts[i]) })
		}
		m.order = strsort.Numbers(len(x.all), func(i int) uint64 { return uint64(x.all[i].addr) })
		loads.Wait()
		for i, err := range errs {
			if err != nil && !yield(Symbol{}, err) {
				return
			}
			left[i] = m.texts[i].budget
		}
		cuts := m.cuts()
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
					yield(Symbol{}, x.parts[i].t.tooLong())
					return
				}
			}
		}
	}, true
}

// partText is the names of a table, and what else symbols are made of.
type partText struct {
	strs     string
	versions *versionTable
	versym   []byte
	budget   int64 // bytes that all names may have; see nameBudget
}

func (t *partText) load(p *spanPart) (err error) {
	if t.strs, err = p.t.strs.whole(); err != nil {
		return err
	}
	t.budget = p.t.nameBudget()
	t.versions, t.versym, err = p.t.loadVersions()
	return err
}

// symbolMaker makes the symbols of spans.
type symbolMaker struct {
	x     *Spans
	order []uint32 // of x.all, by address
	texts []partText
}

// madeSymbols are those of a part of the order.
type madeSymbols struct {
	syms  []Symbol
	errs  []error
	bytes []int64 // of names, by the part of the spans
}

// So many functions are made at a time, and the others at the last one's address.
const symbolsPerPart = 1024

// cuts are where the parts of the order begin, and its end.
func (m *symbolMaker) cuts() []int {
	cuts := []int{0}
	for i := symbolsPerPart; i < len(m.order); i++ {
		if m.at(i).addr != m.at(i-1).addr {
			cuts = append(cuts, i)
			i += symbolsPerPart - 1
		}
	}
	if len(m.order) > 0 {
		cuts = append(cuts, len(m.order))
	}
	return cuts
}

func (m *symbolMaker) at(i int) *span { return &m.x.all[m.order[i]] }

// make makes the symbols of the order from first up to end, which is where others begin.
func (m *symbolMaker) make(first, end int) madeSymbols {
	made := madeSymbols{syms: make([]Symbol, 0, end-first), bytes: make([]int64, len(m.x.parts))}
	for first < end {
		// Each name is memory that is in no cache: several are asked for at once.
		const ahead = 64
		var sum uint8
		for i := first; i < min(first+ahead, end); i++ {
			if strs, name := m.texts[m.x.partOf(m.order[i])].strs, m.at(i).name; uint64(name) < uint64(len(strs)) {
				sum += strs[name]
			}
		}
		runtime.KeepAlive(sum)
		for stop := min(first+ahead, end); first < stop; {
			group := len(made.syms)
			addr, size := m.at(first).addr, uint64(0)
			for ; first < end && m.at(first).addr == addr; first++ {
				p := m.x.partOf(m.order[first])
				sp := m.at(first)
				made.syms = append(made.syms, Symbol{})
				s := &made.syms[len(made.syms)-1]
				err := m.symbol(s, p, sp)
				made.bytes[p] += int64(len(s.Name))
				if err != nil {
					made.errs = append(made.errs, err)
				}
				if err != nil || s.Name == "" {
					made.syms = made.syms[:len(made.syms)-1]
				} else if sp.framed {
					size = sp.size
				}
			}
			made.syms = append(made.syms[:group], unite(made.syms[group:])...)
			for i := range made.syms[group:] {
				s := &made.syms[group+i]
				switch {
				case s.Size != 0 || !s.placed():
				case size != 0:
					s.Size, s.SizeInferred = size, true
				default:
					next, known := m.next(first)
					m.x.f.sizeUpTo(s, next, known)
				}
			}
		}
	}
	return made
}

// partOf is the part that a span is of.
func (x *Spans) partOf(i uint32) int {
	k := 0
	for k+1 < len(x.parts) && x.parts[k+1].first <= int(i) {
		k++
	}
	return k
}

// symbol makes the symbol of a span, as Symbols would yield it; without a name if that
// is none.
func (m *symbolMaker) symbol(s *Symbol, part int, sp *span) error {
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

// next is the address of the next function in the order, from i on, that is placed and
// has a name.
func (m *symbolMaker) next(i int) (Addr, bool) {
	for ; i < len(m.order); i++ {
		if sp := m.at(i); sp.placed {
			var s Symbol
			p := m.x.partOf(m.order[i])
			if err := m.symbol(&s, p, sp); err == nil && s.Name != "" {
				return sp.addr, true
			}
		}
	}
	return 0, false
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
