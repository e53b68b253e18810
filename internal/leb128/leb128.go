// Package leb128 reads the variable-length integers of DWARF, .eh_frame and their like: seven bits a
// byte, lowest first, the eighth bit set in all bytes but the last.
//
// An encoder may pad a number ("81 80 00" is 1), and assemblers do where a number's length has to be
// known before its value, so that any length is accepted whose surplus bits say nothing.
package leb128

// Uint reads an unsigned number from the beginning of b. n is how many bytes it takes; 0 if b ends
// within it or the number has more than 64 bits.
func Uint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	for i, c := range b {
		x := uint64(c & 0x7f)
		switch shift := 7 * i; {
		case i < 9:
			v |= x << shift
		case i == 9 && x <= 1:
			v |= x << 63
		case x != 0:
			return 0, 0
		}
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// Int reads a signed number, two's complement, as Uint does an unsigned one.
func Int(b []byte) (v int64, n int) {
	for i, c := range b {
		x := int64(c & 0x7f)
		switch shift := 7 * i; {
		case i < 9:
			v |= x << shift
			if c < 0x80 {
				return v << (57 - shift) >> (57 - shift), i + 1
			}
			continue
		case i == 9 && (x == 0 || x == 0x7f):
			v |= x << 63
		case i == 9, x != v>>63&0x7f:
			return 0, 0
		}
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// Skip is the length of the number at the beginning of b, whatever its value; 0 if b ends within it.
func Skip(b []byte) int {
	for i, c := range b {
		if c < 0x80 {
			return i + 1
		}
	}
	return 0
}
