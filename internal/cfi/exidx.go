package cfi

import (
	"iter"

	"github.com/probels/probels/internal/wire"
)

// An Exidx is one entry of .ARM.exidx.
type Exidx struct {
	Start      uint64 // where its range begins, without Thumb's bit
	CantUnwind bool   // nothing can be unwound from there: the end of a stack, or padding
}

// ExidxEntries yields the entries of .ARM.exidx, in its order, which is that of
// their addresses: one that is not is an error, and is left out. The range of an
// entry ends where the next begins. EHABI32, 6.
func ExidxEntries(sec Section, l wire.Layout) iter.Seq2[Exidx, error] {
	return func(yield func(Exidx, error) bool) {
		const window = 8 << 10
		var last uint64
		buf := make([]byte, min(window, sec.Size&^7))
		for off := uint64(0); sec.Size-off >= 8; {
			b := buf[:min(uint64(len(buf)), (sec.Size-off)&^7)]
			if err := sec.Read(b, off); err != nil {
				yield(Exidx{}, err)
				return
			}
			for ; len(b) > 0; b, off = b[8:], off+8 {
				word, how := l.U32(b), l.U32(b[4:])
				e := Exidx{Start: prel31(word, sec.Addr+off) &^ 1, CantUnwind: how == 1}
				var err error
				switch {
				case word>>31 != 0:
					err = damaged(off, ".ARM.exidx: the word 0x%x for a function", word)
				case e.Start < last:
					err = damaged(off, ".ARM.exidx: 0x%x behind 0x%x", e.Start, last)
				}
				if err != nil {
					if !yield(Exidx{}, err) {
						return
					}
					continue
				}
				last = e.Start
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// prel31 is the address that a word at another one is relative to.
func prel31(word uint32, at uint64) uint64 {
	return (at + uint64(int32(word<<1)>>1)) & 0xffffffff
}
