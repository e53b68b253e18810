package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/internal/glob"
	"github.com/probels/probels/internal/nearest"
	"github.com/probels/probels/usdt/consumer"
	"github.com/probels/probels/usdt/operand"
)

// A Failure is one way in which a file does not meet an entry.
type Failure struct {
	Kind  FailureKind
	Probe string // PROVIDER:NAME that it is about; of a missing one the entry's Spec

	// Text says what is wrong, in a line without the probe's name: "missing;
	// nearest query__start", "want (u64) have (u64, i32)".
	Text string

	// Want and Have are the two sides of it where there are two: argument lists
	// or counts.
	Want, Have string

	// Nearest are names in the file like the missing one, the likeliest first.
	Nearest []string
}

// A FailureKind says what an entry demands and a file does not have.
type FailureKind uint8

const (
	Missing     FailureKind = iota // no probe matches
	Count                          // not the number that was asked for
	Arguments                      // other arguments
	Unreachable                    // no site, or no semaphore, has a place in the file
	Unreadable                     // a tool cannot read an argument
	Unknown                        // with Types: no site says which type an argument has
)

var failureKinds = [...]string{"missing", "count", "arguments", "unreachable", "unreadable", "unknown"}

// String is a word for it: "missing", "arguments".
func (k FailureKind) String() string { return failureKinds[min(int(k), len(failureKinds)-1)] }

// A Result is what became of one entry; it holds if there are no failures.
type Result struct {
	Entry    *Entry
	Failures []Failure
}

// Options for Check; nil means the defaults.
type Options struct {
	// Types compares the names of types too, where entry has one.
	Types bool

	// Program is what consumers must know of the file, for entries with For.
	Program consumer.Program
}

// Check holds a file's probes to entries. There is a Result for each entry, in
// order, and unlisted are the probes that none of them matches.
func Check(entries []Entry, probes []Probe, o *Options) (results []Result, unlisted []*Probe) {
	if o == nil {
		o = &Options{}
	}
	c := checker{o: o, probes: probes, byName: map[string]int{}, listed: make([]bool, len(probes)), accepted: map[string][]Signature{}, told: map[string]bool{}}
	for i := range probes {
		c.byName[probes[i].FullName()] = i
	}
	for i := range entries {
		e := &entries[i]
		c.accepted[e.Spec] = append(c.accepted[e.Spec], e.Args)
	}
	for i := range entries {
		results = append(results, Result{&entries[i], c.entry(&entries[i])})
	}
	for i := range probes {
		if !c.listed[i] {
			unlisted = append(unlisted, &probes[i])
		}
	}
	return results, unlisted
}

type checker struct {
	o        *Options
	probes   []Probe
	byName   map[string]int
	listed   []bool
	accepted map[string][]Signature // by Spec: the argument lists that its entries allow
	told     map[string]bool        // whose wrong arguments are told already
}

// matching are the probes that a spec means: the one of that name or, if there
// is none, those that match it as a pattern.
func (c *checker) matching(spec string) []int {
	if i, ok := c.byName[spec]; ok {
		return []int{i}
	}
	if !glob.Has(spec) {
		return nil
	}
	var out []int
	g := glob.New(spec)
	for i := range c.probes {
		if g.Match(c.probes[i].FullName()) {
			out = append(out, i)
		}
	}
	return out
}

func (c *checker) entry(e *Entry) []Failure {
	matched := c.matching(e.Spec)
	for _, i := range matched {
		c.listed[i] = true
	}
	switch n := len(matched); {
	case n == 0 && e.Count > 0:
		return []Failure{c.missing(e)}
	case n < e.Count || n > e.Count && !e.AtLeast:
		f := Failure{Kind: Count, Probe: e.Spec, Have: fmt.Sprint(n), Want: fmt.Sprint(e.Count)}
		if e.AtLeast {
			f.Want = "at least " + f.Want
		}
		f.Text = fmt.Sprintf("want %s, have %s", f.Want, f.Have)
		return []Failure{f}
	}
	var out []Failure
	for _, i := range matched {
		p := &c.probes[i]
		if why := p.unreachable(); why != "" {
			out = append(out, Failure{Kind: Unreachable, Probe: p.FullName(), Text: "cannot be attached to: " + why})
			continue
		}
		if f, ok := c.arguments(e, p); !ok {
			out = append(out, f)
		}
		out = append(out, c.readers(e, p)...)
	}
	return out
}

func (c *checker) missing(e *Entry) Failure {
	f := Failure{Kind: Missing, Probe: e.Spec, Text: "missing"}
	if glob.Has(e.Spec) {
		f.Text = "missing: nothing matches"
		if len(c.probes) == 0 {
			f.Text = "missing; the file has no USDT probes"
		}
		return f
	}
	// The provider is mostly right, so the names that it has come first.
	provider, short, _ := strings.Cut(e.Spec, ":")
	same, others := nearest.New(short), nearest.New(e.Spec)
	alone := nearest.New(short)
	for i := range c.probes {
		p := &c.probes[i]
		if p.Provider == provider {
			same.Add(p.FullName(), p.Name)
		}
		others.Add(p.FullName(), p.FullName())
		alone.Add(p.FullName(), p.Name)
	}
	for _, r := range []*nearest.Ranking{same, others, alone} {
		if f.Nearest = r.Names(); f.Nearest != nil {
			break
		}
	}
	switch {
	case len(c.probes) == 0:
		f.Text += "; the file has no USDT probes"
	case len(f.Nearest) > 0:
		f.Text += "; nearest " + strings.Join(f.Nearest, ", ")
	}
	return f
}

// arguments holds each argument list of a probe to those that the entries of
// this spec allow. What is wrong is told with the first of them.
//
// A compiler that keeps an argument in no variable leaves its type unknown, at
// one site of several too: then the others decide, and if none does the types
// are neither right nor wrong.
func (c *checker) arguments(e *Entry, p *Probe) (Failure, bool) {
	want := c.accepted[e.Spec]
	if slices.ContainsFunc(want, func(s Signature) bool { return s == nil }) || c.told[p.FullName()] {
		return Failure{}, true
	}
	var unknown []Signature
	for _, have := range p.Signatures {
		switch {
		case slices.ContainsFunc(want, func(s Signature) bool { return s.accepts(have, c.o.Types) }):
		case c.o.Types && slices.ContainsFunc(want, func(s Signature) bool { return s.accepts(s.known(have), true) }):
			unknown = append(unknown, have)
		default:
			c.told[p.FullName()] = true
			f := Failure{Kind: Arguments, Probe: p.FullName(), Want: list(c.shown(want)), Have: list(c.shown(p.Signatures))}
			f.Text = fmt.Sprintf("want %s have %s", f.Want, f.Have)
			return f, false
		}
	}
	for _, u := range unknown {
		other := func(have Signature) bool {
			return u.accepts(have, false) && slices.ContainsFunc(want, func(s Signature) bool { return s.accepts(have, true) })
		}
		if !slices.ContainsFunc(p.Signatures, other) {
			c.told[p.FullName()] = true
			f := Failure{Kind: Unknown, Probe: p.FullName(), Want: list(want), Have: list(p.Signatures)}
			f.Text = fmt.Sprintf("want %s have %s: not known whether the types are these, for debug information has no variable there", f.Want, f.Have)
			return f, false
		}
	}
	return Failure{}, true
}

// shown leaves out names of types that are not compared.
func (c *checker) shown(all []Signature) []Signature {
	if c.o.Types {
		return all
	}
	out := make([]Signature, len(all))
	for i, s := range all {
		out[i] = slices.Clone(s)
		for k := range out[i] {
			out[i][k].Name = ""
		}
	}
	return out
}

// readers asks the tools about each argument of each site; each answer is told
// once.
func (c *checker) readers(e *Entry, p *Probe) []Failure {
	var out []Failure
	told := map[string]bool{}
	for _, who := range e.For {
		for i := range p.Sites {
			args := operand.ParseArgs(c.o.Program.Machine, c.o.Program.Class, p.Sites[i].Spec)
			for k, f := range consumer.Judge(who, c.o.Program, p.Sites[i].Spec) {
				if f.Verdict == consumer.Reads {
					continue
				}
				text := fmt.Sprintf("%s %s argument %d, %s: %s", who, f.Verdict, k+1, args[k].Text, f.Reason)
				if !told[text] {
					told[text] = true
					out = append(out, Failure{Kind: Unreadable, Probe: p.FullName(), Text: text, Want: who.String(), Have: args[k].Text})
				}
			}
		}
	}
	return out
}
