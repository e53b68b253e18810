package twin

import (
	"debug/elf"
	"slices"

	"github.com/probels/probels/elfsym"
)

// memory reads a file by address, a page at a time. Pages that were read are kept,
// up to a number.
type memory struct {
	f     *elfsym.File
	areas []area // by address, without overlaps
	pages map[uint64][]byte
	order []uint64 // of pages, the oldest first
}

// area is a segment with bytes in the file.
type area struct {
	start, end uint64
	off        elfsym.Offset
	code, data bool // executable, writable
}

const (
	pageSize = 64 << 10
	maxPages = 512 // 32 MiB
)

func newMemory(f *elfsym.File) *memory {
	m := &memory{f: f, pages: map[uint64][]byte{}}
	for _, s := range f.Segments().All() {
		if s.Type != elf.PT_LOAD || s.MemSize == 0 {
			continue
		}
		m.areas = append(m.areas, area{uint64(s.Addr), uint64(s.Addr) + s.MemSize, s.Offset, s.Flags&elf.PF_X != 0, s.Flags&elf.PF_W != 0})
	}
	slices.SortFunc(m.areas, func(a, b area) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		}
		return 0
	})
	return m
}

// at is the segment that an address is in; nil if none is.
func (m *memory) at(addr uint64) *area {
	i, ok := slices.BinarySearchFunc(m.areas, addr, func(a area, addr uint64) int {
		switch {
		case a.start > addr:
			return 1
		case a.end <= addr:
			return -1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &m.areas[i]
}

// read returns the bytes at an address, up to n: fewer at the end of a page, of a
// segment or of the file. The slice is the memory's: it is not to be changed.
func (m *memory) read(addr uint64, n int) []byte {
	off, err := m.f.Segments().Offset(elfsym.Addr(addr))
	if err != nil {
		return nil
	}
	a := m.at(addr)
	if a == nil {
		return nil
	}
	n = int(min(uint64(n), a.end-addr))
	no := uint64(off) / pageSize
	p, ok := m.pages[no]
	if !ok {
		p, err = m.f.Code(elfsym.Offset(no*pageSize), pageSize)
		if err != nil {
			p = nil
		}
		if len(m.order) >= maxPages {
			delete(m.pages, m.order[0])
			m.order = m.order[1:]
		}
		m.pages[no] = p
		m.order = append(m.order, no)
	}
	in := int(uint64(off) % pageSize)
	if in >= len(p) {
		return nil
	}
	p = p[in:min(len(p), in+n)]
	return p
}

// readAll fills b with the bytes at an address; false if there are not so many.
func (m *memory) readAll(b []byte, addr uint64) bool {
	for len(b) > 0 {
		p := m.read(addr, len(b))
		if len(p) == 0 {
			return false
		}
		n := copy(b, p)
		b, addr = b[n:], addr+uint64(n)
	}
	return true
}

// word is the little-endian word at an address: both machines' data is.
func (m *memory) word(addr uint64) (uint64, bool) {
	var b [8]byte
	if !m.readAll(b[:], addr) {
		return 0, false
	}
	var v uint64
	for i, c := range b {
		v |= uint64(c) << (8 * i)
	}
	return v, true
}
