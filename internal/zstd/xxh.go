package zstd

import (
	"encoding/binary"
	"math/bits"
)

// xxh64 is the 64-bit checksum xxHash with seed 0 (xxhash.com, "xxHash fast digest algorithm").
type xxh64 struct {
	v     [4]uint64
	total uint64
	buf   [32]byte // the last total%32 bytes
}

const (
	prime1 uint64 = 11400714785074694791
	prime2 uint64 = 14029467366897019727
	prime3 uint64 = 1609587929392839161
	prime4 uint64 = 9650029242287828579
	prime5 uint64 = 2870177450012600261
)

func (x *xxh64) reset() {
	p1, p2 := prime1, prime2
	x.v = [4]uint64{p1 + p2, p2, 0, -p1}
	x.total = 0
}

func xxhRound(acc, in uint64) uint64 { return bits.RotateLeft64(acc+in*prime2, 31) * prime1 }

func (x *xxh64) write(b []byte) {
	have := int(x.total % 32)
	x.total += uint64(len(b))
	if have > 0 {
		n := copy(x.buf[have:], b)
		if b = b[n:]; have+n < 32 {
			return
		}
		x.stripes(x.buf[:])
	}
	n := len(b) &^ 31
	x.stripes(b[:n])
	copy(x.buf[:], b[n:])
}

func (x *xxh64) stripes(b []byte) {
	v0, v1, v2, v3 := x.v[0], x.v[1], x.v[2], x.v[3]
	for ; len(b) >= 32; b = b[32:] {
		v0 = xxhRound(v0, binary.LittleEndian.Uint64(b))
		v1 = xxhRound(v1, binary.LittleEndian.Uint64(b[8:]))
		v2 = xxhRound(v2, binary.LittleEndian.Uint64(b[16:]))
		v3 = xxhRound(v3, binary.LittleEndian.Uint64(b[24:]))
	}
	x.v = [4]uint64{v0, v1, v2, v3}
}

func (x *xxh64) sum() uint64 {
	h := prime5
	if x.total >= 32 {
		h = bits.RotateLeft64(x.v[0], 1) + bits.RotateLeft64(x.v[1], 7) + bits.RotateLeft64(x.v[2], 12) + bits.RotateLeft64(x.v[3], 18)
		for _, v := range x.v {
			h = (h^xxhRound(0, v))*prime1 + prime4
		}
	}
	h += x.total
	b := x.buf[:x.total%32]
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^xxhRound(0, binary.LittleEndian.Uint64(b)), 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*prime5, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}
