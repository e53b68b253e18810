package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/offset"
)

// runType prints how types are laid out, and where their members are.
func runType(a *app, args []string) error {
	flags, o := newFlags("type", "")
	btf := typeFlags(flags)
	args, err := parse(flags, o, args)
	switch {
	case err != nil:
		return helpOr(a, "type", err)
	case len(args) == 0:
		return usagef("no target; try: probels type /usr/bin/python3 'struct _typeobject'")
	case len(args) == 1:
		return usagef("no type; try: probels type %s 'struct NAME', or NAME.member->member", shellWord(args[0]))
	}
	p := &typePrinter{a: a, o: o}
	closer, err := p.open(args[0])
	switch {
	case errors.Is(err, offset.ErrNoDWARF):
		a.note("%s: %v; probels debuginfo %s tells where it was looked for", p.path, err, shellWord(args[0]))
		a.raise(statusMissing)
		return nil
	case err != nil:
		return err
	}
	defer closer.Close()
	var all []*dwarfinfo.Type
	for _, text := range args[1:] {
		found, err := p.find(text)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	if *btf == "" || len(all) == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := p.d.BTF(&b, all...); err != nil {
		return err
	}
	return os.WriteFile(*btf, b.Bytes(), 0o666)
}

func typeFlags(fs *flag.FlagSet) *string {
	return fs.String("btf", "", "write the types, and all they are made of, as BTF to `FILE`")
}

const typeHelp = `A TYPE is a name as the source has it: 'struct task', task, ns::list<int>,
main.server. Behind it may stand a path of members, TYPE.member, TYPE.a->b,
TYPE.list[2].next; members of anonymous structs and of base classes are found
as the type's own. A path prints

  TYPE.PATH  OFFSET -> OFFSET  THE MEMBER'S TYPE  ITS SIZE

where each OFFSET but the last is that of a pointer to read, from which the next
one counts. Types of one name that differ between source files are all printed.

Exit status: 0 all found, 1 something was not, 2 wrong use or an unreadable file.
`

// typePrinter prints what was asked for of one target.
type typePrinter struct {
	a *app
	o *options
	d *dwarfinfo.Data

	path, buildID string // the target
	from          string // where its DWARF is

	j jsonLine
}

// open finds the target's DWARF. A debug file has types too, though no places
// for probes.
func (p *typePrinter) open(name string) (io.Closer, error) {
	ctx := context.Background()
	t, err := p.a.openTarget(name, p.o)
	if errors.Is(err, offset.ErrDebugOnly) {
		return p.openDebugOnly(name)
	}
	if err != nil {
		return nil, err
	}
	p.path, p.buildID = t.Path(), t.BuildID()
	p.d, err = t.DWARF(ctx)
	p.from = t.DWARFPath()
	if err != nil {
		t.Close()
	}
	return t, err
}

func (p *typePrinter) openDebugOnly(name string) (io.Closer, error) {
	found, err := p.a.findTarget(name, p.o)
	if err != nil {
		return nil, err
	}
	search, err := p.a.search(p.o)
	if err != nil {
		return nil, err
	}
	f, path, err := openForDebug(found)
	if err != nil {
		return nil, plainError(err)
	}
	p.path, p.from, p.buildID = path, path, fmt.Sprintf("%x", f.BuildID())
	var all closers = []io.Closer{f}
	sections, config := dwarfinfo.FromELF(f)
	config.Sup = func() (dwarfinfo.Sections, error) {
		alt, err := debuglink.FindAlt(context.Background(), f, path, search)
		if err != nil {
			return nil, err
		}
		all = append(all, alt)
		sup, _ := dwarfinfo.FromELF(alt.File)
		return sup, nil
	}
	if p.d, err = dwarfinfo.New(sections, config); err == nil && p.d.Empty() {
		err = offset.ErrNoDWARF
	}
	if err != nil {
		all.Close()
		return nil, err
	}
	return &all, nil
}

// closers are closed together.
type closers []io.Closer

func (c *closers) Close() error {
	var err error
	for _, one := range *c {
		err = errors.Join(err, one.Close())
	}
	return err
}

// find prints all that a text stands for: the longest name of a type in it
// counts. It gives the types.
func (p *typePrinter) find(text string) ([]*dwarfinfo.Type, error) {
	ways := dwarfinfo.SplitPath(text)
	var names []string
	for _, w := range ways {
		names = append(names, w.Type)
	}
	var all []*dwarfinfo.Type
	for typ, err := range p.d.TypeNamed(names...) {
		if err != nil {
			p.a.fail(fmt.Errorf("%s: %w", p.from, err))
			continue
		}
		all = append(all, typ)
	}
	for _, w := range ways {
		var of, out []*dwarfinfo.Type
		for _, typ := range all {
			if typ.Called(w.Type) {
				of = append(of, typ)
			}
		}
		if len(of) == 0 {
			continue
		}
		var missing error
		for _, typ := range of {
			if w.Path == "" {
				if err := p.layout(typ, len(of) > 1); err != nil {
					return nil, err
				}
				out = append(out, typ)
				continue
			}
			m, err := typ.Member(w.Path)
			switch {
			case err == nil:
				p.member(text, typ, &m)
				out = append(out, typ)
			case errors.Is(err, dwarfinfo.ErrNoMember), errors.Is(err, dwarfinfo.ErrAmbiguous):
				missing = err
			default:
				return nil, err
			}
		}
		if len(out) == 0 {
			p.a.note("%s: %v", text, missing)
			p.a.raise(statusMissing)
		}
		return out, nil
	}
	p.a.note("%s: no such type in %s", text, p.from)
	p.a.raise(statusMissing)
	return nil, nil
}

// layout prints a whole type. Of several that differ each is headed by its unit.
func (p *typePrinter) layout(t *dwarfinfo.Type, several bool) error {
	if p.o.json {
		return p.json(t)
	}
	if several {
		if u, ok := t.Unit(); ok {
			fmt.Fprintf(p.a.out, "/* %s */\n", clean(u.Name()))
		}
	}
	var b bytes.Buffer
	if err := t.WriteLayout(&b); err != nil {
		p.a.fail(err)
	}
	for line := range strings.Lines(b.String()) {
		indent := len(line) - len(strings.TrimLeft(line, "\t"))
		p.a.out.WriteString(line[:indent])
		p.a.out.WriteString(clean(strings.TrimRight(line[indent:], "\n")))
		p.a.out.WriteByte('\n')
	}
	return nil
}

// member prints where a member is: the offsets, each but the last of a pointer
// to read, and the type.
func (p *typePrinter) member(text string, t *dwarfinfo.Type, m *dwarfinfo.Member) {
	if p.o.json {
		j := p.header("member", t)
		j.str("spec", text)
		j.str("type", m.Type.String())
		writeSize(j, m.Type)
		j.open("offsets", '[')
		for i, off := range m.Offsets {
			if i > 0 {
				j.b = append(j.b, ',')
			}
			j.b = strconv.AppendInt(j.b, off, 10)
		}
		j.close(']')
		if m.BitSize > 0 {
			j.int("bit_size", int64(m.BitSize))
			j.int("bit_offset", m.BitOffset)
		}
		p.a.out.Write(j.line())
		return
	}
	var offs []string
	for _, off := range m.Offsets {
		offs = append(offs, strconv.FormatInt(off, 10))
	}
	line := strings.Join(offs, " -> ") + "  " + m.Type.String()
	if n := m.Type.Size(); n >= 0 {
		line += fmt.Sprintf("  %d byte", n)
		if n != 1 {
			line += "s"
		}
	}
	if m.BitSize > 0 {
		line += fmt.Sprintf("  bits %d to %d of the struct", m.BitOffset, m.BitOffset+int64(m.BitSize)-1)
	}
	fmt.Fprintf(p.a.out, "%s  %s\n", clean(text), clean(line))
}

func (p *typePrinter) header(kind string, t *dwarfinfo.Type) *jsonLine {
	j := &p.j
	j.reset()
	j.str("kind", kind)
	j.str("path", p.path)
	j.strNonEmpty("build_id", p.buildID)
	j.str("name", t.String())
	if u, ok := t.Unit(); ok {
		j.strNonEmpty("unit", u.Name())
		j.strNonEmpty("language", u.Language().String())
	}
	return j
}

func writeSize(j *jsonLine, t *dwarfinfo.Type) {
	if n := t.Size(); n >= 0 {
		j.int("size", n)
	}
}

// json writes a type's record.
func (p *typePrinter) json(t *dwarfinfo.Type) error {
	j := p.header("type", t)
	j.str("type", t.Kind.String())
	writeSize(j, t)
	s := t.Strip()
	if s.Kind.Aggregate() || s.Kind == dwarfinfo.Enum {
		j.bool("defined", !s.Declared)
	}
	if t.Kind == dwarfinfo.Typedef {
		j.str("definition", t.Elem().String())
	}
	switch {
	case s.Kind.Aggregate():
		l, err := s.Layout()
		if err != nil {
			p.a.fail(err)
		}
		j.open("fields", '[')
		for i := range l.Rows {
			r := &l.Rows[i]
			writeField(j, &r.Field, func() {
				if r.Hole > 0 {
					j.int("hole", r.Hole)
				}
				if r.BitHole > 0 {
					j.int("bit_hole", r.BitHole)
				}
			})
		}
		j.close(']')
		if l.Padding > 0 {
			j.int("padding", l.Padding)
		}
		p.variants(s)
	case s.Kind == dwarfinfo.Enum:
		es, err := s.Enumerators()
		if err != nil {
			p.a.fail(err)
		}
		j.open("values", '[')
		for _, e := range es {
			j.element()
			j.str("name", e.Name)
			if s.Signed {
				j.int("value", e.Value)
			} else {
				j.uint("value", uint64(e.Value))
			}
			j.close('}')
		}
		j.close(']')
	}
	p.a.out.Write(j.line())
	return nil
}

func writeField(j *jsonLine, f *dwarfinfo.Field, more func()) {
	j.element()
	fieldParts(j, f)
	if more != nil {
		more()
	}
	j.close('}')
}

func fieldParts(j *jsonLine, f *dwarfinfo.Field) {
	j.strNonEmpty("name", f.Name)
	j.str("type", f.Type.String())
	if f.Offset >= 0 {
		j.int("offset", f.Offset)
	}
	writeSize(j, f.Type)
	if f.BitSize > 0 {
		j.int("bit_size", int64(f.BitSize))
		j.int("bit_offset", f.BitOffset)
	}
	for _, flag := range []struct {
		name string
		set  bool
	}{{"base", f.Base}, {"virtual", f.Virtual}, {"embedded", f.Embedded}, {"artificial", f.Artificial}} {
		if flag.set {
			j.bool(flag.name, true)
		}
	}
}

// variants writes a Rust enum's contents.
func (p *typePrinter) variants(t *dwarfinfo.Type) {
	tag, vs, err := t.Variants()
	if err != nil {
		p.a.fail(err)
	}
	if len(vs) == 0 {
		return
	}
	j := &p.j
	if tag != nil {
		j.open("discriminant", '{')
		fieldParts(j, tag)
		j.close('}')
	}
	j.open("variants", '[')
	for _, v := range vs {
		j.element()
		j.strNonEmpty("name", v.Name)
		if v.Default {
			j.bool("default", true)
		} else {
			j.open("values", '[')
			for _, b := range v.Values {
				j.element()
				if tag != nil && !tag.Type.Strip().Signed {
					j.uint("low", uint64(b.Low))
					j.uint("high", uint64(b.High))
				} else {
					j.int("low", b.Low)
					j.int("high", b.High)
				}
				j.close('}')
			}
			j.close(']')
		}
		j.open("fields", '[')
		for i := range v.Fields {
			writeField(j, &v.Fields[i], nil)
		}
		j.close(']')
		j.close('}')
	}
	j.close(']')
}
