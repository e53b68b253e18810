package gotab

// record is a function's runtime._func, as far as it is of use.
type record struct {
	addr      uint64 // of the record
	entry     uint64 // as in the list; of 1.2 and 1.16 before relocation
	name      uint32
	pcfile    uint32
	pcln      uint32
	npcdata   uint32
	files     uint32 // cuOffset
	line      int32  // where the function begins; 0 if unknown
	flags     uint8
	nfuncdata uint8
}

// recordSize is how many bytes of a record come before pcdata.
func (t *Table) recordSize() uint64 {
	switch t.version {
	case Go12:
		return uint64(t.WordSize()) + 32
	case Go116:
		return uint64(t.WordSize()) + 36
	case Go118:
		return 40
	default:
		return 44
	}
}

// decodeRecord takes a record apart; b has recordSize bytes.
func (t *Table) decodeRecord(b []byte, addr uint64) record {
	r := record{addr: addr, entry: t.number(b)}
	b = b[t.width:]
	r.name, r.pcfile, r.pcln, r.npcdata = t.U32(b), t.U32(b[16:]), t.U32(b[20:]), t.U32(b[24:])
	if t.version == Go12 {
		return r
	}
	r.files = t.U32(b[28:])
	b = b[32:]
	if t.version == Go120 {
		r.line = max(0, int32(t.U32(b)))
		b = b[4:]
	}
	if t.version >= Go118 {
		r.flags = b[1]
	}
	r.nfuncdata = b[3]
	return r
}

// nameOf is the field of a record by which a function is found.
func (t *Table) nameOf(b []byte) uint32 { return t.U32(b[t.width:]) }

// place is one entry of the list of functions with its neighbours.
type place struct {
	i                 uint64
	prev, entry, next uint64 // of the first, prev is its own
	record            uint64 // distance; hole if there is none
}

const hole = ^uint64(0)

// readList reads the list of functions where its entries are pointers: whole,
// because relocations apply to it.
func (t *Table) readList() (*relocatedList, error) {
	room := t.mem.Room(t.list.addr)
	if t.list.size > room {
		return nil, damaged(t.list.addr, "%d bytes, of which there are %d", t.list.size, room)
	}
	l := &relocatedList{b: make([]byte, t.list.size), inPlace: true}
	if err := t.mem.Relocated(l.b, t.list.addr); err != nil {
		return nil, err
	}
	var b [8]byte
	raw := b[:t.width]
	if err := t.mem.Read(raw, t.list.addr); err != nil {
		return nil, err
	}
	l.inPlace = string(raw) == string(l.b[:t.width])
	return l, nil
}

// A reader reads the list of functions and their records, best in order. It is
// not safe for concurrent use.
type reader struct {
	t       *Table
	whole   *relocatedList // nil where entries are no pointers
	list    window
	records window
	last    place  // that was asked for
	code    area   // that is known to be executable
	size    uint64 // of a record
	none    uint64 // the distance that is a hole
}

// newReader is a reader for a walk over all functions, or for a few of them.
func (t *Table) newReader(walk bool) (*reader, error) {
	r := &reader{t: t, size: t.recordSize(), none: hole >> (64 - 8*t.width)}
	r.last.i = hole - 1 // none
	r.list = window{t: t, in: t.list, windowed: walk, base: t.list.addr}
	r.records = window{t: t, in: t.records, windowed: walk, base: t.list.addr + t.list.size}
	if !t.version.Absolute() {
		return r, nil
	}
	var err error
	r.whole, err = t.whole()
	return r, err
}

// numbers are some of the list's from number i on.
func (r *reader) numbers(i, n uint64) ([]byte, error) {
	w := r.t.width
	if r.whole != nil {
		return r.whole.b[i*w : (i+n)*w], nil
	}
	return r.list.at(r.t.list.addr+i*w, n*w)
}

// place is number i of the list; the reader's, until the next call.
func (r *reader) place(i uint64) (*place, error) {
	t, p := r.t, &r.last
	if i != p.i+1 { // not in order
		p.entry, p.next = 0, 0
		if i > 0 {
			b, err := r.numbers(2*(i-1), 1)
			if err != nil {
				return p, err
			}
			p.entry = t.number(b)
		}
		b, err := r.numbers(2*i, 1)
		if err != nil {
			return p, err
		}
		p.next = t.number(b)
		if i == 0 {
			p.entry = p.next
		}
	}
	b, err := r.numbers(2*i+1, 2)
	if err != nil {
		return p, err
	}
	p.i, p.prev, p.entry = i, p.entry, p.next
	p.record, p.next = t.number(b), t.number(b[t.width:])
	if p.record == r.none {
		p.record = hole
	}
	return p, nil
}

// number is one of the list's.
func (t *Table) number(b []byte) uint64 {
	if t.width == 8 {
		return t.U64(b)
	}
	return uint64(t.U32(b))
}

// record is a function's record, not yet taken apart, and its address.
func (r *reader) record(p *place) ([]byte, uint64, error) {
	addr, ok := r.t.records.within(p.record, r.size)
	if !ok {
		return nil, 0, damaged(r.t.placeAddr(p), "function %d has its record at 0x%x, of 0x%x bytes", p.i, p.record, r.t.records.size)
	}
	b, err := r.records.at(addr, r.size)
	return b, addr, err
}

// placeAddr is where in the list a place is.
func (t *Table) placeAddr(p *place) uint64 { return t.list.addr + 2*p.i*t.width }

// A window reads an area forwards in large pieces, and goes back or far ahead in
// small ones: a hostile table that jumps about costs no more than a read for
// each of its functions.
type window struct {
	t        *Table
	in       area
	windowed bool // else only small pieces
	base     uint64
	buf      []byte // what was read from base on
	room     []byte
	small    [128]byte
}

const windowSize = 256 << 10

// at is n bytes at an address, valid until the next call.
func (w *window) at(addr, n uint64) ([]byte, error) {
	if off := addr - w.base; off < uint64(len(w.buf)) && n <= uint64(len(w.buf))-off {
		return w.buf[off : off+n], nil
	}
	return w.read(addr, n)
}

func (w *window) read(addr, n uint64) ([]byte, error) {
	if _, ok := w.in.within(addr-w.in.addr, n); !ok || addr < w.in.addr {
		return nil, damaged(addr, "%d bytes wanted, the table ends at 0x%x", n, w.in.addr+w.in.size)
	}
	if !w.windowed || addr < w.base || addr-w.base > 2*windowSize {
		b := w.small[:n]
		return b, w.t.mem.Read(b, addr)
	}
	if w.room == nil {
		w.room = make([]byte, min(windowSize, w.in.addr+w.in.size-addr))
	}
	w.base, w.buf = addr, w.room[:min(uint64(len(w.room)), w.in.addr+w.in.size-addr)]
	err := w.t.mem.Read(w.buf, addr)
	if err != nil {
		w.buf = nil
		return nil, err
	}
	return w.buf[:n], nil
}
