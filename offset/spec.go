package offset

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/glob"
)

// A Spec says which places are meant. Make one with Func, USDT, At, FileOffset
// or, from what a person typed, ParseSpec.
type Spec struct {
	text string

	// The ways to read it, each zero if it cannot be read so. What a person
	// typed can often be read in several; all are tried.
	fn      funcSpec   // a function's name as it is
	plus    funcSpec   // a function's name, and a distance behind "+"
	static  staticSpec // "file.c:func"
	usdt    string     // "provider:name"
	pattern string     // with wildcards
	addr    *elfsym.Addr
	off     *elfsym.Offset

	in      string // a pattern for the object of a process that is meant
	buildID string // for off: what the file must have
	line    int    // "file.c:42", whose file static has; 0: it is no line
}

type funcSpec struct {
	name   string // raw or demangled, perhaps with a version
	addend uint64
}

type staticSpec struct {
	file string
	funcSpec
}

// Func is a function by its name: as the file spells it ("_ZN1A1fEv"), with a
// version ("read@GLIBC_2.2.5", "read@@GLIBC_2.2.5"), or as its source has it
// ("A::f", "A::f(int)").
func Func(name string) Spec { return Spec{text: name, fn: funcSpec{name: name}} }

// FuncOffset is a place within a function, addend bytes behind its address.
func FuncOffset(name string, addend uint64) Spec {
	return Spec{text: fmt.Sprintf("%s+0x%x", name, addend), plus: funcSpec{name, addend}}
}

// USDT is all sites of a USDT probe.
func USDT(provider, name string) Spec {
	text := provider + ":" + name
	return Spec{text: text, usdt: text}
}

// At is a link-time address.
func At(a elfsym.Addr) Spec { return Spec{text: fmt.Sprintf("0x%x", uint64(a)), addr: &a} }

// FileOffset is a place in the file, of the build with the given build-id, in
// hexadecimal digits; in another build the same offset is another instruction,
// and is refused. An empty build-id takes any.
func FileOffset(o elfsym.Offset, buildID string) Spec {
	return Spec{text: fmt.Sprintf("+0x%x", uint64(o)), off: &o, buildID: strings.ToLower(buildID)}
}

// Line is every place where a statement of a source line begins, in inlined
// copies too. A file is meant by the last parts of its path: "malloc.c",
// "malloc/malloc.c". It takes debug information.
func Line(file string, n int) Spec {
	return Spec{text: fmt.Sprintf("%s:%d", file, n), static: staticSpec{file: file}, line: n}
}

// In is the spec for only those files of a process whose path, or its last part,
// is object or matches it as a pattern: "libssl.so*". Any process has many
// functions of some names ("main", "_init").
func (s Spec) In(object string) Spec {
	s.in = object
	return s
}

// String is the spec as it was typed, or as ParseSpec would read it.
func (s Spec) String() string { return s.text }

// ParseSpec reads what a person types:
//
//	func  func@VER  func@@VER  func+0x10  file.c:func  ns::Class::method(int)
//	pkg.(*Type).Method  provider:probe  file.c:42  0xADDR  +0xOFFSET  or a pattern
//
// Most texts can be read in more than one way; Resolve tries them all, first as
// a name that the file has, whatever characters it is made of. It is an error if
// there is no way.
func ParseSpec(text string) (Spec, error) {
	if text == "" {
		return Spec{}, errors.New("an empty name")
	}
	s := Func(text)
	colon := strings.Contains(text, ":") // no number has one
	if rest, ok := strings.CutPrefix(text, "+"); ok && !colon && rest != "" && '0' <= rest[0] && rest[0] <= '9' {
		n, err := parseNumber(rest)
		if err != nil {
			return s, fmt.Errorf("%q: %q is no file offset: %w", text, rest, err)
		}
		off := elfsym.Offset(n)
		s.off = &off
		return s, nil
	}
	if !colon && (strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X")) {
		n, err := parseNumber(text)
		if err != nil {
			return s, fmt.Errorf("%q is no address: %w", text, err)
		}
		a := elfsym.Addr(n)
		s.addr = &a
		return s, nil
	}
	s.plus = parsePlus(text)
	if colon {
		s.usdt = text
	}
	if i := fileColon(text); i > 0 && i+1 < len(text) {
		s.static = staticSpec{text[:i], parsePlus(text[i+1:])}
		if s.static.name == "" {
			s.static.name = text[i+1:]
		}
		if n, err := strconv.ParseUint(text[i+1:], 10, 31); err == nil {
			s.line = int(n)
		}
	}
	if glob.Has(text) {
		s.pattern = text
	}
	return s, nil
}

// fileColon is where the ":" of "file.c:func" is, -1 if there is none: the last
// one, for the file may be a path, but those of "ns::f".
func fileColon(text string) int {
	for i := len(text) - 1; i >= 0; i-- {
		switch {
		case text[i] != ':':
		case i > 0 && text[i-1] == ':':
			i--
		default:
			return i
		}
	}
	return -1
}

// parsePlus reads "name+number"; the zero funcSpec if it is not that.
func parsePlus(text string) funcSpec {
	i := strings.LastIndexByte(text, '+')
	if i <= 0 {
		return funcSpec{}
	}
	n, err := parseNumber(text[i+1:])
	if err != nil {
		return funcSpec{}
	}
	return funcSpec{text[:i], n}
}

// parseNumber reads a decimal or, with "0x", a hexadecimal number.
func parseNumber(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		n, err = strconv.ParseUint(hex, 16, 64)
	}
	if err != nil {
		return 0, err.(*strconv.NumError).Err
	}
	return n, nil
}
