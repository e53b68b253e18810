// Library answers questions as the author of a tracer would by a library, for the comparison in
// ../: whole processes that print how much they found.
//
//	library dwarf-probels FILE     functions of DWARF that have code: names, linkage names, ranges, lines
//	library dwarf-std FILE         the same by debug/dwarf
//	library go-probels FILE        functions of a Go program by its own table
//	library go-std FILE            the same by debug/gosym
//	library symbol-std FILE NAME   the address of a symbol by debug/elf
package main

import (
	"debug/dwarf"
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "library:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("QUESTION FILE [NAME]")
	}
	questions := map[string]func(string) (int, int, error){
		"dwarf-probels": dwarfProbels, "dwarf-std": dwarfStandard, "go-probels": goProbels, "go-std": goStandard,
		"symbol-std": func(file string) (int, int, error) { return symbolStandard(file, args[len(args)-1]) },
	}
	q := questions[args[0]]
	if q == nil {
		return fmt.Errorf("no question %q", args[0])
	}
	n, names, err := q(args[1])
	if err != nil {
		return err
	}
	fmt.Printf("%d found, %d bytes of names\n", n, names)
	return nil
}

func dwarfProbels(file string) (n, names int, err error) {
	f, err := elfsym.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	d, err := dwarfinfo.New(dwarfinfo.FromELF(f))
	if err != nil {
		return 0, 0, err
	}
	for fn, err := range d.Funcs() {
		if err != nil {
			return 0, 0, err
		}
		n++
		names += len(fn.Name) + len(fn.LinkageName)
	}
	return n, names, nil
}

func dwarfStandard(file string) (n, names int, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		return 0, 0, err
	}
	origins := d.Reader()
	for r := d.Reader(); ; {
		e, err := r.Next()
		if err != nil || e == nil {
			return n, names, err
		}
		switch e.Tag {
		case dwarf.TagSubprogram:
			ranges, err := d.Ranges(e)
			if err != nil {
				return 0, 0, err
			}
			if len(ranges) > 0 && ranges[0][0] != 0 {
				n++
				b, err := namesOf(origins, e)
				if err != nil {
					return 0, 0, err
				}
				names += b
			}
			r.SkipChildren()
		case dwarf.TagCompileUnit, dwarf.TagNamespace, dwarf.TagClassType, dwarf.TagStructType, dwarf.TagModule:
		default:
			r.SkipChildren()
		}
	}
}

// namesOf follows a function to what declares it.
func namesOf(r *dwarf.Reader, e *dwarf.Entry) (n int, err error) {
	name, linkage := "", ""
	for range 3 {
		if s, ok := e.Val(dwarf.AttrName).(string); ok && name == "" {
			name = s
		}
		if s, ok := e.Val(dwarf.AttrLinkageName).(string); ok && linkage == "" {
			linkage = s
		}
		to, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			if to, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
				break
			}
		}
		r.Seek(to)
		if e, err = r.Next(); err != nil {
			return 0, err
		} else if e == nil {
			return 0, io.ErrUnexpectedEOF
		}
	}
	return len(name) + len(linkage), nil
}

func goProbels(file string) (n, names int, err error) {
	f, err := elfsym.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	t, err := f.GoFuncs()
	if err != nil {
		return 0, 0, err
	}
	if t == nil {
		return 0, 0, errors.New("no Go program")
	}
	for fn, err := range t.Funcs() {
		if err != nil {
			return 0, 0, err
		}
		n++
		names += len(fn.Name)
	}
	return n, names, nil
}

func goStandard(file string) (n, names int, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	table, text := f.Section(".gopclntab"), f.Section(".text")
	if table == nil || text == nil {
		return 0, 0, errors.New("no .gopclntab")
	}
	b, err := table.Data()
	if err != nil {
		return 0, 0, err
	}
	t, err := gosym.NewTable(nil, gosym.NewLineTable(b, text.Addr))
	if err != nil {
		return 0, 0, err
	}
	for i := range t.Funcs {
		names += len(t.Funcs[i].Name)
	}
	return len(t.Funcs), names, nil
}

func symbolStandard(file, name string) (n, names int, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for _, read := range []func() ([]elf.Symbol, error){f.Symbols, f.DynamicSymbols} {
		all, err := read()
		if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
			return 0, 0, err
		}
		for i := range all {
			if all[i].Name == name {
				return 1, len(name), nil
			}
		}
	}
	return 0, 0, fmt.Errorf("no symbol %s", name)
}
