package elfsym_test

import (
	"debug/elf"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

func sym(name string, addr elfsym.Addr, size uint64, src elfsym.Source) elfsym.Symbol {
	s := elfsym.Symbol{Addr: addr, Size: size, Type: elf.STT_FUNC, Section: 1, Source: src}
	s.Name, s.Version, s.Default = elfsym.SplitVersion(name)
	return s
}

func table(syms ...elfsym.Symbol) *elfsym.Table { return elfsym.NewTable(slices.Values(syms)) }

// lines shows symbols in their order.
func lines[S ~[]*elfsym.Symbol](syms S) string {
	var out []string
	for _, s := range syms {
		out = append(out, fmt.Sprintf("%s 0x%x %d %v", s.FullName(), uint64(s.Addr), s.Size, s.Source))
	}
	return strings.Join(out, "\n")
}

const (
	st = elfsym.Symtab
	dy = elfsym.Dynsym
)

func TestTableMerge(t *testing.T) {
	object := sym("f", 16, 4, st)
	object.Type = elf.STT_OBJECT
	local := sym("f", 16, 0, st)
	local.File, local.LocalEntry = "f.c", 24
	for _, c := range []struct {
		what string
		syms []elfsym.Symbol
		want string
	}{
		{"the same in both", []elfsym.Symbol{sym("f", 16, 4, st), sym("f", 16, 4, dy)}, "f 0x10 4 symtab+dynsym"},
		{"other addresses", []elfsym.Symbol{sym("f", 32, 4, st), sym("f", 16, 4, st)}, "f 0x10 4 symtab\nf 0x20 4 symtab"},
		{"other names", []elfsym.Symbol{sym("g", 16, 4, st), sym("f", 16, 4, dy)}, "f 0x10 4 dynsym\ng 0x10 4 symtab"},
		{"another type", []elfsym.Symbol{object, sym("f", 16, 4, dy)}, "f 0x10 4 symtab\nf 0x10 4 dynsym"},
		{"bare and with a version", []elfsym.Symbol{sym("f", 16, 4, st), sym("f@@V", 16, 4, dy)}, "f@@V 0x10 4 symtab+dynsym"},
		{"with a version and bare", []elfsym.Symbol{sym("f@@V", 16, 4, dy), sym("f", 16, 4, st)}, "f@@V 0x10 4 symtab+dynsym"},
		{"bare elsewhere", []elfsym.Symbol{sym("f", 32, 4, st), sym("f@@V", 16, 4, dy)}, "f 0x20 4 symtab\nf@@V 0x10 4 dynsym"},
		{"one version in both", []elfsym.Symbol{sym("f@V", 16, 4, st), sym("f@@V", 16, 4, dy)}, "f@@V 0x10 4 symtab+dynsym"},
		{"two versions at one address", []elfsym.Symbol{sym("f@@V2", 16, 4, dy), sym("f@V1", 16, 4, dy)}, "f@V1 0x10 4 dynsym\nf@@V2 0x10 4 dynsym"},
		{"those and a bare one", []elfsym.Symbol{sym("f@@V2", 16, 4, dy), sym("f", 16, 4, st), sym("f@V1", 16, 4, dy)},
			"f@V1 0x10 4 symtab+dynsym\nf@@V2 0x10 4 symtab+dynsym"},
		{"a size from the other", []elfsym.Symbol{sym("f", 16, 0, st), sym("f", 16, 4, dy)}, "f 0x10 4 symtab+dynsym"},
		{"five times", []elfsym.Symbol{sym("f", 16, 4, st), sym("f", 16, 4, st), sym("f", 16, 4, dy), sym("f", 16, 4, st), sym("f", 16, 4, st)}, "f 0x10 4 symtab+dynsym"},
		{"none", nil, ""},
	} {
		// In any order it is the same.
		for range 5 {
			tab := table(c.syms...)
			got := lines(slices.Collect(tab.All()))
			if c.what == "another type" {
				if tab.Len() != 2 {
					t.Errorf("%s: %s", c.what, got)
				}
			} else if got != c.want {
				t.Errorf("%s: got\n%s\nwant\n%s", c.what, got, c.want)
			}
			rand.Shuffle(len(c.syms), func(i, j int) { c.syms[i], c.syms[j] = c.syms[j], c.syms[i] })
		}
	}
	for s := range table(sym("f", 16, 4, dy), local).All() {
		if s.File != "f.c" || s.LocalEntry != 24 || s.Size != 4 {
			t.Errorf("united: %+v", s)
		}
	}
}

func TestTableNamed(t *testing.T) {
	var syms []elfsym.Symbol
	for i := range 10000 { // several blocks
		syms = append(syms, sym(fmt.Sprintf("f%d@V%d", i/2, i%2), elfsym.Addr(16*i), 16, dy))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(syms), func(i, j int) { syms[i], syms[j] = syms[j], syms[i] })
	tab := table(syms...)
	if tab.Len() != 10000 {
		t.Fatalf("%d symbols", tab.Len())
	}
	for _, c := range []struct{ name, want string }{
		{"f0", "f0@V0 0x0 16 dynsym\nf0@V1 0x10 16 dynsym"}, {"f4999", "f4999@V0 0x270e0 16 dynsym\nf4999@V1 0x270f0 16 dynsym"},
		{"f", ""}, {"f5000", ""}, {"", ""}, {"zzz", ""}, {"f0@V0", ""},
	} {
		if got := lines(slices.Collect(tab.Named(c.name))); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	for range tab.Named("f0") {
		break
	}
	last := ""
	for s := range tab.All() {
		if s.Name < last {
			t.Fatalf("%s comes behind %s", s.Name, last)
		}
		last = s.Name
	}
	for i := range elfsym.Addr(10000) {
		if got := tab.At(16 * i); len(got) != 1 || got[0].Addr != 16*i {
			t.Fatalf("at 0x%x: %s", uint64(16*i), lines(got))
		}
		if got := tab.Covering(16*i + 15); len(got) != 1 || got[0].Addr != 16*i {
			t.Fatalf("covering 0x%x: %s", uint64(16*i+15), lines(got))
		}
	}
}

func TestTableCovering(t *testing.T) {
	tab := table(
		sym("outer", 0x100, 0x100, st), sym("inner", 0x120, 0x10, st), sym("inner_alias", 0x120, 0x10, dy),
		sym("label", 0x128, 0, st), sym("overlaps", 0x1f0, 0x20, st), sym("last", ^elfsym.Addr(0)-0xf, 0x100, st))
	for _, c := range []struct {
		addr elfsym.Addr
		want string
	}{
		{0xff, ""}, {0x100, "outer"}, {0x11f, "outer"}, {0x120, "inner inner_alias"}, {0x127, "inner inner_alias"}, {0x128, "label"},
		{0x129, "inner inner_alias"}, {0x130, "outer"}, {0x1ef, "outer"}, {0x1f0, "overlaps"}, {0x1ff, "overlaps"}, {0x200, "overlaps"}, {0x210, ""},
		{^elfsym.Addr(0) - 1, "last"}, {0, ""},
	} {
		var names []string
		for _, s := range tab.Covering(c.addr) {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("0x%x is covered by %q, want %q", uint64(c.addr), got, c.want)
		}
	}
	if got := lines(tab.At(0x120)); got != "inner 0x120 16 symtab\ninner_alias 0x120 16 dynsym" {
		t.Errorf("at 0x120: %s", got)
	}
	if got := tab.At(0x121); len(got) != 0 {
		t.Errorf("at 0x121: %s", lines(got))
	}
}

// A size of 0 becomes the distance to the next place that has an address of
// this file: not to a thread-local variable's offset, nor to an import.
func TestInferSizes(t *testing.T) {
	w := program(
		elfwrite.Symbol{Name: "a", Value: 0x401010, Type: elf.STT_FUNC, Section: ".text"},
		elfwrite.Symbol{Name: "a_alias", Value: 0x401010, Type: elf.STT_FUNC, Section: ".text"},
		elfwrite.Symbol{Name: "tls", Value: 0x401018, Type: elf.STT_TLS, Section: ".text"},
		elfwrite.Symbol{Name: "import", Value: 0x401019, Type: elf.STT_FUNC},
		elfwrite.Symbol{Name: "absolute", Value: 0x40101a, Index: elf.SHN_ABS},
		elfwrite.Symbol{Name: "common", Value: 0x40101b, Type: elf.STT_OBJECT, Index: elf.SHN_COMMON},
		elfwrite.Symbol{Name: "label", Value: 0x401020, Section: ".text"},
		elfwrite.Symbol{Name: "sized", Value: 0x401030, Size: 7, Type: elf.STT_FUNC, Section: ".text"},
		elfwrite.Symbol{Name: "last", Value: 0x401100, Type: elf.STT_FUNC, Section: ".text"},
		elfwrite.Symbol{Name: "outside", Value: 0x800000, Type: elf.STT_FUNC, Section: ".text"},
	)
	f := parse(t, w.Bytes())
	tab := table(mustDrain(t, f.Symbols(st))...)
	if got := tab.Covering(0x401014); len(got) != 0 {
		t.Errorf("before, 0x401014 is covered by %s", lines(got))
	}
	tab.InferSizes(f)
	want := map[string]uint64{"a": 0x10, "a_alias": 0x10, "sized": 7, "last": 0xf00, "label": 0, "outside": 0, "tls": 0, "import": 0, "absolute": 0, "common": 0}
	for s := range tab.All() {
		if s.Size != want[s.Name] || s.SizeInferred != (s.Size > 7) {
			t.Errorf("%s has size %d (inferred: %v), want %d", s.Name, s.Size, s.SizeInferred, want[s.Name])
		}
	}
	if got := tab.Covering(0x401014); len(got) != 2 {
		t.Errorf("0x401014 is covered by %s", lines(got))
	}
	// Without section headers the segment ends the last one.
	b := testbin.Read(t, "amd64/nops-noshdr")
	f = parse(t, b)
	entry := sym("_start", f.Entry(), 0, st)
	tab = table(entry)
	tab.InferSizes(f)
	end, _ := f.Segments().CodeEnd(f.Entry())
	for s := range tab.All() {
		if s.Addr+elfsym.Addr(s.Size) != end {
			t.Errorf("_start has size %d", s.Size)
		}
	}
}

// On the committed binaries: a table is a set, sorted, and loses nothing.
func TestTableFixtures(t *testing.T) {
	for _, name := range testbin.All(t) {
		f := open(t, name)
		syms := mustDrain(t, f.Symbols(st|dy))
		tab := table(syms...)
		key := func(s *elfsym.Symbol) string { return fmt.Sprintf("%s|%x|%d", s.FullName(), uint64(s.Addr), s.Type) }
		have := map[string]elfsym.Source{}
		for s := range tab.All() {
			if _, again := have[key(s)]; again {
				t.Errorf("%s: %s twice", name, key(s))
			}
			have[key(s)] = s.Source
		}
		for _, s := range syms {
			src := have[key(&s)]
			if s.Version == "" && src == 0 { // joined one with a version
				for n := range tab.Named(s.Name) {
					if n.Addr == s.Addr && n.Type == s.Type {
						src |= n.Source
					}
				}
			}
			if s.Default && src == 0 {
				t.Errorf("%s: %s is lost", name, key(&s))
			}
			if !s.Default && src&s.Source == 0 {
				if _, ok := have[strings.Replace(key(&s), "@", "@@", 1)]; !ok {
					t.Errorf("%s: %s of %v is lost", name, key(&s), s.Source)
				}
			}
		}
	}
}
