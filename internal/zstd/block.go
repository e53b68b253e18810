package zstd

// A blockDecoder decodes blocks; what one leaves to the next is in it.
type blockDecoder struct {
	in       []byte // the block, with slack behind it
	literals []byte
	huff     huffTable
	codes    [3]fseTable // of literal lengths, offsets, match lengths
	recent   [3]uint32   // offsets
}

// reset is for a frame's first block.
func (d *blockDecoder) reset() {
	d.huff.log = 0
	for i := range d.codes {
		d.codes[i].ok = false
	}
	d.recent = [3]uint32{1, 4, 8}
}

// next appends a block's content to r.out; last says whether it is the frame's last one.
func (d *blockDecoder) next(r *Reader) (last bool, err error) {
	h := r.head[:3]
	if err := r.full(h); err != nil {
		return false, err
	}
	v := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	last = v&1 != 0
	kind, size := v>>1&3, v>>3
	if size > r.frame.most {
		return false, damaged("a block of %d bytes, %d allowed", size, r.frame.most)
	}
	r.grow(r.frame.most)
	switch kind {
	case 0: // raw
		from := len(r.out)
		r.out = r.out[:from+size]
		if err := r.full(r.out[from:]); err != nil {
			r.out = r.out[:from]
			return false, err
		}
	case 1: // one byte, repeated
		if err := r.full(h[:1]); err != nil {
			return false, err
		}
		for range size {
			r.out = append(r.out, h[0])
		}
	case 2:
		if cap(d.in) < size+slack {
			d.in = make([]byte, size+slack, max(size, 16<<10)+slack)
		}
		d.in = d.in[:size+slack]
		if err := r.full(d.in[:size]); err != nil {
			return false, err
		}
		clear(d.in[size:])
		from := len(r.out)
		if err := d.compressed(r, size); err != nil {
			r.out = r.out[:from]
			return false, err
		}
	default:
		return false, damaged("a block of a reserved kind")
	}
	return last, nil
}

func (d *blockDecoder) compressed(r *Reader, size int) error {
	at, err := d.readLiterals(size, r.frame.most)
	if err != nil {
		return err
	}
	n, at, err := d.readTables(at, size)
	if err != nil {
		return err
	}
	if n == 0 {
		if at != size {
			return damaged("%d bytes behind a block without sequences", size-at)
		}
		r.out = append(r.out, d.literals...)
		return nil
	}
	return d.execute(r, n, at, size)
}

// readLiterals decodes the literals (RFC 8878, 3.1.1.3.1), and returns where the sequences begin.
func (d *blockDecoder) readLiterals(size, most int) (int, error) {
	b := d.in
	if size == 0 {
		return 0, damaged("an empty block")
	}
	kind, format := b[0]&3, b[0]>>2&3
	v := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 // slack is behind them
	var head, n, packed int
	streams := 4
	switch {
	case kind < 2 && format&1 == 0:
		head, n = 1, int(v>>3&0x1f)
	case kind < 2 && format == 1:
		head, n = 2, int(v>>4&0xfff)
	case kind < 2:
		head, n = 3, int(v>>4&0xfffff)
	case format < 2:
		head, n, packed = 3, int(v>>4&0x3ff), int(v>>14&0x3ff)
		if format == 0 {
			streams = 1
		}
	case format == 2:
		head, n, packed = 4, int(v>>4&0x3fff), int(v>>18&0x3fff)
	default:
		head, n, packed = 5, int(v>>4&0x3ffff), int(v>>22&0x3ffff)
	}
	switch kind {
	case 0:
		packed = n
	case 1:
		packed = 1
	}
	if n > most || head > size || packed > size-head {
		return 0, damaged("%d literals of %d bytes in a block of %d", n, packed, size)
	}
	if cap(d.literals) < n {
		d.literals = make([]byte, n, max(n, 16<<10))
	}
	d.literals = d.literals[:n]
	end := head + packed
	switch kind {
	case 0:
		copy(d.literals, b[head:end])
		return end, nil
	case 1:
		for i := range d.literals {
			d.literals[i] = b[head]
		}
		return end, nil
	case 2:
		used, err := d.huff.parse(b[head:], packed)
		if err != nil {
			return 0, err
		}
		head += used
	}
	if d.huff.log == 0 {
		return 0, damaged("a block that refers to a Huffman code before it")
	}
	return end, d.streams(streams, head, end)
}

// streams decodes one stream of literals, or four whose lengths stand before them.
func (d *blockDecoder) streams(n, from, end int) error {
	if n == 1 {
		return d.huff.decode(d.literals, d.in, from, end)
	}
	if end-from < 6 {
		return damaged("no room for four streams of literals")
	}
	b := d.in[from:]
	part, left := (len(d.literals)+3)/4, d.literals
	if 3*part > len(left) {
		return damaged("%d literals in four streams", len(left))
	}
	at := from + 6
	for i := range 4 {
		to, out := end, left
		if i < 3 {
			to = at + int(b[2*i]) + int(b[2*i+1])<<8
			out, left = left[:part], left[part:]
		}
		if to > end {
			return damaged("streams of literals that are too long")
		}
		if err := d.huff.decode(out, d.in, at, to); err != nil {
			return err
		}
		at = to
	}
	return nil
}
