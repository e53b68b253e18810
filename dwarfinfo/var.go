package dwarfinfo

import (
	"debug/dwarf"
	"fmt"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
)

// A Var is a variable or parameter that an instruction can see.
type Var struct {
	Name     string
	Type     *Type
	Line     int    // of the declaration, 0 if unknown
	Param    bool   // a parameter, of the function or of one inlined into it
	Function string // whose it is: that of the inlined call, or of the function itself; "" for a global
	Level    int    // 0: of the innermost inlined call at the instruction; 1: of its caller; …
	Location Location
	Err      error // why the name or type is missing that DWARF has
}

// maxVars is how many variables one question may be about.
const maxVars = 1 << 16

// Vars are the variables in scope at an instruction: parameters and locals of
// the function that it is in, and of the calls inlined there, the innermost
// first; within one, in DWARF's order. What has been optimised out is among
// them, without a place. None if there is no function there.
func (d *Data) Vars(pc elfsym.Addr) ([]Var, error) {
	s, err := d.scopeAt(pc)
	if s == nil {
		return nil, err
	}
	var out []Var
	for level := range s.calls {
		for i := range s.vars {
			if v := &s.vars[i]; v.level == level {
				out = append(out, s.describe(v))
			}
		}
	}
	return out, err
}

// Globals are the variables with static storage of the source file that an
// instruction is of, those within its functions left out.
func (d *Data) Globals(pc elfsym.Addr) ([]Var, error) {
	fn, err := d.FuncAt(pc)
	if fn == nil {
		return nil, err
	}
	s := &scope{d: d, calls: []call{{}}}
	if err := s.globals(fn, pc); err != nil {
		return nil, err
	}
	out := make([]Var, len(s.vars))
	for i := range s.vars {
		out[i] = s.describe(&s.vars[i])
	}
	return out, nil
}

// A scope is what an instruction can see.
type scope struct {
	d     *Data
	f     *frame
	calls []call // the innermost first, the function last
	vars  []scopeVar
}

// A call is the function or an inlined call in it.
type call struct {
	name  string
	depth int
}

type scopeVar struct {
	e     die.Entry
	param bool
	level int
}

// scopeAt gathers what the function has, and the inlined calls and blocks
// that hold the address.
func (d *Data) scopeAt(pc elfsym.Addr) (*scope, error) {
	fn, err := d.FuncAt(pc)
	if fn == nil {
		return nil, err
	}
	e, err := fn.die()
	if err != nil {
		return nil, err
	}
	s := &scope{d: d, f: d.newFrame(e, uint64(pc), pc == fn.Entry)}
	open := []call{{fn.Name, 0}} // the outermost first
	chain := 1                   // of open, how many were entered in all
	var calls []call
	calls = append(calls, open[0])
	var rs []die.Range
	walkErr := e.Walk(func(c die.Entry, depth int) die.Step {
		for len(open) > 1 && open[len(open)-1].depth >= depth {
			open = open[:len(open)-1]
		}
		switch c.Tag {
		case dwarf.TagFormalParameter, dwarf.TagVariable:
			if len(s.vars) == maxVars {
				err = fmt.Errorf("%s: more than %d variables: %w", fn.Name, maxVars, ErrLimit)
				return die.Stop
			}
			s.vars = append(s.vars, scopeVar{c, c.Tag == dwarf.TagFormalParameter, len(open) - 1})
			return die.Pass
		case dwarf.TagInlinedSubroutine, dwarf.TagLexDwarfBlock, dwarf.TagTryDwarfBlock, dwarf.TagCatchDwarfBlock, dwarf.TagWithStmt:
		default:
			return die.Pass
		}
		rs, _ = c.Ranges(rs[:0]) // one that cannot be read holds nothing
		if !holds(rs, uint64(pc)) {
			if c.Tag != dwarf.TagInlinedSubroutine && !c.Has(dwarf.AttrLowpc) && !c.Has(dwarf.AttrRanges) {
				return die.Enter // only groups its children
			}
			return die.Pass
		}
		if c.Tag == dwarf.TagInlinedSubroutine {
			g := d.nameOf(c)
			open = append(open, call{g.Name, depth})
			if len(open) > chain {
				chain = len(open)
				calls = append(calls, open[len(open)-1])
			}
		}
		return die.Enter
	})
	if err == nil {
		err = walkErr
	}
	if err == nil {
		err = s.f.err
	}
	// Levels count from the innermost.
	for i := range s.vars {
		s.vars[i].level = chain - 1 - s.vars[i].level
	}
	for i := len(calls) - 1; i >= 0; i-- {
		s.calls = append(s.calls, calls[i])
	}
	return s, err
}

// globals gathers the variables of a function's unit that are in no function.
func (s *scope) globals(fn *Func, pc elfsym.Addr) error {
	e, err := fn.die()
	if err != nil {
		return err
	}
	s.f = s.d.newFrame(e, uint64(pc), false)
	root, err := fn.loc.Unit.Root()
	if err != nil {
		return err
	}
	home := sourceUnit(e)
	walkErr := root.Walk(func(c die.Entry, _ int) die.Step {
		switch c.Tag {
		case dwarf.TagVariable:
			if !c.Has(dwarf.AttrLocation) || sourceUnit(c) != home {
				return die.Pass
			}
			if len(s.vars) == maxVars {
				err = fmt.Errorf("%s: more than %d variables: %w", fn.Unit().Name(), maxVars, ErrLimit)
				return die.Stop
			}
			s.vars = append(s.vars, scopeVar{e: c})
			return die.Pass
		case dwarf.TagNamespace, dwarf.TagModule:
			return die.Enter
		}
		return die.Pass
	})
	if err == nil {
		err = walkErr
	}
	return err
}

// sourceUnit is the unit of an entry's source file. With link-time optimisation GCC writes code and variables of
// many files into units of its own, where each refers to what its file's unit has of it.
func sourceUnit(e die.Entry) *die.Unit {
	u := e.Loc().Unit
	_ = e.Origins(func(o die.Entry) bool { // as far as it can be read
		if o.Loc().Unit != u {
			if root, err := o.Loc().Unit.Root(); err == nil && root.Tag == dwarf.TagCompileUnit {
				u = o.Loc().Unit
			}
		}
		return true
	})
	return u
}

// describe reads what an entry and its origins say of a variable.
func (s *scope) describe(v *scopeVar) Var {
	out := Var{Param: v.param, Level: v.level, Function: s.calls[v.level].name}
	out.Err = v.e.Origins(func(o die.Entry) bool {
		if out.Name == "" {
			out.Name = o.Name()
		}
		if n, ok := o.Uint(dwarf.AttrDeclLine); ok && out.Line == 0 && n < 1<<31 {
			out.Line = int(n)
		}
		return true
	})
	var err error
	out.Type, err = s.d.typeFor(v.e)
	if out.Err == nil {
		out.Err = err
	}
	out.Location = s.f.at(v.e, out.Type.Size())
	return out
}
