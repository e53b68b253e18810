package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/probels/probels/offset"
)

// matchFlags are those of match alone.
type matchFlags struct {
	least   offset.Confidence
	unnamed bool
	save    string
	only    []string
}

func (m *matchFlags) define(fs *flag.FlagSet) {
	m.least = offset.Likely
	confidenceFlag(fs, &m.least, "leave out what is less than `certain|likely|possible`; likely by default")
	fs.BoolVar(&m.unnamed, "unnamed", false, "leave out of account the names that the target has")
	fs.StringVar(&m.save, "save", "", "write the references, which are all arguments, as fingerprints into `FILE`")
	fs.Func("m", "with --save: only functions that match `GLOB`; may be repeated", func(s string) error {
		m.only = append(m.only, s)
		return nil
	})
}

func confidenceFlag(fs *flag.FlagSet, c *offset.Confidence, text string) {
	fs.Func("confidence", text, func(s string) (err error) {
		*c, err = offset.ParseConfidence(s)
		return err
	})
}

// referenceFlags are for commands that look names up.
func referenceFlags(fs *flag.FlagSet, o *options) {
	fs.StringVar(&o.reference, "reference", "", "look for functions that nothing names by those of `FILE`, another build or fingerprints of some (see match)")
	confidenceFlag(fs, &o.least, "with --reference: take what is `certain|likely`; certain by default")
}

const matchHelp = `Finds the functions of a file that has no names by those of another build or version
of the same program, REFERENCE, which has: in its symbol table, or in a debug file. What is
compared survives a rebuild: instructions without what a linker decides, texts and imported
functions, who calls whom, tables, order. x86-64 and arm64. For a library that was linked
into a program, REFERENCE is its static archive (libssl.a), or an object file.

  OFFSET  PATH  NAME  CONFIDENCE  EVIDENCE

certain: several independent things say so and nothing speaks against it. likely: better than all
others, and not proved. possible: none was chosen, the candidates follow. absent: nothing in the
target is like it; it was left out, compiled into its callers, or changed too much. NAME may be a
pattern; without one, all functions of the reference are looked for.

With a TARGET alone: which reference could be had.

--save FILE writes what is needed of the references, of as many builds as are named, into a file
that stands for them: a tracer can ship it in place of offsets.

  probels match --save ssl.twins -m SSL_read -m SSL_write libssl.so.3
  probels match ssl.twins /opt/app/server
  probels resolve --reference ssl.twins /opt/app/server SSL_read

Exit status: 0 every NAME was found with the confidence asked for, 1 one was not, 2 wrong use or
an unreadable file.
`

func runMatch(a *app, args []string) error {
	flags, o := newFlags("match", "")
	var m matchFlags
	m.define(flags)
	args, err := parse(flags, o, args)
	switch {
	case err != nil:
		return helpOr(a, "match", err)
	case m.save != "":
		return a.saveReference(args, &m, o)
	case len(m.only) > 0:
		return usagef("-m goes with --save; name functions behind the target: probels match REFERENCE TARGET NAME…")
	case len(args) == 1:
		return a.adviseReference(args[0], o)
	case len(args) == 0:
		return usagef("match takes a reference and a target: probels match REFERENCE TARGET [NAME…]")
	}
	ctx := context.Background()
	ref, err := a.reference(ctx, args[0], o)
	if err != nil {
		return err
	}
	t, err := a.openTarget(args[1], o)
	if err != nil {
		return err
	}
	defer t.Close()
	names := args[2:]
	found, problems, err := offset.Match(ctx, ref, t, &offset.MatchOptions{Names: names, Unnamed: m.unnamed})
	l := listing{a: a, t: t}
	for _, p := range problems {
		l.problem(p)
	}
	l.moreProblems()
	if err != nil {
		return err
	}
	p := matchPrinter{a: a, o: o, least: m.least, path: t.Path(), named: len(names) > 0}
	for i := range found {
		p.twin(&found[i])
	}
	p.end()
	return nil
}

// referenceFor is what the flags name as a reference.
func (a *app) referenceFor(o *options) (*offset.Reference, error) {
	plain := *o
	plain.reference = ""
	return a.reference(context.Background(), o.reference, &plain)
}

// reference opens what the functions of a target are looked for by.
func (a *app) reference(ctx context.Context, name string, o *options) (*offset.Reference, error) {
	path, err := a.findTarget(name, o)
	if err != nil {
		return nil, err
	}
	how, err := a.target(o)
	if err != nil {
		return nil, err
	}
	ref, problems, err := offset.OpenReference(ctx, path, how)
	for _, p := range problems {
		a.fail(fmt.Errorf("%s: %w", path, p))
	}
	if err != nil {
		return nil, plainError(err)
	}
	return ref, nil
}

// saveReference writes fingerprints of the references.
func (a *app) saveReference(args []string, m *matchFlags, o *options) error {
	if len(args) == 0 {
		return usagef("no reference to save; try: probels match --save bash.twins -m readline /usr/bin/bash")
	}
	var all []*offset.Reference
	for _, arg := range args {
		ref, err := a.reference(context.Background(), arg, o)
		if err != nil {
			return err
		}
		all = append(all, ref)
	}
	var b bytes.Buffer
	n, err := offset.Join(all...).Save(&b, m.only...)
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.save, b.Bytes(), 0o644); err != nil {
		return plainError(err)
	}
	if !o.quiet {
		a.note("%s: %s of %s, %s bytes", m.save, plural(n, "function"), plural(len(args), "build"), thousands(b.Len()))
	}
	return nil
}

type matchPrinter struct {
	a     *app
	o     *options
	least offset.Confidence
	path  string
	named bool // names were asked for, and each gets an answer

	counts [4]int
	absent int
}

func (p *matchPrinter) twin(tw *offset.Twin) {
	missing := tw.Confidence == offset.NotMatched || tw.Confidence < p.least
	if missing {
		p.absent++
		if p.named {
			p.a.raise(statusMissing)
		}
	} else {
		p.counts[tw.Confidence]++
	}
	switch {
	case missing && !p.named && !p.o.json:
	case p.o.quiet:
		if !missing {
			fmt.Fprintln(p.a.out, hex(tw.Location.Offset))
		} else if p.named {
			p.a.note("%s", p.reason(tw))
		}
	case p.o.json:
		p.json(tw)
	case tw.Confidence >= offset.Likely && tw.Err == nil:
		fmt.Fprintln(p.a.out, clean(strings.Join([]string{hex(tw.Location.Offset), tw.Location.Path, tw.Name, tw.Confidence.String(), strings.Join(tw.Evidence, ",")}, "  ")))
		if missing {
			p.a.note("%s", p.reason(tw))
		}
	default:
		p.a.note("%s", p.reason(tw))
		for _, c := range tw.Others {
			fmt.Fprintln(p.a.out, clean(strings.Join([]string{hex(c.Location.Offset), c.Location.Path, tw.Name, offset.Possible.String(),
				fmt.Sprintf("score=%.2f", c.Score), strings.Join(c.Evidence, ",")}, "  ")))
		}
	}
}

// reason says why there is no answer, or none that is certain enough.
func (p *matchPrinter) reason(tw *offset.Twin) string {
	switch {
	case errors.Is(tw.Err, offset.ErrNotInReference):
		return fmt.Sprintf("%s: %v", tw.Name, tw.Err)
	case tw.Err != nil:
		return fmt.Sprintf("%s: %v", tw.Name, tw.Err)
	case tw.Confidence == offset.NotMatched:
		return fmt.Sprintf("%s: absent: nothing in %s is like it; left out, compiled into its callers, or changed too much", tw.Name, p.path)
	case tw.Confidence == offset.Possible && len(tw.Others) == 1:
		return fmt.Sprintf("%s: one function may be it, and too little says so", tw.Name)
	case tw.Confidence == offset.Possible:
		return fmt.Sprintf("%s: %d functions may be it, and none was chosen", tw.Name, len(tw.Others))
	}
	return fmt.Sprintf("%s: %s, and %s was asked for", tw.Name, tw.Confidence, p.least)
}

func (p *matchPrinter) end() {
	p.a.out.Flush()
	if !p.named && !p.o.quiet {
		p.a.note("%s certain, %s likely, %s not found", thousands(p.counts[offset.Certain]), thousands(p.counts[offset.Likely]), thousands(p.absent))
		if p.counts[offset.Certain]+p.counts[offset.Likely] == 0 {
			p.a.raise(statusMissing)
		}
	}
}

func (p *matchPrinter) json(tw *offset.Twin) {
	var j jsonLine
	j.reset()
	j.str("kind", "match")
	j.str("path", p.path)
	j.strNonEmpty("build_id", tw.Location.BuildID)
	j.str("name", tw.Name)
	if len(tw.Aliases) > 0 {
		j.strs("aliases", tw.Aliases)
	}
	confidence := tw.Confidence.String()
	if tw.Confidence == offset.NotMatched {
		confidence = "absent"
	}
	j.str("confidence", confidence)
	if tw.Confidence >= offset.Likely && tw.Err == nil {
		j.uint("address", uint64(tw.Location.Addr))
		j.uint("offset", uint64(tw.Location.Offset))
		j.uint("size", tw.Location.Size)
		j.uint("score_percent", percent(tw.Score))
		j.strs("evidence", tw.Evidence)
	}
	if len(tw.Others) > 0 {
		j.open("candidates", '[')
		for i := range tw.Others {
			c := &tw.Others[i]
			j.element()
			j.uint("address", uint64(c.Location.Addr))
			j.uint("offset", uint64(c.Location.Offset))
			j.uint("score_percent", percent(c.Score))
			j.strs("evidence", c.Evidence)
			j.close('}')
		}
		j.close(']')
	}
	if tw.Build != nil {
		j.str("reference", tw.Build.Path)
		j.strNonEmpty("reference_build_id", tw.Build.BuildID)
	}
	if tw.Err != nil {
		j.str("error", tw.Err.Error())
	}
	p.a.out.Write(j.line())
}

func percent(score float64) uint64 { return uint64(score*100 + 0.5) }
