package main

import (
	"strings"

	"github.com/probels/probels/internal/glob"
)

// bpftrace's spelling of a probe, "usdt:PATH:PROVIDER:NAME" and
// "uprobe:PATH:FUNC", is what a listing prints and what may stand where a
// target is expected.

// quotePath is a path as bpftrace reads it: in quotes if it has anything but
// what needs none. A "+" is among what does: some versions take it for an
// offset. Tried with bpftrace 0.17.
func quotePath(path string) string { return quoteUnless(path, plainInPath) }

// quoteName is a function's or a probe's name in the same way.
func quoteName(name string) string { return quoteUnless(name, plainInName) }

// What needs no quotes: bits of a table, since a listing asks for each byte of
// a million.
const (
	plainInName = 1 << iota
	plainInPath
)

var plainBytes = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == '_', c == '.', '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z':
			t[c] = plainInName | plainInPath
		case c == '/', c == '-':
			t[c] = plainInPath
		}
	}
	return t
}()

func quoteUnless(s string, plain uint8) string {
	for i := range len(s) {
		if plainBytes[s[i]]&plain == 0 {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(s)) + `"`
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// spelled is a target in bpftrace's spelling, taken apart.
type spelled struct {
	usdt, uprobe, data bool
	path               string
	provider           string // of usdt
	name               string // "" if it was left out
}

// parseSpelled reads bpftrace's spelling; ok is false if the text is none, which
// a path is not: it has no ":" behind one of these words.
func parseSpelled(text string) (s spelled, ok bool, err error) {
	word, rest, found := strings.Cut(text, ":")
	if !found {
		return s, false, nil
	}
	switch word {
	case "usdt", "U":
		s.usdt = true
	case "uprobe", "u", "uretprobe", "ur":
		s.uprobe = true
	case "data": // ours: what -k data prints
		s.data = true
	case "tracepoint", "t", "kprobe", "k", "kretprobe", "kr", "kfunc", "fentry", "fexit", "f", "rawtracepoint", "rt", "profile", "interval", "hardware", "software", "iter":
		return s, true, usagef("%s: the kernel's probes are not this tool's; try: bpftrace -l '%s'", text, text)
	default:
		if !strings.Contains(word, "*") {
			return s, false, nil
		}
		g := glob.New(word)
		s.usdt, s.uprobe = g.Match("usdt"), g.Match("uprobe")
		if !s.usdt && !s.uprobe {
			return s, true, usagef("%s: no such kind of probe: usdt, uprobe", text)
		}
	}
	parts := splitColons(rest)
	s.path = unquote(parts[0])
	parts = parts[1:]
	switch {
	case len(parts) == 0:
	case s.usdt && !s.uprobe && len(parts) > 1:
		s.provider, s.name = unquote(parts[0]), unquote(strings.Join(parts[1:], ":"))
	default:
		s.name = unquote(strings.Join(parts, ":"))
	}
	if s.path == "" {
		return s, true, usagef("%s: no file is named", text)
	}
	return s, true, nil
}

// splitColons splits at each ":" that is not within quotes, nor part of "::".
func splitColons(s string) []string {
	var out []string
	from, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ':' && !quoted:
			if i+1 < len(s) && s[i+1] == ':' {
				i++
				continue
			}
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// unquote takes quotes off, and undoes what quoteUnless did within them.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s[1 : len(s)-1])
}

// spec is what the name part asks for, in the words of a SPEC.
func (s spelled) spec() string {
	if s.usdt && !s.uprobe && s.provider != "" {
		return s.provider + ":" + s.name
	}
	return s.name
}

// match are the patterns of a listing; none for everything.
func (s spelled) match() []string {
	if name := s.spec(); name != "" {
		return []string{name}
	}
	return nil
}
