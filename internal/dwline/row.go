package dwline

import "iter"

// A Row is one row of the line table: what holds from Addr up to the next row's.
type Row struct {
	Addr          uint64 // link-time address
	Line          uint32 // 0: from no line
	Column        uint32 // in bytes, from 1; 0: unknown, or the whole line
	File          uint32 // number in the table's Files
	ISA           uint32
	Discriminator uint32 // tells blocks of one line apart
	OpIndex       uint8  // operation within a VLIW instruction

	IsStmt        bool // a statement begins here
	BasicBlock    bool // a basic block begins here; seldom written
	PrologueEnd   bool // a breakpoint at the function's entry belongs here
	EpilogueBegin bool // and one at its exit here
	EndSequence   bool // Addr is behind the sequence's last instruction; the rest says nothing
}

// A Sequence is one contiguous run of code.
type Sequence struct {
	Low, High uint64 // the addresses covered are those from Low and below High
	off, end  uint64 // of the opcodes in .debug_line
}

// Rows runs the program and yields its rows, without an allocation for any. Rows of dead sequences are
// left out. An error comes last: the rows before it stand, but for those of the sequence that
// it cuts off, which has no end.
func (t *Table) Rows() iter.Seq2[Row, error] { return t.rows(t.program, t.End) }

// RowsOf yields the rows of one sequence, its EndSequence last.
func (t *Table) RowsOf(q Sequence) iter.Seq2[Row, error] { return t.rows(q.off, q.end) }

func (t *Table) rows(off, end uint64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var m machine
		m.init(t, off, end)
		for m.next() {
			if !yield(m.row, nil) {
				return
			}
		}
		if m.err != nil {
			yield(Row{}, m.err)
		}
	}
}

// At is the row that covers addr: Row.Addr is at most addr, and the row holds to next. Of several rows
// at one address it is the last, whose instructions they are. found is false if no sequence
// covers addr. Sequences may come from Sequences or be empty; empty, the whole program is run.
func (t *Table) At(addr uint64, seqs ...Sequence) (row Row, next uint64, found bool, err error) {
	if seqs == nil {
		if seqs, err = t.Sequences(); err != nil && len(seqs) == 0 {
			return Row{}, 0, false, err
		}
	}
	for _, q := range seqs {
		if addr < q.Low || addr >= q.High {
			continue
		}
		var m machine
		m.init(t, q.off, q.end)
		var last Row
		for have := false; m.next(); have = true {
			if have && last.Addr <= addr && addr < m.row.Addr && !last.EndSequence {
				return last, m.row.Addr, true, nil
			}
			last = m.row
		}
		if m.err != nil {
			return Row{}, 0, false, m.err
		}
	}
	return Row{}, 0, false, err
}
