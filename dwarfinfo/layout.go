package dwarfinfo

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// A Layout is how a struct, class or union is laid out in memory: what its
// fields leave free.
type Layout struct {
	Rows []Row
	Size int64 // bytes; -1 unknown

	Members   int   // the struct's own, base classes included
	Sum       int64 // bytes of members that are not bit-fields
	SumBits   int64 // bits of those that are
	Holes     int   // bytes between members, and how many
	HoleBytes int64
	BitHoles  int // bits within a byte, and how many
	BitBytes  int64
	Padding   int64 // bytes behind the last member
}

// A Row is a field and what is free before it.
type Row struct {
	Field
	Hole    int64 // whole bytes
	BitHole int64 // and bits, these behind the bit-field before
	Overlap bool  // it begins before the one before ends, as in classes that use their bases' padding
}

// bitRange is what a field takes, in bits from the struct's start.
func (f *Field) bitRange() (start, end int64, ok bool) {
	if f.Offset < 0 || f.Offset > 1<<50 {
		return 0, 0, false
	}
	if f.BitSize > 0 {
		return f.BitOffset, f.BitOffset + int64(f.BitSize), true
	}
	size := max(f.Type.Size(), 0) // of "char rest[]" nothing
	if size > 1<<50 {
		return 0, 0, false
	}
	return f.Offset * 8, (f.Offset + size) * 8, true
}

// Layout lays out a struct, class or union, through typedefs.
func (t *Type) Layout() (*Layout, error) {
	s := t.Strip()
	if !s.Kind.Aggregate() {
		return nil, fmt.Errorf("%v is no struct: %w", t, ErrNoMember)
	}
	c, err := s.parts()
	l := &Layout{Size: s.Size(), Members: len(c.fields)}
	end := int64(0)
	for _, f := range c.fields {
		r := Row{Field: f}
		from, to, ok := f.bitRange()
		if ok && s.Kind != Union && !f.Virtual {
			if gap := from - end; gap > 0 {
				r.BitHole = min(gap, (8-end%8)%8)
				r.Hole = (gap - r.BitHole) / 8
				if rest := (gap - r.BitHole) % 8; rest > 0 {
					r.BitHole += rest // bits before a bit-field that begins within a byte
				}
			}
			r.Overlap = from < end
		}
		if r.Hole > 0 {
			l.Holes++
			l.HoleBytes += r.Hole
		}
		if r.BitHole > 0 {
			l.BitHoles++
			l.BitBytes += r.BitHole
		}
		if ok {
			end = max(end, to)
			if f.BitSize > 0 {
				l.SumBits += int64(f.BitSize)
			} else if s.Kind != Union {
				l.Sum += (to - from) / 8
			}
		}
		l.Rows = append(l.Rows, r)
	}
	if l.Size >= 0 && len(c.fields) > 0 && len(c.variants) == 0 {
		l.Padding = max(l.Size-(end+7)/8, 0)
	}
	return l, err
}

// cacheLine is that of nearly all machines, and what pahole assumes.
const cacheLine = 64

// WriteLayout writes the type as pahole does: its members with offset and size,
// what is free between them, and where cache lines begin. Enums are written with
// their values, other types as a declaration.
func (t *Type) WriteLayout(w io.Writer) error {
	p := layoutWriter{left: maxLayoutText}
	p.whole(t)
	if _, err := w.Write(p.b.Bytes()); err != nil {
		return err
	}
	return p.err
}

// maxLayoutText bounds a layout's text: structs within one another repeat.
const maxLayoutText = 16 << 20

type layoutWriter struct {
	b    bytes.Buffer
	left int
	err  error
}

func (p *layoutWriter) whole(t *Type) {
	s := t
	if t.Kind == Typedef {
		e := t.Elem()
		if d := e.Strip(); d.Name != "" || !d.Kind.Aggregate() && d.Kind != Enum {
			word := "typedef"
			if t.lang.IsGo() || t.lang.IsRust() {
				word = "type"
			}
			fmt.Fprintf(&p.b, "%s %s;", word, e.Declare(t.QualifiedName()))
			p.size(t)
			if d.Kind.Aggregate() || d.Kind == Enum {
				p.whole(d)
			}
			return
		}
		s = e.Strip() // "typedef struct { … } name;"
		fmt.Fprint(&p.b, "typedef ")
	} else if t.Kind.Aggregate() || t.Kind == Enum {
		s = t.Strip()
	}
	switch {
	case s.Kind == Enum:
		p.enum(s)
	case s.Declared:
		fmt.Fprintf(&p.b, "%s; /* declared only */\n", p.head(s))
		return
	case s.Kind.Aggregate():
		p.body(s, 0, 0, true)
	default:
		fmt.Fprintf(&p.b, "%s;", s)
		p.size(s)
		return
	}
	if t.Kind == Typedef {
		fmt.Fprintf(&p.b, " %s", t.QualifiedName())
	}
	fmt.Fprintln(&p.b, ";")
}

func (p *layoutWriter) size(t *Type) {
	if n := t.Size(); n >= 0 {
		fmt.Fprintf(&p.b, " /* size: %d */", n)
	}
	fmt.Fprintln(&p.b)
}

// head is the type's keyword and name.
func (p *layoutWriter) head(t *Type) string {
	word := t.Kind.String()
	if name := (&typeWriter{left: maxTypeText}).named(t); t.Name != "" {
		word += " " + strings.TrimPrefix(name, word+" ")
	}
	return word
}

func (p *layoutWriter) enum(t *Type) {
	fmt.Fprintf(&p.b, "%s {\n", p.head(t))
	es, err := t.Enumerators()
	p.keep(err)
	for _, e := range es {
		if t.Signed {
			fmt.Fprintf(&p.b, "\t%s = %d,\n", e.Name, e.Value)
		} else {
			fmt.Fprintf(&p.b, "\t%s = %d,\n", e.Name, uint64(e.Value))
		}
	}
	fmt.Fprintf(&p.b, "\n\t/* size: %d, values: %d */\n}", t.Size(), len(es))
}

func (p *layoutWriter) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

// body is a struct in braces. at is where it begins in the outermost one.
func (p *layoutWriter) body(t *Type, depth int, at int64, outer bool) {
	in := strings.Repeat("\t", depth+1)
	if depth > maxEmbedded || p.left < p.b.Len() {
		fmt.Fprintf(&p.b, "%s {"+cut+"}", p.head(t))
		return
	}
	l, err := t.Layout()
	p.keep(err)
	fmt.Fprintf(&p.b, "%s {\n", p.head(t))
	line := at / cacheLine
	for i := range l.Rows {
		r := &l.Rows[i]
		if r.BitHole > 0 {
			fmt.Fprintf(&p.b, "\n%s/* XXX %d bit%s hole */\n", in, r.BitHole, plural(r.BitHole))
		}
		if r.Hole > 0 {
			fmt.Fprintf(&p.b, "\n%s/* XXX %d byte%s hole */\n", in, r.Hole, plural(r.Hole))
		}
		if r.Hole > 0 || r.BitHole > 0 {
			fmt.Fprintln(&p.b)
		}
		if here := (at + max(r.Offset, 0)) / cacheLine; here > line && t.Kind != Union {
			line = here
			p.boundary(in, here, at+r.Offset-here*cacheLine)
		}
		p.row(&r.Field, in, depth, at)
	}
	p.variants(t, in, depth, at)
	if outer {
		p.summary(t, l)
	}
	fmt.Fprintf(&p.b, "%s}", strings.Repeat("\t", depth))
}

func (p *layoutWriter) boundary(in string, n, ago int64) {
	was := ""
	if ago > 0 {
		was = fmt.Sprintf(" was %d byte%s ago", ago, plural(ago))
	}
	fmt.Fprintf(&p.b, "%s/* --- cacheline %d boundary (%d bytes)%s --- */\n", in, n, n*cacheLine, was)
}

func plural(n int64) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// row is one field: "int x; /* 0 4 */".
func (p *layoutWriter) row(f *Field, in string, depth int, at int64) {
	s := f.Type.bare()
	var decl string
	width := 48 - 8*depth
	bits := ""
	if f.BitSize > 0 {
		bits = fmt.Sprintf(":%d", f.BitSize)
	}
	switch {
	case f.Base:
		virtual := ""
		if f.Virtual {
			virtual = "virtual "
		}
		decl = fmt.Sprintf("%s%s <ancestor>;", virtual, f.Type)
	case s.Name == "" && s.Kind.Aggregate() && !s.Declared && f.Offset >= 0 && f.Type.Kind != Typedef && s == f.Type:
		fmt.Fprint(&p.b, in)
		p.body(s, depth+1, at+f.Offset, false)
		decl = ";"
		if f.Name != "" {
			decl = " " + f.Name + ";"
		}
		in = ""
		width-- // its brace is there already
	default:
		first, second := f.Type.declare(f.Name)
		decl = fmt.Sprintf("%-*s %s%s;", max(26-8*depth, 8), first, second, bits)
	}
	size := max(f.Type.Size(), 0)
	place := fmt.Sprintf("    ? %5d", size)
	if f.BitSize > 0 {
		unit := max(f.Type.Size(), 1)
		byteOff := f.BitOffset / 8 / unit * unit
		place = fmt.Sprintf("%5d:%2d %2d", at+byteOff, f.BitOffset-byteOff*8, size)
	} else if f.Offset >= 0 {
		place = fmt.Sprintf("%5d %5d", at+f.Offset, size)
	}
	fmt.Fprintf(&p.b, "%s%-*s /* %s */\n", in, max(width, 0), decl, place)
}

// variants are the contents of a Rust enum.
func (p *layoutWriter) variants(t *Type, in string, depth int, at int64) {
	tag, vs, err := t.Variants()
	p.keep(err)
	if tag != nil {
		f := *tag
		if f.Name == "" {
			f.Name = "<discriminant>"
		}
		p.row(&f, in, depth, at)
	}
	for _, v := range vs {
		which := "otherwise"
		for i, b := range v.Values {
			if which = listText(i, which) + b.text(tag); b.Low != b.High {
				which += "…" + Bound{b.High, b.High}.text(tag)
			}
		}
		fmt.Fprintf(&p.b, "%s/* %s: */\n", in, which)
		for i := range v.Fields {
			p.row(&v.Fields[i], in, depth, at)
		}
	}
}

// text is the bound's lower end, as the discriminant has it.
func (b Bound) text(tag *Field) string {
	if tag != nil && !tag.Type.bare().Signed {
		return fmt.Sprint(uint64(b.Low))
	}
	return fmt.Sprint(b.Low)
}

// listText begins the text of values, or goes on with it.
func listText(i int, text string) string {
	if i == 0 {
		return ""
	}
	return text + ", "
}

func (p *layoutWriter) summary(t *Type, l *Layout) {
	if l.Size < 0 {
		fmt.Fprint(&p.b, "\n\t/* size: unknown */\n")
		return
	}
	fmt.Fprintf(&p.b, "\n\t/* size: %d, cachelines: %d, members: %d */\n", l.Size, (l.Size+cacheLine-1)/cacheLine, l.Members)
	if l.Holes > 0 {
		fmt.Fprintf(&p.b, "\t/* sum members: %d, holes: %d, sum holes: %d */\n", l.Sum, l.Holes, l.HoleBytes)
	}
	if l.SumBits > 0 {
		fmt.Fprintf(&p.b, "\t/* sum bitfield members: %d bits", l.SumBits)
		if l.BitHoles > 0 {
			fmt.Fprintf(&p.b, ", bit holes: %d, sum bit holes: %d bits", l.BitHoles, l.BitBytes)
		}
		fmt.Fprint(&p.b, " */\n")
	}
	if l.Padding > 0 {
		fmt.Fprintf(&p.b, "\t/* padding: %d */\n", l.Padding)
	}
	if rest := l.Size % cacheLine; rest > 0 {
		fmt.Fprintf(&p.b, "\t/* last cacheline: %d bytes */\n", rest)
	}
}
