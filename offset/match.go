package offset

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/twin"
)

// Confidence says how far a match may be believed. The zero value is that of
// what was not matched but named.
type Confidence uint8

const (
	NotMatched Confidence = iota
	Possible              // a candidate, one of several or a weak one: none was chosen
	Likely                // better than every other, and not proved
	Certain               // several independent things say so, and nothing speaks against it
)

var confidenceNames = [...]string{"", "possible", "likely", "certain"}

func (c Confidence) String() string {
	if int(c) < len(confidenceNames) {
		return confidenceNames[c]
	}
	return fmt.Sprintf("Confidence(%d)", c)
}

// ParseConfidence reads "possible", "likely" or "certain".
func ParseConfidence(s string) (Confidence, error) {
	if i := slices.Index(confidenceNames[1:], s); i >= 0 {
		return Confidence(i + 1), nil
	}
	return 0, fmt.Errorf("%q: possible, likely or certain", s)
}

// ErrNoMatching: functions of such files can't be matched.
var ErrNoMatching = twin.ErrMachine

// A Reference is functions that have names, by which those of a file that has
// none can be found: of another build or version of the same program, or of a
// library that was linked into it. It is immutable.
type Reference struct {
	sets []*twin.Set
}

// NewReference takes the functions of files apart, which must have names: of
// their own, or in a debug file that can be found. It reads all of their code.
// The second result is what could not be read, beside a reference of the rest.
func NewReference(ctx context.Context, targets ...*Target) (*Reference, []error, error) {
	r := &Reference{}
	var problems []error
	for _, t := range targets {
		set, errs, err := t.functionSet(ctx, true, MatchLimits{})
		problems = append(problems, errs...)
		if err != nil {
			return nil, problems, err
		}
		if err := hasNames(set); err != nil {
			return nil, problems, fmt.Errorf("%s: %w", t.path, err)
		}
		r.sets = append(r.sets, set)
	}
	return r, problems, nil
}

// hasNames refuses a set of which no function has one.
func hasNames(s *twin.Set) error {
	if slices.ContainsFunc(s.Funcs, func(f twin.Func) bool { return len(f.Names) > 0 }) {
		return nil
	}
	return fmt.Errorf("none of its %d functions has a name: a reference needs names", len(s.Funcs))
}

// Join is the functions of several references: of many versions, say.
func Join(all ...*Reference) *Reference {
	out := &Reference{}
	for _, r := range all {
		out.sets = append(out.sets, r.sets...)
	}
	return out
}

// Builds says which files a reference was made of: path and build-id.
func (r *Reference) Builds() []Build {
	out := make([]Build, len(r.sets))
	for i, s := range r.sets {
		out[i] = Build{Path: s.Path, BuildID: s.BuildID, Functions: len(s.Funcs)}
	}
	return out
}

// A Build is a file that a reference was made of.
type Build struct {
	Path, BuildID string
	Functions     int
}

// MatchOptions say what Match looks for; nil means the defaults.
type MatchOptions struct {
	// Names are the functions of the reference that are looked for: names, or
	// patterns with "*", "?" and "[…]", raw or demangled. None means all that have
	// a name.
	Names []string

	// Candidates is how many runners-up are told of each, at most. Default 3.
	Candidates int

	// Unnamed leaves out of account what names the target has. Names that are in
	// both files are else taken for the same functions, and help to find others.
	Unnamed bool

	Limits MatchLimits
}

// MatchLimits bound what a match may cost. The zero value of a field means its
// default.
type MatchLimits struct {
	Functions uint32 // of one file; default 1<<20
	Code      uint64 // bytes of one file that are decoded; default 1 GiB
}

// A Twin is what was found for one function of the reference.
type Twin struct {
	Name    string // the reference's, and others that it has for the same code
	Aliases []string

	Build *Build // of the reference; nil if that has no function of the name

	// Confidence of Location. If it is Possible, none was chosen: Others are the
	// candidates, of which several may be equally good. If it is NotMatched,
	// nothing in the target is like the function: it was left out, compiled into
	// its callers, or changed too much.
	Confidence Confidence
	Location   Location
	Score      float64  // 0 to 1: how much of what the two functions have is in both
	Evidence   []string // for people and JSON: "code", "unique", "callers", "order", …

	Others []TwinCandidate // those that come next, the likeliest first

	Err error // why there is no location; ErrNotInReference if the reference has no such function
}

// A TwinCandidate is a function of the target that may be the one looked for.
type TwinCandidate struct {
	Location Location
	Score    float64
	Evidence []string
}

// ErrNotInReference: the reference has no function of the name.
var ErrNotInReference = errors.New("the reference has no such function")

// Match finds the functions of a reference in a target that was built from much
// the same source: by their instructions, without what a linker decides, by the
// texts and imported functions that they use, by what calls them and what they
// call, and by their order. It reads the code of the whole file, and the names of
// the target count only as told by MatchOptions.
//
// The results are in the order of the names asked for, or of the reference's
// addresses. A name can have several, as statics can. The second result is what
// could not be read of the target.
func Match(ctx context.Context, ref *Reference, t *Target, o *MatchOptions) ([]Twin, []error, error) {
	var opts MatchOptions
	if o != nil {
		opts = *o
	}
	if opts.Candidates == 0 {
		opts.Candidates = 3
	}
	m, problems, err := newMatching(ctx, ref, t, opts)
	if err != nil {
		return nil, problems, err
	}
	if err := t.f.CheckUnchanged(); err != nil {
		return nil, problems, err
	}
	return m.named(opts.Names), problems, nil
}

// newMatching matches a target with every build of a reference that is of its
// machine.
func newMatching(ctx context.Context, ref *Reference, t *Target, o MatchOptions) (*matching, []error, error) {
	if o.Candidates == 0 {
		o.Candidates = 3
	}
	set, problems, err := t.functionSet(ctx, !o.Unnamed, o.Limits)
	if err != nil {
		return nil, problems, err
	}
	m := &matching{t: t, opts: o, target: set}
	var wrong error
	for _, r := range ref.sets {
		if r.Machine != set.Machine || r.Class != set.Class {
			wrong = fmt.Errorf("%s is for %s, and %s for %s", r.Path, machineName(r.Machine), t.path, machineName(set.Machine))
			continue
		}
		found, err := twin.Pair(ctx, r, set, twin.Options{Names: !o.Unnamed})
		if err != nil {
			return nil, problems, err
		}
		m.builds = append(m.builds, found)
		m.refs = append(m.refs, r)
	}
	if len(m.refs) == 0 {
		return nil, problems, cmp.Or(wrong, errors.New("an empty reference"))
	}
	return m, problems, nil
}

func machineName(m elf.Machine) string {
	return strings.ToLower(strings.TrimPrefix(m.String(), "EM_"))
}

// functionSet takes the target's functions apart.
func (t *Target) functionSet(ctx context.Context, named bool, l MatchLimits) (*twin.Set, []error, error) {
	names := iter.Seq2[elfsym.Symbol, error](func(func(elfsym.Symbol, error) bool) {})
	if named {
		names = t.functionNames(ctx)
	}
	return twin.Read(ctx, t.f, t.path, names, twin.Limits{Funcs: l.Functions, Code: l.Code})
}

// functionNames yields the symbols of all sources.
func (t *Target) functionNames(ctx context.Context) iter.Seq2[elfsym.Symbol, error] {
	return func(yield func(elfsym.Symbol, error) bool) {
		companions, err := t.stripped(ctx)
		if err != nil && !yield(elfsym.Symbol{}, err) {
			return
		}
		for s, err := range t.f.Symbols(elfsym.Symtab | elfsym.Dynsym) {
			if !yield(s, err) {
				return
			}
		}
		for _, c := range companions {
			for s, err := range c.symbols(nil) {
				if !yield(s, err) {
					return
				}
			}
		}
	}
}

// matching is what the builds of a reference have in common with one target.
type matching struct {
	t      *Target
	opts   MatchOptions
	target *twin.Set
	refs   []*twin.Set
	builds []*twin.Matching // parallel
}

// gathered are twins by name, in the order of the reference's addresses.
type gathered struct {
	byName map[string][]Twin
	order  []string
}

// named is what was found for names, or patterns of them; for all of the
// reference's if there are none.
func (m *matching) named(names []string) []Twin {
	g := gathered{byName: map[string][]Twin{}}
	want := newMatcher(names)
	for i := range m.refs {
		m.gather(&g, i, want)
	}
	return g.results(names)
}

// gather adds what one build of the reference says.
func (m *matching) gather(g *gathered, no int, want *matcher) {
	ref := m.refs[no]
	build := &Build{Path: ref.Path, BuildID: ref.BuildID, Functions: len(ref.Funcs)}
	mine := map[string][]Twin{}
	for i := range ref.Funcs {
		f := &ref.Funcs[i]
		names := wanted(f.Names, want)
		if len(names) == 0 {
			continue
		}
		r := m.builds[no].Of(i, m.opts.Candidates)
		for _, name := range names {
			tw := m.twin(name, f, &r)
			tw.Build = build
			if _, has := g.byName[name]; !has && len(mine[name]) == 0 {
				g.order = append(g.order, name)
			}
			mine[name] = append(mine[name], tw)
		}
	}
	for name, all := range mine {
		g.byName[name] = unite(g.byName[name], all)
	}
}

// wanted are the names by which a function was asked for; the first, if all are.
func wanted(names []string, want *matcher) []string {
	if want == nil {
		return names[:min(1, len(names))]
	}
	var out []string
	for _, n := range names {
		if want.symbol(n) {
			out = append(out, n)
		}
	}
	return out
}

func (m *matching) twin(name string, f *twin.Func, r *twin.Match) Twin {
	tw := Twin{Name: name, Confidence: Confidence(r.Confidence)}
	tw.Aliases = slices.DeleteFunc(slices.Clone(f.Names), func(n string) bool { return n == name })
	if tw.Confidence >= Likely {
		tw.Score, tw.Evidence = r.Best.Score, r.Best.Evidence.Strings()
		tw.Location, tw.Err = m.location(name, &m.target.Funcs[r.Best.Target], tw.Confidence)
	}
	for _, c := range r.Others {
		if l, err := m.location(name, &m.target.Funcs[c.Target], Possible); err == nil {
			tw.Others = append(tw.Others, TwinCandidate{l, c.Score, c.Evidence.Strings()})
		}
	}
	return tw
}

// unite takes, of what two builds of the reference say of a name, what is more
// certain. If both are as certain and disagree, neither is believed.
func unite(old, new []Twin) []Twin {
	if len(old) != len(new) {
		if len(old) == 0 || slices.MaxFunc(new, byConfidence).Confidence > slices.MaxFunc(old, byConfidence).Confidence {
			return new
		}
		return old
	}
	for i := range old {
		a, b := &old[i], &new[i]
		switch {
		case a.Confidence >= Likely && a.Confidence == b.Confidence && a.Location.Addr != b.Location.Addr:
			a.Others = append([]TwinCandidate{{a.Location, a.Score, a.Evidence}, {b.Location, b.Score, b.Evidence}}, a.Others...)
			a.Confidence, a.Location, a.Evidence, a.Score = Possible, Location{}, nil, 0
		case b.Confidence > a.Confidence, b.Confidence == a.Confidence && b.Score > a.Score:
			old[i] = new[i]
		}
	}
	return old
}

func byConfidence(a, b Twin) int { return cmp.Compare(a.Confidence, b.Confidence) }

func (m *matching) location(name string, f *twin.Func, c Confidence) (Location, error) {
	l := Location{Kind: KindFunc, Path: m.t.path, BuildID: m.t.buildID, Object: m.t.object, Name: name,
		Addr: elfsym.Addr(f.Addr), Sources: elfsym.Match, Type: elf.STT_FUNC, Bind: elf.STB_LOCAL, Size: uint64(f.Size), Confidence: c}
	var err error
	l.Offset, err = m.t.f.Segments().Code(l.Addr)
	return l, err
}

// results are what was found in the order in which it was asked for, with what
// the reference does not have.
func (g *gathered) results(names []string) []Twin {
	var out []Twin
	if len(names) == 0 {
		for _, name := range g.order {
			out = append(out, g.byName[name]...)
		}
		return out
	}
	told := map[string]bool{}
	for _, text := range names {
		one, any := newMatcher([]string{text}), false
		for _, name := range g.order {
			if !one.symbol(name) {
				continue
			}
			any = true
			if !told[name] {
				told[name] = true
				out = append(out, g.byName[name]...)
			}
		}
		if !any {
			out = append(out, Twin{Name: text, Err: ErrNotInReference})
		}
	}
	return out
}
