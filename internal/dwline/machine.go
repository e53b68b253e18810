package dwline

import (
	"github.com/probels/probels/internal/leb128"
)

// Standard and extended opcodes.
const (
	lnsCopy             = 1
	lnsAdvancePC        = 2
	lnsAdvanceLine      = 3
	lnsSetFile          = 4
	lnsSetColumn        = 5
	lnsNegateStmt       = 6
	lnsSetBasicBlock    = 7
	lnsConstAddPC       = 8
	lnsFixedAdvancePC   = 9
	lnsSetPrologueEnd   = 10
	lnsSetEpilogueBegin = 11
	lnsSetISA           = 12

	lneEndSequence      = 1
	lneSetAddress       = 2
	lneDefineFile       = 3
	lneSetDiscriminator = 4
)

// standardOperands is how many operands the standard opcodes have; fixed_advance_pc's one is no LEB128.
var standardOperands = [13]uint8{0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1}

// A machine runs a program, a row at a time.
type machine struct {
	t    *Table
	b    []byte // what is left of the program
	end  uint64 // in .debug_line, of b
	row  Row
	err  error
	dead bool // the sequence is of code that the linker dropped
	any  bool // the sequence has had a row

	reset bool // before the next opcode: the last one was end_sequence
	clear bool // before the next opcode: the last one made a row

	top uint64 // the highest address

	// What a special opcode does, by its number. Without VLIW, addresses advance by a constant each.
	advance [256]uint64
	lines   [256]uint32
}

func (m *machine) init(t *Table, off, end uint64) {
	m.t, m.b, m.end = t, t.s.bytes(off, end), end
	m.top = ^uint64(0) >> (64 - 8*t.AddrSize)
	if t.LineRange != 0 {
		adj, line := uint64(0), int32(t.LineBase)
		for op := int(t.OpcodeBase); op < 256; op++ {
			m.advance[op], m.lines[op] = adj*uint64(t.MinInst), uint32(line)
			if line++; line == int32(t.LineBase)+int32(t.LineRange) {
				line = int32(t.LineBase)
				adj++
			}
		}
	}
	m.restart()
}

// restart sets the registers as they are at the beginning of a sequence.
func (m *machine) restart() {
	m.row = Row{File: 1, Line: 1, IsStmt: m.t.DefaultIsStmt}
	m.dead, m.any, m.reset = !m.t.s.Zero, false, false
}

// off is where the next opcode is.
func (m *machine) off() uint64 { return m.end - uint64(len(m.b)) }

func (m *machine) fail(format string, args ...any) bool {
	if m.err == nil {
		m.err = damaged(m.off(), format, args...)
	}
	m.b = nil
	return false
}

// next runs to the next row of code that is alive. False: the program ends, or err is set.
func (m *machine) next() bool {
	t := m.t
	base, single := t.OpcodeBase, t.MaxOps == 1 && t.LineRange != 0
	for len(m.b) > 0 {
		if m.clear {
			m.row.Discriminator, m.row.BasicBlock, m.row.PrologueEnd, m.row.EpilogueBegin = 0, false, false, false
			m.clear = false
		}
		if m.reset {
			m.restart()
		}
		op := m.b[0]
		switch {
		case op >= base && single:
			m.row.Addr += m.advance[op]
			m.row.Line += m.lines[op]
			m.b = m.b[1:]
		case op >= base:
			if t.LineRange == 0 {
				return m.fail("a special opcode where the line range is 0")
			}
			m.step(uint64(op-base) / uint64(t.LineRange))
			m.row.Line += m.lines[op]
			m.b = m.b[1:]
		case op == 0:
			if !m.extended() {
				continue
			}
		default:
			if !m.standard(op) {
				continue
			}
		}
		m.clear, m.any = true, true
		if !m.dead {
			if m.row.Addr > m.top {
				m.row.Addr &= m.top
			}
			return true
		}
	}
	return false
}

// step advances the address by n operations.
func (m *machine) step(n uint64) {
	if m.t.MaxOps == 1 {
		m.row.Addr += n * uint64(m.t.MinInst)
		return
	}
	ops := uint64(m.row.OpIndex) + n
	m.row.Addr += ops / uint64(m.t.MaxOps) * uint64(m.t.MinInst)
	m.row.OpIndex = uint8(ops % uint64(m.t.MaxOps))
}

// standard runs an opcode below the base. True: it made a row.
func (m *machine) standard(op byte) bool {
	operands := m.t.lens[op-1]
	if op > lnsSetISA {
		m.b = m.b[1:]
		for range operands {
			n := leb128.Skip(m.b)
			if n == 0 {
				return m.fail("no room for the operands of opcode %d", op)
			}
			m.b = m.b[n:]
		}
		return false
	}
	if operands != standardOperands[op] {
		return m.fail("opcode %d with %d operands", op, operands)
	}
	var v uint64
	n := 1
	switch op {
	case lnsAdvancePC, lnsSetFile, lnsSetColumn, lnsSetISA:
		var size int
		if v, size = leb128.Uint(m.b[1:]); size == 0 {
			return m.fail("no room for the operand of opcode %d", op)
		}
		n += size
	case lnsAdvanceLine:
		d, size := leb128.Int(m.b[1:])
		if size == 0 {
			return m.fail("no room for the operand of opcode %d", op)
		}
		v = uint64(d)
		n += size
	case lnsFixedAdvancePC:
		if len(m.b) < 3 {
			return m.fail("no room for the operand of opcode %d", op)
		}
		v = uint64(m.t.s.layout(false).U16(m.b[1:]))
		n += 2
	case lnsConstAddPC:
		if m.t.LineRange == 0 {
			return m.fail("const_add_pc where the line range is 0")
		}
	}
	m.b = m.b[n:]
	switch op {
	case lnsCopy:
		return true
	case lnsAdvancePC:
		m.step(v)
	case lnsAdvanceLine:
		m.row.Line += uint32(v)
	case lnsSetFile:
		m.row.File = clamp(v)
	case lnsSetColumn:
		m.row.Column = clamp(v)
	case lnsNegateStmt:
		m.row.IsStmt = !m.row.IsStmt
	case lnsSetBasicBlock:
		m.row.BasicBlock = true
	case lnsConstAddPC:
		m.step(uint64(255-m.t.OpcodeBase) / uint64(m.t.LineRange))
	case lnsFixedAdvancePC:
		m.row.Addr += v
		m.row.OpIndex = 0
	case lnsSetPrologueEnd:
		m.row.PrologueEnd = true
	case lnsSetEpilogueBegin:
		m.row.EpilogueBegin = true
	case lnsSetISA:
		m.row.ISA = clamp(v)
	}
	return false
}

// clamp keeps a number that is too large from becoming a small one, which would name something.
func clamp(v uint64) uint32 { return uint32(min(v, 1<<32-1)) }

// extended runs an opcode behind a 0 and a length. True: it made a row.
func (m *machine) extended() bool {
	size, n := leb128.Uint(m.b[1:])
	if n == 0 || size == 0 || size > uint64(len(m.b)-1-n) {
		return m.fail("extended opcode of %d bytes", size)
	}
	ext := m.b[1+n:][:size]
	switch ext[0] {
	case lneEndSequence:
		m.row.EndSequence, m.reset = true, true
	case lneSetAddress:
		addr, ok := m.address(ext[1:])
		if !ok {
			return m.fail("address of %d bytes", size-1)
		}
		m.row.Addr, m.row.OpIndex = addr, 0
		if !m.any {
			m.dead = m.isDead(addr)
		}
	case lneSetDiscriminator:
		v, k := leb128.Uint(ext[1:])
		if k == 0 {
			return m.fail("no room for a discriminator")
		}
		m.row.Discriminator = clamp(v)
	}
	m.b = m.b[1+n+int(size):]
	return ext[0] == lneEndSequence
}

// address reads the operand of set_address, whose own length says how wide it is.
func (m *machine) address(b []byte) (uint64, bool) {
	switch len(b) {
	case 8:
		return m.t.s.layout(true).U64(b), true
	case 4:
		return uint64(m.t.s.layout(false).U32(b)), true
	case 2:
		return uint64(m.t.s.layout(false).U16(b)), true
	}
	return 0, false
}

// isDead tells whether a sequence that begins at addr is of code that was dropped.
func (m *machine) isDead(addr uint64) bool { return addr == 0 && !m.t.s.Zero || addr >= m.top }
