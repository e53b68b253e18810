package offset

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/nearest"
)

// A NotFoundError says why a spec stands for nothing in a file.
type NotFoundError struct {
	Spec Spec
	Path string

	// Searched are the sources that were looked through, with what they hold:
	// "dynsym (1,473 functions)".
	Searched []string

	// Imported is set where the file only uses the name. It is defined in one
	// of Needed, the libraries that the file asks for, or in one that they do.
	Imported bool
	Needed   []string

	// Nearest are names in the file that are like the one asked for, the
	// likeliest first.
	Nearest []string

	// Versions are those that the file has of a name that was asked for in
	// another one: "f@V1", "f@@V2".
	Versions []string

	// Note is what else is known: that the name is a variable, say. Symbol is set
	// where it is about a symbol of that name that is no function.
	Note   string
	Symbol bool
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", e.Spec)
	switch {
	case e.Imported:
		b.WriteString("only imported")
		if len(e.Needed) > 0 {
			fmt.Fprintf(&b, "; look in %s", strings.Join(e.Needed, ", "))
		}
	case e.Note != "":
		b.WriteString(e.Note)
	default:
		b.WriteString("not found")
	}
	if len(e.Nearest) > 0 {
		fmt.Fprintf(&b, "; nearest %s", strings.Join(e.Nearest, ", "))
	}
	if !e.Imported {
		fmt.Fprintf(&b, "; searched %s", strings.Join(e.Searched, ", "))
	}
	return b.String()
}

// An AmbiguousError is returned where one place was asked for and several have
// the name.
type AmbiguousError struct {
	Spec      Spec
	Locations []Location
}

func (e *AmbiguousError) Error() string {
	const few = 4
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d places:", e.Spec, len(e.Locations))
	for i, l := range e.Locations {
		if i == few {
			b.WriteString(" …")
			break
		}
		fmt.Fprintf(&b, " 0x%x", uint64(l.Offset))
		if l.Object != nil {
			fmt.Fprintf(&b, " of %s", l.Object.MappedPath)
		}
		if l.File != "" {
			fmt.Fprintf(&b, " (%s)", l.File)
		} else if l.Version != "" {
			fmt.Fprintf(&b, " (@%s)", l.Version)
		}
	}
	return b.String()
}

// fullyExplained is for how many specs of one call all names are walked over to
// say more than that they were not found.
const fullyExplained = 16

// explain gives every result that found nothing its NotFoundError.
func (r *resolution) explain() {
	explained, open := 0, 0
	var searched []string
	r.lookupDemangled()
	for i := range r.results {
		res := &r.results[i]
		if !res.open() {
			continue
		}
		open++
		if searched == nil {
			searched = r.searched()
		}
		e := &NotFoundError{Spec: res.Spec, Path: r.t.path, Searched: searched}
		res.Err = e
		r.explainName(e)
		if explained < fullyExplained && !e.Imported {
			e.Nearest = r.nearest(res.Spec)
			explained++
		}
	}
	r.brief = open > fullyExplained
}

// lookupDemangled adds to notFuncs what a spec names as the source has it.
func (r *resolution) lookupDemangled() {
	queries := map[string]*elfsym.NameQuery{}
	for i := range r.results {
		if res := &r.results[i]; res.open() && res.Spec.fn.name != "" && len(queries) < fullyExplained {
			queries[res.Spec.fn.name] = elfsym.NewNameQuery(res.Spec.fn.name)
		}
	}
	if len(queries) == 0 {
		return
	}
	for s, err := range r.t.f.Symbols(elfsym.Symtab | elfsym.Dynsym) {
		if err != nil || r.t.listed(KindFunc, &s) {
			continue // errors were told when the functions were read
		}
		for name, q := range queries {
			if q.Match(s.Name) {
				r.notFuncs[name] = append(r.notFuncs[name], s)
			}
		}
	}
}

// explainName says what a name is that is no function.
func (r *resolution) explainName(e *NotFoundError) {
	for _, name := range []string{e.Spec.fn.name, e.Spec.plus.name, e.Spec.static.name} {
		bare, version, _ := elfsym.SplitVersion(name)
		for _, s := range slices.Concat(r.notFuncs[name], r.notFuncs[bare]) {
			if version != "" && s.Version != "" && s.Version != version {
				continue
			}
			switch {
			case !s.Defined():
				e.Imported = true
				e.Needed, _ = r.t.f.Needed() // without them the note is still right
			case s.Type == elf.STT_TLS:
				e.Note, e.Symbol = "a thread-local variable, not a function", true
			case s.IsVariable():
				e.Note, e.Symbol = "a variable, not a function", true
			case r.t.f.Segments().IsCode(s.Addr):
				e.Symbol = true
				e.Note = fmt.Sprintf("a label and not marked as a function; its address is 0x%x", uint64(s.Addr))
			default:
				e.Note, e.Symbol = "a symbol outside of the file's code", true
			}
		}
		if versions := r.otherVersions(bare, version); e.Note == "" && versions != nil {
			e.Imported, e.Versions, e.Note = false, versions, "no such version; there is "+strings.Join(versions, ", ")
		}
	}
	if static := e.Spec.static; e.Note == "" && static.name != "" {
		for s := range r.allFunctions().Named(static.name) {
			e.Note = "not found in such a file; there is " + s.Name
			if s.File != "" {
				e.Note += " in " + s.File
			}
			break
		}
	}
	if note := r.twinNotes[e.Spec.text]; note != "" && e.Note == "" {
		e.Note = note
	}
	if note := r.lineNotes[e.Spec.text]; note != "" && e.Note == "" {
		e.Note = note
	}
}

// otherVersions are the versions of a name that was asked for in another one.
func (r *resolution) otherVersions(name, version string) []string {
	if version == "" {
		return nil
	}
	var out []string
	for s := range r.allFunctions().Named(name) {
		out = append(out, s.FullName())
	}
	return out
}

// searched describes the sources of names.
func (r *resolution) searched() []string {
	var out []string
	counts := map[elfsym.Source]int{}
	sources := []elfsym.Source{elfsym.Symtab, elfsym.Dynsym, elfsym.DebugFile, elfsym.MiniDebug, elfsym.GoTable}
	for s := range r.allFunctions().All() {
		for _, src := range sources {
			if s.Source&src != 0 {
				counts[src]++
			}
		}
	}
	for _, src := range sources {
		switch {
		case counts[src] > 0 || src&(elfsym.Symtab|elfsym.Dynsym) != 0 && r.t.f.Has(src) != 0:
			out = append(out, fmt.Sprintf("%v (%d functions)", src, counts[src]))
		case src != elfsym.MiniDebug && src != elfsym.GoTable && !(src == elfsym.DebugFile && (r.t.opts.OwnTables || r.t.f.Has(elfsym.Symtab) != 0)):
			out = append(out, fmt.Sprintf("%v (none)", src))
		}
	}
	if r.dwarfAsked {
		out = append(out, fmt.Sprintf("%v (no such function)", elfsym.DWARF))
	}
	return append(out, fmt.Sprintf("USDT (%d sites)", len(r.allSites())))
}

// nearest are the names most like the one that a spec has.
func (r *resolution) nearest(s Spec) []string {
	want := s.wanted()
	if want == "" {
		return nil
	}
	n := nearest.New(want)
	r.addNearest(n, want)
	return n.Names()
}

// wanted is the name that a spec has, without a version.
func (s *Spec) wanted() string {
	want, _, _ := elfsym.SplitVersion(cmp.Or(s.plus.name, s.fn.name, s.usdt))
	return want
}

// addNearest adds the file's names.
func (r *resolution) addNearest(n *nearest.Ranking, want string) {
	for _, site := range r.allSites() {
		n.Add(site.Provider+":"+site.Name, site.Name)
	}
	// Demangling is dear: what a mangled name stands for is compared where it has
	// the longest word of the name or, since the mistake may be in that word, for
	// so many.
	needle, more := elfsym.MangledNeedle(want), 0
	if strings.Contains(want, "::") {
		more = 10000
	}
	for sym := range r.allFunctions().All() {
		name := sym.Name
		n.Add(name, name)
		if name[0] != '_' || (needle == "" || !strings.Contains(name, needle)) && more == 0 {
			continue
		}
		more = max(more-1, 0)
		if _, bare, plain := elfsym.DemangledForms(name); bare != "" {
			n.Add(bare, plain)
		}
	}
}
