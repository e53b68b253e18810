package abi

import "strconv"

// aapcs64 is the convention of aarch64, little-endian.
type aapcs64 struct {
	f            *Func
	ints, floats int
	stack        int64
}

func (a *aapcs64) assign(params, results []Value) {
	for i, t := range a.f.Results {
		if results[i] = a.result(t); results[i].Err != nil && t.NotTrivial {
			refuser{results[i]}.assign(params, nil)
			return
		}
	}
	for i, t := range a.f.Params {
		if params[i] = a.param(t); params[i].Err != nil {
			refuser{unknown("behind a parameter whose place is not known")}.assign(params[i+1:], nil)
			return
		}
	}
}

// homogeneous is the one type that t consists of up to four of, if it does: floating point, or a vector of
// 8 or 16 bytes.
func homogeneous(t *Type) (elem *Type, n int64) {
	budget := 64
	ok := leaves(t, 0, &budget, func(l leaf) bool {
		switch {
		case l.bit > 0, l.t.Kind != Float && l.t.Kind != Vector, l.t.Kind == Vector && l.t.Size != 8 && l.t.Size != 16,
			elem != nil && (elem.Kind != l.t.Kind || elem.Size != l.t.Size), l.off%l.t.Size != 0:
			return false
		}
		elem = l.t
		n = max(n, l.off/l.t.Size+1)
		return true
	})
	if !ok || elem == nil || n > 4 || n*elem.Size != t.Size {
		return nil, 0
	}
	return elem, n
}

// strict is the strictest natural alignment of t's parts, of which only 16 matters; false if a declaration
// has made t stricter than its parts are, for compilers differ there.
func strict(t *Type) (int64, bool) {
	align := int64(1)
	budget := maxParts
	ok := leaves(t, 0, &budget, func(l leaf) bool { align = max(align, natural(l.t)); return true })
	return min(align, 16), ok && (t.align() < 16 || align >= 16)
}

func x(n int) string { return "x" + strconv.Itoa(n) }
func v(n int) string { return "v" + strconv.Itoa(n) }

func (a *aapcs64) param(t *Type) Value {
	if t.Size == 0 && !t.NotTrivial {
		return Value{}
	}
	if t.Kind == X87 || t.Kind == Vector && t.Size != 8 && t.Size != 16 {
		return unknown("a vector of %d bytes", t.Size)
	}
	if elem, n := homogeneous(t); n > 0 && !t.NotTrivial {
		if a.floats+int(n) <= 8 {
			return a.floatRegs(elem, n)
		}
		a.floats = 8
		return a.onStack(t)
	}
	if t.NotTrivial || t.Size > 16 {
		p := a.param(&Type{Kind: Pointer, Size: 8})
		p.Indirect = true
		p.Places[0].Size = t.Size
		return p
	}
	align, ok := strict(t)
	if !ok {
		return unknown("an alignment that its parts do not have")
	}
	regs := int(up(t.Size, 8) / 8)
	if align == 16 {
		a.ints = int(up(int64(a.ints), 2))
	}
	if a.ints+regs > 8 {
		a.ints = 8
		return a.onStack(t)
	}
	var p Value
	for i := range regs {
		off := int64(i) * 8
		p.Places = append(p.Places, a.f.inReg(x(a.ints), off, min(8, t.Size-off)))
		a.ints++
	}
	return p
}

func (a *aapcs64) floatRegs(elem *Type, n int64) (p Value) {
	for i := range n {
		p.Places = append(p.Places, a.f.inReg(v(a.floats), i*elem.Size, elem.Size))
		a.floats++
	}
	return p
}

func (a *aapcs64) onStack(t *Type) Value {
	align, ok := strict(t)
	if !ok {
		return unknown("an alignment that its parts do not have")
	}
	a.stack = up(a.stack, max(8, align))
	p := Value{Places: []Place{a.f.inMem("sp", a.stack, 0, t.Size)}}
	a.stack += up(t.Size, 8)
	return p
}

// result: where a first parameter of the type would be, or at the address that the caller has put into x8.
func (a *aapcs64) result(t *Type) Value {
	if t.Kind == Void {
		return Value{}
	}
	if _, n := homogeneous(t); t.NotTrivial || t.Size > 16 && n == 0 {
		return Value{Places: []Place{a.f.inReg("x8", 0, t.Size)}, Indirect: true, Entry: true}
	}
	return (&aapcs64{f: a.f}).param(t)
}
