package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"strings"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
)

// A describer tells what functions and USDT probes of a target take, by its debug
// information, which is opened when the first is asked for. Without it there
// are none; that is told nowhere, and damage once.
type describer struct {
	a *app
	t *offset.Target

	opened bool
	d      *dwarfinfo.Data
	asked  int
	funcs  map[elfsym.Addr]*dwarfinfo.Func // all of them, by where they begin
	told   bool
}

func newDescriber(a *app, t *offset.Target) *describer { return &describer{a: a, t: t} }

func (s *describer) data() *dwarfinfo.Data {
	if !s.opened {
		s.opened = true
		d, err := s.t.DWARF(context.Background())
		if err != nil && !errors.Is(err, offset.ErrNoDWARF) {
			s.tell(err)
		}
		if err == nil {
			s.d = d
		}
	}
	return s.d
}

func (s *describer) tell(err error) {
	if err != nil && !s.told {
		s.told = true
		s.a.note("%s: debug information: %s", s.t.Path(), oneLine(err))
	}
}

// singly is how many functions are looked up one by one, before all of them are
// read.
const singly = 8

// function is the one that begins at an address; nil if none is known.
func (s *describer) function(a elfsym.Addr) *dwarfinfo.Func {
	d := s.data()
	if d == nil {
		return nil
	}
	if s.asked++; s.asked <= singly && s.funcs == nil {
		f, err := d.FuncAt(a)
		s.tell(err)
		if f == nil || !beginsAt(d, f, a) {
			return nil
		}
		return f
	}
	if s.funcs == nil {
		s.funcs = map[elfsym.Addr]*dwarfinfo.Func{}
		for f, err := range d.Funcs() {
			if err != nil {
				s.tell(err)
				continue
			}
			if s.funcs[f.Entry] == nil {
				s.funcs[f.Entry] = f
			}
		}
	}
	if f := s.funcs[a]; f != nil {
		return f
	}
	if d.Machine() == elf.EM_PPC64 {
		return s.funcs[a-8] // a local entry
	}
	return nil
}

// beginsAt reports whether an address is a function's entry; on 64-bit PowerPC
// also its local one.
func beginsAt(d *dwarfinfo.Data, f *dwarfinfo.Func, a elfsym.Addr) bool {
	return f.Entry == a || d.Machine() == elf.EM_PPC64 && f.Entry+8 == a
}

// args names the arguments of a site: none, or as many.
func (s *describer) args(site *usdt.Site, args []operand.Arg) []dwarfinfo.ArgName {
	d := s.data()
	if d == nil || len(args) == 0 || site.Err != nil {
		return nil
	}
	var syms usdt.Symbols
	names, err := d.ArgNames(site.Addr, args, func(name string) (elfsym.Addr, bool) {
		if syms == nil {
			syms = usdt.Symbols{}
			syms.Names(args)
			if err := syms.Resolve(s.t.File()); err != nil {
				return 0, false // told where its value is printed
			}
		}
		a, ok := syms[name]
		return a, ok
	})
	s.tell(err)
	return names
}

// declaration is an argument as the source has it, or its type by the note.
func declaration(names []dwarfinfo.ArgName, i int, a *operand.Arg) string {
	if i < len(names) {
		if text := names[i].Declaration(); text != "" {
			return clean(text)
		}
	}
	return argType(a)
}

// typesOf are the types of a site's arguments for manifests; "" is unknown. What
// qualifies the variable (const, volatile) is no matter of its value.
func (s *describer) typesOf(site *usdt.Site) []string {
	names := s.args(site, site.Args())
	out := make([]string, len(names))
	for i := range names {
		if names[i].Name != "" {
			out[i] = unqualified(names[i].Type).String()
		}
	}
	return out
}

func unqualified(t *dwarfinfo.Type) *dwarfinfo.Type {
	// Damaged debug information has rings of them.
	for range 16 {
		switch t.Kind {
		case dwarfinfo.Const, dwarfinfo.Volatile, dwarfinfo.Restrict, dwarfinfo.Atomic:
			t = t.Elem()
		default:
			return t
		}
	}
	return t
}

// signatureLines are a function's signature and a line for each parameter and
// result with where it is.
func signatureLines(f *dwarfinfo.Func) (head string, rows [][2]string) {
	sig, err := f.Signature()
	if err != nil && len(sig.Params) == 0 {
		return "", nil
	}
	name := f.Name
	if q, err := f.QualifiedName(); err == nil && q != "" {
		name = q
	}
	for i := range sig.Params {
		p := &sig.Params[i]
		rows = append(rows, [2]string{p.Declaration(), placeText(&p.Entry)})
	}
	for i := range sig.Results {
		rows = append(rows, [2]string{strings.TrimSpace("returns " + sig.Results[i].Type.String()), placeText(&sig.Results[i].Exit)})
	}
	return sig.Declare(name), rows
}

func placeText(l *dwarfinfo.Location) string {
	if l.Err != nil {
		return "(" + oneLine(l.Err) + ")"
	}
	return l.Text
}

// writeSignature adds what DWARF and the ABI tell of a function to its record.
// staticFile is the source file that its symbol tells.
func writeSignature(j *jsonLine, f *dwarfinfo.Func, staticFile string) {
	if f == nil {
		j.strNonEmpty("file", staticFile)
		return
	}
	sig, err := f.Signature()
	if err == nil || len(sig.Params) > 0 {
		j.open("params", '[')
		for i := range sig.Params {
			p := &sig.Params[i]
			j.element()
			j.strNonEmpty("name", p.Name)
			writeTyped(j, p.Type, "entry", &p.Entry)
			j.close('}')
		}
		j.close(']')
		if len(sig.Results) == 1 {
			j.open("returns", '{')
			writeTyped(j, sig.Results[0].Type, "entry", &sig.Results[0].Exit)
			j.close('}')
		} else if len(sig.Results) > 1 { // Go
			j.open("returns", '{')
			j.open("values", '[')
			for i := range sig.Results {
				j.element()
				j.strNonEmpty("name", sig.Results[i].Name)
				writeTyped(j, sig.Results[i].Type, "entry", &sig.Results[i].Exit)
				j.close('}')
			}
			j.close(']')
			j.close('}')
		}
		if sig.Variadic {
			j.bool("variadic", true)
		}
	}
	file, err := f.DeclFile()
	if err != nil || file == "" {
		file = staticFile
	}
	j.strNonEmpty("file", file)
	if f.Line != 0 {
		j.int("line", int64(f.Line))
	}
	j.strNonEmpty("language", f.Unit().Language().String())
}

// writeTyped writes a type, its size and where a value of it is: as a USDT
// argument is written, or in pieces, each with its offset in the value.
func writeTyped(j *jsonLine, t *dwarfinfo.Type, label string, l *dwarfinfo.Location) {
	j.str("type", t.String())
	if n := t.Size(); n >= 0 {
		j.int("size", n)
	}
	j.open(label, '{')
	defer j.close('}')
	u := t.Strip()
	arg := func(p *dwarfinfo.Place, size int64) {
		a := operand.Arg{Size: int(size), Signed: u.Signed || u.Kind == dwarfinfo.Int, Float: u.Kind == dwarfinfo.Float, Operand: p.Operand}
		a.Text = a.String()
		writeArg(j, &a, nil)
	}
	switch {
	case l.Err != nil:
		j.str("kind", "unknown")
		j.str("error", oneLine(l.Err))
	case len(l.Places) == 1 && l.Indirect:
		a := operand.Arg{Size: int(l.Places[0].Size), Operand: l.Places[0].Operand}
		a.Text = a.String()
		writeArg(j, &a, nil)
		j.bool("indirect", true)
	case len(l.Places) == 1 && l.Places[0].Off == 0:
		arg(&l.Places[0], l.Places[0].Size)
	case len(l.Places) == 0:
		j.str("kind", "none")
		j.strNonEmpty("text", l.Text)
	default:
		j.str("kind", "pieces")
		j.open("pieces", '[')
		for i := range l.Places {
			p := &l.Places[i]
			j.element()
			j.int("value_offset", p.Off)
			a := operand.Arg{Size: int(p.Size), Operand: p.Operand}
			a.Text = a.String()
			writeArg(j, &a, nil)
			j.close('}')
		}
		j.close(']')
	}
}

// writeName adds the name and type of an argument to its record.
func writeName(j *jsonLine, names []dwarfinfo.ArgName, i int) {
	if i < len(names) && names[i].Name != "" {
		j.str("name", names[i].Name)
		j.str("type", names[i].Type.String())
	}
}

// lineOf is the source line of an address by debug information, "" and 0 where
// there is none.
func lineOf(t *offset.Target, a elfsym.Addr) (string, int) {
	d, err := t.DWARF(context.Background())
	if err != nil {
		return "", 0
	}
	file, line, err := d.LineAt(a)
	if err != nil || line == 0 {
		return "", 0
	}
	return file, line
}

// verboseFunction writes a function's signature below its line, and its
// parameters with where they are.
func (s *describer) verboseFunction(a elfsym.Addr) {
	f := s.function(a)
	if f == nil {
		return
	}
	head, rows := signatureLines(f)
	if head == "" {
		return
	}
	fmt.Fprintf(s.a.out, "    %s\n", clean(head))
	for _, r := range rows {
		fmt.Fprintf(s.a.out, "        %s   %s\n", clean(r[0]), clean(r[1]))
	}
}
