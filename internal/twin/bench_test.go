package twin_test

import (
	"context"
	"debug/elf"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/probels/probels/internal/twin"
)

// synthetic is a set of n functions with much the same amount of everything as real
// ones have; of changed in a hundred other code was made.
func synthetic(n, changed int) *twin.Set {
	r := rand.New(rand.NewPCG(1, 2))
	other := rand.New(rand.NewPCG(3, 4))
	s := &twin.Set{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Path: "synthetic", Data: n}
	for i := range n {
		f := twin.Func{Addr: uint64(0x1000 + 64*i), Size: 60, Insns: 10 + r.Uint32N(200), Blocks: 5, Edges: 7, Code: r.Uint64(), Shape: r.Uint64()}
		f.Full = f.Code + 1
		for range 20 + r.IntN(80) {
			f.Feats = append(f.Feats, r.Uint64N(uint64(40*n)))
		}
		for range r.IntN(4) {
			f.Numbers = append(f.Numbers, 1<<50+r.Uint64N(uint64(n)))
		}
		for range r.IntN(12) {
			switch r.IntN(4) {
			case 0:
				f.Refs = append(f.Refs, twin.Ref{Kind: twin.RefString, To: r.Uint64N(uint64(n))})
			case 1:
				f.Refs = append(f.Refs, twin.Ref{Kind: twin.RefData, To: r.Uint64N(uint64(n))})
			default:
				f.Refs = append(f.Refs, twin.Ref{Kind: twin.RefFunc, Call: true, To: r.Uint64N(uint64(n))})
			}
		}
		if other.IntN(100) < changed {
			f.Code, f.Full, f.Shape = other.Uint64(), other.Uint64(), other.Uint64()
			for range len(f.Feats) / 5 {
				f.Feats[other.IntN(len(f.Feats))] = other.Uint64N(uint64(40 * n))
			}
		}
		for _, all := range []*[]uint64{&f.Feats, &f.Numbers} {
			slices.Sort(*all)
			*all = slices.Compact(*all)
		}
		s.Funcs = append(s.Funcs, f)
	}
	return s
}

// Five thousand functions against five thousand, of which a third were changed.
func BenchmarkPair5000(b *testing.B) {
	x, y := synthetic(5000, 0), synthetic(5000, 33)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	certain := 0
	for b.Loop() {
		m, err := twin.Pair(context.Background(), x, y, twin.Options{})
		if err != nil {
			b.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		certain = 0
		for i := range x.Funcs {
			if r := m.Of(i, 0); r.Confidence == twin.Certain {
				if certain++; r.Best.Target != i {
					b.Fatalf("%d is certainly %d", i, r.Best.Target)
				}
			}
		}
	}
	b.ReportMetric(float64(certain), "certain")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB-held")
}
