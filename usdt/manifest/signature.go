package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/probels/probels/usdt/operand"
)

// A Type is what the source decides of an argument.
type Type struct {
	Size   int // in bytes; 0 where it is not known, which equals nothing
	Signed bool
	Float  bool
	Any    bool // "_": stands for every type

	// Name is the type as the source has it ("const char *"), "" where it is not
	// known or not asked for.
	Name string
}

// TypeOf is the type of an argument, without a name.
func TypeOf(a *operand.Arg) Type {
	return Type{Size: a.Size, Signed: a.Signed && !a.Float && a.Size <= 8, Float: a.Float}
}

// String is "u64", "i32", "f64", "24B", "_", or "?", with the name behind it.
func (t Type) String() string {
	var s string
	switch bits := strconv.Itoa(8 * t.Size); {
	case t.Any:
		s = "_"
	case t.Size == 0:
		s = "?"
	case t.Float:
		s = "f" + bits
	case t.Size > 8:
		s = strconv.Itoa(t.Size) + "B"
	case t.Signed:
		s = "i" + bits
	default:
		s = "u" + bits
	}
	if t.Name != "" {
		s += " " + t.Name
	}
	return s
}

// ParseType reads what String writes.
func ParseType(s string) (Type, error) {
	s = strings.TrimSpace(s)
	word, name, _ := strings.Cut(s, " ")
	t := Type{Name: strings.TrimSpace(name)}
	bad := fmt.Errorf("no type %q: u, i or f and a number of bits (u64), bytes of a structure (24B), or _", s)
	if strings.HasPrefix(t.Name, "#") || strings.Contains(t.Name, " #") || strings.Contains(t.Name, "\t#") {
		return t, fmt.Errorf("no type %q: a comment would begin there", s)
	}
	switch {
	case word == "_":
		t.Any = true
		return t, nil
	case word == "?":
		return t, nil
	case strings.HasSuffix(word, "B"):
		n, err := strconv.ParseUint(word[:len(word)-1], 10, 16)
		if err != nil || n == 0 {
			return t, bad
		}
		// A structure that fits a register is a number to who reads it.
		t.Size = int(n)
		return t, nil
	case word == "" || !strings.Contains("uif", word[:1]):
		return t, bad
	}
	bits, err := strconv.ParseUint(word[1:], 10, 16)
	if err != nil || bits == 0 || bits%8 != 0 {
		return t, bad
	}
	t.Size, t.Signed, t.Float = int(bits/8), word[0] == 'i', word[0] == 'f'
	if t.Size > 8 {
		t.Signed = false
	}
	return t, nil
}

// accepts reports whether an argument of type have will do for one of type t.
func (t Type) accepts(have Type, names bool) bool {
	if names && t.Name != "" && t.Name != have.Name {
		return false
	}
	return t.Any || t.Size != 0 && t.Size == have.Size && t.Signed == have.Signed && t.Float == have.Float
}

// A Signature is the types of a probe's arguments, in order.
type Signature []Type

// SignatureOf is the signature of a site with these arguments.
func SignatureOf(args []operand.Arg) Signature {
	s := make(Signature, len(args))
	for i := range args {
		s[i] = TypeOf(&args[i])
	}
	return s
}

// String is "(u64, i32)".
func (s Signature) String() string {
	parts := make([]string, len(s))
	for i, t := range s {
		parts[i] = t.String()
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// ParseSignature reads what String writes, and "(2)" for two arguments of any
// type.
func ParseSignature(text string) (Signature, error) {
	inner, ok := strings.CutPrefix(strings.TrimSpace(text), "(")
	if ok {
		inner, ok = strings.CutSuffix(inner, ")")
	}
	if !ok {
		return nil, fmt.Errorf("no list of arguments %q: (u64, i32)", text)
	}
	if strings.TrimSpace(inner) == "" {
		return Signature{}, nil
	}
	if n, err := strconv.Atoi(strings.TrimSpace(inner)); err == nil {
		if n < 0 || n > maxArgs {
			return nil, fmt.Errorf("no probe has %d arguments", n)
		}
		return slices.Repeat(Signature{{Any: true}}, n), nil
	}
	var out Signature
	for _, part := range splitTypes(inner) {
		t, err := ParseType(part)
		if err != nil {
			return nil, err
		}
		if out = append(out, t); len(out) > maxArgs {
			return nil, fmt.Errorf("no probe has more than %d arguments", maxArgs)
		}
	}
	return out, nil
}

// maxArgs bounds what a manifest may ask for; <sys/sdt.h> has macros for 12.
const maxArgs = 1000

// splitTypes splits at commas that are within no brackets: types of C and C++
// have commas of their own.
func splitTypes(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(', '<', '[', '{':
			depth++
		case ')', '>', ']', '}':
			depth = max(depth-1, 0)
		case ',':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	return append(out, s[from:])
}

func (s Signature) accepts(have Signature, names bool) bool {
	return slices.EqualFunc(s, have, func(want, have Type) bool { return want.accepts(have, names) })
}

// known is have with the names of s where it has none.
func (s Signature) known(have Signature) Signature {
	out := slices.Clone(have)
	for i := range min(len(s), len(have)) {
		out[i].Name = cmp.Or(have[i].Name, s[i].Name)
	}
	return out
}

// compareSignatures is an order, so that lists are the same each time.
func compareSignatures(a, b Signature) int {
	return slices.CompareFunc(a, b, func(a, b Type) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), strings.Compare(a.String(), b.String()))
	})
}

// list is how several signatures of one probe are told.
func list(all []Signature) string {
	parts := make([]string, len(all))
	for i, s := range all {
		parts[i] = s.String()
	}
	return strings.Join(parts, " or ")
}
