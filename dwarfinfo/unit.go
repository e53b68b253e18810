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

// String is the language's name, "" if it is unknown.
func (l Language) String() string {
	switch l {
	case 0x01:
		return "C89"
	case 0x02:
		return "C"
	case 0x0c:
		return "C99"
	case 0x1d:
		return "C11"
	case 0x2c:
		return "C17"
	case 0x3e:
		return "C23"
	case 0x04:
		return "C++"
	case 0x18:
		return "C++03"
	case 0x1a:
		return "C++11"
	case 0x21:
		return "C++14"
	case 0x2b:
		return "C++17"
	case 0x2e:
		return "C++20"
	case 0x3a:
		return "C++23"
	case 0x03:
		return "Ada83"
	case 0x0d:
		return "Ada95"
	case 0x2f:
		return "Ada2005"
	case 0x30:
		return "Ada2012"
	case 0x05:
		return "Cobol74"
	case 0x06:
		return "Cobol85"
	case 0x07:
		return "Fortran77"
	case 0x08:
		return "Fortran90"
	case 0x0e:
		return "Fortran95"
	case 0x22:
		return "Fortran03"
	case 0x23:
		return "Fortran08"
	case 0x2d:
		return "Fortran18"
	case 0x09:
		return "Pascal"
	case 0x0a:
		return "Modula2"
	case 0x17:
		return "Modula3"
	case 0x0b:
		return "Java"
	case 0x0f:
		return "PL/I"
	case 0x10:
		return "ObjC"
	case 0x11:
		return "ObjC++"
	case 0x12:
		return "UPC"
	case 0x13:
		return "D"
	case 0x14:
		return "Python"
	case 0x15:
		return "OpenCL"
	case 0x16:
		return "Go"
	case 0x19:
		return "Haskell"
	case 0x1b:
		return "OCaml"
	case 0x1c:
		return "Rust"
	case 0x1e:
		return "Swift"
	case 0x1f:
		return "Julia"
	case 0x20:
		return "Dylan"
	case 0x24:
		return "RenderScript"
	case 0x25:
		return "BLISS"
	case 0x26:
		return "Kotlin"
	case 0x27:
		return "Zig"
	case 0x28:
		return "Crystal"
	case 0x8001:
		return "assembler"
	}
	return ""
}

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
