package elfsym

import (
	"debug/elf"
	"fmt"

	"github.com/probels/probels/internal/gotab"
)

// goMemory is the file as package gotab reads it: by link-time address.
type goMemory struct {
	f     *File
	added *addends
}

var _ gotab.Memory = (*goMemory)(nil)

const goPart = "Go's function table"

// Room is how many bytes of the segment that an address is in the file has from
// there on.
func (m *goMemory) Room(addr uint64) uint64 {
	s := &m.f.segs
	i := s.search(Addr(addr))
	if i < 0 || s.ranges[i].seg == ambiguous {
		return 0
	}
	r := s.ranges[i]
	seg := &s.all[r.seg]
	if s.refuse(seg, Addr(addr)) != "" {
		return 0
	}
	end := min(seg.FileSize, s.size-uint64(seg.Offset), uint64(r.end-seg.Addr))
	return end - uint64(Addr(addr)-seg.Addr)
}

func (m *goMemory) place(addr, n uint64) (uint64, error) {
	off, err := m.f.segs.Offset(Addr(addr))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", goPart, err)
	}
	if n > m.Room(addr) {
		return 0, &FormatError{goPart, off, fmt.Sprintf("%d bytes wanted at address 0x%x, its segment has %d", n, addr, m.Room(addr)), ErrDamaged}
	}
	return uint64(off), nil
}

// Read fills p with what the file has at an address.
func (m *goMemory) Read(p []byte, addr uint64) error {
	off, err := m.place(addr, uint64(len(p)))
	if err != nil {
		return err
	}
	return m.f.readAt(p, off, goPart)
}

// Text is Read into a string.
func (m *goMemory) Text(addr, n uint64) (string, error) {
	off, err := m.place(addr, n)
	if err != nil {
		return "", err
	}
	return m.f.text(off, n, goPart)
}

// Relocated is Read of words as they are when the loader has relocated the file
// to its link-time addresses.
func (m *goMemory) Relocated(p []byte, addr uint64) error {
	if err := m.f.checkTable(0, uint64(len(p)), goPart); err != nil {
		return err
	}
	if err := m.Read(p, addr); err != nil {
		return err
	}
	return m.added.apply(p, Addr(addr))
}

// Code is how many bytes from an address on are in its executable segment; 0 if
// that is none.
func (m *goMemory) Code(addr uint64) uint64 {
	if !m.f.segs.IsCode(Addr(addr)) {
		return 0
	}
	return m.Room(addr)
}

// loads are the loadable segments with bytes in the file, those first that first
// is true for. Thousands of segments may mean the same bytes: together they have
// no more than twice what the file has.
func (f *File) loads(first func(Segment) bool) []Segment {
	var front, back []Segment
	for _, s := range f.segs.all {
		switch {
		case s.Type != elf.PT_LOAD || s.FileSize == 0 || uint64(s.Offset) >= f.size:
		case first(s):
			front = append(front, s)
		default:
			back = append(back, s)
		}
	}
	all := append(front, back...)
	left := 2 * f.size
	for i, s := range all {
		n := min(s.FileSize, f.size-uint64(s.Offset))
		if n > left {
			return all[:i]
		}
		left -= n
	}
	return all
}
