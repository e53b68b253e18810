package elfsym

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
)

// A Segment is one program header.
type Segment struct {
	Type     elf.ProgType
	Flags    elf.ProgFlag
	Offset   Offset // of its first byte
	Addr     Addr   // of its first byte
	FileSize uint64 // bytes in the file
	MemSize  uint64 // bytes in memory; those beyond FileSize are zero and in no file
	Align    uint64 // bytes
}

// Segments is a file's program header table: the one place where an address
// becomes a file offset. Use the table of the file that is executed: a separate
// debug file's says offset 0 or size 0 where the code would be.
//
// The rule is the kernel's loader's (fs/binfmt_elf.c): a PT_LOAD maps FileSize
// bytes from Offset to Addr. The file type plays no part in it, nor do section
// headers.
//
// A Segments is immutable, safe for concurrent use, and stays valid after Close. A
// look-up by address takes time logarithmic in the number of segments, one by
// offset linear. The zero value has no segment.
type Segments struct {
	all    []Segment
	ranges []addrRange // of PT_LOADs, sorted and disjoint
	size   uint64      // of the file
}

// addrRange is a run of addresses that one PT_LOAD answers for.
type addrRange struct {
	start, end Addr // end is exclusive
	seg        int  // in all, or ambiguous
}

const ambiguous = -1

// All are the program headers in file order. The slice is the caller's.
func (s *Segments) All() []Segment { return slices.Clone(s.all) }

// Offset is the place in the file of the byte at address a, in any loadable
// segment. The error is an *AddrError, and the offset then means nothing.
func (s *Segments) Offset(a Addr) (Offset, error) {
	_, off, err := s.find(a)
	return off, err
}

// Code is Offset for an address that must be in an executable segment.
func (s *Segments) Code(a Addr) (Offset, error) {
	seg, off, err := s.find(a)
	if err != nil {
		return 0, err
	}
	if seg.Flags&elf.PF_X == 0 {
		return 0, &AddrError{a, "not in an executable segment"}
	}
	return off, nil
}

// Data is Offset for an address that must be in a writable segment that is not
// executable, as the kernel demands of a USDT semaphore.
func (s *Segments) Data(a Addr) (Offset, error) {
	seg, off, err := s.find(a)
	switch {
	case err != nil:
		return 0, err
	case seg.Flags&elf.PF_X != 0:
		return 0, &AddrError{a, "in an executable segment, where data was expected"}
	case seg.Flags&elf.PF_W == 0:
		return 0, &AddrError{a, "in a read-only segment, where writable data was expected"}
	}
	return off, nil
}

// IsCode reports whether a is in an executable segment; it builds no error.
func (s *Segments) IsCode(a Addr) bool {
	i := s.search(a)
	if i < 0 || s.ranges[i].seg == ambiguous {
		return false
	}
	seg := &s.all[s.ranges[i].seg]
	return seg.Flags&elf.PF_X != 0 && s.refuse(seg, a) == ""
}

// CodeEnd is the address after the last byte of the executable segment that
// holds a, or false.
func (s *Segments) CodeEnd(a Addr) (Addr, bool) {
	if !s.IsCode(a) {
		return 0, false
	}
	seg := &s.all[s.ranges[s.search(a)].seg]
	return seg.Addr + min(Addr(seg.FileSize), -seg.Addr-1), true // near 2^64 the last address is given up
}

// Addr is the address at which the byte at file offset o is loaded, from an
// executable segment if one has it. Where none does that is an error that wraps
// ErrNoOffset; where several segments load it to different addresses, one that
// wraps ErrDamaged.
func (s *Segments) Addr(o Offset) (Addr, error) {
	for _, flag := range []elf.ProgFlag{elf.PF_X, 0} {
		var found Addr
		var any bool
		for i := range s.all {
			seg := &s.all[i]
			if seg.Type != elf.PT_LOAD || seg.Flags&flag != flag || o < seg.Offset || uint64(o-seg.Offset) >= seg.FileSize {
				continue
			}
			a := seg.Addr + Addr(o-seg.Offset)
			if back, err := s.Offset(a); err != nil || back != o {
				continue
			}
			if any && a != found {
				return 0, fmt.Errorf("offset 0x%x is loaded at several addresses, 0x%x and 0x%x among them: %w",
					uint64(o), uint64(found), uint64(a), ErrDamaged)
			}
			found, any = a, true
		}
		if any {
			return found, nil
		}
	}
	return 0, fmt.Errorf("offset 0x%x is in no loadable segment: %w", uint64(o), ErrNoOffset)
}

// search is the index of the range that holds a, or -1.
func (s *Segments) search(a Addr) int {
	lo, hi := 0, len(s.ranges)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.ranges[mid].end <= a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(s.ranges) && s.ranges[lo].start <= a {
		return lo
	}
	return -1
}

func (s *Segments) find(a Addr) (*Segment, Offset, error) {
	i := s.search(a)
	if i < 0 {
		return nil, 0, &AddrError{a, "in no loadable segment"}
	}
	if s.ranges[i].seg == ambiguous {
		return nil, 0, &AddrError{a, "in several loadable segments at once"}
	}
	seg := &s.all[s.ranges[i].seg]
	if why := s.refuse(seg, a); why != "" {
		return nil, 0, &AddrError{a, why}
	}
	return seg, seg.Offset + Offset(a-seg.Addr), nil
}

// pageSize is the smallest that Linux has anywhere. mmap wants a file offset
// that is a multiple of it, so the loader refuses a segment whose address and
// offset differ below it.
const pageSize = 4096

// refuse says why a, which is within seg, has no place in the file; "" if it
// has.
func (s *Segments) refuse(seg *Segment, a Addr) string {
	switch {
	case seg.FileSize > seg.MemSize:
		return "in a segment with more bytes in the file than in memory, which the kernel does not load"
	case uint64(seg.Offset)%pageSize != uint64(seg.Addr)%pageSize:
		return "in a segment whose address and offset differ within a page, which the kernel does not load"
	case uint64(a-seg.Addr) >= seg.FileSize:
		return "in the part of a segment that is zeroed memory (.bss)"
	case uint64(seg.Offset) >= s.size || uint64(a-seg.Addr) >= s.size-uint64(seg.Offset):
		return "in a segment that goes on beyond the file's end"
	}
	return ""
}

func (f *File) readSegments() error {
	h := &f.hdr
	if h.phoff == 0 || h.phnum == 0 {
		return nil
	}
	n := h.phnum
	const pnXNUM = 0xffff
	if n == pnXNUM {
		_, _, info, err := f.section0()
		if err != nil {
			return err
		}
		n = uint64(info)
	}
	if h.phentsize < f.phdrSize() {
		return damaged("program headers", h.phoff, "entries of %d bytes", h.phentsize)
	}
	// n is below 2^32 and an entry below 2^16 bytes: no overflow.
	b, err := f.table(h.phoff, n*h.phentsize, "program headers")
	if err != nil {
		return err
	}
	f.segs.size = f.size
	f.segs.all = make([]Segment, n)
	for i := range f.segs.all {
		f.segs.all[i] = f.decodeSegment(b[uint64(i)*h.phentsize:])
	}
	f.segs.ranges = loadRanges(f.segs.all)
	return nil
}

// table is bytes, but shares the head of the file where that holds it.
func (f *File) table(off, n uint64, part string) ([]byte, error) {
	if head, ok := f.inHead(off, n); ok {
		return head, nil
	}
	return f.bytes(off, n, part)
}

func (f *File) decodeSegment(b []byte) Segment {
	if f.Is64 {
		return Segment{
			Type: elf.ProgType(f.U32(b)), Flags: elf.ProgFlag(f.U32(b[4:])),
			Offset: Offset(f.behind(f.U64(b[8:]))), Addr: Addr(f.U64(b[16:])),
			FileSize: f.U64(b[32:]), MemSize: f.U64(b[40:]), Align: f.U64(b[48:]),
		}
	}
	return Segment{
		Type: elf.ProgType(f.U32(b)), Flags: elf.ProgFlag(f.U32(b[24:])),
		Offset: Offset(f.behind(uint64(f.U32(b[4:])))), Addr: Addr(f.U32(b[8:])),
		FileSize: uint64(f.U32(b[16:])), MemSize: uint64(f.U32(b[20:])), Align: uint64(f.U32(b[28:])),
	}
}

// loadRanges sorts the PT_LOADs and makes them disjoint. The gABI forbids
// overlaps, but a hostile file may have 65,535 of them, and 10^6 symbols to
// look up: so the sweep is by sorted boundaries, and a stretch that several
// segments claim belongs to none.
func loadRanges(all []Segment) []addrRange {
	type edge struct {
		at    Addr
		seg   int
		delta int
	}
	var edges []edge
	for i, s := range all {
		if s.Type != elf.PT_LOAD {
			continue
		}
		// FileSize counts too: a segment with more in the file than in memory is
		// refused with its own reason.
		size := max(s.MemSize, s.FileSize)
		if size == 0 {
			continue
		}
		end := s.Addr + Addr(size)
		if end < s.Addr {
			end = ^Addr(0) // wraps: the last address is given up
		}
		edges = append(edges, edge{s.Addr, i, +1}, edge{end, i, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var out []addrRange
	active, sum := 0, 0 // with one active segment, sum is its index
	for i, e := range edges {
		if i > 0 && active > 0 && e.at > edges[i-1].at {
			seg := sum
			if active > 1 {
				seg = ambiguous
			}
			out = append(out, addrRange{edges[i-1].at, e.at, seg})
		}
		active += e.delta
		sum += e.delta * e.seg
	}
	return out
}
