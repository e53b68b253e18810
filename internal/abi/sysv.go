package abi

// class is what System V for x86-64 makes of eight bytes of a value.
type class uint8

const (
	noClass class = iota
	integer
	sse
	sseUp
	x87
	x87Up
	inMemory
)

var (
	sysvInts   = [...]string{"rdi", "rsi", "rdx", "rcx", "r8", "r9"}
	sysvFloats = [...]string{"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"}
)

// sysv is the convention of x86-64.
type sysv struct {
	f            *Func
	ints, floats int
	stack        int64 // bytes of arguments so far
	lost         *Value
}

func (a *sysv) assign(params, results []Value) {
	for i, t := range a.f.Results {
		var hidden bool
		if results[i], hidden = a.result(t); hidden {
			a.ints++
		} else if results[i].Err != nil { // perhaps a pointer to it is the first parameter
			refuser{results[i]}.assign(params, nil)
			return
		}
	}
	for i, t := range a.f.Params {
		if a.lost != nil {
			params[i] = *a.lost
			continue
		}
		params[i] = a.param(t)
		if params[i].Err != nil {
			v := unknown("behind a parameter whose place is not known")
			a.lost = &v
		}
	}
}

// merge puts two classes of the same eight bytes together.
func merge(a, b class) class {
	switch {
	case a == b || b == noClass:
		return a
	case a == noClass:
		return b
	case a == inMemory || b == inMemory:
		return inMemory
	case a == integer || b == integer:
		return integer
	case a == x87 || a == x87Up || b == x87 || b == x87Up:
		return inMemory
	}
	return sse
}

// classify is the class of each of a value's eightbytes, nil for memory; why is set where it is not known.
func classify(t *Type) (cs []class, why string) {
	if t.Size > 16 {
		if t.Kind == Vector || hasVector(t) && t.Size <= 64 {
			return nil, "a vector of more than 16 bytes, which -mavx decides"
		}
		if t.Kind == Complex && t.Elem.Kind == X87 {
			return nil, ""
		}
		return nil, ""
	}
	cs = make([]class, up(t.Size, 8)/8)
	memory := false
	budget := maxParts
	if t.Size > 0 && !leaves(t, 0, &budget, func(l leaf) bool {
		if l.bit > 0 {
			for i := l.pos / 64; i <= (l.pos+l.bit-1)/64; i++ {
				cs[i] = merge(cs[i], integer)
			}
			return true
		}
		if l.off%natural(l.t) != 0 { // packed
			memory = true
			return false
		}
		c := integer
		switch l.t.Kind {
		case Float:
			c = sse
		case X87:
			c = x87
		case Vector:
			if c = sse; l.t.Size != 16 && (l.t.Size != 8 || l.t.Elem.Size == 8) {
				why = "a vector of that size"
			}
		}
		i := l.off / 8
		cs[i] = merge(cs[i], c)
		if l.t.Size > 8 {
			cs[i+1] = merge(cs[i+1], map[class]class{integer: integer, sse: sseUp, x87: x87Up}[c])
		}
		return true
	}) && !memory {
		return nil, "too large a type"
	}
	if why != "" {
		return nil, why
	}
	if memory {
		return nil, ""
	}
	for i, c := range cs {
		if c == inMemory || c == x87Up && (i == 0 || cs[i-1] != x87) {
			return nil, ""
		}
		if c == sseUp && (i == 0 || cs[i-1] != sse && cs[i-1] != sseUp) {
			cs[i] = sse
		}
	}
	return cs, ""
}

// natural is a scalar's alignment if nobody has changed it.
func natural(t *Type) int64 {
	if t.Kind == X87 {
		return 16
	}
	return max(1, t.Size)
}

func hasVector(t *Type) (has bool) {
	budget := maxParts
	leaves(t, 0, &budget, func(l leaf) bool { has = has || l.t.Kind == Vector; return !has })
	return has
}

func (a *sysv) param(t *Type) Value {
	if t.NotTrivial {
		return a.pointer(t)
	}
	cs, why := classify(t)
	if why != "" {
		return unknown("%s", why)
	}
	if t.Size == 0 {
		return Value{}
	}
	ints, floats, regs := 0, 0, len(cs) > 0
	empty := regs
	for _, c := range cs {
		switch c {
		case integer:
			ints++
		case sse:
			floats++
		case x87, x87Up:
			regs = false
		}
		empty = empty && c == noClass
	}
	if empty { // an empty C++ class: one byte that is not passed
		return Value{}
	}
	if !regs || a.ints+ints > len(sysvInts) || a.floats+floats > len(sysvFloats) {
		return a.onStack(t)
	}
	var v Value
	for i, c := range cs {
		off := int64(i) * 8
		size := min(8, t.Size-off)
		switch c {
		case integer:
			v.Places = append(v.Places, a.f.inReg(sysvInts[a.ints], off, size))
			a.ints++
		case sse:
			v.Places = append(v.Places, a.f.inReg(sysvFloats[a.floats], off, size))
			a.floats++
		case sseUp:
			v.Places[len(v.Places)-1].Size += size
		}
	}
	return v
}

// pointer passes the address of a value.
func (a *sysv) pointer(t *Type) Value {
	v := a.param(&Type{Kind: Pointer, Size: 8})
	v.Indirect = true
	v.Places[0].Size = t.Size
	return v
}

// onStack: behind the return address, each value at a multiple of 8 or of its stricter alignment.
func (a *sysv) onStack(t *Type) Value {
	align := t.align()
	if t.Kind == X87 || t.Kind == Complex && t.Elem.Kind == X87 {
		align = 16
	}
	if t.Kind == Int && t.Size == 16 && a.stack%16 != 0 {
		return unknown("an __int128 on the stack, which gcc aligns and clang 14 does not")
	}
	a.stack = up(a.stack, max(8, align))
	v := Value{Places: []Place{a.f.inMem("rsp", 8+a.stack, 0, t.Size)}}
	a.stack += up(t.Size, 8)
	return v
}

// result tells where it is, and whether its address is a hidden first parameter.
func (a *sysv) result(t *Type) (v Value, hidden bool) {
	if t.Kind == Void || t.Size == 0 && !t.NotTrivial {
		return Value{}, false
	}
	sret := Value{Places: []Place{a.f.inReg("rax", 0, t.Size)}, Indirect: true}
	if t.NotTrivial {
		return sret, true
	}
	if t.Kind == Complex && t.Elem.Kind == X87 {
		return Value{Places: []Place{a.f.inReg("st(0)", 0, 16), a.f.inReg("st(1)", 16, 16)}}, false
	}
	cs, why := classify(t)
	if why != "" {
		return unknown("%s", why), false
	}
	if cs == nil {
		return sret, true
	}
	ints, floats := []string{"rax", "rdx"}, []string{"xmm0", "xmm1"}
	for i, c := range cs {
		off := int64(i) * 8
		size := min(8, t.Size-off)
		switch c {
		case integer:
			v.Places = append(v.Places, a.f.inReg(ints[0], off, size))
			ints = ints[1:]
		case sse:
			v.Places = append(v.Places, a.f.inReg(floats[0], off, size))
			floats = floats[1:]
		case x87:
			v.Places = append(v.Places, a.f.inReg("st(0)", off, 16))
		case sseUp:
			v.Places[len(v.Places)-1].Size += size
		}
	}
	return v, false
}
