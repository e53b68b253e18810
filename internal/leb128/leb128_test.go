package leb128

import (
	"bytes"
	"math"
	"testing"
)

func TestUint(t *testing.T) {
	for _, tt := range []struct {
		in []byte
		v  uint64
		n  int
	}{
		{nil, 0, 0},
		{[]byte{0}, 0, 1},
		{[]byte{0x7f, 1}, 127, 1},
		{[]byte{0x80, 1}, 128, 2},
		{[]byte{0xe5, 0x8e, 0x26}, 624485, 3},
		{[]byte{0x81, 0x80, 0x00}, 1, 3},
		{[]byte{0x80}, 0, 0},
		{append(bytes.Repeat([]byte{0xff}, 9), 1), math.MaxUint64, 10},
		{append(bytes.Repeat([]byte{0xff}, 9), 2), 0, 0},
		{append(bytes.Repeat([]byte{0xff}, 9), 0x81, 0x80, 0), math.MaxUint64, 12},
		{append(bytes.Repeat([]byte{0xff}, 9), 0x81, 0x01), 0, 0},
	} {
		if v, n := Uint(tt.in); v != tt.v || n != tt.n {
			t.Errorf("Uint(%x) = %d, %d; want %d, %d", tt.in, v, n, tt.v, tt.n)
		}
	}
}

func TestInt(t *testing.T) {
	ff := bytes.Repeat([]byte{0xff}, 9)
	for _, tt := range []struct {
		in []byte
		v  int64
		n  int
	}{
		{nil, 0, 0},
		{[]byte{2}, 2, 1},
		{[]byte{0x7e}, -2, 1},
		{[]byte{0xff, 0x00}, 127, 2},
		{[]byte{0x81, 0x7f}, -127, 2},
		{[]byte{0x80, 0x7f}, -128, 2},
		{[]byte{0xc0, 0xbb, 0x78}, -123456, 3},
		{append(ff, 0x00), math.MaxInt64, 10},
		{append(ff, 0x7f), -1, 10},
		{append(bytes.Repeat([]byte{0x80}, 9), 0x7f), math.MinInt64, 10},
		{append(ff, 0x01), 0, 0},
		{append(ff, 0xff, 0x7f), -1, 11},
		{append(ff, 0xff, 0x00), 0, 0},
		{append(ff, 0x80, 0x00), math.MaxInt64, 11},
		{[]byte{0x80}, 0, 0},
	} {
		if v, n := Int(tt.in); v != tt.v || n != tt.n {
			t.Errorf("Int(%x) = %d, %d; want %d, %d", tt.in, v, n, tt.v, tt.n)
		}
	}
}

// Whatever is read takes as many bytes as Skip says, and both readers agree on small numbers.
func FuzzLEB128(f *testing.F) {
	f.Add([]byte{0xe5, 0x8e, 0x26})
	f.Add([]byte{0x80, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		skip := Skip(b)
		u, un := Uint(b)
		s, sn := Int(b)
		if un != 0 && un != skip || sn != 0 && sn != skip || skip > 0 && skip < 10 && (un == 0 || sn == 0) {
			t.Fatalf("%x: Uint takes %d, Int %d, Skip %d bytes", b, un, sn, skip)
		}
		if skip > 0 && skip < 10 {
			bits := 7 * skip
			if mask := uint64(1)<<bits - 1; uint64(s)&mask != u {
				t.Fatalf("%x: %d and %d", b, u, s)
			}
		}
	})
}
