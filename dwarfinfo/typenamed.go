package dwarfinfo

import (
	"debug/dwarf"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/probels/probels/internal/die"
)

// TypeNamed are the types that have one of these names, as String, Declare or
// DWARF write them: "struct task", "task", "ns::list<int>", "main.server",
// "alloc::vec::Vec<u8, alloc::alloc::Global>". Like Lookup it walks only over
// units that may have them. Types that are only declared are left out.
//
// Each unit that includes a header has its types again. Those of the same name,
// size and members are one; those that differ are all given. A typedef is left
// out that gives a struct the name it has already.
func (d *Data) TypeNamed(names ...string) iter.Seq2[*Type, error] {
	n := newTypeNames(names)
	return func(yield func(*Type, error) bool) {
		if len(n.want) == 0 {
			return
		}
		seen, text, budget := make(map[string]bool), 0, d.f.Budget()
		d.findTypes(n, func(t *Type, err error) bool {
			if err != nil {
				return yield(nil, err)
			}
			if !n.is(t) || t.renames() {
				return true
			}
			sum, err := t.digest()
			if err != nil {
				return yield(nil, err)
			}
			sum = t.String() + "\x00" + sum
			if err := budget.Spend(int64(len(sum))); err != nil {
				yield(nil, err)
				return false
			}
			if seen[sum] {
				return true
			}
			seen[sum] = true
			if text += len(sum); text > maxAllText {
				yield(nil, fmt.Errorf("%s: too many types of this name: %w", t.Name, ErrLimit))
				return false
			}
			return yield(t, nil)
		})
	}
}

// renames reports whether a typedef only gives a struct the name it has: "typedef
// struct foo foo", and what Go's compiler writes for its types.
func (t *Type) renames() bool {
	if t.Kind != Typedef {
		return false
	}
	e := t.Elem()
	return e.Kind != Typedef && !e.Declared && e.Name == t.Name && e.QualifiedName() == t.QualifiedName()
}

// findTypes gives all types defined under the last names wanted.
func (d *Data) findTypes(n *typeNames, yield func(*Type, error) bool) {
	s, err := d.f.Search(n.spellings)
	if err != nil && !yield(nil, err) {
		return
	}
	budget := d.f.Budget()
	more := true
	unit := func(u *die.Unit, buf *die.Buffer) found[die.Loc] {
		if u.Passes(s, buf, budget) {
			return found[die.Loc]{}
		}
		u, err := u.WholeIn(buf, budget)
		if err != nil {
			return found[die.Loc]{err: err}
		}
		var all []die.Loc
		err = u.TypesNamed(s, buf, budget, func(e die.Entry) bool {
			name := e.Name()
			if name == "" && u.Skeleton() != nil {
				// The units of a .dwo that have only a type are not walked.
				if full, err := e.Ref(dwarf.AttrSignature); err == nil && full.Valid() {
					name = full.Name()
				}
			}
			if n.last[name] {
				all = append(all, e.Loc())
			}
			return len(all) < maxTypes
		})
		return found[die.Loc]{all, err}
	}
	take := func(r found[die.Loc]) bool {
		for _, l := range r.all {
			t, err := d.typeAt(l)
			if err != nil {
				more = yield(nil, err)
			} else if !t.Declared {
				more = yield(t, nil)
			}
			if !more {
				return false
			}
		}
		if r.err != nil {
			more = yield(nil, r.err)
		}
		return more
	}
	eachUnit(d, unit, take)
	// dwz has moved what several units share to the supplementary file, and
	// type units before DWARF 5 have a section of their own.
	for _, next := range d.f.OtherUnits() {
		var buf die.Buffer
		for i := 0; more; i++ {
			u, err := next(i)
			if err != nil {
				more = yield(nil, err)
			}
			if u == nil || err != nil {
				break
			}
			more = more && take(unit(u, &buf))
		}
	}
}

// gccNames are base types that gcc has other names for than C's people.
var gccNames = [...]struct{ usual, gcc string }{
	{"unsigned long long", "long long unsigned int"}, {"unsigned long", "long unsigned int"}, {"unsigned short", "short unsigned int"},
	{"long long", "long long int"}, {"long", "long int"}, {"short", "short int"},
}

// typeNames are the names asked for.
type typeNames struct {
	want      map[string]bool
	last      map[string]bool // what DW_AT_name may have
	spellings []string
}

func newTypeNames(list []string) *typeNames {
	n := &typeNames{want: make(map[string]bool), last: make(map[string]bool)}
	for _, name := range list {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		// Compilers write "list<list<int> >" or "list<list<int>>".
		for _, s := range []string{name, strings.ReplaceAll(name, ">>", "> >"), strings.ReplaceAll(name, "> >", ">>")} {
			n.want[s] = true
			_, s = cutKeyword(s)
			n.last[s] = true
			for _, l := range lastNames(s) {
				n.last[l] = true
			}
		}
	}
	for _, b := range gccNames { // gcc calls otherwise what is printed so
		if n.last[b.usual] {
			n.last[b.gcc], n.want[b.gcc] = true, true
		}
	}
	for s := range n.last {
		n.spellings = append(n.spellings, s)
	}
	slices.Sort(n.spellings)
	return n
}

// cutKeyword takes "struct", "class", "union" or "enum" off a name.
func cutKeyword(name string) (Kind, string) {
	for _, k := range []Kind{Struct, Class, Union, Enum} {
		if rest, ok := strings.CutPrefix(name, k.String()+" "); ok {
			return k, strings.TrimSpace(rest)
		}
	}
	return Unknown, name
}

// is reports whether a type has one of the names.
func (n *typeNames) is(t *Type) bool {
	if n.want[t.Name] {
		return true
	}
	q := t.QualifiedName()
	if n.want[q] {
		return true
	}
	switch t.Kind {
	case Struct, Class: // either word, as C++ has it
		return n.want["struct "+q] || n.want["class "+q] || n.want["struct "+t.Name] || n.want["class "+t.Name]
	case Union, Enum:
		return n.want[t.Kind.String()+" "+q] || n.want[t.Kind.String()+" "+t.Name]
	}
	return false
}

const (
	// maxDigest bounds what is written of one type to tell it from others. The
	// largest struct seen, with 5,000 members, takes 200 KB.
	maxDigest = 4 << 20
	// maxAllText bounds it for all types of a name: a file made for it has
	// 100,000 of one name, each a chain of all that follow.
	maxAllText = 16 << 20
)

// digest is what two types of one name differ in if they are not the same.
func (t *Type) digest() (string, error) {
	var b strings.Builder
	for range maxChain {
		fmt.Fprintf(&b, "%v %d %t %v;", t.Kind, t.size, t.Signed, t.Counts)
		if t.Kind != Typedef {
			break
		}
		if t = t.Elem(); t.Name != "" {
			break
		}
	}
	if t.Name != "" && t.Kind == Typedef || !t.Kind.Aggregate() && t.Kind != Enum {
		b.WriteString(t.String())
		return b.String(), nil
	}
	c, err := t.parts()
	if err != nil {
		fmt.Fprintf(&b, "%v", err)
	}
	put := func(f *Field) {
		if b.Len() <= maxDigest {
			fmt.Fprintf(&b, "%s %d %d %d %s;", f.Name, f.Offset, f.BitOffset, f.BitSize, f.Type)
		}
	}
	for i := range c.fields {
		put(&c.fields[i])
	}
	for _, v := range c.variants {
		fmt.Fprintf(&b, "%v:", v.Values)
		for i := range v.Fields {
			put(&v.Fields[i])
		}
	}
	for _, e := range c.enumerators {
		if b.Len() > maxDigest {
			break
		}
		fmt.Fprintf(&b, "%s=%d;", e.Name, e.Value)
	}
	if b.Len() > maxDigest {
		return "", fmt.Errorf("%s: a type of too many parts: %w", t.Name, ErrLimit)
	}
	return b.String(), nil
}

// Definition is the type itself, or where it is only declared the type of the
// same name that some unit defines: nil if none does. That units define
// different ones is an error that wraps ErrAmbiguous.
func (t *Type) Definition() (*Type, error) {
	if !t.Declared {
		return t, nil
	}
	return t.definition.get(func() (*Type, error) {
		if t.Name == "" {
			return nil, nil
		}
		group := t.Kind
		if group == Class {
			group = Struct
		}
		name := t.QualifiedName()
		key := fmt.Sprintf("%d %s", group, name)
		t.d.types.mu.Lock()
		l := t.d.types.defs[key]
		if l == nil {
			if t.d.types.defs == nil || len(t.d.types.defs) >= maxTypes {
				t.d.types.defs = make(map[string]*lazy[*Type])
			}
			l = new(lazy[*Type])
			t.d.types.defs[key] = l
		}
		t.d.types.mu.Unlock()
		return l.get(func() (*Type, error) { return t.d.define(group, name) })
	})
}

// define finds the one definition of a type.
func (d *Data) define(group Kind, name string) (*Type, error) {
	var def *Type
	var sum string
	var first error
	d.findTypes(newTypeNames([]string{name}), func(t *Type, err error) bool {
		switch {
		case err != nil:
			if first == nil {
				first = err
			}
		case t.Kind != group && (t.Kind != Class || group != Struct) || t.QualifiedName() != name:
		default:
			text, err := t.digest()
			switch {
			case err != nil:
				def, first = nil, err
				return false
			case def == nil:
				def, sum = t, text
			case text != sum:
				def, first = nil, fmt.Errorf("%s: %w", name, ErrAmbiguous)
				return false
			}
		}
		return true
	})
	if def != nil {
		return def, nil
	}
	return nil, first
}

// Called reports whether TypeNamed would give the type for a name.
func (t *Type) Called(name string) bool { return newTypeNames([]string{name}).is(t) }
