package offset

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/glob"
	"github.com/probels/probels/usdt"
)

// A Query says what to list.
type Query struct {
	// Kinds to list; 0 means USDT probes and functions.
	Kinds Kind

	// Match are patterns with "*", "?" and "[…]", of which one must match the
	// whole raw or demangled name of a function or variable, or the name or
	// provider:name of a USDT probe. None means everything.
	Match []string

	// Sizes asks for the size of functions whose symbol has none, inferred from
	// what follows them.
	Sizes bool

	// ByAddr asks for each kind by link-time address rather than by name, and implies
	// Sizes. All functions of a file come sooner so: no names need be sorted.
	ByAddr bool
}

// Probes yields what the query asks for: USDT sites by provider and name, then
// functions by name, PLT entries by name, functions without one by address, then
// variables by name; or each of them by address. USDT sites come before any symbol is read.
// What is damaged is yielded as an error, with a zero Probe, and the rest
// follows. After the last one the file is looked at again: ErrChanged means
// that it was written to meanwhile.
func (t *Target) Probes(ctx context.Context, q Query) iter.Seq2[Probe, error] {
	if q.Kinds == 0 {
		q.Kinds = KindUSDT | KindFunc
	}
	m := newMatcher(q.Match)
	return func(yield func(Probe, error) bool) {
		yield = eachErrorOnce(yield)
		ok := true
		if err := t.f.Truncated(); err != nil {
			ok = yield(Probe{}, err)
		}
		if ok && q.Kinds&KindUSDT != 0 {
			ok = t.listSites(ctx, m, q, yield)
		}
		if ok && q.Kinds&KindFunc != 0 {
			ok = t.listSymbols(ctx, KindFunc, m, q, yield)
		}
		if ok && q.Kinds&KindPLT != 0 {
			ok = t.listPLT(ctx, m, q, yield)
		}
		if ok && q.Kinds&KindAnon != 0 {
			ok = t.listAnon(ctx, m, yield)
		}
		if ok && q.Kinds&KindData != 0 {
			variable := yield
			if q.Kinds&KindFunc != 0 { // the same tables again
				variable = func(p Probe, err error) bool { return err != nil || yield(p, nil) }
			}
			ok = t.listSymbols(ctx, KindData, m, q, variable)
		}
		if !ok {
			return
		}
		if err := cmp.Or(ctx.Err(), t.f.CheckUnchanged()); err != nil {
			yield(Probe{}, err)
		}
	}
}

// eachErrorOnce drops what was told before: several steps read the same tables.
// That a file is cut short is one error, however much is missing.
func eachErrorOnce(yield func(Probe, error) bool) func(Probe, error) bool {
	truncated := false
	var last error
	return func(p Probe, err error) bool {
		if err != nil {
			cut := errors.Is(err, elfsym.ErrTruncated)
			if cut && truncated || last != nil && err.Error() == last.Error() {
				return true
			}
			truncated, last = truncated || cut, err
		}
		return yield(p, err)
	}
}

func (t *Target) listSites(ctx context.Context, m *matcher, q Query, yield func(Probe, error) bool) bool {
	var sites siteList
	for s, err := range usdt.Sites(t.f) {
		switch {
		case ctx.Err() != nil:
			return true // told at the end
		case err != nil:
			if !yield(Probe{}, err) {
				return false
			}
		case m.site(s.Provider, s.Name):
			sites.add(&s)
		}
	}
	for _, i := range sites.order(q.ByAddr) {
		if !yield(t.siteProbe(sites.at(i)), nil) {
			return false
		}
	}
	return true
}

func (t *Target) siteProbe(s *usdt.Site) Probe {
	return Probe{Kind: KindUSDT, Path: t.path, BuildID: t.buildID, Site: s, Offset: s.Offset, EntryOffset: s.Offset, Err: s.Err, Object: t.object}
}

func (t *Target) listSymbols(ctx context.Context, kind Kind, m *matcher, q Query, yield func(Probe, error) bool) bool {
	report := func(err error) bool { return yield(Probe{}, err) }
	companions, err := t.stripped(ctx)
	if err != nil && !report(err) {
		return false
	}
	if err == nil && kind == KindFunc && m == nil {
		if syms, ok := t.inOrder(ctx, companions, q.ByAddr); ok {
			return t.listInOrder(syms, q.Sizes || q.ByAddr, yield)
		}
	}
	table, ok := t.tableOf(ctx, companions, kind, m, report)
	if !ok || ctx.Err() != nil {
		return ok
	}
	if (q.Sizes || q.ByAddr) && kind == KindFunc {
		t.inferSizes(ctx, table, m)
	}
	for s := range q.order(table) {
		if !yield(t.symbolProbe(kind, s), nil) {
			return false
		}
	}
	return true
}

// order is the symbols of a table in the order that the query asks for.
func (q *Query) order(t *elfsym.Table) iter.Seq[*elfsym.Symbol] {
	if q.ByAddr {
		return t.ByAddr()
	}
	return t.All()
}

// listInOrder lists functions as they come.
func (t *Target) listInOrder(syms iter.Seq2[elfsym.Symbol, error], sizes bool, yield func(Probe, error) bool) bool {
	for s, err := range syms {
		if err != nil {
			if !yield(Probe{}, err) {
				return false
			}
			continue
		}
		if s.SizeInferred && !sizes {
			s.Size, s.SizeInferred = 0, false
		}
		if !yield(t.symbolProbe(KindFunc, &s), nil) {
			return false
		}
	}
	return true
}

// inOrder are all functions by name or by address, if that can be told without a Table of
// them, as it can where all is well with the file.
func (t *Target) inOrder(ctx context.Context, companions []companion, byAddr bool) (iter.Seq2[elfsym.Symbol, error], bool) {
	spans := t.spans(companions)
	switch {
	case spans == nil || ctx.Err() != nil:
		return nil, false
	case byAddr:
		return spans.ByAddr(ctx)
	}
	return spans.ByName(ctx)
}

// inferSizes infers sizes in a table of the functions that m matches: what comes
// next may be one that it does not match.
func (t *Target) inferSizes(ctx context.Context, table *elfsym.Table, m *matcher) {
	if m == nil {
		table.InferSizes(t.f)
		return
	}
	var all *elfsym.Table
	for s := range table.All() {
		if s.Size > 0 {
			continue
		}
		if all == nil {
			all, _ = t.table(ctx, KindFunc, nil, func(error) bool { return true })
			all.InferSizes(t.f)
		}
		for _, same := range all.At(s.Addr) {
			if same.SizeInferred {
				s.Size, s.SizeInferred = same.Size, true
			}
		}
	}
}

// symbolProbe makes the probe of a symbol.
func (t *Target) symbolProbe(kind Kind, s *elfsym.Symbol) Probe {
	p := Probe{Kind: kind, Path: t.path, BuildID: t.buildID, Symbol: s, Object: t.object}
	if kind == KindData {
		return p
	}
	p.Offset, p.Err = t.f.Segments().Code(s.Addr)
	p.EntryOffset = p.Offset
	if p.Err == nil && s.LocalEntry != 0 {
		p.EntryOffset, p.Err = t.f.Segments().Code(s.LocalEntry)
	}
	return p
}

// table gathers the symbols of one kind that match, from all sources. Errors go
// to report; ok is false if that wants no more.
func (t *Target) table(ctx context.Context, kind Kind, m *matcher, report func(error) bool) (table *elfsym.Table, ok bool) {
	companions, err := t.stripped(ctx)
	if err != nil && !report(err) {
		return nil, false
	}
	return t.tableOf(ctx, companions, kind, m, report)
}

// tableOf is table with the companions known.
func (t *Target) tableOf(ctx context.Context, companions []companion, kind Kind, m *matcher, report func(error) bool) (table *elfsym.Table, ok bool) {
	texts := m.texts()
	sources := []iter.Seq2[elfsym.Symbol, error]{symbols(t.f, elfsym.Symtab|elfsym.Dynsym, texts)}
	for _, c := range companions {
		sources = append(sources, c.symbols(texts))
	}
	n := 0
	ok = true
	table = elfsym.NewTable(func(yield func(elfsym.Symbol) bool) {
		for _, source := range sources {
			for s, err := range source {
				if n++; n%4096 == 0 && ctx.Err() != nil {
					return
				}
				if err != nil {
					if ok = report(err); !ok {
						return
					}
				} else if t.listed(kind, &s) && m.symbol(s.Name) && !yield(s) {
					return
				}
			}
		}
	})
	return table, ok
}

// symbols are a file's, those that have one of the texts in their names; all if
// there are none.
func symbols(f *elfsym.File, src elfsym.Source, texts []string) iter.Seq2[elfsym.Symbol, error] {
	if len(texts) == 0 {
		return f.Symbols(src)
	}
	return f.Containing(src, texts...)
}

// listed reports whether a symbol is of a kind.
func (t *Target) listed(kind Kind, s *elfsym.Symbol) bool {
	if t.f.Floating(s) || s.Name == "" {
		return false
	}
	if kind == KindData {
		return s.IsVariable()
	}
	return s.IsFunc() && t.f.Segments().IsCode(s.Addr)
}

// matcher decides what of a listing is wanted.
type matcher struct {
	globs   []glob.Pattern
	needles []string // of the mangled names that a glob can match, parallel
}

// newMatcher returns nil, which matches everything, for no patterns.
func newMatcher(patterns []string) *matcher {
	if len(patterns) == 0 {
		return nil
	}
	m := &matcher{}
	for _, p := range patterns {
		m.globs = append(m.globs, glob.New(p))
		m.needles = append(m.needles, elfsym.MangledNeedle(p))
	}
	return m
}

// texts are such that every name which matches has one of them as the table spells
// it; none if that is not sure, or the texts are too short to tell anything.
func (m *matcher) texts() []string {
	if m == nil {
		return nil
	}
	const short = 3
	var out []string
	for i, g := range m.globs {
		literal := g.Literal()
		if len(literal) < short || len(m.needles[i]) < short {
			return nil
		}
		out = append(out, literal)
		if !strings.Contains(m.needles[i], literal) {
			out = append(out, m.needles[i])
		}
	}
	return out
}

func (m *matcher) site(provider, name string) bool {
	return m == nil || m.any(name) || m.any(provider+":"+name)
}

// any reports whether a name matches a pattern, or is one: "[" and "*" are
// letters of some names.
func (m *matcher) any(name string) bool {
	for _, g := range m.globs {
		if g.Match(name) || g.String() == name {
			return true
		}
	}
	return false
}

// symbol matches a raw name, and the names that it demangles to only if a
// pattern can match one of those.
func (m *matcher) symbol(name string) bool {
	if m == nil || m.any(name) {
		return true
	}
	if !slices.ContainsFunc(m.needles, func(needle string) bool { return strings.Contains(name, needle) }) {
		return false
	}
	full, bare, plain := elfsym.DemangledForms(name)
	return full != "" && (m.any(full) || m.any(bare) || m.any(plain))
}
