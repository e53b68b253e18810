package offset

import (
	"context"
	"slices"

	"github.com/probels/probels/elfsym"
)

// Aliases are the other names of the function at a location, with versions, as
// the file spells them; sorted. It reads all symbols.
func (t *Target) Aliases(ctx context.Context, l Location) ([]string, error) {
	r := newResolution(ctx, t)
	start := l.Function
	if start == 0 {
		start = l.Addr - elfsym.Addr(l.Addend)
	}
	self := l.Name
	if l.Version != "" {
		self += "@" + l.Version
		if l.Default {
			self = l.Name + "@@" + l.Version
		}
	}
	var out []string
	for _, s := range r.near(start).At(start) {
		if name := s.FullName(); name != self && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(r.problems) > 0 {
		return out, r.problems[0]
	}
	return out, nil
}
