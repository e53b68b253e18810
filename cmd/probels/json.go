package main

import (
	"debug/elf"
	"fmt"
	"slices"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
)

// jsonPrinter writes a record for each site and each symbol; help json lists
// the fields.
type jsonPrinter struct {
	a     *app
	t     *offset.Target
	o     *options
	j     jsonLine
	args  []operand.Arg
	q     offset.Query
	sigs  *describer      // with -v
	more  func(*jsonLine) // what every record has besides, if not nil
	sites []offset.Probe  // kept until the symbols that their arguments name are known
}

func (p *jsonPrinter) probe(pr offset.Probe) {
	if pr.Kind == offset.KindUSDT {
		p.sites = append(p.sites, pr)
		return
	}
	p.j.b = p.j.b[:0]
	p.symbol(&p.j, &pr)
	p.a.out.Write(p.j.b)
}

func (p *jsonPrinter) record() func([]byte, *offset.Probe) []byte {
	if p.o.verbose || p.o.noDemangle || p.more != nil {
		return nil
	}
	return func(b []byte, pr *offset.Probe) []byte {
		j := jsonLine{b}
		p.symbol(&j, pr)
		return j.b
	}
}

// signatures is what debug information tells, opened when first asked for.
func (p *jsonPrinter) signatures() *describer {
	if p.sigs == nil || p.sigs.t != p.t {
		p.sigs = newFunctionDescriber(p.a, p.t, p.q, signatureJSON)
	}
	return p.sigs
}

func (p *jsonPrinter) end() { p.a.out.Flush() }

// flush writes the sites. The symbols that operands name are looked up
// together, when the first site comes that has one: most files have none, and
// their arguments are parsed once.
func (p *jsonPrinter) flush() {
	var syms usdt.Symbols
	for i := range p.sites {
		p.args = p.sites[i].Site.AppendArgs(p.args[:0])
		named := func(a operand.Arg) bool { return a.Symbol != "" }
		if syms == nil && slices.ContainsFunc(p.args, named) {
			syms = p.symbolsOf(p.sites[i:])
			p.args = p.sites[i].Site.AppendArgs(p.args[:0])
		}
		p.site(&p.sites[i], p.args, syms)
	}
	p.sites = nil
	p.a.out.Flush()
}

func (p *jsonPrinter) symbolsOf(sites []offset.Probe) usdt.Symbols {
	syms := usdt.Symbols{}
	for i := range sites {
		p.args = sites[i].Site.AppendArgs(p.args[:0])
		syms.Names(p.args)
	}
	if err := syms.Resolve(p.t.File()); err != nil {
		p.a.fail(fmt.Errorf("%s: %w", p.t.Path(), err))
	}
	return syms
}

func (p *jsonPrinter) header(j *jsonLine, pr *offset.Probe) {
	j.begin()
	j.str("kind", pr.Kind.String())
	j.str("path", pr.Path)
	j.strNonEmpty("build_id", pr.BuildID)
	writeProcess(j, pr.Object)
	if p.more != nil {
		p.more(j)
	}
}

func (p *jsonPrinter) site(pr *offset.Probe, args []operand.Arg, syms usdt.Symbols) {
	s, j := pr.Site, &p.j
	j.b = j.b[:0]
	p.header(j, pr)
	j.str("provider", s.Provider)
	j.str("name", s.Name)
	j.uint("address", uint64(s.Addr))
	if s.Err == nil {
		j.uint("offset", uint64(s.Offset))
	}
	at, mapped := pr.RuntimeAddr()
	writeRuntime(j, at, mapped)
	if s.Semaphore != 0 {
		j.open("semaphore", '{')
		j.uint("address", uint64(s.Semaphore))
		if s.SemaphoreErr == nil {
			j.uint("offset", uint64(s.RefCtrOffset))
			if pr.Object != nil {
				if v, err := pr.Object.Semaphore(s.RefCtrOffset); err == nil {
					j.uint("value", uint64(v))
				}
			}
		} else {
			j.str("error", s.SemaphoreErr.Error())
		}
		j.close('}')
	}
	j.str("arguments", s.Spec)
	var names []dwarfinfo.ArgName
	if p.o.verbose {
		names = p.signatures().args(s, args)
	}
	j.open("args", '[')
	for i := range args {
		j.element()
		writeArg(j, &args[i], syms)
		writeName(j, names, i)
		j.close('}')
	}
	j.close(']')
	if p.o.verbose && s.Err == nil {
		if nop, err := usdt.ReadNop(p.t.File(), s); err == nil {
			j.str("nop", nop.String())
		}
	}
	if s.Err != nil {
		j.str("error", s.Err.Error())
	}
	p.a.out.Write(j.line())
}

func writeArg(j *jsonLine, a *operand.Arg, syms usdt.Symbols) {
	j.str("text", a.Text)
	if a.Err == nil || a.Size != 0 {
		j.int("size", int64(a.Size))
		j.bool("signed", a.Signed)
		j.bool("float", a.Float)
	}
	j.str("kind", a.Kind.String())
	switch a.Kind {
	case operand.Constant:
		if a.Symbol == "" {
			if a.Unsigned {
				j.uint("value", uint64(a.Value))
			} else {
				j.int("value", a.Value)
			}
		}
	case operand.Register:
		j.str("register", a.Reg.Name)
	case operand.Memory:
		j.strNonEmpty("segment", a.Segment)
		j.strNonEmpty("base", a.Base.Name)
		if a.Index.Name != "" {
			j.str("index", a.Index.Name)
			j.int("scale", int64(a.Scale))
			writeExtend(j, a)
		}
	}
	if a.Disp != 0 {
		j.int("displacement", a.Disp)
	}
	if a.Symbol != "" {
		j.str("symbol", a.Symbol)
		if addr, ok := syms[a.Symbol]; ok {
			j.uint("symbol_address", uint64(addr))
		}
	}
	if a.Err != nil {
		j.str("error", a.Err.Error())
	}
}

var extendNames = [...]string{
	operand.ZeroExtend: "zero", operand.SignExtend: "sign",
	operand.ShiftRight: "shift_right", operand.ShiftRightSigned: "shift_right_signed", operand.RotateRight: "rotate_right",
}

// writeExtend tells how an index is widened or shifted before it is scaled.
func writeExtend(j *jsonLine, a *operand.Arg) {
	if int(a.Extend) < len(extendNames) && extendNames[a.Extend] != "" {
		j.str("index_extend", extendNames[a.Extend])
	}
	if a.ShiftBy != 0 {
		j.int("index_shift", int64(a.ShiftBy))
	}
}

// symbol appends a record.
func (p *jsonPrinter) symbol(j *jsonLine, pr *offset.Probe) {
	s := pr.Symbol
	p.header(j, pr)
	if pr.Kind != offset.KindAnon {
		j.str("name", s.Name)
	}
	if s.Version != "" {
		j.str("version", s.Version)
		j.bool("default_version", s.Default)
	}
	if !p.o.noDemangle {
		if d := elfsym.Demangle(s.Name); d != s.Name {
			j.str("demangled", d)
		}
	}
	j.uint("address", uint64(s.Addr))
	if pr.Kind != offset.KindData && pr.Err == nil {
		j.uint("offset", uint64(pr.Offset))
	}
	at, mapped := pr.RuntimeAddr()
	writeRuntime(j, at, mapped)
	j.uint("size", s.Size)
	if s.SizeInferred {
		j.bool("size_inferred", true)
	}
	j.str("type", offset.TypeName(s.Type))
	j.str("binding", offset.BindingName(s.Bind))
	j.strs("sources", s.Source.Strings())
	if pr.Start != nil {
		j.strs("evidence", pr.Start.Evidence.Strings())
	}
	if p.o.verbose && pr.Kind == offset.KindFunc && s.Type != elf.STT_GNU_IFUNC {
		one, _ := p.signatures().function(s.Addr)
		writeSignature(j, one, s.File)
	} else {
		j.strNonEmpty("file", s.File)
	}
	if s.LocalEntry != 0 && pr.Err == nil {
		j.open("local_entry", '{')
		j.uint("address", uint64(s.LocalEntry))
		j.uint("offset", uint64(pr.EntryOffset))
		j.close('}')
	}
	if pr.Err != nil {
		j.str("error", pr.Err.Error())
	}
	j.line()
}
