package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
)

// A Probe is what one file has under one provider:name.
type Probe struct {
	Provider, Name string

	// Signatures are the argument lists of its sites, each once, sorted.
	Signatures []Signature

	Sites []usdt.Site
}

// FullName is provider:name.
func (p *Probe) FullName() string { return p.Provider + ":" + p.Name }

// Names gives the types of a site's arguments as the source has them, one for
// each argument and "" for those that are not known.
type Names func(s *usdt.Site) []string

// Probes groups sites into probes, sorted by provider and name. names may be
// nil.
func Probes(sites []usdt.Site, names Names) []Probe {
	var out []Probe
	var args []operand.Arg
	for _, g := range usdt.Group(sites) {
		p := Probe{Provider: g.Provider, Name: g.Name, Sites: g.Sites}
		for i := range g.Sites {
			args = g.Sites[i].AppendArgs(args[:0])
			s := SignatureOf(args)
			if names != nil {
				for k, n := range names(&g.Sites[i]) {
					if k < len(s) {
						s[k].Name = n
					}
				}
			}
			p.Signatures = append(p.Signatures, s)
		}
		slices.SortFunc(p.Signatures, compareSignatures)
		p.Signatures = slices.CompactFunc(p.Signatures, func(a, b Signature) bool { return compareSignatures(a, b) == 0 })
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Probe) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Name, b.Name))
	})
	return out
}

// unreachable says why no site of the probe can be attached to, "" if one can.
// A probe without its semaphore is silent for ever.
func (p *Probe) unreachable() string {
	why := ""
	for i := range p.Sites {
		s := &p.Sites[i]
		switch {
		case s.Err != nil:
			why = cmp.Or(why, s.Err.Error())
		case s.SemaphoreErr != nil:
			why = cmp.Or(why, fmt.Sprintf("semaphore: %v", s.SemaphoreErr))
		default:
			return ""
		}
	}
	return why
}
