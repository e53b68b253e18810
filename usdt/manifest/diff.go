package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/usdt"
)

// A Change is one difference between two builds.
type Change struct {
	Kind  ChangeKind
	Probe string // PROVIDER:NAME
	Text  string // what changed, in a line without the probe's name

	Old, New string // the two sides, where there are two
}

// A ChangeKind says what changed of a probe.
type ChangeKind uint8

const (
	Gone          ChangeKind = iota // the probe is not in the new build
	Changed                         // number, width, sign or float of arguments
	SemaphoreGone                   // the program no longer waits for a tracer
	SemaphoreNew                    // tracers must hold the semaphore up from now on
	Moved                           // its sites are in other functions
	New                             // the probe is not in the old build
	Operands                        // the compiler keeps the arguments elsewhere, or lost a copy of a site
	SiteCount                       // there are more or fewer sites
	Declaration                     // of a function: other types, which Diff does not compare
	Member                          // of a struct that a function takes; nor those
)

var changeKinds = [...]string{"gone", "arguments", "semaphore gone", "semaphore new", "moved", "new", "operands", "sites", "signature", "member"}

// String is a word or two for it: "gone", "arguments".
func (k ChangeKind) String() string { return changeKinds[min(int(k), len(changeKinds)-1)] }

// Breaks reports whether users of a probe have to act. What only the compiler
// decided, and new probes, they need not notice.
func (k ChangeKind) Breaks() bool { return k <= Moved }

// Functions gives the name of the function that a site stands in, "" where it
// is not known.
type Functions func(s *usdt.Site) string

// Diff tells what changed from old to new, both sorted as Probes returns them:
// by probe, what breaks first. The functions may be nil, and are compared only
// where those of all sites are known on both sides.
func Diff(old, new []Probe, oldIn, newIn Functions) []Change {
	var out []Change
	add := func(kind ChangeKind, p *Probe, format string, args ...any) *Change {
		out = append(out, Change{Kind: kind, Probe: p.FullName(), Text: fmt.Sprintf(format, args...)})
		return &out[len(out)-1]
	}
	byName := func(a, b *Probe) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Name, b.Name))
	}
	for len(old) > 0 || len(new) > 0 {
		order := 0
		switch {
		case len(new) == 0:
			order = -1
		case len(old) == 0:
			order = 1
		default:
			order = byName(&old[0], &new[0])
		}
		switch {
		case order < 0:
			add(Gone, &old[0], "gone").Old = list(old[0].Signatures)
			old = old[1:]
		case order > 0:
			add(New, &new[0], "new %s", list(new[0].Signatures)).New = list(new[0].Signatures)
			new = new[1:]
		default:
			from := len(out)
			compare(&old[0], &new[0], oldIn, newIn, add)
			slices.SortStableFunc(out[from:], func(a, b Change) int { return cmp.Compare(a.Kind, b.Kind) })
			old, new = old[1:], new[1:]
		}
	}
	return out
}

func compare(old, new *Probe, oldIn, newIn Functions, add func(ChangeKind, *Probe, string, ...any) *Change) {
	if a, b := list(old.Signatures), list(new.Signatures); a != b {
		// A build that has fewer of several argument lists lost a copy of the site.
		kind := Operands
		for _, have := range new.Signatures {
			if !slices.ContainsFunc(old.Signatures, func(s Signature) bool { return compareSignatures(s, have) == 0 }) {
				kind = Changed
			}
		}
		c := add(kind, new, "arguments %s became %s", a, b)
		c.Old, c.New = a, b
	} else if a, b := operands(old), operands(new); a != b {
		c := add(Operands, new, "arguments are kept elsewhere: %s became %s", a, b)
		c.Old, c.New = a, b
	}
	switch a, b := semaphores(old), semaphores(new); {
	case a > 0 && b == 0:
		add(SemaphoreGone, new, "it has no semaphore any more")
	case a == 0 && b > 0:
		add(SemaphoreNew, new, "it has a semaphore now, which tracers must raise")
	}
	// Inlining copies a site into more functions, or into fewer. It moved where one
	// took the place of another.
	if a, b := functions(old, oldIn), functions(new, newIn); a != nil && b != nil && !within(a, b) && !within(b, a) {
		c := add(Moved, new, "moved from %s to %s", strings.Join(a, ", "), strings.Join(b, ", "))
		c.Old, c.New = strings.Join(a, ", "), strings.Join(b, ", ")
	}
	if a, b := len(old.Sites), len(new.Sites); a != b {
		c := add(SiteCount, new, "%d sites became %d", a, b)
		c.Old, c.New = fmt.Sprint(a), fmt.Sprint(b)
	}
}

// operands are the different argument texts of a probe's sites.
func operands(p *Probe) string {
	var all []string
	for i := range p.Sites {
		all = append(all, p.Sites[i].Spec)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " | ")
}

func semaphores(p *Probe) int {
	n := 0
	for i := range p.Sites {
		if p.Sites[i].Semaphore != 0 {
			n++
		}
	}
	return n
}

// functions are the functions that a probe's sites stand in, each once, nil if
// one is not known. The parts into which a compiler splits a function are it.
func functions(p *Probe, in Functions) []string {
	if in == nil {
		return nil
	}
	var all []string
	for i := range p.Sites {
		name := in(&p.Sites[i])
		if name == "" {
			return nil
		}
		all = append(all, wholeFunction(name))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// within reports whether all of a is in b.
func within(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}

// wholeFunction takes off what gcc and clang append to the names of parts and
// copies: "f.cold", "f.part.0", "f.constprop.0.isra.0", "f.llvm.1234".
func wholeFunction(name string) string {
	for {
		cut := name
		for _, suffix := range []string{".cold", ".part", ".isra", ".constprop", ".llvm", ".lto_priv", ".localalias"} {
			if i := strings.LastIndex(cut, suffix); i > 0 && strings.Trim(cut[i+len(suffix):], ".0123456789") == "" {
				cut = cut[:i]
			}
		}
		if cut == name {
			return name
		}
		name = cut
	}
}
