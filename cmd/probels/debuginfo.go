package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/pkghint"
	"github.com/probels/probels/elfsym"
)

// runDebuginfo tells where the stripped names of a file are, every place that
// was tried and why it was not the one.
func runDebuginfo(a *app, args []string) error {
	flags, o := newFlags("debuginfo", "")
	args, err := parse(flags, o, args)
	switch {
	case err != nil:
		return helpOr(a, "debuginfo", err)
	case len(args) == 0:
		return usagef("no target; try: probels debuginfo /usr/bin/python3")
	}
	for _, arg := range args {
		if err := a.debuginfo(arg, o); err != nil {
			a.fail(err)
		}
	}
	return nil
}

// debugReport is what is known about the debug information of one file.
type debugReport struct {
	path    string
	f       *elfsym.File
	link    *debuglink.Link
	found   *debuglink.Found
	tries   []debuglink.Try
	alt     *debuglink.Found // where the debug file refers to one
	altErr  error
	mini    int // functions in .gnu_debugdata, -1 if there is none
	miniErr error
	notes   []error
	hint    *pkghint.Hint // what to install; only where no debug file was found
}

func (a *app) debuginfo(name string, o *options) error {
	path, err := a.findTarget(name, o)
	if err != nil {
		return err
	}
	f, path, err := openForDebug(path)
	if err != nil {
		return plainError(err)
	}
	defer f.Close()
	search, err := a.search(o)
	if err != nil {
		return err
	}
	search.CheckCRC = true // it changes no answer, and people ask why a debugger complains
	r := &debugReport{path: path, f: f, mini: -1}
	if r.link, err = debuglink.ReadLink(f); err != nil {
		r.notes = append(r.notes, err)
	}
	r.companions(search)
	if r.found != nil {
		defer r.found.Close()
	} else if r.hint, err = pkghint.For(context.Background(), f, path, ""); err != nil {
		r.notes = append(r.notes, err)
	}
	if r.alt != nil {
		defer r.alt.Close()
	}
	if o.json {
		a.out.Write(r.json())
	} else {
		r.print(a)
	}
	if r.found == nil && r.mini < 0 && f.Has(elfsym.Symtab) == 0 {
		a.raise(statusMissing)
	}
	return nil
}

// companions searches for all that the file may have.
func (r *debugReport) companions(search *debuglink.Options) {
	ctx := context.Background()
	var err error
	var missing *debuglink.NotFoundError
	switch r.found, err = debuglink.Find(ctx, r.f, r.path, search); {
	case err == nil:
		r.tries = r.found.Tries
		r.notes = append(r.notes, r.found.Warnings...)
		if r.found.AltLink != nil {
			r.alt, r.altErr = r.found.Alt(ctx, search)
		}
	case errors.As(err, &missing):
		r.tries = missing.Tries
		r.notes = append(r.notes, missing.Notes...)
	default:
		r.notes = append(r.notes, err)
	}
	switch mini, err := debuglink.MiniDebug(r.f, search); {
	case err == nil:
		r.mini = 0
		for s, err := range mini.Symbols(elfsym.Symtab) {
			if err == nil && s.IsFunc() {
				r.mini++
			}
		}
	case !errors.Is(err, debuglink.ErrNoMiniDebug):
		r.miniErr = err
	}
}

func (r *debugReport) print(a *app) {
	row := func(label, format string, args ...any) {
		fmt.Fprintf(a.out, "  %-11s %s\n", label, clean(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintln(a.out, clean(r.path))
	row("build-id", "%s", orNone(hexBytes(r.f.BuildID())))
	if r.link != nil {
		row("debug link", "%v", r.link)
	} else {
		row("debug link", "none")
	}
	row("own names", "%s", orNone(r.f.Has(elfsym.Symtab|elfsym.Dynsym).String()))
	switch {
	case r.miniErr != nil:
		row("minidebug", "%v", r.miniErr)
	case r.mini >= 0:
		row("minidebug", "%s", plural(r.mini, "function"))
	default:
		row("minidebug", "none")
	}
	label := "tried"
	for _, t := range r.tries {
		if t.Err == nil {
			continue
		}
		row(label, "%v", t)
		label = ""
	}
	if r.found != nil {
		row("found", "%s (%s): %s", r.found.Path, r.found.How, strings.Join(r.has(), ", "))
	} else {
		row("found", "no debug file")
	}
	if r.alt != nil {
		row("dwz file", "%s", r.alt.Path)
	} else if r.altErr != nil {
		row("dwz file", "%v", r.altErr)
	}
	for _, n := range r.notes {
		row("note", "%v", n)
	}
	if r.hint != nil {
		printHint(a, r.hint)
	}
}

// printHint prints what to do as comments, and the commands as they are, so that
// all of it can be pasted.
func printHint(a *app, h *pkghint.Hint) {
	if p := h.Package; p != nil {
		fmt.Fprintf(a.out, "  %-11s %s\n", "package", clean(p.Name+" "+p.Version))
	}
	if len(h.Steps) == 0 {
		fmt.Fprintf(a.out, "  %-11s %s\n", "install", "nothing is known that would help on "+orUnknown(clean(h.System)))
		return
	}
	fmt.Fprintln(a.out)
	for _, s := range h.Steps {
		who := ""
		if s.Root {
			who = " (as root)"
		}
		or := ""
		if s.Instead {
			or = "or, "
		}
		fmt.Fprintf(a.out, "# %s%s%s\n", or, clean(s.Why), who)
		for line := range strings.SplitSeq(s.Command, "\n") {
			fmt.Fprintln(a.out, clean(line))
		}
	}
}

func orUnknown(system string) string {
	if system == "" {
		return "this system"
	}
	return system
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func hexBytes(b []byte) string { return fmt.Sprintf("%x", b) }

// has is what the debug file has.
func (r *debugReport) has() []string {
	var out []string
	if r.found.Symtab {
		out = append(out, "symbols")
	}
	if r.found.DWARF {
		out = append(out, "DWARF")
	}
	if r.found.AltLink != nil {
		out = append(out, "refers to "+r.found.AltLink.String())
	}
	return out
}

func (r *debugReport) json() []byte {
	var j jsonLine
	j.reset()
	j.str("kind", "debuginfo")
	j.str("path", r.path)
	j.strNonEmpty("build_id", hexBytes(r.f.BuildID()))
	j.strs("sources", r.f.Has(elfsym.Symtab|elfsym.Dynsym).Strings())
	if r.link != nil {
		j.open("debuglink", '{')
		j.str("name", r.link.Name)
		j.str("crc", fmt.Sprintf("%08x", r.link.CRC))
		j.close('}')
	}
	if r.mini >= 0 || r.miniErr != nil {
		j.open("minidebug", '{')
		if r.miniErr != nil {
			j.str("error", r.miniErr.Error())
		} else {
			j.uint("functions", uint64(r.mini))
		}
		j.close('}')
	}
	j.open("tries", '[')
	for _, t := range r.tries {
		j.element()
		j.str("path", t.Path)
		j.str("how", string(t.How))
		j.str("verdict", string(t.Verdict))
		if t.Err != nil && t.Verdict != debuglink.Absent {
			j.str("error", t.Err.Error())
		}
		j.close('}')
	}
	j.close(']')
	if r.found != nil {
		j.open("found", '{')
		j.str("path", r.found.Path)
		j.str("how", string(r.found.How))
		j.strNonEmpty("from", r.found.From)
		j.bool("symbols", r.found.Symtab)
		j.bool("dwarf", r.found.DWARF)
		if r.alt != nil {
			j.str("dwz", r.alt.Path)
		}
		j.close('}')
	}
	if h := r.hint; h != nil {
		if h.Package != nil {
			j.open("package", '{')
			j.str("name", h.Package.Name)
			j.strNonEmpty("version", h.Package.Version)
			j.close('}')
		}
		j.open("install", '[')
		for _, s := range h.Steps {
			j.element()
			j.str("why", s.Why)
			j.str("command", s.Command)
			j.bool("root", s.Root)
			j.bool("instead", s.Instead)
			j.close('}')
		}
		j.close(']')
	}
	if len(r.notes) > 0 {
		var notes []string
		for _, n := range r.notes {
			notes = append(notes, n.Error())
		}
		j.strs("notes", notes)
	}
	return j.line()
}

// openForDebug opens any ELF file, an object or a debug file too, and its path
// without symlinks, from which others are searched.
func openForDebug(name string) (*elfsym.File, string, error) {
	path, err := realFile(name)
	if err != nil {
		return nil, "", err
	}
	f, err := elfsym.Open(path)
	return f, path, err
}
