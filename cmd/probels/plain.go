package main

import (
	"debug/elf"
	"strconv"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
)

// plainPrinter is the listing in a pipe: one probe a line, in bpftrace's
// spelling, each once.
type plainPrinter struct {
	a              *app
	o              *options
	usdt, uprobe   string // what lines begin with
	data           string
	last, lastKind string
	site           *usdt.Site // the last one, of another line
	args           []operand.Arg
	sigs           *describer
}

func newPlainPrinter(a *app, t *offset.Target, o *options, q offset.Query) *plainPrinter {
	path := quote(t.Path())
	return &plainPrinter{a: a, o: o, sigs: newFunctionDescriber(a, t, q, signatureText), usdt: "usdt:" + path + ":", uprobe: "uprobe:" + path + ":", data: "data:" + path + ":"}
}

func (p *plainPrinter) flush() { p.a.out.Flush() }
func (p *plainPrinter) end()   { p.a.out.Flush() }

func (p *plainPrinter) probe(pr offset.Probe) {
	out := p.a.out
	if pr.Kind == offset.KindUSDT {
		// Sorted, so the sites of a probe come together.
		if s := pr.Site; p.site == nil || s.Name != p.site.Name || s.Provider != p.site.Provider {
			p.site = s
			out.WriteString(p.usdt)
			out.WriteString(quote(s.Provider))
			out.WriteByte(':')
			out.WriteString(quote(s.Name))
			out.WriteByte('\n')
		} else if !p.o.verbose {
			return
		}
		if p.o.verbose {
			p.args = pr.Site.AppendArgs(p.args[:0])
			out.WriteString("    ")
			out.WriteString(hex(pr.Offset))
			names := p.sigs.args(pr.Site, p.args)
			for i := range p.args {
				out.WriteString("  ")
				out.WriteString(declaration(names, i, &p.args[i]))
				out.WriteByte(' ')
				out.WriteString(clean(operandText(&p.args[i])))
			}
			out.WriteByte('\n')
		}
		return
	}
	prefix := p.uprobe
	if pr.Kind == offset.KindData {
		prefix = p.data
	}
	if name := pr.Symbol.Name; name != p.last || prefix != p.lastKind {
		p.last, p.lastKind = name, prefix
		out.WriteString(prefix)
		out.WriteString(quote(name))
		out.WriteByte('\n')
		if p.o.verbose && pr.Kind == offset.KindFunc && pr.Symbol.Type != elf.STT_GNU_IFUNC {
			p.sigs.verboseFunction(pr.Symbol.Addr)
		}
	}
}

// funcLine appends the line of a function.
func (p *plainPrinter) funcLine(b []byte, name *string) []byte {
	return append(append(append(b, p.uprobe...), quote(*name)...), '\n')
}

// usdtLine appends the line of a probe.
func (p *plainPrinter) usdtLine(b []byte, name *usdt.Name) []byte {
	b = append(append(append(b, p.usdt...), quote(name.Provider)...), ':')
	return append(append(b, quote(name.Name)...), '\n')
}

func spellUSDT(prefix string, s *usdt.Site) string {
	return prefix + quote(s.Provider) + ":" + quote(s.Name)
}

// argType is the type of an argument as far as the note tells: u64, i32, f64,
// or a number of bytes.
func argType(a *operand.Arg) string {
	bits := strconv.Itoa(8 * a.Size)
	switch {
	case a.Err != nil:
		return "?"
	case a.Float:
		return "f" + bits
	case a.Size > 8:
		return strconv.Itoa(a.Size) + "B"
	case a.Signed:
		return "i" + bits
	}
	return "u" + bits
}

// operandText is an argument without its size.
func operandText(a *operand.Arg) string {
	if a.NoSize {
		return a.Text
	}
	if _, rest, ok := strings.Cut(a.Text, "@"); ok {
		return rest
	}
	return a.Text
}

// longPrinter is -l: every location, with columns separated by two blanks.
//
//	OFFSET  SIZE  SOURCE  TYPE  PROBE [@VERSION] [remarks]
type longPrinter struct {
	a      *app
	remark string // of each line
	args   []operand.Arg
}

func (p *longPrinter) flush() { p.a.out.Flush() }
func (p *longPrinter) end()   { p.a.out.Flush() }

func (p *longPrinter) probe(pr offset.Probe) {
	path := quote(pr.Path)
	var c []string
	if pr.Kind == offset.KindUSDT {
		c = []string{place(&pr), "-", "usdt", "site", spellUSDT("usdt:"+path+":", pr.Site)}
		if s := pr.Site; s.Semaphore != 0 {
			if s.SemaphoreErr != nil {
				c = append(c, "semaphore: "+s.SemaphoreErr.Error())
			} else {
				c = append(c, "ref_ctr="+hex(s.RefCtrOffset))
			}
		}
		p.args = pr.Site.AppendArgs(p.args[:0])
		for i := range p.args {
			c = append(c, argType(&p.args[i])+"@"+operandText(&p.args[i]))
		}
	} else {
		s := pr.Symbol
		size := strconv.FormatUint(s.Size, 10)
		if s.SizeInferred {
			size = "~" + size
		}
		at := place(&pr)
		if pr.Kind == offset.KindData {
			at = hex(s.Addr) + "(address)"
		}
		c = []string{at, size, s.Source.String(), offset.TypeName(s.Type), linePrefix(pr.Kind) + path + ":" + quote(s.Name)}
		if s.Version != "" {
			c = append(c, strings.TrimPrefix(s.FullName(), s.Name))
		}
		if s.File != "" {
			c = append(c, "("+s.File+")")
		}
		// Both seen with bpftrace 0.17.
		if pr.Kind == offset.KindAnon {
			c[3] = "func"
			c = append(c, "("+pr.Start.Evidence.String()+")", "bpftrace wants --unsafe for it")
		} else if pr.Kind == offset.KindPLT {
			c = append(c, "not for bpftrace, which does not know PLT entries by name")
		} else if strings.Contains(s.Name, "+") {
			c = append(c, "not for bpftrace, which takes + for a distance")
		} else if pr.Kind == offset.KindFunc && (s.Size == 0 || s.SizeInferred && s.Source != elfsym.GoTable) {
			c = append(c, "not for bpftrace, which wants a size")
		} else if s.Source&^(elfsym.MiniDebug|elfsym.GoTable) == 0 {
			c = append(c, "not for bpftrace, which does not read this table")
		}
	}
	if pr.Err != nil {
		c = append(c, pr.Err.Error())
	}
	if p.remark != "" {
		c = append(c, p.remark)
	}
	for i := range c {
		c[i] = clean(c[i])
	}
	p.a.out.WriteString(strings.Join(c, "  "))
	p.a.out.WriteByte('\n')
}

// linePrefix is what a line of a kind begins with: PLT entries and functions
// without names are places for uprobes.
func linePrefix(k offset.Kind) string {
	if k == offset.KindData {
		return "data:"
	}
	return "uprobe:"
}

// place is where a probe goes, or a dash.
func place(pr *offset.Probe) string {
	if pr.Err != nil {
		return "-"
	}
	return hex(pr.EntryOffset)
}
