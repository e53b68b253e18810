//go:build race

package skip

// Race is whether the race detector is on. It allocates by itself and drops from a
// sync.Pool at random: allocations are not counted then. It is ten times slower, and long
// sweeps in one goroutine take a sample: the run without it has the whole.
const Race = true
