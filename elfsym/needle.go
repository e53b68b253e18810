package elfsym

import (
	"strconv"
	"strings"
)

// MangledNeedle is a text that every mangled name of something called name has
// within it, or "" if there is none that is sure. name may be a pattern with
// "*", "?" and "[…]".
//
// Both Itanium and Rust manglings spell an identifier as its length and its
// letters, wherever it comes first; what they abbreviate by letters of their
// own are types, operators and a few names of the standard library. Only
// identifiers of the path itself are looked at, not those among parameters and
// template arguments.
func MangledNeedle(name string) string {
	best := ""
	for _, id := range pathIdentifiers(name) {
		if n := id.needle(); len(n) > len(best) {
			best = n
		}
	}
	return best
}

// An identifier is a word of a name, or what a pattern tells of one.
type identifier struct {
	text  string
	whole bool // a mangled name has its length before it
}

// needle is what the mangled name has for certain.
func (id identifier) needle() string {
	if len(id.text) < 2 || unspelled(id) {
		return ""
	}
	for i := range len(id.text) {
		if id.text[i] >= 0x80 {
			return "" // Rust v0 writes these in Punycode
		}
	}
	// Rust v0 puts "_" between the length and a name that begins with a digit
	// or "_".
	if !id.whole || id.text[0] == '_' {
		return id.text
	}
	return strconv.Itoa(len(id.text)) + id.text
}

// notSpelled are words that a demangler writes and no mangled name has: names
// that Itanium abbreviates (St, Sa, Sb, Ss, Si, So, Sd), builtin types,
// operators, and the demangler's own.
const notSpelled = " std allocator basic_string string istream ostream iostream basic_istream basic_ostream basic_iostream" +
	" char_traits operator new delete co_await void wchar_t bool char signed unsigned short int long float double" +
	" __int128 __float128 char8_t char16_t char32_t decimal32 decimal64 decimal128 half auto decltype nullptr_t" +
	" const volatile restrict anonymous namespace lambda unnamed type clone abi virtual thunk non to for guard variable" +
	" vtable typeinfo construction initialization reference temporary transaction invocation function block in" +
	" covariant return thread local wrapper routine global constructors destructors keyed template parameter object" +
	" sizeof alignof noexcept throw typeid closure shim usize isize str i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 dyn mut impl as "

// unspelled reports whether an identifier, or the piece of one, may be one of
// those words.
func unspelled(id identifier) bool {
	if id.whole {
		return strings.Contains(notSpelled, " "+id.text+" ")
	}
	return strings.Contains(notSpelled, id.text)
}

// pathIdentifiers are the identifiers of a name that are not within brackets of
// any kind, nor before the last blank that is not (a return type, "vtable
// for"), nor behind "operator".
func pathIdentifiers(name string) []identifier {
	var out []identifier
	depth := 0
	for i := 0; i < len(name); {
		c := name[i]
		switch {
		case c == '(' || c == '<' || c == '{' || c == '[':
			depth++
		case c == ')' || c == '>' || c == '}' || c == ']':
			if depth--; depth < 0 { // a pattern that begins within brackets
				depth, out = 0, out[:0]
			}
		case c == ' ' && depth == 0:
			out = out[:0]
		case isWord(c):
			end := i
			for end < len(name) && isWord(name[end]) {
				end++
			}
			word := name[i:end]
			if depth == 0 && word == "operator" {
				return out
			}
			if depth == 0 && !isDigit(c) {
				whole := !(i > 0 && isFuzzy(name[i-1])) && !(end < len(name) && isFuzzy(name[end]))
				out = append(out, identifier{word, whole})
			}
			i = end
			continue
		}
		i++
	}
	return out
}

// isFuzzy reports whether an identifier may not be whole next to a character: a
// wildcard, or what Rust's legacy mangling has within one component
// ("drop_in_place<T>", "call_once{{vtable.shim}}"), or the dot of a clone's
// suffix.
func isFuzzy(c byte) bool { return strings.IndexByte("*?[]<>{}.", c) >= 0 }
