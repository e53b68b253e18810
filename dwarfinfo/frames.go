package dwarfinfo

import (
	"debug/dwarf"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
)

// A Frame is one of the functions that an address belongs to.
type Frame struct {
	Name        string
	LinkageName string
	Func        *Func // of the last frame: the function that has the code; nil for those inlined into it
	File        string
	Line        int // in this function: of the instruction, or of the call of the frame before; 0 if unknown
	Column      int
	Err         error // why a name or line is missing that DWARF has

	loc die.Loc
}

// Inlined reports whether the frame is a call without code of its own.
func (f *Frame) Inlined() bool { return f.Func == nil }

// Frames are the functions that an address belongs to, the innermost inlined one
// first and the function that has the code last; none if it is in no function.
func (d *Data) Frames(a elfsym.Addr) ([]Frame, error) {
	fn, err := d.FuncAt(a)
	if fn == nil {
		return nil, err
	}
	e, err := fn.die()
	if err != nil {
		return nil, err
	}
	chain, err := callsAt(e, uint64(a))
	if err != nil {
		return nil, err
	}
	// Outermost first: each is at the call of the one within.
	frames := make([]Frame, len(chain)+1)
	last := len(chain)
	frames[last] = Frame{Name: fn.Name, LinkageName: fn.LinkageName, Func: fn, Err: fn.Err, loc: fn.loc}
	for i, c := range chain {
		g := d.nameOf(c)
		frames[last-1-i] = Frame{Name: g.Name, LinkageName: g.LinkageName, Err: g.Err, loc: c.Loc()}
		frames[last-i].at(d.callSite(c))
	}
	frames[0].at(d.lineAt(fn.loc.Unit, a))
	return frames, nil
}

func (f *Frame) at(file string, line, column int, err error) {
	f.File, f.Line, f.Column = file, line, column
	if f.Err == nil {
		f.Err = err
	}
}

// nameOf is what an inlined call's entry and its origins say about the function.
func (d *Data) nameOf(c die.Entry) Func {
	f := Func{d: d, loc: c.Loc(), Ranges: []Range{{}}}
	d.name(&f, c, nil)
	return f
}

// callsAt are the inlined calls within a function that hold an address, the
// outermost first.
func callsAt(fn die.Entry, a uint64) (chain []die.Entry, err error) {
	var depths []int
	var rs []die.Range
	err = fn.Walk(func(e die.Entry, depth int) die.Step {
		switch e.Tag {
		case dwarf.TagInlinedSubroutine, dwarf.TagLexDwarfBlock:
		default:
			return die.Pass
		}
		for len(depths) > 0 && depths[len(depths)-1] >= depth {
			// Left without having stopped: a sibling of what holds the address.
			return die.Stop
		}
		rs, _ = e.Ranges(rs[:0]) // one that cannot be read holds nothing
		if !holds(rs, a) {
			// A block without addresses only groups its children.
			if e.Tag == dwarf.TagLexDwarfBlock && !e.Has(dwarf.AttrLowpc) && !e.Has(dwarf.AttrRanges) {
				return die.Enter
			}
			return die.Pass
		}
		if e.Tag == dwarf.TagInlinedSubroutine {
			chain, depths = append(chain, e), append(depths, depth)
		}
		return die.Enter
	})
	return chain, err
}

func holds(rs []die.Range, a uint64) bool {
	for _, r := range rs {
		if r.Low <= a && a < r.High {
			return true
		}
	}
	return false
}

// callSite is where an inlined function is called: the file counts in the table
// of the unit that has the call.
func (d *Data) callSite(e die.Entry) (file string, line, column int, err error) {
	if n, ok := e.Uint(dwarf.AttrCallLine); ok && n < 1<<31 {
		line = int(n)
	}
	if n, ok := e.Uint(dwarf.AttrCallColumn); ok && n < 1<<31 {
		column = int(n)
	}
	n, ok := e.Uint(dwarf.AttrCallFile)
	if !ok {
		return "", line, column, nil
	}
	t, err := d.lines.of(e.Unit())
	if t == nil {
		return "", line, column, err
	}
	file, err = t.path(n)
	return file, line, column, err
}
