package glob

import (
	"path"
	"strings"
	"testing"
)

var cases = []struct {
	pattern, s string
	want       bool
}{
	{"", "", true},
	{"", "a", false},
	{"readline", "readline", true},
	{"readline", "readline_internal", false},
	{"read*", "readline", true},
	{"*line", "readline", true},
	{"*adli*", "readline", true},
	{"*", "", true},
	{"**", "ab", true},
	{"r?ad", "read", true},
	{"r?ad", "rad", false},
	{"[a-c]x", "bx", true},
	{"[!a-c]x", "bx", false},
	{"[^a-c]x", "dx", true},
	{"[]]x", "]x", true},
	{"[a-]", "-", true},
	{"operator[]", "operator[]", true},
	{"a[b", "a[b", true},
	{"a[b*", "a[bc", true},
	{"*aab", "aaab", true},
	{"a*b*c", "abbbcbc", true},
	{"a*b*c", "abbbcb", false},
	{"ab*bc", "abc", false},
	{"python:*", "python:gc__start", true},
	{"fmt.(*pp).*", "fmt.(*pp).doPrintln", true},
	{"/usr/*/x", "/usr/a/b/x", true},
}

func TestMatch(t *testing.T) {
	for _, c := range cases {
		if got := New(c.pattern).Match(c.s); got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.pattern, c.s, got, c.want)
		}
	}
}

func TestMatchIsNotExponential(t *testing.T) {
	New(strings.Repeat("*a", 1000) + "b").Match(strings.Repeat("a", 100_000))
}

// FuzzMatch holds the shortcuts of Match against the bare algorithm, and that
// against the standard library where the two speak the same language.
func FuzzMatch(f *testing.F) {
	for _, c := range cases {
		f.Add(c.pattern, c.s)
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		got := New(pattern).Match(s)
		if Has(pattern) && got != match(pattern, s) {
			t.Fatalf("%q, %q: %v, without shortcuts %v", pattern, s, got, !got)
		}
		if strings.ContainsAny(pattern, `[\`) || !ascii(pattern) || !ascii(s) || strings.Contains(s, "/") {
			return
		}
		if want, err := path.Match(pattern, s); err == nil && got != want {
			t.Fatalf("%q, %q: %v, want %v", pattern, s, got, want)
		}
	})
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}
