package elfsym_test

import (
	"debug/elf"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/gotab"
	"github.com/probels/probels/internal/wire"
)

// The table is a source of symbols like the others.
func TestGoTableSource(t *testing.T) {
	for _, headers := range []bool{true, false} {
		g := newGoFile(gotab.Go120, wire.Layout{Is64: true}, elf.EM_X86_64)
		g.elf.NoSectionHeaders = !headers
		f := parse(t, g.bytes())
		if got := f.Has(elfsym.Symtab | elfsym.Dynsym | elfsym.GoTable); got != elfsym.GoTable {
			t.Errorf("has %v", got)
		}
		want := elfsym.Symbol{
			Name: "main.(*T).Method", Addr: goTextAddr + 0x200, Size: 0x600, SizeInferred: true, Type: elf.STT_FUNC,
			Section: elfsym.SectionUnknown, Index: 3, Source: elfsym.GoTable,
		}
		if headers {
			want.Section = 1
		}
		all := mustDrain(t, f.Symbols(elfsym.Symtab|elfsym.GoTable))
		if len(all) != 4 || all[3] != want {
			t.Errorf("%+v, want %+v the last", all, want)
		}
		if got := mustDrain(t, f.Lookup(elfsym.Dynsym|elfsym.GoTable, "main.(*T).Method", "main.none", "read@plt")); len(got) != 1 || got[0] != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if s := all[3]; !s.IsFunc() || f.Floating(&s) || s.Source.String() != "gopclntab" {
			t.Errorf("%+v", s)
		}
	}
	// What could not be placed is one error.
	g := newGoFile(gotab.Go120, wire.Layout{Is64: true}, elf.EM_X86_64)
	g.elf.Entry = goTextAddr + 0x48
	f := parse(t, g.bytes())
	if all, errs := drain(f.Symbols(elfsym.GoTable)); len(all) != 0 || len(errs) != 1 || f.Has(elfsym.GoTable) != 0 {
		t.Errorf("%v, %v", all, errs)
	}
}
