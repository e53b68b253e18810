// Package die reads the tree of debugging information entries (DIEs) that DWARF
// is made of: versions 2 to 5, 32-bit and 64-bit format, either byte order, type
// units, split units and files that dwz has shortened.
//
// .debug_info is a sequence of units. A unit has a header and one tree of
// entries. An entry is the number of an abbreviation (LEB128) and values; the
// abbreviation, in .debug_abbrev, says what the entry is (its tag), which
// attributes the values are of and how each is encoded (its form), and whether
// children follow: their list ends with a 0 in place of a number. So the values
// cannot be got past without the abbreviation, and an entry does not know its
// parent; DW_AT_sibling, where producers write it, leads past the children.
//
// Values point elsewhere: into tables of strings and addresses, directly (strp)
// or by an index (strx, addrx) that counts from a base that the unit's root
// names; into lists of ranges and locations; and to other entries, of the same
// unit (ref4), of the same section (ref_addr), of a type unit by its signature
// (ref_sig8), and of the supplementary file, in which dwz gathers what several
// files have in common (ref_sup4, GNU_ref_alt).
//
// # Use
//
//	f, err := die.Open(sections, die.Config{})
//	u, err := f.UnitAt(off)       // or f.Unit(i), i = 0, 1, … until nil
//	u, err = u.Whole()            // the .dwo's unit in place of a skeleton
//	root, err := u.Root()
//	for e, err := range root.Children() {
//		e.Tag, e.Off(), e.Name()
//		n, ok := e.Uint(dwarf.AttrByteSize)
//		t, err := e.Ref(dwarf.AttrType) // wherever it is
//		v, ok := e.Val(dwarf.AttrLocation)
//	}
//
// # Cost
//
// Units are read whole, one at a time, and only those that something is asked
// of; the recently used are kept. An Entry is a small value that points into its
// unit: to pass it by costs no decoding of its values. Who wants to keep many
// keeps their Locs, and who wants to compare two compares these.
//
// # Damage
//
// Nothing is believed: a length that leads out of the unit, an abbreviation that
// there is not, a reference to nowhere is an error that wraps ErrDamaged. Walks
// are iterative, chains of references are cut, and a Budget bounds what a walk
// over all units reads more than once.
package die
