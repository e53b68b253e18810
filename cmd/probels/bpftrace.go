package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/probels/probels/internal/glob"
)

// bpftrace's spelling of a probe, "usdt:PATH:PROVIDER:NAME" and
// "uprobe:PATH:FUNC", is what a listing prints and what may stand where a
// target is expected.

// quote is a path or a name as bpftrace reads it: in quotes if it has anything
// but what needs none, which was tried with bpftrace 0.17. There "+" in a path
// is good within quotes; a function's name with "+" it cannot attach to at all.
//
// Control characters and bytes that are no UTF-8 become \xNN, which bpftrace does
// not know; unquote does, so that every line names what it stands for.
func quote(s string) string {
	if s != "" && isPlain(s) {
		return s
	}
	b := make([]byte, 0, len(s)+8)
	b = append(b, '"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"', r == '\\':
			b = append(b, '\\', s[i])
		case r == utf8.RuneError && n == 1, !unicode.IsPrint(r):
			for _, c := range []byte(s[i : i+n]) {
				b = fmt.Appendf(b, `\x%02x`, c)
			}
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return string(append(b, '"'))
}

// unquote takes quotes off, and undoes what quote did within them.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if i++; s[i] == 'x' && i+2 < len(s) {
				if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
					b = append(b, byte(c))
					i += 2
					continue
				}
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// isPlain reports whether no byte needs quotes. A listing asks for each byte of
// a million names, so eight are looked at together, and one by one only where
// they are not all letters, digits and "_".
func isPlain(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if !areWord(uint64(s[0])|uint64(s[1])<<8|uint64(s[2])<<16|uint64(s[3])<<24|
			uint64(s[4])<<32|uint64(s[5])<<40|uint64(s[6])<<48|uint64(s[7])<<56) && !isPlainBytes(s[:8]) {
			return false
		}
	}
	return isPlainBytes(s)
}

func isPlainBytes(s string) bool {
	for i := range len(s) {
		if needsQuotes[s[i]] != 0 {
			return false
		}
	}
	return true
}

// areWord reports whether each of eight bytes is a letter, a digit or "_". A byte
// below 0x80 is at least c if the sum with 0x80-c has the highest bit, and no sum
// reaches into the next byte.
func areWord(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	lower := x | 0x20*ones // also makes "_" 0x7f, which is behind the letters
	letter := (lower + (0x80-'a')*ones) &^ (lower + (0x80-'z'-1)*ones)
	digit := (x + (0x80-'0')*ones) &^ (x + (0x80-'9'-1)*ones)
	under := (x + (0x80-'_')*ones) &^ (x + (0x80-'_'-1)*ones)
	return (letter|digit|under)&^x&high == high
}

var needsQuotes = func() (t [256]uint8) {
	for c := range t {
		if !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || strings.IndexByte("_.-/[]*#", byte(c)) >= 0) {
			t[c] = 1
		}
	}
	return t
}()

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

// paths are the files that the path stands for, if need be as a pattern.
func (s spelled) paths() ([]string, error) {
	if _, err := os.Stat(s.path); err == nil || !glob.Has(s.path) {
		return []string{s.path}, nil
	}
	paths, err := patternPaths(s.path)
	if err != nil || len(paths) == 0 {
		return nil, usagef("no file matches %s", s.path)
	}
	return paths, nil
}
