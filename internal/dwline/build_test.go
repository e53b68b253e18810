package dwline

import (
	"encoding/binary"
	"slices"
)

// A builder writes a program byte by byte.
type builder struct {
	order   binary.AppendByteOrder
	is64    bool
	version int
	addr    int // size
	maxOps  uint8
	minInst uint8
	base    uint8  // opcode base; 13 if 0
	tables  []byte // directories and files
	code    []byte
}

func (b *builder) word(dst []byte, v uint64) []byte {
	if b.is64 {
		return b.order.AppendUint64(dst, v)
	}
	return b.order.AppendUint32(dst, uint32(v))
}

func (b *builder) address(a uint64) *builder {
	b.code = append(b.code, 0, byte(1+b.addr), lneSetAddress)
	if b.addr == 8 {
		b.code = b.order.AppendUint64(b.code, a)
	} else {
		b.code = b.order.AppendUint32(b.code, uint32(a))
	}
	return b
}

func (b *builder) op(ops ...byte) *builder { b.code = append(b.code, ops...); return b }

func (b *builder) end() *builder { return b.op(0, 1, lneEndSequence) }

// special is the opcode that advances so, with line_base -5 and line_range 14.
func (b *builder) special(ops, lines int) *builder {
	return b.op(byte(lines + 5 + 14*ops + int(b.opcodeBase())))
}

func (b *builder) opcodeBase() uint8 {
	if b.base == 0 {
		return 13
	}
	return b.base
}

func (b *builder) bytes() []byte {
	var head []byte
	head = append(head, max(1, b.minInst))
	if b.version >= 4 {
		head = append(head, max(1, b.maxOps))
	}
	head = append(head, 1, 0xfb, 14, b.opcodeBase())
	lens := []byte{0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 2, 0, 1}
	head = append(head, lens[:b.opcodeBase()-1]...)
	head = append(head, b.tables...)
	var unit []byte
	unit = b.order.AppendUint16(unit, uint16(b.version))
	if b.version >= 5 {
		unit = append(unit, byte(b.addr), 0)
	}
	unit = b.word(unit, uint64(len(head)))
	unit = slices.Concat(unit, head, b.code)
	if b.is64 {
		return append(b.word(b.order.AppendUint32(nil, 0xffffffff), uint64(len(unit))), unit...)
	}
	return append(b.word(nil, uint64(len(unit))), unit...)
}

// oldTables are the tables of versions 2 to 4: directories "inc" and "/abs", files in each and in none.
var oldTables = []byte("inc\x00/abs\x00\x00" + "main.c\x00\x00\x00\x00" + "a.h\x00\x01\x05\x81\x01" + "b.h\x00\x02\x00\x00" + "/x/y.h\x00\x01\x00\x00" + "\x00")
