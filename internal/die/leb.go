package die

// Numbers of variable length (DWARF 5, 7.6): seven bits a byte, the lowest
// first, the top bit set in all but the last.

// uleb reads an unsigned LEB128 number at b[i]. next is where it ends, or -1
// if b ends before. Bits above the 64th are dropped, and bytes that pad are
// allowed: assemblers write both.
func uleb(b []byte, i int) (v uint64, next int) {
	if uint(i) < uint(len(b)) && b[i] < 0x80 {
		return uint64(b[i]), i + 1
	}
	return ulebSlow(b, i)
}

func ulebSlow(b []byte, i int) (v uint64, next int) {
	if i < 0 {
		return 0, -1
	}
	for shift := uint(0); i < len(b); shift += 7 {
		c := b[i]
		i++
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		if c < 0x80 {
			return v, i
		}
	}
	return 0, -1
}

// sleb is uleb for a signed number.
func sleb(b []byte, i int) (v int64, next int) {
	if i < 0 {
		return 0, -1
	}
	for shift := uint(0); i < len(b); {
		c := b[i]
		i++
		if shift < 64 {
			v |= int64(c&0x7f) << shift
		}
		shift += 7
		if c < 0x80 {
			if shift < 64 && c&0x40 != 0 {
				v |= -1 << shift
			}
			return v, i
		}
	}
	return 0, -1
}

// skipLEB is where the number at b[i] ends, or -1.
func skipLEB(b []byte, i int) int {
	for uint(i) < uint(len(b)) {
		i++
		if b[i-1] < 0x80 {
			return i
		}
	}
	return -1
}
