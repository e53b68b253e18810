package main

import (
	"fmt"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/paste"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/consumer"
)

// print writes the block of one place.
func (s *shower) print(one *shown) {
	l, out := one.l, s.a.out
	if !s.first {
		fmt.Fprintln(out)
	}
	s.first = false
	fmt.Fprintf(out, "%s  %s\n", s.table.bold(clean(titleOf(l))), clean(l.Path))
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(out, "  %-10s %s\n", label, clean(text))
		}
	}
	at := hex(l.Offset)
	if uint64(l.Addr) != uint64(l.Offset) {
		at += "  address " + hex(l.Addr)
	}
	row("offset", at)
	if l.Object != nil {
		if addr, ok := l.RuntimeAddr(); ok {
			row("at run time", hex(addr))
		}
	}
	if l.RefCtrOffset != 0 {
		row("ref_ctr", hex(l.RefCtrOffset)+s.semaphore(l))
	}
	row("build-id", l.BuildID)
	if l.Kind != offset.KindUSDT {
		if d := elfsym.Demangle(l.Name); d != l.Name && !s.o.noDemangle {
			row("name", d)
		}
		row("found in", l.Sources.String()+sizeText(l))
	}
	if one.in != nil {
		row("in", functionText(one.in))
	}
	one.what.print(row)
	if end := one.what.body; end != 0 {
		row("prologue", fmt.Sprintf("ends at +0x%x", uint64(end-l.Addr)))
	}
	for i := range one.args {
		s.arg(row, one, i)
	}
	if one.site != nil {
		if nop, err := usdt.ReadNop(s.t.File(), one.site); err == nil {
			row("instruction", nop.String())
		}
	}
	one.printVars(row)
	s.exits(row, one)
	for i := range one.inlined {
		label := ""
		if i == 0 {
			label = "inlined"
		}
		if i == fewRows {
			row("", fmt.Sprintf("%s more", thousands(len(one.inlined)-fewRows)))
			break
		}
		row(label, inlinedText(&one.inlined[i]))
	}
	row("aliases", strings.Join(one.aliases, ", "))
	s.printMapped(row)
	if one.verdict.Err != nil {
		row("refused", oneLine(one.verdict.Err))
	}
	for _, w := range one.warnings {
		row("warning", w)
	}
	switch {
	case one.verdict.Err != nil:
	case s.a.isMember(s.t):
		row("try", "unpack it first: probes are put on files")
	default:
		fmt.Fprintf(out, "  %-10s %s\n", "try", s.try(one))
	}
}

// fewRows is how many exits or copies are shown; JSON has all.
const fewRows = 12

func titleOf(l *offset.Location) string {
	switch {
	case l.Kind == offset.KindUSDT:
		return l.Provider + ":" + l.Name
	case l.Name == "":
		return hex(l.Addr)
	}
	name := l.Name
	if l.Version != "" {
		name += map[bool]string{true: "@@", false: "@"}[l.Default] + l.Version
	}
	if l.Addend != 0 {
		name += "+" + hex(l.Addend)
	}
	return name
}

func sizeText(l *offset.Location) string {
	switch {
	case l.Size == 0:
		return ""
	case l.SizeInferred:
		return fmt.Sprintf(", about %d bytes", l.Size)
	}
	return fmt.Sprintf(", %d bytes", l.Size)
}

func functionText(l *offset.Location) string {
	name := l.Name
	if name == "" {
		name = hex(l.Function)
	}
	return fmt.Sprintf("%s+0x%x", name, uint64(l.Addr-l.Function))
}

func (s *shower) semaphore(l *offset.Location) string {
	if l.Object == nil {
		return ""
	}
	switch n, err := l.Object.Semaphore(l.RefCtrOffset); {
	case err != nil:
		return ""
	case n == 0:
		return "  (0: nobody listens)"
	default:
		return fmt.Sprintf("  (%d: somebody listens)", n)
	}
}

// arg prints an argument: type, name, where it is, and who cannot read it.
func (s *shower) arg(row func(string, string), one *shown, i int) {
	a := &one.args[i]
	label := ""
	if i == 0 {
		label = "arguments"
	}
	text := one.what.argName(i)
	if text == "" {
		text = argType(a)
	}
	text += "   " + a.Text
	if addr, ok := s.syms[a.Symbol]; ok && a.Symbol != "" {
		text += "   " + a.Symbol + " is at " + hex(addr)
	}
	if a.Err != nil {
		text += "   " + a.Err.Error()
	}
	var not []string
	for _, c := range consumer.All() {
		if f := consumer.Judge(c, s.program(), one.site.Spec); i < len(f) && f[i].Verdict != consumer.Reads {
			not = append(not, c.String())
		}
	}
	if len(not) > 0 {
		text += "   not read by " + strings.Join(not, ", ")
	}
	row(label, text)
}

func (s *shower) program() consumer.Program {
	f := s.t.File()
	return consumer.Program{Machine: f.Machine(), Class: f.Class(), Type: f.Type(), Defines: func(name string) bool {
		_, ok := s.syms[name]
		return ok
	}}
}

func (s *shower) exits(row func(string, string), one *shown) {
	if one.exits == nil {
		return
	}
	for i, e := range one.exits.Exits {
		label := ""
		if i == 0 {
			label = "exits"
		}
		if i == fewRows {
			row("", fmt.Sprintf("%s more", thousands(len(one.exits.Exits)-fewRows)))
			return
		}
		row(label, exitText(&e))
	}
}

func exitText(e *offset.Exit) string {
	text := fmt.Sprintf("%s  %s", hex(e.Offset), e.Exit)
	if e.Conditional {
		text = fmt.Sprintf("%s  conditional %s", hex(e.Offset), e.Exit)
	}
	switch {
	case e.TargetName != "":
		text += " to " + e.TargetName
	case e.Target != 0:
		text += " to " + hex(e.Target)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

func inlinedText(c *offset.InlinedCopy) string {
	text := hex(c.Offset)
	if c.Into != "" {
		text += "  in " + c.Into
	}
	if c.File != "" {
		text += fmt.Sprintf("  %s:%d", c.File, c.Line)
	}
	return text
}

func (s *shower) printMapped(row func(string, string)) {
	by, unread := s.mapped()
	var names []string
	for i, m := range by {
		if i == fewRows {
			names = append(names, fmt.Sprintf("%s more", thousands(len(by)-fewRows)))
			break
		}
		names = append(names, fmt.Sprintf("%s (%d)", m.Name, m.PID))
	}
	text := strings.Join(names, ", ")
	if text != "" && unread > 0 {
		text += fmt.Sprintf("; %s could not be asked", plural(unread, "process"))
	}
	row("mapped by", text)
}

// try is a command that prints each hit.
func (s *shower) try(one *shown) string {
	var b strings.Builder
	p := &pastePrinter{a: s.a, t: s.t, format: paste.Bpftrace, syms: s.syms}
	p.add(one.l, one.site)
	one.what.paste(&p.probes[0])
	if err := paste.Write(&b, paste.Bpftrace, p.probes); err != nil {
		return ""
	}
	// Comments about arguments that bpftrace does not read are told with them.
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	command := "bpftrace -e "
	if p.probes[0].Unlisted {
		command = "bpftrace --unsafe -e "
	}
	return command + shellWord(lines[len(lines)-1])
}
