package offset

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
)

// A Cause is why a name stands for a place in a file, or for none.
type Cause string

// The causes that Explain tells apart.
const (
	CauseFound     Cause = "found"      // there it is
	CauseIfunc     Cause = "ifunc"      // found, but what is there only chooses the implementation
	CauseRefused   Cause = "refused"    // found, and the kernel would not take a uprobe there
	CauseInvalid   Cause = "invalid"    // an address or offset where no code is, or a spec that cannot be read
	CauseImported  Cause = "imported"   // the file uses it, and a library defines it
	CauseLibrary   Cause = "library"    // a library of the program defines it, and the file does not use it
	CauseVersion   Cause = "version"    // only in other versions
	CauseVariable  Cause = "variable"   // a variable, or a label: no function
	CauseInlined   Cause = "inlined"    // the compiler has put it into its callers, and left no copy
	CauseLauncher  Cause = "launcher"   // the program lives in a library
	CauseScript    Cause = "script"     // the file runs scripts, whose functions are not its own
	CauseNear      Cause = "near-name"  // not there; a name like it is
	CauseStripped  Cause = "stripped"   // the names are not here, but may be had
	CauseAbsent    Cause = "absent"     // it is nowhere
	CauseDisabled  Cause = "disabled"   // the runtime was built without its USDT probes
	CauseNoProbes  Cause = "no-probes"  // the file has no USDT probes
	CauseHasProbes Cause = "has-probes" // the file has USDT probes
)

// An Explanation says why a spec stands for what it does, and what would help.
type Explanation struct {
	Spec  Spec
	Cause Cause
	Text  string // the cause, in one line

	// Tried are the sources that were looked through, each with what became of it,
	// and then what was looked at beside them.
	Tried []Tried

	// Locations are the places that were found; of CauseInlined those of the
	// copies.
	Locations []Location

	// Implementations are what an ifunc's resolver can choose, as far as its code
	// says.
	Implementations []Location

	Libraries []Library // that define the name
	Nearest   []string  // names in the file like it, the likeliest first
	Versions  []string  // that the file defines, "f@@V2"
	Program   Program   // what kind of program it is
	Warnings  []string  // what to know before a probe goes there
}

// Tried is one source and what became of it.
type Tried struct{ Source, Verdict string }

// Explain says of each spec why it stands for places in the file, or for none.
// It reads what Resolve reads and, of what was not found, the program's
// libraries. The error is about the file.
func (t *Target) Explain(ctx context.Context, o *FindOptions, specs ...Spec) ([]Explanation, error) {
	results, err := t.Resolve(ctx, specs...)
	if results == nil {
		return nil, err
	}
	out := make([]Explanation, len(results))
	for i := range results {
		x := explainer{t: t, ctx: ctx, find: o, r: &results[i], e: &out[i]}
		x.e.Spec = specs[i]
		x.explain()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return out, err
}

// explainer makes one Explanation.
type explainer struct {
	t    *Target
	ctx  context.Context
	find *FindOptions
	r    *Result
	e    *Explanation
}

func (x *explainer) tried(source, verdict string, args ...any) {
	x.e.Tried = append(x.e.Tried, Tried{source, fmt.Sprintf(verdict, args...)})
}

// say sets the cause.
func (x *explainer) say(c Cause, format string, args ...any) {
	x.e.Cause, x.e.Text = c, fmt.Sprintf(format, args...)
}

func (x *explainer) explain() {
	if len(x.r.Locations) > 0 {
		x.found()
		return
	}
	var missing *NotFoundError
	if !errors.As(x.r.Err, &missing) {
		x.say(CauseInvalid, "%s: %v", x.e.Spec, x.r.Err)
		return
	}
	for _, s := range missing.Searched {
		name, verdict, _ := strings.Cut(s, " (")
		x.tried(name, "%s", strings.TrimSuffix(verdict, ")"))
	}
	x.e.Nearest = missing.Nearest
	x.e.Program, _ = x.t.Program() // its evidence may be damaged; then it is not told
	for _, step := range []func(*NotFoundError) bool{
		x.invalid, x.imported, x.version, x.variable, x.inlined, x.launcher, x.close, x.loaded, x.stripped, x.scripted,
	} {
		if step(missing) {
			return
		}
	}
	if len(missing.Nearest) > 0 {
		x.near()
		return
	}
	x.say(CauseAbsent, "%s: not in the file, and it is not stripped", x.e.Spec)
	if x.t.f.Has(elfsym.Symtab) == 0 {
		x.e.Text = fmt.Sprintf("%s: not among the names that are known of the file", x.e.Spec)
	}
}

// found examines the places as the kernel would.
func (x *explainer) found() {
	x.e.Locations = x.r.Locations
	verdicts, _ := x.t.Verdicts(x.ctx, x.r.Locations...) // the file could not be read: each has its own error
	refused := 0
	for i := range verdicts {
		v := &verdicts[i]
		if v.Err != nil {
			refused++
			x.tried("kernel", "%v", v.Err)
		}
		for _, w := range v.Warnings {
			x.warn(w)
		}
	}
	for i := range x.r.Locations {
		l := &x.r.Locations[i]
		x.tried(cmp.Or(l.Sources.String(), l.Kind.String()), "at 0x%x, file offset 0x%x", uint64(l.Addr), uint64(l.Offset))
		if w := x.t.UretprobeWarning(*l); w != "" {
			x.warn(w)
		}
	}
	if x.r.Err != nil {
		x.warn(x.r.Err.Error())
	}
	first := &x.r.Locations[0]
	n := len(x.r.Locations)
	switch {
	case refused == n:
		x.say(CauseRefused, "%s: found, but no uprobe can be put there: %v", x.e.Spec, verdicts[0].Err)
	case first.Type == elf.STT_GNU_IFUNC && first.Addend == 0:
		x.e.Implementations = x.t.implementations(x.ctx, first)
		x.say(CauseIfunc, "%s: an ifunc: at 0x%x is its resolver, which runs once and chooses one of %s", x.e.Spec, uint64(first.Addr), countOf(len(x.e.Implementations), "implementation"))
		switch len(x.e.Implementations) {
		case 1:
			i := &x.e.Implementations[0]
			x.e.Text = fmt.Sprintf("%s: an ifunc: at 0x%x is its resolver, which runs once; what it chooses is %s", x.e.Spec, uint64(first.Addr), cmp.Or(i.Name, fmt.Sprintf("0x%x", uint64(i.Addr))))
		case 0:
			x.e.Text = fmt.Sprintf("%s: an ifunc: at 0x%x is its resolver, which runs once; its code does not tell what it chooses from", x.e.Spec, uint64(first.Addr))
		}
	default:
		x.say(CauseFound, "%s: found in %s", x.e.Spec, countOf(n, "place"))
	}
}

func countOf(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func (x *explainer) warn(text string) {
	if !slices.Contains(x.e.Warnings, text) {
		x.e.Warnings = append(x.e.Warnings, text)
	}
}

// invalid: a number that is no place in the code.
func (x *explainer) invalid(e *NotFoundError) bool {
	if e.Spec.addr == nil && e.Spec.off == nil {
		return false
	}
	x.say(CauseInvalid, "%s: no code is there", e.Spec)
	return true
}

// name is the function's name that was asked for, without a version.
func (x *explainer) name() string {
	name, _, _ := elfsym.SplitVersion(cmp.Or(x.e.Spec.plus.name, x.e.Spec.fn.name))
	return name
}

// definedIn finds the program's libraries that define the name.
func (x *explainer) definedIn() bool {
	name := x.name()
	if name == "" || strings.ContainsAny(name, ":*?[(") {
		return false
	}
	libs, err := x.t.DefinedIn(x.ctx, name, x.find)
	if err != nil {
		x.tried("libraries", "%v", err)
	}
	if x.e.Libraries = libs; err == nil {
		x.tried("libraries", "%s", cmp.Or(pathsOf(libs), "none that the program loads defines it"))
	}
	return len(libs) > 0
}

func pathsOf(libs []Library) string {
	var paths []string
	for _, l := range libs {
		paths = append(paths, l.Path)
	}
	return strings.Join(paths, ", ")
}

func (x *explainer) imported(e *NotFoundError) bool {
	if !e.Imported {
		return false
	}
	if x.definedIn() {
		l := &x.e.Libraries[0]
		x.say(CauseImported, "%s: imported: %s defines it", e.Spec, l.Path)
	} else {
		x.say(CauseImported, "%s: imported, and none of the libraries that were found defines it (%s)", e.Spec, strings.Join(e.Needed, ", "))
	}
	return true
}

func (x *explainer) version(e *NotFoundError) bool {
	if x.e.Versions = e.Versions; len(e.Versions) == 0 {
		return false
	}
	x.say(CauseVersion, "%s: not in that version; there is %s", e.Spec, strings.Join(e.Versions, ", "))
	return true
}

func (x *explainer) variable(e *NotFoundError) bool {
	if e.Note == "" || !e.Symbol {
		return false
	}
	x.say(CauseVariable, "%s: %s", e.Spec, e.Note)
	return true
}

// inlined: the debug information has copies and no function.
func (x *explainer) inlined(e *NotFoundError) bool {
	name := x.name()
	if name == "" {
		return false
	}
	copies, err := x.t.InlinedCopies(x.ctx, name)
	switch {
	case err != nil:
		x.tried("DWARF", "%v", err)
		return false
	case len(copies) == 0:
		return false
	}
	for _, c := range copies {
		x.e.Locations = append(x.e.Locations, c.Location)
		x.tried("DWARF", "inlined into %s at 0x%x", cmp.Or(c.Into, "a function"), uint64(c.Addr))
	}
	x.say(CauseInlined, "%s: inlined into its callers %s, with no copy of its own", e.Spec, times(len(copies)))
	return true
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// launcher: the file only starts the program, which is in a library.
func (x *explainer) launcher(e *NotFoundError) bool {
	if !x.e.Program.Launcher {
		return false
	}
	libs, err := x.t.RuntimeIn(x.ctx, x.e.Program, x.find)
	if len(libs) == 0 {
		x.tried("runtime", "%s, which was not found: %v", x.e.Program.Library, err)
		return false
	}
	for _, l := range libs {
		if l.Path == "" {
			continue
		}
		has, err := x.inFile(l.Path)
		switch {
		case err != nil:
			x.tried(l.Path, "%v", err)
		case has:
			x.e.Libraries = []Library{l}
			x.say(CauseLauncher, "%s: the file only starts %s, which is in %s and has it", e.Spec, x.e.Program.Runtime, l.Path)
			return true
		default:
			x.tried(l.Path, "has no %s", e.Spec)
		}
	}
	return false
}

// inFile reports whether a spec stands for a place in another file.
func (x *explainer) inFile(path string) (bool, error) {
	other, err := Open(path, &x.t.opts)
	if err != nil {
		return false, err
	}
	defer other.Close()
	r, err := other.Resolve(x.ctx, x.e.Spec)
	if r == nil {
		return false, err
	}
	return len(r[0].Locations) > 0, nil
}

// close: a name that differs by case or a letter. What stands around a name is
// looked at last.
func (x *explainer) close(e *NotFoundError) bool {
	want := x.name()
	if want == "" {
		want = e.Spec.usdt
	}
	for _, n := range e.Nearest {
		if d := len(n) - len(want); d >= -2 && d <= 2 {
			x.near()
			return true
		}
	}
	return false
}

func (x *explainer) near() {
	x.say(CauseNear, "%s: not found; the nearest name is %s", x.e.Spec, x.e.Nearest[0])
}

func (x *explainer) loaded(e *NotFoundError) bool {
	if !x.definedIn() {
		return false
	}
	x.say(CauseLibrary, "%s: not in this file; %s, which it loads, defines it", e.Spec, x.e.Libraries[0].Path)
	return true
}

// scripted: people ask the interpreter for functions of the scripts it runs.
func (x *explainer) scripted(e *NotFoundError) bool {
	p := x.e.Program
	if !p.Certain || !p.Runtime.Interpreter() || len(e.Nearest) > 0 && e.Spec.usdt != "" {
		return false
	}
	x.say(CauseScript, "%s: no function of %s; if it is one of a script that this runs: %s", e.Spec, filepath.Base(x.t.path), p.Runtime.Trace())
	return true
}

// stripped: without .symtab, the statics are elsewhere or gone.
func (x *explainer) stripped(e *NotFoundError) bool {
	if x.t.f.Has(elfsym.Symtab) != 0 || e.Spec.usdt != "" && e.Spec.static.name == "" {
		return false
	}
	for _, s := range e.Searched {
		if strings.HasPrefix(s, elfsym.DebugFile.String()+" (") && !strings.Contains(s, "(none)") || strings.HasPrefix(s, elfsym.GoTable.String()+" (") || strings.HasPrefix(s, elfsym.DWARF.String()+" (") {
			return false
		}
	}
	if x.t.opts.OwnTables {
		x.say(CauseStripped, "%s: the file is stripped, and no debug file was looked for (--debug=off)", e.Spec)
	} else {
		x.say(CauseStripped, "%s: the file is stripped, and its debug file is not here", e.Spec)
	}
	return true
}
