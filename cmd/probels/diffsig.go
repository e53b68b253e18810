package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt/manifest"
)

// declared is what the source says of a file's functions, by debug information: compared for functions
// with -v, and never more than noted, for it is known of one build and unknown of the next.
type declared struct {
	known     bool
	functions map[string][]string // by full name: the types, sorted; several where static functions share the name
	structs   map[string][]member // those that parameters are, or point to; nil where units differ
}

// member is one of a struct: where it is and what.
type member struct{ name, text string }

// declares reports whether declarations are compared.
func (o *options) declares() bool { return o.verbose && o.kinds&offset.KindFunc != 0 }

// forDeclared are the options to open a target with. Other files are looked at for declarations, which must
// not change the names that are compared, so the target is opened once more.
func (o *options) forDeclared() *options {
	with := *o
	if !o.debugTold {
		with.debug = "auto"
	}
	return &with
}

// declaredOf reads it; what is not known, for want of debug information, is the error besides.
func (a *app) declaredOf(t *offset.Target) (*declared, error) {
	d := &declared{functions: map[string][]string{}, structs: map[string][]member{}}
	if _, err := t.DWARF(context.Background()); err != nil {
		if !errors.Is(err, offset.ErrNoDWARF) {
			a.raise(statusTrouble)
		}
		return d, fmt.Errorf("%s: signatures are not compared: %w", t.Path(), err)
	}
	d.known = true
	tell := newDescriber(a, t)
	names := map[elfsym.Addr][]string{}
	want := map[elfsym.Addr]bool{}
	for p, err := range t.Probes(context.Background(), offset.Query{Kinds: offset.KindFunc}) {
		if err == nil { // else told with the names
			names[p.Symbol.Addr] = append(names[p.Symbol.Addr], p.Symbol.FullName())
			want[p.Symbol.Addr] = true
		}
	}
	tell.each(want, func(at elfsym.Addr, f *dwarfinfo.Func) {
		sig, err := f.Signature()
		if err != nil {
			tell.tell(err)
			return
		}
		text := typesText(&sig)
		for _, full := range names[at] {
			if !slices.Contains(d.functions[full], text) {
				d.functions[full] = append(d.functions[full], text)
			}
		}
		for i := range sig.Params {
			d.addStruct(sig.Params[i].Type)
		}
	})
	for _, all := range d.functions {
		slices.Sort(all)
	}
	return d, nil
}

// typesText is "(int, char *) void": types alone, for names of parameters are no interface.
func typesText(s *dwarfinfo.Signature) string {
	var in, out []string
	for i := range s.Params {
		in = append(in, s.Params[i].Type.String())
	}
	if s.Variadic {
		in = append(in, "...")
	}
	for i := range s.Results {
		out = append(out, s.Results[i].Type.String())
	}
	if out == nil {
		out = []string{"void"}
	}
	return "(" + strings.Join(in, ", ") + ") " + strings.Join(out, ", ")
}

// addStruct adds the struct that a type is or points to.
func (d *declared) addStruct(t *dwarfinfo.Type) {
	for range 4 {
		if t = t.Strip(); t.Kind != dwarfinfo.Pointer && t.Kind != dwarfinfo.Reference && t.Kind != dwarfinfo.RvalueReference {
			break
		}
		if t = t.Elem(); t == nil {
			return
		}
	}
	if !t.Kind.Aggregate() || t.Name == "" {
		return
	}
	fields, err := t.Fields()
	if err != nil || len(fields) == 0 {
		return
	}
	members := make([]member, 0, len(fields))
	for i := range fields {
		f := &fields[i]
		m := member{f.Name, fmt.Sprintf("%s at %d", f.Type, f.Offset)}
		switch n := f.Type.Size(); {
		case n == 1:
			m.text += ", 1 byte"
		case n >= 0:
			m.text += fmt.Sprintf(", %d bytes", n)
		}
		if f.BitSize > 0 {
			m.text = fmt.Sprintf("%s of %d bits at bit %d", f.Type, f.BitSize, f.BitOffset)
		}
		members = append(members, m)
	}
	name := t.String()
	if old, ok := d.structs[name]; ok && !slices.Equal(old, members) {
		members = nil // units differ, and it is not known which is meant
	}
	d.structs[name] = members
}

// diffDeclared compares what both builds tell.
func diffDeclared(old, new *declared) []manifest.Change {
	if old == nil || new == nil || !old.known || !new.known {
		return nil
	}
	var out []manifest.Change
	add := func(kind manifest.ChangeKind, name, from, to, format string, args ...any) {
		out = append(out, manifest.Change{Kind: kind, Probe: name, Text: fmt.Sprintf(format, args...), Old: from, New: to})
	}
	for _, name := range slices.Sorted(maps.Keys(old.functions)) {
		a, b := strings.Join(old.functions[name], " or "), strings.Join(new.functions[name], " or ")
		if b != "" && a != b {
			add(manifest.Declaration, name, a, b, "%s became %s", a, b)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.structs)) {
		a, b := old.structs[name], new.structs[name]
		if a == nil || b == nil || slices.Equal(a, b) {
			continue
		}
		was, is := byName(a), byName(b)
		for _, m := range b {
			before, now := was[m.name], is[m.name]
			switch {
			case len(now) != 1 || len(before) > 1:
			case before == nil:
				add(manifest.Member, name, "", m.text, "member %s is new: %s", m.name, m.text)
			case before[0] != m.text:
				add(manifest.Member, name, before[0], m.text, "member %s: %s became %s", m.name, before[0], m.text)
			}
		}
		for _, m := range a {
			if len(was[m.name]) == 1 && is[m.name] == nil {
				add(manifest.Member, name, m.text, "", "member %s is gone: %s", m.name, m.text)
			}
		}
	}
	return out
}

// byName leaves out what is anonymous. Of a name that there is twice, as Go's _, it cannot be said which
// became which.
func byName(all []member) map[string][]string {
	m := map[string][]string{}
	for _, one := range all {
		if one.name != "" {
			m[one.name] = append(m[one.name], one.text)
		}
	}
	return m
}
