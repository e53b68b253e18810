package main

import (
	"context"
	"errors"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/offset"
)

// variables finds out what is in scope at a place.
func (s *shower) variables(ctx context.Context, one *shown) {
	d, err := s.t.DWARF(ctx)
	if err == nil {
		one.vars, err = d.Vars(one.l.Addr)
	}
	if err == nil {
		one.globals, err = d.Globals(one.l.Addr)
	}
	switch {
	case errors.Is(err, offset.ErrNoDWARF):
		s.warn(one, "variables are not known: "+oneLine(err))
	case err != nil:
		s.warn(one, "variables: "+oneLine(err))
	}
}

func (one *shown) printVars(row func(label, text string)) {
	for _, part := range []struct {
		label string
		vars  []dwarfinfo.Var
	}{{"variables", one.vars}, {"globals", one.globals}} {
		label := part.label
		for i := range part.vars {
			v := &part.vars[i]
			text := varText(v)
			if v.Level > 0 || i > 0 && part.vars[0].Function != v.Function {
				text += "   of " + v.Function
			}
			row(label, text)
			label = ""
		}
	}
}

// varText is a variable as the source has it, and where it is.
func varText(v *dwarfinfo.Var) string {
	text := v.Name
	if v.Type != nil {
		text = v.Type.Declare(v.Name)
	}
	if v.Err != nil {
		return text + "   (" + oneLine(v.Err) + ")"
	}
	return text + "   " + placeText(&v.Location)
}

// writeVars writes them into the record.
func (one *shown) writeVars(j *jsonLine) {
	if len(one.vars)+len(one.globals) == 0 {
		return
	}
	j.open("variables", '[')
	for n, vars := range [][]dwarfinfo.Var{one.vars, one.globals} {
		for i := range vars {
			v := &vars[i]
			j.element()
			j.strNonEmpty("name", v.Name)
			if v.Type != nil {
				writeTyped(j, v.Type, "place", &v.Location)
			}
			if n == 1 {
				j.bool("global", true)
			}
			if v.Param {
				j.bool("param", true)
			}
			j.strNonEmpty("function", v.Function)
			if v.Level > 0 {
				j.int("inlined", int64(v.Level))
			}
			if v.Line > 0 {
				j.int("line", int64(v.Line))
			}
			if v.Err != nil {
				j.str("error", oneLine(v.Err))
			}
			j.close('}')
		}
	}
	j.close(']')
}
