package main

import (
	"debug/elf"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
)

// json writes the record of one place: what a listing has of it, and what only
// show tells.
func (s *shower) json(one *shown) {
	l := one.l
	var j jsonLine
	j.reset()
	j.str("kind", l.Kind.String())
	j.str("path", l.Path)
	j.strNonEmpty("build_id", l.BuildID)
	writeProcess(&j, l.Object)
	if l.Kind == offset.KindUSDT {
		s.jsonSite(&j, one)
	} else {
		s.jsonFunction(&j, one)
	}
	if in := one.in; in != nil {
		j.strNonEmpty("function", in.Name)
		j.uint("function_address", uint64(in.Function))
	}
	one.what.json(&j)
	if end := one.what.body; end != 0 {
		j.open("prologue_end", '{')
		j.uint("address", uint64(end))
		if off, err := s.t.File().Segments().Code(end); err == nil {
			j.uint("offset", uint64(off))
		}
		j.close('}')
	}
	one.writeVars(&j)
	if one.exits != nil {
		j.open("exits", '[')
		for i := range one.exits.Exits {
			jsonExit(&j, &one.exits.Exits[i])
		}
		j.close(']')
	}
	if len(one.inlined) > 0 {
		j.open("inlined", '[')
		for i := range one.inlined {
			c := &one.inlined[i]
			j.element()
			j.uint("address", uint64(c.Addr))
			j.uint("offset", uint64(c.Offset))
			j.strNonEmpty("into", c.Into)
			if c.File != "" {
				j.str("file", c.File)
				j.int("line", int64(c.Line))
			}
			j.close('}')
		}
		j.close(']')
	}
	if len(one.aliases) > 0 {
		j.strs("aliases", one.aliases)
	}
	if by, _ := s.mapped(); len(by) > 0 {
		j.open("mapped_by", '[')
		for _, m := range by {
			j.element()
			j.int("pid", int64(m.PID))
			j.str("name", m.Name)
			j.close('}')
		}
		j.close(']')
	}
	if len(one.warnings) > 0 {
		j.strs("warnings", one.warnings)
	}
	if one.verdict.Err != nil {
		j.str("refused", oneLine(one.verdict.Err))
	} else {
		j.strNonEmpty("try", s.try(one))
	}
	s.a.out.Write(j.line())
}

func (s *shower) jsonSite(j *jsonLine, one *shown) {
	l := one.l
	j.str("provider", l.Provider)
	j.str("name", l.Name)
	s.jsonPlace(j, l)
	if l.Semaphore != 0 {
		j.open("semaphore", '{')
		j.uint("address", uint64(l.Semaphore))
		j.uint("offset", uint64(l.RefCtrOffset))
		if l.Object != nil {
			if n, err := l.Object.Semaphore(l.RefCtrOffset); err == nil {
				j.uint("value", uint64(n))
			}
		}
		j.close('}')
	}
	if one.site == nil {
		return
	}
	j.str("arguments", one.site.Spec)
	j.open("args", '[')
	for i := range one.args {
		j.element()
		writeArg(j, &one.args[i], s.syms)
		one.what.jsonArg(j, i)
		j.close('}')
	}
	j.close(']')
	if nop, err := usdt.ReadNop(s.t.File(), one.site); err == nil {
		j.str("nop", nop.String())
	}
}

func (s *shower) jsonPlace(j *jsonLine, l *offset.Location) {
	j.uint("address", uint64(l.Addr))
	j.uint("offset", uint64(l.Offset))
	at, ok := l.RuntimeAddr()
	writeRuntime(j, at, ok)
}

func (s *shower) jsonFunction(j *jsonLine, one *shown) {
	l := one.l
	j.strNonEmpty("name", l.Name)
	if l.Version != "" {
		j.str("version", l.Version)
		j.bool("default_version", l.Default)
	}
	if d := elfsym.Demangle(l.Name); d != l.Name && !s.o.noDemangle {
		j.str("demangled", d)
	}
	s.jsonPlace(j, l)
	j.uint("addend", l.Addend)
	j.uint("size", l.Size)
	if l.SizeInferred {
		j.bool("size_inferred", true)
	}
	if l.Name != "" {
		j.str("type", offset.TypeName(l.Type))
		if l.Sources != 0 && l.Type != elf.STT_NOTYPE {
			j.str("binding", offset.BindingName(l.Bind))
		}
	}
	j.strs("sources", l.Sources.Strings())
	j.strNonEmpty("symbol_file", l.File)
}

func jsonExit(j *jsonLine, e *offset.Exit) {
	j.element()
	j.uint("address", uint64(e.Addr))
	j.uint("offset", uint64(e.Offset))
	j.str("kind", e.Exit.String())
	if e.Conditional {
		j.bool("conditional", true)
	}
	if e.Target != 0 {
		j.uint("target", uint64(e.Target))
	}
	j.strNonEmpty("target_name", e.TargetName)
	j.strNonEmpty("reason", e.Reason)
	j.close('}')
}
