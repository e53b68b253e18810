package zstd

import "math/bits"

// An fseEntry is a state of a finite state decoder: its symbol, and the next state, which is base
// and as many bits as bits says.
type fseEntry struct {
	sym  uint8
	bits uint8
	base uint16
}

// An fseTable is a decoder; log is how many bits a state has.
type fseTable struct {
	entries []fseEntry
	log     uint8
	ok      bool // it can be used again by the next block
}

// maxSymbols is how many symbols a table can have: the weights of Huffman codes have 256.
const maxSymbols = 256

// single is the table of one symbol, which takes no bits.
func (t *fseTable) single(sym uint8) {
	t.entries = append(t.entries[:0], fseEntry{sym: sym})
	t.log, t.ok = 0, true
}

// parse reads the probabilities of symbols up to last, and makes the table (RFC 8878, 4.1.1). It returns
// how many bytes they take.
func (t *fseTable) parse(b []byte, last int, maxLog uint8) (int, error) {
	r := forward{b: b}
	log := uint8(r.read(4) + 5)
	if log > maxLog {
		return 0, damaged("a table of 2^%d states", log)
	}
	var norm [maxSymbols]int16
	n := 0
	for left := 1 << log; left > 0; {
		if n > last {
			return 0, damaged("too many symbols")
		}
		// A number of up to left+1 takes so many bits, or one less where it is small.
		width := bits.Len(uint(left + 1))
		low := 1<<(width-1) - 1
		few := 1<<width - 1 - (left + 1)
		v := r.read(width)
		if v&low < few {
			v &= low
			r.at--
		} else if v > low {
			v -= few
		}
		p := v - 1 // -1: less than one of the states
		norm[n] = int16(p)
		n++
		if p < 0 {
			left--
		} else {
			left -= p
		}
		for more := p == 0; more; {
			k := r.read(2)
			if n+k > last+1 {
				return 0, damaged("too many symbols")
			}
			n += k
			more = k == 3
		}
		if left < 0 || r.at > 8*len(b) {
			return 0, damaged("probabilities that don't add up")
		}
	}
	return (r.at + 7) / 8, t.build(norm[:n], log)
}

// build spreads symbols over the states.
func (t *fseTable) build(norm []int16, log uint8) error {
	size := 1 << log
	if cap(t.entries) < size {
		t.entries = make([]fseEntry, size)
	}
	t.entries, t.log = t.entries[:size], log
	var next [maxSymbols]uint16
	high := size
	for s, p := range norm {
		if p == -1 {
			high--
			t.entries[high].sym = uint8(s)
			next[s] = 1
		} else {
			next[s] = uint16(p)
		}
	}
	at, step, mask := 0, size>>1+size>>3+3, size-1
	for s, p := range norm {
		for range p {
			t.entries[at].sym = uint8(s)
			for at = (at + step) & mask; at >= high; {
				at = (at + step) & mask
			}
		}
	}
	if at != 0 {
		return damaged("probabilities that don't add up")
	}
	for i := range t.entries {
		e := &t.entries[i]
		x := next[e.sym]
		next[e.sym]++
		e.bits = log - uint8(bits.Len16(x)-1)
		e.base = x<<e.bits - uint16(size)
	}
	t.ok = true
	return nil
}
