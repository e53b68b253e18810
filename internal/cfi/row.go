package cfi

import "iter"

// A CFA is how the canonical frame address is computed: the value of register
// Reg, a number of DWARF, plus Offset; or by the DWARF expression Expr, if that
// is not nil. Known is false where nothing tells.
type CFA struct {
	Known  bool
	Reg    uint64
	Offset int64
	Expr   []byte
}

// A Row is a stretch of code, [Start, End), in which the CFA is computed in one
// way.
type Row struct {
	Start, End uint64
	CFA        CFA
}

// Call frame instructions (DWARF 5, 7.24; LSB Core; AADWARF64).
const (
	opAdvance           = 0x40 // high two bits
	opOffset            = 0x80
	opRestore           = 0xc0
	opNop               = 0x00
	opSetLoc            = 0x01
	opAdvance1          = 0x02
	opAdvance2          = 0x03
	opAdvance4          = 0x04
	opOffsetExtended    = 0x05
	opRestoreExtended   = 0x06
	opUndefined         = 0x07
	opSameValue         = 0x08
	opRegister          = 0x09
	opRememberState     = 0x0a
	opRestoreState      = 0x0b
	opDefCFA            = 0x0c
	opDefCFARegister    = 0x0d
	opDefCFAOffset      = 0x0e
	opDefCFAExpression  = 0x0f
	opExpression        = 0x10
	opOffsetExtendedSF  = 0x11
	opDefCFASF          = 0x12
	opDefCFAOffsetSF    = 0x13
	opValOffset         = 0x14
	opValOffsetSF       = 0x15
	opValExpression     = 0x16
	opAdvance8          = 0x1d // MIPS
	opNegateRAStatePC   = 0x2c // AArch64
	opNegateRAState     = 0x2d // AArch64; SPARC: a register window
	opArgsSize          = 0x2e
	opNegOffsetExtended = 0x2f
	maxRemembered       = 256
)

// machine is a program under way.
type machine struct {
	t     *Table
	c     *cie
	fn    uint64
	pc    uint64
	cfa   CFA
	stack []CFA
	yield func(Row) bool // nil for a CIE's
	from  uint64         // where the present row starts
	row   CFA            // of the present row
	first bool           // stop where the first row ends
	limit uint64         // the range's end
}

// initialCFA is the CFA after a CIE's program: at the first instruction of each
// of its ranges.
func (t *Table) initialCFA(c *cie) (CFA, error) {
	m := &machine{t: t, c: c}
	_, err := m.run(c.program, c.progOff)
	return m.cfa, err
}

// Initial is the CFA that the entry of a function has on this machine: that of
// the range's CIE.
func (f *FDE) Initial() CFA { return f.cie.initial }

// Part reports whether a range's first row has another CFA than its CIE's: a frame
// is set up there already, so that no call comes in. It is a part of a function,
// or .plt.
func (t *Table) Part(f *FDE) bool {
	if f.cie.err != nil {
		return false
	}
	m := machine{t: t, c: f.cie, fn: f.Start, cfa: f.cie.initial, first: true}
	_, err := m.run(f.programs, f.progOff)
	return err == nil && !m.cfa.equal(f.cie.initial)
}

// Rows yields the rows of a range by address, those that are alike as one. What
// follows a damaged instruction is missing, and the error is the last.
func (t *Table) Rows(f *FDE) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if f.cie.err != nil {
			yield(Row{}, f.cie.err)
			return
		}
		m := &machine{t: t, c: f.cie, fn: f.Start, pc: f.Start, from: f.Start, limit: f.Start + f.Size, cfa: f.cie.initial, row: f.cie.initial}
		m.yield = func(r Row) bool { return yield(r, nil) }
		more, err := m.run(f.programs, f.progOff)
		if !more {
			return
		}
		if err != nil {
			yield(Row{}, err)
			return
		}
		if m.move(m.limit) && m.from < m.limit {
			yield(Row{m.from, m.limit, m.row}, nil)
		}
	}
}

// RowAt is the row that an address is in; false if the range has none for it.
func (t *Table) RowAt(f *FDE, pc uint64) (Row, bool, error) {
	for r, err := range t.Rows(f) {
		if err != nil {
			return Row{}, false, err
		}
		if pc >= r.Start && pc < r.End {
			return r, true, nil
		}
	}
	return Row{}, false, nil
}

func (a CFA) equal(b CFA) bool {
	return a.Known == b.Known && a.Reg == b.Reg && a.Offset == b.Offset && string(a.Expr) == string(b.Expr) && (a.Expr == nil) == (b.Expr == nil)
}

// move goes to an address. If the CFA is not the row's any more, that ended here:
// an instruction that another one undoes at the same place makes no row. false
// if yield wanted no more.
func (m *machine) move(to uint64) bool {
	ok := true
	if at := min(m.pc, m.limit); m.yield != nil && !m.cfa.equal(m.row) {
		if at > m.from {
			ok = m.yield(Row{m.from, at, m.row})
			m.from = at
		}
		m.row = m.cfa
	}
	m.pc = to
	return ok
}

// run executes instructions; false if yield wanted no more.
func (m *machine) run(code []byte, off uint64) (bool, error) {
	p := m.t.cursor(code, off)
	for len(p.b) > 0 && p.err == nil {
		at := p.off
		op := p.u8()
		ok := true
		switch op & 0xc0 {
		case opAdvance:
			if m.first || !m.move(m.pc+uint64(op&0x3f)*m.c.codeAlign) {
				return false, nil
			}
			continue
		case opOffset:
			p.uleb()
			continue
		case opRestore:
			continue
		}
		if m.first && (op == opSetLoc || op >= opAdvance1 && op <= opAdvance4 || op == opAdvance8) {
			return false, nil
		}
		switch op {
		case opNop, opNegateRAState, opNegateRAStatePC:
		case opSetLoc:
			ok = m.move(p.pointer(m.c.encoding&^peIndirect, m.c.addrSize, m.t, m.fn))
		case opAdvance1:
			ok = m.move(m.pc + p.fixed(1)*m.c.codeAlign)
		case opAdvance2:
			ok = m.move(m.pc + p.fixed(2)*m.c.codeAlign)
		case opAdvance4:
			ok = m.move(m.pc + p.fixed(4)*m.c.codeAlign)
		case opAdvance8:
			ok = m.move(m.pc + p.fixed(8)*m.c.codeAlign)
		case opOffsetExtended, opOffsetExtendedSF, opRegister, opValOffset, opValOffsetSF, opNegOffsetExtended:
			p.uleb()
			p.uleb() // a signed number has the same length
		case opRestoreExtended, opUndefined, opSameValue, opArgsSize:
			p.uleb()
		case opExpression, opValExpression:
			p.uleb()
			p.block()
		case opRememberState:
			if len(m.stack) == maxRemembered {
				return true, unsupported(at, "more than %d states to remember", maxRemembered)
			}
			m.stack = append(m.stack, m.cfa)
		case opRestoreState:
			if len(m.stack) == 0 {
				return true, damaged(at, "a state to restore that was not remembered")
			}
			last := m.stack[len(m.stack)-1]
			m.stack = m.stack[:len(m.stack)-1]
			m.cfa = last
		case opDefCFA:
			m.cfa = CFA{Known: true, Reg: p.uleb(), Offset: int64(p.uleb())}
		case opDefCFASF:
			m.cfa = CFA{Known: true, Reg: p.uleb(), Offset: p.sleb() * m.c.dataAlign}
		case opDefCFARegister:
			m.cfa = CFA{Known: true, Reg: p.uleb(), Offset: m.cfa.Offset}
		case opDefCFAOffset:
			m.cfa = CFA{Known: true, Reg: m.cfa.Reg, Offset: int64(p.uleb())}
		case opDefCFAOffsetSF:
			m.cfa = CFA{Known: true, Reg: m.cfa.Reg, Offset: p.sleb() * m.c.dataAlign}
		case opDefCFAExpression:
			m.cfa = CFA{Known: true, Expr: p.block()}
		default:
			return true, unsupported(at, "the call frame instruction 0x%x", op)
		}
		if !ok {
			return false, nil
		}
	}
	return true, p.err
}
