package cfi

// Pointer encodings (LSB Core, "DWARF Exception Header Encoding").
const (
	peFormat   = 0x0f // how wide
	peWidth    = 0x07 // how wide, without the sign: a length has none
	peApply    = 0x70 // relative to what
	peIndirect = 0x80 // the address of a word that has it
	peOmit     = 0xff

	peAbs      = 0x00
	peULEB     = 0x01
	peU2       = 0x02
	peU4       = 0x03
	peU8       = 0x04
	peSigned   = 0x08
	peSLEB     = 0x09
	peS2       = 0x0a
	peS4       = 0x0b
	peS8       = 0x0c
	pePCRel    = 0x10
	peTextRel  = 0x20
	peDataRel  = 0x30
	peFuncRel  = 0x40
	peAligned  = 0x50
	maxPointer = 8
)

// A cursor reads forward and keeps its first error.
type cursor struct {
	t    *Table
	b    []byte
	off  uint64 // of b[0] in the section
	addr uint64 // of the section
	err  error
}

func (t *Table) cursor(b []byte, off uint64) *cursor {
	return &cursor{t: t, b: b, off: off, addr: t.Frames.Addr}
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = damaged(c.off, "cut off within %s", what)
	}
	c.b = nil
}

func (c *cursor) skip(n uint64) {
	if n > uint64(len(c.b)) {
		c.fail("a field")
		return
	}
	c.b, c.off = c.b[n:], c.off+n
}

func (c *cursor) u8() uint8 {
	if len(c.b) < 1 {
		c.fail("a byte")
		return 0
	}
	v := c.b[0]
	c.skip(1)
	return v
}

func (c *cursor) fixed(n int) uint64 {
	if len(c.b) < n {
		c.fail("a number")
		return 0
	}
	var v uint64
	switch n {
	case 1:
		v = uint64(c.b[0])
	case 2:
		v = uint64(c.t.U16(c.b))
	case 4:
		v = uint64(c.t.U32(c.b))
	case 8:
		v = c.t.U64(c.b)
	}
	c.skip(uint64(n))
	return v
}

// uleb reads an unsigned LEB128 number; one beyond 64 bits is damaged.
func (c *cursor) uleb() uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		if len(c.b) == 0 {
			c.fail("a LEB128 number")
			return 0
		}
		b := c.u8()
		if shift > 63 && b&0x7f != 0 || shift > 1<<10 {
			c.fail("a LEB128 number")
			return 0
		}
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return v
		}
	}
}

// sleb reads a signed LEB128 number.
func (c *cursor) sleb() int64 {
	var v int64
	for shift := uint(0); ; {
		if len(c.b) == 0 || shift > 1<<10 {
			c.fail("a LEB128 number")
			return 0
		}
		b := c.u8()
		v |= int64(b&0x7f) << shift
		shift += 7
		if b&0x80 == 0 {
			if shift < 64 && b&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
	}
}

// block reads a length and that many bytes.
func (c *cursor) block() []byte {
	n := c.uleb()
	if n > uint64(len(c.b)) {
		c.fail("a block")
		return nil
	}
	b := c.b[:n:n]
	c.skip(n)
	return b
}

// raw reads a pointer's number, not yet made relative to anything.
func (c *cursor) raw(enc uint8, addrSize int) uint64 {
	switch enc & peFormat {
	case peAbs, peSigned:
		v := c.fixed(addrSize)
		if addrSize == 4 && enc&peFormat == peSigned {
			v = uint64(int32(v))
		}
		return v
	case peULEB:
		return c.uleb()
	case peU2:
		return c.fixed(2)
	case peU4:
		return c.fixed(4)
	case peU8, peS8:
		return c.fixed(8)
	case peSLEB:
		return uint64(c.sleb())
	case peS2:
		return uint64(int16(c.fixed(2)))
	case peS4:
		return uint64(int32(c.fixed(4)))
	}
	if c.err == nil {
		c.err = unsupported(c.off, "the pointer encoding 0x%x", enc)
	}
	return 0
}

// pointer reads an encoded address. fn is what DW_EH_PE_funcrel counts from.
func (c *cursor) pointer(enc uint8, addrSize int, t *Table, fn uint64) uint64 {
	if enc == peOmit {
		return 0
	}
	var base uint64
	switch enc & peApply {
	case 0:
	case pePCRel:
		base = c.addr + c.off
	case peTextRel:
		base = t.Text
	case peDataRel:
		base = t.Data
	case peFuncRel:
		base = fn
	case peAligned:
		c.skip(-(c.addr + c.off) & uint64(addrSize-1))
	default:
		if c.err == nil {
			c.err = unsupported(c.off, "the pointer encoding 0x%x", enc)
		}
		return 0
	}
	v := base + c.raw(enc, addrSize)
	if addrSize == 4 {
		v &= 0xffffffff
	}
	return v
}

// lsda reads the pointer to an FDE's LSDA: 0 means that there is none, whatever
// it would be relative to.
func (c *cursor) lsda(enc uint8, addrSize int, t *Table, fn uint64) uint64 {
	zero := *c
	if zero.raw(enc, addrSize) == 0 && enc&peApply != peAligned {
		return 0
	}
	return c.pointer(enc&^peIndirect, addrSize, t, fn)
}
