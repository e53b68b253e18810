package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/probels/probels/usdt/consumer"
)

// A Manifest is what a file of probes says, target by target.
type Manifest struct {
	Targets []Target
}

// A Target is one file and the probes that it must have. Path is "" in a
// manifest that names none.
type Target struct {
	Path    string
	Line    int // of "target PATH"; 0 if there is none
	Entries []Entry
}

// Limits of Parse: nobody writes such a manifest by hand, and none is made.
const (
	maxLine    = 64 << 10
	maxEntries = 1 << 20
)

// A SyntaxError is a line of a manifest that could not be read.
type SyntaxError struct {
	Line int // from 1
	Err  error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *SyntaxError) Unwrap() error { return e.Err }

// Parse reads a manifest. A line that it cannot read is an error, *SyntaxError,
// for a demand that is silently left out is one that nobody holds a build to.
func Parse(r io.Reader) (*Manifest, error) {
	m := &Manifest{}
	var wanted []consumer.Consumer
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	entries := 0
	for line := 1; in.Scan(); line++ {
		text := strings.TrimSpace(withoutComment(in.Text()))
		if text == "" {
			continue
		}
		word, rest, _ := strings.Cut(text, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case word == "target" && rest != "":
			path := rest
			if name, behind, ok := cutQuoted(rest); ok && behind == "" {
				path = name
			}
			m.Targets = append(m.Targets, Target{Path: path, Line: line})
			continue
		case word == "for" && rest != "":
			var err error
			if wanted, err = consumer.Parse(rest); err != nil {
				return nil, &SyntaxError{line, err}
			}
			continue
		}
		e, err := ParseEntry(text)
		if err != nil {
			return nil, &SyntaxError{line, err}
		}
		if entries++; entries > maxEntries {
			return nil, &SyntaxError{line, fmt.Errorf("more than %d entries", maxEntries)}
		}
		e.Line, e.For = line, wanted
		if len(m.Targets) == 0 {
			m.Targets = append(m.Targets, Target{})
		}
		t := &m.Targets[len(m.Targets)-1]
		t.Entries = append(t.Entries, e)
	}
	if err := in.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("a line of more than %d bytes", maxLine)
		}
		return nil, err
	}
	return m, nil
}

// withoutComment cuts at a "#" that begins the line or stands behind a blank,
// and not within quotes.
func withoutComment(s string) string {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '#' && !quoted && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t'):
			return s[:i]
		}
	}
	return s
}

// FromProbes is the manifest's part that holds a file to what it has: an entry
// for each argument list of each probe, in the order given.
func FromProbes(path string, probes []Probe) Target {
	t := Target{Path: path}
	for i := range probes {
		for _, s := range probes[i].Signatures {
			t.Entries = append(t.Entries, Entry{Spec: literal(probes[i].FullName()), Args: s, Count: 1, AtLeast: true})
		}
	}
	return t
}

// literal is a name as a pattern that only it matches.
func literal(name string) string {
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(name)
}

// quotePath quotes a path that would not be read back as it is.
func quotePath(path string) string {
	if strings.ContainsAny(path, "\"#\\") || strings.TrimSpace(path) != path || strings.ContainsFunc(path, unicode.IsControl) {
		return strconv.Quote(path)
	}
	return path
}

// WriteTo writes the manifest as Parse reads it.
func (m *Manifest) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	b.WriteString("# USDT probes that others rely on. To hold a build to them: probels check -f FILE\n")
	for _, t := range m.Targets {
		b.WriteString("\n")
		if t.Path != "" {
			fmt.Fprintf(&b, "target %s\n", quotePath(t.Path))
		}
		if len(t.Entries) == 0 {
			b.WriteString("# no probes\n")
		}
		for i := range t.Entries {
			fmt.Fprintf(&b, "%s\n", t.Entries[i].String())
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
