package abi

// i386 is System V's convention of i386 as Linux has it: the stack, and registers where an attribute says so.
type i386 struct {
	f     *Func
	regs  []string
	stack int64
}

func (a *i386) assign(params, results []Value) {
	switch {
	case a.f.Convention == Fastcall:
		a.regs = []string{"ecx", "edx"}
	case a.f.Regparm > 0 && !a.f.Variadic:
		a.regs = []string{"eax", "edx", "ecx"}[:min(3, a.f.Regparm)]
	}
	lost := false
	for i, t := range a.f.Results {
		var hidden bool
		if results[i], hidden = a.result(t); hidden {
			if a.regs != nil {
				refuser{unknown("a result in memory, together with registers")}.assign(params, results)
				return
			}
			a.stack += 4
		}
		lost = results[i].Err != nil
	}
	for i, t := range a.f.Params {
		if lost {
			params[i] = unknown("behind a value whose place is not known")
			continue
		}
		params[i] = a.param(t)
		lost = params[i].Err != nil
	}
}

func (a *i386) param(t *Type) Value {
	if t.NotTrivial {
		p := a.param(&Type{Kind: Pointer, Size: 4})
		if p.Err == nil {
			p.Indirect, p.Places[0].Size = true, t.Size
		}
		return p
	}
	if t.Size == 0 {
		return Value{}
	}
	if hasVector(t) || t.Kind == Float && t.Size == 16 || t.align() > 8 {
		return unknown("a type of stricter alignment, which -m options decide")
	}
	if len(a.regs) > 0 && t.Kind != Float && t.Kind != X87 && t.Kind != Complex {
		if t.aggregate() || t.Size > 4 {
			return unknown("more than a word, together with registers")
		}
		p := Value{Places: []Place{a.f.inReg(a.regs[0], 0, t.Size)}}
		a.regs = a.regs[1:]
		return p
	}
	p := Value{Places: []Place{a.f.inMem("esp", 4+a.stack, 0, t.Size)}}
	a.stack += up(t.Size, 4)
	return p
}

// result tells where it is, and whether its address is a hidden first parameter.
func (a *i386) result(t *Type) (p Value, hidden bool) {
	switch {
	case t.Kind == Void || t.Size == 0 && !t.NotTrivial:
		return Value{}, false
	case t.NotTrivial, t.aggregate(), t.Kind == Complex && t.Elem.Kind != Float && t.Elem.Kind != X87, t.Kind == Complex && t.Size > 8:
		if t.Kind == Complex && t.Elem.Kind != Float && t.Elem.Kind != X87 {
			return unknown("a complex number of integers"), false
		}
		return Value{Places: []Place{a.f.inReg("eax", 0, t.Size)}, Indirect: true}, true
	case t.Kind == Vector, t.Kind == Float && t.Size != 4 && t.Size != 8:
		return unknown("a type of which -m options decide"), false
	case t.Kind == Float || t.Kind == X87:
		return Value{Places: []Place{a.f.inReg("st(0)", 0, t.Size)}}, false
	case t.Size > 8:
		return unknown("a scalar of %d bytes", t.Size), false
	}
	p.Places = []Place{a.f.inReg("eax", 0, min(4, t.Size))}
	if t.Size > 4 {
		p.Places = append(p.Places, a.f.inReg("edx", 4, t.Size-4))
	}
	return p, false
}
