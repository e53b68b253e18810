package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrDamaged: the bytes are no zlib stream, or one of another size.
var ErrDamaged = errors.New("damaged zlib stream")

// A fault is an ErrDamaged that is made before it is known to happen, so without fmt:
// a program that inflates nothing has it too.
type fault string

func (f fault) Error() string { return ErrDamaged.Error() + ": " + string(f) }
func (f fault) Unwrap() error { return ErrDamaged }

const (
	history  = 32 << 10  // how far matches reach back
	chunk    = 256 << 10 // how much is inflated behind the history before it moves
	slack    = 258 + 16  // a match's length, and the rounding of its copy
	inputLen = 64 << 10
	outLen   = history + chunk + slack
)

// blockKind is what the decoder is in the middle of.
type blockKind uint8

const (
	blockNone blockKind = iota // a block's header is next
	blockStored
	blockCoded
	blockEnd // the last block is through
)

// decoder is a stream at one place.
type decoder struct {
	src  io.ReaderAt
	size int64 // of src

	in    []byte
	ip    int
	inOff int64  // where in src in begins
	bits  uint64 // read from in, not yet used, the next lowest
	nb    uint   // how many

	out  []byte
	op   int   // where the next byte goes
	base int64 // place of out[0] in the output; below 0 while there is no history yet

	kind   blockKind
	last   bool // the block is the last
	stored int  // bytes left of a stored block

	lit  [litSize]uint32
	dist [distSize]uint32
}

func newDecoder(src io.ReaderAt, size int64) *decoder {
	return &decoder{src: src, size: size, in: make([]byte, 0, inputLen), out: make([]byte, outLen)}
}

// start puts the decoder at the stream's first block.
func (d *decoder) start() error {
	var head [2]byte
	if d.size < 2 {
		return fmt.Errorf("%w: no header", ErrDamaged)
	}
	if n, err := d.src.ReadAt(head[:], 0); n < 2 {
		return inputError(err)
	}
	if head[0]&0x0f != 8 || head[0]>>4 > 7 || head[1]&0x20 != 0 || (int(head[0])<<8|int(head[1]))%31 != 0 {
		return fmt.Errorf("%w: header % x", ErrDamaged, head)
	}
	d.seek(point{in: 16})
	return nil
}

func inputError(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the input ends early", ErrDamaged)
	}
	return err
}

// A point is where a block begins, and what is needed to begin there.
type point struct {
	in     int64 // bits
	out    int64
	window []byte // what precedes out, up to 32 KiB
}

// seek puts the decoder at a point. The input is read when it is needed.
func (d *decoder) seek(p point) {
	d.in, d.ip, d.inOff = d.in[:0], 0, p.in>>3
	d.bits, d.nb = 0, 0
	d.op = history
	d.base = p.out - history
	copy(d.out[history-len(p.window):history], p.window)
	d.kind, d.last = blockNone, false
	if skip := uint(p.in & 7); skip != 0 && d.fill() == nil && d.need(skip) == nil {
		d.take(skip)
	}
}

// pos is how much has been inflated.
func (d *decoder) pos() int64 { return d.base + int64(d.op) }

// low is the first byte of the output that is still there.
func (d *decoder) low() int64 { return max(d.base, 0) }

// point is where the decoder is, between blocks.
func (d *decoder) point() point {
	n := min(int64(d.op), d.pos(), history)
	w := make([]byte, n)
	copy(w, d.out[int64(d.op)-n:d.op])
	return point{in: (d.inOff+int64(d.ip))*8 - int64(d.nb), out: d.pos(), window: w}
}

// fill reads input on. The eight bytes before ip stay: they may be in bits, and
// go back.
func (d *decoder) fill() error {
	keep := min(8, d.ip)
	rest := copy(d.in[:cap(d.in)], d.in[d.ip-keep:])
	d.inOff += int64(d.ip - keep)
	d.ip = keep
	d.in = d.in[:rest]
	n := min(int64(cap(d.in)-rest), d.size-d.inOff-int64(rest))
	if n <= 0 {
		return nil
	}
	got, err := d.src.ReadAt(d.in[rest:rest+int(n)], d.inOff+int64(rest))
	d.in = d.in[:rest+got]
	if int64(got) < n {
		return inputError(err)
	}
	return nil
}

// need sees to it that there are n bits, at most 48.
func (d *decoder) need(n uint) error {
	for d.nb < n {
		if d.ip == len(d.in) {
			if err := d.fill(); err != nil {
				return err
			}
			if d.ip == len(d.in) {
				return inputError(nil)
			}
		}
		d.bits |= uint64(d.in[d.ip]) << d.nb
		d.ip++
		d.nb += 8
	}
	return nil
}

func (d *decoder) take(n uint) uint32 {
	v := uint32(d.bits & (1<<n - 1))
	d.bits >>= n
	d.nb -= n
	return v
}

// slide makes room behind the output by moving the history to the front.
func (d *decoder) slide() {
	n := d.op - history
	if n <= 0 {
		return
	}
	copy(d.out, d.out[n:d.op])
	d.base += int64(n)
	d.op = history
}

// run inflates on until the output has reached to, the buffer is full, or a
// block or the stream has ended.
func (d *decoder) run(to int64) error {
	limit := min(int64(history+chunk), to-d.base)
	switch d.kind {
	case blockNone:
		return d.header()
	case blockStored:
		return d.copyStored(int(limit))
	case blockCoded:
		if err := d.fast(int(limit)); err != nil || d.kind != blockCoded || int64(d.op) >= limit {
			return err
		}
		return d.slow(int(limit))
	}
	return nil
}

// header reads a block's header (RFC 1951, 3.2.3).
func (d *decoder) header() error {
	if d.last {
		d.kind = blockEnd
		return nil
	}
	if err := d.need(3); err != nil {
		return err
	}
	d.last = d.take(1) == 1
	switch d.take(2) {
	case 0:
		d.take(d.nb & 7)
		if err := d.need(32); err != nil {
			return err
		}
		n := d.take(16)
		if d.take(16) != n^0xffff {
			return fmt.Errorf("%w: a stored block's length", ErrDamaged)
		}
		// What has been read ahead goes back, so that bytes can be copied.
		d.ip -= int(d.nb / 8)
		d.bits, d.nb = 0, 0
		d.stored, d.kind = int(n), blockStored
	case 1:
		var lengths [288 + 32]uint8
		for i := range lengths {
			switch {
			case i < 144:
				lengths[i] = 8
			case i < 256:
				lengths[i] = 9
			case i < 280:
				lengths[i] = 7
			case i < 288:
				lengths[i] = 8
			default:
				lengths[i] = 5
			}
		}
		build(d.lit[:], litBits, lengths[:288], litEntry)
		build(d.dist[:], distBits, lengths[288:], distEntry)
		d.kind = blockCoded
	case 2:
		return d.dynamic()
	default:
		return fmt.Errorf("%w: a block of no type", ErrDamaged)
	}
	return nil
}

// dynamic reads a block's codes (RFC 1951, 3.2.7).
func (d *decoder) dynamic() error {
	if err := d.need(14); err != nil {
		return err
	}
	nlit, ndist, ncl := int(d.take(5))+257, int(d.take(5))+1, int(d.take(4))+4
	if nlit > 286 || ndist > 30 {
		return fmt.Errorf("%w: a block of %d and %d codes", ErrDamaged, nlit, ndist)
	}
	order := [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	var cl [19]uint8
	for _, sym := range order[:ncl] {
		if err := d.need(3); err != nil {
			return err
		}
		cl[sym] = uint8(d.take(3))
	}
	if !build(d.dist[:], 7, cl[:], clEntry) {
		return fmt.Errorf("%w: a code of lengths", ErrDamaged)
	}
	var lengths [286 + 30]uint8
	all := nlit + ndist
	for i := 0; i < all; {
		// The last code may be shorter than what is looked up.
		if err := d.need(7 + 7); err != nil && d.nb == 0 {
			return err
		}
		e := d.dist[d.bits&127]
		n := uint(e & 0xff)
		if n == 0 || n > d.nb {
			return fmt.Errorf("%w: a code of lengths", ErrDamaged)
		}
		d.take(n)
		sym, repeat, what := e>>16, 0, uint8(0)
		switch sym {
		case 16:
			if i == 0 || d.nb < 2 {
				return fmt.Errorf("%w: a repetition of nothing", ErrDamaged)
			}
			repeat, what = 3+int(d.take(2)), lengths[i-1]
		case 17, 18:
			width := uint(3)
			if repeat = 3; sym == 18 {
				width, repeat = 7, 11
			}
			if d.nb < width {
				return inputError(nil)
			}
			repeat += int(d.take(width))
		default:
			repeat, what = 1, uint8(sym)
		}
		if repeat > all-i {
			return fmt.Errorf("%w: too many lengths of codes", ErrDamaged)
		}
		for ; repeat > 0; repeat-- {
			lengths[i] = what
			i++
		}
	}
	if lengths[256] == 0 || !build(d.lit[:], litBits, lengths[:nlit], litEntry) || !build(d.dist[:], distBits, lengths[nlit:all], distEntry) {
		return fmt.Errorf("%w: a block's codes", ErrDamaged)
	}
	d.kind = blockCoded
	return nil
}

func (d *decoder) copyStored(limit int) error {
	for d.stored > 0 && d.op < limit {
		if d.ip == len(d.in) {
			if err := d.fill(); err != nil {
				return err
			}
			if d.ip == len(d.in) {
				return inputError(nil)
			}
		}
		n := copy(d.out[d.op:limit], d.in[d.ip:min(len(d.in), d.ip+d.stored)])
		d.op, d.ip, d.stored = d.op+n, d.ip+n, d.stored-n
	}
	if d.stored == 0 {
		d.kind = blockNone
	}
	return nil
}

var errCode error = fault("bits that are no code")

// masks are as many low bits as their index.
var masks = func() (m [32]uint64) {
	for i := range m {
		m[i] = 1<<i - 1
	}
	return m
}()

// fast decodes as long as there are eight bytes of input to load at once. It may
// go beyond limit by one match. Buffers are arrays here: what is compared with
// their lengths is a constant, and the registers are few.
func (d *decoder) fast(limit int) error {
	if len(d.in)-d.ip < 16 {
		if err := d.fill(); err != nil {
			return err
		}
	}
	in, out := (*[inputLen]byte)(d.in[:inputLen]), (*[outLen]byte)(d.out)
	last := len(d.in) - 8 // where the last eight bytes of the input begin
	ip, op := d.ip, d.op
	bits, nb := d.bits, d.nb
	first := max(0, int(-d.base)) // there is nothing before
	var err error
loop:
	for op < limit && uint(op) < history+chunk {
		if ip > last {
			d.ip, d.bits, d.nb = ip, bits, nb
			if err = d.fill(); err != nil {
				break
			}
			if last, ip = len(d.in)-8, d.ip; ip > last {
				break
			}
		}
		// Bits above nb are those of the bytes that are loaded again next time.
		bits |= binary.LittleEndian.Uint64(in[ip:ip+8:ip+8]) << (nb & 63)
		ip += int((63 - nb) >> 3)
		nb |= 56

		e := d.lit[bits&(1<<litBits-1)]
		if e&isLiteral != 0 {
			out[op] = byte(e >> 16)
			op++
			bits >>= e & 0x3f
			nb -= uint(e & 0xff)
			e = d.lit[bits&(1<<litBits-1)]
			if e&isLiteral != 0 {
				out[op] = byte(e >> 16)
				op++
				bits >>= e & 0x3f
				nb -= uint(e & 0xff)
				e = d.lit[bits&(1<<litBits-1)]
				if e&isLiteral != 0 {
					out[op] = byte(e >> 16)
					op++
					bits >>= e & 0x3f
					nb -= uint(e & 0xff)
					continue
				}
			}
		}
		if e&(isSub|isEnd) != 0 {
			if e&isSub != 0 {
				e = d.lit[(uint64(e>>16)+bits>>litBits&masks[e>>8&extraMask])&(litSize-1)]
			}
			if e&(isLiteral|isEnd) != 0 {
				bits >>= e & 0x3f
				nb -= uint(e & 0xff)
				if e&isEnd != 0 {
					d.kind = blockNone
					break
				}
				out[op] = byte(e >> 16)
				op++
				continue
			}
		}
		if e == 0 {
			err = errCode
			break
		}
		bits >>= e & 0x3f
		nb -= uint(e & 0xff)
		extra := e >> 8 & extraMask
		length := int(e>>16) + int(bits&masks[extra])
		bits >>= extra
		nb -= uint(extra)

		if nb < 28 {
			if ip > last {
				// Never near the input's end: two words were there.
				d.ip, d.bits, d.nb = ip, bits, nb
				d.op = op
				if err = d.match(length); err != nil {
					break loop
				}
				op, ip, bits, nb, last = d.op, d.ip, d.bits, d.nb, len(d.in)-8
				continue
			}
			bits |= binary.LittleEndian.Uint64(in[ip:ip+8:ip+8]) << (nb & 63)
			ip += int((63 - nb) >> 3)
			nb |= 56
		}
		e = d.dist[bits&(1<<distBits-1)]
		if e&isSub != 0 {
			e = d.dist[(uint64(e>>16)+bits>>distBits&masks[e>>8&extraMask])&(distSize-1)]
		}
		if e == 0 {
			err = errCode
			break
		}
		bits >>= e & 0x3f
		nb -= uint(e & 0xff)
		extra = e >> 8 & extraMask
		back := int(e>>16) + int(bits&masks[extra])
		bits >>= extra
		nb -= uint(extra)
		if back > op-first {
			err = errBack
			break
		}
		if back < 8 || length > 16 {
			op = copyMatch(d.out, op, back, length)
			continue
		}
		// Words overlap neither each other nor what is not written yet; the last may
		// write beyond the match, where slack is.
		src := op - back
		from, to := out[src:src+16:src+16], out[op:op+16:op+16]
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(from))
		binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(from[8:]))
		op += length
	}
	// Whole bytes that were loaded and not used go back.
	ip -= int(nb >> 3)
	nb &= 7
	bits &= 1<<nb - 1
	d.ip, d.op, d.bits, d.nb = ip, op, bits, nb
	return err
}

var errBack error = fault("a match before the beginning")

// copyMatch appends length bytes from back bytes before op.
func copyMatch(out []byte, op, back, length int) int {
	end := op + length
	src := op - back
	if back >= 8 && length <= 32 {
		// Words overlap neither each other nor what is not written yet; the last may
		// write beyond the match, where slack is.
		for op < end {
			binary.LittleEndian.PutUint64(out[op:], binary.LittleEndian.Uint64(out[src:]))
			op += 8
			src += 8
		}
		return end
	}
	if back >= length {
		copy(out[op:end], out[src:src+length])
		return end
	}
	if back == 1 {
		c := out[src]
		for p := out[op:end]; len(p) > 0; p = p[1:] {
			p[0] = c
		}
		return end
	}
	// The match repeats itself: what is copied doubles each time.
	for op < end {
		op += copy(out[op:end], out[src:op])
	}
	return end
}

// slow decodes one symbol after the other near the input's end.
func (d *decoder) slow(limit int) error {
	for d.op < limit {
		e, err := d.symbol(d.lit[:], litBits)
		switch {
		case err != nil:
			return err
		case e&isLiteral != 0:
			d.out[d.op] = byte(e >> 16)
			d.op++
			continue
		case e&isEnd != 0:
			d.kind = blockNone
			return nil
		}
		extra := uint(e >> 8 & extraMask)
		if err := d.need(extra); err != nil {
			return err
		}
		if err := d.match(int(e>>16) + int(d.take(extra))); err != nil {
			return err
		}
	}
	return nil
}

// match reads a distance and copies.
func (d *decoder) match(length int) error {
	e, err := d.symbol(d.dist[:], distBits)
	if err != nil {
		return err
	}
	extra := uint(e >> 8 & extraMask)
	if err := d.need(extra); err != nil {
		return err
	}
	back := int(e>>16) + int(d.take(extra))
	if back > d.op-max(0, int(-d.base)) {
		return errBack
	}
	d.op = copyMatch(d.out, d.op, back, length)
	return nil
}

// symbol decodes one symbol, of which there may be fewer bits than are looked up.
func (d *decoder) symbol(t table, root uint) (uint32, error) {
	for {
		d.bits &= 1<<(d.nb&63) - 1 // nothing above
		e := t[d.bits&(1<<root-1)]
		if e&isSub != 0 && e&isLiteral == 0 {
			e = t[uint64(e>>16)+d.bits>>root&(1<<(e>>8&extraMask)-1)]
		}
		if n := uint(e & 0xff); n != 0 && n <= d.nb {
			d.take(n)
			return e, nil
		}
		if d.nb >= 15 {
			return 0, errCode
		}
		if err := d.need(d.nb + 1); err != nil {
			return 0, err
		}
	}
}
