package gotab_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/internal/gotab"
	"github.com/probels/probels/internal/gotab/gotabtest"
	"github.com/probels/probels/internal/heap"
	"github.com/probels/probels/internal/wire"
)

var le64 = wire.Layout{Is64: true}

// What is damaged is reported once and left out, the rest is listed.
func TestDamagedFunctions(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(o *gotabtest.Output, b []byte)
		lost []string
		part string
	}{
		{"record outside", func(o *gotabtest.Output, b []byte) { b[o.List+8*1+6] = 0x7f }, []string{"main.outer"}, "has its record at"},
		{"entry", func(o *gotabtest.Output, b []byte) { b[o.List+8*1] ^= 1 }, []string{"main.outer"}, "its record"},
		{"both entries, too low", func(o *gotabtest.Output, b []byte) { b[o.List+8*2] = 1; b[o.List+o.Records[2]] = 1 },
			[]string{"main.outer", "main.asm"}, "between"},
		{"both entries, too high", func(o *gotabtest.Output, b []byte) { b[o.List+8*2+1] = 0xe; b[o.List+o.Records[2]+1] = 0xe }, []string{"main.asm"}, "between"},
		{"name outside", func(o *gotabtest.Output, b []byte) { b[o.List+o.Records[0]+7] = 1 }, []string{"main.first"}, "no name"},
		{"empty name", func(o *gotabtest.Output, b []byte) { clear(b[o.List+o.Records[0]+4:][:4]) }, []string{"main.first"}, "no name"},
		{"last name without an end", func(o *gotabtest.Output, b []byte) {
			for i := o.CUs - 1; b[i] == 0; i-- {
				b[i] = 'x'
			}
		}, []string{"main.last"}, "no name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := program(gotab.Go120, le64)
			m, o := place(p)
			tt.edit(o, m.pieces[0].b)
			tab := bound(t, p, m)
			got, errs := list(tab)
			var want, have []string
			for _, f := range p.Funcs {
				if !slices.Contains(tt.lost, f.Name) {
					want = append(want, f.Name)
				}
			}
			for _, f := range got {
				have = append(have, f.Name)
			}
			if !slices.Equal(have, want) {
				t.Errorf("%v, want %v", have, want)
			}
			if len(errs) != len(tt.lost) || !errors.Is(errs[0], gotab.ErrDamaged) || !strings.Contains(errs[0].Error(), tt.part) {
				t.Errorf("errors %v, want one with %q", errs, tt.part)
			}
		})
	}
}

func TestDamagedHeader(t *testing.T) {
	each(t, func(t *testing.T, p *gotabtest.Program) {
		m, o := place(p)
		whole := o.Table
		for n := range len(whole) {
			m.pieces[0].b = whole[:n]
			tab, err := gotab.Parse(m, p.Layout, tableAddr, 1<<62)
			if (tab == nil) == (err == nil) {
				t.Fatalf("cut to %d bytes: %v, %v", n, tab, err)
			}
			if tab != nil {
				tab.Bind(textAddr, nil)
				list(tab)
				tab.Frames(textAddr + 0x30)
			}
		}
		w := p.WordSize()
		for at := range 8 + 8*w {
			for _, x := range []byte{0x01, 0x80, 0xff} {
				b := slices.Clone(whole)
				b[at] ^= x
				m.pieces[0].b = b
				if tab, err := gotab.Parse(m, p.Layout, tableAddr, 1<<62); (tab == nil) == (err == nil) {
					t.Fatalf("byte %d changed: %v, %v", at, tab, err)
				} else if err == nil && slices.Contains([]int{1, 2, 4, 5, 7}, at) { // 0 and 3 may make it another version
					t.Errorf("byte %d changed by 0x%x, and no error", at, x)
				}
			}
		}
	})
	p := program(gotab.Go120, le64)
	m, _ := place(p)
	m.pieces[0].b[0] = 0xf2
	if _, err := gotab.Parse(m, le64, tableAddr, 1<<62); !errors.Is(err, gotab.ErrUnsupported) {
		t.Errorf("an unknown version: %v", err)
	}
}

// Everything is damaged: a few errors and their number.
func TestAllDamaged(t *testing.T) {
	p := program(gotab.Go120, le64)
	p.Funcs = nil
	for i := range uint64(5000) {
		p.Funcs = append(p.Funcs, gotabtest.Func{Name: "f", Entry: i * 16})
	}
	p.Size = 5000 * 16
	m, o := place(p)
	for _, r := range o.Records[1:] {
		clear(m.pieces[0].b[o.List+r+4:][:4])
	}
	got, errs := list(bound(t, p, m))
	if len(got) != 1 || len(errs) != 21 || !strings.HasPrefix(errs[20].Error(), "4979 functions more") {
		t.Errorf("%d functions, %d errors, the last %v", len(got), len(errs), errs[len(errs)-1])
	}
}

// Records in a shuffled order are read in small pieces, not a window each.
// Functions whose names are tails of one: a walk ends, and says so.
func TestSharedNames(t *testing.T) {
	const n, long = 4000, 60_000
	p := program(gotab.Go120, le64)
	p.Funcs, p.Size = []gotabtest.Func{{Name: strings.Repeat("a", long)}}, n*16
	for i := range uint64(n - 1) {
		p.Funcs = append(p.Funcs, gotabtest.Func{Name: fmt.Sprint("f", i), Entry: (i + 1) * 16})
	}
	m, o := place(p)
	b := m.pieces[0].b
	nameOf := func(i int) []byte { return b[o.List+o.Records[i]+4:][:4] }
	first := binary.LittleEndian.Uint32(nameOf(0))
	for i := range n {
		binary.LittleEndian.PutUint32(nameOf(i), first+uint32(i%1000))
	}
	got, errs := list(bound(t, p, m))
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "share strings") || len(got) < 1000 || len(got) > 1500 {
		t.Errorf("%d functions, %v", len(got), errs)
	}
}

func TestReadsBounded(t *testing.T) {
	p := program(gotab.Go120, le64)
	p.Funcs = nil
	const n = 10000
	for i := range uint64(n) {
		p.Funcs = append(p.Funcs, gotabtest.Func{Name: "f", Entry: i * 16})
	}
	p.Size = n * 16
	m, o := place(p)
	tab := bound(t, p, m)
	m.read = 0
	list(tab)
	if m.read > 2*len(o.Table) {
		t.Errorf("%d bytes read of %d", m.read, len(o.Table))
	}
	for i := range uint64(n) {
		le := m.pieces[0].b[o.List+8*i+4:]
		r := o.Records[(i*7919)%n]
		le[0], le[1], le[2], le[3] = byte(r), byte(r>>8), byte(r>>16), byte(r>>24)
	}
	m.read = 0
	list(tab)
	if m.read > 4*len(o.Table)+100*n {
		t.Errorf("shuffled: %d bytes read of %d", m.read, len(o.Table))
	}
}

// Inline trees that lead nowhere end.
func TestDamagedInlines(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(p *gotabtest.Program)
	}{
		{"calls itself", func(p *gotabtest.Program) { p.Funcs[1].Calls[0].ParentPC = 0x20 }},
		{"outside", func(p *gotabtest.Program) { p.Funcs[1].Calls[1].ParentPC = 0x40 }},
		{"no such call", func(p *gotabtest.Program) { p.Funcs[1].Inlines[1].Value = 1 << 29 }},
	} {
		p := program(gotab.Go120, le64)
		tt.edit(p)
		m, _ := place(p)
		if frames, err := bound(t, p, m).Frames(textAddr + 0x30); err == nil {
			t.Errorf("%s: %+v", tt.name, frames)
		}
	}
	// A pc-value table that does not end.
	p := program(gotab.Go120, le64)
	m, o := place(p)
	for i := o.PCs + 1; i < o.List; i++ {
		m.pieces[0].b[i] = 0x80
	}
	if _, _, err := bound(t, p, m).Line(textAddr); !errors.Is(err, gotab.ErrDamaged) {
		t.Errorf("a number without an end: %v", err)
	}
}

// Whatever the bytes: no panic, an end, no more functions than the table can
// hold, and what is listed is found again.
func FuzzTable(f *testing.F) {
	for _, v := range versions {
		for _, l := range layouts {
			o := program(v, l).Write()
			f.Add(o.Table, o.Module, o.Funcdata, l.Big, l.Is64)
		}
	}
	p := program(gotab.Go120, le64)
	p.Sections = []gotabtest.Section{{Start: 0, End: 0x60, Base: textAddr}, {Start: 0x60, End: 0x1000, Base: textAddr + 0x1000}}
	o := p.Write()
	f.Add(o.Table, o.Module, o.SectMap, false, true)
	f.Fuzz(func(t *testing.T, table, module, data []byte, big, is64 bool) {
		heap.Bound(t, len(table)+len(module)+len(data), 2000, 32, func() {
			m := &memory{code: [2]uint64{textAddr, textAddr + 0x100000}, pieces: []piece{
				{tableAddr, table}, {moduleAddr, module}, {funcdataAddr, data}, {sectMapAddr, data}}}
			tab, err := gotab.Parse(m, wire.Layout{Big: big, Is64: is64}, tableAddr, 1<<62)
			if (tab == nil) == (err == nil) {
				t.Fatal(tab, err)
			}
			if err != nil {
				return
			}
			mod, err := tab.Module(moduleAddr)
			if (mod == nil) == (err == nil) {
				t.Fatal(mod, err)
			}
			tab.Bind(textAddr, mod)
			m.read = 0
			got, errs := list(tab)
			if len(got)+len(errs) > len(table)/8+2 || len(errs) > 22 {
				t.Fatalf("%d functions and %d errors in %d bytes", len(got), len(errs), len(table))
			}
			if m.read > 4*len(table)+200*tab.Len() {
				t.Fatalf("%d bytes read of %d", m.read, len(table))
			}
			for i, fn := range got[:min(len(got), 20)] {
				if m.Code(fn.Addr) == 0 || fn.Name == "" {
					t.Fatalf("%+v", fn)
				}
				if i > 0 && fn.Index <= got[i-1].Index {
					t.Fatalf("%+v after %+v", fn, got[i-1])
				}
				found := false
				tab.Lookup([]string{fn.Name}, func(g gotab.Func, err error) bool {
					found = found || err == nil && g == fn
					return true
				})
				if !found {
					t.Fatalf("%+v is listed and not found", fn)
				}
				if g, ok, err := tab.At(fn.Addr); ok && err == nil && g.Addr > fn.Addr {
					t.Fatalf("0x%x is in %+v", fn.Addr, g)
				}
				tab.Line(fn.Addr)
				if frames, err := tab.Frames(fn.Addr + fn.Size/2); err == nil && len(frames) > 257 {
					t.Fatalf("%d frames", len(frames))
				}
			}
		})
	})
}
