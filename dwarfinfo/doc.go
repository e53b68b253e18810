// Package dwarfinfo answers from DWARF what a tracer wants to know of a program's
// functions: names, parameters, types, source lines, inlined copies. It reads
// versions 2 to 5 of gcc, clang, rustc, Go and others, in the program itself, in
// its debug file, compressed, split (.dwo, .dwp) or shortened by dwz.
//
//	f, err := elfsym.Open("/usr/lib/debug/.build-id/…")
//	d, err := dwarfinfo.New(dwarfinfo.FromELF(f))
//	for fn, err := range d.Lookup("PyEval_EvalCode") { … }
//
// # What is read
//
// DWARF is a sequence of units, one for each source file, often hundreds of
// megabytes together. New reads next to nothing; one function is found by the
// indexes that the file has (.debug_aranges, .debug_names, .gdb_index), or by a
// search for its name, and then its unit alone is read. Only Funcs walks over
// all units, several at once.
//
// # In this package
//
// The entries themselves are internal/die's. Func's method die gives the
// function's own entry, and Origins of that the ones that complete it: from an
// out-of-line copy to the abstract function to its declaration, in whatever unit
// or file these are. So a parameter's type is found by
//
//	e, err := fn.die()
//	for p, err := range e.Children() {          // of e; e.Walk for all descendants
//		if p.Tag != dwarf.TagFormalParameter { … }
//		err = p.Origins(func(o die.Entry) bool { // p itself, then its abstract origin
//			typ, err := o.Ref(dwarf.AttrType) // another unit, type unit or file, too
//			…
//		})
//		v, ok := p.Val(dwarf.AttrLocation)  // v.IsExpr(): v.B is the expression; v.IsOffset(): a list
//		p.Unit().Addrx(i), p.Unit().Info().Low
//	}
//
// An Entry keeps its whole unit in memory; what is kept is its Loc.
package dwarfinfo
