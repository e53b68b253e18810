package main

import (
	"strconv"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt/operand"
)

// longPrinter is -l: every location, with columns separated by two blanks.
//
//	OFFSET  SIZE  SOURCE  TYPE  PROBE [@VERSION] [remarks]
type longPrinter struct {
	a      *app
	remark string // of each line
	line   longLine
}

func (p *longPrinter) flush() { p.a.out.Flush() }
func (p *longPrinter) end()   { p.a.out.Flush() }

func (p *longPrinter) probe(pr offset.Probe) {
	p.line.b = p.line.b[:0]
	p.a.out.Write(p.line.append(&pr, p.remark))
}

func (p *longPrinter) record() func([]byte, *offset.Probe) []byte {
	var line longLine
	return func(b []byte, pr *offset.Probe) []byte {
		line.b = b
		return line.append(pr, p.remark)
	}
}

// longLine makes lines of -l. It remembers how the last one's path and source are
// spelled, which most lines share.
type longLine struct {
	b            []byte
	path, quoted string
	source       elfsym.Source
	sourceText   string
	args         []operand.Arg
}

// next begins a column.
func (l *longLine) next() {
	if n := len(l.b); n > 0 && l.b[n-1] != '\n' {
		l.b = append(l.b, "  "...)
	}
}

// place is where a probe goes, or a dash.
func (l *longLine) place(pr *offset.Probe) {
	l.next()
	if pr.Err != nil {
		l.b = append(l.b, '-')
		return
	}
	l.b = strconv.AppendUint(append(l.b, "0x"...), uint64(pr.EntryOffset), 16)
}

// column appends a column of text.
func (l *longLine) column(parts ...string) {
	l.next()
	for _, s := range parts {
		l.b = append(l.b, clean(s)...)
	}
}

func (l *longLine) append(pr *offset.Probe, remark string) []byte {
	if l.path != pr.Path || l.quoted == "" {
		l.path, l.quoted = pr.Path, quote(pr.Path)
	}
	if pr.Kind == offset.KindUSDT {
		l.site(pr)
	} else {
		l.symbol(pr)
	}
	if pr.Err != nil {
		l.column(pr.Err.Error())
	}
	if remark != "" {
		l.column(remark)
	}
	l.b = append(l.b, '\n')
	return l.b
}

func (l *longLine) site(pr *offset.Probe) {
	s := pr.Site
	l.place(pr)
	l.column("-")
	l.column("usdt")
	l.column("site")
	l.column("usdt:", l.quoted, ":", quote(s.Provider), ":", quote(s.Name))
	switch {
	case s.Semaphore == 0:
	case s.SemaphoreErr != nil:
		l.column("semaphore: ", s.SemaphoreErr.Error())
	default:
		l.column("ref_ctr=", hex(s.RefCtrOffset))
	}
	l.args = s.AppendArgs(l.args[:0])
	for i := range l.args {
		l.column(argType(&l.args[i]), "@", operandText(&l.args[i]))
	}
}

func (l *longLine) symbol(pr *offset.Probe) {
	s := pr.Symbol
	if pr.Kind == offset.KindData {
		l.column(hex(s.Addr), "(address)")
	} else {
		l.place(pr)
	}
	l.next()
	if s.SizeInferred {
		l.b = append(l.b, '~')
	}
	l.b = strconv.AppendUint(l.b, s.Size, 10)
	if l.source != s.Source || l.sourceText == "" {
		l.source, l.sourceText = s.Source, s.Source.String()
	}
	l.column(l.sourceText)
	typ := offset.TypeName(s.Type)
	if pr.Kind == offset.KindAnon {
		typ = "func"
	}
	l.column(typ)
	l.column(linePrefix(pr.Kind), l.quoted, ":", quote(s.Name))
	if s.Version != "" {
		l.column(strings.TrimPrefix(s.FullName(), s.Name))
	}
	if s.File != "" {
		l.column("(", s.File, ")")
	}
	// Both seen with bpftrace 0.17.
	switch {
	case pr.Kind == offset.KindAnon:
		l.column("(", pr.Start.Evidence.String(), ")")
		l.column("bpftrace wants --unsafe for it")
	case pr.Kind == offset.KindPLT:
		l.column("not for bpftrace, which does not know PLT entries by name")
	case strings.Contains(s.Name, "+"):
		l.column("not for bpftrace, which takes + for a distance")
	case pr.Kind == offset.KindFunc && (s.Size == 0 || s.SizeInferred && s.Source != elfsym.GoTable):
		l.column("not for bpftrace, which wants a size")
	case s.Source&^(elfsym.MiniDebug|elfsym.GoTable) == 0:
		l.column("not for bpftrace, which does not read this table")
	}
}

// linePrefix is what a line of a kind begins with: PLT entries and functions
// without names are places for uprobes.
func linePrefix(k offset.Kind) string {
	if k == offset.KindData {
		return "data:"
	}
	return "uprobe:"
}
