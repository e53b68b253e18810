package dwarfinfo

import (
	"debug/dwarf"
	"slices"
	"strings"

	"github.com/probels/probels/internal/die"
)

// anonymous is how a namespace or type without a name is spelled, as by c++filt
// and GDB.
const anonymous = "(anonymous namespace)"

// QualifiedName is the name with the namespaces, classes or modules around it:
// "ns::list::size". Names of C and Go are whole as they are.
func (f *Func) QualifiedName() (string, error) {
	lang := f.Unit().Language()
	if f.Name == "" || lang.IsC() || lang.IsGo() {
		return f.Name, nil
	}
	e, err := f.die()
	if err != nil {
		return "", err
	}
	// The scope is that of the declaration, the last of the origins: the concrete
	// entry stands where the compiler found it convenient.
	err2 := e.Origins(func(o die.Entry) bool { e = o; return true })
	scopes, err := scopesOf(e)
	if err == nil {
		err = err2
	}
	scopes = append(scopes, f.Name)
	return strings.Join(scopes, "::"), err
}

// maxScopes is how many scopes a name may have.
const maxScopes = 256

// scopesOf are the names around an entry, the outermost first.
func scopesOf(e die.Entry) ([]string, error) {
	var out []string
	n := 0
	for e, err := range e.Parents() {
		if n++; err != nil || n > maxScopes {
			slices.Reverse(out)
			return out, err
		}
		switch e.Tag {
		case dwarf.TagNamespace, dwarf.TagModule, dwarf.TagClassType, dwarf.TagStructType, dwarf.TagUnionType,
			dwarf.TagInterfaceType, dwarf.TagEnumerationType, dwarf.TagSubprogram:
		default:
			continue
		}
		name := ""
		err := e.Origins(func(o die.Entry) bool {
			var err error
			name, err = o.Str(dwarf.AttrName)
			return err == nil && name == ""
		})
		if err != nil {
			return out, err
		}
		switch {
		case name != "":
			out = append(out, name)
		case e.Tag == dwarf.TagNamespace:
			out = append(out, anonymous)
		}
	}
	slices.Reverse(out)
	return out, nil
}

// lastNames are what DW_AT_name may have of a qualified name: all that follows
// a "::", since that can be within a template's arguments too.
func lastNames(name string) []string {
	var out []string
	for rest := name; ; {
		_, after, ok := strings.Cut(rest, "::")
		if !ok {
			return out
		}
		out = append(out, after)
		rest = after
	}
}
