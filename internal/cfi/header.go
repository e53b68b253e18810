package cfi

import (
	"errors"
	"sync"

	"github.com/probels/probels/internal/wire"
)

// A Header is .eh_frame_hdr.
type Header struct {
	// Frames is the address of .eh_frame.
	Frames uint64

	// Count is the number of entries in the table that is to be searched; 0 if
	// there is none.
	Count uint64

	sec      Section
	layout   wire.Layout
	encoding uint8
	table    uint64 // offset of the table
	width    uint64 // of one of the two numbers
	last     func() (uint64, error)
}

var errNoTable = errors.New("no table to search")

// ReadHeader reads the head of .eh_frame_hdr. data is what DW_EH_PE_datarel
// counts from for the pointer to .eh_frame if that is not the header itself, as
// it is nowhere; entries count from the header.
func ReadHeader(sec Section, l wire.Layout) (*Header, error) {
	b := make([]byte, min(sec.Size, 4+2*maxPointer+8))
	if err := sec.Read(b, 0); err != nil {
		return nil, err
	}
	if len(b) < 4 {
		return nil, damaged(0, ".eh_frame_hdr of %d bytes", len(b))
	}
	if b[0] != 1 {
		return nil, unsupported(0, ".eh_frame_hdr of version %d", b[0])
	}
	h := &Header{sec: sec, layout: l, encoding: b[3]}
	t := &Table{Config: Config{Layout: l, Frames: sec, Data: sec.Addr}}
	p := t.cursor(b[4:], 4)
	if b[1] == peOmit || b[1]&peIndirect != 0 {
		return nil, unsupported(1, "no address of .eh_frame, or the pointer encoding 0x%x", b[1])
	}
	h.Frames = p.pointer(b[1], l.WordSize(), t, 0)
	if p.err != nil {
		return nil, p.err
	}
	if b[2] == peOmit || b[3] == peOmit {
		return h, nil
	}
	count := p.pointer(b[2], l.WordSize(), t, 0)
	if p.err != nil {
		return nil, p.err
	}
	switch b[3] & peFormat {
	case peU2, peS2:
		h.width = 2
	case peU4, peS4:
		h.width = 4
	case peU8, peS8:
		h.width = 8
	case peAbs, peSigned:
		h.width = uint64(l.WordSize())
	default:
		return h, nil // numbers of no fixed width cannot be searched
	}
	if a := b[3] & peApply; a != 0 && a != peDataRel && a != pePCRel || b[3]&peIndirect != 0 {
		return h, nil
	}
	h.table = p.off
	if room := (sec.Size - min(p.off, sec.Size)) / (2 * h.width); count > room {
		return h, damaged(4, ".eh_frame_hdr: %d entries, room for %d", count, room)
	}
	h.Count = count
	h.last = sync.OnceValues(h.lastFDE)
	return h, nil
}

// pair decodes entry i, whose bytes are b: a range's start and its FDE's address.
func (h *Header) pair(b []byte, i uint64) (start, fde uint64) {
	t := &Table{Config: Config{Layout: h.layout, Frames: h.sec, Data: h.sec.Addr}}
	p := cursor{t: t, b: b, off: h.table + i*2*h.width, addr: h.sec.Addr}
	start = p.pointer(h.encoding, h.layout.WordSize(), t, 0)
	fde = p.pointer(h.encoding, h.layout.WordSize(), t, 0)
	return start, fde
}

// entries reads n entries from the i-th on.
func (h *Header) entries(i, n uint64) ([]byte, error) {
	b := make([]byte, n*2*h.width)
	return b, h.sec.Read(b, h.table+i*2*h.width)
}

// blockEntries is how many entries are read at once when few are left to search.
const blockEntries = 64

// search finds a range by the header's table.
func (t *Table) search(pc uint64) (FDE, bool, error) {
	h := t.Header
	if h.Count == 0 || h.Frames != t.Frames.Addr {
		return FDE{}, false, errNoTable
	}
	// Invariant: entries before lo start at or below pc, those from hi on above.
	lo, hi := uint64(0), h.Count
	for hi-lo > blockEntries {
		mid := lo + (hi-lo)/2
		b, err := h.entries(mid, 1)
		if err != nil {
			return FDE{}, false, err
		}
		if start, _ := h.pair(b, mid); start <= pc {
			lo = mid
		} else {
			hi = mid
		}
	}
	b, err := h.entries(lo, hi-lo)
	if err != nil {
		return FDE{}, false, err
	}
	var start, at uint64
	found := false
	for i := uint64(0); i < hi-lo; i++ {
		s, f := h.pair(b[i*2*h.width:], lo+i)
		if s > pc {
			break
		}
		start, at, found = s, f, true
	}
	if !found {
		return FDE{}, false, nil
	}
	f, err := t.readFDE(at - t.Frames.Addr)
	if err != nil {
		return FDE{}, false, err
	}
	if f.Start != start {
		return FDE{}, false, damaged(f.Off, ".eh_frame_hdr says 0x%x, the FDE that it leads to begins at 0x%x", start, f.Start)
	}
	return f, f.Contains(pc), nil
}

// lastFDE is the highest address of an FDE in the table.
func (h *Header) lastFDE() (uint64, error) {
	var last uint64
	const block = 4096
	for i := uint64(0); i < h.Count; i += block {
		n := min(block, h.Count-i)
		b, err := h.entries(i, n)
		if err != nil {
			return 0, err
		}
		for k := range n {
			_, fde := h.pair(b[k*2*h.width:], i+k)
			last = max(last, fde)
		}
	}
	return last, nil
}

// lastEnd is where the last record that the header knows ends, as an offset in
// the section.
func (t *Table) lastEnd() (uint64, bool) {
	if t.Header.Count == 0 {
		return 0, false
	}
	last, err := t.Header.last()
	if err != nil || last < t.Frames.Addr {
		return 0, false
	}
	r, _, err := t.readRecord(last - t.Frames.Addr)
	return r.end, err == nil
}
