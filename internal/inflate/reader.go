package inflate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
	"slices"
	"sync"
)

// A Reader reads a zlib stream at any place. Reads that go on where one of the
// last two ended cost no more than inflating what lies between. It is safe for
// concurrent use, by one at a time.
//
// The checksum at the stream's end is not looked at: parts are read, and mostly
// not the last.
type Reader struct {
	src      io.ReaderAt
	srcSize  int64
	size     int64
	distance int64 // between points

	mu       sync.Mutex // protects what follows
	points   []point    // by out; the first is the stream's beginning
	decoders []*decoder // up to two, the last used first
}

// NewReader reads the stream in src, which has srcSize bytes and inflates to
// size. Nothing is read yet.
func NewReader(src io.ReaderAt, srcSize, size int64) *Reader {
	// Up to 512 points, of 32 KiB each.
	return &Reader{src: src, srcSize: srcSize, size: size, distance: max(1<<20, size/512)}
}

// Size is the size that the stream is said to have, inflated.
func (r *Reader) Size() int64 { return r.size }

// Sequential reports that reading on is cheap, and going elsewhere is not.
func (r *Reader) Sequential() bool { return true }

// ReadAt implements io.ReaderAt. A stream that has fewer bytes than it is said to
// is damaged.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	short := int64(len(p)) > r.size-off
	if short {
		p = p[:r.size-off]
	}
	d, err := r.decoder(off)
	done := 0
	for err == nil && done < len(p) {
		at := off + int64(done)
		if at < d.pos() {
			done += copy(p[done:], d.out[at-d.base:d.op])
			continue
		}
		err = r.advance(d, off+int64(len(p)))
	}
	if err == nil && short {
		err = io.EOF
	}
	return done, err
}

// decoder is one that has the byte at off, or comes to it.
func (r *Reader) decoder(off int64) (*decoder, error) {
	i, found := slices.BinarySearchFunc(r.points, off, func(p point, off int64) int { return int(max(-1, min(1, p.out-off))) })
	if !found {
		i--
	}
	best, from := -1, int64(0)
	if i >= 0 {
		from = r.points[i].out
	}
	for k, d := range r.decoders {
		if d.low() <= off && d.pos() >= from && (best < 0 || d.pos() > r.decoders[best].pos()) {
			best = k
		}
	}
	if best >= 0 {
		d := r.decoders[best]
		r.decoders[0], r.decoders[best] = d, r.decoders[0]
		return d, nil
	}
	if len(r.decoders) < 2 {
		r.decoders = append(r.decoders, newDecoder(r.src, r.srcSize))
	}
	last := len(r.decoders) - 1
	d := r.decoders[last]
	r.decoders[0], r.decoders[last] = d, r.decoders[0]
	if i >= 0 {
		d.seek(r.points[i])
		return d, nil
	}
	return d, d.start()
}

// advance inflates some more, not much beyond to, and keeps points on the way.
func (r *Reader) advance(d *decoder, to int64) error {
	if d.op >= history+chunk {
		d.slide()
	}
	if d.kind == blockNone && !d.last {
		if n := len(r.points); n > 0 && d.pos() >= r.points[n-1].out+r.distance {
			r.points = append(r.points, d.point())
		} else if n == 0 && d.pos() == 0 {
			r.points = append(r.points, d.point())
		}
	}
	if d.kind == blockEnd {
		return fmt.Errorf("%w: %d bytes, not %d", ErrDamaged, d.pos(), r.size)
	}
	err := d.run(min(to, r.size))
	if err == nil && d.pos() > r.size {
		err = fmt.Errorf("%w: more than %d bytes", ErrDamaged, r.size)
	}
	return err
}

// trust is how much memory is allocated on the word of a header.
const trust = 16 << 20

// All inflates a stream whole. It must have size bytes and a right checksum.
func All(src []byte, size int64) ([]byte, error) {
	if size < 0 {
		return nil, fmt.Errorf("%w: said to have %d bytes", ErrDamaged, size)
	}
	d := newDecoder(bytes.NewReader(src), int64(len(src)))
	if err := d.start(); err != nil {
		return nil, err
	}
	out := make([]byte, 0, min(size, trust))
	sum := adler32.New()
	for {
		if d.op >= history+chunk || d.kind == blockEnd {
			fresh := d.out[history:d.op]
			if int64(len(fresh)) > size-int64(len(out)) {
				return nil, fmt.Errorf("%w: more than %d bytes", ErrDamaged, size)
			}
			sum.Write(fresh)
			if len(out)+len(fresh) > cap(out) {
				grown := make([]byte, len(out), min(size, int64(2*cap(out))))
				copy(grown, out)
				out = grown
			}
			out = append(out, fresh...)
			d.slide()
		}
		if d.kind == blockEnd {
			break
		}
		if err := d.run(1 << 62); err != nil {
			return nil, err
		}
	}
	if int64(len(out)) != size {
		return nil, fmt.Errorf("%w: %d bytes, not %d", ErrDamaged, len(out), size)
	}
	end := d.inOff + int64(d.ip) - int64(d.nb/8)
	if end > int64(len(src))-4 || binary.BigEndian.Uint32(src[end:]) != sum.Sum32() {
		return nil, fmt.Errorf("%w: its checksum", ErrDamaged)
	}
	return out, nil
}
