package elfsym_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

func TestSymbols(t *testing.T) {
	w := program(
		elfwrite.Symbol{Name: "start.c", Type: elf.STT_FILE, Index: elf.SHN_ABS},
		elfwrite.Symbol{Name: "first_static", Type: elf.STT_FUNC, Value: 0x401010, Size: 1, Section: ".text"},
		elfwrite.Symbol{Type: elf.STT_SECTION, Section: ".text"},
		elfwrite.Symbol{Name: "other.c", Type: elf.STT_FILE, Index: elf.SHN_ABS},
		elfwrite.Symbol{Name: "second_static", Type: elf.STT_FUNC, Value: 0x401020, Size: 2, Section: ".text"},
		fn("global", 0x401030, 3),
		elfwrite.Symbol{Name: "ifunc", Type: elf.STT_GNU_IFUNC, Bind: elf.STB_WEAK, Other: byte(elf.STV_HIDDEN), Value: 0x401040, Section: ".text"},
		elfwrite.Symbol{Name: "variable", Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL, Value: 0x5000, Section: ".text"},
		elfwrite.Symbol{Name: "common", Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL, Index: elf.SHN_COMMON},
		elfwrite.Symbol{Name: "tls", Type: elf.STT_TLS, Bind: elf.STB_GLOBAL, Section: ".text"},
		elfwrite.Symbol{Name: "imported", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL},
		elfwrite.Symbol{Name: "absolute", Bind: elf.STB_GLOBAL, Index: elf.SHN_ABS, Value: 7},
		elfwrite.Symbol{Name: "versioned@V1", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Value: 0x401050, Section: ".text"},
		elfwrite.Symbol{Name: "versioned@@V2", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Value: 0x401060, Section: ".text"},
	)
	f := parse(t, w.Bytes())
	got := mustDrain(t, f.Symbols(elfsym.Symtab))
	want := []elfsym.Symbol{
		{Name: "first_static", Addr: 0x401010, Size: 1, Type: elf.STT_FUNC, Section: 1, File: "start.c", Source: elfsym.Symtab, Index: 2},
		{Name: "second_static", Addr: 0x401020, Size: 2, Type: elf.STT_FUNC, Section: 1, File: "other.c", Source: elfsym.Symtab, Index: 5},
		{Name: "global", Addr: 0x401030, Size: 3, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: 1, Source: elfsym.Symtab, Index: 6},
		{Name: "ifunc", Addr: 0x401040, Type: elf.STT_GNU_IFUNC, Bind: elf.STB_WEAK, Visibility: elf.STV_HIDDEN, Section: 1, Source: elfsym.Symtab, Index: 7},
		{Name: "variable", Addr: 0x5000, Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL, Section: 1, Source: elfsym.Symtab, Index: 8},
		{Name: "common", Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL, Section: elfsym.SectionCommon, Source: elfsym.Symtab, Index: 9},
		{Name: "tls", Type: elf.STT_TLS, Bind: elf.STB_GLOBAL, Section: 1, Source: elfsym.Symtab, Index: 10},
		{Name: "imported", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Source: elfsym.Symtab, Index: 11},
		{Name: "absolute", Addr: 7, Bind: elf.STB_GLOBAL, Section: elfsym.SectionAbs, Source: elfsym.Symtab, Index: 12},
		{Name: "versioned", Version: "V1", Addr: 0x401050, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: 1, Source: elfsym.Symtab, Index: 13},
		{Name: "versioned", Version: "V2", Default: true, Addr: 0x401060, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: 1, Source: elfsym.Symtab, Index: 14},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	var funcs, vars, floating []string
	for i := range got {
		if got[i].IsFunc() {
			funcs = append(funcs, got[i].FullName())
		}
		if got[i].IsVariable() {
			vars = append(vars, got[i].Name)
		}
		if f.Floating(&got[i]) {
			floating = append(floating, got[i].Name)
		}
	}
	if got, want := strings.Join(funcs, " "), "first_static second_static global ifunc versioned@V1 versioned@@V2"; got != want {
		t.Errorf("functions %s, want %s", got, want)
	}
	if got := strings.Join(vars, " "); got != "variable" {
		t.Errorf("variables %s", got)
	}
	if len(floating) != 0 {
		t.Errorf("floating in an executable at a fixed address: %s", floating)
	}
	w.Type = elf.ET_DYN
	if f := parse(t, w.Bytes()); !f.Floating(&got[8]) || f.Floating(&got[2]) {
		t.Error("in a PIE an absolute symbol floats, and no other one")
	}
}

// A symbol that is damaged is reported once; the rest is listed.
func TestSymbolsDamaged(t *testing.T) {
	w := program(fn("a", 0x401010, 1), fn("b", 0x401020, 1), fn("c", 0x401030, 1))
	w.Symbols[1].Edit = func(s *elf.Sym64) { s.Name = 1 << 20 }
	syms, errs := drain(parse(t, w.Bytes()).Symbols(elfsym.Symtab))
	if got := show(syms); got != "a 0x401010 1\nc 0x401030 1" {
		t.Errorf("got\n%s", got)
	}
	var damaged *elfsym.SymbolError
	if len(errs) != 1 || !errors.As(errs[0], &damaged) || damaged.Index != 2 || damaged.Source != elfsym.Symtab || !errors.Is(errs[0], elfsym.ErrDamaged) {
		t.Errorf("errors %v", errs)
	}
	for _, c := range []struct {
		what string
		edit func(name string, s *elf.Section64)
		err  error
	}{
		{"entries of another size", func(name string, s *elf.Section64) { s.Entsize = 25 }, elfsym.ErrDamaged},
		{"beyond the end", func(name string, s *elf.Section64) { s.Size = 24 << 30 }, elfsym.ErrTruncated},
		{"far beyond the end", func(name string, s *elf.Section64) { s.Off = 1<<64 - 8 }, elfsym.ErrTruncated},
		{"strings that are none", func(name string, s *elf.Section64) { s.Link = 1 }, elfsym.ErrDamaged},
		{"strings at no section", func(name string, s *elf.Section64) { s.Link = 1 << 31 }, elfsym.ErrDamaged},
	} {
		w := program(fn("a", 0x401010, 1))
		w.EditSection = func(name string, s *elf.Section64) {
			if name == ".symtab" {
				c.edit(name, s)
			}
		}
		f := parse(t, w.Bytes())
		syms, errs := drain(f.Symbols(elfsym.Symtab | elfsym.Dynsym))
		if len(syms) != 0 || len(errs) != 1 || !errors.Is(errs[0], c.err) {
			t.Errorf("%s: symbols %v, errors %v", c.what, syms, errs)
		}
		_, errs = drain(f.Lookup(elfsym.Symtab, "a"))
		if len(errs) != 1 || !errors.Is(errs[0], c.err) {
			t.Errorf("%s: Lookup gives errors %v", c.what, errs)
		}
	}
	// The strings' own place is wrong.
	w = program(fn("a", 0x401010, 1))
	w.EditSection = func(name string, s *elf.Section64) {
		if name == ".strtab" {
			s.Size = 1 << 40
		}
	}
	_, errs = drain(parse(t, w.Bytes()).Symbols(elfsym.Symtab))
	if len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrTruncated) {
		t.Errorf("errors %v", errs)
	}
}

// A file may have no symbols at all, and that is no error.
func TestSymbolsNone(t *testing.T) {
	for _, name := range []string{"amd64/probe-noshdr", "amd64/core", "amd64/nops-noshdr"} {
		f := open(t, name)
		if got := mustDrain(t, f.Symbols(elfsym.Symtab|elfsym.Dynsym)); len(got) > 1 && name != "amd64/probe-noshdr" {
			t.Errorf("%s has %s", name, show(got))
		}
		if got := mustDrain(t, f.Lookup(elfsym.Symtab|elfsym.Dynsym, "main")); len(got) != 0 {
			t.Errorf("%s has %s", name, show(got))
		}
	}
}

// debug/elf lists the same symbols, on what it can read.
func TestSymbolsFixtures(t *testing.T) {
	for _, name := range testbin.All(t) {
		b := testbin.Read(t, name)
		e, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		f := parse(t, b)
		for _, src := range []elfsym.Source{elfsym.Symtab, elfsym.Dynsym} {
			list := e.Symbols
			if src == elfsym.Dynsym {
				list = e.DynamicSymbols
			}
			want, err := list()
			if errors.Is(err, elf.ErrNoSymbols) {
				if e.SectionByType(elf.SHT_NULL) != nil && f.Has(src) != 0 && len(e.Sections) > 1 {
					t.Errorf("%s: has %v, and debug/elf says not", name, src)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			got := map[uint32]elfsym.Symbol{}
			for _, s := range mustDrain(t, f.Symbols(src)) {
				got[s.Index] = s
			}
			for i, w := range want {
				s, ok := got[uint32(i+1)]
				typ := elf.ST_TYPE(w.Info)
				if typ == elf.STT_SECTION || typ == elf.STT_FILE || strings.HasPrefix(w.Name, "$") {
					if ok {
						t.Errorf("%s: %v lists %+v", name, src, s)
					}
					continue
				}
				full := w.Name
				if src == elfsym.Dynsym {
					full, _, _ = strings.Cut(w.Name, "@")
				}
				gotName := s.FullName()
				if src == elfsym.Dynsym {
					gotName = s.Name
				}
				if !ok || gotName != full || s.Size != w.Size || s.Type != typ && typ != 13 || s.Bind != elf.ST_BIND(w.Info) {
					t.Errorf("%s: %v symbol %d is %+v, want %+v", name, src, i+1, s, w)
				}
				if src == elfsym.Dynsym && s.Version != w.Version {
					t.Errorf("%s: version of %s is %q, want %q", name, full, s.Version, w.Version)
				}
			}
		}
	}
}

// Versions of a library: default, hidden, two at one address.
func TestVersions(t *testing.T) {
	const want = `V1 0x0 0
V2 0x0 0
ifunc@@V1 0x1110 8
lib_data@@V1 0x4010 4
lib_func@@V1 0x1090 21
lib_round@@V1 0x1120 52
lib_tls@@V1 0x0 4
lib_weak@@V1 0x1090 21
old_func@V1 0x1080 4
protected_func@@V1 0x10b0 4
same_func@@V2 0x1070 4
same_func@V1 0x1070 4
ver_func@@V2 0x1060 4
ver_func@V1 0x1050 4`
	got := mustDrain(t, open(t, "amd64/libtestbin.so").Symbols(elfsym.Dynsym))
	// The symbols that name the versions themselves carry them too.
	lines := strings.ReplaceAll(strings.ReplaceAll(show(got), "V1@@V1 ", "V1 "), "V2@@V2 ", "V2 ")
	if lines != want {
		t.Errorf("got\n%s\nwant\n%s", lines, want)
	}
	imports := map[string]bool{}
	for _, s := range mustDrain(t, open(t, "amd64/main").Symbols(elfsym.Dynsym)) {
		if !s.Defined() {
			imports[s.FullName()] = true
		}
	}
	for _, name := range []string{"ver_func@V1", "ver_func@V2", "lib_func@V1", "absent_func"} {
		if !imports[name] {
			t.Errorf("main does not import %s but %v", name, imports)
		}
	}
}

// Version tables that are damaged cost the versions, and are reported.
func TestVersionsDamaged(t *testing.T) {
	for _, c := range []struct {
		what, section string
		edit          func(b []byte)
	}{
		{"link beyond the end", ".gnu.version_d", func(b []byte) { copy(b[16:], "\xff\xff\xff\x7f") }},
		{"name beyond the strings", ".gnu.version_d", func(b []byte) { copy(b[28+20:], "\xff\xff\xff\x7f") }},
		{"aux beyond the end", ".gnu.version_d", func(b []byte) { copy(b[28+12:], "\xff\xff\xff\x7f") }},
	} {
		f := parse(t, edited(t, "amd64/libtestbin.so", c.section, c.edit))
		syms, errs := drain(f.Symbols(elfsym.Dynsym))
		if len(syms) != 14 || len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrDamaged) {
			t.Errorf("%s: %d symbols, errors %v", c.what, len(syms), errs)
		}
		syms, errs = drain(f.Lookup(elfsym.Dynsym, "lib_func"))
		if len(syms) != 1 || len(errs) != 1 {
			t.Errorf("%s: Lookup gives %v, %v", c.what, syms, errs)
		}
	}
	// The table of numbers itself is not there.
	lib := testbin.Read(t, "amd64/libtestbin.so")
	f := parse(t, movedSection(t, lib, ".gnu.version", 1<<40))
	syms, errs := drain(f.Symbols(elfsym.Dynsym))
	if len(syms) != 14 || len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrTruncated) {
		t.Errorf("%d symbols, errors %v", len(syms), errs)
	}
	found, errs := drain(f.Lookup(elfsym.Dynsym, "lib_func"))
	if show(found) != "lib_func 0x1090 21" || len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrTruncated) {
		t.Errorf("found %s, errors %v", show(found), errs)
	}
	// A link to itself is an end.
	f = parse(t, edited(t, "amd64/main", ".gnu.version_r", func(b []byte) { clear(b[12:16]); clear(b[28:32]) }))
	mustDrain(t, f.Symbols(elfsym.Dynsym))
}

func TestSplitVersion(t *testing.T) {
	for _, c := range []struct {
		full, name, version string
		isDefault           bool
	}{
		{"f", "f", "", false}, {"f@V", "f", "V", false}, {"f@@V", "f", "V", true}, {"", "", "", false}, {"@", "@", "", false},
		{"@V", "@V", "", false}, {"f@", "f@", "", false}, {"f@@", "f", "@", false}, {"f@@@V", "f", "@V", true}, {"f@V@W", "f", "V@W", false},
	} {
		name, version, isDefault := elfsym.SplitVersion(c.full)
		if name != c.name || version != c.version || isDefault != c.isDefault {
			t.Errorf("%q is %q %q %v, want %q %q %v", c.full, name, version, isDefault, c.name, c.version, c.isDefault)
		}
		s := elfsym.Symbol{Name: name, Version: version, Default: isDefault}
		if got := s.FullName(); got != c.full {
			t.Errorf("%q has become %q", c.full, got)
		}
	}
}

func TestSource(t *testing.T) {
	for src, want := range map[elfsym.Source]string{0: "", elfsym.Symtab: "symtab", elfsym.Symtab | elfsym.Dynsym: "symtab+dynsym", 1 << 15: ""} {
		if got := src.String(); got != want {
			t.Errorf("%d is %q, want %q", src, got, want)
		}
	}
	for name, want := range map[string]elfsym.Source{"amd64/libtestbin.so": elfsym.Symtab | elfsym.Dynsym, "amd64/libtestbin-both.so": elfsym.Dynsym,
		"amd64/probe-nopie": elfsym.Symtab, "amd64/libtestbin-noshdr.so": elfsym.Dynsym, "amd64/core": 0} {
		f := open(t, name)
		if got := f.Has(elfsym.Symtab | elfsym.Dynsym); got != want {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
		if got := f.Has(elfsym.Symtab); got != want&elfsym.Symtab {
			t.Errorf("%s has %v of .symtab", name, got)
		}
	}
}
