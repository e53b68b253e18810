package pkghint

import (
	"net/url"
	"strings"
)

// only reports whether s is made of ASCII letters, digits and some more.
func only(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte(more, c) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

// isName: a package, a suite, a distribution's ID. None begins with a dash,
// which would be an option.
func isName(s string) bool { return len(s) <= 256 && only(s, "+-._") && s[0] != '-' && s[0] != '.' }

// isVersion also has an epoch and a tilde.
func isVersion(s string) bool { return len(s) <= 256 && only(s, "+-._:~^") && s[0] != '-' }

// isURL: http or https, and nothing that a shell or a list of apt's reads as
// something else.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 2048 && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		only(s, "+-._~:/@%?=&,")
}

// quote makes a word of s for a POSIX shell. What a terminal would obey is not
// quoted but refused: ok is false.
func quote(s string) (word string, ok bool) {
	for _, c := range s {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0xfffd || c == 0x2028 || c == 0x2029 ||
			c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
			return "", false
		}
	}
	if only(s, "+-._:/,@%=~") && !strings.HasPrefix(s, "-") && !strings.HasPrefix(s, "~") {
		return s, true
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", true
}
