package die

import (
	"fmt"
	"sync/atomic"
)

// A Budget bounds the work of one walk. Units may share what they refer to:
// tables of abbreviations, lists of ranges, entries of other units. A file made
// for it can have each of a million tiny units refer to a megabyte, so what is
// read again is counted, and a walk that reads many times the file's size ends
// with ErrLimit. A nil Budget has no bound.
type Budget struct{ left atomic.Int64 }

// NewBudget is a budget of n bytes.
func NewBudget(n int64) *Budget {
	b := new(Budget)
	b.left.Store(n)
	return b
}

// Spend takes n bytes, or says that so many are not left.
func (b *Budget) Spend(n int64) error { return b.spend(n) }

func (b *Budget) spend(n int64) error {
	if b != nil && b.left.Add(-n) < 0 {
		return fmt.Errorf("%w: the units refer to the same data too often", ErrLimit)
	}
	return nil
}

// Budget is what a walk over the whole file may read, many times more than
// compilers' output ever takes.
func (f *File) Budget() *Budget {
	n := f.info.size + f.types.size
	if f.abbrev != nil {
		n += uint64(max(f.abbrev.Size(), 0))
	}
	n += f.ranges.size + f.rnglists.size
	return NewBudget(int64(min(n, 1<<50))*32 + 64<<20)
}

// rootBudget is what reading the units' roots alone may take, of all units together:
// that is done once for each, whoever asks.
func (f *File) rootBudget() *Budget {
	f.rootsOnce.Do(func() { f.rootsLeft = f.Budget() })
	return f.rootsLeft
}
