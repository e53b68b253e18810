package elfsym

import (
	"cmp"
	"debug/elf"
	"iter"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/probels/probels/internal/strsort"
)

// A Table is symbols of several sources made one: sorted by name, what is the
// same in two sources united, and found by name or by address. It is immutable
// and safe for concurrent use; the symbols that it hands out are not to be
// changed.
type Table struct {
	blocks [][]Symbol // sorted by name
	order  []uint32   // by name, version, address; what was united is left out

	byAddr  func() []uint32
	highest func() []Addr // for each place of byAddr, the highest end up to there
}

// NewTable makes a table of symbols.
//
// Entries are one where name, version, address and type are equal; their
// sources are united. An entry without a version, as .symtab has them, is the
// same as one with a version at the same address; two versions at one address
// stay two.
func NewTable(syms iter.Seq[Symbol]) *Table {
	var g gatherer
	for s := range syms {
		g.add(&s)
	}
	g.settle()
	t := &Table{blocks: evenBlocks(g.blocks)}
	n := g.n
	order, equal := strsort.Order(n, func(i int) string { return t.at(uint32(i)).Name })
	t.order = t.merge(t.permute(order), equal)
	t.byAddr = sync.OnceValue(t.sortByAddr)
	t.highest = sync.OnceValue(t.highestEnds)
	return t
}

// evenBlocks brings the growing blocks at the beginning, which together hold
// as much as one, into one, so that a place is found by shifting.
func evenBlocks(blocks [][]Symbol) [][]Symbol {
	n := 0
	for n < len(blocks) && cap(blocks[n]) < 1<<blockBits {
		n++
	}
	if n <= 1 {
		return blocks
	}
	return slices.Insert(blocks[n:], 0, slices.Concat(blocks[:n]...))
}

func (t *Table) at(i uint32) *Symbol {
	return &t.blocks[i>>blockBits][i&(1<<blockBits-1)]
}

// permute brings the symbols themselves into an order, in place, following each
// cycle once: what walks over them later then reads memory from one end to the
// other. It returns the order that this leaves.
func (t *Table) permute(order []uint32) []uint32 {
	for i := range order {
		if order[i] == uint32(i) {
			continue
		}
		first, at := *t.at(uint32(i)), uint32(i)
		for order[at] != uint32(i) {
			next := order[at]
			*t.at(at) = *t.at(next)
			order[at], at = at, next
		}
		*t.at(at) = first
		order[at] = at
	}
	return order
}

// merge unites what is the same; order is sorted by name, equal are the parts of
// one name. order is reused.
func (t *Table) merge(order []uint32, equal []strsort.Run) []uint32 {
	if len(equal) == 0 {
		return order
	}
	out, done := order[:equal[0].First], equal[0].First
	for _, run := range equal {
		out = append(out, order[done:run.First]...)
		out = append(out, t.mergeNamed(order[run.First:run.End])...)
		done = run.End
	}
	return append(out, order[done:]...)
}

// mergeNamed unites the symbols of one name, in place, and sorts them by version
// and address.
func (t *Table) mergeNamed(group []uint32) []uint32 {
	slices.SortStableFunc(group, func(i, k uint32) int {
		a, b := t.at(i), t.at(k)
		// Versions first, and the bare entry behind them, to join them.
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Type, b.Type),
			boolCompare(a.Version == "", b.Version == ""), strings.Compare(a.Version, b.Version))
	})
	out := group[:0]
	place := 0 // where in out the symbols of the present address and type begin
	for _, i := range group {
		s := t.at(i)
		if len(out) > place {
			if p := t.at(out[place]); p.Addr != s.Addr || p.Type != s.Type {
				place = len(out)
			}
		}
		if !t.join(out[place:], s) {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(i, k uint32) int {
		a, b := t.at(i), t.at(k)
		return cmp.Or(strings.Compare(a.Version, b.Version), cmp.Compare(a.Addr, b.Addr))
	})
	return out
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return +1
	}
	return -1
}

// join unites s with the symbols of its name, address and type that it is the
// same as; false if there are none.
func (t *Table) join(same []uint32, s *Symbol) bool {
	joined := false
	for _, i := range same {
		if p := t.at(i); s.Version == "" || s.Version == p.Version {
			p.unite(s)
			joined = true
		}
	}
	return joined
}

// unite takes over what another entry of the same symbol knows.
func (s *Symbol) unite(o *Symbol) {
	s.Source |= o.Source
	s.Default = s.Default || o.Default
	if s.Size == 0 {
		s.Size = o.Size
	}
	if s.File == "" {
		s.File = o.File
	}
	if s.LocalEntry == 0 {
		s.LocalEntry = o.LocalEntry
	}
}

// Len is the number of symbols.
func (t *Table) Len() int { return len(t.order) }

// All yields the symbols by name, version and address.
func (t *Table) All() iter.Seq[*Symbol] {
	return func(yield func(*Symbol) bool) {
		// Names lie anywhere in their table: those of the next symbols are asked for
		// together.
		const ahead = 64
		for order := t.order; len(order) > 0; order = order[min(ahead, len(order)):] {
			var sum uint8
			for _, i := range order[:min(ahead, len(order))] {
				if name := t.at(i).Name; name != "" {
					sum += name[0]
				}
			}
			runtime.KeepAlive(sum)
			for _, i := range order[:min(ahead, len(order))] {
				if !yield(t.at(i)) {
					return
				}
			}
		}
	}
}

// ByAddr yields the symbols by address, and those at one address by name and version.
func (t *Table) ByAddr() iter.Seq[*Symbol] {
	return func(yield func(*Symbol) bool) {
		for _, i := range t.byAddr() {
			if !yield(t.at(i)) {
				return
			}
		}
	}
}

// Named yields the symbols of one name, in all versions.
func (t *Table) Named(name string) iter.Seq[*Symbol] {
	return func(yield func(*Symbol) bool) {
		lo := sort.Search(len(t.order), func(i int) bool { return t.at(t.order[i]).Name >= name })
		for _, i := range t.order[lo:] {
			if s := t.at(i); s.Name != name || !yield(s) {
				return
			}
		}
	}
}

// At are the symbols at an address: aliases of one another.
func (t *Table) At(a Addr) []*Symbol {
	order := t.byAddr()
	i := sort.Search(len(order), func(i int) bool { return t.at(order[i]).Addr >= a })
	var out []*Symbol
	for ; i < len(order) && t.at(order[i]).Addr == a; i++ {
		out = append(out, t.at(order[i]))
	}
	return out
}

// Covering are the symbols that reach over an address, Size bytes long: those
// that begin nearest below it, or at it, which are aliases of one another.
func (t *Table) Covering(a Addr) []*Symbol {
	order, highest := t.byAddr(), t.highest()
	i := sort.Search(len(order), func(i int) bool { return t.at(order[i]).Addr > a })
	var out []*Symbol
	for i--; i >= 0 && (highest[i] > a || t.at(order[i]).Addr == a); i-- {
		s := t.at(order[i])
		if len(out) > 0 && s.Addr != out[0].Addr {
			break
		}
		if s.Addr == a || a-s.Addr < Addr(s.Size) {
			out = append(out, s)
		}
	}
	slices.Reverse(out)
	return out
}

func (t *Table) sortByAddr() []uint32 {
	// The order by name decides between aliases.
	order := strsort.Numbers(len(t.order), func(i int) uint64 { return uint64(t.at(t.order[i]).Addr) })
	for i, at := range order {
		order[i] = t.order[at]
	}
	return order
}

func (t *Table) highestEnds() []Addr {
	order := t.byAddr()
	out := make([]Addr, len(order))
	var top Addr
	for i, at := range order {
		s := t.at(at)
		end := s.Addr + Addr(s.Size)
		if end < s.Addr {
			end = ^Addr(0)
		}
		top = max(top, end)
		out[i] = top
	}
	return out
}

// InferSizes gives functions whose table said size 0 (assembly, mostly) the
// length of the range of call frame information that begins with them or, if
// none does, the distance to the next symbol of the table or to the end of their
// code, and marks them. It changes the table: call it before sharing it.
func (t *Table) InferSizes(f *File) {
	if !slices.ContainsFunc(t.order, func(i uint32) bool { s := t.at(i); return s.Size == 0 && s.IsFunc() }) {
		return
	}
	order := t.byAddr()
	var next, here Addr // the nearest address above the one at hand, and that one
	var known, any bool // whether there are such
	asked := 0
	for i := len(order) - 1; i >= 0; i-- {
		s := t.at(order[i])
		if !s.placed() {
			continue
		}
		if any && here > s.Addr {
			next, known = here, true
		}
		here, any = s.Addr, true
		if s.Size != 0 || !s.IsFunc() {
			continue
		}
		if asked++; asked <= maxSizesAsked {
			if fr, ok, _ := f.FrameAt(s.Addr); ok && fr.Addr == s.Addr && f.segs.IsCode(s.Addr) {
				s.Size, s.SizeInferred = fr.Size, true
				continue
			}
		}
		f.sizeUpTo(s, next, known)
	}
	t.highest = sync.OnceValue(t.highestEnds) // it may have been asked for before
}

// sizeUpTo infers the size of a function: up to the next symbol, if there is one, or to
// the end of its code.
func (f *File) sizeUpTo(s *Symbol, next Addr, known bool) {
	end, ok := f.codeEnd(s)
	if known && (!ok || next < end) {
		end, ok = next, true
	}
	if ok && end > s.Addr && f.segs.IsCode(s.Addr) {
		s.Size, s.SizeInferred = uint64(end-s.Addr), true
	}
}

// maxSizesAsked is for how many functions call frame information is asked, a few
// reads each: files have some dozens without a size, hostile ones as many as they
// like.
const maxSizesAsked = 4096

// placed reports whether the symbol's address is one of this file: an import's
// is 0 or that of its PLT entry, a thread-local variable's is an offset, a
// common's an alignment, and an absolute one's can be any number.
func (s *Symbol) placed() bool {
	return (s.Section > 0 || s.Section == SectionUnknown) && s.Type != elf.STT_TLS
}

// codeEnd is the end of the section that a symbol is in or, where there are no
// sections, of its segment.
func (f *File) codeEnd(s *Symbol) (Addr, bool) {
	if t, err := f.sections(); err == nil && s.Section > 0 && s.Section < len(t.all) {
		sec := &t.all[s.Section]
		if s.Addr >= sec.Addr && uint64(s.Addr-sec.Addr) < sec.Size {
			return sec.Addr + Addr(sec.Size), true
		}
	}
	return f.segs.CodeEnd(s.Addr)
}
