package main

import (
	"context"
	"fmt"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/paste"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/consumer"
)

// pastePrinter writes probes as lines for other tools (--format).
type pastePrinter struct {
	a      *app
	t      *offset.Target
	format paste.Format
	probes []paste.Probe
	syms   usdt.Symbols
	sigs   *describer
}

func (p *pastePrinter) probe(pr offset.Probe) {
	l, err := pr.Location()
	if err != nil {
		p.a.fail(fmt.Errorf("%s: %w", pr.Path, err))
		return
	}
	p.add(&l, pr.Site)
}

// add adds a place; site is that of a USDT probe.
func (p *pastePrinter) add(l *offset.Location, site *usdt.Site) {
	f := p.t.File()
	one := paste.Probe{
		Path: l.Path, Provider: l.Provider, Name: l.Name, Version: l.Version, Addend: l.Addend,
		Addr: l.Addr, Offset: l.Offset, RefCtr: l.RefCtrOffset,
		Unlisted: l.Provider == "" && l.Sources&(elfsym.Symtab|elfsym.Dynsym|elfsym.DebugFile) == 0,
		Program:  consumer.Program{Machine: f.Machine(), Class: f.Class(), Type: f.Type()},
		Symbol:   p.symbol,
	}
	if site != nil {
		one.Args = site.Args()
		if p.sigs == nil {
			p.sigs = newDescriber(p.a, p.t)
		}
		one.Names, one.Types = pasteNames(p.sigs.args(site, one.Args))
	}
	p.probes = append(p.probes, one)
}

// symbol looks up the symbols that operands name, all at once when the first is
// asked for.
func (p *pastePrinter) symbol(name string) (elfsym.Addr, bool) {
	if p.syms == nil {
		p.syms = usdt.Symbols{}
		for i := range p.probes {
			p.syms.Names(p.probes[i].Args)
		}
		if err := p.syms.Resolve(p.t.File()); err != nil {
			p.a.fail(fmt.Errorf("%s: %w", p.t.Path(), err))
		}
	}
	addr, ok := p.syms[name]
	return addr, ok
}

func (p *pastePrinter) flush() {}

func (p *pastePrinter) end() {
	p.markShared()
	if err := paste.Write(p.a.out, p.format, p.probes); err != nil {
		p.a.fail(err)
	}
	p.a.out.Flush()
}

// markShared finds the functions whose name the file has at several addresses:
// tools that look it up would take another or all of them.
func (p *pastePrinter) markShared() {
	var specs []offset.Spec
	var names []string
	seen := map[string]bool{}
	for i := range p.probes {
		if pr := &p.probes[i]; pr.Provider == "" && pr.Name != "" && !seen[pr.Name] {
			seen[pr.Name] = true
			names, specs = append(names, pr.Name), append(specs, offset.Func(pr.Name))
		}
	}
	if len(specs) == 0 {
		return
	}
	results, _ := p.t.Resolve(context.Background(), specs...) // damage was told with the probes
	shared := map[string]bool{}
	for i := range results {
		for k := range results[i].Locations {
			if results[i].Locations[k].Addr != results[i].Locations[0].Addr {
				shared[names[i]] = true
			}
		}
	}
	for i := range p.probes {
		p.probes[i].Shared = p.probes[i].Provider == "" && shared[p.probes[i].Name]
	}
}

// pasteResults writes what specs were resolved to.
func (a *app) pasteResults(t *offset.Target, results []offset.Result, o *options) {
	p := &pastePrinter{a: a, t: t, format: o.format}
	var sites map[elfsym.Addr]*usdt.Site
	for i := range results {
		for k := range results[i].Locations {
			l := &results[i].Locations[k]
			if l.Kind == offset.KindUSDT && sites == nil {
				sites = sitesAt(t)
			}
			p.add(l, sites[l.Addr])
		}
		if err := results[i].Err; err != nil {
			a.missing(err)
		}
	}
	p.end()
}

// sitesAt are the sites of a target's USDT probes by where they are.
func sitesAt(t *offset.Target) map[elfsym.Addr]*usdt.Site {
	out := map[elfsym.Addr]*usdt.Site{}
	for pr, err := range t.Probes(context.Background(), offset.Query{Kinds: offset.KindUSDT}) {
		if err == nil { // what is damaged was told by who resolved the name
			out[pr.Site.Addr] = pr.Site
		}
	}
	return out
}

// pasteNames are arguments' names and types as paste takes them.
func pasteNames(names []dwarfinfo.ArgName) (n, types []string) {
	for i := range names {
		t := ""
		if names[i].Name != "" {
			t = names[i].Type.String()
		}
		n, types = append(n, names[i].Name), append(types, t)
	}
	return n, types
}
