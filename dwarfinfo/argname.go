package dwarfinfo

import (
	"debug/elf"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/dwloc"
	"github.com/probels/probels/usdt/operand"
)

// An ArgName says which variable an argument of a USDT probe is.
type ArgName struct {
	Name string // "" if no variable is known to be it
	Type *Type  // nil without a name
	Line int    // where the variable is declared, 0 if unknown
}

// Declaration is the argument as its language declares it: "const char *s"; ""
// without a name.
func (a *ArgName) Declaration() string {
	if a.Name == "" || a.Type == nil {
		return ""
	}
	return declare(a.Type.Language(), a.Type, a.Name)
}

// ArgNames names the arguments of a USDT probe at an address: one ArgName for
// each. An argument is what the compiler made of an expression, of which the
// operand alone is left. It has a variable's name if that variable, at that
// address, is in the very place of the operand (or is the very constant), is as
// large, and is the only one there of those that the source could mean: those of
// the function that the probe was written in. Otherwise it has none: the
// expression was a computation, a member, or a copy.
//
// symbol is the address of a symbol that an operand names; it may be nil.
func (d *Data) ArgNames(pc elfsym.Addr, args []operand.Arg, symbol func(string) (elfsym.Addr, bool)) ([]ArgName, error) {
	out := make([]ArgName, len(args))
	s, err := d.scopeAt(pc)
	if s == nil {
		return out, err
	}
	var vars []place
	for i := range s.vars {
		if v := &s.vars[i]; v.level == 0 {
			// A list of another variable that is damaged takes no name from this one.
			all, _, e := s.f.locate(v.e)
			if e != nil && err == nil {
				err = e
			}
			vars = append(vars, place{v, all})
		}
	}
	for i := range args {
		if out[i] = s.nameArg(&args[i], vars, symbol); out[i].Name == "" && args[i].Symbol != "" && symbol != nil {
			out[i] = s.nameGlobal(&args[i], pc, symbol)
		}
	}
	return out, err
}

// A place is a variable and where it is.
type place struct {
	v    *scopeVar
	locs []dwloc.Loc
}

// nameArg is the one variable that is in the argument's place.
func (s *scope) nameArg(a *operand.Arg, vars []place, symbol func(string) (elfsym.Addr, bool)) ArgName {
	var found ArgName
	n := 0
	for i := range vars {
		p := &vars[i]
		if !s.isIn(p.locs, a, symbol) {
			continue
		}
		v := s.describe(p.v)
		if v.Err != nil || v.Name == "" || !fits(v.Type, a) {
			continue
		}
		if n > 0 && (v.Name != found.Name || v.Line != found.Line || v.Type.String() != found.Type.String()) {
			return ArgName{} // two variables that hold the same value
		}
		found = ArgName{v.Name, v.Type, v.Line}
		n++
	}
	return found
}

// nameGlobal is the variable of static storage that an argument with a symbol
// is.
func (s *scope) nameGlobal(a *operand.Arg, pc elfsym.Addr, symbol func(string) (elfsym.Addr, bool)) ArgName {
	fn, _ := s.d.FuncAt(pc) // which the caller has found
	if fn == nil {
		return ArgName{}
	}
	g := &scope{d: s.d, calls: []call{{}}}
	if err := g.globals(fn, pc); err != nil {
		return ArgName{}
	}
	var vars []place
	for i := range g.vars {
		locs, _, err := g.f.locate(g.vars[i].e)
		if err == nil {
			vars = append(vars, place{&g.vars[i], locs})
		}
	}
	return g.nameArg(a, vars, symbol)
}

// isIn reports whether a variable is where the argument is.
func (s *scope) isIn(locs []dwloc.Loc, a *operand.Arg, symbol func(string) (elfsym.Addr, bool)) bool {
	for i := range locs {
		l := &locs[i]
		if a.Symbol != "" {
			if l.Kind == dwloc.Memory && l.Term.Base == dwloc.AddrBase && len(l.Term.Steps) == 0 && symbol != nil && a.Kind == operand.Memory &&
				a.Index.Name == "" && a.Segment == "" && (a.Direct || a.Base.Name == "") {
				if at, ok := symbol(a.Symbol); ok && uint64(at)+uint64(a.Disp) == uint64(l.Term.Disp) {
					return true
				}
			}
			continue
		}
		switch a.Kind {
		case operand.Constant:
			if s.isConstant(l, a) {
				return true
			}
		case operand.Register, operand.Memory:
			if o, ok := l.Operand(); ok && s.d.sameOperand(&o, &a.Operand) {
				return true
			}
		}
	}
	return false
}

// isConstant reports whether a variable's value is the argument's number, in as
// many bytes as the argument has.
func (s *scope) isConstant(l *dwloc.Loc, a *operand.Arg) bool {
	if a.Size < 1 || a.Size > 8 {
		return false
	}
	var v uint64
	switch {
	case l.Kind == dwloc.Constant && l.Type == 0:
		v = uint64(l.Term.Disp)
	case l.Kind == dwloc.Bytes && len(l.Bytes) == a.Size:
		for i := range l.Bytes {
			k := i
			if s.d.c.ByteOrder != elf.ELFDATA2MSB {
				k = len(l.Bytes) - 1 - i
			}
			v = v<<8 | uint64(l.Bytes[k])
		}
	default:
		return false
	}
	unused := 64 - 8*uint(a.Size)
	return v<<unused == uint64(a.Value)<<unused
}

// fits reports whether a variable of a type can be the whole of an argument. A
// structure in its place has a member there, which is just as likely meant.
func fits(t *Type, a *operand.Arg) bool {
	if t.Size() != int64(a.Size) {
		return false
	}
	u := t.bare()
	switch u.Kind {
	case Bool, Int, Uint, Char, Float, Pointer, Reference, RvalueReference, MemberPointer, Enum, Unspecified:
		return a.Kind != operand.Constant || u.Kind == Pointer || u.Kind == Float || u.Kind == Enum || (u.Kind == Int || u.Signed) == a.Signed
	case Struct, Class, Union, Complex:
		switch a.Size {
		case 1, 2, 4, 8:
			return false
		}
		return a.Kind == operand.Memory
	}
	return false
}
