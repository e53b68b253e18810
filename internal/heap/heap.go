// Package heap holds code to what it allocates, in proportion to its input. Only tests import it.
package heap

import (
	"runtime/metrics"
	"testing"
)

// Allocated is how many bytes the process has allocated so far, those that were freed since included.
func Allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Bound runs f over an input of some bytes, and fails the test if that allocates more than times as much and some
// megabytes. What runs beside it counts too, so it is for tests that run alone, and the bounds are wide.
func Bound(t testing.TB, input int, times, megabytes uint64, f func()) {
	t.Helper()
	before := Allocated()
	f()
	if n, limit := Allocated()-before, times*uint64(input)+megabytes<<20; n > limit {
		t.Errorf("%d bytes allocated for %d, %d allowed", n, input, limit)
	}
}
