// Package inorder makes the parts of a long list on all processors and hands them over
// in their order.
package inorder

import (
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
)

// Map yields f(0) to f(n-1). As many are made at a time as there are processors, and a
// few are kept that are made before their turn, so that memory is bounded. f is called
// by several goroutines, none of which is left when the iteration has ended.
//
// What is yielded is valid until the next: f is given one that was yielded before, or
// the zero value, and may make the new one of its parts.
func Map[T any](n int, f func(i int, spare T) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		workers := min(n, runtime.GOMAXPROCS(0))
		if workers < 2 {
			var v T
			for i := range n {
				if v = f(i, v); !yield(v) {
					return
				}
			}
			return
		}
		ready := make([]chan T, workers+2) // of i, at i modulo their number
		for i := range ready {
			ready[i] = make(chan T, 1)
		}
		// Whoever has a spare makes the next; one that was yielded is a spare again.
		spares := make(chan T, len(ready))
		for range ready {
			var none T
			spares <- none
		}
		var next atomic.Int64
		var all sync.WaitGroup
		defer all.Wait()
		defer close(spares)
		defer next.Store(int64(n)) // whoever has a spare still makes no more
		for range workers {
			all.Go(func() {
				for spare := range spares {
					i := int(next.Add(1)) - 1
					if i >= n {
						return
					}
					ready[i%len(ready)] <- f(i, spare)
				}
			})
		}
		for i := range n {
			v := <-ready[i%len(ready)]
			if !yield(v) {
				return
			}
			spares <- v
		}
	}
}
