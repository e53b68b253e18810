package elfsym_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/gotab"
	"github.com/probels/probels/internal/gotab/gotabtest"
	"github.com/probels/probels/internal/wire"
)

// goFile is a Go program in all that matters: a text, a table, a moduledata and
// an entry point.
type goFile struct {
	prog gotabtest.Program
	elf  elfwrite.File

	section  string // of the table
	relocate bool   // DT_RELA carries the pointers, zeros are in the file
	edit     func(o *gotabtest.Output)
}

const (
	goTextAddr  = 0x401100 // .text begins 0x100 before: C's start-up code
	goTableAddr = 0x410000
	goDataAddr  = 0x420000
)

func newGoFile(v gotab.Version, l wire.Layout, m elf.Machine) *goFile {
	g := &goFile{section: ".gopclntab"}
	g.prog = gotabtest.Program{
		Version: v, Layout: l, Quantum: 1, Addr: goTableAddr, Text: goTextAddr, Size: 0x800, HeaderText: v == gotab.Go118,
		Module: goDataAddr + 0x40, Files: []string{"/src/main.go"},
		Funcs: []gotabtest.Func{
			{Name: "runtime.text", Entry: 0},
			{Name: "main.main", Entry: 0x40, Line: 5, Files: []gotabtest.Span{{Bytes: 0x100, Value: 0}}, Lines: []gotabtest.Span{{Bytes: 0x100, Value: 6}}},
			{Name: "_rt0_some_linux", Entry: 0x140},
			{Name: "main.(*T).Method", Entry: 0x200},
		},
	}
	g.elf = elfwrite.File{Machine: m, Type: elf.ET_EXEC, Class: elf.ELFCLASS32, Data: elf.ELFDATA2LSB, Entry: goTextAddr + 0x140}
	if l.Is64 {
		g.elf.Class = elf.ELFCLASS64
	}
	if l.Big {
		g.elf.Data = elf.ELFDATA2MSB
	}
	return g
}

// bytes lays the file out: text, table, data, each in a segment.
func (g *goFile) bytes() []byte {
	o := g.prog.Write()
	var rela []byte
	if g.relocate {
		rela = g.takePointers(o)
	}
	if g.edit != nil {
		g.edit(o)
	}
	data := append(make([]byte, g.prog.Module-goDataAddr), o.Module...)
	f := g.elf
	f.Sections = []elfwrite.Section{
		{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: goTextAddr - 0x100, Bytes: make([]byte, 0x1000), Align: 16},
		{Name: g.section, Flags: elf.SHF_ALLOC, Addr: goTableAddr, Bytes: o.Table, Align: 32},
		{Name: ".data", Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: goDataAddr, Bytes: data, Align: 32},
	}
	f.Segments = []elfwrite.Segment{load(rx, ".text", ".text"), load(elf.PF_R, g.section, g.section), load(rw, ".data", ".data")}
	if g.section == ".data.rel.ro" { // what strip leaves tells that it is a Go program
		f.Sections = append(f.Sections, elfwrite.Section{Name: ".go.buildinfo"})
	}
	if rela != nil {
		f.Sections = append(f.Sections,
			elfwrite.Section{Name: ".rela.dyn", Flags: elf.SHF_ALLOC, Addr: 0x430000, Bytes: rela, Align: 8},
			elfwrite.Section{Name: ".dynamic", Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: 0x440000, Align: 8, Bytes: numbers(&f, g.prog.Is64,
				uint64(elf.DT_RELA), 0x430000, uint64(elf.DT_RELASZ), uint64(len(rela)), uint64(elf.DT_RELAENT), uint64(3*g.prog.WordSize()), 0, 0)})
		f.Segments = append(f.Segments, load(elf.PF_R, ".rela.dyn", ".rela.dyn"), load(rw, ".dynamic", ".dynamic"),
			elfwrite.Segment{Type: elf.PT_DYNAMIC, Flags: rw, Covers: [2]string{".dynamic", ".dynamic"}})
	}
	return f.Bytes()
}

// takePointers moves what looks like a pointer in the list of functions and in
// moduledata into relocations, in an order that is not that of addresses.
func (g *goFile) takePointers(o *gotabtest.Output) (rela []byte) {
	p := &g.prog
	w := p.WordSize()
	var ord binary.ByteOrder = binary.LittleEndian
	if p.Big {
		ord = binary.BigEndian
	}
	typ := map[elf.Machine]uint64{elf.EM_X86_64: 8, elf.EM_S390: 12, elf.EM_AARCH64: 1027}[g.elf.Machine]
	take := func(b []byte, addr uint64) {
		for i := 0; i+w <= len(b); i += w {
			v := uint64(ord.Uint32(b[i:]))
			if w == 8 {
				v = ord.Uint64(b[i:])
			}
			if v < 0x400000 || v >= 0x450000 {
				continue
			}
			clear(b[i : i+w])
			b[i] = 0xee // what is there does not count
			rela = slices.Insert(rela, 0, numbers(&g.elf, w == 8, addr+uint64(i), typ, v)...)
		}
	}
	take(o.Module, p.Module)
	if p.Version.Absolute() {
		take(o.Table[o.List:][:(2*len(p.Funcs)+1)*w], p.Addr+o.List)
	}
	if p.Version >= gotab.Go118 && p.HeaderText {
		take(o.Table[8+2*w:][:w], p.Addr+uint64(8+2*w))
	}
	return rela
}

// open opens it, and finds the table.
func (g *goFile) open(t *testing.T) (*elfsym.GoFuncTable, error) {
	t.Helper()
	return parse(t, g.bytes()).GoFuncs()
}

// names are the functions with their distance from the text.
func goNames(t *testing.T, tab *elfsym.GoFuncTable) string {
	t.Helper()
	var out []string
	for _, f := range mustDrain(t, tab.Funcs()) {
		out = append(out, fmt.Sprintf("%s+0x%x", f.Name, uint64(f.Addr)-goTextAddr))
	}
	return strings.Join(out, " ")
}

const wantGoNames = "runtime.text+0x0 main.main+0x40 _rt0_some_linux+0x140 main.(*T).Method+0x200"

var goVersions = []gotab.Version{gotab.Go12, gotab.Go116, gotab.Go118, gotab.Go120}

// Every version, byte order and word size, with the table in a section of its
// own, in another, and without section headers; with pointers in the file and in
// relocations.
func TestGoTableWritten(t *testing.T) {
	for _, v := range goVersions {
		for _, l := range []struct {
			wire.Layout
			m elf.Machine
		}{{wire.Layout{Is64: true}, elf.EM_X86_64}, {wire.Layout{}, elf.EM_386}, {wire.Layout{Big: true, Is64: true}, elf.EM_S390}, {wire.Layout{Big: true}, elf.EM_MIPS}} {
			for _, place := range []string{".gopclntab", ".data.rel.ro.gopclntab", ".data.rel.ro", "no headers"} {
				for _, relocate := range []bool{false, true} {
					if relocate && !l.Is64 {
						continue // those relocate what is in the file
					}
					t.Run(fmt.Sprintf("%v %v %s relocate=%v", v, l.m, place, relocate), func(t *testing.T) {
						g := newGoFile(v, l.Layout, l.m)
						g.section, g.relocate = place, relocate
						if place == "no headers" {
							g.section, g.elf.NoSectionHeaders = ".rodata", true
						}
						b := g.bytes()
						tab, err := parse(t, b).GoFuncs()
						if err != nil {
							t.Fatal(err)
						}
						if got := goNames(t, tab); got != wantGoNames {
							t.Errorf("%s, want %s", got, wantGoNames)
						}
						if tab.Version() != v.String() || tab.Addr() != goTableAddr || tab.Module() != goDataAddr+0x40 || tab.Len() != 4 {
							t.Errorf("%s %x %x %d", tab.Version(), tab.Addr(), tab.Module(), tab.Len())
						}
						want := elfsym.Addr(goTextAddr)
						if v.Absolute() {
							want = 0
						}
						if tab.TextStart() != want {
							t.Errorf("text at 0x%x", tab.TextStart())
						}
						if e := strings.Join(tab.Evidence(), "; "); !strings.Contains(e, "moduledata at 0x420040") || !strings.Contains(e, "is _rt0_some_linux") {
							t.Errorf("evidence: %s", e)
						}
						if file, line, err := tab.Line(goTextAddr + 0x44); file != "/src/main.go" || line != 6 || err != nil {
							t.Errorf("%s:%d, %v", file, line, err)
						}
						if frames, err := tab.Frames(goTextAddr + 0x44); err != nil || len(frames) != 1 ||
							frames[0] != (elfsym.GoFrame{Func: "main.main", File: "/src/main.go", Line: 6}) {
							t.Errorf("%+v, %v", frames, err)
						}
						if fn, ok, err := tab.At(goTextAddr + 0x230); fn.Name != "main.(*T).Method" || fn.Size != 0x600 || !ok || err != nil {
							t.Errorf("%+v, %v, %v", fn, ok, err)
						}
						found := mustDrain(t, tab.Lookup("main.main"))
						if len(found) != 1 || found[0].Addr != goTextAddr+0x40 {
							t.Errorf("%+v", found)
						}
					})
				}
			}
		}
	}
}

// What is not certain is refused, and the error has what was found out.
func TestGoTableRefused(t *testing.T) {
	le64 := wire.Layout{Is64: true}
	for _, tt := range []struct {
		name string
		v    gotab.Version
		edit func(g *goFile)
		want string // "" if it is accepted
	}{
		{"1.26 without moduledata", gotab.Go120, func(g *goFile) { g.edit = func(o *gotabtest.Output) { clear(o.Module) } }, "no text start"},
		{"header and entry point agree", gotab.Go118, func(g *goFile) { g.edit = func(o *gotabtest.Output) { clear(o.Module) } }, ""},
		{"only the header", gotab.Go118, func(g *goFile) {
			g.edit = func(o *gotabtest.Output) { clear(o.Module) }
			g.elf.Entry = goTextAddr - 0x100
		}, "only its header"},
		{"header and moduledata contradict", gotab.Go118, func(g *goFile) {
			g.edit = func(o *gotabtest.Output) { o.Table[8+16] ^= 0x40 }
		}, "the header at 0x401140"},
		{"entry point within a function", gotab.Go120, func(g *goFile) { g.elf.Entry = goTextAddr + 0x48 }, "is within main.main"},
		{"entry point of C", gotab.Go120, func(g *goFile) { g.elf.Entry = goTextAddr - 0x100 }, ""},
		{"maxpc", gotab.Go120, func(g *goFile) { g.edit = func(o *gotabtest.Output) { o.Module[21*8] ^= 1 } }, "no moduledata fits"},
		{"moduledata of another table", gotab.Go120, func(g *goFile) { g.edit = func(o *gotabtest.Output) { o.Module[1] ^= 1 } }, "no moduledata points to it"},
		{"text shifted", gotab.Go120, func(g *goFile) {
			g.edit = func(o *gotabtest.Output) {
				for _, w := range []int{20, 21, 22, 23} {
					o.Module[8*w] ^= 0x20 // all of them: consistent, and the entry point is not
				}
			}
		}, "is within"},
		{"unknown version", gotab.Go120, func(g *goFile) { g.edit = func(o *gotabtest.Output) { o.Table[0] = 0xf2 } }, "begins with 0xfffffff2"},
		{"addresses of data", gotab.Go116, func(g *goFile) { g.prog.Text = goDataAddr }, "which is no code"},
		{"addresses, no moduledata", gotab.Go116, func(g *goFile) { g.edit = func(o *gotabtest.Output) { clear(o.Module) } }, ""},
		{"addresses, nothing else, found by magic", gotab.Go116, func(g *goFile) {
			g.edit = func(o *gotabtest.Output) { clear(o.Module) }
			g.section, g.elf.NoSectionHeaders, g.elf.Entry = ".rodata", true, 0
		}, "nothing proves"},
		{"addresses, entry point, found by magic", gotab.Go12, func(g *goFile) {
			g.edit = func(o *gotabtest.Output) { clear(o.Module) }
			g.section, g.elf.NoSectionHeaders = ".rodata", true
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGoFile(tt.v, le64, elf.EM_X86_64)
			tt.edit(g)
			tab, err := g.open(t)
			if (tab == nil) == (err == nil) {
				t.Fatal(tab, err)
			}
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := goNames(t, tab); got != wantGoNames {
					t.Error(got)
				}
				return
			}
			var refused *elfsym.GoTableError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v; want %q", tab, err, tt.want)
			}
		})
	}
}

// A program that contains another program, table and all: only its own counts.
func TestGoTableEmbedded(t *testing.T) {
	for _, v := range goVersions {
		g := newGoFile(v, wire.Layout{Is64: true}, elf.EM_X86_64)
		other := newGoFile(v, wire.Layout{Is64: true}, elf.EM_X86_64)
		other.prog.Funcs[1].Name = "main.other"
		inner := other.bytes()
		g.section, g.elf.NoSectionHeaders, g.elf.Entry = ".rodata", true, goTextAddr-0x100
		g.prog.Addr = goTableAddr + 0x8000
		g.edit = func(o *gotabtest.Output) {
			b := make([]byte, 0x8000)
			copy(b[0x40:], inner)
			o.Table = append(b, o.Table...)
		}
		tab, err := g.open(t)
		if err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		if got := goNames(t, tab); got != wantGoNames || tab.Addr() != goTableAddr+0x8000 {
			t.Errorf("%v: %s at 0x%x", v, got, tab.Addr())
		}
	}
}

// Files that are no Go programs have no table, and that is no error.
func TestGoTableNone(t *testing.T) {
	unmarked := newGoFile(gotab.Go120, wire.Layout{Is64: true}, elf.EM_X86_64)
	unmarked.section = ".rodata" // no section says that it is a Go program, so nothing is searched
	for _, b := range [][]byte{
		unmarked.bytes(),
		program(fn("f", 0x401000, 16)).Bytes(),
		(&elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_REL}).Bytes(),
		(&elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_EXEC, NoSectionHeaders: true,
			Segments: []elfwrite.Segment{{Type: elf.PT_LOAD, Flags: rx, Vaddr: 0x401000, Bytes: bytes.Repeat([]byte{0xff}, 1000)}}}).Bytes(),
	} {
		if tab, err := parse(t, b).GoFuncs(); tab != nil || err != nil {
			t.Errorf("%v, %v", tab, err)
		}
	}
}

// Relocations that cannot be read are an error, not zeros taken for addresses.
func TestGoTableRelocationsDamaged(t *testing.T) {
	g := newGoFile(gotab.Go120, wire.Layout{Is64: true}, elf.EM_X86_64)
	g.relocate = true
	b := g.bytes()
	at := bytes.Index(b, numbers(&g.elf, true, uint64(elf.DT_RELA), 0x430000, uint64(elf.DT_RELASZ))) + 16
	for _, n := range []uint64{1 << 40, 1<<64 - 1} {
		binary.LittleEndian.PutUint64(b[at+8:], n)
		if tab, err := parse(t, b).GoFuncs(); tab != nil || !errors.Is(err, elfsym.ErrTruncated) {
			t.Errorf("%v, %v", tab, err)
		}
	}
	binary.LittleEndian.PutUint64(b[at+8:], 24)
	if tab, err := parse(t, b).GoFuncs(); tab != nil || !errors.Is(err, elfsym.ErrUncertain) {
		t.Errorf("%v, %v", tab, err)
	}
}

// FuzzGoTable holds any file to: no panic, an end, a table or an error, and
// every function in code of the file.
func FuzzGoTable(f *testing.F) {
	for _, v := range goVersions {
		for _, l := range []wire.Layout{{Is64: true}, {Big: true}} {
			m := elf.EM_X86_64
			if !l.Is64 {
				m = elf.EM_MIPS
			}
			g := newGoFile(v, l, m)
			g.section, g.elf.NoSectionHeaders, g.relocate = ".rodata", true, l.Is64
			f.Add(g.bytes())
			g = newGoFile(v, l, m)
			f.Add(g.bytes())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			return
		}
		tab, err := file.GoFuncs()
		if tab != nil && err != nil {
			t.Fatal(tab, err)
		}
		if tab == nil {
			return
		}
		n := 0
		for fn, err := range tab.Funcs() {
			if n++; n > len(b) {
				t.Fatal("more functions than bytes")
			}
			if err != nil {
				continue
			}
			if _, err := file.Segments().Code(fn.Addr); err != nil || fn.Name == "" {
				t.Fatalf("%+v: %v", fn, err)
			}
			if n < 20 {
				tab.Frames(fn.Addr)
				if found, _ := drain(tab.Lookup(fn.Name)); !slices.Contains(found, fn) {
					t.Fatalf("%+v is listed and not found", fn)
				}
			}
		}
	})
}
