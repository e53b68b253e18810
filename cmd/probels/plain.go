package main

import (
	"debug/elf"
	"strconv"
	"strings"

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
