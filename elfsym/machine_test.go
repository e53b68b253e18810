package elfsym_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

func TestMappingSymbols(t *testing.T) {
	names := []string{"$a", "$d", "$t", "$x", "$d.realdata", "$xrv64gc", "$xrv32i.1", "$data", "$", "a$a", "$z"}
	for m, want := range map[elf.Machine]string{
		elf.EM_ARM: "$xrv64gc $xrv32i.1 $data $ a$a $z", elf.EM_AARCH64: "$xrv64gc $xrv32i.1 $data $ a$a $z",
		elf.EM_RISCV: "$data $ a$a $z", elf.EM_X86_64: "$a $d $t $x $d.realdata $xrv64gc $xrv32i.1 $data $ a$a $z",
	} {
		w := program()
		w.Machine = m
		for i, n := range names {
			w.Symbols = append(w.Symbols, elfwrite.Symbol{Name: n, Value: 0x401000 + uint64(i), Section: ".text"})
		}
		f := parse(t, w.Bytes())
		got := ""
		for _, s := range mustDrain(t, f.Symbols(elfsym.Symtab)) {
			got += " " + s.Name
		}
		if got != " "+want {
			t.Errorf("%v: listed are%s, want %s", m, got, want)
		}
		found := mustDrain(t, f.Lookup(elfsym.Symtab, "$a"))
		if (len(found) == 0) != (m != elf.EM_X86_64) {
			t.Errorf("%v: Lookup finds %v", m, found)
		}
		// A function may have such a name.
		w.Symbols = []elfwrite.Symbol{fn("$a", 0x401000, 1)}
		if got := mustDrain(t, parse(t, w.Bytes()).Symbols(elfsym.Symtab)); len(got) != 1 {
			t.Errorf("%v: the function $a is not listed", m)
		}
	}
}

// Bit 0 of a value says in which instruction set the code is.
func TestCompressedCode(t *testing.T) {
	object := elfwrite.Symbol{Name: "object", Value: 0x401031, Type: elf.STT_OBJECT, Section: ".text"}
	for m, want := range map[elf.Machine]string{
		elf.EM_ARM:    "f 0x401010 2\nobject 0x401031 0\nold 0x401020 0",
		elf.EM_MIPS:   "f 0x401010 2\nobject 0x401031 0\nold 0x401021 0",
		elf.EM_X86_64: "f 0x401011 2\nobject 0x401031 0\nold 0x401021 0",
	} {
		w := program(fn("f", 0x401011, 2), elfwrite.Symbol{Name: "old", Value: 0x401021, Type: 13, Section: ".text"}, object)
		w.Machine = m
		got := mustDrain(t, parse(t, w.Bytes()).Symbols(elfsym.Symtab))
		if show(got) != want {
			t.Errorf("%v:\n%s\nwant\n%s", m, show(got), want)
		}
		if m == elf.EM_ARM && !got[1].IsFunc() {
			t.Errorf("STT_ARM_TFUNC is no function but %v", got[1].Type)
		}
	}
	for _, s := range mustDrain(t, open(t, "arm/probe-pie").Symbols(elfsym.Symtab)) {
		if s.IsFunc() && s.Addr%2 != 0 {
			t.Errorf("%s is at 0x%x", s.Name, uint64(s.Addr))
		}
	}
}

// 64-bit PowerPC ELFv2: three bits of st_other are the way to the local entry.
func TestLocalEntry(t *testing.T) {
	for bits, want := range map[byte]elfsym.Addr{0: 0, 1: 0, 2: 4, 3: 8, 4: 16, 5: 32, 6: 64, 7: 0} {
		w := program(fn("f", 0x401010, 64))
		w.Machine, w.Symbols[0].Other = elf.EM_PPC64, bits<<5
		for s := range parse(t, w.Bytes()).Symbols(elfsym.Symtab) {
			if want != 0 {
				want += 0x401010
			}
			entry := max(want, 0x401010)
			if s.LocalEntry != want || s.Entry() != entry || s.Addr != 0x401010 {
				t.Errorf("%d: at 0x%x, local entry 0x%x, want 0x%x", bits, uint64(s.Addr), uint64(s.LocalEntry), uint64(want))
			}
		}
	}
	for s, err := range open(t, "ppc64le/probe-pie").Lookup(elfsym.Symtab, "traced") {
		if err != nil || s.Addr != 0x640 || s.LocalEntry != 0x648 {
			t.Errorf("traced of ppc64le is at 0x%x, local entry 0x%x, %v", uint64(s.Addr), uint64(s.LocalEntry), err)
		}
	}
}

// 64-bit PowerPC ELFv1: a function's symbol is its descriptor's.
func TestDescriptors(t *testing.T) {
	f := open(t, "ppc64/probe-pie")
	n := 0
	for _, s := range mustDrain(t, f.Symbols(elfsym.Symtab)) {
		if !s.IsFunc() {
			continue
		}
		n++
		if sec, _ := f.Sections(); sec[s.Section].Name != ".opd" && sec[s.Section].Name != ".text" {
			t.Errorf("%s is in %s", s.Name, sec[s.Section].Name)
		}
		text := f.Section(".text")
		if s.Addr < text.Addr || s.Addr >= text.Addr+elfsym.Addr(text.Size) {
			t.Errorf("%s is at 0x%x, outside of .text", s.Name, uint64(s.Addr))
		}
		if !f.Segments().IsCode(s.Addr) {
			t.Errorf("%s is at 0x%x, which is no code", s.Name, uint64(s.Addr))
		}
	}
	if n < 20 {
		t.Errorf("%d functions", n)
	}
	// Without section headers nothing says where .opd is (GNU ld writes no
	// DT_PPC64_OPD), so the symbols stay data, which is refused as code.
	b := testbin.Read(t, "ppc64/libtestbin.so")
	clear(b[40:48])
	bare := parse(t, b)
	for _, s := range mustDrain(t, bare.Symbols(elfsym.Dynsym)) {
		if off, err := bare.Segments().Code(s.Addr); s.IsFunc() && err == nil {
			t.Errorf("%s, a descriptor, is code at offset 0x%x", s.Name, uint64(off))
		}
	}
	// Where it is written, it is followed.
	whole := testbin.Read(t, "ppc64/libtestbin.so")
	opd := headerOf(t, whole, ".opd")
	want := show(mustDrain(t, parse(t, whole).Symbols(elfsym.Dynsym)))
	for _, p := range bare.Segments().All() {
		if d := b[p.Offset:]; p.Type == elf.PT_DYNAMIC {
			binary.BigEndian.PutUint64(d, 0x70000001) // in place of DT_SONAME
			binary.BigEndian.PutUint64(d[8:], opd.Addr)
			binary.BigEndian.PutUint64(d[6*16:], 0x70000002) // and of DT_PLTGOT
			binary.BigEndian.PutUint64(d[6*16+8:], opd.Size)
		}
	}
	if got := show(mustDrain(t, parse(t, b).Symbols(elfsym.Dynsym))); got != want {
		t.Errorf("with DT_PPC64_OPD:\n%s\nwant\n%s", got, want)
	}

	for _, c := range []struct {
		what string
		opd  elfwrite.Section
		want string
		errs int
		err  error
	}{
		{"good", elfwrite.Section{Bytes: descriptors(0x401010, 0x401020)}, "a 0x401010 4\nb 0x401020 4\ncode 0x401030 4", 0, nil},
		{"cut off", elfwrite.Section{Bytes: descriptors(0x401010, 0x401020)[:28]}, "a 0x401010 4\ncode 0x401030 4", 1, elfsym.ErrDamaged},
		{"filled in later", elfwrite.Section{Bytes: descriptors(0x401010, 0)}, "a 0x401010 4\ncode 0x401030 4", 1, elfsym.ErrDamaged},
		{"absent, as in a debug file", elfwrite.Section{Type: elf.SHT_NOBITS, Size: 48}, "", 1, elfsym.ErrUnsupported},
		{"beyond the end", elfwrite.Section{Bytes: descriptors(1, 2), Edit: func(s *elf.Section64) { s.Off = 1 << 40 }}, "", 1, elfsym.ErrTruncated},
	} {
		w := program()
		w.Machine, w.Data = elf.EM_PPC64, elf.ELFDATA2MSB
		c.opd.Name, c.opd.Addr, c.opd.Flags = ".opd", 0x600000, elf.SHF_ALLOC|elf.SHF_WRITE
		w.Sections = append(w.Sections, c.opd)
		w.Symbols = []elfwrite.Symbol{fn("a", 0x600000, 4), fn("b", 0x600018, 4), fn("code", 0x401030, 4)}
		syms, errs := drain(parse(t, w.Bytes()).Symbols(elfsym.Symtab))
		if show(syms) != c.want || len(errs) != c.errs || c.errs > 0 && !errors.Is(errs[0], c.err) {
			t.Errorf("%s: got\n%s\nerrors %v; want\n%s", c.what, show(syms), errs, c.want)
		}
	}
}

func descriptors(code ...uint64) []byte {
	var b bytes.Buffer
	for _, c := range code {
		binary.Write(&b, binary.BigEndian, [3]uint64{c, 0x608000, 0})
	}
	return b.Bytes()
}
