package elfsym

import (
	"math/bits"
	"runtime"
)

// A gatherer takes in symbols, table after table, and drops those of a later
// table that repeat one of the first: with a .symtab that is nearly all of
// .dynsym. To sort them all by name, and find that they are equal to their ends,
// would be most of the work of a listing; here one comparison of two names tells.
// What it misses, merge finds.
type gatherer struct {
	blocks [][]Symbol
	n      int
	firsts int // how many are the first table's; n while there is no other
	fresh  int // in the last block, where those begin that may repeat others
	index  addrIndex
}

// blockBits is how many bits of an index are the place in a block. Blocks are
// there so that a growing table is not copied: at 50,000 symbols that was a
// third of the time of a listing.
const blockBits = 11

func (g *gatherer) add(s *Symbol) {
	last := len(g.blocks) - 1
	if last >= 0 && len(g.blocks[last]) == cap(g.blocks[last]) {
		g.settle()
	}
	if last < 0 || len(g.blocks[last]) == cap(g.blocks[last]) {
		// The first blocks grow, so that a few symbols cost little.
		g.blocks = append(g.blocks, make([]Symbol, 0, min(max(16, g.n), 1<<blockBits)))
		g.fresh = 0
		last++
	}
	block := g.blocks[last]
	if g.firsts == g.n {
		if g.n == 0 || s.Source == g.blocks[0][0].Source {
			g.firsts++
		} else {
			g.fresh = len(block)
		}
	}
	g.blocks[last] = append(block, *s)
	g.n++
}

// settle drops what repeats others, of the symbols that came since the last time.
func (g *gatherer) settle() {
	if g.firsts == g.n {
		return
	}
	last := len(g.blocks) - 1
	block := g.blocks[last]
	came := block[g.fresh:]
	if g.index.slots == nil {
		// The index has to be worth making.
		if len(came) < 1<<blockBits && len(came) < g.firsts/8 {
			return
		}
		g.index.make(g.blocks, g.firsts)
	}
	kept := g.index.drop(came)
	g.n -= len(came) - len(kept)
	g.fresh += len(kept)
	g.blocks[last] = block[:g.fresh]
}

// addrIndex finds symbols by address.
//
// Symbols are looked up many together and step by step: each step is memory that
// is in no cache, and a processor waits for many such reads at once, if none
// needs another's answer.
type addrIndex struct {
	slots []*Symbol // open, a power of two of them
}

// maxProbes bounds how far an address is looked for: aliases have one address.
const maxProbes = 16

// drop unites symbols with those that they repeat, and returns the others, moved
// to the front.
func (x *addrIndex) drop(syms []Symbol) []Symbol {
	var found [64]*Symbol
	kept := syms[:0]
	var sum uint8 // has no use but that the names are read
	for len(syms) > 0 {
		part := syms[:min(len(syms), len(found))]
		syms = syms[len(part):]
		for i := range part {
			found[i] = x.slots[x.home(part[i].Addr)]
		}
		for i := range part {
			found[i] = x.at(found[i], &part[i])
		}
		for i := range part {
			if p := found[i]; p != nil && p.Name != "" && part[i].Name != "" {
				sum += p.Name[0] + part[i].Name[0]
			}
		}
		for i := range part {
			s := &part[i]
			if p := x.same(found[i], s); p != nil {
				p.unite(s)
			} else {
				kept = append(kept, *s)
			}
		}
	}
	runtime.KeepAlive(sum)
	return kept
}

// at is the symbol first, if that has the address of s or nothing else will have
// it; else the first one that has.
func (x *addrIndex) at(first, s *Symbol) *Symbol {
	if first == nil || first.Addr == s.Addr {
		return first
	}
	mask := len(x.slots) - 1
	for i, n := x.home(s.Addr)+1, 1; n < maxProbes; i, n = i+1, n+1 {
		if p := x.slots[i&mask]; p == nil || p.Addr == s.Addr {
			return p
		}
	}
	return nil
}

// same is the symbol that s repeats, of those at its address; first is one.
func (x *addrIndex) same(first, s *Symbol) *Symbol {
	if first == nil || first.repeats(s) {
		return first
	}
	mask := len(x.slots) - 1
	for i, n := x.home(s.Addr), 0; n < maxProbes; i, n = i+1, n+1 {
		if p := x.slots[i&mask]; p == nil || p.repeats(s) {
			return p
		}
	}
	return nil
}

func (s *Symbol) repeats(o *Symbol) bool {
	return s.Addr == o.Addr && s.Type == o.Type && s.Name == o.Name && s.Version == o.Version
}

// make indexes the first n symbols, which have to stay where they are.
func (x *addrIndex) make(blocks [][]Symbol, n int) {
	x.slots = make([]*Symbol, 1<<bits.Len(uint(max(2*n, 64)-1)))
	for _, b := range blocks {
		for i := range b[:min(len(b), n)] {
			x.put(&b[i])
		}
		n -= min(len(b), n)
	}
}

func (x *addrIndex) put(s *Symbol) {
	mask := len(x.slots) - 1
	for i, n := x.home(s.Addr), 0; n < maxProbes; i, n = i+1, n+1 {
		if x.slots[i&mask] == nil {
			x.slots[i&mask] = s
			return
		}
	}
}

// home is the slot of an address: the upper bits of a product with 2^64 divided
// by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4).
func (x *addrIndex) home(a Addr) int {
	return int(uint64(a) * 0x9e3779b97f4a7c15 >> (64 - bits.Len(uint(len(x.slots)-1))))
}
