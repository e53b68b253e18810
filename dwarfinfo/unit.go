package dwarfinfo

import (
	"github.com/probels/probels/internal/die"
)

// A Unit is a compilation unit: mostly, one source file and what it includes.
type Unit struct{ u *die.Unit }

// Name is the source file, as the compiler was given it.
func (u Unit) Name() string { return u.u.Info().Name }

// CompDir is the directory that the compiler ran in.
func (u Unit) CompDir() string { return u.u.Info().CompDir }

// Producer is the compiler, its version and, from gcc, its options.
func (u Unit) Producer() string { return u.u.Info().Producer }

// Language is the source language; 0 if the unit does not say.
func (u Unit) Language() Language { return Language(u.u.Info().Lang) }

// Version is the version of DWARF, 2 to 5.
func (u Unit) Version() int { return u.u.Version }

// Offset is where the unit is in .debug_info: of the .dwo for a split one.
func (u Unit) Offset() uint64 { return u.u.Off }

// A Language is a DW_LANG_ code (DWARF 5, 7.12; dwarfstd.org/languages.html).
type Language uint16

var languages = map[Language]string{
	0x01: "C89", 0x02: "C", 0x0c: "C99", 0x1d: "C11", 0x2c: "C17", 0x3e: "C23",
	0x04: "C++", 0x18: "C++03", 0x1a: "C++11", 0x21: "C++14", 0x2b: "C++17", 0x2e: "C++20", 0x3a: "C++23",
	0x03: "Ada83", 0x0d: "Ada95", 0x2f: "Ada2005", 0x30: "Ada2012",
	0x05: "Cobol74", 0x06: "Cobol85", 0x07: "Fortran77", 0x08: "Fortran90", 0x0e: "Fortran95", 0x22: "Fortran03", 0x23: "Fortran08", 0x2d: "Fortran18",
	0x09: "Pascal", 0x0a: "Modula2", 0x17: "Modula3", 0x0b: "Java", 0x0f: "PL/I", 0x10: "ObjC", 0x11: "ObjC++", 0x12: "UPC", 0x13: "D",
	0x14: "Python", 0x15: "OpenCL", 0x16: "Go", 0x19: "Haskell", 0x1b: "OCaml", 0x1c: "Rust", 0x1e: "Swift", 0x1f: "Julia", 0x20: "Dylan",
	0x24: "RenderScript", 0x25: "BLISS", 0x26: "Kotlin", 0x27: "Zig", 0x28: "Crystal", 0x8001: "assembler",
}

// String is the language's name, "" if it is unknown.
func (l Language) String() string { return languages[l] }

// IsC reports whether it is C of any year.
func (l Language) IsC() bool {
	switch l {
	case 0x01, 0x02, 0x0c, 0x1d, 0x2c, 0x3e:
		return true
	}
	return false
}

// IsCPlusPlus reports whether it is C++ of any year.
func (l Language) IsCPlusPlus() bool {
	switch l {
	case 0x04, 0x18, 0x1a, 0x21, 0x2b, 0x2e, 0x3a:
		return true
	}
	return false
}

// IsGo and IsRust tell these two.
func (l Language) IsGo() bool   { return l == 0x16 }
func (l Language) IsRust() bool { return l == 0x1c }
