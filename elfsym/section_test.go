package elfsym_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// Section headers that are damaged or absent leave the segments and, from
// PT_DYNAMIC, the dynamic symbols.
func TestSectionsDamaged(t *testing.T) {
	whole := testbin.Read(t, "amd64/libtestbin.so")
	want := show(mustDrain(t, parse(t, whole).Symbols(elfsym.Dynsym)))
	if !strings.Contains(want, "ver_func@@V2") {
		t.Fatalf("symbols are\n%s", want)
	}
	for _, c := range []struct {
		what string
		edit func(b []byte)
		err  error
		part string
	}{
		{"none", func(b []byte) { clear(b[40:48]) }, nil, ""},
		{"beyond the end", func(b []byte) { b[47] = 0x7f }, elfsym.ErrTruncated, "section headers"},
		{"partly beyond the end", func(b []byte) { b[60], b[61] = 0xff, 0xfe }, elfsym.ErrTruncated, "section headers"},
		{"e_shentsize 0", func(b []byte) { b[58] = 0 }, elfsym.ErrDamaged, "entries of 0 bytes"},
		{"e_shentsize 63", func(b []byte) { b[58] = 63 }, elfsym.ErrDamaged, "entries of 63 bytes"},
	} {
		b := bytes.Clone(whole)
		c.edit(b)
		f := parse(t, b)
		secs, err := f.Sections()
		if c.err == nil && (err != nil || len(secs) != 0) {
			t.Errorf("%s: %d sections, %v", c.what, len(secs), err)
		} else if c.err != nil {
			wantError(t, c.what, err, c.err, c.part)
		}
		if s := f.Section(".text"); s != nil {
			t.Errorf("%s: Section found %+v", c.what, s)
		}
		if got := show(mustDrain(t, f.Symbols(elfsym.Dynsym))); got != want {
			t.Errorf("%s: dynamic symbols\n%s\nwant\n%s", c.what, got, want)
		}
		got := show(mustDrain(t, f.Lookup(elfsym.Dynsym, "ver_func@V1", "lib_func")))
		if want := "lib_func@@V1 0x1090 21\nver_func@V1 0x1050 4"; got != want {
			t.Errorf("%s: looked up\n%s\nwant\n%s", c.what, got, want)
		}
		_, errs := drain(f.Symbols(elfsym.Symtab))
		if c.err != nil && (len(errs) != 1 || !errors.Is(errs[0], c.err)) {
			t.Errorf("%s: errors of .symtab: %v", c.what, errs)
		}
		if f.BuildID() == nil {
			t.Errorf("%s: no build-id", c.what)
		}
	}
}

// Names that cannot be read leave the sections without them.
func TestSectionNames(t *testing.T) {
	for _, c := range []struct {
		what  string
		edit  func(w *elfwrite.File)
		err   error
		part  string
		named bool // .text still has its name
	}{
		{"e_shstrndx 0", func(w *elfwrite.File) { w.Edit = func(h *elf.Header64) { h.Shstrndx = 0 } }, nil, "", false},
		{"e_shstrndx of .text", func(w *elfwrite.File) { w.Edit = func(h *elf.Header64) { h.Shstrndx = 1 } }, elfsym.ErrDamaged, "section 1 is not a string table", false},
		{"e_shstrndx too high", func(w *elfwrite.File) { w.Edit = func(h *elf.Header64) { h.Shstrndx = 99 } }, elfsym.ErrDamaged, "section 99", false},
		{"table beyond the end", func(w *elfwrite.File) {
			w.EditSection = func(name string, s *elf.Section64) {
				if name == ".shstrtab" {
					s.Off = 1 << 50
				}
			}
		}, elfsym.ErrTruncated, "section names", false},
		{"one name beyond the table", func(w *elfwrite.File) {
			w.EditSection = func(name string, s *elf.Section64) {
				if name == ".strtab" {
					s.Name = 1 << 20
				}
			}
		}, elfsym.ErrDamaged, "name of section", true},
	} {
		w := program(fn("f", 0x401010, 5))
		c.edit(w)
		f := parse(t, w.Bytes())
		secs, err := f.Sections()
		if c.err != nil {
			wantError(t, c.what, err, c.err, c.part)
		} else if err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if len(secs) != 5 || secs[1].Addr != 0x401000 {
			t.Errorf("%s: sections %+v", c.what, secs)
		}
		if got := f.Section(".text") != nil; got != c.named {
			t.Errorf("%s: .text found: %v", c.what, got)
		}
		// Symbols need no names of sections.
		if got := show(mustDrain(t, f.Symbols(elfsym.Symtab))); got != "f 0x401010 5" {
			t.Errorf("%s: symbols: %s", c.what, got)
		}
	}
}

func TestData(t *testing.T) {
	w := program()
	w.Sections = append(w.Sections,
		elfwrite.Section{Name: ".data", Bytes: []byte("content")},
		elfwrite.Section{Name: ".bss", Type: elf.SHT_NOBITS, Size: 1 << 40},
		elfwrite.Section{Name: ".far", Bytes: []byte("x"), Edit: func(s *elf.Section64) { s.Off = 1 << 40 }},
		elfwrite.Section{Name: ".long", Bytes: []byte("x"), Edit: func(s *elf.Section64) { s.Size = 1<<64 - 1 }})
	b := w.Bytes()
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), &elfsym.Options{Limits: elfsym.Limits{Table: 0x800}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		err        error
	}{
		{".data", "content", nil}, {".bss", "", nil}, {".far", "", elfsym.ErrTruncated},
		{".long", "", elfsym.ErrTruncated}, {".text", "", elfsym.ErrLimit},
	} {
		got, err := f.Data(f.Section(c.name))
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s is %q, %v", c.name, got, err)
		}
	}
}

func TestDebugOnly(t *testing.T) {
	for name, want := range map[string]bool{"amd64/probe-pie.debug": true, "amd64/probe-pie": false, "amd64/probe-noshdr": false, "amd64/core": false} {
		f := open(t, name)
		if got := f.DebugOnly(); got != want {
			t.Errorf("%s: DebugOnly is %v", name, got)
		}
	}
	f := open(t, "amd64/probe-pie.debug")
	if has := f.Has(elfsym.Symtab | elfsym.Dynsym); has != elfsym.Symtab {
		t.Errorf("a debug file has %v", has)
	}
	if got, want := f.BuildID(), open(t, "amd64/probe-pie").BuildID(); !bytes.Equal(got, want) || len(want) != 20 {
		t.Errorf("build-ids %x and %x", got, want)
	}
	// Its program headers give no offsets.
	for s := range f.Lookup(elfsym.Symtab, "traced") {
		if off, err := f.Segments().Code(s.Addr); err == nil {
			t.Errorf("traced is at offset 0x%x of a file without code", uint64(off))
		}
	}
}

func TestCode(t *testing.T) {
	b := program().Bytes()
	f := parse(t, b)
	for _, c := range []struct {
		off elfsym.Offset
		n   int
		got int
		err error
	}{
		{0, 4, 4, nil}, {0, math.MaxInt, len(b), nil}, {elfsym.Offset(len(b)) - 3, 10, 3, nil}, {elfsym.Offset(len(b)), 1, 0, elfsym.ErrTruncated},
		{^elfsym.Offset(0), 1, 0, elfsym.ErrTruncated}, {0, 0, 0, nil}, {0, -1, 0, nil},
	} {
		got, err := f.Code(c.off, c.n)
		if len(got) != c.got || !errors.Is(err, c.err) {
			t.Errorf("Code(0x%x, %d) has %d bytes, %v; want %d", uint64(c.off), c.n, len(got), err, c.got)
		}
	}
	got, _ := f.Code(0, 4)
	got[0] = 'x' // the caller's
	if again, _ := f.Code(0, 4); string(again) != elf.ELFMAG {
		t.Errorf("after a change of what Code gave, it gives %q", again)
	}
}
