package die

import (
	"debug/dwarf"
	"fmt"
	"math"
	"slices"
	"sync"
)

// A Spec is one attribute of an abbreviation: its name and form, and for
// DW_FORM_implicit_const the value itself.
type Spec struct {
	Attr     dwarf.Attr
	Form     Form
	enc      encoding
	n        uint8 // bytes, for encFixed
	Implicit int64
}

// An Abbrev is the shape of an entry: all that entries with this code have in
// common. What follows the code in .debug_info is nothing but the values.
//
// Most entries are only passed by, so an abbreviation is compiled, once, into
// the steps of getting past its values: neighbours of fixed size become one
// addition, and many abbreviations are nothing else.
type Abbrev struct {
	Tag         dwarf.Tag
	HasChildren bool
	role        role
	sibling     int16 // where DW_AT_sibling is, if its place and form (ref4) are fixed; else -1
	fixed       int32 // length of all values if that is fixed, else -1
	Specs       []Spec
	steps       []step
}

// A step gets past one value, or past n bytes of values.
type step struct {
	enc encoding
	n   int32
}

// abbrevTable is the abbreviations of a unit, by code.
type abbrevTable struct {
	dense  []Abbrev // codes 1, 2, 3, …, as all producers number them
	sparse map[uint64]*Abbrev
	size   int  // bytes in the section
	far    bool // functions refer to other units' entries
	strx   bool // strings by index
	split  bool // a root names a .dwo
}

func (t *abbrevTable) get(code uint64) *Abbrev {
	if code-1 < uint64(len(t.dense)) {
		return &t.dense[code-1]
	}
	return t.sparse[code]
}

// Limits of one table. The largest seen, of LTO programs whose units share
// one, have some 10,000 abbreviations.
const (
	maxAbbrevs = 1 << 19
	maxSpecs   = 1 << 21
)

// errShort: the window of a table ends before the table does.
var errShort error = shortError{}

type shortError struct{}

func (shortError) Error() string { return ErrDamaged.Error() + ": abbreviations without an end" }
func (shortError) Unwrap() error { return ErrDamaged }

// abbrevParser is what compiling a table needs and the next one uses again:
// a library has a thousand tables.
type abbrevParser struct {
	window []byte
	all    []Abbrev
	cuts   []cut
	specs  []Spec
	steps  []step
}

// A cut is where an abbreviation's parts end in what is gathered for all.
type cut struct {
	code         uint64
	specs, steps int
}

var abbrevParsers = sync.Pool{New: func() any { return new(abbrevParser) }}

// parse compiles the table at the start of b.
func (p *abbrevParser) parse(b []byte, f format) (*abbrevTable, error) {
	t := &abbrevTable{}
	specs, steps, cuts, all := p.specs[:0], p.steps[:0], p.cuts[:0], p.all[:0]
	defer func() { p.specs, p.steps, p.cuts, p.all = specs, steps, cuts, all }()
	i := 0
	num := func() (v uint64) {
		if uint(i) < uint(len(b)) && b[i] < 0x80 {
			i++
			return uint64(b[i-1])
		}
		if i >= 0 {
			v, i = uleb(b, i)
		}
		return v
	}
	for {
		code := num()
		if i < 0 {
			return nil, errShort
		}
		if code == 0 {
			break
		}
		tag := num()
		if i < 0 || i >= len(b) {
			return nil, errShort
		}
		children := b[i]
		i++
		if tag > math.MaxUint32 || children > 1 {
			return nil, fmt.Errorf("%w: abbreviation %d has tag 0x%x, children %d", ErrDamaged, code, tag, children)
		}
		a := Abbrev{Tag: dwarf.Tag(tag), HasChildren: children == 1, sibling: -1}
		fixed, run := true, int32(0)
		total := int32(0)
		for {
			attr, form := num(), num()
			if i < 0 {
				return nil, errShort
			}
			if attr == 0 && form == 0 {
				break
			}
			if attr > math.MaxUint32 || form > math.MaxUint16 {
				return nil, fmt.Errorf("%w: abbreviation %d has attribute 0x%x of form 0x%x", ErrDamaged, code, attr, form)
			}
			s := Spec{Attr: dwarf.Attr(attr), Form: Form(form)}
			if s.Form == FormImplicitConst {
				s.Implicit, i = sleb(b, i)
				if i < 0 {
					return nil, errShort
				}
			}
			enc, n := f.size(s.Form)
			if enc == encBad {
				return nil, fmt.Errorf("%w: abbreviation %d has attribute %v of form 0x%x", ErrUnsupported, code, s.Attr, form)
			}
			s.enc, s.n = enc, uint8(n)
			t.remark(s)
			if enc == encFixed {
				if s.Attr == dwarf.AttrSibling && s.Form == FormRef4 && fixed && total < math.MaxInt16 {
					a.sibling = int16(total)
				}
				run += int32(n)
				total += int32(n)
			} else {
				fixed = false
				if run > 0 {
					steps = append(steps, step{encFixed, run})
					run = 0
				}
				steps = append(steps, step{enc, 0})
			}
			if specs = append(specs, s); len(specs) > maxSpecs {
				return nil, fmt.Errorf("%w: more than %d attributes in one table of abbreviations", ErrLimit, maxSpecs)
			}
		}
		if a.fixed = -1; fixed {
			a.fixed = total
		} else if run > 0 {
			steps = append(steps, step{encFixed, run})
		}
		if all = append(all, a); len(all) > maxAbbrevs {
			return nil, fmt.Errorf("%w: more than %d abbreviations in one table", ErrLimit, maxAbbrevs)
		}
		cuts = append(cuts, cut{code, len(specs), len(steps)})
	}
	t.size = i
	t.dense = slices.Clone(all)
	ownSpecs, ownSteps := slices.Clone(specs), slices.Clone(steps)
	from := cut{}
	for n := range t.dense {
		c, a := cuts[n], &t.dense[n]
		a.Specs, a.steps = ownSpecs[from.specs:c.specs:c.specs], ownSteps[from.steps:c.steps:c.steps]
		a.role = roleOf(a.Tag, a.Specs)
		from = c
	}
	own := t.dense
	for n, c := range cuts {
		if c.code == uint64(n)+1 {
			continue
		}
		// From the first that is out of order on they are in the map. Of two with
		// one code the first counts, as for binutils.
		t.dense = own[:n]
		t.sparse = make(map[uint64]*Abbrev, len(own)-n)
		for m := n; m < len(own); m++ {
			if code := cuts[m].code; t.get(code) == nil {
				t.sparse[code] = &own[m]
			}
		}
		break
	}
	return t, nil
}
