package consumer

// A format is a text with holes, as sscanf's and regular expressions have them:
//
//	' '   blanks, also none           R  a register: letters and digits
//	D     a decimal number with sign   U  one without
//	H     a number as C has it: 10, 0x1f, 017, with a sign
//	I     a symbol's name
//	*     up to 15 bytes without a comma, which is how libbpf takes a register
//	)     (and every other byte) itself
//
// match returns the pieces that fill the holes and how much of s was used.
func match(format, s string) (holes []string, n int, ok bool) {
	for i := 0; i < len(format); i++ {
		from := n
		switch c := format[i]; c {
		case ' ':
			n = blanks(s, n)
			continue
		case 'R':
			n = span(s, n, isAlnum)
		case 'D', 'U':
			if c == 'D' && n < len(s) && (s[n] == '-' || s[n] == '+') {
				n++
			}
			digits := n
			if n = span(s, n, isDigit); n == digits {
				return nil, 0, false
			}
		case 'H':
			n = cNumber(s, n)
		case 'I':
			if n < len(s) && !isDigit(s[n]) {
				n = span(s, n, isSymbol)
			}
		case '*':
			n = span(s, n, func(b byte) bool { return b != ',' })
			n = min(n, from+15)
		default:
			if n == len(s) || s[n] != c {
				return nil, 0, false
			}
			n++
			continue
		}
		if n == from {
			return nil, 0, false
		}
		holes = append(holes, s[from:n])
	}
	return holes, n, true
}

// whole is match for all of s, with any of several formats.
func whole(s string, formats ...string) (holes []string, format string, ok bool) {
	for _, f := range formats {
		if h, n, ok := match(f, s); ok && n == len(s) {
			return h, f, true
		}
	}
	return nil, "", false
}

func blanks(s string, n int) int {
	return span(s, n, func(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' })
}

// span is where the bytes that in takes end, from n on.
func span(s string, n int, in func(byte) bool) int {
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

// cNumber is where the number at s[n] ends that strtol reads with base 0.
func cNumber(s string, n int) int {
	from := n
	if n < len(s) && (s[n] == '-' || s[n] == '+') {
		n++
	}
	if n+2 < len(s) && s[n] == '0' && s[n+1]|0x20 == 'x' && isHex(s[n+2]) {
		return span(s, n+2, isHex)
	}
	if end := span(s, n, isDigit); end > n {
		return end
	}
	return from
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
func isLower(b byte) bool { return 'a' <= b && b <= 'z' }
func isAlnum(b byte) bool { return isDigit(b) || isLower(b) }
func isHex(b byte) bool   { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }
func isSymbol(b byte) bool {
	return isDigit(b) || isLower(b|0x20) || b == '_' || b == '.' || b == '$'
}
