//go:build race

package skip

// Race is whether the race detector is on, which allocates by itself and drops from a
// sync.Pool at random: allocations are not counted then.
const Race = true
