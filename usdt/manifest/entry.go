package manifest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/probels/probels/usdt/consumer"
)

// An Entry is one demand: a line of a manifest, or an argument of "probels
// check".
type Entry struct {
	// Spec is the probe, PROVIDER:NAME or a pattern of it.
	Spec string

	// Args are the arguments that it must have; nil means that any will do.
	Args Signature

	// Count is how many probes must match, or with AtLeast how many at least;
	// by default at least one.
	Count   int
	AtLeast bool

	// For are the tools that must be able to read each argument.
	For []consumer.Consumer

	// Line is where it stands in the manifest, from 1; 0 if in none.
	Line int
}

// ParseEntry reads PROVIDER:NAME with what may stand behind it, as the package
// comment has it. It leaves other texts as they are, a function's name for one:
// parentheses are then part of the name ("ns::f(int)").
func ParseEntry(text string) (Entry, error) {
	e := Entry{Count: 1, AtLeast: true}
	text = strings.TrimSpace(text)
	rest := text
	if name, behind, ok := cutQuoted(text); ok {
		e.Spec, rest = name, behind
	} else {
		rest = ""
		if i := countAt(text); i > 0 {
			text, rest = text[:i], text[i:]
		}
		if i := strings.IndexByte(text, '('); i > 0 && usdtLike(text[:i]) {
			text, rest = text[:i], text[i:]+rest
		}
		e.Spec = strings.TrimSpace(text)
	}
	rest = strings.TrimSpace(rest)
	if strings.HasPrefix(rest, "(") {
		end := strings.LastIndexByte(rest, ')')
		args, err := ParseSignature(rest[:end+1])
		if err != nil {
			return e, fmt.Errorf("%s: %w", e.Spec, err)
		}
		if !e.USDT() {
			return e, fmt.Errorf("%s: arguments can be said of a USDT probe only, PROVIDER:NAME", e.Spec)
		}
		e.Args = args
		rest = strings.TrimSpace(rest[end+1:])
	}
	if rest != "" {
		digits, least := strings.CutPrefix(rest, ">=")
		digits, exact := strings.CutPrefix(digits, "=")
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 31)
		if err != nil || !least && !exact {
			return e, fmt.Errorf("%s: %q behind it is neither arguments nor a count: (u64, i32) =2 >=2", e.Spec, rest)
		}
		e.Count, e.AtLeast = int(n), least
	}
	if e.Spec == "" {
		return e, errors.New("an entry without a name")
	}
	return e, nil
}

// usdtLike reports whether a name is PROVIDER:NAME: one colon, and not two in a
// row.
func usdtLike(s string) bool {
	i := strings.IndexByte(s, ':')
	return i > 0 && !strings.Contains(s, "::")
}

// USDT reports whether the entry can be a USDT probe.
func (e *Entry) USDT() bool { return usdtLike(e.Spec) }

// countAt is where "=N" or ">=N" begins at the end of a text, or 0.
func countAt(s string) int {
	i := len(strings.TrimRight(s, "0123456789"))
	if i == len(s) {
		return 0
	}
	i = len(strings.TrimRight(s[:i], " "))
	if i == 0 || s[i-1] != '=' {
		return 0
	}
	if i--; i > 0 && s[i-1] == '>' {
		i--
	}
	return i
}

// cutQuoted takes a quoted name off the front.
func cutQuoted(s string) (name, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	q, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", false
	}
	name, err = strconv.Unquote(q)
	return name, s[len(q):], err == nil
}

// String is the entry as ParseEntry reads it.
func (e *Entry) String() string {
	var b strings.Builder
	b.WriteString(quoteName(e.Spec))
	if e.Args != nil {
		b.WriteString(e.Args.String())
	}
	switch {
	case !e.AtLeast:
		fmt.Fprintf(&b, "=%d", e.Count)
	case e.Count != 1:
		fmt.Fprintf(&b, ">=%d", e.Count)
	}
	return b.String()
}

// quoteName quotes names that would not be read back as they are.
func quoteName(s string) string {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"#=>()\`, c) >= 0 {
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}
