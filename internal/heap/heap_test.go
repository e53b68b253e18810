package heap_test

import (
	"testing"

	"github.com/probels/probels/internal/heap"
)

type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.errors++ }

var kept [][]byte

func TestBound(t *testing.T) {
	for _, tt := range []struct{ size, errors int }{{1 << 20, 0}, {4 << 20, 1}} {
		r := &recorder{TB: t}
		heap.Bound(r, 1<<20, 1, 1, func() { kept = [][]byte{make([]byte, tt.size)} })
		if r.errors != tt.errors {
			t.Errorf("%d bytes: %d errors, want %d", tt.size, r.errors, tt.errors)
		}
	}
}
