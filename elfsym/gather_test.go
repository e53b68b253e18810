package elfsym_test

import (
	"debug/elf"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/probels/probels/elfsym"
)

// What a second table repeats is dropped as the symbols come in, or found equal
// when they are sorted: which of the two makes no difference.
func TestGather(t *testing.T) {
	const n = 5000
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var first, second []elfsym.Symbol
		for i := range n {
			s := elfsym.Symbol{Name: fmt.Sprintf("f%d", i), Addr: elfsym.Addr(0x1000 + 16*i), Size: 16, Type: elf.STT_FUNC, Section: 1,
				Source: elfsym.Symtab, Index: uint32(i)}
			switch rng.IntN(8) {
			case 0: // an alias of the one before
				s.Addr -= 16
			case 1: // one of many at one address, more than are looked through
				s.Addr = 0x800
			}
			first = append(first, s)
			s.Source, s.Index = elfsym.Dynsym, uint32(n-i)
			switch rng.IntN(8) {
			case 0: // in the second table only
				s.Name += "x"
			case 1: // of another size
				s.Size = 0
			case 2: // somewhere else
				s.Addr += 8
			case 3: // not repeated
				continue
			case 4:
				s.Version, s.Default = "V1", seed%2 == 0
			case 5:
				s.Type = elf.STT_GNU_IFUNC
			}
			second = append(second, s)
		}
		rng.Shuffle(len(second), func(i, k int) { second[i], second[k] = second[k], second[i] })
		second = second[:len(second)>>seed] // how many decides whether an index is made
		got := elfsym.NewTable(slices.Values(slices.Concat(first, second)))

		// By the rules of NewTable, one by one. A repetition of a repetition there is none.
		type key struct {
			name    string
			version string
			addr    elfsym.Addr
			typ     elf.SymType
		}
		keyOf := func(s *elfsym.Symbol) key { return key{s.Name, s.Version, s.Addr, s.Type} }
		want := make(map[key]elfsym.Source)
		for _, s := range first {
			want[keyOf(&s)] |= s.Source
		}
		for _, s := range second {
			k := keyOf(&s)
			want[k] |= s.Source
			if bare := (key{s.Name, "", s.Addr, s.Type}); s.Version != "" && want[bare] != 0 {
				want[k] |= want[bare]
				delete(want, bare)
			}
		}
		if got.Len() != len(want) {
			t.Errorf("seed %d: %d symbols, want %d", seed, got.Len(), len(want))
		}
		last := ""
		for s := range got.All() {
			if w := want[keyOf(s)]; s.Source != w {
				t.Errorf("seed %d: %+v: of %v, want %v", seed, keyOf(s), s.Source, w)
			}
			if w := got.Named(s.Name); s.Name < last || !slices.Contains(slices.Collect(w), s) {
				t.Errorf("seed %d: %q out of order", seed, s.Name)
			}
			if s.Size == 0 && s.Source&elfsym.Symtab != 0 {
				t.Errorf("seed %d: %q has lost its size", seed, s.Name)
			}
			last = s.Name
		}
	}
}
