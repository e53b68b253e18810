package offset

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
)

// dwarfNames settles, by debug information, names that no table has.
func (r *resolution) dwarfNames() {
	var missing []*Result
	for i := range r.results {
		if res := &r.results[i]; res.open() && len(res.Spec.dwarfQueries()) > 0 {
			missing = append(missing, res)
		}
	}
	if len(missing) == 0 {
		return
	}
	if d := r.dwarfOnly(); d != nil {
		r.dwarfAsked = true
		r.addDWARF(d, missing)
	}
}

// dwarfOnly is the debug information, if that is to be asked for functions: of a file
// that was linked or stripped with -x, which drops the symbols of statics, or whose
// debug file has no symbol table. Where the tables have such symbols they have all
// functions, and DWARF, which may have to be inflated first, is left alone.
func (r *resolution) dwarfOnly() *dwarfinfo.Data {
	if r.t.opts.OwnTables || r.localsKnown() || r.ctx.Err() != nil {
		return nil
	}
	r.outside = true // even its own may be completed by other files
	d, err := r.t.DWARF(r.ctx)
	if err != nil {
		if !errors.Is(err, ErrNoDWARF) {
			r.problem(err)
		}
		return nil
	}
	return d
}

// localsKnown reports whether a table has functions that are local, or is of all
// functions anyway, as Go's.
func (r *resolution) localsKnown() bool {
	companions, err := r.stripped()
	if err != nil {
		r.problem(err)
	}
	has := hasLocals(r.t.f.Symbols(elfsym.Symtab))
	for _, c := range companions {
		has = has || c.source == elfsym.GoTable || hasLocals(c.symbols(nil))
	}
	return has
}

// hasLocals looks at the beginning of a table: local symbols come first (gABI,
// "Symbol Table", sh_info).
func hasLocals(syms iter.Seq2[elfsym.Symbol, error]) bool {
	for s, err := range syms {
		if err == nil && (s.Bind != elf.STB_LOCAL || s.IsFunc()) {
			return s.Bind == elf.STB_LOCAL
		}
	}
	return false
}

// dwarfAt says of an address which function of the debug information it is in; false
// if that is not to be asked, or has none there.
func (r *resolution) dwarfAt(l *Location) bool {
	d := r.dwarfOnly()
	if d == nil {
		return false
	}
	f, err := d.FuncAt(l.Addr)
	if err != nil {
		r.problem(err)
	}
	if f == nil {
		return false
	}
	s := r.t.dwarfSymbol(f)
	if l.Addr < s.Addr || uint64(l.Addr-s.Addr) >= s.Size {
		return false // in a part that was moved away: no distance from the name leads there
	}
	l.nameAfter(&s)
	return true
}

// A dwarfQuery is one name that a spec can be read as.
type dwarfQuery struct {
	res    *Result
	name   string // as it was asked for
	bare   string // without parameters
	source *elfsym.NameQuery
	file   string
	addend uint64
	found  []elfsym.Symbol
}

// dwarfQueries are the names to ask for; DWARF knows of no versions.
func (s *Spec) dwarfQueries() []dwarfQuery {
	if s.addr != nil || s.off != nil || s.line != 0 {
		return nil
	}
	var out []dwarfQuery
	for _, f := range []staticSpec{{"", s.fn}, {"", s.plus}, s.static} {
		if _, version, _ := elfsym.SplitVersion(f.name); f.name != "" && version == "" {
			out = append(out, dwarfQuery{name: f.name, bare: withoutParams(f.name), source: elfsym.NewNameQuery(f.name), file: f.file, addend: f.addend})
		}
	}
	return out
}

// withoutParams cuts "ns::f(int) const" behind the name.
func withoutParams(name string) string {
	from := 0
	if i := strings.LastIndex(name, "operator()"); i >= 0 {
		from = i + len("operator()")
	}
	if i := strings.LastIndex(name, "(anonymous namespace)::"); i >= from {
		from = i + len("(anonymous namespace)::")
	}
	if i := strings.IndexByte(name[from:], '('); i > 0 || i == 0 && from > 0 {
		return name[:from+i]
	}
	return name
}

// is reports whether a function has the name: as its symbol would, or as the
// source has it. A method's name alone is none of these.
func (q *dwarfQuery) is(f *dwarfinfo.Func, symbol string) bool {
	if q.name == symbol || q.source.Match(symbol) {
		return true
	}
	if f.LinkageName != "" { // which has the scopes too
		return false
	}
	full, err := f.QualifiedName()
	return err == nil && full == q.bare
}

// addDWARF adds the functions that the specs name.
func (r *resolution) addDWARF(d *dwarfinfo.Data, missing []*Result) {
	var queries []dwarfQuery
	var names []string
	for _, res := range missing {
		for _, q := range res.Spec.dwarfQueries() {
			q.res = res
			queries = append(queries, q)
			names = append(names, q.name, q.bare)
		}
	}
	for f, err := range d.Lookup(names...) {
		if err != nil {
			r.problem(err)
			continue
		}
		symbol := f.Symbol()
		for i := range queries {
			if q := &queries[i]; q.is(f, symbol) {
				q.found = append(q.found, r.t.dwarfSymbol(f))
			}
		}
	}
	for i := range queries {
		q := &queries[i]
		for s := range elfsym.NewTable(slices.Values(q.found)).All() { // in their order, each once
			if q.file == "" || sameFile(s.File, q.file) {
				r.addSymbol(q.res, s, q.addend)
			}
		}
	}
}

// dwarfSymbol is the symbol that a function would have.
func (t *Target) dwarfSymbol(f *dwarfinfo.Func) elfsym.Symbol {
	s := elfsym.Symbol{Name: f.Symbol(), Addr: f.Entry, Type: elf.STT_FUNC, Bind: elf.STB_LOCAL, Section: elfsym.SectionUnknown, Source: elfsym.DWARF}
	if f.External {
		s.Bind = elf.STB_GLOBAL
	} else if name := f.Unit().Name(); name != "" {
		s.File = path.Base(name) // as STT_FILE has it
	}
	for _, r := range f.Ranges {
		if r.Contains(f.Entry) {
			s.Size = uint64(r.High - f.Entry)
		}
	}
	if n := t.localEntry(f.Entry); n != 0 {
		s.LocalEntry = s.Addr + n
	}
	return s
}

// localEntry is how far a function's local entry is behind the global one, on
// 64-bit PowerPC with ELFv2. A symbol says that; DWARF does not, so it is read off
// the code: the global entry is there to make r2 of r12 (addis r2,r12; addi r2,r2),
// or to load it (lis r2; addi r2,r2), as the ABI has it in 2.3.2.1.
func (t *Target) localEntry(a elfsym.Addr) elfsym.Addr {
	const elfv2 = 2
	if t.f.Machine() != elf.EM_PPC64 || t.f.Flags()&3 != elfv2 {
		return 0
	}
	off, err := t.f.Segments().Code(a)
	if err != nil {
		return 0
	}
	b, err := t.f.Code(off, 8)
	if err != nil {
		return 0
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if t.f.ByteOrder() == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	first, second := order.Uint32(b)>>16, order.Uint32(b[4:])>>16
	if (first == 0x3c4c || first == 0x3c40) && second == 0x3842 {
		return 8
	}
	return 0
}
