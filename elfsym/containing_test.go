package elfsym_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// What has a text within its name is what a listing has of it, in all binaries,
// versions and source files included.
func TestContaining(t *testing.T) {
	found := 0
	for _, name := range testbin.All(t) {
		b := testbin.Read(t, name)
		f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			continue
		}
		for _, src := range []elfsym.Source{elfsym.Symtab, elfsym.Dynsym, both, both | elfsym.PLT} {
			all, _ := drain(f.Symbols(src))
			for _, texts := range [][]string{{"helper"}, {"func", "_1"}, {"_"}, {"", "none"}, {"er"}, {"a_text_that_is_nowhere"}, {strings.Repeat("x", 2000)}, nil} {
				want := slices.DeleteFunc(slices.Clone(all), func(s elfsym.Symbol) bool {
					return !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(s.Name, text) })
				})
				got, errs := drain(f.Containing(src, texts...))
				if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || len(errs) > 0 {
					t.Errorf("%s: %v of %v: %v\n%s\nwant\n%s", name, texts, src, errs, show(got), show(want))
				}
				found += len(got)
			}
		}
	}
	if found < 1000 {
		t.Errorf("%d symbols found in all", found)
	}
}

// A few of many symbols: neither the strings are kept nor the other names read.
func TestContainingReads(t *testing.T) {
	b := program(many(20_000)...).Bytes()
	r := &counter{r: bytes.NewReader(b)}
	f, err := elfsym.NewFile(r, int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	allocated := testing.AllocsPerRun(1, func() {
		if got := mustDrain(t, f.Containing(elfsym.Symtab, "_01234")); len(got) != 10 {
			t.Errorf("%d symbols, want 10:\n%s", len(got), show(got))
		}
	})
	if reads := len(r.reads) / 2; reads > 40 || allocated > 200 { // AllocsPerRun runs it twice
		t.Errorf("%d reads, %v allocations", reads, allocated)
	}
	t.Logf("%d reads, %v allocations", len(r.reads)/2, allocated)
}

// Strings that are the text over and over, and symbols that point to all of them,
// or into one: what is read stays in proportion.
func TestContainingHostile(t *testing.T) {
	for what, strs := range map[string]string{
		"one long name":      strings.Repeat("ab", 30_000),
		"one without end":    strings.Repeat("ab", 60_000),
		"many short ones":    strings.Repeat("ab\x00", 20_000),
		"tails of long ones": strings.Repeat(strings.Repeat("x", 900)+"ab\x00", 60),
	} {
		w := program(many(20_000)...)
		w.Sections = append(w.Sections, elfwrite.Section{Name: ".names", Type: elf.SHT_STRTAB, Bytes: append([]byte{0}, strs+"\x00"...)})
		w.EditSection = func(name string, s *elf.Section64) {
			if name == ".symtab" {
				s.Link = 2
			}
		}
		for i := range w.Symbols {
			w.Symbols[i].Edit = func(s *elf.Sym64) { s.Name = uint32(1 + i*(len(strs)/20_000)) }
		}
		b := w.Bytes()
		r := &counter{r: bytes.NewReader(b)}
		f, err := elfsym.NewFile(r, int64(len(b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := drain(f.Containing(elfsym.Symtab, "ab"))
		n := 0
		for s, err := range f.Symbols(elfsym.Symtab) {
			if err == nil && strings.Contains(s.Name, "ab") {
				n++
			}
		}
		if len(got) != n {
			t.Errorf("%s: %d symbols, %d are listed", what, len(got), n)
		}
		if r.bytes > 8*len(b) {
			t.Errorf("%s: %d bytes were read of a file of %d", what, r.bytes, len(b))
		}
		t.Logf("%s: %d symbols, %d bytes read of %d", what, n, r.bytes, len(b))
	}
}
