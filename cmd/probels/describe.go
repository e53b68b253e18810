package main

import (
	"context"
	"debug/elf"
	"fmt"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/paste"
	"github.com/probels/probels/offset"
)

// description is what debug information tells of a place.
type description struct {
	file     string // of the function's declaration, or of the line at the place
	line     int
	language string
	fn       *dwarfinfo.Func
	body     elfsym.Addr         // where its prologue ends, 0 if that is not known
	args     []dwarfinfo.ArgName // of a USDT probe
	frames   []string            // of code that was inlined there: the calls, the innermost first
}

// describe asks the target's debug information about a place. The error wraps
// offset.ErrNoDWARF where there is none.
func describe(ctx context.Context, t *offset.Target, one *shown) (description, error) {
	d, err := t.DWARF(ctx)
	if err != nil {
		return description{}, err
	}
	var out description
	if one.l.Kind == offset.KindFunc && one.l.Addend == 0 {
		f, err := d.FuncAt(one.l.Addr)
		if err != nil || f == nil {
			return out, err
		}
		if beginsAt(d, f, one.l.Addr) && one.l.Type != elf.STT_GNU_IFUNC {
			out.fn = f
			if end, err := f.PrologueEnd(); err == nil && end != f.Entry {
				out.body = end
			}
		}
		out.language = f.Unit().Language().String()
		out.line = int(f.Line)
		out.file, err = f.DeclFile()
		return out, err
	}
	frames, err := d.Frames(one.l.Addr)
	for i := range frames {
		fr := &frames[i]
		if i == 0 {
			out.file, out.line = fr.File, fr.Line
			continue
		}
		out.frames = append(out.frames, frameText(fr))
	}
	return out, err
}

func frameText(f *dwarfinfo.Frame) string {
	text := f.Name
	if f.File != "" {
		text += fmt.Sprintf("  %s:%d", f.File, f.Line)
	}
	return text
}

func (d *description) print(row func(label, text string)) {
	if d.file != "" {
		row("source", fmt.Sprintf("%s:%d", d.file, d.line))
	}
	if d.fn != nil {
		head, rows := signatureLines(d.fn)
		row("signature", head)
		for _, r := range rows {
			row("", r[0]+"   "+r[1])
		}
	}
	for i, f := range d.frames {
		label := ""
		if i == 0 {
			label = "called from"
		}
		row(label, f)
	}
}

// argName is a USDT argument as the source has it: "const char *filename". "" if
// that is not known.
func (d *description) argName(i int) string {
	if i < len(d.args) {
		return d.args[i].Declaration()
	}
	return ""
}

func (d *description) paste(p *paste.Probe) {
	if len(d.args) == len(p.Args) {
		p.Names, p.Types = pasteNames(d.args)
	}
}

func (d *description) json(j *jsonLine) {
	if d.fn != nil {
		writeSignature(j, signatureJSON(d.fn), d.file)
		return
	}
	j.strNonEmpty("file", d.file)
	if d.line != 0 {
		j.int("line", int64(d.line))
	}
	j.strNonEmpty("language", d.language)
}

func (d *description) jsonArg(j *jsonLine, i int) { writeName(j, d.args, i) }
