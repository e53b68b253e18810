package inorder_test

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/probels/probels/internal/inorder"
)

func TestMap(t *testing.T) {
	for _, procs := range []int{1, 2, 7} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		for _, n := range []int{0, 1, 2, 3, 5, 100} {
			got := slices.Collect(inorder.Map(n, func(i, _ int) int {
				if i%3 == 0 {
					time.Sleep(time.Microsecond) // others come first
				}
				return i * i
			}))
			if len(got) != n {
				t.Errorf("%d of %d", len(got), n)
			}
			for i, v := range got {
				if v != i*i {
					t.Errorf("%d of %d is %d", i, n, v)
				}
			}
		}
	}
}

// Only a few are made before their turn, and nothing is under way when whoever asked has
// enough.
func TestMapStops(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for _, most := range []int{1, 2, 50} {
		var begun, ended atomic.Int64
		taken := 0
		for range inorder.Map(1000, func(int, int) int { begun.Add(1); defer ended.Add(1); return 0 }) {
			if taken++; taken == most {
				break
			}
		}
		if b, e := begun.Load(), ended.Load(); b != e || b < int64(most) || b > int64(most)+6 {
			t.Errorf("%d taken, %d begun, %d ended", most, b, e)
		}
	}
}

// Nobody changes what is yielded while it is looked at, and few are made.
func TestMapSpares(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var made atomic.Int64
	i := 0
	for got := range inorder.Map(500, func(i int, spare []int) []int {
		if spare == nil {
			made.Add(1)
			spare = make([]int, 100)
		}
		for k := range spare {
			spare[k] = i
		}
		return spare
	}) {
		for _, v := range got {
			if v != i {
				t.Fatalf("%d in number %d", v, i)
			}
		}
		i++
	}
	if n := made.Load(); i != 500 || n > 6 {
		t.Errorf("%d, %d made anew", i, n)
	}
}
