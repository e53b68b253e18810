package usdt_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
)

func TestSymbolsResolve(t *testing.T) {
	w := program(elf.ELFCLASS64, elf.ELFDATA2LSB, nil)
	object := func(name string, value uint64, bind elf.SymBind) elfwrite.Symbol {
		return elfwrite.Symbol{Name: name, Value: value, Type: elf.STT_OBJECT, Bind: bind, Section: ".data"}
	}
	w.Symbols = []elfwrite.Symbol{
		object("unique", dataAddr, elf.STB_LOCAL),
		object("twice", dataAddr+8, elf.STB_LOCAL), object("twice", dataAddr+16, elf.STB_LOCAL),
		object("same", dataAddr+24, elf.STB_LOCAL), object("same", dataAddr+24, elf.STB_GLOBAL),
		{Name: "imported", Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL},
		{Name: "tls", Type: elf.STT_TLS, Section: ".data"},
		{Name: "common", Type: elf.STT_OBJECT, Index: elf.SHN_COMMON, Value: 4},
		object("versioned@@V", dataAddr+32, elf.STB_GLOBAL),
	}
	w.Dynsyms = []elfwrite.Symbol{object("unique", dataAddr, elf.STB_GLOBAL), object("exported", dataAddr+40, elf.STB_GLOBAL)}
	f := parse(t, w.Bytes())
	syms := usdt.Symbols{}
	for _, name := range []string{"unique", "twice", "same", "imported", "tls", "common", "versioned", "exported", "absent", ".LANCHOR0",
		"unique@GOTOFF", "twice@GOTOFF", "unique@GOTPCREL", "unique@GOT", "@GOTOFF"} {
		syms[name] = 0
	}
	if err := syms.Resolve(f); err != nil {
		t.Error(err)
	}
	want := usdt.Symbols{"unique": dataAddr, "same": dataAddr + 24, "versioned": dataAddr + 32, "exported": dataAddr + 40, "unique@GOTOFF": dataAddr}
	if fmt.Sprint(syms) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", syms, want)
	}
	none := usdt.Symbols{}
	if err := none.Resolve(f); err != nil || len(none) != 0 {
		t.Errorf("of none: %v, %v", none, err)
	}
}

// What can be read is resolved although something is damaged.
func TestSymbolsResolveDamaged(t *testing.T) {
	w := program(elf.ELFCLASS64, elf.ELFDATA2LSB, nil)
	w.Symbols = []elfwrite.Symbol{{Name: "a", Value: dataAddr, Type: elf.STT_OBJECT, Section: ".data"}}
	w.Dynsyms = []elfwrite.Symbol{{Name: "b", Value: dataAddr, Type: elf.STT_OBJECT, Section: ".data"}}
	w.EditSection = func(name string, s *elf.Section64) {
		if name == ".symtab" {
			s.Entsize = 7
		}
	}
	syms := usdt.Symbols{"a": 0, "b": 0}
	if err := syms.Resolve(parse(t, w.Bytes())); !errors.Is(err, elfsym.ErrDamaged) || len(syms) != 1 || syms["b"] != dataAddr {
		t.Errorf("%v, %v", syms, err)
	}
}

// The symbols that operands of the committed binaries name.
func TestSymbolsFixtures(t *testing.T) {
	for _, file := range []string{"amd64/probe-nopie", "amd64/probe-pie", "i386/probe-nopie"} {
		f := open(t, file)
		syms := usdt.Symbols{}
		var args []operand.Arg
		for _, s := range mustSites(t, f) {
			args = s.AppendArgs(args[:0])
			syms.Names(args)
		}
		named := len(syms)
		if err := syms.Resolve(f); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if named == 0 || len(syms) == 0 {
			t.Errorf("%s: %d symbols named, %d found", file, named, len(syms))
		}
		for name, a := range syms {
			if _, err := f.Segments().Data(a); err != nil {
				t.Errorf("%s: %s: %v", file, name, err)
			}
		}
	}
}
