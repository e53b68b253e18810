// Package mutatetest gives fuzz targets damaged test binaries.
package mutatetest

import (
	"testing"

	"github.com/probels/probels/internal/mutate"
	"github.com/probels/probels/internal/testbin"
)

// Fuzz runs hold over test binaries that are damaged where their fields are, once or twice: what the
// fuzzer changes is which, and the seeds of the damage. seeds are those of each file that every run has.
func Fuzz(f *testing.F, seeds uint64, names []string, hold func(t *testing.T, b []byte, seed uint64)) {
	sources := make([]*mutate.Source, len(names))
	for i, name := range names {
		sources[i] = mutate.New(testbin.Read(f, name))
		for seed := range seeds {
			f.Add(uint8(i), seed, seed%3)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, seed, then uint64) {
		b := sources[int(which)%len(sources)].Mutant(seed).Data
		if then != 0 {
			b = mutate.New(b).Mutant(then).Data
		}
		hold(t, b, seed)
	})
}
