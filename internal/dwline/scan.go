package dwline

import (
	"bytes"
	"cmp"
	"slices"
)

// Sequences runs the program for its addresses alone, which takes about a nanosecond a byte, and
// returns the sequences of living code, sorted by Low. Together with an error come those before the
// damage.
func (t *Table) Sequences() ([]Sequence, error) { return t.appendSequences(nil) }

func (t *Table) appendSequences(dst []Sequence) ([]Sequence, error) {
	from := len(dst)
	var m machine
	m.init(t, t.program, t.End)
	base, single := t.OpcodeBase, t.MaxOps == 1 && t.LineRange != 0
	begin, low := t.program, uint64(0)
	// moved: the next row may be lower than low, because it is the first or an opcode set the address.
	moved := true
	usual := m.usual()
	for len(m.b) > 0 {
		op := m.b[0]
		if usual && op < base && len(m.b) >= 4 {
			// Most opcodes have nothing to do with addresses.
			n := 0
			switch op {
			case lnsSetFile, lnsSetColumn, lnsAdvanceLine, lnsSetISA:
				if m.b[1] < 0x80 {
					n = 2
				}
			case lnsNegateStmt, lnsSetBasicBlock, lnsSetPrologueEnd, lnsSetEpilogueBegin:
				n = 1
			case 0:
				if m.b[1] == 2 && m.b[2] == lneSetDiscriminator && m.b[3] < 0x80 {
					n = 4
				}
			}
			if n > 0 {
				m.b = m.b[n:]
				continue
			}
		}
		switch {
		case op >= base && single:
			m.row.Addr += m.advance[op]
			m.b = m.b[1:]
		case op >= base:
			if t.LineRange == 0 {
				m.fail("a special opcode where the line range is 0")
				continue
			}
			m.step(uint64(op-base) / uint64(t.LineRange))
			m.b = m.b[1:]
		case op == 0:
			before := m.row.Addr
			row := m.extended()
			moved = moved || m.row.Addr < before
			if !row {
				continue
			}
		default:
			before := m.row.Addr
			row := m.standard(op)
			moved = moved || m.row.Addr < before
			if !row {
				continue
			}
		}
		if moved {
			if a := m.row.Addr & m.top; !m.any || a < low {
				low = a
			}
			moved, m.any = false, true
		}
		if m.reset {
			if high := m.row.Addr & m.top; !m.dead && low < high {
				dst = append(dst, Sequence{low, high, begin, m.off()})
			}
			begin, moved = m.off(), true
			m.restart()
		}
	}
	slices.SortStableFunc(dst[from:], func(a, b Sequence) int { return cmp.Compare(a.Low, b.Low) })
	if m.err != nil {
		return dst, m.err
	}
	return dst, nil
}

// usual reports whether the standard opcodes have the operands that they are
// known to have.
func (m *machine) usual() bool {
	n := min(len(m.t.lens), len(standardOperands)-1)
	return bytes.Equal(m.t.lens[:n], standardOperands[1:n+1])
}
