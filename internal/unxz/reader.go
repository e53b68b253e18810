package unxz

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// A Reader decompresses as it goes, for what is too large to be held. A block's
// check is verified when its last byte has been read, the index and the footer at
// the end: what comes before an error is not to be trusted until io.EOF.
type Reader struct {
	r     *bufio.Reader
	lim   Limits
	total uint64 // bytes that came out
	read  uint64 // bytes of the file
	err   error

	begun bool
	flags []byte // of the stream
	sizes []blockSizes
	blk   *openBlock
}

type blockSizes struct{ unpadded, size uint64 }

// openBlock is the block that is being read.
type openBlock struct {
	head  blockHeader
	start uint64 // where its header begins
	data  uint64 // where its data begins
	size  uint64
	sum   hash.Hash
	dec   io.Reader
}

// NewReader reads the streams in r. Limits.Dictionary bounds what a block's
// header may ask for, and that much is allocated.
func NewReader(r io.Reader, l Limits) *Reader { return &Reader{r: bufio.NewReader(r), lim: l} }

func (x *Reader) fail(format string, args ...any) error {
	return fmt.Errorf("at 0x%x: %s (%w)", x.read, fmt.Sprintf(format, args...), ErrFormat)
}

// counted lets the LZMA2 decoder read, and counts what it takes.
type counted struct{ x *Reader }

func (c counted) Read(p []byte) (int, error) {
	n, err := c.x.r.Read(p)
	c.x.read += uint64(n)
	return n, err
}

func (c counted) ReadByte() (byte, error) {
	b, err := c.x.r.ReadByte()
	if err == nil {
		c.x.read++
	}
	return b, err
}

// take reads n bytes.
func (x *Reader) take(n int, what string) ([]byte, error) {
	b := make([]byte, n)
	got, err := io.ReadFull(x.r, b)
	x.read += uint64(got)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, x.fail("%s of %d bytes, %d left", what, n, got)
	}
	return b, err
}

// Read implements io.Reader.
func (x *Reader) Read(p []byte) (int, error) {
	for x.err == nil && len(p) > 0 {
		if x.blk == nil {
			x.err = x.next()
			continue
		}
		n, err := x.blk.dec.Read(p)
		x.blk.size += uint64(n)
		if x.blk.sum != nil {
			x.blk.sum.Write(p[:n])
		}
		if x.total += uint64(n); x.total > x.lim.Output {
			x.err = fmt.Errorf("xz: more than %d bytes: %w", x.lim.Output, ErrLimit)
			return 0, x.err
		}
		switch {
		case errors.Is(err, io.EOF):
			x.err = x.endBlock()
		case err != nil:
			x.err = x.fail("%v", err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, x.err
}

// next begins a stream or a block, or ends a stream.
func (x *Reader) next() error {
	if x.flags == nil {
		return x.streamHeader()
	}
	first, err := x.take(1, "block header")
	if err != nil {
		return err
	}
	if first[0] == 0 {
		return x.endStream()
	}
	rest, err := x.take((int(first[0])+1)*4-1, "block header")
	if err != nil {
		return err
	}
	h := append(first, rest...)
	n := len(h) - 4
	if crc32.ChecksumIEEE(h[:n]) != binary.LittleEndian.Uint32(h[n:]) {
		return x.fail("wrong CRC of the block header")
	}
	b := &openBlock{start: x.read - uint64(len(h)), data: x.read}
	if b.head, err = parseBlockHeader(h[:n]); err != nil {
		return err
	}
	dict := b.head.dict
	if b.head.hasSize {
		dict = min(dict, b.head.size)
	}
	if dict > x.lim.Dictionary {
		return fmt.Errorf("xz: a dictionary of %d bytes, %d allowed: %w", dict, x.lim.Dictionary, ErrLimit)
	}
	switch check(x.flags[1]) {
	case checkCRC32:
		b.sum = crc32.NewIEEE()
	case checkCRC64:
		b.sum = crc64.New(crc64Table())
	case checkSHA256:
		b.sum = sha256.New()
	}
	cfg := lzma.Reader2Config{DictCap: int(max(dict, lzma.MinDictCap))}
	x.blk = b
	if b.dec, err = cfg.NewReader2(counted{x}); err != nil {
		return x.fail("%v", err)
	}
	return nil
}

func (x *Reader) streamHeader() error {
	for {
		pad, err := x.r.Peek(4)
		if x.begun && len(pad) == 0 && errors.Is(err, io.EOF) {
			return io.EOF
		}
		if !x.begun || len(pad) < 4 || binary.LittleEndian.Uint32(pad) != 0 {
			break
		}
		x.r.Discard(4)
		x.read += 4
	}
	head, err := x.take(12, "stream header")
	if err != nil {
		return err
	}
	if !bytes.Equal(head[:6], headMagic) {
		return x.fail("no xz stream begins here")
	}
	flags := head[6:8]
	if crc32.ChecksumIEEE(flags) != binary.LittleEndian.Uint32(head[8:]) {
		return x.fail("wrong CRC of the stream header")
	}
	if flags[0] != 0 || flags[1]&0xf0 != 0 {
		return fmt.Errorf("xz stream flags %x: %w", flags, ErrUnsupported)
	}
	x.begun, x.flags, x.sizes = true, flags, nil
	return nil
}

func (x *Reader) endBlock() error {
	b := x.blk
	x.blk = nil
	packed := x.read - b.data
	if b.head.hasPacked && b.head.packed != packed || b.head.hasSize && b.head.size != b.size {
		return x.fail("the block's header has other sizes")
	}
	if pad, err := x.take(int(-packed&3), "padding"); err != nil {
		return err
	} else if !zeros(pad) {
		return x.fail("padding that is not zero")
	}
	want, err := x.take(check(x.flags[1]).size(), "check")
	if err != nil {
		return err
	}
	if b.sum != nil {
		got := b.sum.Sum(nil)
		if len(got) < 32 { // CRCs are little-endian
			for i, k := 0, len(got)-1; i < k; i, k = i+1, k-1 {
				got[i], got[k] = got[k], got[i]
			}
		}
		if !bytes.Equal(got, want) {
			return x.fail("wrong checksum %x, want %x", got, want)
		}
	}
	if len(x.sizes) == maxBlocks {
		return fmt.Errorf("xz: more than %d blocks: %w", maxBlocks, ErrLimit)
	}
	x.sizes = append(x.sizes, blockSizes{b.data - b.start + packed + uint64(len(want)), b.size})
	return nil
}

// maxBlocks is the largest number of blocks of a stream: their sizes are kept for the index.
const maxBlocks = 1 << 20

// endStream reads index and footer; the zero byte that announces them was read.
func (x *Reader) endStream() error {
	sum, start := crc32.NewIEEE(), x.read-1
	sum.Write([]byte{0})
	number := func() (uint64, error) {
		var n uint64
		for i := range 9 {
			c, err := x.take(1, "number")
			if err != nil {
				return 0, err
			}
			sum.Write(c)
			n |= uint64(c[0]&0x7f) << (7 * i)
			if c[0]&0x80 == 0 {
				return n, nil
			}
		}
		return 0, x.fail("a number that never ends")
	}
	n, err := number()
	if err != nil {
		return err
	}
	if n != uint64(len(x.sizes)) {
		return x.fail("an index of %d blocks, there are %d", n, len(x.sizes))
	}
	for i, s := range x.sizes {
		unpadded, err := number()
		if err != nil {
			return err
		}
		size, err := number()
		if err != nil {
			return err
		}
		if (blockSizes{unpadded, size}) != s {
			return x.fail("the index has other sizes for block %d", i)
		}
	}
	pad, err := x.take(int(-(x.read-start)&3), "index padding")
	if err != nil {
		return err
	}
	if sum.Write(pad); !zeros(pad) {
		return x.fail("index padding that is not zero")
	}
	tail, err := x.take(4, "CRC of the index")
	if err != nil {
		return err
	}
	if sum.Sum32() != binary.LittleEndian.Uint32(tail) {
		return x.fail("wrong CRC of the index")
	}
	size := x.read - start
	foot, err := x.take(12, "stream footer")
	if err != nil {
		return err
	}
	if !bytes.Equal(foot[10:], footMagic) || crc32.ChecksumIEEE(foot[4:10]) != binary.LittleEndian.Uint32(foot) ||
		!bytes.Equal(foot[8:10], x.flags) || (uint64(binary.LittleEndian.Uint32(foot[4:]))+1)*4 != size {
		return x.fail("wrong stream footer")
	}
	x.flags = nil
	return nil
}
