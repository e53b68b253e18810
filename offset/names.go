package offset

import (
	"path/filepath"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/glob"
)

// names settles the specs that name a function as the file spells it: with a
// distance, with a source file, or bare. All names are looked up together.
func (r *resolution) names() {
	var names []string
	for i := range r.results {
		s := &r.results[i].Spec
		for _, name := range []string{s.fn.name, s.plus.name, s.static.name} {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return
	}
	table := r.lookup(names)
	for i := range r.results {
		res := &r.results[i]
		s := &res.Spec
		r.named(res, table, s.fn, "")
		r.named(res, table, s.plus, "")
		r.named(res, table, s.static.funcSpec, s.static.file)
	}
}

// lookup finds the functions with these names; other symbols are kept to
// explain why a name is no function.
func (r *resolution) lookup(names []string) *elfsym.Table {
	r.notFuncs = map[string][]elfsym.Symbol{}
	return elfsym.NewTable(func(yield func(elfsym.Symbol) bool) {
		for s, err := range r.t.f.Lookup(elfsym.Symtab|elfsym.Dynsym, names...) {
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
		if s.Version == version && (s.Default || !onlyDefault) && (file == "" || sameFile(s.File, file)) {
			r.addSymbol(res, s, want.addend)
		}
	}
}

func (r *resolution) addSymbol(res *Result, s *elfsym.Symbol, addend uint64) {
	r.add(res, r.t.symbolProbe(KindFunc, s), addend)
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
		res    *Result
		q      *elfsym.NameQuery
		addend uint64
	}
	var queries []query
	for i := range r.results {
		res := &r.results[i]
		if !res.open() {
			continue
		}
		for _, f := range []funcSpec{res.Spec.fn, res.Spec.plus} {
			if f.name != "" {
				queries = append(queries, query{res, elfsym.NewNameQuery(f.name), f.addend})
			}
		}
	}
	if len(queries) == 0 {
		return
	}
	for s := range r.allFunctions().All() {
		for _, q := range queries {
			if q.q.Match(s.Name) {
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
