package elfsym

import (
	"cmp"
	"debug/elf"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/probels/probels/internal/strsort"
)

// A Table is symbols of several sources made one: sorted by name, what is the
// same in two tables united, and found by name or by address. It is immutable
// and safe for concurrent use.
type Table struct {
	syms    []Symbol // by name, version, address
	byAddr  func() []uint32
	highest func() []Addr // for each place of byAddr, the highest end up to there
}

// NewTable makes a table of symbols, which it takes over.
//
// Entries are one where name, version, address and type are equal; their
// sources are united. An entry without a version, as .symtab has them, is the
// same as one with a version at the same address; two versions at one address
// stay two.
func NewTable(syms []Symbol) *Table {
	syms = permute(syms, strsort.Order(len(syms), func(i int) string { return syms[i].Name }))
	t := &Table{syms: mergeSorted(syms)}
	t.byAddr = sync.OnceValue(t.sortByAddr)
	t.highest = sync.OnceValue(t.highestEnds)
	return t
}

// permute brings s into an order, in place, following each cycle once.
func permute(s []Symbol, order []uint32) []Symbol {
	for i := range order {
		if order[i] == uint32(i) {
			continue
		}
		first, at := s[i], uint32(i)
		for order[at] != uint32(i) {
			next := order[at]
			s[at] = s[next]
			order[at] = at
			at = next
		}
		s[at] = first
		order[at] = at
	}
	return s
}

// mergeSorted unites what is the same; s is sorted by name and is reused.
func mergeSorted(s []Symbol) []Symbol {
	out := s[:0]
	for len(s) > 0 {
		n := 1
		for n < len(s) && s[n].Name == s[0].Name {
			n++
		}
		if n == 1 {
			out = append(out, s[0])
		} else {
			out = mergeNamed(out, s[:n])
		}
		s = s[n:]
	}
	return out
}

// mergeNamed appends the symbols of one name. What it writes never overtakes
// what it reads, group by group.
func mergeNamed(out, group []Symbol) []Symbol {
	slices.SortStableFunc(group, func(a, b Symbol) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Type, b.Type),
			// Versions first, and the bare entry behind them; it joins the last.
			cmp.Compare(bare(b), bare(a)), strings.Compare(a.Version, b.Version))
	})
	from := len(out)
	for len(group) > 0 {
		n := 1
		for n < len(group) && group[n].Addr == group[0].Addr && group[n].Type == group[0].Type {
			n++
		}
		out = mergePlace(out, group[:n])
		group = group[n:]
	}
	slices.SortStableFunc(out[from:], func(a, b Symbol) int {
		return cmp.Or(strings.Compare(a.Version, b.Version), cmp.Compare(a.Addr, b.Addr))
	})
	return out
}

// bare is 1 for a symbol with a version and 0 for one without.
func bare(s Symbol) int {
	if s.Version == "" {
		return 0
	}
	return 1
}

// mergePlace appends the symbols of one name, address and type, versions first.
func mergePlace(out, same []Symbol) []Symbol {
	from := len(out)
	for _, s := range same {
		switch last := len(out) - 1; {
		case len(out) == from:
			out = append(out, s)
		case s.Version == out[last].Version:
			out[last].unite(&s)
		case s.Version == "":
			for i := from; i < len(out); i++ {
				out[i].unite(&s)
			}
		default:
			out = append(out, s)
		}
	}
	return out
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

// All are the symbols by name, version and address. The slice is shared: do not
// change it.
func (t *Table) All() []Symbol { return t.syms }

// Named are the symbols of one name, in all versions. The slice is shared.
func (t *Table) Named(name string) []Symbol {
	lo, _ := slices.BinarySearchFunc(t.syms, name, func(s Symbol, name string) int { return strings.Compare(s.Name, name) })
	hi := lo
	for hi < len(t.syms) && t.syms[hi].Name == name {
		hi++
	}
	return t.syms[lo:hi:hi]
}

// At are the symbols at an address: aliases of one another.
func (t *Table) At(a Addr) []Symbol {
	order := t.byAddr()
	i := sort.Search(len(order), func(i int) bool { return t.syms[order[i]].Addr >= a })
	var out []Symbol
	for ; i < len(order) && t.syms[order[i]].Addr == a; i++ {
		out = append(out, t.syms[order[i]])
	}
	return out
}

// Covering are the symbols that reach over an address: those that begin nearest
// below it (aliases of one another), or at it.
func (t *Table) Covering(a Addr) []Symbol {
	order, highest := t.byAddr(), t.highest()
	i := sort.Search(len(order), func(i int) bool { return t.syms[order[i]].Addr > a })
	var out []Symbol
	for i--; i >= 0 && (highest[i] > a || t.syms[order[i]].Addr == a); i-- {
		s := &t.syms[order[i]]
		if len(out) > 0 && s.Addr != out[0].Addr {
			break
		}
		if s.Addr == a || a-s.Addr < Addr(s.Size) {
			out = append(out, *s)
		}
	}
	slices.Reverse(out)
	return out
}

func (t *Table) sortByAddr() []uint32 {
	order := make([]uint32, len(t.syms))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.syms[a].Addr, t.syms[b].Addr), cmp.Compare(a, b))
	})
	return order
}

func (t *Table) highestEnds() []Addr {
	order := t.byAddr()
	out := make([]Addr, len(order))
	var top Addr
	for i, at := range order {
		s := &t.syms[at]
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
// distance to the next symbol of the table or to the end of their code, and
// marks them. It changes the table: call it before sharing it.
func (t *Table) InferSizes(f *File) {
	order := t.byAddr()
	var next, here Addr // the nearest address above the one at hand, and that one
	var known, any bool // whether there are such
	for i := len(order) - 1; i >= 0; i-- {
		s := &t.syms[order[i]]
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
		end, ok := f.codeEnd(s)
		if known && (!ok || next < end) {
			end, ok = next, true
		}
		if ok && end > s.Addr && f.segs.IsCode(s.Addr) {
			s.Size, s.SizeInferred = uint64(end-s.Addr), true
		}
	}
	t.highest = sync.OnceValue(t.highestEnds)
}

// placed reports whether the symbol's address is one of this file: an import's
// is 0 or that of its PLT entry, a thread-local variable's is an offset, a
// common's an alignment, and an absolute one's can be any number.
func (s *Symbol) placed() bool {
	return s.Section > 0 && s.Type != elf.STT_TLS
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
