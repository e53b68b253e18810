package dwloc

func (t *Term) isConst() bool { return t.Base == NoBase && len(t.Steps) == 0 }

// add adds to the number that the term comes to.
func (t *Term) add(d int64) {
	if d == 0 {
		return
	}
	if n := len(t.Steps); n > 0 {
		t.Steps = append([]Step(nil), t.Steps...) // a copy may be on the stack
		t.Steps[n-1].Disp += d
		return
	}
	t.Disp += d
}

// shuffle runs the operations that only move values about.
func (r *reducer) shuffle(op Op) error {
	n := len(r.stack)
	need, from := 1, 0
	switch op.Code {
	case opOver:
		need, from = 2, 1
	case opSwap:
		need = 2
	case opRot:
		need = 3
	case opPick:
		need, from = int(op.A)+1, int(op.A)
	}
	if n < need {
		return damaged(op.Off, "%v with %d values on the stack", op.Code, n)
	}
	s := r.stack
	switch op.Code {
	case opDrop:
		r.stack = s[:n-1]
	case opSwap:
		s[n-1], s[n-2] = s[n-2], s[n-1]
	case opRot:
		s[n-1], s[n-2], s[n-3] = s[n-2], s[n-3], s[n-1]
	default:
		r.push(s[n-1-from])
	}
	return nil
}

// step runs an operation that goes on with the number on top.
func (r *reducer) step(op Op) error {
	t, err := r.pop(op)
	if err != nil {
		return err
	}
	var s Step
	switch op.Code {
	case opFormTLS, opGNUPushTLS:
		if !t.isConst() && t.Base != AddrBase {
			r.complex = true
			return nil
		}
		r.push(Term{Base: TLSBase, Disp: t.Disp})
		return nil
	case opDeref:
		s.Deref = r.c.AddrSize
	case opDerefSize:
		s.Deref = int(op.A)
	case opDerefType, opGNUDerefType:
		s.Deref, s.Type = int(op.A), op.B
	case opConvert, opGNUConvert:
		s.Type = op.A
	default:
		s.Type, s.Bits = op.A, true
	}
	if s.Deref == 0 && op.Code != opConvert && op.Code != opGNUConvert && op.Code != opReinterpret && op.Code != opGNUReinterpret {
		return damaged(op.Off, "a read of no bytes")
	}
	if len(t.Steps) == maxStack {
		r.complex = true
		return nil
	}
	t.Steps = append(t.Steps[:len(t.Steps):len(t.Steps)], s)
	r.push(t)
	return nil
}

func (r *reducer) text(t *Term) string {
	l := Loc{machine: r.c.Machine, class: r.c.Class}
	return t.text(l.reg)
}

func (r *reducer) unary(op Op) error {
	t, err := r.pop(op)
	if err != nil {
		return err
	}
	if t.isConst() {
		switch op.Code {
		case opAbs:
			t.Disp = max(t.Disp, -t.Disp)
		case opNeg:
			t.Disp = -t.Disp
		case opNot:
			t.Disp = ^t.Disp
		}
		r.push(t)
		return nil
	}
	name := map[Opcode]string{opAbs: "abs", opNeg: "-", opNot: "~"}[op.Code]
	r.formula(name + "(" + r.text(&t) + ")")
	return nil
}

func symbol(c Opcode) string {
	switch c {
	case opAnd:
		return "&"
	case opDiv:
		return "/"
	case opMinus:
		return "-"
	case opMod:
		return "%"
	case opMul:
		return "*"
	case opOr:
		return "|"
	case opPlus:
		return "+"
	case opShl:
		return "<<"
	case opShr:
		return ">>"
	case opShra:
		return ">>s"
	case opXor:
		return "^"
	case opEq:
		return "=="
	case opGe:
		return ">="
	case opGt:
		return ">"
	case opLe:
		return "<="
	case opLt:
		return "<"
	case opNe:
		return "!="
	}
	return ""
}

func (r *reducer) binary(op Op) error {
	b, err := r.pop(op)
	if err != nil {
		return err
	}
	a, err := r.pop(op)
	if err != nil {
		return err
	}
	switch {
	case op.Code == opPlus && b.isConst():
		a.add(b.Disp)
		r.push(a)
	case op.Code == opPlus && a.isConst():
		b.add(a.Disp)
		r.push(b)
	case op.Code == opMinus && b.isConst():
		a.add(-b.Disp)
		r.push(a)
	case a.isConst() && b.isConst():
		v, ok := r.fold(op.Code, a.Disp, b.Disp)
		if !ok {
			return damaged(op.Off, "a division by 0")
		}
		r.push(Term{Disp: v})
	default:
		r.formula("(" + r.text(&a) + " " + symbol(op.Code) + " " + r.text(&b) + ")")
	}
	return nil
}

// fold computes with numbers of an address's width, signed but where DWARF says unsigned.
func (r *reducer) fold(op Opcode, a, b int64) (int64, bool) {
	cut := func(v int64) int64 {
		if r.c.AddrSize == 4 {
			return int64(int32(v))
		}
		return v
	}
	ua, width := uint64(a), uint64(64)
	if r.c.AddrSize == 4 {
		ua, width = uint64(uint32(a)), 32
	}
	if (op == opDiv || op == opMod) && b == 0 {
		return 0, false
	}
	truth := func(v bool) int64 {
		if v {
			return 1
		}
		return 0
	}
	a, b = cut(a), cut(b)
	switch op {
	case opAnd:
		return a & b, true
	case opOr:
		return a | b, true
	case opXor:
		return a ^ b, true
	case opMul:
		return cut(a * b), true
	case opDiv:
		if b == 0 {
			return 0, false
		}
		return cut(a / b), true
	case opMod:
		ub := uint64(b)
		if width == 32 {
			ub = uint64(uint32(b))
		}
		if ub == 0 {
			return 0, false
		}
		return cut(int64(ua % ub)), true
	case opShl:
		if uint64(b) >= width {
			return 0, true
		}
		return cut(a << uint64(b)), true
	case opShr:
		if uint64(b) >= width {
			return 0, true
		}
		return cut(int64(ua >> uint64(b))), true
	case opShra:
		return a >> min(uint64(b), width-1), true
	case opEq:
		return truth(a == b), true
	case opNe:
		return truth(a != b), true
	case opGe:
		return truth(a >= b), true
	case opGt:
		return truth(a > b), true
	case opLe:
		return truth(a <= b), true
	}
	return truth(a < b), true
}
