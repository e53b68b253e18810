package main

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
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
	a    *app
	t    *offset.Target
	q    offset.Query // what is listed of the target
	form func(*dwarfinfo.Func) told

	opened    bool
	d         *dwarfinfo.Data
	functions map[elfsym.Addr]told // those that are listed, by where they begin
	damage    bool                 // was told
}

// told is a function as it is printed. Signatures are made while debug information is
// walked: later they would cost reading it once more for each.
type told struct {
	text []byte // what there is to print, but for JSON's
	file string // of the declaration
	rest []byte // keys after the file
}

func newDescriber(a *app, t *offset.Target) *describer { return &describer{a: a, t: t} }

// newFunctionDescriber is for a listing's functions as well.
func newFunctionDescriber(a *app, t *offset.Target, q offset.Query, form func(*dwarfinfo.Func) told) *describer {
	return &describer{a: a, t: t, q: q, form: form}
}

func (s *describer) data() *dwarfinfo.Data {
	if !s.opened {
		s.opened = true
		d, err := s.t.DWARF(context.Background())
		if err != nil && !errors.Is(err, offset.ErrNoDWARF) {
			s.tell(err)
		}
		if err == nil {
			s.d = d
			// Unlike a listing's, most of what a walk over types allocates is soon done with.
			debug.SetGCPercent(100)
		}
	}
	return s.d
}

func (s *describer) tell(err error) {
	if err != nil && !s.damage {
		s.damage = true
		s.a.note("%s: debug information: %s", s.t.Path(), oneLine(err))
	}
}

// singly is how many functions are looked up one by one, instead of walking through all.
const singly = 8

// each visits those of some functions that debug information tells of, in its
// order.
func (s *describer) each(want map[elfsym.Addr]bool, visit func(elfsym.Addr, *dwarfinfo.Func)) {
	d := s.data()
	if d == nil {
		return
	}
	if len(want) <= singly {
		for _, a := range slices.Sorted(maps.Keys(want)) {
			f, err := d.FuncAt(a)
			s.tell(err)
			if f != nil && beginsAt(d, f, a) {
				visit(a, f)
			}
		}
		return
	}
	seen := make(map[elfsym.Addr]bool, len(want))
	once := func(a elfsym.Addr, f *dwarfinfo.Func) {
		if want[a] && !seen[a] {
			seen[a] = true
			visit(a, f)
		}
	}
	for f, err := range d.Funcs() {
		if err != nil {
			s.tell(err)
			continue
		}
		once(f.Entry, f)
		if d.Machine() == elf.EM_PPC64 {
			once(f.Entry+8, f) // a local entry
		}
	}
}

// function is what is told of the listed one that begins at an address.
func (s *describer) function(a elfsym.Addr) (told, bool) {
	if s.functions == nil {
		s.functions = map[elfsym.Addr]told{}
		if s.data() == nil {
			return told{}, false
		}
		want := map[elfsym.Addr]bool{}
		q := s.q
		q.Kinds = offset.KindFunc
		for p, err := range s.t.Probes(context.Background(), q) {
			if err == nil && p.Symbol.Type != elf.STT_GNU_IFUNC {
				want[p.Symbol.Addr] = true
			}
		}
		s.each(want, func(a elfsym.Addr, f *dwarfinfo.Func) { s.functions[a] = s.form(f) })
	}
	one, ok := s.functions[a]
	return one, ok
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

// signatureJSON is what DWARF and the ABI tell of a function, as keys of its record.
func signatureJSON(f *dwarfinfo.Func) told {
	var out told
	var j jsonLine
	j.reset()
	sig, err := f.Signature()
	if err == nil || len(sig.Params) > 0 {
		j.open("params", '[')
		for i := range sig.Params {
			p := &sig.Params[i]
			j.element()
			j.strNonEmpty("name", p.Name)
			writeTyped(&j, p.Type, "entry", &p.Entry)
			j.close('}')
		}
		j.close(']')
		if len(sig.Results) == 1 {
			j.open("returns", '{')
			writeTyped(&j, sig.Results[0].Type, "entry", &sig.Results[0].Exit)
			j.close('}')
		} else if len(sig.Results) > 1 { // Go
			j.open("returns", '{')
			j.open("values", '[')
			for i := range sig.Results {
				j.element()
				j.strNonEmpty("name", sig.Results[i].Name)
				writeTyped(&j, sig.Results[i].Type, "entry", &sig.Results[i].Exit)
				j.close('}')
			}
			j.close(']')
			j.close('}')
		}
		if sig.Variadic {
			j.bool("variadic", true)
		}
	}
	out.text = bytes.Clone(j.b[1:])
	if file, err := f.DeclFile(); err == nil {
		out.file = file
	}
	j.reset()
	if f.Line != 0 {
		j.int("line", int64(f.Line))
	}
	j.strNonEmpty("language", f.Unit().Language().String())
	out.rest = j.b[1:]
	return out
}

// writeSignature adds them to the record. staticFile is the source file that the
// function's symbol tells.
func writeSignature(j *jsonLine, one told, staticFile string) {
	j.keys(one.text)
	j.strNonEmpty("file", cmp.Or(one.file, staticFile))
	j.keys(one.rest)
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

// signatureText is a function's signature and its parameters with where they are,
// as lines for below its name.
func signatureText(f *dwarfinfo.Func) told {
	head, rows := signatureLines(f)
	if head == "" {
		return told{}
	}
	b := fmt.Appendf(nil, "    %s\n", clean(head))
	for _, r := range rows {
		b = fmt.Appendf(b, "        %s   %s\n", clean(r[0]), clean(r[1]))
	}
	return told{text: b}
}

// verboseFunction writes them.
func (s *describer) verboseFunction(a elfsym.Addr) {
	one, _ := s.function(a)
	s.a.out.Write(one.text)
}
