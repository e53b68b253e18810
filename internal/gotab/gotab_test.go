package gotab_test

import (
	"debug/gosym"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/probels/probels/internal/gotab"
	"github.com/probels/probels/internal/gotab/gotabtest"
	"github.com/probels/probels/internal/wire"
)

func TestAll(t *testing.T) {
	each(t, func(t *testing.T, p *gotabtest.Program) {
		m, _ := place(p)
		tab := bound(t, p, m)
		got, errs := list(tab)
		if len(errs) > 0 || len(got) != len(p.Funcs) {
			t.Fatalf("%d functions, errors %v", len(got), errs)
		}
		for i, f := range p.Funcs {
			end := p.Size
			if i+1 < len(p.Funcs) {
				end = p.Funcs[i+1].Entry
			}
			want := gotab.Func{Index: uint32(i), Name: f.Name, Addr: textAddr + f.Entry, Size: end - f.Entry}
			if p.Version >= gotab.Go118 {
				want.Flags = f.Flags
			}
			if p.Version >= gotab.Go120 {
				want.Line = f.Line
			}
			if got[i] != want {
				t.Errorf("%+v, want %+v", got[i], want)
			}
		}
	})
}

// debug/gosym reads the same from the same bytes.
func TestGosym(t *testing.T) {
	each(t, func(t *testing.T, p *gotabtest.Program) {
		m, o := place(p)
		tab := bound(t, p, m)
		std, err := gosym.NewTable(nil, gosym.NewLineTable(o.Table, p.Text))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := list(tab)
		for i, f := range std.Funcs {
			if got[i].Name != f.Name || got[i].Addr != f.Entry || got[i].Addr+got[i].Size != f.End {
				t.Errorf("%+v, gosym has %s from 0x%x to 0x%x", got[i], f.Name, f.Entry, f.End)
			}
		}
		if len(got) != len(std.Funcs) {
			t.Errorf("%d functions, gosym has %d", len(got), len(std.Funcs))
		}
		// Up to main.asm, which has no lines: gosym makes some up, the runtime does not.
		for pc := uint64(textAddr); pc < textAddr+0x60; pc += 4 {
			wantFile, wantLine, fn := std.PCToLine(pc)
			if wantLine <= 0 || wantFile == "" {
				wantFile, wantLine = "", 0
			}
			file, line, err := tab.Line(pc)
			if err != nil || file != wantFile || line != wantLine {
				t.Errorf("0x%x: %s:%d, %v; gosym says %s:%d", pc, file, line, err, wantFile, wantLine)
			}
			if f, ok, err := tab.At(pc); !ok || err != nil || f.Name != fn.Name {
				t.Errorf("0x%x is in %+v, %v, %v; gosym says %s", pc, f, ok, err, fn.Name)
			}
		}
	})
}

func TestLookup(t *testing.T) {
	each(t, func(t *testing.T, p *gotabtest.Program) {
		m, _ := place(p)
		tab := bound(t, p, m)
		many := make([]string, 100)
		for i := range many {
			many[i] = fmt.Sprint("main.none", i)
		}
		for _, tt := range []struct {
			names []string
			want  []uint64
		}{
			{[]string{"main.first"}, []uint64{0}},
			{[]string{"main.last", "main.asm", "main.last"}, []uint64{0x60, 0xf00}},
			{[]string{"main.same[...]"}, []uint64{0x80, 0x100}},
			{[]string{"irst", "main", "main.firs", "", "main.inner"}, nil}, // the last has no code of its own
			{append(many, "main.asm"), []uint64{0x60}},
			{nil, nil},
		} {
			var got []uint64
			tab.Lookup(tt.names, func(f gotab.Func, err error) bool {
				if err != nil {
					t.Error(err)
				}
				got = append(got, f.Addr-textAddr)
				return true
			})
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%.3q: %x, want %x", tt.names, got, tt.want)
			}
		}
	})
}

func TestAt(t *testing.T) {
	each(t, func(t *testing.T, p *gotabtest.Program) {
		p.Funcs[3].Hole, p.Funcs[3].Entry = true, 0x70
		m, _ := place(p)
		tab := bound(t, p, m)
		for _, tt := range []struct {
			addr uint64
			want string
		}{
			{textAddr, "main.first"}, {textAddr + 0x1f, "main.first"}, {textAddr + 0x20, "main.outer"},
			{textAddr + 0x70, ""}, {textAddr + 0x80, "main.same[...]"}, {textAddr + 0xfff, "main.last"},
			{textAddr + 0x1000, ""}, {textAddr - 1, ""}, {0, ""}, {^uint64(0), ""},
		} {
			if f, ok, err := tab.At(tt.addr); f.Name != tt.want || ok != (tt.want != "") || err != nil {
				t.Errorf("0x%x is in %+v, %v, %v; want %q", tt.addr, f, ok, err, tt.want)
			}
		}
		if all, errs := list(tab); len(all) != len(p.Funcs)-1 || len(errs) > 0 {
			t.Errorf("%d functions with a hole, errors %v", len(all), errs)
		}
	})
}

func TestFrames(t *testing.T) {
	each(t, func(t *testing.T, p *gotabtest.Program) {
		m, _ := place(p)
		tab := bound(t, p, m)
		for _, tt := range []struct {
			at           uint64
			want, want12 string
		}{
			{0x20, "main.outer a:31", "main.outer a:31"},
			{0x30, "main.inner b:71 < main.middle a:41 < main.outer a:31", "main.outer b:71"},
			{0x40, "main.middle a:41 < main.outer a:31", "main.outer a:41"},
			{0x50, "main.outer a:32", "main.outer a:32"},
			{0x60, "main.asm :0", "main.asm :0"},
			{0x2000, "", ""},
		} {
			frames, err := tab.Frames(textAddr + tt.at)
			if err != nil {
				t.Errorf("0x%x: %v", tt.at, err)
			}
			var got []string
			for i, f := range frames {
				got = append(got, fmt.Sprintf("%s %s:%d", f.Func, strings.TrimSuffix(strings.TrimPrefix(f.File, "/src/"), ".go"), f.Line))
				if f.Inlined != (i < len(frames)-1) {
					t.Errorf("%+v of %d", f, len(frames))
				}
				if want := map[string]int32{"main.outer": 30, "main.middle": 40, "main.inner": 70}[f.Func]; p.Version == gotab.Go120 && f.StartLine != want {
					t.Errorf("%+v, want start line %d", f, want)
				}
			}
			want := tt.want
			if p.Version == gotab.Go12 {
				// No inline trees: the function's own frame, with the line of what
				// was inlined.
				want = tt.want12
			}
			if s := strings.Join(got, " < "); s != want {
				t.Errorf("0x%x: %s, want %s", tt.at, s, want)
			}
		}
	})
}

// A text in sections that the external linker has moved apart.
func TestSections(t *testing.T) {
	for _, l := range layouts {
		p := program(gotab.Go120, l)
		p.HeaderText = false
		p.Sections = []gotabtest.Section{{Start: 0, End: 0x60, Base: textAddr}, {Start: 0x60, End: 0x100, Base: textAddr + 0x1000}, {Start: 0x100, End: 0x1000, Base: textAddr + 0x8000}}
		m, _ := place(p)
		tab := bound(t, p, m)
		got, errs := list(tab)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		want := []uint64{0, 0x20, 0x1000, 0x1020, 0x1020, 0x8000, 0x8e00}
		for i, f := range got {
			if f.Addr != textAddr+want[i] {
				t.Errorf("%s at 0x%x, want 0x%x", f.Name, f.Addr, textAddr+want[i])
			}
			if g, ok, err := tab.At(f.Addr + f.Size/2); f.Size > 0 && (!ok || err != nil || g != f) {
				t.Errorf("0x%x is in %+v, %v, %v; want %+v", f.Addr+f.Size/2, g, ok, err, f)
			}
		}
		if f, ok, _ := tab.At(textAddr + 0x500); ok {
			t.Errorf("%+v is between sections", f)
		}
	}
}

// Relocations carry the addresses; in the file there are zeros.
func TestRelocated(t *testing.T) {
	for _, v := range []gotab.Version{gotab.Go12, gotab.Go116} {
		p := program(v, wire.Layout{Is64: true})
		m, o := place(p)
		want := append([]byte(nil), o.Table...)
		zeroed := append([]byte(nil), o.Table...)
		for i := range p.Funcs {
			clear(zeroed[o.List+uint64(16*i):][:8])
			at := o.Records[i]
			if v == gotab.Go116 {
				at += o.List
			}
			clear(zeroed[at:][:8])
		}
		clear(zeroed[o.List+uint64(16*len(p.Funcs)):][:8])
		m.pieces[0].b = zeroed
		m.pointers = func(b []byte, addr uint64) {
			if addr >= tableAddr && addr < tableAddr+uint64(len(want)) {
				copy(b, want[addr-tableAddr:])
			}
		}
		got, errs := list(bound(t, p, m))
		if len(errs) > 0 || len(got) != len(p.Funcs) || got[6].Addr != textAddr+0xf00 {
			t.Errorf("%v: %+v, %v", v, got, errs)
		}
	}
}

// A future version has more words in its moduledata.
func TestFutureModule(t *testing.T) {
	p := program(gotab.Go120, wire.Layout{Is64: true})
	p.Shift = 3
	m, _ := place(p)
	frames, err := bound(t, p, m).Frames(textAddr + 0x30)
	if len(frames) != 3 || err != nil {
		t.Errorf("%+v, %v", frames, err)
	}
}

// Any word of a moduledata that the table knows better is found wrong.
func TestModuleChecked(t *testing.T) {
	each(t, func(t *testing.T, p *gotabtest.Program) {
		_, o := place(p)
		words := []int{0, 3, 4, 6, 10, 11, 12}
		if p.Version > gotab.Go12 {
			words = []int{0, 1, 4, 7, 10, 13, 16, 17, 20, 21, 22}
		}
		for _, i := range words {
			w := p.WordSize()
			for _, at := range []int{i * w, i*w + w - 1} {
				if p.Version.Absolute() && (i == 12 || i == 22) {
					continue // text is told, not used
				}
				m, _ := place(p)
				m.pieces[1].b = append([]byte(nil), o.Module...)
				m.pieces[1].b[at] ^= 0x10
				tab, err := gotab.Parse(m, p.Layout, tableAddr, 1<<62)
				if err != nil {
					t.Fatal(err)
				}
				if mod, err := tab.Module(moduleAddr); err == nil {
					t.Errorf("byte %d of word %d changed: %+v", at%w, i, mod)
				} else if !errors.Is(err, gotab.ErrDamaged) {
					t.Error(err)
				}
			}
		}
		m, _ := place(p)
		tab, _ := gotab.Parse(m, p.Layout, tableAddr, 1<<62)
		if _, err := tab.Module(0x10); err == nil {
			t.Error("moduledata where there is nothing")
		}
	})
}
