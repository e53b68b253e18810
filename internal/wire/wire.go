// Package wire reads the fixed-width numbers of a file whose byte order and
// word size are known only once it has been opened.
//
// encoding/binary's ByteOrder is an interface, and a call through it cannot be
// inlined; a symbol table has six numbers a record and a quarter of a million
// records. A Layout is a value, its test is predicted, and its methods inline.
package wire

import "encoding/binary"

// A Layout is a byte order and a word size.
type Layout struct {
	Big  bool // most significant byte first
	Is64 bool // words (addresses, offsets, sizes) have 8 bytes, not 4
}

// U16 reads the first 2 bytes of b.
func (l Layout) U16(b []byte) uint16 {
	if l.Big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

// U32 reads the first 4 bytes of b.
func (l Layout) U32(b []byte) uint32 {
	if l.Big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// U64 reads the first 8 bytes of b.
func (l Layout) U64(b []byte) uint64 {
	if l.Big {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// Word reads the first 4 or 8 bytes of b.
func (l Layout) Word(b []byte) uint64 {
	if l.Is64 {
		return l.U64(b)
	}
	return uint64(l.U32(b))
}

// WordSize is 4 or 8.
func (l Layout) WordSize() int {
	if l.Is64 {
		return 8
	}
	return 4
}
