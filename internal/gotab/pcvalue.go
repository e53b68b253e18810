package gotab

// maxPCValue is how many bytes of one pc-value table are read: two or three for
// each change of line of a function.
const maxPCValue = 1 << 20

// pcValue is what a pc-value table says for an instruction at a distance from
// its function's entry; -1 if nothing.
func (t *Table) pcValue(table uint32, distance uint64) (int32, error) {
	if table == 0 {
		return -1, nil
	}
	c := cursor{t: t, off: uint64(table)}
	value, pc := int32(-1), uint64(0)
	for first := true; ; first = false {
		change := c.varint()
		if change == 0 && !first || c.err != nil {
			return -1, c.err
		}
		if change&1 != 0 {
			change = ^(change >> 1)
		} else {
			change >>= 1
		}
		value += int32(change)
		pc += uint64(c.varint()) * t.quantum
		if c.err != nil {
			return -1, c.err
		}
		if distance < pc {
			return value, nil
		}
	}
}

// A cursor reads pc-value tables, a piece at a time.
type cursor struct {
	t    *Table
	off  uint64 // of what comes next
	b    []byte // what is there of it
	read uint64
	err  error
	room [512]byte
}

func (c *cursor) next() byte {
	if len(c.b) == 0 {
		if c.err != nil {
			return 0
		}
		in := c.t.pcs
		if c.off >= in.size || c.read > maxPCValue {
			c.err = damaged(in.addr+c.off, "a pc-value table without an end")
			return 0
		}
		c.b = c.room[:min(uint64(len(c.room)), in.size-c.off)]
		if c.err = c.t.mem.Read(c.b, in.addr+c.off); c.err != nil {
			c.b = nil
			return 0
		}
		c.off += uint64(len(c.b))
		c.read += uint64(len(c.b))
	}
	x := c.b[0]
	c.b = c.b[1:]
	return x
}

func (c *cursor) varint() uint32 {
	v := uint32(0)
	for shift := 0; shift < 35; shift += 7 {
		x := c.next()
		v |= uint32(x&0x7f) << shift
		if x&0x80 == 0 {
			return v
		}
	}
	if c.err == nil {
		c.err = damaged(c.t.pcs.addr+c.off, "a number of more than 32 bits")
	}
	return 0
}
