package die

import "debug/dwarf"

// role is what a walk for functions does with an entry.
type role uint8

const (
	rolePass  role = iota // nothing in there
	roleScope             // may hold functions
	roleFunc              // is one, and has code
)

// roleOf is settled when the abbreviation is compiled.
func roleOf(tag dwarf.Tag, specs []Spec) role {
	switch tag {
	case dwarf.TagSubprogram:
		for _, s := range specs {
			if s.Attr == dwarf.AttrLowpc || s.Attr == dwarf.AttrRanges {
				return roleFunc
			}
		}
		return roleScope
	case dwarf.TagNamespace, dwarf.TagModule, dwarf.TagLexDwarfBlock, dwarf.TagInlinedSubroutine,
		dwarf.TagClassType, dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagInterfaceType, dwarf.TagEnumerationType,
		dwarf.TagWithStmt, dwarf.TagTryDwarfBlock, dwarf.TagCatchDwarfBlock, dwarf.TagCommonDwarfBlock:
		return roleScope
	}
	return rolePass
}

// Functions calls fn for all subprograms of the unit that have code, those
// nested in others included, in the order of their offsets, until fn returns
// false. The unit is read into buf: fn's entries must not be kept, their Locs may
// be.
func (u *Unit) Functions(buf *Buffer, w *Budget, fn func(Entry) bool) error {
	b, err := u.load(buf, w)
	if err != nil {
		return err
	}
	if r := u.info(b); r.err != nil {
		return r.err
	}
	return b.functions(fn)
}

// KeptFunctions is Functions for a unit that more will be asked of: it is kept
// in memory as long as there is room, and fn's entries may be kept too. Functions
// that are nested in one are visited if fn enters it.
func (u *Unit) KeptFunctions(fn func(Entry) Step) error {
	b, err := u.body(nil)
	if err != nil {
		return err
	}
	if r := u.info(b); r.err != nil {
		return r.err
	}
	return b.steps(fn)
}

func (b *body) functions(fn func(Entry) bool) error {
	return b.steps(func(e Entry) Step {
		if fn(e) {
			return Enter
		}
		return Stop
	})
}

func (b *body) steps(fn func(Entry) Step) error {
	data := b.b
	i := b.u.header
	for depth := 0; ; {
		var code uint64
		start := i
		if uint(i) < uint(len(data)) && data[i] < 0x80 {
			code = uint64(data[i])
			i++
		} else if i == len(data) && depth <= 1 {
			return nil // the list of the root's children may lack its end
		} else if code, i = uleb(data, i); i < 0 {
			return b.damaged(start, "an entry beyond the unit's end")
		}
		if code == 0 {
			if depth--; depth <= 0 {
				return nil
			}
			continue
		}
		a := b.ab.get(code)
		if a == nil {
			return b.damaged(start, "an entry of abbreviation %d, which there is not", code)
		}
		vals := i
		if a.fixed >= 0 {
			i += int(a.fixed)
		} else {
			i = a.skip(b, i)
		}
		if i < 0 || i > len(data) {
			return b.damaged(start, "an entry beyond the unit's end")
		}
		role := a.role
		if role == roleFunc {
			switch fn(Entry{a, b, start, vals, i}) {
			case Stop:
				return nil
			case Pass:
				role = rolePass
			}
		}
		if !a.HasChildren {
			if depth == 0 {
				return nil
			}
			continue
		}
		if role == rolePass && depth > 0 {
			if a.sibling >= 0 {
				to := int(b.u.File.U32(data[vals+int(a.sibling):]))
				if to < i || to > len(data) {
					return b.damaged(start, "its sibling is at 0x%x of the unit", to)
				}
				i = to
				continue
			}
			var err error
			if i, err = (Entry{a, b, start, vals, i}).next(); err != nil {
				return err
			}
			continue
		}
		if depth++; depth > maxDepth {
			return b.damaged(start, "entries nested too deep")
		}
	}
}
