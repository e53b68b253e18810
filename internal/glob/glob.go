// Package glob matches names with "*", "?" and "[…]", as shells and bpftrace
// do, over any characters: a name's ":" and "/" are letters like others.
package glob

import "strings"

// A Pattern is a compiled glob. The zero Pattern matches the empty string.
type Pattern struct {
	text string
	// What every match begins and ends with, and has somewhere: checked first,
	// because it settles nearly all names.
	prefix, suffix, inner string
	min                   int // bytes that a match has at the least
	literal               bool
}

// Has reports whether a text has a wildcard.
func Has(text string) bool { return strings.ContainsAny(text, "*?[") }

// New compiles a pattern. There are no wrong ones: a "[" that nothing closes is
// a letter.
func New(text string) Pattern {
	p := Pattern{text: text, literal: !Has(text)}
	if p.literal {
		return p
	}
	var runs []string // of letters, between wildcards
	run := 0
	for i := 0; i < len(text); {
		n, wild := token(text[i:])
		if !wild {
			p.min++
		} else {
			if text[i] != '*' {
				p.min++
			}
			runs = append(runs, text[run:i])
			run = i + n
		}
		i += n
	}
	if len(runs) == 0 { // only an unclosed "["
		p.literal = true
		return p
	}
	p.prefix, p.suffix = runs[0], text[run:]
	for _, r := range runs[1:] {
		if len(r) > len(p.inner) {
			p.inner = r
		}
	}
	return p
}

func (p Pattern) String() string { return p.text }

// Literal is a text that every match has within it, and the pattern too: the longest
// that is known. "" if there is none.
func (p Pattern) Literal() string {
	if p.literal {
		return p.text
	}
	longest := p.inner
	for _, text := range []string{p.prefix, p.suffix} {
		if len(text) > len(longest) {
			longest = text
		}
	}
	return longest
}

// Match reports whether the whole of s matches.
func (p Pattern) Match(s string) bool {
	if p.literal {
		return s == p.text
	}
	if len(s) < p.min || !strings.HasPrefix(s, p.prefix) || !strings.HasSuffix(s, p.suffix) ||
		!strings.Contains(s, p.inner) {
		return false
	}
	return match(p.text, s)
}

// token is the length of the pattern element at the beginning of p, and whether
// it is a wildcard.
func token(p string) (n int, wild bool) {
	switch p[0] {
	case '*', '?':
		return 1, true
	case '[':
		if n := classEnd(p); n > 0 {
			return n, true
		}
	}
	return 1, false
}

// classEnd is the length of the "[…]" at the beginning of p, 0 if nothing
// closes it. A "]" that comes first is a member.
func classEnd(p string) int {
	i := 1
	if i < len(p) && (p[i] == '!' || p[i] == '^') {
		i++
	}
	if i < len(p) && p[i] == ']' {
		i++
	}
	for ; i < len(p); i++ {
		if p[i] == ']' {
			return i + 1
		}
	}
	return 0
}

// match goes back only to the last "*", which is enough: time is at most the
// product of the lengths.
func match(p, s string) bool {
	starP, starS := -1, 0
	i, j := 0, 0
	for j < len(s) {
		if i < len(p) {
			if p[i] == '*' {
				starP, starS = i, j
				i++
				continue
			}
			if n, ok := one(p[i:], s[j]); ok {
				i, j = i+n, j+1
				continue
			}
		}
		if starP < 0 {
			return false
		}
		starS++
		i, j = starP+1, starS
	}
	return strings.Trim(p[i:], "*") == ""
}

// one matches the element at the beginning of p, which is no "*", with c.
func one(p string, c byte) (n int, ok bool) {
	n, wild := token(p)
	switch {
	case !wild:
		return n, p[0] == c
	case p[0] == '?':
		return n, true
	}
	class := p[1 : n-1]
	negated := class != "" && (class[0] == '!' || class[0] == '^')
	if negated {
		class = class[1:]
	}
	in := false
	for k := 0; k < len(class); k++ {
		if k+2 < len(class) && class[k+1] == '-' {
			in = in || class[k] <= c && c <= class[k+2]
			k += 2
		} else {
			in = in || class[k] == c
		}
	}
	return n, in != negated
}
