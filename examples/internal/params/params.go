// Package params captures the parameters of functions, by name, where debug information (DWARF) has them and the calling
// convention puts them.
package params

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach/capture"
	"github.com/probels/probels/usdt/operand"
)

// maxText is how much of a string is captured, in bytes.
const maxText = 200

// A Param is a parameter or result that is captured.
type Param struct {
	name string
	show func(d []capture.Datum) string
	n    int    // of its values
	why  string // it is not captured
}

// Of reads what the debug information says of the function at a location: its parameters and what it
// returns, and what to capture for them. Without debug information there are none.
func Of(ctx context.Context, t *offset.Target, l offset.Location) (in, out []Param, want, wantOut []capture.Value, err error) {
	data, err := t.DWARF(ctx)
	if errors.Is(err, offset.ErrNoDWARF) {
		return nil, nil, nil, nil, nil
	}
	if err != nil {
		return nil, nil, nil, nil, err
	}
	f, err := data.FuncAt(l.Addr)
	if err != nil || f == nil {
		return nil, nil, nil, nil, err
	}
	sig, err := f.Signature()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	for _, p := range sig.Params {
		one, v := param(p.Name, p.Type, p.Entry)
		in, want = append(in, one), append(want, v...)
	}
	for _, r := range sig.Results {
		one, v := param(r.Name, r.Type, r.Exit)
		out, wantOut = append(out, one), append(wantOut, v...)
	}
	return in, out, want, wantOut, nil
}

// param says how one is captured and shown.
func param(name string, typ *dwarfinfo.Type, at dwarfinfo.Location) (Param, []capture.Value) {
	p := Param{name: name, n: 1}
	if at.Err != nil || typ == nil {
		p.n, p.why = 0, "?"
		return p, nil
	}
	bare := typ.Strip()
	size := bare.Size()
	switch {
	case len(at.Places) == 0:
		p.n, p.why = 0, at.Text
		return p, nil

	case at.Indirect:
		p.show = func(d []capture.Datum) string { return fmt.Sprintf("*0x%x", d[0].N) }
		return p, []capture.Value{number(at.Places[0], 8, false)}

	case text(typ, bare) && len(words(at.Places)) >= 2: // Go's: a pointer and a length
		w := words(at.Places)
		ptr, n := number0(w[0], 8, false), number0(w[1], 8, false)
		p.show = func(d []capture.Datum) string { return quoted(d[0]) }
		return p, []capture.Value{capture.Bytes(ptr, n, maxText)}

	case bare.Kind == dwarfinfo.Pointer && isChar(bare.Elem()) && len(at.Places) == 1:
		p.show = func(d []capture.Datum) string {
			if d[0].N == 0 {
				return "NULL"
			}
			return quoted(d[0])
		}
		return p, []capture.Value{capture.String(number0(at.Places[0], 8, false), maxText)}

	case len(at.Places) == 1 && (size == 1 || size == 2 || size == 4 || size == 8) && !bare.Kind.Aggregate() && bare.Kind != dwarfinfo.Array:
		names := enumerators(bare)
		p.show = func(d []capture.Datum) string {
			if name, ok := names[d[0].Int()]; ok && d[0].Err == nil {
				return name
			}
			return scalar(bare, d[0])
		}
		return p, []capture.Value{number(at.Places[0], int(size), bare.Kind == dwarfinfo.Int || bare.Signed)}
	}
	// What has parts is shown as the words that it is in.
	var values []capture.Value
	for _, w := range words(at.Places) {
		values = append(values, number(w, 8, false))
	}
	p.n = len(values)
	p.show = func(d []capture.Datum) string {
		var words []string
		for _, v := range d {
			if v.Err != nil {
				words = append(words, "?")
				continue
			}
			words = append(words, fmt.Sprintf("0x%x", v.N))
		}
		return "{" + strings.Join(words, ", ") + "}"
	}
	return p, values
}

// words are the places of a value, those in memory cut into words, of which there are not more than eight.
func words(places []dwarfinfo.Place) (out []dwarfinfo.Place) {
	for _, p := range places {
		for p.Kind == operand.Memory && p.Size > 8 && len(out) < 8 {
			word := p
			word.Size = 8
			out = append(out, word)
			p.Disp, p.Off, p.Size = p.Disp+8, p.Off+8, p.Size-8
		}
		if len(out) < 8 {
			out = append(out, p)
		}
	}
	return out
}

// number0 is the number at a place, of no more bytes than that has.
func number0(p dwarfinfo.Place, size int, signed bool) capture.Source {
	if p.Size > 0 && p.Size < int64(size) && (p.Size == 1 || p.Size == 2 || p.Size == 4) {
		size = int(p.Size)
	}
	return capture.Arg(operand.Arg{Operand: p.Operand, Size: size, Signed: signed})
}

func number(p dwarfinfo.Place, size int, signed bool) capture.Value {
	return capture.Number(number0(p, size, signed))
}

// enumerators are the names of an enumeration's values.
func enumerators(t *dwarfinfo.Type) map[int64]string {
	if t.Kind != dwarfinfo.Enum {
		return nil
	}
	all, err := t.Enumerators()
	if err != nil {
		return nil // the number does
	}
	names := map[int64]string{}
	for _, e := range all {
		names[e.Value] = e.Name
	}
	return names
}

// text is whether a type of Go is a string, or bytes.
func text(typ, bare *dwarfinfo.Type) bool {
	return typ.GoKind == reflect.String || bare.GoKind == reflect.String || bare.GoKind == reflect.Slice && bare.String() == "[]uint8"
}

func isChar(t *dwarfinfo.Type) bool {
	if t == nil {
		return false
	}
	s := t.Strip()
	return s.Kind == dwarfinfo.Char && s.Size() == 1
}

func quoted(d capture.Datum) string {
	if d.Err != nil {
		return "<" + d.Err.Error() + ">"
	}
	s := fmt.Sprintf("%q", d.B)
	if d.Truncated {
		s += "…"
	}
	return s
}

func scalar(t *dwarfinfo.Type, d capture.Datum) string {
	switch {
	case d.Err != nil:
		return "?" // in a vector register, which eBPF does not see
	case t.Kind == dwarfinfo.Float && t.Size() == 4:
		return fmt.Sprint(math.Float32frombits(uint32(d.N)))
	case t.Kind == dwarfinfo.Float:
		return fmt.Sprint(math.Float64frombits(d.N))
	case t.Kind == dwarfinfo.Bool:
		return fmt.Sprint(d.N&1 != 0)
	case t.Kind == dwarfinfo.Char && d.N >= ' ' && d.N < 0x7f:
		return fmt.Sprintf("%q", rune(d.N))
	case t.Kind == dwarfinfo.Int, t.Signed:
		return fmt.Sprint(d.Int())
	case t.Kind == dwarfinfo.Uint, t.Kind == dwarfinfo.Enum, t.Kind == dwarfinfo.Char:
		return fmt.Sprint(d.N)
	}
	return fmt.Sprintf("0x%x", d.N)
}

// Format is the parameters with their values, of which there may be more behind.
func Format(ps []Param, values []capture.Datum) string {
	var parts []string
	for _, p := range ps {
		value := p.why
		if p.show != nil && len(values) >= p.n {
			value = p.show(values[:p.n])
			values = values[p.n:]
		}
		if p.name != "" && p.name[0] != '~' { // so Go calls results without a name
			value = p.name + "=" + value
		}
		parts = append(parts, value)
	}
	return strings.Join(parts, ", ")
}
