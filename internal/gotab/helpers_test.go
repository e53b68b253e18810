package gotab_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/probels/probels/internal/gotab"
	"github.com/probels/probels/internal/gotab/gotabtest"
	"github.com/probels/probels/internal/wire"
)

// memory is a few pieces of memory. What is not in them has no bytes.
type memory struct {
	pieces   []piece
	code     [2]uint64
	pointers func(p []byte, addr uint64) // relocates
	read     int                         // bytes
}

type piece struct {
	addr uint64
	b    []byte
}

var errNoBytes = errors.New("no bytes there")

func (m *memory) Room(addr uint64) uint64 {
	for _, p := range m.pieces {
		if addr >= p.addr && addr-p.addr < uint64(len(p.b)) {
			return uint64(len(p.b)) - (addr - p.addr)
		}
	}
	return 0
}

func (m *memory) Read(b []byte, addr uint64) error {
	m.read += len(b)
	for _, p := range m.pieces {
		if addr >= p.addr && addr-p.addr <= uint64(len(p.b)) && uint64(len(b)) <= uint64(len(p.b))-(addr-p.addr) {
			copy(b, p.b[addr-p.addr:])
			return nil
		}
	}
	return fmt.Errorf("%d bytes at 0x%x: %w", len(b), addr, errNoBytes)
}

func (m *memory) Relocated(b []byte, addr uint64) error {
	err := m.Read(b, addr)
	if err == nil && m.pointers != nil {
		m.pointers(b, addr)
	}
	return err
}

func (m *memory) Text(addr, n uint64) (string, error) {
	if n > m.Room(addr) {
		return "", errNoBytes
	}
	b := make([]byte, n)
	err := m.Read(b, addr)
	return string(b), err
}

func (m *memory) Code(addr uint64) uint64 {
	if addr < m.code[0] || addr >= m.code[1] {
		return 0
	}
	return m.code[1] - addr
}

const (
	tableAddr    = 0x500000
	textAddr     = 0x401000
	moduleAddr   = 0x600000
	funcdataAddr = 0x580000
	sectMapAddr  = 0x590000
)

// program has functions of every kind: with lines, with calls inlined into it
// two deep, in assembly, without a size.
func program(v gotab.Version, l wire.Layout) *gotabtest.Program {
	return &gotabtest.Program{
		Version: v, Layout: l, Quantum: 1, Addr: tableAddr, Text: textAddr, Size: 0x1000, HeaderText: true,
		Module: moduleAddr, Funcdata: funcdataAddr, SectMap: sectMapAddr,
		Files: []string{"/src/a.go", "/src/b.go"},
		Funcs: []gotabtest.Func{
			{Name: "main.first", Entry: 0, Line: 7, Files: []gotabtest.Span{{Bytes: 0x20, Value: 0}},
				Lines: []gotabtest.Span{{Bytes: 0x8, Value: 10}, {Bytes: 0x8, Value: 200}, {Bytes: 0x10, Value: 3}}},
			{Name: "main.outer", Entry: 0x20, Line: 30,
				Files:   []gotabtest.Span{{Bytes: 0x10, Value: 0}, {Bytes: 0x10, Value: 1}, {Bytes: 0x20, Value: 0}},
				Lines:   []gotabtest.Span{{Bytes: 0x10, Value: 31}, {Bytes: 0x10, Value: 71}, {Bytes: 0x10, Value: 41}, {Bytes: 0x10, Value: 32}},
				Inlines: []gotabtest.Span{{Bytes: 0x10, Value: -1}, {Bytes: 0x10, Value: 1}, {Bytes: 0x10, Value: 0}, {Bytes: 0x10, Value: -1}},
				Calls:   []gotabtest.Call{{Name: "main.middle", ParentPC: 0x4, Line: 40}, {Name: "main.inner", ParentPC: 0x28, Line: 70}}},
			{Name: "main.asm", Entry: 0x60, Flags: gotab.FlagAsm},
			{Name: "main.empty", Entry: 0x80},
			{Name: "main.same[...]", Entry: 0x80},
			{Name: "main.same[...]", Entry: 0x100},
			{Name: "main.last", Entry: 0xf00},
		},
	}
}

// place puts a program into memory.
func place(p *gotabtest.Program) (*memory, *gotabtest.Output) {
	o := p.Write()
	m := &memory{code: [2]uint64{textAddr, textAddr + 0x100000}, pieces: []piece{
		{tableAddr, o.Table}, {moduleAddr, o.Module}, {funcdataAddr, o.Funcdata}, {sectMapAddr, o.SectMap}}}
	return m, o
}

// bound is the table of a program, with its moduledata.
func bound(t testing.TB, p *gotabtest.Program, m *memory) *gotab.Table {
	t.Helper()
	tab, err := gotab.Parse(m, p.Layout, tableAddr, 1<<62)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := tab.Module(moduleAddr)
	if err != nil {
		t.Fatal(err)
	}
	if mod.Text != p.Text {
		t.Fatalf("text at 0x%x, want 0x%x", mod.Text, p.Text)
	}
	tab.Bind(mod.Text, mod)
	return tab
}

// list gathers what a table has.
func list(tab *gotab.Table) (out []gotab.Func, errs []error) {
	tab.All(func(f gotab.Func, err error) bool {
		if err != nil {
			errs = append(errs, err)
		} else {
			out = append(out, f)
		}
		return true
	})
	return out, errs
}

var versions = []gotab.Version{gotab.Go12, gotab.Go116, gotab.Go118, gotab.Go120}

var layouts = []wire.Layout{{}, {Is64: true}, {Big: true}, {Big: true, Is64: true}}

// each runs a test for all versions and layouts.
func each(t *testing.T, fn func(t *testing.T, p *gotabtest.Program)) {
	for _, v := range versions {
		for _, l := range layouts {
			t.Run(fmt.Sprintf("%v big=%v 64=%v", v, l.Big, l.Is64), func(t *testing.T) { fn(t, program(v, l)) })
		}
	}
}
