package zstd

import "sync"

// The three codes of a sequence, in the order in which their tables stand.
const (
	literalLength = iota
	matchOffset
	matchLength
)

// limits of their tables: the highest symbol, and the bits of a state.
var codeLimits = [3]struct {
	last int
	log  uint8
}{{35, 9}, {31, 8}, {52, 9}}

// predefined are the tables for blocks that bring none (RFC 8878, 3.1.1.3.2.2).
var predefined = sync.OnceValue(func() *[3]fseTable {
	var t [3]fseTable
	for i, norm := range [3][]int16{
		{4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1},
		{1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1},
		{1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1},
	} {
		if err := t[i].build(norm, [3]uint8{6, 5, 6}[i]); err != nil {
			panic(err) // the numbers are constants, and a test builds them
		}
	}
	return &t
})

// Base values and extra bits of the codes (RFC 8878, 3.1.1.3.2.1.1).
var (
	lengthBase = [36]uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096,
		8192, 16384, 32768, 65536}
	lengthBits = [36]uint8{16: 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	matchBase  = [53]uint32{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
		35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539}
	matchBits = [53]uint8{32: 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
)

// readTables reads how many sequences there are and the tables of their codes, and returns where
// their bits begin.
func (d *blockDecoder) readTables(at, size int) (n, from int, err error) {
	b := d.in
	if at >= size {
		return 0, 0, damaged("no number of sequences")
	}
	switch n = int(b[at]); {
	case n < 128:
		at++
	case n < 255:
		n = (n-128)<<8 + int(b[at+1]) // slack is behind them
		at += 2
	default:
		n = int(b[at+1]) + int(b[at+2])<<8 + 0x7f00
		at += 3
	}
	if n == 0 {
		return 0, at, nil
	}
	if at >= size {
		return 0, 0, damaged("sequences without tables")
	}
	modes := b[at]
	at++
	if modes&3 != 0 {
		return 0, 0, damaged("a reserved bit is set")
	}
	for i := range d.codes {
		t, limit := &d.codes[i], codeLimits[i]
		switch modes >> (6 - 2*i) & 3 {
		case 0:
			p := &predefined()[i]
			t.entries, t.log, t.ok = append(t.entries[:0], p.entries...), p.log, true
		case 1:
			if at >= size || int(b[at]) > limit.last {
				return 0, 0, damaged("a table of one symbol")
			}
			t.single(b[at])
			at++
		case 2:
			t.ok = false
			used, err := t.parse(b[min(at, size):size], limit.last, limit.log)
			if err != nil {
				return 0, 0, err
			}
			at += used
		default:
			if !t.ok {
				return 0, 0, damaged("a block that refers to tables before it")
			}
		}
	}
	return n, at, nil
}

// execute decodes n sequences, and does what they say.
func (d *blockDecoder) execute(r *Reader, n, at, size int) error {
	bits, ok := newBackward(d.in, at, size)
	if !ok {
		return damaged("sequences without an end")
	}
	lens, offs, matches := &d.codes[literalLength], &d.codes[matchOffset], &d.codes[matchLength]
	ls, os, ms := bits.read(lens.log), bits.read(offs.log), bits.read(matches.log)
	literals, out := d.literals, r.out
	begin := r.frame.begin
	most := len(out) + r.frame.most
	for i := range n {
		l, o, m := lens.entries[ls], offs.entries[os], matches.entries[ms]
		offset := uint32(1)<<o.sym + bits.read(o.sym)
		match := int(matchBase[m.sym] + bits.read(matchBits[m.sym]))
		length := int(lengthBase[l.sym] + bits.read(lengthBits[l.sym]))
		if i < n-1 {
			ls = uint32(l.base) + bits.read(l.bits)
			ms = uint32(m.base) + bits.read(m.bits)
			os = uint32(o.base) + bits.read(o.bits)
		}
		if bits.left < 0 {
			return damaged("sequences that end early")
		}
		offset = d.offset(offset, length)
		if length > len(literals) || length+match > most-len(out) {
			return damaged("sequences of more than a block")
		}
		out = append(out, literals[:length]...)
		literals = literals[length:]
		if offset == 0 || uint64(offset) > uint64(len(out)-begin) || uint64(offset) > uint64(r.frame.window) {
			return damaged("a match %d bytes back", offset)
		}
		out = copyMatch(out, int(offset), match)
	}
	if bits.left != 0 {
		return damaged("bits behind the last sequence")
	}
	if len(literals) > most-len(out) {
		return damaged("literals of more than a block")
	}
	r.out = append(out, literals...)
	return nil
}

// offset is what the value of an offset means: 1 to 3 are those used last (RFC 8878, 3.1.1.5).
func (d *blockDecoder) offset(value uint32, length int) uint32 {
	r := &d.recent
	if value > 3 {
		value -= 3
		*r = [3]uint32{value, r[0], r[1]}
		return value
	}
	if length == 0 {
		value++
	}
	switch value {
	case 1:
	case 2:
		r[0], r[1] = r[1], r[0]
	case 3:
		*r = [3]uint32{r[2], r[0], r[1]}
	default:
		*r = [3]uint32{r[0] - 1, r[0], r[1]}
	}
	return r[0]
}

// copyMatch appends n bytes from back bytes before the end. There is room for them.
func copyMatch(out []byte, back, n int) []byte {
	at := len(out)
	out = out[:at+n]
	for done := 0; done < n; {
		// What was copied may be copied again.
		done += copy(out[at+done:at+n], out[at-back:at+done])
	}
	return out
}
