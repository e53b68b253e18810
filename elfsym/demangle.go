package elfsym

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// Bounds of demangling. A mangled name repeats itself by reference, so a short
// one can stand for gigabytes; the demangler stops at the length given. The
// longest names of large C++ programs have some 10,000 characters.
const (
	maxMangled   = 32 << 10
	maxDemangled = 16 // as a power of two
)

// Demangle is the name as its source has it, for C++ (Itanium ABI) and Rust
// (legacy and v0), and name itself where it is not mangled or too long. A
// suffix that a compiler put behind the mangled name is kept, since it makes
// another function: "A::f() [clone .cold]".
func Demangle(name string) string {
	if !isMangled(name) {
		return name
	}
	core, suffix := splitClone(name)
	full, err := demangleCore(core)
	if err != nil {
		return name
	}
	return full + cloneText(suffix)
}

// isMangled reports whether a name begins as mangled ones do.
func isMangled(name string) bool {
	if len(name) < 3 || len(name) > maxMangled || name[0] != '_' {
		return false
	}
	return name[1] == 'Z' || name[1] == 'R' ||
		strings.HasPrefix(name, "_GLOBAL_") || strings.HasPrefix(name, "___Z")
}

// demangleCore calls the library. It uses panics for its own errors and lets
// others through, so a fence: a hostile name must not end a tracer.
func demangleCore(core string, options ...demangle.Option) (s string, err error) {
	defer func() {
		if recover() != nil {
			err = demangle.ErrNotMangledName
		}
	}()
	return demangle.ToString(core, append(options, demangle.MaxLength(maxDemangled))...)
}

// splitClone cuts off what a compiler appended to a mangled name: ".cold",
// ".isra.0", ".llvm.1234". No mangling has a dot of its own but Rust's legacy
// one, whose last component (the hash) ends with "E".
func splitClone(name string) (core, suffix string) {
	from := 0
	if strings.HasPrefix(name, "_ZN") {
		if i := strings.LastIndex(name, "17h"); i >= 0 && len(name) >= i+20 && name[i+19] == 'E' {
			from = i
		}
	}
	if i := strings.IndexByte(name[from:], '.'); i > 0 {
		return name[:from+i], name[from+i:]
	}
	return name, ""
}

// cloneText writes a suffix as c++filt does: " [clone .isra.0] [clone .cold]".
func cloneText(suffix string) string {
	if suffix == "" {
		return ""
	}
	var b strings.Builder
	for suffix != "" {
		// One clone is ".word" and the numbers behind it.
		end := 1
		for end < len(suffix) && (suffix[end] != '.' || end+1 < len(suffix) && isDigit(suffix[end+1])) {
			end++
		}
		b.WriteString(" [clone " + suffix[:end] + "]")
		suffix = suffix[end:]
	}
	return b.String()
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// DemangledForms are the ways in which a person may write a mangled name: with
// its parameters, without them, and without template arguments too. A clone
// suffix is kept in each, but for ".llvm.N", which renames a static function
// and makes no other one. All are "" if the name is not mangled.
func DemangledForms(name string) (full, bare, plain string) {
	if !isMangled(name) {
		return "", "", ""
	}
	core, suffix := splitClone(name)
	full, err := demangleCore(core)
	if err != nil || full == core {
		return "", "", ""
	}
	if strings.HasPrefix(suffix, ".llvm.") {
		suffix = ""
	}
	bare, plain = full, full
	if strings.ContainsAny(full, "(<") || strings.Contains(full, " ") {
		if s, err := demangleCore(core, demangle.NoParams); err == nil {
			bare, plain = s, s
		}
		if strings.Contains(bare, "<") {
			if s, err := demangleCore(core, demangle.NoParams, demangle.NoTemplateParams, demangle.NoEnclosingParams); err == nil {
				plain = s
			}
		}
	}
	return full + cloneText(suffix), bare + suffix, plain + suffix
}

// A NameQuery finds symbols by the name that their source has:
// "ns::Class::method", with or without parameters and template arguments. It
// rejects nearly all symbols by looking for one identifier of the name in the
// mangled one, before any is demangled.
type NameQuery struct {
	want   string // without blanks that mean nothing
	needle string // in every mangled name that can match; "" if unknown
}

// NewNameQuery prepares a look-up of name.
func NewNameQuery(name string) *NameQuery {
	return &NameQuery{normalize(name), MangledNeedle(name)}
}

// Match reports whether symbol, a name as a symbol table has it without its
// version, is mangled and demangles to the name asked for.
func (q *NameQuery) Match(symbol string) bool {
	if !isMangled(symbol) || !strings.Contains(symbol, q.needle) {
		return false
	}
	full, bare, plain := DemangledForms(symbol)
	if full == "" {
		return false
	}
	return q.want == normalize(bare) || q.want == normalize(full) || q.want == normalize(plain)
}

// normalize takes the blanks out that separate nothing: those not between two
// words.
func normalize(name string) string {
	if strings.IndexByte(name, ' ') < 0 {
		return name
	}
	b := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		if name[i] == ' ' && (len(b) == 0 || !isWord(b[len(b)-1]) || i+1 == len(name) || !isWord(name[i+1])) {
			continue
		}
		b = append(b, name[i])
	}
	return string(b)
}

func isWord(c byte) bool {
	return c == '_' || isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
}
