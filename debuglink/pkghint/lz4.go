package pkghint

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errLZ4 = errors.New("damaged lz4 data")

// unlz4 decompresses the LZ4 frames in b, at most limit bytes of output: apt's
// lists in images for containers (Acquire::GzipIndexes), for which the standard
// library has nothing. Formats: lz4_Frame_format.md and lz4_Block_format.md of
// the LZ4 project. Checksums are not verified; a damaged list costs no more
// than a wrong hint.
func unlz4(b []byte, limit int) ([]byte, error) {
	var out []byte
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, errLZ4
		}
		magic := binary.LittleEndian.Uint32(b)
		if magic&^0xf == 0x184d2a50 { // skippable
			n := uint64(binary.LittleEndian.Uint32(b[4:]))
			if n > uint64(len(b)-8) {
				return nil, errLZ4
			}
			b = b[8+n:]
			continue
		}
		if magic != 0x184d2204 {
			return nil, errLZ4
		}
		flg := b[4]
		head := 7 // magic, FLG, BD and the header's checksum
		if flg&0x08 != 0 {
			head += 8 // content size
		}
		if flg&0x01 != 0 {
			head += 4 // dictionary
		}
		if flg>>6 != 1 || len(b) < head {
			return nil, errLZ4
		}
		b = b[head:]
		start := len(out) // blocks may refer to the ones before, frames may not
		for {
			if len(b) < 4 {
				return nil, errLZ4
			}
			n := binary.LittleEndian.Uint32(b)
			b = b[4:]
			if n == 0 {
				break
			}
			stored := n&(1<<31) != 0
			n &^= 1 << 31
			sum := 0
			if flg&0x10 != 0 {
				sum = 4
			}
			if uint64(n)+uint64(sum) > uint64(len(b)) {
				return nil, errLZ4
			}
			var err error
			if stored {
				if len(out)+int(n) > limit {
					err = fmt.Errorf("more than %d bytes", limit)
				}
				out = append(out, b[:n]...)
			} else {
				out, err = lz4Block(out, start, b[:n], limit)
			}
			if err != nil {
				return nil, err
			}
			b = b[int(n)+sum:]
		}
		if flg&0x04 != 0 {
			if len(b) < 4 {
				return nil, errLZ4
			}
			b = b[4:]
		}
	}
	return out, nil
}

// lz4Block appends what a block holds: sequences of literals and a match, the
// last without a match.
func lz4Block(out []byte, start int, b []byte, limit int) ([]byte, error) {
	// length reads on where four bits are not enough.
	length := func(n int) (int, bool) {
		if n < 15 {
			return n, true
		}
		for len(b) > 0 {
			c := b[0]
			b = b[1:]
			if n += int(c); n > limit {
				return 0, false
			}
			if c != 255 {
				return n, true
			}
		}
		return 0, false
	}
	for len(b) > 0 {
		token := b[0]
		b = b[1:]
		lits, ok := length(int(token >> 4))
		if !ok || lits > len(b) || len(out)+lits > limit {
			return nil, errLZ4
		}
		out = append(out, b[:lits]...)
		if b = b[lits:]; len(b) == 0 {
			return out, nil
		}
		if len(b) < 2 {
			return nil, errLZ4
		}
		back := int(binary.LittleEndian.Uint16(b))
		b = b[2:]
		n, ok := length(int(token & 15))
		n += 4
		if !ok || back == 0 || back > len(out)-start || len(out)+n > limit {
			return nil, errLZ4
		}
		for n > 0 { // a match may reach into what it makes
			from := len(out) - back
			piece := min(n, back)
			out = append(out, out[from:from+piece]...)
			n -= piece
		}
	}
	return out, nil
}
