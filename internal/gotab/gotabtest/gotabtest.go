// Package gotabtest writes Go's tables of functions for tests: every version of
// the format, any byte order and word size, with the moduledata that points to
// them. Package gotab explains the format.
package gotabtest

import (
	"encoding/binary"

	"github.com/probels/probels/internal/gotab"
	"github.com/probels/probels/internal/wire"
)

// A Program is what a table is written for.
type Program struct {
	Version gotab.Version
	wire.Layout
	Quantum    byte
	Addr       uint64 // of the table
	Text       uint64 // runtime.text
	Size       uint64 // of the text: the end of the last function
	HeaderText bool   // the header has the text start, as in Go 1.18 to 1.25
	Funcs      []Func
	Files      []string // numbers in pc-value tables begin at 0

	Module   uint64 // address of moduledata
	Funcdata uint64 // address of the inline trees (gofunc)
	Shift    int    // words that a future moduledata has before minpc
	Sections []Section
	SectMap  uint64 // address of textsectmap
}

// A Func is one function.
type Func struct {
	Name  string
	Entry uint64 // from the beginning of the text
	Line  int32
	Flags byte
	Hole  bool // not a function, but another linker's code

	Lines, Files, Inlines []Span
	Calls                 []Call
}

// A Span is a value that holds for a number of bytes.
type Span struct {
	Bytes uint64
	Value int32
}

// A Call is an entry of an inline tree.
type Call struct {
	Name     string
	ParentPC uint32
	Line     int32 // where the function begins
}

// A Section is a part of the text that the external linker has moved.
type Section struct{ Start, End, Base uint64 }

type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func (p *Program) order() order {
	if p.Big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (p *Program) word(b []byte, v uint64) []byte {
	if p.Is64 {
		return p.order().AppendUint64(b, v)
	}
	return p.order().AppendUint32(b, uint32(v))
}

func (p *Program) number(b []byte, v uint64) []byte {
	if p.Version.Absolute() {
		return p.word(b, v)
	}
	return p.order().AppendUint32(b, uint32(v))
}

// entry is what the table has for a place in the text.
func (p *Program) entry(off uint64) uint64 {
	if p.Version.Absolute() {
		return p.Text + off
	}
	return off
}

func (p *Program) pad(b []byte) []byte {
	for len(b)%p.WordSize() != 0 {
		b = append(b, 0)
	}
	return b
}

// Output is what a Program is written as.
type Output struct {
	Table    []byte
	Module   []byte
	Funcdata []byte
	SectMap  []byte

	Names, CUs, Files, PCs, List uint64 // distances of the parts from the table
	Records                      []uint64
}

var magics = map[gotab.Version]uint32{gotab.Go12: 0xfffffffb, gotab.Go116: 0xfffffffa, gotab.Go118: 0xfffffff0, gotab.Go120: 0xfffffff1}

// Write lays a program's tables out.
func (p *Program) Write() *Output {
	o := &Output{}
	w := uint64(p.WordSize())
	header := map[gotab.Version]uint64{gotab.Go12: 8 + w, gotab.Go116: 8 + 7*w, gotab.Go118: 8 + 8*w, gotab.Go120: 8 + 8*w}[p.Version]
	parts := &parts{p: p, names: []byte{0}, pcs: []byte{0}, offsets: map[string]uint32{}}
	trees := p.writeTrees(o, parts)
	for i := range p.Funcs {
		parts.name(p.Funcs[i].Name)
	}
	for _, f := range p.Files {
		parts.cus = p.order().AppendUint32(parts.cus, uint32(len(parts.files)))
		parts.files = append(append(parts.files, f...), 0)
	}
	if p.Version == gotab.Go12 {
		p.write12(o, parts, header)
		p.writeModule(o)
		return o
	}
	pcs := make([][4]uint32, len(p.Funcs))
	for i := range p.Funcs {
		pcs[i] = parts.tables(&p.Funcs[i])
	}
	o.Names = header
	o.CUs = o.Names + uint64(len(p.pad(parts.names)))
	o.Files = o.CUs + uint64(len(p.pad(parts.cus)))
	o.PCs = o.Files + uint64(len(p.pad(parts.files)))
	o.List = o.PCs + uint64(len(p.pad(parts.pcs)))
	b := p.magic()
	b = p.word(b, uint64(len(p.Funcs)))
	b = p.word(b, uint64(len(p.Files)))
	if p.Version >= gotab.Go118 {
		text := uint64(0)
		if p.HeaderText {
			text = p.Text
		}
		b = p.word(b, text)
	}
	for _, off := range []uint64{o.Names, o.CUs, o.Files, o.PCs, o.List} {
		b = p.word(b, off)
	}
	for _, part := range [][]byte{parts.names, parts.cus, parts.files, parts.pcs} {
		b = append(b, p.pad(part)...)
	}
	var records []byte
	at := uint64(len(p.list(nil)))
	for i := range p.Funcs {
		f := &p.Funcs[i]
		for (at+uint64(len(records)))%w != 0 {
			records = append(records, 0)
		}
		if f.Hole {
			o.Records = append(o.Records, ^uint64(0))
			continue
		}
		o.Records = append(o.Records, at+uint64(len(records)))
		records = p.record(records, f, parts.offsets[f.Name], pcs[i], trees[i])
	}
	b = append(b, p.list(o.Records)...)
	o.Table = append(b, records...)
	p.writeModule(o)
	return o
}

func (p *Program) magic() []byte {
	return append(p.order().AppendUint32(nil, magics[p.Version]), 0, 0, p.Quantum, byte(p.WordSize()))
}

// list is the list of functions; of nil it has only the size.
func (p *Program) list(records []uint64) []byte {
	var b []byte
	for i := range p.Funcs {
		r := uint64(0)
		if records != nil {
			r = records[i]
		}
		b = p.number(p.number(b, p.entry(p.Funcs[i].Entry)), r)
	}
	return p.number(b, p.entry(p.Size))
}

// record appends a function's record. A tree of all ones is none.
func (p *Program) record(b []byte, f *Func, name uint32, pcs [4]uint32, tree uint64) []byte {
	o := p.order()
	b = p.number(b, p.entry(f.Entry))
	npcdata, nfuncdata := uint32(0), byte(0)
	if len(f.Calls) > 0 && p.Version > gotab.Go12 {
		npcdata, nfuncdata = 3, 4
	}
	for _, v := range []uint32{name, 0, 0, 0, pcs[0], pcs[1], npcdata} {
		b = o.AppendUint32(b, v)
	}
	if p.Version == gotab.Go12 {
		return o.AppendUint32(b, 0)
	}
	b = o.AppendUint32(b, 0) // cuOffset
	if p.Version == gotab.Go120 {
		b = o.AppendUint32(b, uint32(f.Line))
	}
	b = append(b, 0, f.Flags, 0, nfuncdata)
	if npcdata == 0 {
		return b
	}
	for _, v := range []uint32{0, 0, pcs[2]} {
		b = o.AppendUint32(b, v)
	}
	if p.Version == gotab.Go116 {
		b = p.pad(b)
	}
	for i := range nfuncdata {
		switch {
		case p.Version == gotab.Go116 && i == 3:
			b = p.word(b, p.Funcdata+tree)
		case p.Version == gotab.Go116:
			b = p.word(b, 0)
		case i == 3:
			b = o.AppendUint32(b, uint32(tree))
		default:
			b = o.AppendUint32(b, 1<<32-1)
		}
	}
	return b
}

// parts are the parts of the table with the names and numbers in it.
type parts struct {
	p                      *Program
	names, cus, files, pcs []byte
	offsets                map[string]uint32
}

func (s *parts) name(n string) uint32 {
	off, ok := s.offsets[n]
	if !ok {
		off = uint32(len(s.names))
		s.offsets[n] = off
		s.names = append(append(s.names, n...), 0)
	}
	return off
}

// tables writes a function's pc-value tables: files, lines, inlines.
func (s *parts) tables(f *Func) (out [4]uint32) {
	for i, spans := range [][]Span{f.Files, f.Lines, f.Inlines} {
		if len(spans) == 0 {
			continue
		}
		out[i] = uint32(len(s.pcs))
		value := int32(-1)
		for _, sp := range spans {
			d := sp.Value - value
			value = sp.Value
			s.pcs = binary.AppendUvarint(s.pcs, uint64(uint32(d<<1)^uint32(d>>31)))
			s.pcs = binary.AppendUvarint(s.pcs, sp.Bytes/uint64(s.p.Quantum))
		}
		s.pcs = append(s.pcs, 0)
	}
	return out
}

// writeTrees writes the inline trees, one behind the other.
func (p *Program) writeTrees(o *Output, s *parts) []uint64 {
	out := make([]uint64, len(p.Funcs))
	for i := range p.Funcs {
		out[i] = uint64(len(o.Funcdata))
		for _, c := range p.Funcs[i].Calls {
			name := s.name(c.Name)
			e := p.order()
			if p.Version == gotab.Go120 {
				o.Funcdata = append(o.Funcdata, 0, 0, 0, 0)
				o.Funcdata = e.AppendUint32(e.AppendUint32(e.AppendUint32(o.Funcdata, name), c.ParentPC), uint32(c.Line))
			} else {
				o.Funcdata = append(o.Funcdata, 0xff, 0xff, 0, 0)
				o.Funcdata = e.AppendUint32(e.AppendUint32(o.Funcdata, 0), 0)
				o.Funcdata = e.AppendUint32(e.AppendUint32(o.Funcdata, name), c.ParentPC)
			}
		}
	}
	return out
}

// write12 lays out the table of Go 1.2: the list, then everything else, which is
// relative to the table.
func (p *Program) write12(o *Output, s *parts, header uint64) {
	o.List = header
	at := header + uint64(len(p.list(nil))) + 4
	filesAt := at
	var fileList, rest []byte
	at += 4 * uint64(len(p.Files)+1)
	add := func(b []byte) uint32 {
		rest = append(rest, b...)
		return uint32(at) + uint32(len(rest)-len(b))
	}
	fileList = p.order().AppendUint32(nil, uint32(len(p.Files)+1))
	for _, f := range p.Files {
		fileList = p.order().AppendUint32(fileList, add(append([]byte(f), 0)))
	}
	for i := range p.Funcs {
		f := &p.Funcs[i]
		if f.Hole {
			o.Records = append(o.Records, ^uint64(0))
			continue
		}
		name := add(append([]byte(f.Name), 0))
		s.pcs = nil
		g := *f
		g.Files = nil
		for _, sp := range f.Files {
			g.Files = append(g.Files, Span{sp.Bytes, sp.Value + 1}) // number 0 is the list's size
		}
		pcs := s.tables(&g)
		base := add(s.pcs)
		for k := range pcs {
			if [][]Span{g.Files, g.Lines, g.Inlines, nil}[k] != nil {
				pcs[k] += base
			}
		}
		for (at+uint64(len(rest)))%uint64(p.WordSize()) != 0 {
			rest = append(rest, 0)
		}
		o.Records = append(o.Records, at+uint64(len(rest)))
		rest = p.record(rest, f, name, pcs, 0)
	}
	b := p.word(p.magic(), uint64(len(p.Funcs)))
	b = append(b, p.list(o.Records)...)
	b = p.order().AppendUint32(b, uint32(filesAt))
	o.Files = filesAt
	o.Table = append(append(b, fileList...), rest...)
}

// writeModule writes the moduledata and textsectmap.
func (p *Program) writeModule(o *Output) {
	at := func(off uint64) uint64 { return p.Addr + off }
	size := uint64(len(o.Table))
	n := uint64(len(p.Funcs) + 1)
	words := []uint64{at(0), size, size, at(o.List), n, n, at(o.Files), 1, 1, 0}
	if p.Version > gotab.Go12 {
		words = []uint64{at(0), at(o.Names), o.CUs - o.Names, o.CUs - o.Names, at(o.CUs), 1, 1, at(o.Files), 1, 1,
			at(o.PCs), 1, 1, at(o.List), size - o.List, size - o.List, at(o.List), n, n, 0}
	}
	for range p.Shift {
		words = append(words, 0x77)
	}
	place := func(off uint64) uint64 {
		for _, s := range p.Sections {
			if off >= s.Start && off <= s.End {
				return s.Base + off - s.Start
			}
		}
		return p.Text + off
	}
	end := place(p.Size)
	words = append(words, place(p.Funcs[0].Entry), end, p.Text, end)
	gofunc := 38
	if p.Version == gotab.Go120 {
		gofunc = 40
	}
	for len(words) < gofunc+p.Shift {
		words = append(words, 0)
	}
	words = append(words, p.Funcdata, p.Addr+size, p.SectMap, uint64(len(p.Sections)), uint64(len(p.Sections)))
	for len(words) < 70 {
		words = append(words, 0)
	}
	for _, v := range words {
		o.Module = p.word(o.Module, v)
	}
	for _, s := range p.Sections {
		o.SectMap = p.word(p.word(p.word(o.SectMap, s.Start), s.End), s.Base)
	}
}
