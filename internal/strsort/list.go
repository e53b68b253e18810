package strsort

import (
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A List is strings to be sorted by one goroutine, beside those who sort others.
type List struct{ items []item }

// NewList has room for n strings.
func NewList(n int) *List { return &List{make([]item, 0, n)} }

// Add adds a string. One that was read just before costs less than it will later.
func (l *List) Add(s string) {
	if len(l.items) == cap(l.items) {
		l.items = slices.Grow(l.items, max(16, len(l.items))) // append would grow a long list by a quarter
	}
	l.items = append(l.items, item{keyAt(s, 0), s, uint32(len(l.items))})
}

// Sort sorts them; what is added afterwards is not sorted.
func (l *List) Sort() { newSorter(make(chan struct{})).sort(l.items, 0) }

// Merged yields the strings of sorted lists in order, each once. All but the last step
// is done on all processors when the first string is asked for.
func Merged(lists ...*List) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(lists) > 2 {
			half := make([]*List, (len(lists)+1)/2)
			var pairs sync.WaitGroup
			for i := range half {
				a := lists[2*i]
				if half[i] = a; 2*i+1 < len(lists) {
					b := lists[2*i+1]
					half[i] = NewList(len(a.items) + len(b.items))
					pairs.Go(func() {
						merge(a.items, b.items, func(x *item) bool {
							half[i].items = append(half[i].items, *x)
							return true
						})
					})
				}
			}
			pairs.Wait()
			lists = half
		}
		var ends [2][]item
		for i, l := range lists {
			ends[i] = l.items
		}
		merge(ends[0], ends[1], func(x *item) bool { return yield(x.name) })
	}
}

// merge yields the items of two sorted lists in order, of equal ones the first.
func merge(a, b []item, yield func(*item) bool) {
	// Names lie anywhere in memory: those of the next items are asked for before they
	// are needed.
	const ahead = 16
	var sum byte
	touch := func(l []item) {
		if len(l) > ahead && l[ahead].name != "" {
			sum += l[ahead].name[0]
		}
	}
	var last *item
	for len(a)+len(b) > 0 {
		var x *item
		switch {
		case len(b) == 0 || len(a) > 0 && strings.Compare(a[0].name, b[0].name) <= 0:
			x = &a[0]
			touch(a)
			a = a[1:]
		default:
			x = &b[0]
			touch(b)
			b = b[1:]
		}
		if last != nil && last.name == x.name {
			continue
		}
		last = x
		if !yield(x) {
			break
		}
	}
	runtime.KeepAlive(sum)
}
