package dwarfinfo

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
	"github.com/probels/probels/internal/dwline"
)

// LineAt is the source file and line of an address; "" and 0 if DWARF does not
// say. Of inlined code that is the line of the function that was inlined:
// Frames has the callers.
//
// Where .debug_info would have to be inflated the line tables alone are asked
// first. Code that is in no function of .debug_info, as of assembler, may have lines too.
func (d *Data) LineAt(a elfsym.Addr) (file string, line int, err error) {
	if file, line, ok := d.lineAlone(a); ok {
		return file, line, nil
	}
	fn, err := d.FuncAt(a)
	if fn != nil {
		file, line, _, err = d.lineAt(fn.loc.Unit, a)
		return file, line, err
	}
	// What was written in assembler has units without functions.
	if d.inCode(uint64(a)) {
		d.f.UnitsFor(uint64(a), func(u *die.Unit) bool {
			if f, l, _, e := d.lineAt(u, a); e == nil && l > 0 {
				file, line, err = f, l, nil
			}
			return line == 0
		})
	}
	return file, line, err
}

// PrologueEnd is where a function has set up its frame, so that locations by
// DWARF hold: where the line table says so, or where its second line begins, as GDB
// takes it. It is the entry where the table does not tell.
func (f *Func) PrologueEnd() (elfsym.Addr, error) {
	t, err := f.d.lines.of(f.loc.Unit)
	if t == nil {
		return f.Entry, err
	}
	first := true
	end := f.Entry
	for row, err := range t.Rows() {
		if err != nil {
			return end, lineError(err)
		}
		at := elfsym.Addr(row.Addr)
		if row.EndSequence || at < f.Entry || !f.Contains(at) {
			continue
		}
		if row.PrologueEnd {
			return at, nil
		}
		if at == f.Entry || !row.IsStmt || row.Line == 0 {
			first = first && at == f.Entry
			continue
		}
		if end == f.Entry {
			end = at // unless a row that is marked follows
		}
	}
	return end, nil
}

// A LineAddr is an address where a statement of a line begins.
type LineAddr struct {
	Addr elfsym.Addr
	File string
	Line int

	// Func is the function that has the code; nil if none has.
	Func *Func
}

// Lines are the addresses where the statements of a line begin, of every file
// that file means (see below), each inlined copy's among them, by address. Of
// statements that follow one another on the line the first alone is given.
//
// A file is meant by the last parts of its path: "malloc.c" or
// "malloc/malloc.c"; an absolute one has to be the whole. If no code is of the
// line, nearest is the next one below that some is of, 0 if there is none, and
// there are no addresses. found tells whether there is such a file at all.
//
// All units' tables are looked through. Errors are about those that cannot be
// read, and come with what was found in the others.
func (d *Data) Lines(file string, line int) (addrs []LineAddr, nearest int, found bool, err error) {
	if line < 1 || line > 1<<31-1 {
		return nil, 0, false, fmt.Errorf("no line %d", line)
	}
	q := dwline.NewQuery(uint32(line))
	type source struct {
		t *lineTable
		u *die.Unit
	}
	of := make(map[*dwline.Table]source)
	seen := make(map[uint64]bool)
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	for i := 0; ; i++ {
		u, e := d.f.Unit(i)
		if e != nil {
			keep(e)
			break
		}
		if u == nil {
			break
		}
		r := u.Info()
		if r.Err() != nil {
			keep(r.Err())
			continue
		}
		// dwz's partial units, and others, have the table of the unit they came from.
		if !r.HasLine || seen[r.Line] {
			continue
		}
		seen[r.Line] = true
		t, e := d.lines.of(u)
		if e != nil {
			keep(e)
			continue
		}
		set, e := t.files.Match(file, t.compDir)
		keep(lineError(e))
		if set == nil {
			continue
		}
		found = true
		of[t.Table] = source{t, u}
		keep(lineError(q.Add(t.Table, set)))
	}
	if !q.Exact() {
		return nil, int(q.Line), found, err
	}
	for _, s := range q.Stmts {
		if !s.First || !d.inCode(s.Addr) {
			continue
		}
		src := of[s.Table]
		a := LineAddr{Addr: elfsym.Addr(s.Addr), Line: int(s.Line)}
		var e error
		if a.File, e = src.t.path(uint64(s.File)); e != nil {
			keep(e)
		}
		a.File = path.Clean(a.File)
		if a.Func, e = d.FuncAt(a.Addr); e != nil {
			keep(e)
		}
		addrs = append(addrs, a)
	}
	slices.SortStableFunc(addrs, func(a, b LineAddr) int { return cmp.Compare(a.Addr, b.Addr) })
	addrs = slices.CompactFunc(addrs, func(a, b LineAddr) bool { return a.Addr == b.Addr })
	return addrs, line, found, err
}
