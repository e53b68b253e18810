package die

import "debug/dwarf"

// isType reports whether entries of a tag are types that can have names.
func isType(tag dwarf.Tag) bool {
	switch tag {
	case dwarf.TagBaseType, dwarf.TagStructType, dwarf.TagClassType, dwarf.TagInterfaceType, dwarf.TagUnionType, dwarf.TagEnumerationType,
		dwarf.TagTypedef, dwarf.TagTemplateAlias, dwarf.TagUnspecifiedType, dwarf.TagPointerType, dwarf.TagArrayType, dwarf.TagSubroutineType,
		dwarf.TagSubrangeType, dwarf.TagStringType:
		return true
	}
	return false
}

// TypesNamed calls fn for the types of a unit that may have one of the names,
// those in namespaces, other types and functions included, until fn returns
// false; for another unit it calls nothing. The unit is read into buf: fn's
// entries must not be kept, their Locs may be.
func (u *Unit) TypesNamed(s *NameSearch, buf *Buffer, w *Budget, fn func(Entry) bool) error {
	b, err := u.load(buf, w)
	if err != nil {
		return err
	}
	if u.skeleton == nil && !s.mayName(b) {
		return nil
	}
	r := u.info(b)
	if r.err != nil {
		return r.err
	}
	root, err := b.root()
	if err != nil {
		return err
	}
	return root.Walk(func(e Entry, _ int) Step {
		if isType(e.Tag) && !fn(e) {
			return Stop
		}
		if e.role == rolePass {
			return Pass
		}
		return Enter
	})
}

// OtherUnits are the lists of units besides .debug_info's: of .debug_types, and
// of the supplementary file if it is there. A list is asked for unit 0, 1, …
// until it gives none.
func (f *File) OtherUnits() []func(int) (*Unit, error) {
	var out []func(int) (*Unit, error)
	if f.types.size > 0 {
		out = append(out, f.TypeUnit)
	}
	if sup, err := f.sup(); err == nil {
		out = append(out, sup.Unit)
	}
	return out
}
