package dwarfinfo

import (
	"debug/dwarf"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
)

// A Signature is what a function takes and returns, and where that is.
type Signature struct {
	Params  []Param
	Results []Result // none: void. Go's functions may have several

	Variadic bool // "..." follows the parameters

	// Unprototyped: declared as C was before 1989, so that callers did not know the
	// types: each argument is promoted, float to double.
	Unprototyped bool

	// Changed: debug information tells other places than the calling convention
	// does. The compiler made a copy of the function that takes less than it
	// declares (gcc's .constprop, .isra, .part), or let its callers and it agree on something else.
	Changed bool

	lang Language
}

// A Param is a parameter of a function.
type Param struct {
	Name       string // "" if the source names it not
	Type       *Type
	Line       int  // of the declaration, 0 if unknown; the file is mostly the function's
	Artificial bool // made by the compiler: this

	// Entry is where the value is at the function's first instruction, before that
	// has run: by the calling convention, held against what debug information
	// says of that address. A convention holds at that one instruction, which is where a
	// uprobe on a function is; for others ask At.
	Entry Location

	f   *Func
	loc die.Loc // in the function that has the code; no Unit if it is not there
}

// A Result is what a function returns.
type Result struct {
	Name string // Go may name it
	Type *Type
	Exit Location // where the value is at the instruction that returns, or right behind the call
}

// Params are the function's parameters, as Signature has them.
func (f *Func) Params() ([]Param, error) {
	s, err := f.Signature()
	return s.Params, err
}

// At is where the parameter is at an instruction of the function, as debug
// information says it; for the prologue, where compilers leave it wrong
// without optimisation, see Entry.
func (p *Param) At(pc elfsym.Addr) (Location, error) {
	if p.loc.Unit == nil {
		return Location{Text: "optimized out", FromDWARF: true}, nil
	}
	fn, err := p.f.die()
	if err != nil {
		return Location{}, err
	}
	e, err := p.loc.Entry()
	if err != nil {
		return Location{}, err
	}
	l := p.f.d.newFrame(fn, uint64(pc), pc == p.f.Entry).at(e, p.Type.Size())
	return l, l.Err
}

// maxParams is how many parameters a function may have. C compilers take some
// hundreds of thousands, and people some dozens.
const maxParams = 4096

// Signature reads what the function takes and returns. It is not kept. An
// error leaves what could be read.
func (f *Func) Signature() (Signature, error) {
	s := Signature{lang: f.Unit().Language()}
	e, err := f.die()
	if err != nil {
		return s, err
	}
	r := sigReader{f: f, sig: &s, shapes: f.d.newShaper()}
	r.read(e)
	r.entries(e)
	return s, r.err
}

// sigReader reads one signature.
type sigReader struct {
	f       *Func
	sig     *Signature
	shapes  *shaper
	params  []sigParam // in the order of Signature.Params
	results []sigParam
	proto   bool
	cc      uint64 // DW_AT_calling_convention
	copy    bool   // the entry is a copy of an abstract function
	err     error
}

// A sigParam is an entry for a parameter: of the function that has the code, or
// of its declaration.
type sigParam struct {
	e       die.Entry // of the code; not Valid if it has none
	decl    die.Entry // what completes it; e itself if nothing does
	dropped bool      // declared, and not among the code's
}

func (r *sigReader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// read gathers the parameters of the function and of its declaration.
func (r *sigReader) read(e die.Entry) {
	var own, declared []die.Entry
	typed := e
	first := true
	r.keep(e.Origins(func(o die.Entry) bool {
		if first {
			own = r.children(o)
			r.copy = o.Has(dwarf.AttrAbstractOrigin)
		} else if len(declared) == 0 {
			declared = r.children(o)
		}
		first = false
		if !typed.Has(dwarf.AttrType) {
			typed = o
		}
		r.proto = r.proto || o.Flag(dwarf.AttrPrototyped)
		if r.cc == 0 {
			r.cc, _ = o.Uint(dwarf.AttrCalling)
		}
		return true
	}))
	for _, p := range match(own, declared, r.copy) {
		if r.f.Unit().Language().IsGo() && p.decl.Flag(dwarf.AttrVarParam) {
			t, name := r.describe(p)
			// Go's compiler (1.26) writes the result of some functions twice; the language knows
			// no two of a name.
			if name != "" && name != "_" && slices.ContainsFunc(r.sig.Results, func(have Result) bool { return have.Name == name }) {
				continue
			}
			r.results = append(r.results, p)
			r.sig.Results = append(r.sig.Results, Result{Name: name, Type: t})
			continue
		}
		r.params = append(r.params, p)
		t, name := r.describe(p)
		out := Param{Name: name, Type: t, f: r.f, Artificial: p.decl.Flag(dwarf.AttrArtificial)}
		if n, ok := p.decl.Uint(dwarf.AttrDeclLine); ok && n < 1<<31 {
			out.Line = int(n)
		}
		if p.e.Valid() {
			out.loc = p.e.Loc()
		}
		r.sig.Params = append(r.sig.Params, out)
	}
	if len(r.sig.Results) == 0 && typed.Has(dwarf.AttrType) {
		t, err := r.f.d.typeFor(typed)
		r.keep(err)
		r.results = []sigParam{{e: typed, decl: typed}}
		r.sig.Results = []Result{{Type: t}}
	}
	r.sig.Unprototyped = r.f.Unit().Language().IsC() && !r.proto && len(r.sig.Params) > 0
}

// children are an entry's parameters.
func (r *sigReader) children(e die.Entry) (out []die.Entry) {
	for c, err := range e.Children() {
		switch {
		case err != nil:
			r.keep(err)
		case c.Tag == dwarf.TagUnspecifiedParameters:
			r.sig.Variadic = true
		case c.Tag == dwarf.TagFormalParameter && len(out) == maxParams:
			r.keep(fmt.Errorf("%s: more than %d parameters: %w", r.f.Name, maxParams, ErrLimit))
			return out
		case c.Tag == dwarf.TagFormalParameter:
			out = append(out, c)
		}
	}
	return out
}

// match puts the parameters of the code and those of its declaration together.
// A copy's refer to the declared; a definition has all of its own.
func match(own, declared []die.Entry, isCopy bool) []sigParam {
	var out []sigParam
	if !isCopy && len(own) > 0 || len(declared) == 0 {
		for i, e := range own {
			p := sigParam{e: e, decl: e}
			if len(own) == len(declared) && !e.Has(dwarf.AttrType) {
				p.decl = declared[i]
			}
			out = append(out, p)
		}
		return out
	}
	at := make(map[die.Loc]int, len(declared))
	for i, e := range declared {
		at[e.Loc()] = i
		out = append(out, sigParam{decl: e, dropped: true})
	}
	for _, e := range own {
		l, ok, err := e.RefLoc(dwarf.AttrAbstractOrigin)
		i, known := at[l]
		if ok && err == nil && known && out[i].dropped {
			out[i].e, out[i].dropped = e, false
			continue
		}
		out = append(out, sigParam{e: e, decl: e})
	}
	return out
}

// describe is a parameter's type and name.
func (r *sigReader) describe(p sigParam) (t *Type, name string) {
	from := p.decl
	for _, start := range []die.Entry{p.e, p.decl} {
		if !start.Valid() {
			continue
		}
		r.keep(start.Origins(func(o die.Entry) bool {
			if name == "" {
				s, err := o.Str(dwarf.AttrName)
				name = s
				r.keep(err)
			}
			if !from.Has(dwarf.AttrType) {
				from = o
			}
			return true
		}))
	}
	t, err := r.f.d.typeFor(from)
	r.keep(err)
	return t, name
}

// String is the signature as the language writes it, without the function's
// name: "(const char *filename, int lineno) int".
func (s Signature) String() string { return s.Declare("") }

// Declare is the signature with a function's name, as the language writes it:
// "int f(const char *s, ...)" in C, "func f(s string) (int, error)" in Go.
func (s Signature) Declare(name string) string {
	var b strings.Builder
	params := make([]string, 0, len(s.Params)+1)
	for _, p := range s.Params {
		if p.Artificial && s.lang.IsCPlusPlus() {
			continue // this, and others that nobody writes
		}
		params = append(params, declare(s.lang, p.Type, p.Name))
	}
	if s.Variadic {
		params = append(params, "...")
	}
	results := make([]string, len(s.Results))
	for i, r := range s.Results {
		results[i] = r.Type.String()
	}
	list := "(" + strings.Join(params, ", ") + ")"
	if len(params) == 0 && s.lang.IsC() {
		list = "(void)"
	}
	switch {
	case s.lang.IsGo():
		b.WriteString("func " + name + list)
		switch len(results) {
		case 0:
		case 1:
			b.WriteString(" " + results[0])
		default:
			b.WriteString(" (" + strings.Join(results, ", ") + ")")
		}
	case s.lang.IsRust():
		b.WriteString("fn " + name + list)
		if len(results) > 0 {
			b.WriteString(" -> " + results[0])
		}
	case len(results) == 0:
		b.WriteString("void " + name + list)
	default:
		b.WriteString(s.Results[0].Type.Declare(name + list))
	}
	return b.String()
}

// declare is a parameter as the language declares it.
func declare(l Language, t *Type, name string) string {
	switch {
	case name == "":
		return t.String()
	case l.IsGo():
		return name + " " + t.String()
	case l.IsRust():
		return name + ": " + t.String()
	}
	return t.Declare(name)
}

// Declaration is the parameter as the language declares it: "const char *s".
func (p *Param) Declaration() string { return declare(p.f.Unit().Language(), p.Type, p.Name) }

// typeFor is the type of an entry; with an error one that says so.
func (d *Data) typeFor(e die.Entry) (*Type, error) {
	t, err := d.typeOf(e)
	if t == nil {
		t = d.broken(err)
	}
	return t, err
}
