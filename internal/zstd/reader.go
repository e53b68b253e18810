package zstd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// What can be wrong with a stream. Errors wrap one of these, or are the source's.
var (
	ErrDamaged     = errors.New("damaged zstd stream")
	ErrWindow      = errors.New("a window beyond the limit")
	ErrUnsupported = errors.New("a zstd frame with a dictionary")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

const (
	magic     = 0xfd2fb528
	skipMagic = 0x184d2a50 // and the next 15
	maxBlock  = 128 << 10
)

// A Reader decompresses a stream of frames. It takes memory for what matches may refer to,
// as far as there is so much content, and some blocks more. It reads no further than the last frame.
type Reader struct {
	src io.Reader
	max uint64 // limit of windows
	err error  // what Read says when out is read

	out  []byte // content: what matches may refer to, and behind read what Read has not given yet
	read int

	frames int
	frame  frame
	block  blockDecoder
	sum    xxh64
	head   [18]byte
}

// frame is the state of the frame that is read.
type frame struct {
	open    bool
	window  int    // how far back matches reach
	most    int    // the largest block
	begin   int    // where in out the frame's content begins; 0 also if it began before
	hasSize bool   // left is known
	left    uint64 // content
	hasSum  bool
}

// NewReader reads from r. A frame that wants a window of more than window bytes is refused.
func NewReader(r io.Reader, window uint64) *Reader {
	return &Reader{src: r, max: min(window, 1<<31-1)}
}

// Read implements io.Reader. The end of the source in the middle of a frame is ErrDamaged.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.read == len(r.out) && r.err == nil {
		r.err = r.more()
	}
	if r.read == len(r.out) {
		return 0, r.err
	}
	n := copy(p, r.out[r.read:])
	r.read += n
	return n, nil
}

// more reads a frame's header, a block, or what is to be skipped.
func (r *Reader) more() error {
	if !r.frame.open {
		return r.next()
	}
	r.slide()
	from := len(r.out)
	last, err := r.block.next(r)
	if err != nil {
		return err
	}
	f, fresh := &r.frame, r.out[from:]
	if f.hasSum {
		r.sum.write(fresh)
	}
	if f.hasSize {
		if uint64(len(fresh)) > f.left || last && uint64(len(fresh)) != f.left {
			return damaged("content of another size than its frame says")
		}
		f.left -= uint64(len(fresh))
	}
	if !last {
		return nil
	}
	f.open = false
	if f.hasSum {
		if err := r.full(r.head[:4]); err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(r.head[:]) != uint32(r.sum.sum()) {
			return damaged("its checksum")
		}
	}
	return nil
}

// slide moves what matches may refer to, so that there is room for another block.
func (r *Reader) slide() {
	const room = 1 << 20
	keep := r.frame.window
	if len(r.out) < keep+max(keep/2, room) {
		return
	}
	from := len(r.out) - keep // all before was given to who reads
	copy(r.out, r.out[from:])
	r.out = r.out[:keep]
	r.read = keep
	r.frame.begin = max(0, r.frame.begin-from)
}

// next reads the header of a frame (RFC 8878, 3.1.1.1), or passes by one that is to be skipped.
func (r *Reader) next() error {
	switch n, err := io.ReadFull(r.src, r.head[:4]); {
	case n == 0 && err == io.EOF && r.frames > 0:
		return io.EOF
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return damaged("it ends early")
	case err != nil:
		return err
	}
	r.frames++
	m := binary.LittleEndian.Uint32(r.head[:])
	if m&^15 == skipMagic {
		if err := r.full(r.head[:4]); err != nil {
			return err
		}
		size := int64(binary.LittleEndian.Uint32(r.head[:]))
		if n, err := io.CopyN(io.Discard, r.src, size); n < size {
			return early(err)
		}
		return nil
	}
	if m != magic {
		return damaged("no frame where one should begin")
	}
	if err := r.full(r.head[:1]); err != nil {
		return err
	}
	flags := r.head[0]
	if flags&8 != 0 {
		return damaged("a reserved bit is set")
	}
	single := flags&0x20 != 0
	sizes := [4]int{0, 2, 4, 8}[flags>>6]
	if single && sizes == 0 {
		sizes = 1
	}
	window, dict := 1, [4]int{0, 1, 2, 4}[flags&3]
	if single {
		window = 0
	}
	b := r.head[:window+dict+sizes]
	if err := r.full(b); err != nil {
		return err
	}
	for _, c := range b[window : window+dict] {
		if c != 0 {
			return ErrUnsupported
		}
	}
	size := uint64(0)
	for i, c := range b[window+dict:] {
		size |= uint64(c) << (8 * i)
	}
	if sizes == 2 {
		size += 256
	}
	want := size
	if !single {
		base := uint64(1) << (10 + b[0]>>3)
		want = base + base/8*uint64(b[0]&7)
	}
	if want > r.max {
		return fmt.Errorf("%w: %d bytes, %d allowed", ErrWindow, want, r.max)
	}
	r.slide()
	r.frame = frame{open: true, window: int(want), most: min(max(int(want), 1024), maxBlock), begin: len(r.out), hasSize: sizes > 0, left: size, hasSum: flags&4 != 0}
	r.sum.reset()
	r.block.reset()
	return nil
}

func (r *Reader) full(b []byte) error {
	_, err := io.ReadFull(r.src, b)
	return early(err)
}

func early(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return damaged("it ends early")
	}
	return err
}

// grow makes room for n more bytes of content.
func (r *Reader) grow(n int) {
	if cap(r.out)-len(r.out) >= n {
		return
	}
	bigger := make([]byte, len(r.out), max(len(r.out)+n, 2*cap(r.out), 256<<10))
	copy(bigger, r.out)
	r.out = bigger
}
