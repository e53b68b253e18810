package unxz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// A block is one stretch of LZMA2 with a dictionary of its own.
type block struct {
	off   int    // in the file, for messages
	data  []byte // the LZMA2 chunks, their end marker included
	size  uint64 // what comes out
	dict  uint64 // as the file says
	check check
	sum   []byte // the check's value
}

func (b *block) fail(format string, args ...any) error {
	return fmt.Errorf("block at 0x%x: %s (%w)", b.off, fmt.Sprintf(format, args...), ErrFormat)
}

// A scanner is a place in the file.
type scanner struct {
	b   []byte
	pos int
}

func (s *scanner) fail(format string, args ...any) error {
	return fmt.Errorf("at 0x%x: %s (%w)", s.pos, fmt.Sprintf(format, args...), ErrFormat)
}

func (s *scanner) rest() []byte { return s.b[s.pos:] }

// take is the next n bytes.
func (s *scanner) take(n int, what string) ([]byte, error) {
	if n > len(s.b)-s.pos {
		return nil, s.fail("%s of %d bytes, %d left", what, n, len(s.b)-s.pos)
	}
	p := s.b[s.pos : s.pos+n : s.pos+n]
	s.pos += n
	return p, nil
}

var (
	headMagic = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	footMagic = []byte{'Y', 'Z'}
)

// scan lists the blocks of all streams and adds up what comes out. Everything
// that can be verified without decompressing is.
func scan(b []byte, l Limits) (blocks []block, total uint64, err error) {
	s := &scanner{b: b}
	for {
		if blocks, err = s.stream(blocks, l, &total); err != nil {
			return nil, 0, err
		}
		for len(s.rest()) >= 4 && binary.LittleEndian.Uint32(s.rest()) == 0 {
			s.pos += 4 // stream padding
		}
		if len(s.rest()) == 0 {
			return blocks, total, nil
		}
	}
}

func (s *scanner) stream(blocks []block, l Limits, total *uint64) ([]block, error) {
	head, err := s.take(12, "stream header")
	if err != nil {
		return nil, err
	}
	flags := head[6:8]
	if !bytes.Equal(head[:6], headMagic) {
		s.pos -= 12
		return nil, s.fail("no xz stream begins here")
	}
	if crc32.ChecksumIEEE(flags) != binary.LittleEndian.Uint32(head[8:]) {
		return nil, s.fail("wrong CRC of the stream header")
	}
	if flags[0] != 0 || flags[1]&0xf0 != 0 {
		return nil, fmt.Errorf("xz stream flags %x: %w", flags, ErrUnsupported)
	}
	chk := check(flags[1])
	from, lens := len(blocks), []uint64(nil) // unpadded sizes, for the index
	for {
		if s.pos >= len(s.b) {
			return nil, s.fail("no index")
		}
		if s.b[s.pos] == 0 {
			break
		}
		blk, unpadded, err := s.block(chk, l, *total)
		if err != nil {
			return nil, err
		}
		*total += blk.size
		blocks, lens = append(blocks, blk), append(lens, unpadded)
	}
	index := s.pos
	if err := s.index(blocks[from:], lens); err != nil {
		return nil, err
	}
	indexSize := uint64(s.pos - index)
	foot, err := s.take(12, "stream footer")
	if err != nil {
		return nil, err
	}
	switch {
	case !bytes.Equal(foot[10:], footMagic):
		return nil, s.fail("no stream footer")
	case crc32.ChecksumIEEE(foot[4:10]) != binary.LittleEndian.Uint32(foot):
		return nil, s.fail("wrong CRC of the stream footer")
	case !bytes.Equal(foot[8:10], flags):
		return nil, s.fail("header and footer of the stream differ")
	case (uint64(binary.LittleEndian.Uint32(foot[4:]))+1)*4 != indexSize:
		return nil, s.fail("wrong size of the index")
	}
	return blocks, nil
}

// block reads a block header and hops over its chunks. unpadded is its size as
// the index counts it.
func (s *scanner) block(chk check, l Limits, before uint64) (blk block, unpadded uint64, err error) {
	start := s.pos
	blk = block{off: start, check: chk}
	h, err := s.take((int(s.b[start])+1)*4, "block header")
	if err != nil {
		return blk, 0, err
	}
	n := len(h) - 4
	if crc32.ChecksumIEEE(h[:n]) != binary.LittleEndian.Uint32(h[n:]) {
		return blk, 0, s.fail("wrong CRC of the block header")
	}
	head, err := parseBlockHeader(h[:n])
	if err != nil {
		return blk, 0, fmt.Errorf("block at 0x%x: %w", start, err)
	}
	blk.dict = head.dict
	data := s.pos
	if blk.size, err = s.chunks(l, before); err != nil {
		return blk, 0, err
	}
	blk.data = s.b[data:s.pos:s.pos]
	if eff := min(blk.dict, blk.size); eff > l.Dictionary {
		return blk, 0, fmt.Errorf("block at 0x%x: a dictionary of %d bytes, %d allowed: %w", start, eff, l.Dictionary, ErrLimit)
	}
	if head.hasPacked && head.packed != uint64(len(blk.data)) || head.hasSize && head.size != blk.size {
		return blk, 0, blk.fail("its header has other sizes")
	}
	if pad, err := s.take(-len(blk.data)&3, "padding"); err != nil {
		return blk, 0, err
	} else if !zeros(pad) {
		return blk, 0, blk.fail("padding that is not zero")
	}
	if blk.sum, err = s.take(chk.size(), "check"); err != nil {
		return blk, 0, err
	}
	return blk, uint64(len(h)) + uint64(len(blk.data)) + uint64(len(blk.sum)), nil
}

type blockHeader struct {
	dict               uint64
	packed, size       uint64
	hasPacked, hasSize bool
}

// parseBlockHeader reads a block header without its CRC.
func parseBlockHeader(h []byte) (bh blockHeader, err error) {
	p := &scanner{b: h, pos: 2}
	flags := h[1]
	if flags&0x3c != 0 {
		return bh, fmt.Errorf("xz block flags 0x%x: %w", flags, ErrUnsupported)
	}
	if flags&0x03 != 0 {
		return bh, fmt.Errorf("%d xz filters, only LZMA2 is known: %w", flags&3+1, ErrUnsupported)
	}
	if flags&0x40 != 0 {
		bh.hasPacked = true
		if bh.packed, err = p.number(); err != nil {
			return bh, err
		}
	}
	if flags&0x80 != 0 {
		bh.hasSize = true
		if bh.size, err = p.number(); err != nil {
			return bh, err
		}
	}
	const lzma2 = 0x21
	id, err := p.number()
	if err != nil {
		return bh, err
	}
	if id != lzma2 {
		return bh, fmt.Errorf("xz filter 0x%x, only LZMA2 is known: %w", id, ErrUnsupported)
	}
	n, err := p.number()
	if err != nil {
		return bh, err
	}
	if n != 1 {
		return bh, p.fail("LZMA2 with %d bytes of properties", n)
	}
	prop, err := p.take(1, "properties")
	if err != nil {
		return bh, err
	}
	if bh.dict, err = dictSize(prop[0]); err != nil {
		return bh, err
	}
	if !zeros(p.rest()) {
		return bh, p.fail("header padding that is not zero")
	}
	return bh, nil
}

// dictSize is 2 or 3 times a power of two: xz format, section 5.3.1.
func dictSize(prop byte) (uint64, error) {
	switch {
	case prop > 40:
		return 0, fmt.Errorf("dictionary size %d: %w", prop, ErrUnsupported)
	case prop == 40:
		return math.MaxUint32, nil
	}
	return (2 | uint64(prop&1)) << (prop/2 + 11), nil
}

// chunks hops over LZMA2 chunks to their end marker and adds up what they say
// comes out of them.
func (s *scanner) chunks(l Limits, before uint64) (size uint64, err error) {
	for {
		c, err := s.take(1, "LZMA2 chunk")
		if err != nil {
			return 0, err
		}
		var out, packed, props int
		switch ctl := c[0]; {
		case ctl == 0:
			return size, nil
		case ctl <= 2: // stored
			n, err := s.take(2, "LZMA2 chunk")
			if err != nil {
				return 0, err
			}
			out = int(binary.BigEndian.Uint16(n)) + 1
			packed = out
		case ctl < 0x80:
			return 0, s.fail("LZMA2 chunk of type 0x%x", ctl)
		default:
			n, err := s.take(4, "LZMA2 chunk")
			if err != nil {
				return 0, err
			}
			out = int(ctl&0x1f)<<16 + int(binary.BigEndian.Uint16(n)) + 1
			packed = int(binary.BigEndian.Uint16(n[2:])) + 1
			if ctl >= 0xc0 {
				props = 1
			}
		}
		if _, err := s.take(packed+props, "LZMA2 data"); err != nil {
			return 0, err
		}
		if size += uint64(out); before+size > l.Output {
			return 0, fmt.Errorf("xz: more than %d bytes: %w", l.Output, ErrLimit)
		}
	}
}

// index reads the list of blocks behind the last one and compares.
func (s *scanner) index(blocks []block, lens []uint64) error {
	start := s.pos
	s.pos++ // the zero that announces it
	n, err := s.number()
	if err != nil {
		return err
	}
	if n != uint64(len(blocks)) {
		return s.fail("an index of %d blocks, there are %d", n, len(blocks))
	}
	for i := range blocks {
		unpadded, err := s.number()
		if err != nil {
			return err
		}
		size, err := s.number()
		if err != nil {
			return err
		}
		if unpadded != lens[i] || size != blocks[i].size {
			return s.fail("the index has other sizes for block %d", i)
		}
	}
	if pad, err := s.take(-(s.pos-start)&3, "index padding"); err != nil {
		return err
	} else if !zeros(pad) {
		return s.fail("index padding that is not zero")
	}
	body := s.b[start:s.pos]
	sum, err := s.take(4, "CRC of the index")
	if err != nil {
		return err
	}
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(sum) {
		return s.fail("wrong CRC of the index")
	}
	return nil
}

// number reads a multibyte integer: seven bits a byte, lowest first, at most
// nine bytes, and no zero byte at its end.
func (s *scanner) number() (uint64, error) {
	var n uint64
	for i := range 9 {
		c, err := s.take(1, "number")
		if err != nil {
			return 0, err
		}
		n |= uint64(c[0]&0x7f) << (7 * i)
		if c[0]&0x80 == 0 {
			if c[0] == 0 && i > 0 {
				break
			}
			return n, nil
		}
	}
	return 0, s.fail("a number that never ends")
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
