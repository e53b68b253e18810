package operand

// A splitter cuts an argument string into arguments.
//
// Blanks separate arguments, but they also stand inside them: "[sp, 12]",
// "($4 + $3)", and clang's loongarch writes "$r3, 8". So a blank is no
// separator inside brackets or quotes, beside a comma, or beside an operator
// that stands alone. What always begins a new argument is "N@" after a blank,
// even inside a bracket that was never closed: no operand holds that, and so
// a damaged argument does not swallow its neighbours.
//
// SystemTap, wherever the string has an "@" at all, cuts only at the last
// blank before the next "@". That takes "$4 + $3" whole too, but makes one
// argument of "8@%rax %rbx", and a wrong cut at "8@foo@GOTPCREL(%rip)".
type splitter struct {
	s       string
	pos     int
	noQuote bool // the rest has no closing quote
}

// next returns the bounds of the next argument. They are not empty.
func (sp *splitter) next() (start, end int, ok bool) {
	s := sp.s
	i := sp.pos
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	if i == len(s) {
		sp.pos = i
		return 0, 0, false
	}
	start = i
	depth := 0
	for {
		for i < len(s) && charClass[s[i]]&(clBlank|clBracket) == 0 {
			i++
		}
		if i == len(s) {
			sp.pos = i
			return start, i, true
		}
		switch s[i] {
		case '(', '[':
			depth++
		case ')', ']':
			if depth > 0 {
				depth--
			}
		case '"':
			i = sp.quoted(i)
		default:
			j := i
			for j < len(s) && isBlank(s[j]) {
				j++
			}
			if j == len(s) || startsArg(s[j:]) || (depth == 0 && !joined(s, start, i, j)) {
				sp.pos = j
				return start, i, true
			}
			i = j
			continue
		}
		i++
	}
}

// quoted returns where the quote that opens at i closes, or i if it does not.
func (sp *splitter) quoted(i int) int {
	if sp.noQuote {
		return i
	}
	for j := i + 1; j < len(sp.s); j++ {
		switch sp.s[j] {
		case '\\':
			j++
		case '"':
			return j
		}
	}
	sp.noQuote = true
	return i
}

// joined tells whether the blanks between i and j belong to the argument that
// began at start.
func joined(s string, start, i, j int) bool {
	last := s[i-1]
	if last == ',' || s[j] == ',' {
		return true
	}
	if isOp(last) && (last != '%' || (i-2 >= start && isBlank(s[i-2]))) {
		return true
	}
	if !isOp(s[j]) {
		return false
	}
	for j < len(s) && isOp(s[j]) {
		j++
	}
	return j < len(s) && isBlank(s[j])
}

func startsArg(s string) bool {
	n, _, _, _ := sizePrefix(s)
	return n > 0
}

// sizePrefix reads "N@", "-N@", "Nf@" or "-Nf@": n is its length, 0 if s does
// not begin so. A size beyond maxSize is returned as such, and sizeLost where
// the assembler wrote a NUL instead (see ParseArgs). Looking at no more than
// nine digits keeps splitting linear.
func sizePrefix(s string) (n, size int, signed, float bool) {
	i := 0
	if i < len(s) && s[i] == '-' {
		signed = true
		i++
	}
	digits := i
	for i < len(s) && i < digits+9 && s[i]-'0' <= 9 {
		size = size*10 + int(s[i]-'0')
		i++
	}
	if i == digits {
		if i+1 < len(s) && s[i] == 0 && s[i+1] == '@' {
			return i + 2, sizeLost, signed, false
		}
		return 0, 0, false, false
	}
	if i < len(s) && s[i] == 'f' {
		float = true
		i++
	}
	if i == len(s) || s[i] != '@' {
		return 0, 0, false, false
	}
	return i + 1, size, signed, float
}

func onlyBlanks(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isBlank(s[i]) {
			return false
		}
	}
	return true
}
