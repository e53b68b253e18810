package die

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The first addresses are looked for in an index as it is, later ones when it was
// sorted: the units are the same.
func TestAddrIndex(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		all := make([]unitRange, rnd.IntN(200))
		for i := range all {
			low := rnd.Uint64N(1000)
			all[i] = unitRange{Range{low, low + 1 + rnd.Uint64N(1<<uint(rnd.IntN(9)))}, rnd.Uint64N(1 + uint64(round))}
		}
		slices.SortFunc(all, unitRange.order)
		all = slices.Compact(all)
		rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		sorted, fresh := rangesIndex(all), rangesIndex(all)
		sorted.asked.Store(fewAddresses)
		for a := range uint64(1100) {
			want := sorted.units(a)
			if got, ok := fresh.look(a); ok && !slices.Equal(got, want) {
				t.Fatalf("round %d: 0x%x is in the units %d, sorted %d", round, a, got, want)
			}
			if got := fresh.units(a); !slices.Equal(got, want) {
				t.Fatalf("round %d: 0x%x is in the units %d, sorted %d", round, a, got, want)
			}
			if a == 0 && len(fresh.all) > 0 {
				t.Fatal("the index was sorted for one address")
			}
		}
	}
}

func BenchmarkAddrIndex(b *testing.B) {
	all := make([]unitRange, 30000)
	for i := range all {
		low := uint64(i) * 64
		all[i] = unitRange{Range{low, low + 64}, uint64(i / 30)}
	}
	x := rangesIndex(all)
	for b.Loop() {
		x.look(15000*64 + 7)
	}
}
