package gotab

import (
	"fmt"
	"math"

	"github.com/probels/probels/internal/wire"
)

// Version is a format of the table, named after the first Go that had it.
type Version uint8

// The formats.
const (
	Go12 Version = iota + 1
	Go116
	Go118
	Go120
)

func (v Version) String() string {
	return [...]string{"unknown", "1.2", "1.16", "1.18", "1.20"}[v]
}

// Absolute reports whether entries are addresses, not distances from
// runtime.text.
func (v Version) Absolute() bool { return v <= Go116 }

// fixedHeader is the part of the header that every version has, but for the
// number of functions.
const fixedHeader = 8

// MagicSize is how many bytes IsHeader looks at.
const MagicSize = fixedHeader

// IsHeader reports whether b begins with the first bytes of a table for a
// program of that byte order and word size, of a version that this package
// reads.
func IsHeader(l wire.Layout, b []byte) bool {
	return len(b) >= fixedHeader && version(l, b) != 0 && goodBytes(l, b)
}

// version is the version of the table that b begins; 0 if none is known.
func version(l wire.Layout, b []byte) Version {
	switch l.U32(b) {
	case 0xfffffffb:
		return Go12
	case 0xfffffffa:
		return Go116
	case 0xfffffff0:
		return Go118
	case 0xfffffff1:
		return Go120
	}
	return 0
}

// goodBytes reports whether the bytes behind the magic are as they must be.
func goodBytes(l wire.Layout, b []byte) bool {
	quantum := b[6]
	return b[4] == 0 && b[5] == 0 && (quantum == 1 || quantum == 2 || quantum == 4) && int(b[7]) == l.WordSize()
}

// Parse reads the header of the table at an address, which has no more than size
// bytes.
func Parse(mem Memory, l wire.Layout, addr, size uint64) (*Table, error) {
	t := &Table{mem: mem, Layout: l}
	t.header = area{addr, min(size, mem.Room(addr))}
	w := uint64(l.WordSize())
	var buf [fixedHeader + 8*8]byte
	b := buf[:min(uint64(len(buf)), t.header.size)]
	if err := mem.Read(b, addr); err != nil {
		return nil, err
	}
	if len(b) < fixedHeader {
		return nil, damaged(addr, "a header of %d bytes", len(b))
	}
	if t.version = version(l, b); t.version == 0 {
		return nil, &Error{addr, fmt.Sprintf("a table that begins with 0x%08x, which is none of Go 1.2 to 1.26", l.U32(b)), ErrUnsupported}
	}
	if !goodBytes(l, b) {
		return nil, damaged(addr, "its header has % x", b[4:fixedHeader])
	}
	var err error
	t.quantum = uint64(b[6])
	words := map[Version]uint64{Go12: 1, Go116: 7, Go118: 8, Go120: 8}[t.version]
	if uint64(len(b)) < fixedHeader+words*w {
		return nil, damaged(addr, "a header of %d bytes", len(b))
	}
	word := func(i uint64) uint64 { return l.Word(b[fixedHeader+i*w:]) }
	t.n = word(0)
	t.width = 4
	if t.version.Absolute() {
		t.width = w
	}
	if t.version == Go12 {
		t.names, t.pcs, t.records = t.header, t.header, t.header
		t.list.addr = addr + fixedHeader + w
		t.list.size = t.header.size - fixedHeader - w
	} else if err := t.parseParts(word, words); err != nil {
		return nil, err
	}
	if t.n == 0 || t.n > math.MaxInt32 || t.n > t.list.size/(2*t.width) || t.list.size < t.listSize() {
		return nil, damaged(addr, "%d functions in %d bytes", t.n, t.list.size)
	}
	t.list.size = t.listSize()
	if t.version == Go12 {
		if err := t.parseFiles12(); err != nil {
			return nil, err
		}
	}
	if t.version >= Go118 {
		if t.text118, err = t.pointer(addr + fixedHeader + 2*w); err != nil {
			return nil, err
		}
	}
	if t.first, err = t.entry(0); err != nil {
		return nil, err
	}
	if t.last, err = t.entry(t.n); err != nil {
		return nil, err
	}
	if t.first >= t.last {
		return nil, damaged(addr, "its functions reach from 0x%x to 0x%x", t.first, t.last)
	}
	t.lazily()
	return t, nil
}

// listSize is the size of the list of functions: a pair each, and the end.
func (t *Table) listSize() uint64 { return (2*t.n + 1) * t.width }

// parseParts takes the five distances, which are the last of the header's words.
// Each part ends where the next begins.
func (t *Table) parseParts(word func(uint64) uint64, words uint64) error {
	last := fixedHeader + words*uint64(t.WordSize())
	for i, part := range []*area{&t.names, &t.cus, &t.files, &t.pcs, &t.records} {
		off := word(words - 5 + uint64(i))
		if off < last || off > t.header.size {
			return damaged(t.header.addr, "its part %d is at 0x%x, of 0x%x bytes", i, off, t.header.size)
		}
		part.addr, part.size = t.header.addr+off, t.header.size-off
		last = off
	}
	t.names.size = t.cus.addr - t.names.addr
	t.cus.size = t.files.addr - t.cus.addr
	t.files.size = t.pcs.addr - t.files.addr
	t.pcs.size = t.records.addr - t.pcs.addr
	t.list = t.records
	return nil
}

// parseFiles12 finds the list of files of Go 1.2: its first number is how many
// there are, itself included.
func (t *Table) parseFiles12() error {
	var b [4]byte
	if err := t.mem.Read(b[:], t.list.addr+t.list.size); err != nil {
		return err
	}
	off := uint64(t.U32(b[:]))
	addr, ok := t.header.within(off, 4)
	if !ok {
		return damaged(t.list.addr+t.list.size, "its files are at 0x%x, of 0x%x bytes", off, t.header.size)
	}
	if err := t.mem.Read(b[:], addr); err != nil {
		return err
	}
	n := uint64(t.U32(b[:]))
	if _, ok := t.header.within(off, 4*n); !ok {
		return damaged(addr, "%d files", n)
	}
	t.files = area{addr, 4 * n}
	return nil
}

// pointer is the relocated word at an address.
func (t *Table) pointer(addr uint64) (uint64, error) {
	var b [8]byte
	p := b[:t.WordSize()]
	if err := t.mem.Relocated(p, addr); err != nil {
		return 0, err
	}
	return t.Word(p), nil
}

// entry is number i of the list's entries; that of index n is the end.
func (t *Table) entry(i uint64) (uint64, error) {
	addr := t.list.addr + 2*i*t.width
	if t.version.Absolute() {
		return t.pointer(addr)
	}
	var b [4]byte
	if err := t.mem.Read(b[:], addr); err != nil {
		return 0, err
	}
	return uint64(t.U32(b[:])), nil
}

// limit cuts the table's end to where moduledata says it is.
func (t *Table) limit(end uint64) {
	for _, a := range []*area{&t.header, &t.records} {
		if end >= a.addr && end-a.addr < a.size {
			a.size = end - a.addr
		}
	}
	if t.version == Go12 {
		t.names, t.pcs, t.records = t.header, t.header, t.header
	}
}
