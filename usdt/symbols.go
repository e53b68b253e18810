package usdt

import (
	"debug/elf"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt/operand"
)

// Symbols are the link-time addresses of the symbols that operands name: add names
// with Names, then call Resolve once for all of them.
type Symbols map[string]elfsym.Addr

// Names adds the symbols that a site's arguments name.
func (s Symbols) Names(args []operand.Arg) {
	for i := range args {
		if args[i].Symbol != "" {
			s[args[i].Symbol] = 0
		}
	}
}

// Resolve looks all names up in one pass over the symbol tables, and removes
// those that have no one address: the file does not define them (stripped
// statics, and labels that only the assembler knew, like ".LANCHOR0"), several
// statics share the name, or what stands in the argument is not the symbol but
// something made of it ("@GOTPCREL"). The error is the first of what could not be
// read; what was found in spite of it stands.
func (s Symbols) Resolve(f *elfsym.File) error {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, bareSymbol(name))
	}
	found := make(map[string]elfsym.Addr, len(names))
	several := map[string]bool{}
	var first error
	for sym, err := range f.Lookup(elfsym.Symtab|elfsym.Dynsym, names...) {
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if !sym.Defined() || sym.Type == elf.STT_TLS || sym.Section == elfsym.SectionCommon {
			continue
		}
		if a, ok := found[sym.Name]; ok && a != sym.Addr {
			several[sym.Name] = true
		}
		found[sym.Name] = sym.Addr
	}
	for name := range s {
		bare := bareSymbol(name)
		if a, ok := found[bare]; ok && !several[bare] {
			s[name] = a
		} else {
			delete(s, name)
		}
	}
	return first
}

// bareSymbol takes the assembler's operator off where the address is still the
// symbol's own: "sym@GOTOFF(%ebx)" is sym, since %ebx holds the address that
// the distance is from. Of others nothing is known.
func bareSymbol(name string) string {
	if bare, ok := strings.CutSuffix(name, "@GOTOFF"); ok {
		return bare
	}
	return name
}
