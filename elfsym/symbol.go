package elfsym

import (
	"debug/elf"
	"iter"
	"strings"
)

// Source is where a symbol was found; a set of them where tables were merged.
type Source uint16

const (
	Symtab Source = 1 << iota // .symtab: all names, the first thing that strip removes
	Dynsym                    // .dynsym: what is exported or imported, with versions

	// Symbols of one file never have these: they are for whoever gathers
	// symbols of several.
	DebugFile // the .symtab of a separate debug file
	MiniDebug // the .symtab within .gnu_debugdata

	GoTable // Go's table of functions, which no strip removes; see File.GoFuncs

	PLT     // entries of the procedure linkage table, "read@plt"; see doc.go
	EHFrame // functions that nothing names, "0x1139"; see File.Starts

	DWARF // functions of the debug information, where no table has them

	Match // functions that were found by their like in another build, which has names
)

// ownTables is how many of the sources are tables of one file: the first ones.
const ownTables = 2

var sourceNames = [...]string{"symtab", "dynsym", "debugfile", "minidebug", "gopclntab", "plt", "eh_frame", "dwarf", "match"}

// Strings are the names of the sources in the set, as JSON output has them.
func (s Source) Strings() []string {
	var out []string
	for i, name := range sourceNames {
		if s&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

func (s Source) String() string { return strings.Join(s.Strings(), "+") }

// A Symbol is one entry of a symbol table, put right for its machine.
type Symbol struct {
	// Name without its version, as the table spells it (mangled).
	Name string

	// Version is the symbol version, from .gnu.version* for .dynsym and from
	// "name@VERSION" in .symtab.
	Version string

	// File is the source file of a local symbol, from the STT_FILE entry
	// before it: it tells statics of one name apart.
	File string

	// Addr is the link-time address of the code or the data: the symbol's value
	// without arm's Thumb bit or MIPS's compressed-code bit, and on 64-bit
	// PowerPC ELFv1 the code that the function descriptor in .opd points to.
	// For a thread-local variable it is an offset in its block, and no address.
	Addr Addr

	// LocalEntry is the address where calls from within the file enter a
	// function on 64-bit PowerPC ELFv2, past the two instructions that load the
	// TOC pointer; 0 if there is no such second entry.
	LocalEntry Addr

	// Size in bytes; see SizeInferred.
	Size uint64

	Type       elf.SymType
	Bind       elf.SymBind
	Visibility elf.SymVis

	// Section is the index of the section that the symbol is in, SectionUndef
	// for an import, or another of the reserved ones.
	Section int

	Index  uint32 // in its table
	Source Source

	// Default is set where Version is the one that a linker takes for the bare
	// name ("@@").
	Default bool

	// Thumb is set for a function of 32-bit ARM whose code is T32.
	Thumb bool

	// SizeInferred is set where the table said 0 and Size is the length of a range
	// of call frame information or else the distance to what comes next.
	SizeInferred bool
}

// Reserved section indexes. The file's are 0xfff1 and 0xfff2, numbers that a
// real section can have too when there are more than 65,000 of them.
const (
	SectionUndef  = 0
	SectionAbs    = -0xf
	SectionCommon = -0xe
)

// Defined reports whether the symbol is in this file, not imported from
// another.
func (s *Symbol) Defined() bool { return s.Section != SectionUndef }

// IsFunc reports whether it is a function, or the resolver of an ifunc, that
// this file defines.
func (s *Symbol) IsFunc() bool {
	return (s.Type == elf.STT_FUNC || s.Type == elf.STT_GNU_IFUNC) && s.Defined()
}

// IsVariable reports whether it is a variable that this file defines and that
// has an address: thread-local ones have none before a thread runs.
func (s *Symbol) IsVariable() bool {
	return s.Type == elf.STT_OBJECT && s.Defined() && s.Section != SectionCommon
}

// Entry is where to put a uprobe that every call hits: LocalEntry if there is
// one, else Addr.
func (s *Symbol) Entry() Addr {
	if s.LocalEntry != 0 {
		return s.LocalEntry
	}
	return s.Addr
}

// FullName is the name with its version: "f@V", or "f@@V" for the default one.
func (s *Symbol) FullName() string {
	switch {
	case s.Version == "":
		return s.Name
	case s.Default:
		return s.Name + "@@" + s.Version
	}
	return s.Name + "@" + s.Version
}

// SplitVersion cuts "f@V" and "f@@V" into name, version and whether the version
// is the default one.
func SplitVersion(full string) (name, version string, isDefault bool) {
	i := strings.IndexByte(full, '@')
	if i <= 0 || i+1 == len(full) {
		return full, "", false
	}
	name, version = full[:i], full[i+1:]
	if v, ok := strings.CutPrefix(version, "@"); ok && v != "" {
		return name, v, true
	}
	return name, version, false
}

// isMapping reports whether a symbol only marks where instructions and data
// begin: "$a", "$d", "$t", "$x", on RISC-V also "$x" with an ISA behind it
// (AAELF32, AAELF64 and RISC-V ELF, "Mapping symbols").
func isMapping(m elf.Machine, name string) bool {
	if len(name) < 2 || name[0] != '$' {
		return false
	}
	switch m {
	case elf.EM_ARM, elf.EM_AARCH64, elf.EM_RISCV:
	default:
		return false
	}
	switch name[1] {
	case 'a', 'd', 't', 'x':
		return len(name) == 2 || name[2] == '.' || m == elf.EM_RISCV && strings.HasPrefix(name[1:], "xrv")
	}
	return false
}

// Symbols are the entries of the symbol tables in src, one table after the
// other, each in file order; but for the null symbol, section symbols and
// mapping symbols. A table that the file lacks has none. A damaged symbol is
// yielded as an error, a *SymbolError mostly, and the next follows; so is one whose
// name has more than 64 KiB. A table whose symbols share strings so much that their
// names have 16 times their bytes, and 64 MiB, ends there with ErrLimit. The number of
// allocations does not depend on that of the symbols: their names are parts of one string, read once and kept.
func (f *File) Symbols(src Source) iter.Seq2[Symbol, error] {
	return func(yield func(Symbol, error) bool) {
		if !f.eachTable(src, yield, func(t *symbolTable) bool { return t.each(t.nameBudget(), yield) }) {
			return
		}
		if src&GoTable != 0 && !f.goSymbols(GoTable, nil, yield) {
			return
		}
		if src&PLT != 0 && !f.pltSymbols(nil, yield) {
			return
		}
		if src&EHFrame != 0 {
			f.startSymbols(yield)
		}
	}
}

// eachTable calls do with each of the file's own tables in src. What is wrong with one
// is yielded. False if yield or do wanted no more.
func (f *File) eachTable(src Source, yield func(Symbol, error) bool, do func(*symbolTable) bool) bool {
	for i := range ownTables {
		if src&(1<<i) == 0 {
			continue
		}
		t, err := f.symbols(i)
		if err != nil && !yield(Symbol{}, err) || t != nil && !do(t) {
			return false
		}
	}
	return true
}

// Has reports which of the tables in src the file has, without reading them. A
// table with nothing but the null symbol counts as none.
func (f *File) Has(src Source) Source {
	var has Source
	for i := range ownTables {
		if src&(1<<i) == 0 {
			continue
		}
		if t, _ := f.symbols(i); t != nil && t.n > 1 {
			has |= 1 << i
		}
	}
	if src&GoTable != 0 {
		if t, _ := f.GoFuncs(); t != nil {
			has |= GoTable
		}
	}
	if src&PLT != 0 {
		if p, _ := f.plt(); len(p) > 0 {
			has |= PLT
		}
	}
	if src&EHFrame != 0 && len(f.frames().each()) > 0 {
		has |= EHFrame
	}
	return has
}

// executes reports whether a symbol is a function in the file's code.
func (f *File) executes(s *Symbol) bool {
	return s.IsFunc() && !f.Floating(s) && f.segs.IsCode(s.Addr)
}

// Floating reports whether a symbol is an absolute number (SHN_ABS) in a file
// that is loaded at an address of the kernel's choice: then its value is no
// address in the file.
func (f *File) Floating(s *Symbol) bool {
	return s.Section == SectionAbs && f.hdr.typ != elf.ET_EXEC
}
