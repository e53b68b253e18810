package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt/manifest"
)

// A checkedFile is what an entry was held against: a file, or a package or directory in
// which no file has it.
type checkedFile struct{ path, buildID string }

func fileOf(t *offset.Target) checkedFile { return checkedFile{t.Path(), t.BuildID()} }

// A reporter prints what check and diff find, in some form.
type reporter interface {
	// result is what became of an entry; manifestFile is "" for one that stood on
	// the command line.
	result(f checkedFile, r *manifest.Result, manifestFile string)
	unlisted(f checkedFile, p *manifest.Probe)
	unread(path string, err error)
	// files says of which files the changes are that follow, where several are
	// compared; one of them is "" where the other is gone or new.
	files(old, new string)
	change(old, new string, c *manifest.Change)
	end(summary string)
}

func addReportFlags(fs *flag.FlagSet, o *options, format *string) {
	fs.BoolVar(&o.verbose, "v", false, "what is as it should be, and notes, too")
	fs.StringVar(format, "format", "text", "`text|json|github|junit`: github are annotations of GitHub Actions")
}

func newReporter(a *app, o *options, format string) (reporter, error) {
	if o.json {
		format = "json"
	}
	switch format {
	case "text":
		return &textReport{a: a, o: o}, nil
	case "json":
		return &jsonReport{a: a}, nil
	case "github":
		return &githubReport{a: a}, nil
	case "junit":
		return &junitReport{a: a}, nil
	}
	return nil, usagef("--format=%s: text, json, github or junit", format)
}

// where is what a failure is told with: the manifest's line, or the file.
func where(f checkedFile, r *manifest.Result, manifestFile string) string {
	if manifestFile != "" {
		return fmt.Sprintf("%s:%d", manifestFile, r.Entry.Line)
	}
	return f.path
}

// textReport is for people.
type textReport struct {
	a *app
	o *options

	head []string // of the files that are compared, until a line needs it
}

func (p *textReport) line(word string, cells ...string) {
	if p.head != nil {
		head := p.head
		p.head = nil
		p.line("FILE  ", head...)
	}
	if !p.o.quiet {
		fmt.Fprintln(p.a.out, clean(word+" "+strings.Join(cells, "  ")))
	}
}

func (p *textReport) result(f checkedFile, r *manifest.Result, file string) {
	for _, why := range r.Failures {
		p.line("FAIL", where(f, r, file), why.Probe, why.Text)
	}
	if len(r.Failures) == 0 && p.o.verbose {
		p.line("ok  ", where(f, r, file), r.Entry.String())
	}
}

func (p *textReport) unlisted(f checkedFile, pr *manifest.Probe) {
	p.line("new ", f.path, pr.FullName()+signatures(pr))
}

func signatures(p *manifest.Probe) string {
	all := make([]string, len(p.Signatures))
	for i, s := range p.Signatures {
		all[i] = s.String()
	}
	return strings.Join(all, " or ")
}

func (p *textReport) unread(string, error) {} // told on standard error

func (p *textReport) files(old, new string) {
	switch {
	case new == "":
		p.head = []string{old, "gone"}
	case old == "":
		p.head = []string{new, "new"}
	default:
		p.head = []string{old, new}
	}
}

func (p *textReport) change(_, _ string, c *manifest.Change) {
	switch {
	case c.Kind.Breaks():
		p.line("BREAKS", c.Probe, c.Text)
	case c.Kind == manifest.New || p.o.verbose:
		p.line("note  ", c.Probe, c.Text)
	}
}

func (p *textReport) end(summary string) {
	if !p.o.quiet {
		fmt.Fprintln(p.a.out, summary)
	}
}

// jsonReport is a record a line; help json has the fields.
type jsonReport struct {
	a *app
	j jsonLine
}

func (p *jsonReport) head(f checkedFile, status string) {
	p.j.reset()
	p.j.str("kind", "check")
	p.j.str("path", f.path)
	p.j.strNonEmpty("build_id", f.buildID)
	p.j.str("status", status)
}

func (p *jsonReport) result(f checkedFile, r *manifest.Result, file string) {
	j := &p.j
	place := func() {
		if file != "" {
			j.str("manifest", file)
			j.int("line", int64(r.Entry.Line))
		}
		p.a.out.Write(j.line())
	}
	if len(r.Failures) == 0 {
		p.head(f, "ok")
		j.str("spec", r.Entry.String())
		place()
	}
	for i := range r.Failures {
		why := &r.Failures[i]
		p.head(f, "failed")
		j.str("spec", r.Entry.String())
		j.str("probe", why.Probe)
		j.str("failure", why.Kind.String())
		j.str("text", why.Text)
		j.strNonEmpty("want", why.Want)
		j.strNonEmpty("have", why.Have)
		if len(why.Nearest) > 0 {
			j.strs("nearest", why.Nearest)
		}
		place()
	}
}

func (p *jsonReport) unlisted(f checkedFile, pr *manifest.Probe) {
	p.head(f, "new")
	p.j.str("probe", pr.FullName())
	p.j.str("have", signatures(pr))
	p.a.out.Write(p.j.line())
}

func (p *jsonReport) unread(path string, err error) {
	p.j.reset()
	p.j.str("kind", "check")
	p.j.str("path", path)
	p.j.str("status", "unread")
	p.j.str("error", oneLine(err))
	p.a.out.Write(p.j.line())
}

func (p *jsonReport) files(_, _ string) {} // each record has them

func (p *jsonReport) change(old, new string, c *manifest.Change) {
	j := &p.j
	j.reset()
	j.str("kind", "diff")
	j.strNonEmpty("old_path", old)
	j.strNonEmpty("new_path", new)
	j.str("probe", c.Probe)
	j.str("change", c.Kind.String())
	j.bool("breaks", c.Kind.Breaks())
	j.str("text", c.Text)
	j.strNonEmpty("old", c.Old)
	j.strNonEmpty("new", c.New)
	p.a.out.Write(j.line())
}

func (p *jsonReport) end(string) {}

// githubReport are workflow commands, which GitHub shows as annotations:
// ::error file=…,line=…,title=…::text
type githubReport struct{ a *app }

var (
	githubText  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubValue = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func (p *githubReport) command(level, file string, line int, text string) {
	fmt.Fprintf(p.a.out, "::%s ", level)
	if file != "" {
		fmt.Fprintf(p.a.out, "file=%s,line=%d,", githubValue.Replace(clean(file)), line)
	}
	fmt.Fprintf(p.a.out, "title=USDT probes::%s\n", githubText.Replace(clean(text)))
}

func (p *githubReport) result(f checkedFile, r *manifest.Result, file string) {
	for _, why := range r.Failures {
		p.command("error", file, r.Entry.Line, fmt.Sprintf("%s: %s: %s", f.path, why.Probe, why.Text))
	}
}

func (p *githubReport) unlisted(f checkedFile, pr *manifest.Probe) {
	p.command("notice", "", 0, fmt.Sprintf("%s: new: %s%s", f.path, pr.FullName(), signatures(pr)))
}

func (p *githubReport) unread(_ string, err error) { p.command("error", "", 0, oneLine(err)) }

func (p *githubReport) files(_, _ string) {} // each has its file

func (p *githubReport) change(old, new string, c *manifest.Change) {
	if new == "" {
		new = old
	}
	level := "notice"
	if c.Kind.Breaks() {
		level = "error"
	}
	p.command(level, "", 0, fmt.Sprintf("%s: %s: %s", new, c.Probe, c.Text))
}

func (p *githubReport) end(summary string) { fmt.Fprintln(p.a.out, summary) }

// junitReport is JUnit's XML as CI servers read it: a suite for each target, a
// case for each entry. It is written at the end, for a suite begins with its
// numbers. It is written by hand: encoding/xml would lengthen every start.
type junitReport struct {
	a      *app
	suites []junitSuite
}

type junitSuite struct {
	name             string
	failures, errors int
	cases            []junitCase
}

// junitCase is a test; element is "failure", "error", "system-out", or "" where
// there is nothing to say.
type junitCase struct{ name, element, kind, text string }

func (p *junitReport) add(path string, c junitCase) {
	i := slices.IndexFunc(p.suites, func(s junitSuite) bool { return s.name == path })
	if i < 0 {
		i = len(p.suites)
		p.suites = append(p.suites, junitSuite{name: path})
	}
	s := &p.suites[i]
	switch c.element {
	case "failure":
		s.failures++
	case "error":
		s.errors++
	}
	s.cases = append(s.cases, c)
}

func (p *junitReport) result(f checkedFile, r *manifest.Result, file string) {
	c := junitCase{name: r.Entry.String()}
	for i, why := range r.Failures {
		if i == 0 {
			c.element, c.kind = "failure", why.Kind.String()
			c.text = where(f, r, file)
		}
		c.text += "\n" + why.Probe + "  " + why.Text
	}
	p.add(f.path, c)
}

func (p *junitReport) unlisted(checkedFile, *manifest.Probe) {}

func (p *junitReport) unread(path string, err error) {
	p.add(path, junitCase{"readable", "error", "unread", oneLine(err)})
}

func (p *junitReport) files(_, _ string) {} // each is a suite

func (p *junitReport) change(old, new string, c *manifest.Change) {
	if new == "" {
		new = old
	}
	element := "system-out"
	if c.Kind.Breaks() {
		element = "failure"
	}
	p.add(new, junitCase{c.Probe + ": " + c.Kind.String(), element, c.Kind.String(), c.Text})
}

func (p *junitReport) end(string) {
	w := p.a.out
	w.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n")
	for _, s := range p.suites {
		fmt.Fprintf(w, "  <testsuite name=%s tests=\"%d\" failures=\"%d\" errors=\"%d\">\n", attribute(s.name), len(s.cases), s.failures, s.errors)
		for _, c := range s.cases {
			fmt.Fprintf(w, "    <testcase classname=%s name=%s", attribute(s.name), attribute(c.name))
			if c.element == "" {
				w.WriteString("/>\n")
				continue
			}
			fmt.Fprintf(w, ">\n      <%s", c.element)
			if c.element != "system-out" {
				_, message, several := strings.Cut(c.text, "\n")
				if !several {
					message = c.text
				}
				message, _, _ = strings.Cut(message, "\n")
				fmt.Fprintf(w, " type=%s message=%s", attribute(c.kind), attribute(message))
			}
			fmt.Fprintf(w, ">%s</%s>\n    </testcase>\n", xmlText(c.text), c.element)
		}
		w.WriteString("  </testsuite>\n")
	}
	w.WriteString("</testsuites>\n")
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// xmlText is text of XML; what XML cannot say at all becomes \xNN.
func xmlText(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = xmlEscapes.Replace(clean(lines[i]))
	}
	return strings.Join(lines, "\n")
}

func attribute(s string) string { return `"` + xmlText(strings.ReplaceAll(s, "\n", " ")) + `"` }
