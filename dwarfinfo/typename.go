package dwarfinfo

import (
	"debug/dwarf"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/probels/probels/internal/die"
)

// String is the type as people of its language write it, and GDB's whatis:
// "const char *", "int (*)(void *, size_t)", "struct foo [4]"; "std::string &";
// "[]uint8", "*net/http.Server"; "&str". Names are qualified. What cannot be
// read is "?".
func (t *Type) String() string {
	s, _ := t.name.get(func() (string, error) { return t.Declare(""), nil })
	return s
}

// Declare is the declaration of something that has the type, in C and C++
// "int (*compare)(void *, void *)"; in Go "w io.Writer", in Rust "s: &str".
func (t *Type) Declare(name string) string {
	first, second := t.declare(name)
	if second == "" || first == "" {
		return first + second
	}
	return first + " " + second
}

// declare is a declaration's two parts: in C the type and what has the name.
func (t *Type) declare(name string) (string, string) {
	w := typeWriter{left: maxTypeText}
	switch {
	case t.lang.IsGo():
		return name, w.golang(t, 0)
	case t.lang.IsRust():
		if name != "" {
			name += ":"
		}
		return name, w.rust(t, 0)
	}
	return w.declare(t, name, 0)
}

const (
	// maxTypeText bounds the text of a type: function types within function
	// types double it at each step.
	maxTypeText = 1 << 16
	// maxNested is how deep function types are printed within one another.
	maxNested = 16
)

// typeWriter prints one type.
type typeWriter struct{ left int }

const cut = "…"

// spend takes n bytes of those that are left.
func (w *typeWriter) spend(n int) bool {
	w.left -= n
	return w.left >= 0
}

// qualifiers are the ones written before or behind a type.
type qualifiers struct{ isConst, isVolatile, isRestrict, isAtomic bool }

func (q *qualifiers) add(k Kind) {
	switch k {
	case Const:
		q.isConst = true
	case Volatile:
		q.isVolatile = true
	case Restrict:
		q.isRestrict = true
	case Atomic:
		q.isAtomic = true
	}
}

func (q qualifiers) words(cpp bool) []string {
	var out []string
	if q.isConst {
		out = append(out, "const")
	}
	if q.isVolatile {
		out = append(out, "volatile")
	}
	if q.isRestrict {
		if cpp {
			out = append(out, "__restrict__")
		} else {
			out = append(out, "restrict")
		}
	}
	if q.isAtomic {
		out = append(out, "_Atomic")
	}
	return out
}

// c prints a type as C does.
func (w *typeWriter) c(t *Type, name string, depth int) string {
	base, decl := w.declare(t, name, depth)
	if decl != "" {
		base += " " + decl
	}
	return base
}

// declare works from the name outwards, what binds closer first.
func (w *typeWriter) declare(t *Type, name string, depth int) (string, string) {
	cpp := t.lang.IsCPlusPlus()
	decl := name
	var q qualifiers
	var signs []byte      // those in front of decl, from behind: each is put before the last
	afterPointer := false // what decl begins with binds less close than () and []
	join := func() {
		if len(signs) > 0 {
			slices.Reverse(signs)
			decl = string(signs) + decl
			signs = signs[:0]
		}
	}
	for n := 0; ; n++ {
		if n == maxChain || !w.spend(1) {
			return cut, ""
		}
		switch t.Kind {
		case Const, Volatile, Restrict, Atomic:
			q.add(t.Kind)
			t = t.Elem()
			continue
		case Pointer, Reference, RvalueReference, MemberPointer:
			sign := w.sign(t, depth)
			if words := q.words(cpp); len(words) > 0 {
				sign += " " + strings.Join(words, " ")
				if decl != "" || len(signs) > 0 {
					sign += " "
				}
			}
			q = qualifiers{}
			for i := len(sign) - 1; i >= 0; i-- {
				signs = append(signs, sign[i])
			}
			if !w.spend(len(sign)) {
				return cut, ""
			}
			afterPointer = true
			t = t.Elem()
			continue
		case Array:
			if join(); !w.spend(len(decl)) {
				return cut, ""
			}
			if afterPointer {
				decl = "(" + decl + ")"
			}
			afterPointer = false
			var b strings.Builder
			b.WriteString(decl)
			for _, n := range t.Counts {
				b.WriteByte('[')
				if n >= 0 {
					b.WriteString(strconv.FormatInt(n, 10))
				}
				b.WriteByte(']')
			}
			decl = b.String()
			t = t.Elem()
			continue
		case Function:
			if join(); !w.spend(len(decl)) {
				return cut, ""
			}
			if afterPointer {
				decl = "(" + decl + ")"
			}
			afterPointer = false
			if words := q.words(cpp); len(words) > 0 {
				decl += w.params(t, depth) + " " + strings.Join(words, " ")
			} else {
				decl += w.params(t, depth)
			}
			q = qualifiers{}
			t = t.Elem()
			continue
		}
		join()
		base := w.named(t)
		if words := q.words(cpp); len(words) > 0 {
			base = strings.Join(words, " ") + " " + base
		}
		return base, decl
	}
}

// sign is what a pointer adds to a declaration.
func (w *typeWriter) sign(t *Type, depth int) string {
	switch t.Kind {
	case Reference:
		return "&"
	case RvalueReference:
		return "&&"
	case MemberPointer:
		if depth > maxNested {
			return cut
		}
		return w.c(t.Containing(), "", depth+1) + "::*"
	}
	return "*"
}

// params are a function type's parameters in brackets.
func (w *typeWriter) params(t *Type, depth int) string {
	ps, err := t.Params()
	if depth > maxNested {
		return "(" + cut + ")"
	}
	var out []string
	for _, p := range ps {
		if !w.spend(1) {
			out = append(out, cut)
			break
		}
		out = append(out, w.c(p, "", depth+1))
	}
	switch {
	case err != nil:
		out = append(out, "?")
	case t.Variadic && (len(out) > 0 || t.lang.IsCPlusPlus()):
		out = append(out, "...")
	case len(out) == 0 && (t.Prototyped || t.lang.IsCPlusPlus()):
		out = append(out, "void")
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// usualNames are what people and GDB call C's types that gcc calls otherwise,
// also in the names of C++ templates.
var usualNames = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("long long unsigned int", "unsigned long long", "long unsigned int", "unsigned long", "short unsigned int", "unsigned short",
		"long long int", "long long", "long int", "long", "short int", "short")
})

// named is the name of a type that has one, or what stands for it.
func (w *typeWriter) named(t *Type) string {
	name := t.QualifiedName()
	if strings.Contains(name, " ") && !t.lang.IsRust() {
		name = usualNames().Replace(name)
	}
	w.spend(len(name))
	word := ""
	switch t.Kind {
	case Unknown:
		return "?"
	case Void:
		return "void"
	case Struct:
		word = "struct"
	case Class:
		word = "class"
	case Union:
		word = "union"
	case Enum:
		word = "enum"
	default:
		if name == "" && t.Kind == Unspecified {
			return "void" // as assemblers say that they don't know
		}
		if name == "" {
			return "?"
		}
		return name
	}
	switch {
	case name == "":
		return word + " {...}"
	case t.lang.IsCPlusPlus(), t.lang.IsRust():
		return name
	}
	return word + " " + name
}

// golang prints a type of Go. The compiler names nearly all as Go's people do;
// in cgo's and the assembler's units there are others.
func (w *typeWriter) golang(t *Type, depth int) string {
	var b strings.Builder
	for range maxChain {
		if !w.spend(1 + len(t.Name)) {
			b.WriteString(cut)
			return b.String()
		}
		if t.Name != "" {
			b.WriteString(t.Name)
			return b.String()
		}
		switch t.Kind {
		case Pointer:
			if e := t.Elem(); e.Kind == Void {
				return b.String() + "unsafe.Pointer"
			}
			b.WriteByte('*')
		case Array:
			for _, n := range t.Counts {
				b.WriteString("[" + strconv.FormatInt(n, 10) + "]")
			}
		case Const, Volatile, Restrict, Atomic, Typedef:
		case Void:
			return b.String() + "void"
		case Function:
			b.WriteString("func(")
			if ps, _ := t.Params(); depth <= maxNested {
				for i, p := range ps {
					if w.left < 0 {
						break
					}
					if i > 0 {
						b.WriteString(", ")
					}
					b.WriteString(w.golang(p, depth+1))
				}
			}
			b.WriteByte(')')
			return b.String()
		case Struct:
			return b.String() + "struct {...}"
		default:
			return b.String() + "?"
		}
		t = t.Elem()
	}
	return cut
}

// rust prints a type of Rust: pointers have names, arrays have none.
func (w *typeWriter) rust(t *Type, depth int) string {
	if depth > maxNested || !w.spend(1+len(t.Name)) {
		return cut
	}
	switch t.Kind {
	case Array:
		s := w.rust(t.Elem(), depth+1)
		for i := len(t.Counts) - 1; i >= 0; i-- {
			n := "_"
			if t.Counts[i] >= 0 {
				n = strconv.FormatInt(t.Counts[i], 10)
			}
			s = "[" + s + "; " + n + "]"
		}
		w.spend(len(s))
		return s
	case Void:
		return "()"
	case Const, Volatile, Restrict, Atomic:
		return w.rust(t.Elem(), depth+1)
	case Pointer:
		if t.Name != "" {
			return t.Name
		}
		return "*mut " + w.rust(t.Elem(), depth+1)
	case Function:
		ps, _ := t.Params()
		var out []string
		for _, p := range ps {
			if w.left < 0 {
				break
			}
			out = append(out, w.rust(p, depth+1))
		}
		s := "fn(" + strings.Join(out, ", ") + ")"
		if r := t.Elem(); r.Kind != Void {
			s += " -> " + w.rust(r, depth+1)
		}
		w.spend(len(s))
		return s
	}
	return w.named(t)
}

// QualifiedName is the name with the namespaces and classes around it, without
// "struct": "std::vector<int, std::allocator<int> >". "" if the type has none.
// A type within a function is called by what is around it there, as by GDB.
func (t *Type) QualifiedName() string {
	if t.Name == "" || t.loc.Unit == nil || t.lang.IsC() || t.lang.IsGo() {
		return t.Name
	}
	switch t.Kind {
	case Struct, Class, Union, Enum, Typedef, Unspecified:
	default:
		return t.Name
	}
	e, err := t.decl.Entry()
	if err != nil {
		return t.Name
	}
	return strings.Join(append(typeScopes(e), t.Name), "::")
}

// typeScopes are the names around a type, the outermost first.
func typeScopes(e die.Entry) []string {
	var out []string
	for n := 0; n < maxScopes; n++ {
		name, outer := scopeOf(e)
		if name == "" {
			break
		}
		out = append(out, name)
		e = outer
	}
	slices.Reverse(out)
	return out
}

// scopeOf is the nearest scope that a type's name is in, and the entry that says
// what that is in; "" if none is, or one that has no names of its own in it: a
// function, or a structure without a name.
func scopeOf(e die.Entry) (name string, outer die.Entry) {
	for p, err := range e.Parents() {
		if err != nil {
			break
		}
		switch p.Tag {
		case dwarf.TagNamespace, dwarf.TagModule, dwarf.TagClassType, dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagInterfaceType:
			_ = p.Origins(func(o die.Entry) bool {
				if outer = o; name == "" {
					name = o.Name()
				}
				return true
			})
			if name == "" && outer.Tag == dwarf.TagNamespace {
				name = anonymous
			}
			return name, outer
		case dwarf.TagSubprogram, dwarf.TagLexDwarfBlock, dwarf.TagInlinedSubroutine:
			return "", outer
		}
	}
	return "", outer
}
