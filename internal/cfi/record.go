package cfi

import "bytes"

// record is one entry's frame: where its content is.
type record struct {
	off        uint64 // of the length, in the section
	id         uint64 // where the CIE pointer is
	body       uint64 // behind the CIE pointer
	end        uint64
	is64       bool
	terminator bool
	isCIE      bool
	cie        uint64 // of an FDE: where its CIE is
}

// record reads the head of the record at pos of data, whose first byte is at
// base in the section.
func (t *Table) record(data []byte, pos, base uint64) (record, error) {
	r := record{off: base + pos}
	n := uint64(len(data))
	if pos > n || n-pos < 4 {
		return r, damaged(base+pos, "%d bytes, too few for a record", n-min(pos, n))
	}
	length := uint64(t.U32(data[pos:]))
	pos += 4
	switch {
	case length == 0:
		r.terminator, r.end = true, base+pos
		return r, nil
	case length == 0xffffffff:
		if n-pos < 8 {
			return r, damaged(r.off, "cut off within its length")
		}
		length, r.is64 = t.U64(data[pos:]), true
		pos += 8
	case length >= 0xfffffff0:
		return r, damaged(r.off, "a reserved length, 0x%x", length)
	}
	if length > n-pos {
		return r, damaged(r.off, "%d bytes, %d are there", length, n-pos)
	}
	r.id, r.end = base+pos, base+pos+length
	// LSB and the unwinders (libgcc, LLVM's) have 4 bytes here in .eh_frame even
	// with a 64-bit length; DWARF has 8 in .debug_frame.
	wide := r.is64 && t.Debug
	if width := pickWidth(wide); length < width {
		r.body = r.end
		return r, damaged(r.off, "%d bytes long", length)
	}
	if wide {
		v := t.U64(data[pos:])
		r.body, r.isCIE, r.cie = r.id+8, v == ^uint64(0), v
	} else {
		v := uint64(t.U32(data[pos:]))
		r.body = r.id + 4
		if t.Debug {
			r.isCIE, r.cie = v == 0xffffffff, v
		} else {
			r.isCIE, r.cie = v == 0, r.id-v
			if v > r.id {
				return r, damaged(r.off, "its CIE is before the section")
			}
		}
	}
	return r, nil
}

func pickWidth(wide bool) uint64 {
	if wide {
		return 8
	}
	return 4
}

// cie is what many FDEs share.
type cie struct {
	off       uint64
	encoding  uint8 // of addresses
	lsda      uint8 // of LSDA pointers
	augmented bool  // "z": FDEs have a length of augmentation data
	signal    bool
	addrSize  int
	segSize   int
	codeAlign uint64
	dataAlign int64
	returnReg uint64
	program   []byte
	progOff   uint64
	initial   CFA // after program
	err       error
}

// parseCIE reads the CIE whose content is b; off is where that is.
func (t *Table) parseCIE(r record, b []byte) (*cie, error) {
	c := &cie{off: r.off, addrSize: t.WordSize(), lsda: peOmit}
	p := t.cursor(b, r.body)
	version := p.u8()
	switch {
	case p.err != nil:
		return nil, p.err
	case version != 1 && version != 3 && version != 4:
		return nil, unsupported(r.off, "a CIE of version %d", version)
	}
	n := bytes.IndexByte(p.b, 0)
	if n < 0 {
		return nil, damaged(r.off, "an augmentation without an end")
	}
	aug := string(p.b[:n])
	p.skip(uint64(n + 1))
	if version == 4 {
		c.addrSize, c.segSize = int(p.u8()), int(p.u8())
		if c.addrSize != 2 && c.addrSize != 4 && c.addrSize != 8 || c.segSize > 8 {
			return nil, unsupported(r.off, "addresses of %d bytes, segments of %d", c.addrSize, c.segSize)
		}
	}
	if aug == "eh" { // of gcc 2: a pointer to an exception table
		p.skip(uint64(c.addrSize))
		aug = ""
	}
	c.codeAlign, c.dataAlign = p.uleb(), p.sleb()
	if version == 1 {
		c.returnReg = uint64(p.u8())
	} else {
		c.returnReg = p.uleb()
	}
	if err := t.augmentation(c, aug, p); err != nil {
		return nil, err
	}
	if p.err != nil {
		return nil, p.err
	}
	c.program, c.progOff = p.b, p.off
	c.initial, c.err = t.initialCFA(c)
	return c, nil
}

// augmentation reads what the augmentation string announces.
func (t *Table) augmentation(c *cie, aug string, p *cursor) error {
	if aug == "" {
		return nil
	}
	var rest cursor
	if aug[0] == 'z' {
		c.augmented = true
		n := p.uleb()
		if p.err == nil && n > uint64(len(p.b)) {
			return damaged(c.off, "augmentation data of %d bytes", n)
		}
		if p.err != nil {
			return p.err
		}
		rest = *p
		rest.b = rest.b[:n]
		p.skip(n)
	} else {
		rest = *p
	}
	for _, ch := range aug {
		switch ch {
		case 'z':
		case 'R':
			c.encoding = rest.u8()
		case 'L':
			c.lsda = rest.u8()
		case 'P':
			enc := rest.u8()
			rest.pointer(enc&^peIndirect, c.addrSize, t, 0)
		case 'S':
			c.signal = true
		case 'B', 'G': // AArch64: signed with key B; memory tagging
		default:
			if !c.augmented {
				return unsupported(c.off, "the augmentation %q", aug)
			}
			return rest.err // what it means is unknown, and how long it is, known
		}
	}
	if !c.augmented {
		*p = rest
	}
	return rest.err
}

// parseFDE reads an FDE's head. b is its content.
func (t *Table) parseFDE(r record, b []byte, c *cie) (FDE, error) {
	f := FDE{Off: r.off, cie: c, Signal: c.signal}
	p := t.cursor(b, r.body)
	p.skip(uint64(c.segSize))
	if c.encoding&peIndirect != 0 {
		return f, unsupported(r.off, "an address that is only known when the program is loaded")
	}
	f.Start = p.pointer(c.encoding, c.addrSize, t, 0)
	f.Size = p.pointer(c.encoding&peWidth, c.addrSize, t, 0)
	if c.augmented {
		n := p.uleb()
		if p.err == nil && n > uint64(len(p.b)) {
			return f, damaged(r.off, "augmentation data of %d bytes", n)
		}
		if p.err == nil {
			rest := *p
			rest.b = rest.b[:n]
			if c.lsda != peOmit && n > 0 {
				f.LSDA = rest.lsda(c.lsda, c.addrSize, t, f.Start)
			}
			p.skip(n)
		}
	}
	if p.err != nil {
		return f, p.err
	}
	if f.Start+f.Size < f.Start {
		return f, damaged(r.off, "0x%x bytes from 0x%x on", f.Size, f.Start)
	}
	f.programs, f.progOff = p.b, p.off
	return f, nil
}
