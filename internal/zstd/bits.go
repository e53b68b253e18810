package zstd

import (
	"encoding/binary"
	"math/bits"
)

// slack is how many readable bytes follow those of a block, so that eight can be loaded anywhere.
const slack = 8

// A backward reads bits from the end of some bytes to their start.
type backward struct {
	b    []byte // with slack behind them
	left int    // bits; less than 0: more were read than there are
}

// newBackward reads b[from:to]; false if the mark of the end is missing.
func newBackward(b []byte, from, to int) (backward, bool) {
	if from >= to || b[to-1] == 0 {
		return backward{}, false
	}
	return backward{b[from : to+slack], 8*(to-from-1) + bits.Len8(b[to-1]) - 1}, true
}

// read takes n bits, up to 32. Behind the end there are zeros, and left tells.
func (r *backward) read(n uint8) uint32 {
	v := r.peek(n)
	r.left -= int(n)
	return v
}

// peek looks at n bits, up to 32.
func (r *backward) peek(n uint8) uint32 {
	at := r.left - int(n)
	if at >= 0 {
		return uint32(binary.LittleEndian.Uint64(r.b[at>>3:])>>(at&7)) & uint32(1<<n-1)
	}
	if r.left <= 0 {
		return 0
	}
	return uint32(binary.LittleEndian.Uint64(r.b)<<-at) & uint32(1<<n-1)
}

// A forward reads bits from the start of some bytes.
type forward struct {
	b  []byte
	at int // bits; beyond the end there are zeros
}

func (r *forward) read(n int) int {
	v := 0
	for i := range n {
		if k := r.at + i; k>>3 < len(r.b) {
			v |= int(r.b[k>>3]>>(k&7)&1) << i
		}
	}
	r.at += n
	return v
}
