package dwline

import (
	"testing"

	"github.com/probels/probels/internal/heap"
)

// Whatever the bytes are: constructors give a value or an error, the scan agrees with the rows, each row
// of code is found again by its address, and names can be read or not.
func FuzzTables(f *testing.F) {
	for _, v := range []int{2, 4, 5} {
		b := little(v)
		if v == 5 {
			b.tables = []byte{1, lnctPath, formLineStrp, 1, 0, 0, 0, 0, 2, lnctPath, formString, lnctDirectoryIndex, formUdata, 1, 'a', 0, 0}
		}
		f.Add(b.address(0x1000).special(0, 4).op(lnsConstAddPC).special(2, -1).op(lnsAdvancePC, 4).end().bytes(), false, false)
		b.is64 = true
		f.Add(b.bytes(), false, true)
	}
	f.Add(little(4).op(0, 8, lneDefineFile).op([]byte("g.h\x00\x02\x00\x00")...).end().bytes(), false, false)
	f.Fuzz(func(t *testing.T, line []byte, big, zero bool) {
		heap.Bound(t, len(line), 2000, 32, func() {
			s := &Sections{Line: line, LineStr: []byte("dir\x00name\x00"), Big: big, Zero: zero, AddrSize: 8}
			for table, err := range s.Tables() {
				if (table == nil) == (err == nil) {
					t.Fatalf("%v, %v", table, err)
				}
				if err != nil {
					continue
				}
				agree(t, table)
				if fs, err := table.Files(); err == nil {
					for i := fs.First(); i < fs.End(); i++ {
						if p, err := fs.Path(i, "/"); err == nil && p == "" {
							t.Fatal("a file without a name")
						}
					}
					if more, err := fs.Define(); err == nil && more.End() < fs.End() {
						t.Fatal("files lost")
					}
					set := make([]bool, fs.End()+2)
					for i := range set {
						set[i] = true
					}
					q := NewQuery(1)
					q.Add(table, set)
					for _, st := range q.Stmts {
						if st.Line < 1 || st.Line != q.Line || !st.IsStmt {
							t.Fatalf("%+v", st)
						}
					}
				}
			}
			x, _ := s.NewIndex()
			for i := range min(x.Len(), 8) {
				low := x.spans[i].Low
				hits, err := x.Locate(low)
				for _, h := range hits {
					if h.Addr > low || h.Next <= low {
						t.Fatalf("0x%x: %+v", low, h)
					}
				}
				if again, _ := s.Locate(low); err == nil && len(hits) > 0 && len(again) == 0 {
					t.Fatalf("0x%x: found with an index, and not without", low)
				}
			}
		})
	})
}
