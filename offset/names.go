package offset

import (
	"iter"
	"path/filepath"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/glob"
)

// ownNames settles the specs that name a function as the file spells it: with a
// distance, with a source file, or bare. All names are looked up together: in
// the file's own tables and then, what these do not have, in the debug file's.
func (r *resolution) ownNames() {
	var all []*Result // a USDT probe may have the name of a static in a file
	for i := range r.results {
		all = append(all, &r.results[i])
	}
	r.namesFrom(all, func(names []string) iter.Seq2[elfsym.Symbol, error] {
		return r.t.f.Lookup(elfsym.Symtab|elfsym.Dynsym, names...)
	})
	r.stubs(all)
}

func (r *resolution) companionNames() {
	var missing []*Result
	for i := range r.results {
		if res := &r.results[i]; res.open() && len(res.Spec.functions()) > 0 {
			missing = append(missing, res)
		}
	}
	if len(missing) == 0 {
		return
	}
	companions, err := r.stripped()
	if err != nil {
		r.problem(err)
	}
	if len(companions) == 0 {
		return
	}
	r.namesFrom(missing, func(names []string) iter.Seq2[elfsym.Symbol, error] {
		return func(yield func(elfsym.Symbol, error) bool) {
			for _, c := range companions {
				for s, err := range c.lookup(names) {
					if !yield(s, err) {
						return
					}
				}
			}
		}
	})
}

// functions are the names of functions that a spec can be read as.
func (s *Spec) functions() []string {
	var names []string
	for _, name := range []string{s.fn.name, s.plus.name, s.static.name} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// namesFrom settles what it can from one source.
func (r *resolution) namesFrom(results []*Result, lookup func(names []string) iter.Seq2[elfsym.Symbol, error]) {
	var names []string
	for _, res := range results {
		for _, name := range res.Spec.functions() {
			names = append(names, name)
			if bare, version, _ := elfsym.SplitVersion(name); version != "" {
				names = append(names, bare) // .symtab may have it so
			}
		}
	}
	if len(names) == 0 {
		return
	}
	table := r.functionsOf(lookup(names))
	for _, res := range results {
		s := &res.Spec
		r.named(res, table, s.fn, "")
		r.named(res, table, s.plus, "")
		r.named(res, table, s.static.funcSpec, s.static.file)
	}
}

// functionsOf is a table of the functions among symbols; the others are kept to
// explain why a name is no function.
func (r *resolution) functionsOf(syms iter.Seq2[elfsym.Symbol, error]) *elfsym.Table {
	return elfsym.NewTable(func(yield func(elfsym.Symbol) bool) {
		for s, err := range syms {
			switch {
			case err != nil:
				r.problem(err)
			case !r.t.listed(KindFunc, &s):
				r.notFuncs[s.Name] = append(r.notFuncs[s.Name], s)
			case !yield(s):
				return
			}
		}
	})
}

// named adds the functions with a name; with a file, only its statics.
func (r *resolution) named(res *Result, table *elfsym.Table, want funcSpec, file string) {
	if want.name == "" {
		return
	}
	for s := range table.Named(want.name) {
		if file == "" || sameFile(s.File, file) {
			r.addSymbol(res, s, want.addend)
		}
	}
	name, version, onlyDefault := elfsym.SplitVersion(want.name)
	if version == "" {
		return
	}
	for s := range table.Named(name) {
		if hasVersion(s, version, onlyDefault) && (file == "" || sameFile(s.File, file)) {
			r.addSymbol(res, s, want.addend)
		}
	}
}

func hasVersion(s *elfsym.Symbol, version string, onlyDefault bool) bool {
	return s.Version == version && (s.Default || !onlyDefault)
}

func (r *resolution) addSymbol(res *Result, s *elfsym.Symbol, addend uint64) {
	kind := KindFunc
	if s.Source&elfsym.PLT != 0 {
		kind = KindPLT
	}
	r.add(res, r.t.symbolProbe(kind, s), addend)
}

// sameFile compares the file of an STT_FILE, nearly always without a directory,
// with what a person wrote.
func sameFile(have, want string) bool {
	if have == "" {
		return false
	}
	return have == want || filepath.Base(have) == want || strings.HasSuffix(want, "/"+have)
}

// sourceNames settles the specs that name a function as its source does.
func (r *resolution) sourceNames() {
	type query struct {
		res     *Result
		name    *elfsym.NameQuery
		version string
		isDef   bool // only the default version
		file    string
		addend  uint64
	}
	var queries []query
	for i := range r.results {
		res := &r.results[i]
		if !res.open() {
			continue
		}
		for _, f := range []staticSpec{{"", res.Spec.fn}, {"", res.Spec.plus}, res.Spec.static} {
			if f.name != "" {
				name, version, isDef := elfsym.SplitVersion(f.name)
				queries = append(queries, query{res, elfsym.NewNameQuery(name), version, isDef, f.file, f.addend})
			}
		}
	}
	if len(queries) == 0 {
		return
	}
	for s := range r.allFunctions().All() {
		for _, q := range queries {
			if q.version != "" && !hasVersion(s, q.version, q.isDef) || q.file != "" && !sameFile(s.File, q.file) {
				continue
			}
			if q.name.Match(s.Name) {
				r.addSymbol(q.res, s, q.addend)
			}
		}
	}
}

// patterns settles the specs that are patterns, of functions and USDT probes.
func (r *resolution) patterns() {
	for i := range r.results {
		res := &r.results[i]
		if !res.open() || res.Spec.pattern == "" {
			continue
		}
		want := glob.New(res.Spec.pattern)
		for _, s := range r.allSites() {
			if want.Match(s.Provider + ":" + s.Name) {
				r.addSite(res, s)
			}
		}
		m := newMatcher([]string{res.Spec.pattern})
		for s := range r.allFunctions().All() {
			if m.symbol(s.Name) {
				r.addSymbol(res, s, 0)
			}
		}
	}
}
