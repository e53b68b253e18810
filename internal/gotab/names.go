package gotab

import "strings"

// A nameReader reads the names of a walk. They lie in the order of their functions, as
// the linker leaves them, but for those that others needed before; so some hundreds are
// read at a time, which a collector can have back, and not all: a page of new memory
// costs as much as forty names.
type nameReader struct {
	t     *Table
	start uint64 // of text
	text  string
	buf   []byte
	jumps int
	all   bool // text is all names
}

const (
	nameWindow = 16 << 10
	nearNames  = 4 * nameWindow // how far ahead names are read on; one farther off alone
	manyJumps  = 1 << 12        // to names that were read alone: then all are read, once
)

// at is the name at an offset.
func (r *nameReader) at(off uint32) (string, error) {
	t := r.t
	for {
		at := uint64(off) - r.start
		if at < uint64(len(r.text)) {
			s := r.text[at:min(uint64(len(r.text)), at+maxString+1)]
			switch n := strings.IndexByte(s, 0); {
			case n > 0:
				return s[:n], nil
			case n == 0 || r.all:
				return "", t.noName(off)
			}
		}
		switch {
		case r.all || uint64(off) >= t.names.size:
			return "", t.noName(off)
		case at == 0 && r.text != "" || r.jumps == manyJumps: // longer than a window, or no order
			text, err := t.nameText()
			if err != nil {
				return "", err
			}
			r.start, r.text, r.all = 0, text, true
		case r.text != "" && at > nearNames: // before it too, as a number without a sign
			r.jumps++
			return t.name(off)
		default:
			if r.buf == nil {
				r.buf = make([]byte, nameWindow)
			}
			b := r.buf[:min(nameWindow, t.names.size-uint64(off))]
			if err := t.mem.Read(b, t.names.addr+uint64(off)); err != nil {
				return "", err
			}
			r.start, r.text = uint64(off), string(b)
		}
	}
}

func (t *Table) noName(off uint32) error {
	return damaged(t.names.addr, "no name at 0x%x, of 0x%x bytes", off, t.names.size)
}
