package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/pkghint"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// adviseReference says which reference could be had for a target: none is needed
// where its own names can be had, and else another build of its package will do.
func (a *app) adviseReference(arg string, o *options) error {
	t, err := a.openTarget(arg, o)
	if err != nil {
		return err
	}
	defer t.Close()
	ctx := context.Background()
	switch named, how := a.ownNames(ctx, t, o); {
	case named:
		fmt.Fprintf(a.out, "%s\n  has names of its own (%s), and needs no reference\n", t.Path(), how)
		return nil
	default:
		fmt.Fprintf(a.out, "%s\n  names      %s\n", t.Path(), how)
	}
	a.raise(statusMissing) // nothing was matched
	hint, err := pkghint.For(ctx, t.File(), t.Path(), "")
	if err != nil {
		return err
	}
	p := hint.Package
	if p == nil {
		fmt.Fprintln(a.out, "  package    unknown: no reference is to be fetched. Build the program from source, the same version with the same compiler and options, and give that")
		return nil
	}
	if len(hint.Steps) > 0 {
		fmt.Fprintln(a.out, "  its own    names of this very build are in a package, and need no matching:")
		printHint(a, hint)
	}
	fmt.Fprintf(a.out, "  reference  any other version or build of %s that has names, or with its debug package, will do\n", clean(p.Name))
	if hint.System == "debian" || hint.System == "ubuntu" {
		name := shellWord(p.Name)
		fmt.Fprintf(a.out, "  versions   apt-cache madison %s\n  fetch      apt-get download %s=VERSION && dpkg -x %s_*.deb reference\n", name, name, name)
	}
	for _, s := range hint.Servers {
		fmt.Fprintf(a.out, "  debuginfod %s has debug files of other builds, by their build-id: --debuginfod with the other build as REFERENCE\n", clean(s))
	}
	return nil
}

// ownNames reports whether a target's statics have names, and says where.
func (a *app) ownNames(ctx context.Context, t *offset.Target, o *options) (bool, string) {
	f := t.File()
	if f.Has(elfsym.Symtab) != 0 {
		return true, ".symtab"
	}
	if o.debug != "off" {
		search, err := a.search(o)
		if err == nil {
			found, ferr := debuglink.Find(ctx, f, t.Path(), search)
			if ferr == nil {
				defer found.Close()
				if found.Symtab {
					return true, found.Path
				}
			} else if !errors.Is(ferr, debuglink.ErrNotFound) {
				a.note("%s", oneLine(ferr))
			}
		}
	}
	if f.Has(elfsym.Dynsym) != 0 {
		return false, "of what it exports only (.dynsym)"
	}
	return false, "none"
}
