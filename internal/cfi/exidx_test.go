package cfi_test

import (
	"encoding/binary"
	"testing"

	"github.com/probels/probels/internal/cfi"
	"github.com/probels/probels/internal/wire"
)

// FuzzExidx: entries ascend, there is one result for eight bytes at most, and a range that was written is read.
func FuzzExidx(f *testing.F) {
	// Two functions, one that cannot be unwound, one out of order, a word that is no offset, a half entry.
	var b []byte
	for i, at := range []uint32{0x1000, 0x1040, 0x1020, 0x2000} {
		b = binary.LittleEndian.AppendUint32(b, (at-0x8000-uint32(8*i))&0x7fffffff)
		b = binary.LittleEndian.AppendUint32(b, []uint32{0x80b0b0b0, 1, 1, 0x7ffffff0}[i])
	}
	f.Add(b, uint32(0x8000), false)
	f.Add(append(b, "\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00"...), uint32(0x8000), false)
	f.Add(b, uint32(0xfffffffc), true)
	f.Fuzz(func(t *testing.T, b []byte, addr uint32, big bool) {
		sec := memory(uint64(addr), b)
		n, last := 0, uint64(0)
		for e, err := range cfi.ExidxEntries(sec, wire.Layout{Big: big}) {
			if n++; n > len(b)/8 {
				t.Fatalf("%d results of %d bytes", n, len(b))
			}
			if err != nil {
				if e != (cfi.Exidx{}) {
					t.Fatalf("%+v and %v", e, err)
				}
				continue
			}
			if e.Start < last || e.Start > 0xffffffff || e.Start&1 != 0 {
				t.Fatalf("%#x behind %#x", e.Start, last)
			}
			last = e.Start
		}
		if len(b) >= 8 && n == 0 {
			t.Fatalf("nothing of %d bytes", len(b))
		}
	})
}
