package main

import (
	"debug/elf"
	"errors"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// A line of -l is made without garbage: a listing has a million.
func TestLongLine(t *testing.T) {
	sym := elfsym.Symbol{Name: "f", Addr: 0x1010, Size: 16, Type: elf.STT_FUNC, Source: elfsym.Symtab | elfsym.Dynsym}
	pr := offset.Probe{Kind: offset.KindFunc, Path: "/lib/a file", Symbol: &sym, Offset: 0x10, EntryOffset: 0x18}
	var line longLine
	buf := make([]byte, 0, 1000)
	for _, tt := range []struct {
		change func()
		want   string
	}{
		{func() {}, `0x18  16  symtab+dynsym  func  uprobe:"/lib/a file":f`},
		{func() { sym.Source = elfsym.Symtab }, `0x18  16  symtab  func  uprobe:"/lib/a file":f`},
		{func() { pr.Path = "/lib/b" }, `0x18  16  symtab  func  uprobe:/lib/b:f`},
		{func() { sym.Size, sym.SizeInferred = 8, true }, `0x18  ~8  symtab  func  uprobe:/lib/b:f  not for bpftrace, which wants a size`},
		{func() { sym.SizeInferred, sym.Name = false, "g\x1b\n+" }, `0x18  8  symtab  func  uprobe:/lib/b:"g\x1b\x0a+"  not for bpftrace, which takes + for a distance`},
		{func() { sym.Name, sym.Version, sym.Default = "h", "V\x1b", true }, `0x18  8  symtab  func  uprobe:/lib/b:h  @@V\x1b`},
		{func() { sym.Version, sym.File = "", "a.c" }, `0x18  8  symtab  func  uprobe:/lib/b:h  (a.c)`},
		{func() { pr.Err, sym.File = errors.New("no code"), "" }, `-  8  symtab  func  uprobe:/lib/b:h  no code`},
		{func() { pr.Err, pr.Kind, sym.Type = nil, offset.KindData, elf.STT_OBJECT }, `0x1010(address)  8  symtab  object  data:/lib/b:h`},
	} {
		tt.change()
		line.b = buf
		if got := string(line.append(&pr, "")); got != tt.want+"\n" {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	pr.Kind, sym.Type = offset.KindFunc, elf.STT_FUNC
	if n := testing.AllocsPerRun(100, func() { line.b = buf; line.append(&pr, "") }); n > 0 {
		t.Errorf("%v allocations for a line", n)
	}
	line.b = buf
	if got, want := string(line.append(&pr, "old")), "0x18  8  symtab  func  uprobe:/lib/b:h  old\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
