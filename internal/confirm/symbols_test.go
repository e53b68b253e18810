package confirm

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/probels/probels/elfsym"
)

var typeNames = map[elf.SymType]string{
	elf.STT_NOTYPE: "NOTYPE", elf.STT_OBJECT: "OBJECT", elf.STT_FUNC: "FUNC", elf.STT_COMMON: "COMMON",
	elf.STT_TLS: "TLS", elf.STT_GNU_IFUNC: "IFUNC",
}

var bindNames = map[elf.SymBind]string{
	elf.STB_LOCAL: "LOCAL", elf.STB_GLOBAL: "GLOBAL", elf.STB_WEAK: "WEAK", elf.STB_LOOS: "UNIQUE",
}

// compareSymbols compares every symbol of both tables in all that readelf prints of it. It returns how
// many there are.
func compareSymbols(d *differences, f *elfsym.File, r *report) (n int) {
	for _, src := range []elfsym.Source{elfsym.Symtab, elfsym.Dynsym} {
		if src == elfsym.Dynsym && len(r.symbols[src]) == 0 && (len(r.sections) == 0 || f.DebugOnly()) {
			// Without section headers readelf wants another option and prints no versions; the tests of
			// elfsym compare such files with their twins that have section headers. In a debug file
			// .dynsym is NOBITS.
			continue
		}
		ours := map[uint32]elfsym.Symbol{}
		for s, err := range f.Symbols(src) {
			if err != nil {
				d.Errorf("%v: %v", src, err)
				continue
			}
			ours[s.Index] = s
		}
		for _, want := range r.symbols[src] {
			got, ok := ours[want.index]
			delete(ours, want.index)
			if left := leftOut(f, &want); left || !ok {
				if left == ok {
					d.Errorf("%v %d: readelf has %+v, listed: %t", src, want.index, want, ok)
				}
				continue
			}
			n++
			if got.Section == elfsym.SectionAbs && got.Version == got.Name {
				// The symbol that names a version: readelf and nm do not print its version, the table has it.
				got.Version = ""
			}
			if g, w := describe(f, &got), expected(f, r, &want); g != w {
				d.Errorf("%v %d: %s\n\treadelf has %s", src, want.index, g, w)
			}
		}
		for _, s := range ours {
			d.Errorf("%v %d: %s is not in readelf's output", src, s.Index, describe(f, &s))
		}
	}
	return n
}

// leftOut is what Symbols leaves out on purpose: the null symbol, those that name sections and source
// files, and the marks between code and data of arm, arm64 and RISC-V.
func leftOut(f *elfsym.File, s *symbol) bool {
	if s.index == 0 || s.typ == "SECTION" || s.typ == "FILE" {
		return true
	}
	switch f.Machine() {
	case elf.EM_ARM, elf.EM_AARCH64, elf.EM_RISCV:
		if s.typ != "NOTYPE" && s.typ != "TLS" || len(s.name) < 2 || s.name[0] != '$' {
			return false
		}
		isa := f.Machine() == elf.EM_RISCV && strings.HasPrefix(s.name, "$xrv")
		return strings.ContainsRune("adtx", rune(s.name[1])) && (len(s.name) == 2 || s.name[2] == '.') || isa
	}
	return false
}

func describe(f *elfsym.File, s *elfsym.Symbol) string {
	ndx := fmt.Sprint(s.Section)
	switch s.Section {
	case elfsym.SectionUndef:
		ndx = "UND"
	case elfsym.SectionAbs:
		ndx = "ABS"
	case elfsym.SectionCommon:
		ndx = "COM"
	}
	vis := strings.TrimPrefix(s.Visibility.String(), "STV_")
	local := uint64(0)
	if s.LocalEntry != 0 {
		local = uint64(s.LocalEntry - s.Addr)
	}
	return fmt.Sprintf("%s at 0x%x size %d %s %s %s section %s local entry %d",
		s.FullName(), uint64(s.Addr), s.Size, typeNames[s.Type], bindNames[s.Bind], vis, ndx, local)
}

// expected is a symbol of readelf's, with what we do to its value on purpose.
func expected(f *elfsym.File, r *report, s *symbol) string {
	typ, local := s.typ, 0
	addr := code(f, r, s)
	if f.Machine() == elf.EM_PPC64 && s.ndx != "UND" && isFunc(s) {
		fmt.Sscanf(s.other, "<localentry>: %d", &local)
		if local == 1 { // "the function has no use of its TOC pointer": one entry
			local = 0
		}
	}
	return fmt.Sprintf("%s at 0x%x size %d %s %s %s section %s local entry %d", s.name, addr, s.size, typ, s.bind, s.vis, s.ndx, local)
}

func isFunc(s *symbol) bool { return s.typ == "FUNC" || s.typ == "IFUNC" }

// code is the address of a symbol's code, or of its data. readelf prints values as they are; like
// GDB, nm and perf we follow the machine's rules instead.
func code(f *elfsym.File, r *report, s *symbol) uint64 {
	if !isFunc(s) {
		return s.value
	}
	switch f.Machine() {
	case elf.EM_ARM, elf.EM_MIPS:
		if s.typ == "IFUNC" && f.Machine() == elf.EM_MIPS {
			return s.value
		}
		return s.value &^ 1 // Thumb, or compressed
	case elf.EM_PPC64:
		if at := s.value - r.opd.addr; s.ndx != "UND" && s.value >= r.opd.addr && at+8 <= uint64(len(r.opd.data)) {
			if f.ByteOrder() == elf.ELFDATA2MSB {
				return binary.BigEndian.Uint64(r.opd.data[at:])
			}
			return binary.LittleEndian.Uint64(r.opd.data[at:])
		}
	}
	return s.value
}
