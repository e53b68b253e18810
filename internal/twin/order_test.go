package twin_test

import (
	"debug/elf"
	"testing"

	"github.com/probels/probels/internal/twin"
)

// A linker puts object files into an order of its own, and keeps the order within each: functions that nothing
// else tells from those of other files are told by it, if it is known where the files begin.
func TestDivide(t *testing.T) {
	const units, each = 30, 4
	build := func(order func(i int) int) *twin.Set {
		s := &twin.Set{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64}
		for i := range units {
			for k := range each {
				no := uint64(order(i))
				f := twin.Func{Addr: uint64(0x1000 + 256*(each*i+k)), Size: 60, Insns: 10, Blocks: 2, Edges: 2, Code: uint64(k), Full: uint64(k), Shape: uint64(k)}
				if k == 1 { // the only one of its code
					f.Insns, f.Code, f.Full, f.Shape, f.Feats = 100, 1000+no, 1000+no, 1000+no, []uint64{no + 1}
				}
				s.Funcs = append(s.Funcs, f)
			}
		}
		return s
	}
	// 7 and 30 have no common divisor: no two units stay neighbours.
	target := build(func(i int) int { return i * 7 % units })
	placeOf := map[int]int{}
	for i := range units {
		placeOf[i*7%units] = i
	}
	for _, divided := range []bool{false, true} {
		ref := build(func(i int) int { return i })
		if divided {
			var at []uint64
			for i := range units {
				at = append(at, ref.Funcs[each*i].Addr-16) // what is before the first function is not one
			}
			ref.Divide(at)
		}
		m := pair(t, ref, target)
		right := 0
		for i := range ref.Funcs {
			r := m.Of(i, 0)
			if r.Confidence < twin.Certain {
				continue
			}
			if want := each*placeOf[i/each] + i%each; r.Best.Target != want {
				t.Errorf("divided %v: function %d is said to be %d, and is %d: %v", divided, i, r.Best.Target, want, r.Best.Evidence)
			}
			right++
		}
		if divided && right != units*each || !divided && right >= 2*units {
			t.Errorf("divided %v: %d are certain, of %d", divided, right, units*each)
		}
	}
}
