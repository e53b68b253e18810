package dwline

// A Stmt is an address where a statement of a line begins: a row with IsStmt.
type Stmt struct {
	Row
	Table *Table   // whose row it is
	Seq   Sequence // the sequence that it is in

	// First is set unless the row before it, in its sequence, is a statement of the same line too.
	// Compilers write several for parts of a statement, and for functions that one line defines.
	First bool

	// Next is the address of the following row. At Addr itself the statement has no instruction of its own,
	// and a probe there is a probe on the statement behind.
	Next uint64
}

// A Query gathers the statements of one line of a file, over any number of tables. If no statement
// begins on the line it gathers those of the nearest line below it that has some, and Line tells.
type Query struct {
	// Wanted is the line asked for, Line the one that Stmts are of: Wanted if that line has statements, else
	// the nearest below, 0 if there is none. Below means with a higher number.
	Wanted, Line uint32
	Stmts        []Stmt

	pending []Stmt
	low     uint32 // the line of pending
}

// NewQuery asks for a line, from 1.
func NewQuery(line uint32) *Query { return &Query{Wanted: line} }

// Exact tells whether Stmts are of the line that was asked for.
func (q *Query) Exact() bool { return q.Line == q.Wanted && q.Line != 0 }

// Add runs a table's program for the rows of files (by number; see Files.Match). With an error come
// the statements of the sequences before the damage.
func (q *Query) Add(t *Table, files []bool) error {
	var m machine
	m.init(t, t.program, t.End)
	begin, low := t.program, uint64(0)
	var before Row
	first := true // in the sequence
	q.reset()
	for m.next() {
		r := m.row
		if first {
			low = r.Addr
		}
		if n := len(q.pending); n > 0 && q.pending[n-1].Next == open {
			q.pending[n-1].Next = r.Addr
		}
		switch {
		case r.EndSequence:
			q.commit(Sequence{low, r.Addr, begin, m.off()})
			begin, first = m.off(), true
			continue
		case r.IsStmt && r.Line >= q.Wanted && r.Line <= q.low && r.Line != 0 && int(r.File) < len(files) && files[r.File]:
			if r.Line < q.low {
				q.pending, q.low = q.pending[:0], r.Line
			}
			again := !first && before.IsStmt && before.Line == r.Line && before.File == r.File
			q.pending = append(q.pending, Stmt{Row: r, Table: t, First: !again, Next: open})
		}
		before, first = r, false
	}
	return m.err
}

// open stands in Stmt.Next until the following row has come.
const open = ^uint64(0)

func (q *Query) reset() {
	q.pending = q.pending[:0]
	if q.low = q.Line; q.low == 0 {
		q.low = ^uint32(0)
	}
}

// commit takes over what a sequence had, now that its end has been seen.
func (q *Query) commit(seq Sequence) {
	if len(q.pending) > 0 && seq.Low < seq.High {
		if q.low != q.Line {
			q.Stmts, q.Line = nil, q.low
		}
		for _, s := range q.pending {
			s.Seq = seq
			q.Stmts = append(q.Stmts, s)
		}
	}
	q.reset()
}
