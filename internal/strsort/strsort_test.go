package strsort

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// reference is the order by the standard library.
func reference(names []string) []uint32 {
	out := make([]uint32, len(names))
	for i := range out {
		out[i] = uint32(i)
	}
	slices.SortStableFunc(out, func(a, b uint32) int { return strings.Compare(names[a], names[b]) })
	return out
}

func check(t *testing.T, names []string) {
	t.Helper()
	got, equal := Order(len(names), func(i int) string { return names[i] })
	want := reference(names)
	if !slices.Equal(got, want) {
		t.Errorf("%d names: order differs from the reference", len(names))
		return
	}
	var runs []Run
	for i, k := range want {
		switch {
		case i == 0 || names[k] != names[want[i-1]]:
			runs = append(runs, Run{i, i + 1})
		default:
			runs[len(runs)-1].End = i + 1
		}
	}
	checkMerged(t, names)
	runs = slices.DeleteFunc(runs, func(r Run) bool { return r.End-r.First == 1 })
	if !slices.Equal(equal, runs) {
		t.Errorf("%d names: equal are %v, want %v", len(names), equal, runs)
	}
}

// checkMerged deals the names out to some lists, which have to come together again.
func checkMerged(t *testing.T, names []string) {
	t.Helper()
	want := slices.Compact(slices.Sorted(slices.Values(names)))
	for _, n := range []int{1, 2, 3, 5, 8} {
		lists := make([]*List, n)
		for i := range lists {
			lists[i] = NewList(i)
		}
		for i, name := range names {
			lists[i*i%n].Add(name)
		}
		for _, l := range lists {
			l.Sort()
		}
		if got := slices.Collect(Merged(lists...)); !slices.Equal(got, want) {
			t.Errorf("%d names in %d lists: %d come, want %d, or in another order", len(names), n, len(got), len(want))
		}
		for range Merged(lists...) {
			break
		}
	}
}

func TestOrder(t *testing.T) {
	check(t, nil)
	check(t, []string{""})
	check(t, []string{"b", "a", "", "a", "ab", "a\x00", "a\x00b"})
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{13, 100, 5000} {
		var mangled, same, zeros, deep []string
		for range n {
			mangled = append(mangled, fmt.Sprintf("_ZNSt6vectorIiSaIiEE%d%s", rng.IntN(n/4), strings.Repeat("x", rng.IntN(20))))
			same = append(same, "the same name, more than one time")
			zeros = append(zeros, strings.Repeat("\x00", rng.IntN(20)))
			deep = append(deep, strings.Repeat("a", rng.IntN(300)))
		}
		check(t, mangled)
		check(t, same)
		check(t, zeros)
		check(t, deep)
		slices.Sort(mangled)
		check(t, mangled)
		slices.Reverse(mangled)
		check(t, mangled)
	}
}

func FuzzOrder(f *testing.F) {
	f.Add([]byte("b\na\n\nab\na\x00\na\x00b\nabcdefgh\nabcdefghi\nabcdefgh\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var names []string
		for b := range bytes.SplitSeq(data, []byte("\n")) {
			names = append(names, string(b))
		}
		check(t, names)
	})
}

func names(n int) []string {
	rng := rand.New(rand.NewPCG(3, 4))
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("_ZN4node%dPkg%d%dmethodEv", rng.IntN(50), rng.IntN(1000), rng.IntN(n))
	}
	return out
}

func BenchmarkOrder(b *testing.B) {
	ns := names(50_000)
	b.ReportAllocs()
	for b.Loop() {
		Order(len(ns), func(i int) string { return ns[i] })
	}
}

func BenchmarkMerged(b *testing.B) {
	ns := names(50_000)
	b.ReportAllocs()
	for b.Loop() {
		x, y := NewList(len(ns)/2), NewList(len(ns)/2)
		for _, name := range ns[:len(ns)/2] {
			x.Add(name)
		}
		for _, name := range ns[len(ns)/2:] {
			y.Add(name)
		}
		x.Sort()
		y.Sort()
		for range Merged(x, y) {
		}
	}
}

func BenchmarkReference(b *testing.B) {
	ns := names(50_000)
	for b.Loop() {
		reference(ns)
	}
}

func TestNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, mask := range []uint64{0, 1, 0xff, 0xfff0, 0xff00ff, 0xffffffff, 1 << 63, ^uint64(0)} {
		for _, n := range []int{0, 1, 2, 300, 5000} {
			keys := make([]uint64, n)
			want := make([]uint32, n)
			for i := range keys {
				keys[i], want[i] = rng.Uint64()&mask|0x400000, uint32(i)
			}
			slices.SortStableFunc(want, func(a, b uint32) int { return cmp.Compare(keys[a], keys[b]) })
			if got := Numbers(n, func(i int) uint64 { return keys[i] }); !slices.Equal(got, want) {
				t.Errorf("%d numbers of %#x: order differs", n, mask)
			}
		}
	}
}
