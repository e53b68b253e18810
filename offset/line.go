package offset

import (
	"errors"
	"fmt"
)

// lines settles "file.c:42", where nothing has that as its name, by debug
// information.
func (r *resolution) lines() {
	for i := range r.results {
		res := &r.results[i]
		s := &res.Spec
		if s.line == 0 || !res.open() || r.ctx.Err() != nil {
			continue
		}
		note, err := r.line(res)
		if err != nil {
			res.fail(err)
		} else if note != "" {
			if r.lineNotes == nil {
				r.lineNotes = map[string]string{}
			}
			r.lineNotes[s.text] = note
		}
	}
}

// line adds the places of one line, or says why there is none.
func (r *resolution) line(res *Result) (note string, err error) {
	s := &res.Spec
	r.outside = r.outside || !r.t.opts.OwnTables // even its own may be completed by other files
	d, err := r.t.DWARF(r.ctx)
	switch {
	case errors.Is(err, ErrNoDWARF):
		if r.private == nil {
			r.private = map[string]bool{}
		}
		r.private[s.text] = true
		return "not found; if a line is meant: " + err.Error(), nil
	case err != nil:
		return "", err
	}
	addrs, nearest, found, err := d.Lines(s.static.file, s.line)
	if err != nil {
		r.problem(fmt.Errorf("line tables: %w", err))
	}
	for _, a := range addrs {
		l := Location{Kind: KindAddr, Path: r.t.path, BuildID: r.t.buildID, Object: r.t.object, Addr: a.Addr, File: a.File, Line: a.Line}
		if l.Offset, err = r.t.f.Segments().Code(a.Addr); err != nil {
			res.fail(err)
			continue
		}
		res.Locations = append(res.Locations, l)
	}
	switch {
	case len(addrs) > 0:
		return "", nil
	case !found:
		return "not found; no code is of a source file " + s.static.file, nil
	case nearest != 0:
		return fmt.Sprintf("no statement begins on that line; the next one with code is %s:%d", s.static.file, nearest), nil
	}
	return "no code is of that line, nor of one below it in the file", nil
}
