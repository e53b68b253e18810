package strsort

// Numbers is the indexes 0 to n-1 in the order of their numbers; of equal ones
// the lower index comes first. n is at most 1<<32. key is called once for each.
//
// It sorts by one byte after the other, the lowest first, and only by those in
// which the numbers differ: addresses of one file do in three or four.
func Numbers(n int, key func(i int) uint64) []uint32 {
	type item struct {
		key   uint64
		index uint32
	}
	items := make([]item, n)
	var differ uint64
	for i := range items {
		items[i] = item{key(i), uint32(i)}
		differ |= items[i].key ^ items[0].key
	}
	other := make([]item, n)
	for shift := 0; shift < 64; shift += 8 {
		if differ>>shift&0xff == 0 {
			continue
		}
		var at [256]int // where the next of each byte goes
		for i := range items {
			at[items[i].key>>shift&0xff]++
		}
		sum := 0
		for b, n := range at {
			at[b] = sum
			sum += n
		}
		for i := range items {
			b := items[i].key >> shift & 0xff
			other[at[b]] = items[i]
			at[b]++
		}
		items, other = other, items
	}
	out := make([]uint32, n)
	for i := range items {
		out[i] = items[i].index
	}
	return out
}
