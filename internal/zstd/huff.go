package zstd

import "math/bits"

// maxHuffBits is the longest code of a literal.
const maxHuffBits = 11

// A huffTable decodes literals: the next log bits are an index of the symbol and its length.
type huffTable struct {
	entries [1 << maxHuffBits]huffEntry
	log     uint8 // 0: there is none yet
	fse     fseTable
}

type huffEntry struct{ sym, bits uint8 }

// parse reads the weights of symbols (RFC 8878, 4.2.1), b with slack behind n bytes, and makes the
// table. It returns how many bytes they take.
func (t *huffTable) parse(b []byte, n int) (int, error) {
	t.log = 0
	if n == 0 {
		return 0, damaged("no room for a Huffman code")
	}
	var weights [maxSymbols]uint8
	head, count, used := int(b[0]), 0, 0
	if head >= 128 {
		count = head - 127
		used = 1 + (count+1)/2
		if used > n {
			return 0, damaged("a Huffman code of %d symbols in %d bytes", count, n)
		}
		for i := range count {
			weights[i] = b[1+i/2] >> (4 - 4*(i&1)) & 15
		}
	} else {
		used = 1 + head
		if used > n {
			return 0, damaged("a Huffman code of %d bytes in %d", head, n)
		}
		var err error
		if count, err = t.weights(b[1:used+slack], head, &weights); err != nil {
			return 0, err
		}
	}
	return used, t.build(&weights, count)
}

// weights decodes weights: two states take turns, until the bits are used up.
func (t *huffTable) weights(b []byte, n int, out *[maxSymbols]uint8) (int, error) {
	const last = maxHuffBits + 1
	used, err := t.fse.parse(b[:n], last, 6)
	if err != nil {
		return 0, err
	}
	r, ok := newBackward(b, used, n)
	if !ok {
		return 0, damaged("weights without an end")
	}
	e, log := t.fse.entries, t.fse.log
	states := [2]uint32{r.read(log), r.read(log)}
	if r.left < 0 {
		return 0, damaged("weights that end early")
	}
	for i := 0; ; i++ {
		if i >= maxSymbols-2 {
			return 0, damaged("too many weights")
		}
		s := &states[i&1]
		out[i] = e[*s].sym
		if int(e[*s].bits) > r.left {
			// This state cannot go on; the other has one symbol left.
			out[i+1] = e[states[1-i&1]].sym
			return i + 2, nil
		}
		*s = uint32(e[*s].base) + r.read(e[*s].bits)
	}
}

// build makes the table of weights: a symbol of weight w has 2^(w-1) of the entries. The last symbol's
// is not written: it has what is left.
func (t *huffTable) build(weights *[maxSymbols]uint8, count int) error {
	sum := 0
	var number [maxHuffBits + 2]int
	for _, w := range weights[:count] {
		if w > maxHuffBits {
			return damaged("a weight of %d", w)
		}
		number[w]++
		if w > 0 {
			sum += 1 << (w - 1)
		}
	}
	if sum == 0 {
		return damaged("a Huffman code without symbols")
	}
	log := bits.Len(uint(sum))
	left := 1<<log - sum
	if log > maxHuffBits || left&(left-1) != 0 || count >= maxSymbols {
		return damaged("weights that don't add up")
	}
	w := bits.Len(uint(left))
	weights[count] = uint8(w)
	number[w]++
	// Entries go by weight, then by symbol.
	var at [maxHuffBits + 2]int
	for w := 1; w <= log; w++ {
		at[w+1] = at[w] + number[w]<<(w-1)
	}
	if at[log+1] != 1<<log || number[1] < 2 {
		return damaged("weights that don't add up")
	}
	for s, w := range weights[:count+1] {
		if w == 0 {
			continue
		}
		n := 1 << (w - 1)
		e := huffEntry{uint8(s), uint8(log + 1 - int(w))}
		for i := range n {
			t.entries[at[w]+i] = e
		}
		at[w] += n
	}
	t.log = uint8(log)
	return nil
}

// decode fills out by the stream b[from:to], which has to end there.
func (t *huffTable) decode(out, b []byte, from, to int) error {
	r, ok := newBackward(b, from, to)
	if !ok {
		return damaged("literals without an end")
	}
	log := t.log
	for i := range out {
		e := t.entries[r.peek(log)]
		out[i] = e.sym
		r.left -= int(e.bits)
	}
	if r.left != 0 {
		return damaged("literals of another length")
	}
	return nil
}
