package dwarfinfo

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrNoMember: a type has no such member.
var ErrNoMember = errors.New("no such member")

// A Member is where a path of members leads to: what a tracer adds to a
// pointer, and reads, until it has the value.
type Member struct {
	Type *Type

	// Offsets are bytes: the first from the start of the struct; each further one
	// from where the pointer points that is read at the one before.
	Offsets []int64

	BitSize   int   // of a bit-field; 0 for others
	BitOffset int64 // and its place, from the start of the struct that the last of Offsets counts from
}

// maxPath is how many steps a path may have.
const maxPath = 256

// Member follows a path from a struct: ".next", ".a.b", ".a->b", ".names[3]",
// "[2].x". Members of anonymous structs and of base classes are found as the
// struct's own. Pointers are followed by "->"; in Go and Rust, whose people
// write so, by "." too. A name of a Rust enum's variant is a member of it.
func (t *Type) Member(path string) (Member, error) {
	m := Member{Type: t, Offsets: []int64{0}}
	for n := 0; path != ""; n++ {
		if n == maxPath {
			return m, fmt.Errorf("a path of more than %d members: %w", maxPath, ErrLimit)
		}
		var err error
		switch {
		case path[0] == '[':
			end := strings.IndexByte(path, ']')
			if end < 0 {
				return m, fmt.Errorf("%q: a [ without its ]: %w", path, ErrNoMember)
			}
			i, perr := strconv.ParseInt(path[1:end], 0, 48)
			if perr != nil || i < 0 {
				return m, fmt.Errorf("%q: not the number of an element: %w", path[:end+1], ErrNoMember)
			}
			err = m.index(i)
			path = path[end+1:]
		case path[0] == '.', strings.HasPrefix(path, "->"):
			arrow := path[0] == '-'
			path = path[1:]
			if arrow {
				path = path[1:]
			}
			end := stepEnd(path)
			err = m.step(path[:end], arrow)
			path = path[end:]
		default:
			err = fmt.Errorf("%q: a member begins with . or ->: %w", path, ErrNoMember)
		}
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// stepEnd is where a member's name ends: at what leads to the next. Names of
// base classes may have dots and the like in <>.
func stepEnd(path string) int {
	depth := 0
	for i := range len(path) {
		switch c := path[i]; {
		case c == '<':
			depth++
		case c == '>' && depth > 0:
			depth--
		case depth > 0 && strings.ContainsRune(path[i:], '>'):
		case c == '.' && i > 0, c == '[', c == '-' && strings.HasPrefix(path[i:], "->"):
			return i
		}
	}
	return len(path)
}

// add moves on within the struct that the last offset counts from.
func (m *Member) add(n int64) error {
	last := &m.Offsets[len(m.Offsets)-1]
	if n < 0 || *last > 1<<60-n {
		return fmt.Errorf("%v has no fixed place: %w", m.Type, ErrNoMember)
	}
	*last += n
	return nil
}

// deref reads the pointer that has been reached.
func (m *Member) deref(elem *Type) {
	m.Offsets = append(m.Offsets, 0)
	m.Type = elem
}

func (m *Member) index(i int64) error {
	t := m.Type.Strip()
	elem := t.Elem()
	dims := []int64(nil)
	switch t.Kind {
	case Array:
		if n := t.Counts[0]; n >= 0 && i >= n {
			return fmt.Errorf("[%d]: %v has %d: %w", i, t, n, ErrNoMember)
		}
		dims = t.Counts[1:]
	case Pointer:
		m.deref(elem)
	default:
		return fmt.Errorf("[%d]: %v is no array: %w", i, m.Type, ErrNoMember)
	}
	if len(dims) > 0 {
		// What is left of the dimensions is an array as well.
		rest := &Type{Kind: Array, Counts: dims, size: -1, lang: t.lang, d: t.d, loc: t.loc, ref: t.ref}
		elem = rest
	}
	size := elem.Size()
	if size < 0 || size > 0 && i > 1<<60/size {
		return fmt.Errorf("[%d]: how large a %v is, is not known: %w", i, elem, ErrNoMember)
	}
	m.Type = elem
	return m.add(i * size)
}

func (m *Member) step(name string, arrow bool) error {
	t := m.Type.Strip()
	pointer := t.Kind == Pointer || t.Kind == Reference || t.Kind == RvalueReference
	switch {
	case m.BitSize > 0:
		return fmt.Errorf("%s: a bit-field has no members: %w", name, ErrNoMember)
	case arrow && !pointer:
		return fmt.Errorf("->%s: %v is no pointer; write .%s: %w", name, m.Type, name, ErrNoMember)
	case !arrow && t.Kind == Pointer && !t.lang.IsGo() && !t.lang.IsRust():
		return fmt.Errorf(".%s: %v is a pointer; write ->%s: %w", name, m.Type, name, ErrNoMember)
	case pointer:
		m.deref(t.Elem())
		t = m.Type.Strip()
	}
	if t.Kind == Pointer || !t.Kind.Aggregate() {
		return fmt.Errorf("%s: %v has no members: %w", name, m.Type, ErrNoMember)
	}
	at, err := t.find(name)
	if err != nil {
		return err
	}
	if at.f.Offset < 0 {
		return fmt.Errorf("%s: where it is in %v differs between objects: %w", name, t, ErrNoMember)
	}
	if m.BitSize = at.f.BitSize; m.BitSize > 0 {
		m.BitOffset = m.Offsets[len(m.Offsets)-1]*8 + at.base*8 + at.f.BitOffset
	}
	m.Type = at.f.Type
	return m.add(at.base + at.f.Offset)
}

// fieldPlace is a field and where the struct begins that has it.
type fieldPlace struct {
	f    Field
	base int64
}

const (
	maxEmbedded = 32      // structs within one another
	maxSearched = 1 << 16 // structs searched for one name
)

// find is the field of a name: the struct's own before those of what is
// embedded in it or its bases, and these by how deep they are (C++ hides by the
// same rule). Two that are equally deep are an error.
func (t *Type) find(name string) (fieldPlace, error) {
	type part struct {
		t    *Type
		base int64
	}
	level := []part{{t, 0}}
	searched := 0
	for range maxEmbedded {
		var next []part
		var hit []fieldPlace
		for _, p := range level {
			if searched++; searched > maxSearched {
				return fieldPlace{}, fmt.Errorf("%s: too many structs within %v: %w", name, t, ErrLimit)
			}
			c, err := p.t.parts()
			if err != nil && len(c.fields) == 0 {
				return fieldPlace{}, err
			}
			for _, f := range c.all() {
				if f.Name == name && name != "" || f.Base && (f.Type.QualifiedName() == name || f.Type.bare().Name == name) {
					hit = append(hit, fieldPlace{f, p.base})
					continue
				}
				if f.Embedded || f.Base {
					base := p.base + f.Offset
					if f.Offset < 0 || p.base < 0 || f.Offset > 1<<60-p.base {
						base = -1 << 40 // somewhere below a virtual base
					}
					if s := f.Type.Strip(); s.Kind.Aggregate() {
						next = append(next, part{s, base})
					}
				}
			}
		}
		switch {
		case len(hit) > 1:
			return fieldPlace{}, fmt.Errorf("%s: %v has %d of that name: %w", name, t, len(hit), ErrAmbiguous)
		case len(hit) == 1:
			if hit[0].base < 0 {
				hit[0].f.Offset = -1
			}
			return hit[0], nil
		}
		if level = next; len(level) == 0 {
			break
		}
	}
	return fieldPlace{}, fmt.Errorf("%v has no member %s: %w", t, name, ErrNoMember)
}

// all are the fields, those of the variants included.
func (c *content) all() []Field {
	if len(c.variants) == 0 {
		return c.fields
	}
	out := append([]Field(nil), c.fields...)
	for _, v := range c.variants {
		out = append(out, v.Fields...)
	}
	return out
}
