package main

import (
	"strconv"
	"unicode/utf8"
)

// jsonLine builds one object. encoding/json would take twice the time of all
// the rest of a listing, and half a millisecond at start.
type jsonLine struct {
	b []byte
}

func (j *jsonLine) reset() {
	j.b = j.b[:0]
	j.begin()
}

// begin begins an object behind what there is.
func (j *jsonLine) begin() { j.b = append(j.b, '{') }

// line is the finished object and a newline.
func (j *jsonLine) line() []byte {
	j.b = append(j.b, '}', '\n')
	return j.b
}

func (j *jsonLine) key(k string) {
	if c := j.b[len(j.b)-1]; c != '{' && c != '[' {
		j.b = append(j.b, ',')
	}
	j.b = append(j.b, '"')
	j.b = append(j.b, k...)
	j.b = append(j.b, '"', ':')
}

func (j *jsonLine) str(k, v string) {
	j.key(k)
	j.b = appendString(j.b, v)
}

// keys adds fields that were written before.
func (j *jsonLine) keys(b []byte) {
	if len(b) > 0 {
		if j.b[len(j.b)-1] != '{' {
			j.b = append(j.b, ',')
		}
		j.b = append(j.b, b...)
	}
}

// strNonEmpty leaves the field out where there is nothing to say.
func (j *jsonLine) strNonEmpty(k, v string) {
	if v != "" {
		j.str(k, v)
	}
}

func (j *jsonLine) uint(k string, v uint64) {
	j.key(k)
	j.b = strconv.AppendUint(j.b, v, 10)
}

func (j *jsonLine) int(k string, v int64) {
	j.key(k)
	j.b = strconv.AppendInt(j.b, v, 10)
}

func (j *jsonLine) bool(k string, v bool) {
	j.key(k)
	j.b = strconv.AppendBool(j.b, v)
}

func (j *jsonLine) strs(k string, vs []string) {
	j.open(k, '[')
	for i, v := range vs {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		j.b = appendString(j.b, v)
	}
	j.close(']')
}

func (j *jsonLine) open(k string, bracket byte) {
	j.key(k)
	j.b = append(j.b, bracket)
}

func (j *jsonLine) close(bracket byte) { j.b = append(j.b, bracket) }

// element begins an object in an array.
func (j *jsonLine) element() {
	if j.b[len(j.b)-1] != '[' {
		j.b = append(j.b, ',')
	}
	j.b = append(j.b, '{')
}

// appendString writes a JSON string. What is no UTF-8 becomes U+FFFD, as JSON
// has no way to hold it.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < 0x7f {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				if r >= 0xa0 && r != 0x2028 && r != 0x2029 { // C1 controls and line separators are escaped
					i += n
					continue
				}
				b = append(append(b, s[from:i]...), hexEscape(r)...)
				i += n
				from = i
				continue
			}
			b = append(append(b, s[from:i]...), "\uFFFD"...)
		} else {
			b = append(b, s[from:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, hexEscape(rune(c))...)
			}
		}
		i += n
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

func hexEscape(r rune) string {
	const digits = "0123456789abcdef"
	return string([]byte{'\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15]})
}
