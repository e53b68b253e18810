package relink

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
)

// entry is a member of an archive that a test makes.
type entry struct {
	name string
	data []byte
}

func header(name string, size int) []byte {
	return fmt.Appendf(nil, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, 0, 0, 0, "100644", size)
}

// archiveOf makes an archive as GNU ar does.
func archiveOf(entries ...entry) []byte {
	b := []byte(arMagic)
	var long []byte
	for _, e := range entries {
		if len(e.name) > 15 {
			long = append(long, e.name+"/\n"...)
		}
	}
	put := func(name string, data []byte) {
		b = append(append(b, header(name, len(data))...), data...)
		if len(data)%2 == 1 {
			b = append(b, '\n')
		}
	}
	put("/", make([]byte, 4))
	if len(long) > 0 {
		put("//", long)
	}
	at := 0
	for _, e := range entries {
		name := e.name + "/"
		if len(e.name) > 15 {
			name = fmt.Sprintf("/%d", at)
			at += len(e.name) + 2
		}
		put(name, e.data)
	}
	return b
}

func rela(at uint64, sym, typ uint32, addend int64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, at)
	b = binary.LittleEndian.AppendUint64(b, uint64(sym)<<32|uint64(typ))
	return binary.LittleEndian.AppendUint64(b, uint64(addend))
}

// smallObject has two functions, "f" of 16 bytes and "g", which calls f and "far".
func smallObject() *elfwrite.File {
	return &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_REL,
		Sections: []elfwrite.Section{
			{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Align: 16, Bytes: append(bytes.Repeat([]byte{0x90}, 15), 0xc3, 0xe8, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3)},
			{Name: ".rela.text", Type: elf.SHT_RELA, Link: ".symtab", Info: 1, Entsize: relaSize, Bytes: append(rela(17, 1, uint32(elf.R_X86_64_PLT32), -4), rela(22, 3, uint32(elf.R_X86_64_PLT32), -4)...)},
			{Name: ".data", Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Align: 8, Bytes: make([]byte, 8)},
		},
		Symbols: []elfwrite.Symbol{
			{Name: "f", Size: 16, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"},
			{Name: "g", Value: 16, Size: 11, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"},
			{Name: "far", Bind: elf.STB_GLOBAL},
		}}
}

func TestMembers(t *testing.T) {
	good := archiveOf(entry{"a.o", []byte("abc")}, entry{"a-member-with-a-long-name.o", []byte("defg")})
	bsd := append([]byte(arMagic), header("#1/8", 12)...)
	bsd = append(bsd, "long.o\x00\x00data"...)
	for _, tt := range []struct {
		name    string
		b       []byte
		members string
		err     string
	}{
		{"gnu", good, "a.o=abc a-member-with-a-long-name.o=defg", ""},
		{"bsd", bsd, "long.o=data", ""},
		{"bsd index", append(append([]byte(arMagic), header("__.SYMDEF", 2)...), "xx"...), "", ""},
		{"empty", []byte(arMagic), "", ""},
		{"thin", []byte(thinMagic), "", "a thin archive"},
		{"cut in a header", good[:len(arMagic)+70+20], "", "behind the last member"},
		{"cut in a member", good[:len(good)-2], "a.o=abc", "a member of 4 bytes, there are 2"},
		{"a size of text", bytes.Replace(good, []byte("3         `"), []byte("x3        `"), 1), "", `a size of "x3`},
		{"a negative size", bytes.Replace(good, []byte("3         `"), []byte("-3        `"), 1), "", `a size of "-3`},
		{"no header", bytes.Replace(good, []byte("3         `\n"), []byte("3         ``"), 1), "", "no member's header"},
		{"a name that is not there", bytes.Replace(good, []byte("/0   "), []byte("/9999"), 1), "a.o=abc", `a name at "9999"`},
		{"a name longer than the member", append([]byte(arMagic), header("#1/20", 4)...), "", "a member of 4 bytes"},
		{"a name longer than its member", append(append([]byte(arMagic), header("#1/20", 4)...), "abcd"...), "", `a name of "20" bytes`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, err := members(bytes.NewReader(tt.b), int64(len(tt.b)), 100)
			var got []string
			for _, m := range all {
				got = append(got, m.name+"="+string(tt.b[m.off:m.off+m.size]))
			}
			if s := strings.Join(got, " "); s != tt.members {
				t.Errorf("members %q, want %q", s, tt.members)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
	if _, err := members(bytes.NewReader(good), int64(len(good)), 1); !errors.Is(err, elfsym.ErrLimit) {
		t.Errorf("two members, one allowed: %v", err)
	}
}

// What can't be compared is told, and what is damaged is left out alone.
func TestLeftOut(t *testing.T) {
	good := entry{"good.o", smallObject().Bytes()}
	with := func(edit func(f *elfwrite.File)) []byte {
		f := smallObject()
		edit(f)
		return f.Bytes()
	}
	section := func(edit func(s *elf.Section64)) []byte {
		return with(func(f *elfwrite.File) { f.Sections[0].Edit = edit })
	}
	lto := (&elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_REL, Sections: []elfwrite.Section{{Name: ".gnu.lto_.opts", Bytes: []byte("x")}}, Symbols: []elfwrite.Symbol{{Name: "s"}}}).Bytes()
	for _, tt := range []struct {
		name    string
		entries []entry
		problem string // "" is none
		err     string // "" is none
	}{
		{"nothing else", []entry{good}, "", ""},
		{"an empty object", []entry{good, {"e.o", with(func(f *elfwrite.File) { f.Sections = nil; f.Symbols = nil })}}, "", ""},
		{"not an object", []entry{good, {"notes.txt", []byte("hello")}}, `member "notes.txt": no object file`, ""},
		{"bytecode", []entry{good, {"l.o", lto}, {"m.o", lto}}, `2 members, "l.o" the first: bytecode of a compiler only (-flto)`, ""},
		{"bitcode", []entry{good, {"l.o", []byte("BC\xc0\xde1234")}}, `member "l.o": bytecode of a compiler only`, ""},
		{"bytecode alone", []entry{{"l.o", lto}}, "", "no object file with code of x86-64 or arm64 in it\nmember \"l.o\": bytecode"},
		{"another machine", []entry{good, {"arm.o", with(func(f *elfwrite.File) { f.Machine = elf.EM_AARCH64 })}}, `member "arm.o": of another machine`, ""},
		{"a machine that is not known", []entry{{"s.o", with(func(f *elfwrite.File) { f.Machine = elf.EM_S390 })}}, "", "of another machine, class or byte order"},
		{"a section beyond the file", []entry{good, {"b.o", section(func(s *elf.Section64) { s.Size = 1 << 40 })}}, `member "b.o": section 1 ".text" at 0x40: of 1099511627776 bytes`, ""},
		{"sections that overlap", []entry{good, {"b.o", with(func(f *elfwrite.File) {
			for range 60 {
				f.Sections = append(f.Sections, elfwrite.Section{Name: ".data.x", Flags: elf.SHF_ALLOC, Offset: 0x40, Bytes: make([]byte, 400)})
			}
		})}}, "beyond the file's", ""},
		{"an odd alignment", []entry{good, {"b.o", section(func(s *elf.Section64) { s.Addralign = 3 })}}, "an alignment of 3", ""},
		{"much memory", []entry{good, {"b.o", with(func(f *elfwrite.File) {
			f.Sections = append(f.Sections, elfwrite.Section{Name: ".bss", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Size: 1 << 50})
		})}}, "", "over the limit"},
		{"a large common symbol", []entry{good, {"b.o", with(func(f *elfwrite.File) {
			f.Symbols = append(f.Symbols, elfwrite.Symbol{Name: "c", Bind: elf.STB_GLOBAL, Index: elf.SHN_COMMON, Size: 1<<64 - 1})
		})}}, "", "over the limit"},
		{"a symbol in no section", []entry{good, {"b.o", with(func(f *elfwrite.File) { f.Symbols[0].Section, f.Symbols[0].Index = "", 99 })}}, "in section 99", ""},
		{"an unknown relocation", []entry{good, {"b.o", with(func(f *elfwrite.File) { f.Sections[1].Bytes = rela(17, 1, 250, 0) })}}, "1 relocations of an unknown type (250) were not applied", ""},
		{"a relocation beyond the section", []entry{good, {"b.o", with(func(f *elfwrite.File) { f.Sections[1].Bytes = rela(25, 1, uint32(elf.R_X86_64_PLT32), 0) })}}, "1 relocations beyond the end of their section", ""},
		{"a relocation of no symbol", []entry{good, {"b.o", with(func(f *elfwrite.File) { f.Sections[1].Bytes = rela(17, 1000, uint32(elf.R_X86_64_PLT32), 0) })}}, "1 relocations of symbols that are not there", ""},
		{"too far", []entry{good, {"b.o", with(func(f *elfwrite.File) { f.Sections[1].Bytes = rela(17, 1, uint32(elf.R_X86_64_PLT32), 1<<40) })}}, "1 relocations too far", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := archiveOf(tt.entries...)
			lib, problems, err := Link(t.Context(), bytes.NewReader(b), int64(len(b)), "test.a", Limits{})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || lib != nil {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			switch text := errors.Join(problems...); {
			case tt.problem == "" && text != nil, tt.problem != "" && (len(problems) != 1 || !strings.Contains(text.Error(), tt.problem)):
				t.Errorf("problems %v, want %q", text, tt.problem)
			}
			check(t, b, lib.Image)
		})
	}
}

// What two members define, each has its own of, and others the first's that is not weak.
func TestDefinitions(t *testing.T) {
	caller := smallObject()
	caller.Symbols = []elfwrite.Symbol{{Name: "d", Bind: elf.STB_GLOBAL}, {Name: "g", Value: 16, Size: 11, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"}, {Name: "d2", Bind: elf.STB_GLOBAL}}
	definer := func(bind elf.SymBind) []byte {
		f := smallObject()
		f.Symbols = []elfwrite.Symbol{{Name: "d", Size: 16, Type: elf.STT_FUNC, Bind: bind, Section: ".text"}, {Name: "own", Value: 16, Size: 11, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"}, {Name: "d2", Bind: elf.STB_GLOBAL}}
		return f.Bytes()
	}
	// Each member's code begins 32 bytes after the one before.
	for _, tt := range []struct {
		first, second elf.SymBind
		want          [3]uint64 // where the caller and the two definers call: sections of 32 bytes
	}{
		{elf.STB_GLOBAL, elf.STB_GLOBAL, [3]uint64{1, 1, 2}},
		{elf.STB_WEAK, elf.STB_GLOBAL, [3]uint64{2, 2, 2}},
		{elf.STB_WEAK, elf.STB_WEAK, [3]uint64{1, 1, 1}},
	} {
		image, problems := linkBytes(t, archiveOf(entry{"c.o", caller.Bytes()}, entry{"1.o", definer(tt.first)}, entry{"2.o", definer(tt.second)}))
		if len(problems) > 0 {
			t.Error(problems)
		}
		for i, want := range tt.want {
			at := page + 32*i + 17
			if to := uint64(at) + 4 + uint64(int64(int32(le.Uint32(image[at:])))); to != page+32*want {
				t.Errorf("%v, %v: member %d calls 0x%x, want 0x%x", tt.first, tt.second, i, to, page+32*want)
			}
		}
	}
}

// check holds an image to what was promised of it.
func check(t *testing.T, in, image []byte) {
	t.Helper()
	f, err := elfsym.NewFile(bytes.NewReader(image), int64(len(image)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range f.Symbols(elfsym.Symtab | elfsym.Dynsym | elfsym.PLT) {
		if err != nil {
			t.Fatalf("a symbol of the image: %v", err)
		}
		if s.Defined() && !f.Segments().IsCode(s.Addr) {
			t.Fatalf("%s is at 0x%x, where no code is", s.Name, uint64(s.Addr))
		}
	}
	for _, err := range f.Pointers() {
		if err != nil {
			t.Fatal(err)
		}
	}
	// Alignment fills up to 64 bytes for a header of 64, symbols and names are written once more.
	if most := 32*len(in) + 64<<10; len(image) > most {
		t.Fatalf("an image of %d bytes, made of %d", len(image), len(in))
	}
}

func FuzzLink(f *testing.F) {
	small := smallObject().Bytes()
	f.Add(small)
	f.Add(archiveOf(entry{"a.o", small}, entry{"a-member-with-a-long-name.o", small}))
	f.Add([]byte(thinMagic))
	arm := smallObject()
	arm.Machine = elf.EM_AARCH64
	arm.Sections[1].Bytes = append(rela(16, 1, uint32(elf.R_AARCH64_CALL26), 0), rela(20, 3, uint32(elf.R_AARCH64_JUMP26), 0)...)
	f.Add(arm.Bytes())
	tls := smallObject()
	tls.Sections = append(tls.Sections, elfwrite.Section{Name: ".tdata", Flags: elf.SHF_ALLOC | elf.SHF_WRITE | elf.SHF_TLS, Bytes: make([]byte, 16)},
		elfwrite.Section{Name: ".eh_frame", Flags: elf.SHF_ALLOC, Bytes: append([]byte{20, 0, 0, 0}, make([]byte, 28)...)},
		elfwrite.Section{Name: ".group", Type: elf.SHT_GROUP, Link: ".symtab", Info: 1, Bytes: []byte{1, 0, 0, 0, 1, 0, 0, 0}})
	tls.Symbols = append(tls.Symbols, elfwrite.Symbol{Name: "v", Type: elf.STT_TLS, Bind: elf.STB_GLOBAL, Section: ".tdata"}, elfwrite.Symbol{Name: "c", Bind: elf.STB_GLOBAL, Index: elf.SHN_COMMON, Size: 8},
		elfwrite.Symbol{Name: "i", Type: elf.STT_GNU_IFUNC, Bind: elf.STB_GLOBAL, Section: ".text"})
	for _, typ := range []elf.R_X86_64{elf.R_X86_64_64, elf.R_X86_64_GOTPCREL, elf.R_X86_64_REX_GOTPCRELX, elf.R_X86_64_GOTTPOFF, elf.R_X86_64_TLSGD, elf.R_X86_64_TLSLD, elf.R_X86_64_TPOFF32, elf.R_X86_64_32S, elf.R_X86_64_GOTPC32_TLSDESC} {
		for sym := uint32(1); sym < 7; sym++ {
			tls.Sections[1].Bytes = append(tls.Sections[1].Bytes, rela(uint64(sym)+4, sym, uint32(typ), -4)...)
		}
	}
	f.Add(archiveOf(entry{"t.o", tls.Bytes()}, entry{"u.o", tls.Bytes()}))
	f.Fuzz(func(t *testing.T, b []byte) {
		limits := Limits{Bytes: 1 << 24, Memory: 1 << 24}
		lib, _, err := Link(context.Background(), bytes.NewReader(b), int64(len(b)), "fuzz.a", limits)
		if (err == nil) == (lib == nil) {
			t.Fatalf("a library, %v, and the error %v", lib != nil, err)
		}
		if err != nil {
			return
		}
		check(t, b, lib.Image)
		if !slices.IsSorted(lib.Units) || len(lib.Units) == 0 {
			t.Fatalf("code begins at %v", lib.Units)
		}
		again, _, err := Link(context.Background(), bytes.NewReader(b), int64(len(b)), "fuzz.a", limits)
		if err != nil || !bytes.Equal(lib.Image, again.Image) {
			t.Fatalf("the same archive gives another image: %v", err)
		}
	})
}
