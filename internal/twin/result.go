package twin

import "strings"

// Confidence is how far a match may be believed.
type Confidence uint8

const (
	None     Confidence = iota
	Possible            // a candidate, one of several or a weak one
	Likely              // better than every other, and not proved
	Certain             // several independent things say so and nothing speaks against it
)

var confidenceNames = [...]string{"none", "possible", "likely", "certain"}

func (c Confidence) String() string {
	if int(c) < len(confidenceNames) {
		return confidenceNames[c]
	}
	return "none"
}

// ParseConfidence reads what String writes.
func ParseConfidence(s string) (Confidence, bool) {
	for i, n := range confidenceNames {
		if n == s {
			return Confidence(i), true
		}
	}
	return None, false
}

// Evidence is what a match rests on; a set.
type Evidence uint16

const (
	EvName    Evidence = 1 << iota // the target has the name itself
	EvFull                         // the same instructions, referring to the same texts and imports
	EvCode                         // the same instructions
	EvShape                        // the same kinds of instructions in the same blocks
	EvUnique                       // no other function of either file is so
	EvSimilar                      // many of the rare things in it are in both
	EvStrings                      // the same texts
	EvImports                      // the same imported functions
	EvCaller                       // called from the same places of functions that match
	EvCallee                       // calls functions that match
	EvTable                        // at the same place of a table
	EvRow                          // beside the same text in a table
	EvOrder                        // between the same neighbours
)

var evidenceNames = [...]string{"name", "code+references", "code", "shape", "unique", "similar", "strings", "imports", "callers", "callees", "table", "row", "order"}

// Strings are the names of the kinds in the set.
func (e Evidence) Strings() []string {
	var out []string
	for i, n := range evidenceNames {
		if e&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

func (e Evidence) String() string { return strings.Join(e.Strings(), ",") }

// A Candidate is a function of the target that one of the reference may be.
type Candidate struct {
	Target   int     // index in the target's Funcs
	Score    float64 // 0 to 1: how much of what they have is in both
	Evidence Evidence
}

// A Match is what was found for one function of the reference.
type Match struct {
	Ref        int // index in the reference's Funcs
	Confidence Confidence

	// Best is the one that it is; meaningless if Confidence is None or Possible:
	// then none was chosen.
	Best Candidate

	// Others are candidates that come next or, where none was chosen, all that
	// there are, the likeliest first.
	Others []Candidate
}
