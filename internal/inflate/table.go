package inflate

import "math/bits"

// A table decodes one Huffman code. It is indexed by the next bits of the input,
// as many as the longest short code has; longer codes lead to a second index
// within the same table. An entry is
//
//	value<<16 | kind and number of extra bits <<8 | bits of the code
//
// and 0 for bits that begin no code.
type table = []uint32

const (
	litBits  = 11 // index of the table of literals and lengths
	distBits = 9

	// With rooms for second indexes of 4 and 6 bits, one for each two symbols.
	litSize  = 8192
	distSize = 2048

	isLiteral = 0x8000 // the value is a byte
	isEnd     = 0x4000 // end of the block
	isSub     = 0x2000 // the value is where the second index begins, the extra bits its width
	extraMask = 0x1f
)

// Base values and extra bits of length codes 257 to 285 and distance codes 0 to
// 29 (RFC 1951, 3.2.5).
var (
	lengthBase  = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

func litEntry(sym int) uint32 {
	switch {
	case sym < 256:
		return uint32(sym)<<16 | isLiteral
	case sym == 256:
		return isEnd
	case sym < 286:
		return uint32(lengthBase[sym-257])<<16 | uint32(lengthExtra[sym-257])<<8
	}
	return 0 // 286 and 287 are in the fixed code and mean nothing
}

func distEntry(sym int) uint32 {
	if sym < 30 {
		return uint32(distBase[sym])<<16 | uint32(distExtra[sym])<<8
	}
	return 0
}

func clEntry(sym int) uint32 { return uint32(sym)<<16 | isLiteral }

// build makes the table of a code whose symbols have the given lengths in bits;
// false if there is no such code. It may be incomplete only if it has one symbol
// or none, which encoders write for a single distance.
func build(t table, root int, lengths []uint8, entry func(sym int) uint32) bool {
	var count [16]int
	for _, n := range lengths {
		count[n]++
	}
	used := len(lengths) - count[0]
	var next [17]uint32
	code, left := uint32(0), 1
	longest := 0
	for n := 1; n <= 15; n++ {
		left = left<<1 - count[n]
		if left < 0 {
			return false
		}
		code = (code + uint32(count[n-1]*min(n-1, 1))) << 1
		next[n] = code
		if count[n] > 0 {
			longest = n
		}
	}
	if left > 0 && used > 1 || used == 1 && count[1] != 1 {
		return false
	}
	clear(t[:1<<root])
	free := 1 << root
	for sym, n8 := range lengths {
		n := int(n8)
		if n == 0 {
			continue
		}
		c := bits.Reverse16(uint16(next[n])) >> (16 - n) // codes are sent from their highest bit
		next[n]++
		e := entry(sym)
		if e == 0 && sym < 256 {
			return false
		}
		if n <= root {
			if e != 0 {
				e |= uint32(n)
			}
			for i := int(c); i < 1<<root; i += 1 << n {
				t[i] = e
			}
			continue
		}
		first := &t[int(c)&(1<<root-1)]
		if *first == 0 {
			width := longest - root
			if free+1<<width > len(t) {
				return false
			}
			clear(t[free : free+1<<width])
			*first = uint32(free)<<16 | isSub | uint32(width)<<8 | uint32(root)
			free += 1 << width
		}
		base, width := int(*first>>16), int(*first>>8&extraMask)
		if e != 0 {
			e |= uint32(n)
		}
		for i := int(c) >> root; i < 1<<width; i += 1 << (n - root) {
			t[base+i] = e
		}
	}
	return true
}
