package loader

import (
	"path"
	"strings"
)

// tokens are what "$ORIGIN", "$LIB" and "$PLATFORM" stand for in one file. Where
// more than one value is possible all are tried.
type tokens struct {
	origin    string // "" if unknown
	lib       []string
	platforms []string
}

// maxExpansions is how many paths one may become.
const maxExpansions = 64

// expand replaces the tokens of one path; none if it has one whose value is not
// known, as a loader then ignores the path. "$" before anything else is itself.
func (t *tokens) expand(s string) []string {
	out := []string{""}
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			i = len(s)
		}
		out = each(out, s[:i])
		if s = s[i:]; s == "" {
			break
		}
		name, rest := token(s)
		switch name {
		case "ORIGIN":
			if t.origin == "" {
				return nil
			}
			out = each(out, t.origin)
		case "LIB":
			out = each(out, t.lib...)
		case "PLATFORM":
			out = each(out, t.platforms...)
		default:
			out = each(out, s[:1])
			rest = s[1:]
		}
		if len(out) > maxExpansions {
			return nil
		}
		s = rest
	}
	return out
}

// token is the name behind a "$", in braces or not, and what follows it; "" if
// it is none that loaders know.
func token(s string) (name, rest string) {
	for _, name := range []string{"ORIGIN", "LIB", "PLATFORM"} {
		if rest, ok := strings.CutPrefix(s, "${"+name+"}"); ok {
			return name, rest
		}
		if rest, ok := strings.CutPrefix(s, "$"+name); ok {
			return name, rest
		}
	}
	return "", s
}

// each puts each of ends behind each of starts.
func each(starts []string, ends ...string) []string {
	if len(ends) == 1 {
		for i := range starts {
			starts[i] += ends[0]
		}
		return starts
	}
	var out []string
	for _, s := range starts {
		for _, e := range ends {
			out = append(out, s+e)
		}
	}
	return out
}

// splitPath takes a list of directories apart. One that is empty or relative
// depends on where the process runs, which is not known, and is left out.
func splitPath(list, separators string) []string {
	var out []string
	for _, d := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if path.IsAbs(d) || strings.HasPrefix(d, "$") {
			out = append(out, d)
		}
	}
	return out
}
