package dwarfinfo

import (
	"debug/dwarf"
	"iter"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
)

// An Inline is a copy of a function within another's code: a probe on the
// function itself is not hit there.
type Inline struct {
	Name        string
	LinkageName string
	Entry       elfsym.Addr // where the copy begins: DW_AT_entry_pc or, without it, its first range
	Ranges      []Range
	Into        *Func  // the function that has the code
	Caller      string // the function that has the call, if that is inlined too; else ""
	File        string // of the call; "" if unknown
	Line        int
	Column      int
	Err         error // why a part is missing that DWARF has

	call Func // what name and decode fill in
	loc  die.Loc
}

// Inlined are the places where functions of these names were inlined, by unit
// and then as they stand in it. A copy of which no instruction is left has no
// place. The names are those that Lookup takes.
func (d *Data) Inlined(names ...string) iter.Seq2[*Inline, error] {
	n := newNames(names)
	return func(yield func(*Inline, error) bool) {
		d.inlined(n, func(*Func) bool { return true }, yield)
	}
}

// Inlined are the places where the function was inlined, as Data.Inlined finds
// them: copies of the same declaration.
func (f *Func) Inlined() iter.Seq2[*Inline, error] {
	n := newNames([]string{f.Symbol(), f.Name})
	return func(yield func(*Inline, error) bool) {
		var failed error
		file, err := f.DeclFile()
		if err != nil {
			yield(nil, err)
			return
		}
		f.d.inlined(n, func(o *Func) bool {
			if f.LinkageName != "" || o.LinkageName != "" {
				return f.LinkageName == o.LinkageName
			}
			// Without linkage names, a static of the same name in another file is
			// another function.
			other, err := o.DeclFile()
			if err != nil {
				failed = err
			}
			return err == nil && o.Name == f.Name && o.Line == f.Line && other == file
		}, yield)
		if failed != nil {
			yield(nil, failed)
		}
	}
}

func (d *Data) inlined(n *names, same func(*Func) bool, yield func(*Inline, error) bool) {
	if len(n.want) == 0 {
		return
	}
	s, err := d.f.Search(n.spellings)
	if err != nil && !yield(nil, err) {
		return
	}
	budget := d.f.Budget()
	eachUnit(d, func(u *die.Unit, buf *die.Buffer) found[Inline] {
		if u.Passes(s, buf, budget) {
			return found[Inline]{}
		}
		u, err := u.WholeIn(buf, budget)
		if err != nil {
			return found[Inline]{err: err}
		}
		w := inlineWalk{d: d, n: n, w: budget, known: make(map[die.Loc]*Func)}
		err = u.FunctionsNamed(s, buf, budget, func(fn die.Entry) bool {
			err := w.function(fn)
			if w.err == nil {
				w.err = err
			}
			return true
		})
		if err == nil {
			err = w.err
		}
		return found[Inline]{w.all, err}
	}, func(r found[Inline]) bool {
		for i := range r.all {
			in := &r.all[i]
			ok, err := n.is(&in.call)
			if err != nil && !yield(nil, err) {
				return false
			}
			if !ok || !same(&in.call) {
				continue
			}
			e, err := in.loc.Entry()
			if err == nil {
				in.File, in.Line, in.Column, err = d.callSite(e)
			}
			if in.Err == nil {
				in.Err = err
			}
			if !yield(in, nil) {
				return false
			}
		}
		return r.err == nil || yield(nil, r.err)
	})
}

// inlineWalk looks for inlined copies in one unit.
type inlineWalk struct {
	d       *Data
	n       *names
	w       *die.Budget
	known   map[die.Loc]*Func // by the abstract entry; nil: not wanted
	scratch []die.Range
	all     []Inline
	err     error
}

// function looks in one function. Nested functions are walked as their own.
func (w *inlineWalk) function(fn die.Entry) error {
	type open struct {
		depth int
		name  string
	}
	var calls []open
	var into *Func
	return fn.Walk(func(e die.Entry, depth int) die.Step {
		for len(calls) > 0 && calls[len(calls)-1].depth >= depth {
			calls = calls[:len(calls)-1]
		}
		switch e.Tag {
		case dwarf.TagLexDwarfBlock, dwarf.TagTryDwarfBlock, dwarf.TagCatchDwarfBlock, dwarf.TagWithStmt:
			return die.Enter
		case dwarf.TagInlinedSubroutine:
		default:
			return die.Pass
		}
		loc, ok, err := e.RefLoc(dwarf.AttrAbstractOrigin)
		if !ok {
			w.keep(err)
			return die.Enter
		}
		f, seen := w.known[loc]
		if !seen {
			g := Func{d: w.d, loc: e.Loc(), Ranges: []Range{{}}}
			w.d.name(&g, e, w.w)
			w.keep(g.Err)
			f = &g
			w.known[loc] = f
		}
		caller := ""
		if len(calls) > 0 {
			caller = calls[len(calls)-1].name
		}
		calls = append(calls, open{depth, f.Name})
		if !w.n.mayBe(f) {
			return die.Enter
		}
		in := Inline{Name: f.Name, LinkageName: f.LinkageName, Caller: caller, call: *f, loc: e.Loc(), Err: f.Err}
		if into == nil {
			g, ok, _ := w.d.decode(fn, w.w, nil)
			if !ok {
				return die.Stop // code that was thrown away
			}
			into = &g
		}
		in.Into = into
		if w.place(&in, e) {
			w.all = append(w.all, in)
		}
		return die.Enter
	})
}

func (w *inlineWalk) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}

// place fills in the copy's addresses; false if it has none.
func (w *inlineWalk) place(in *Inline, e die.Entry) bool {
	rs, err := e.RangesIn(w.scratch[:0], w.w)
	w.scratch = rs
	w.keep(err)
	for _, r := range rs {
		in.Ranges = append(in.Ranges, Range{elfsym.Addr(r.Low), elfsym.Addr(r.High)})
	}
	if len(in.Ranges) == 0 {
		return false
	}
	at := Func{Ranges: in.Ranges, Entry: in.Ranges[0].Low}
	if v, ok := e.Val(dwarf.AttrEntrypc); ok {
		w.d.entryPC(&at, e.Unit(), v)
	}
	in.Entry = at.Entry
	return true
}

// CallerName is the function that has the call.
func (in *Inline) CallerName() string {
	if in.Caller != "" {
		return in.Caller
	}
	return in.Into.Name
}
