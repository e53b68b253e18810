package dwline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func little(version int) *builder {
	return &builder{order: binary.LittleEndian, version: version, addr: 8, tables: oldTables}
}

func (b *builder) sections() *Sections {
	return &Sections{Line: b.bytes(), Big: b.order == binary.AppendByteOrder(binary.BigEndian), AddrSize: b.addr}
}

func first(t testing.TB, s *Sections) *Table {
	t.Helper()
	table, err := s.Table(s.Base)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// show prints rows in short: "1000 f1:5:2 stmt".
func show(table *Table) string {
	var b strings.Builder
	for r, err := range table.Rows() {
		if err != nil {
			fmt.Fprintf(&b, "%v\n", err)
			continue
		}
		if r.EndSequence {
			fmt.Fprintf(&b, "%x end\n", r.Addr)
			continue
		}
		fmt.Fprintf(&b, "%x", r.Addr)
		if r.OpIndex != 0 {
			fmt.Fprintf(&b, "[%d]", r.OpIndex)
		}
		fmt.Fprintf(&b, " f%d:%d:%d", r.File, r.Line, r.Column)
		for _, f := range []struct {
			set  bool
			name string
		}{{r.IsStmt, "stmt"}, {r.BasicBlock, "block"}, {r.PrologueEnd, "prologue"}, {r.EpilogueBegin, "epilogue"}} {
			if f.set {
				b.WriteString(" " + f.name)
			}
		}
		if r.ISA != 0 || r.Discriminator != 0 {
			fmt.Fprintf(&b, " isa%d discr%d", r.ISA, r.Discriminator)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestRows(t *testing.T) {
	body := func(b *builder) *builder {
		return b.address(0x1000).special(0, 4).op(lnsSetColumn, 7, lnsNegateStmt).special(2, -1).
			op(lnsSetBasicBlock, lnsSetPrologueEnd, lnsSetEpilogueBegin, lnsNegateStmt, lnsSetISA, 3, 0, 2, 4, 9, lnsCopy).
			op(lnsConstAddPC, lnsAdvanceLine, 0x7d, lnsSetFile, 2).special(0, 0).op(lnsFixedAdvancePC)
	}
	want := "1000 f1:5:0 stmt\n1002 f1:4:7\n1002 f1:4:7 stmt block prologue epilogue isa3 discr9\n1013 f2:1:7 stmt isa3 discr0\n1113 end\n"
	for _, version := range []int{2, 3, 4, 5} {
		for _, is64 := range []bool{false, true} {
			for _, addr := range []int{4, 8} {
				b := body(little(version))
				b.is64 = is64
				if version == 5 {
					b.tables = []byte{0, 0, 0, 0}
				}
				b.code, b.addr = nil, addr
				body(b).op(0, 1).end()
				if got := show(first(t, b.sections())); got != want {
					t.Errorf("version %d, 64-bit %v, addresses of %d: got\n%swant\n%s", version, is64, addr, got, want)
				}
				b.order, b.code = binary.BigEndian, nil
				body(b).op(1, 0).end()
				if got := show(first(t, b.sections())); got != want {
					t.Errorf("big endian, version %d, 64-bit %v: got\n%swant\n%s", version, is64, got, want)
				}
			}
		}
	}
}

func TestPrograms(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    *builder
		want string
	}{
		{"minimum instruction length", func() *builder {
			b := little(4)
			b.minInst = 4
			return b.address(0x1000).special(1, 1).op(lnsAdvancePC, 2).special(0, 1).op(lnsConstAddPC, lnsCopy).end()
		}(), "1004 f1:2:0 stmt\n100c f1:3:0 stmt\n1050 f1:3:0 stmt\n1050 end\n"},
		{"VLIW", func() *builder {
			b := little(4)
			b.minInst, b.maxOps = 16, 3
			return b.address(0x1000).special(0, 1).special(1, 1).special(1, 1).special(1, 1).op(lnsAdvancePC, 5, lnsCopy).op(lnsFixedAdvancePC, 16, 0, lnsCopy).end()
		}(), "1000 f1:2:0 stmt\n1000[1] f1:3:0 stmt\n1000[2] f1:4:0 stmt\n1010 f1:5:0 stmt\n1020[2] f1:5:0 stmt\n1030 f1:5:0 stmt\n1030 end\n"},
		{"unknown opcodes", func() *builder {
			b := little(3)
			b.base = 16
			return b.address(0x1000).op(13, 0x81, 1, 5, 14, 15, 0x80, 0x00, 0, 3, 0x80, 1, 2, lnsCopy).end()
		}(), "1000 f1:1:0 stmt\n1000 end\n"},
		{"opcode base 10", func() *builder { // 10 and above are special
			b := little(2)
			b.base = 10
			return b.address(0x1000).op(10).op(11).end()
		}(), "1000 f1:4294967292:0 stmt\n1000 f1:4294967288:0 stmt\n1000 end\n"},
		{"dead sequences", little(4).address(0).special(0, 1).special(9, 1).end().address(0x1000).special(0, 1).op(lnsAdvancePC, 3).end().
			address(^uint64(0)).special(0, 1).op(lnsAdvancePC, 3).end().op(lnsCopy, lnsAdvancePC, 5).end(),
			"1000 f1:2:0 stmt\n1003 end\n"},
		{"no room for an operand", little(4).address(0x1000).special(0, 1).op(lnsAdvancePC, 0x80),
			"1000 f1:2:0 stmt\n.debug_line+0x56: no room for the operand of opcode 2\n"},
		{"no room for an address", little(4).op(0, 9, 2, 1), ".debug_line+0x4a: extended opcode of 9 bytes\n"},
		{"an address of 3 bytes", little(4).op(0, 4, 2, 1, 2, 3), ".debug_line+0x4a: address of 3 bytes\n"},
		{"an extended opcode of no bytes", little(4).op(0, 0), ".debug_line+0x4a: extended opcode of 0 bytes\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := first(t, tt.b.sections())
			if got := show(table); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
			agree(t, table)
		})
	}
}

// agree holds the scan for addresses to the rows.
func agree(t testing.TB, table *Table) {
	t.Helper()
	type span struct{ low, high uint64 }
	var want, got []span
	var rowErr error
	low, any := uint64(0), false
	for r, err := range table.Rows() {
		if err != nil {
			rowErr = err
			break
		}
		if !any || r.Addr < low {
			low, any = r.Addr, true
		}
		if r.EndSequence {
			if low < r.Addr {
				want = append(want, span{low, r.Addr})
			}
			any = false
		}
	}
	seqs, err := table.Sequences()
	if (err == nil) != (rowErr == nil) {
		t.Fatalf("rows end with %v, the scan with %v", rowErr, err)
	}
	for _, q := range seqs {
		got = append(got, span{q.Low, q.High})
	}
	slices.SortStableFunc(want, func(a, b span) int {
		if a.low < b.low {
			return -1
		} else if a.low > b.low {
			return 1
		}
		return 0
	})
	if !slices.Equal(got, want) {
		t.Fatalf("sequences %x, rows give %x", got, want)
	}
}

// A relocatable file's sections all begin at 0.
func TestZero(t *testing.T) {
	s := little(4).address(0).special(0, 1).op(lnsAdvancePC, 3).end().sections()
	s.Zero = true
	if got, want := show(first(t, s)), "0 f1:2:0 stmt\n3 end\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if hits, err := s.Locate(1); err != nil || len(hits) != 1 || hits[0].Line != 2 {
		t.Errorf("Locate: %+v, %v", hits, err)
	}
}

func paths(t *testing.T, f *Files, compDir string) string {
	var all []string
	for i := f.First(); i < f.End(); i++ {
		p, err := f.Path(i, compDir)
		if err != nil {
			p = err.Error()
		}
		all = append(all, p)
	}
	return strings.Join(all, " ")
}

func TestFiles(t *testing.T) {
	s := little(4).address(0x1000).op(0, 8, lneDefineFile).op([]byte("g.h\x00\x02\x00\x00")...).special(0, 1).op(lnsAdvancePC, 3).end().sections()
	table := first(t, s)
	fs, err := table.Files()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := paths(t, fs, "/src"), "/src/main.c /src/inc/a.h /abs/b.h /x/y.h"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := paths(t, fs, ""), "main.c inc/a.h /abs/b.h /x/y.h"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if e, err := fs.File(2); err != nil || e != (File{Name: "a.h", Dir: 1, ModTime: 5, Size: 129}) {
		t.Errorf("%+v, %v", e, err)
	}
	for _, i := range []uint32{0, 5, 1 << 31} {
		if _, err := fs.File(i); !errors.Is(err, ErrMissing) {
			t.Errorf("file %d: %v", i, err)
		}
	}
	more, err := fs.Define()
	if err != nil {
		t.Fatal(err)
	}
	if p, err := more.Path(5, "/src"); err != nil || p != "/abs/g.h" {
		t.Errorf("defined file: %s, %v", p, err)
	}
	if set, err := fs.Match("inc/a.h", "/src"); err != nil || !slices.Equal(set, []bool{false, false, true, false, false}) {
		t.Errorf("Match: %v, %v", set, err)
	}
}

// Version 5 with every form that a compiler may choose.
func TestFiles5(t *testing.T) {
	for _, big := range []bool{false, true} {
		b := little(5)
		if big {
			b.order = binary.BigEndian
		}
		o := b.order
		tab := []byte{1, lnctPath, formLineStrp, 2}
		tab = o.AppendUint32(tab, 0)
		tab = o.AppendUint32(tab, 5)
		tab = append(tab, 6, lnctPath, formStrx1, lnctDirectoryIndex, formUdata, lnctMD5, formData16, lnctSize, formData4, lnctTimestamp, formBlock, 0x82, 0x40, formData2, 2)
		for i := range 2 {
			tab = append(tab, byte(i), byte(i))
			tab = append(tab, "0123456789abcdef"...)
			tab = o.AppendUint32(tab, 77)
			tab = append(tab, 2, 1, 2, 9, 9)
		}
		b.tables = tab
		s := b.sections()
		s.LineStr = []byte("/src\x00inc\x00")
		s.Str = []byte("..main.c\x00a.h\x00")
		s.StrOffsets, s.StrOffsetsBase = o.AppendUint32(o.AppendUint32(make([]byte, 8), 2), 9), 8
		fs, err := first(t, s).Files()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := paths(t, fs, "/other"), "/src/main.c /src/inc/a.h"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if e, err := fs.File(1); err != nil || !e.HasMD5 || string(e.MD5[:]) != "0123456789abcdef" || e.Size != 77 || e.Dir != 1 {
			t.Errorf("%+v, %v", e, err)
		}
		s.LineStr = nil
		if _, err := fs.Path(1, ""); !errors.Is(err, ErrMissing) {
			t.Errorf("without .debug_line_str: %v", err)
		}
	}
}

func TestDamage(t *testing.T) {
	good := little(4).address(0x1000).special(0, 1).end().bytes()
	for _, tt := range []struct {
		name   string
		damage func([]byte) []byte
		err    error
	}{
		{"cut", func(b []byte) []byte { return b[:len(b)-1] }, ErrFormat},
		{"version 6", func(b []byte) []byte { b[4] = 6; return b }, ErrVersion},
		{"reserved length", func(b []byte) []byte { copy(b, "\xf5\xff\xff\xff"); return b }, ErrFormat},
		{"64-bit length cut off", func(b []byte) []byte { return []byte("\xff\xff\xff\xff12345") }, ErrFormat},
		{"header beyond the end", func(b []byte) []byte { b[6] = 0xff; return b }, ErrFormat},
		{"header too short", func(b []byte) []byte { b[6] = 8; return b }, ErrFormat},
		{"opcode base 0", func(b []byte) []byte { b[15] = 0; return b }, ErrFormat},
		{"nothing", func(b []byte) []byte { return nil }, ErrMissing},
	} {
		b := tt.damage(slices.Clone(good))
		s := &Sections{Line: b, AddrSize: 8}
		if table, err := s.Table(0); table != nil || !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, %v", tt.name, table, err)
		}
	}
	// A header that is damaged costs its own program only.
	bad := slices.Clone(good)
	bad[4] = 9
	s := &Sections{Line: slices.Concat(good, bad, good), AddrSize: 8}
	n, errs := 0, 0
	for table, err := range s.Tables() {
		if (table == nil) == (err == nil) {
			t.Errorf("%v, %v", table, err)
		}
		if err != nil {
			errs++
		} else {
			n++
		}
	}
	if n != 2 || errs != 1 {
		t.Errorf("%d tables, %d errors", n, errs)
	}
}

func TestQuery(t *testing.T) {
	// Line 10 is a loop: it has rows before and behind 11; 12 is no statement; 20 is empty, in a second
	// sequence; 10 of another file, and of a dead sequence, is not asked for.
	b := little(4).address(0x1000).op(lnsAdvanceLine, 9, lnsCopy).special(4, 1).special(4, -1).op(lnsSetColumn, 3).special(4, 0).
		op(lnsNegateStmt).special(4, 2).op(lnsNegateStmt, lnsSetFile, 2).special(1, -2).op(lnsAdvancePC, 4).end().
		address(0x2000).op(lnsAdvanceLine, 19, lnsSetPrologueEnd, lnsCopy).special(0, 1).op(lnsAdvancePC, 4).end().
		address(0).op(lnsAdvanceLine, 9, lnsCopy).op(lnsAdvancePC, 4).end()
	table := first(t, b.sections())
	only := []bool{false, true}
	for _, tt := range []struct {
		line uint32
		want string
	}{
		{10, "line 10 exact: 1000 first next 1004, 1008 first next 100c, 100c next 1010"},
		{11, "line 11 exact: 1004 first next 1008"},
		{12, "line 20 nearest: 2000 first empty next 2000"},
		{1, "line 10 nearest: 1000 first next 1004, 1008 first next 100c, 100c next 1010"},
		{21, "line 21 exact: 2000 first next 2004"},
		{22, "line 0 nearest: "},
	} {
		q := NewQuery(tt.line)
		if err := q.Add(table, only); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("line %d nearest: ", q.Line)
		if q.Exact() {
			got = fmt.Sprintf("line %d exact: ", q.Line)
		}
		for i, s := range q.Stmts {
			if i > 0 {
				got += ", "
			}
			got += fmt.Sprintf("%x", s.Addr)
			if s.First {
				got += " first"
			}
			if s.Next == s.Addr {
				got += " empty"
			}
			got += fmt.Sprintf(" next %x", s.Next)
			if s.Seq.Low > s.Addr || s.Seq.High <= s.Addr {
				t.Errorf("line %d: 0x%x is not in %x", tt.line, s.Addr, s.Seq)
			}
		}
		if got != tt.want {
			t.Errorf("line %d: got %s, want %s", tt.line, got, tt.want)
		}
	}
	// A table with an exact line takes the place of another's nearest.
	q := NewQuery(20)
	near := little(4).address(0x3000).op(lnsAdvanceLine, 24, lnsCopy, lnsAdvancePC, 4).end()
	for _, tb := range []*Table{first(t, near.sections()), table, first(t, near.sections())} {
		if err := q.Add(tb, only); err != nil {
			t.Fatal(err)
		}
	}
	if !q.Exact() || len(q.Stmts) != 1 || q.Stmts[0].Addr != 0x2000 {
		t.Errorf("%+v", q)
	}
	// A sequence without an end is no evidence.
	q = NewQuery(10)
	cut := little(4).address(0x1000).op(lnsAdvanceLine, 9, lnsCopy).op(lnsAdvancePC)
	if err := q.Add(first(t, cut.sections()), only); !errors.Is(err, ErrFormat) || len(q.Stmts) != 0 {
		t.Errorf("%v, %+v", err, q.Stmts)
	}
}

func TestMatchPath(t *testing.T) {
	for _, tt := range []struct {
		path, want string
		match      bool
	}{
		{"/build/glibc/malloc/malloc.c", "malloc.c", true},
		{"/build/glibc/malloc/malloc.c", "malloc/malloc.c", true},
		{"/build/glibc/malloc/malloc.c", "/build/glibc/malloc/malloc.c", true},
		{"/build/glibc/malloc/malloc.c", "/malloc.c", false},
		{"/build/glibc/malloc/malloc.c", "alloc.c", false},
		{"/build/glibc/malloc/malloc.c", "loc/malloc.c", false},
		{"./stdlib/../sysdeps/x.h", "sysdeps/x.h", true},
		{"./stdlib/../sysdeps/x.h", "stdlib/../sysdeps/x.h", true},
		{"/a/./b.c", "a/b.c", true},
		{"b.c", "./b.c", true},
		{"b.c", "", false},
		{"", "", false},
	} {
		if got := MatchPath(tt.path, tt.want); got != tt.match {
			t.Errorf("MatchPath(%q, %q) = %v", tt.path, tt.want, got)
		}
	}
}

// Looking at all rows allocates what one program needs, however many there are.
func TestAllocs(t *testing.T) {
	b := little(4).address(0x1000)
	for range 10000 {
		b.special(1, 1)
	}
	table := first(t, b.end().sections())
	n := 0
	allocs := testing.AllocsPerRun(10, func() {
		n = 0
		for range table.Rows() {
			n++
		}
	})
	if n != 10001 || allocs > 3 {
		t.Errorf("%d rows, %v allocations", n, allocs)
	}
}
