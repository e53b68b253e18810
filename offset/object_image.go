package offset

import (
	"archive/zip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
)

// openImages makes the target of a file or, where it is an archive from which
// libraries are executed, of each of those. The first object owns the file.
func (p *Process) openImages(o *Object, f *os.File, info fs.FileInfo) []*Object {
	o.file, o.ident = f, p.opts.Cache.identify(f)
	file, err := p.openELF(f, info, 0)
	if err == nil && loadsAll(file, o.Mappings) {
		p.setTarget(o, file, o.debugPath())
		return []*Object{o}
	}
	bases := imageBases(f, o.Mappings)
	switch {
	case len(bases) == 0 && err == nil, len(bases) == 1 && bases[0] == 0 && err == nil:
		p.setTarget(o, file, o.debugPath())
		return []*Object{o}
	case len(bases) == 0:
		o.Err = fmt.Errorf("%s: %w", o.describe(), err)
		return []*Object{o}
	}
	var out []*Object
	for i, base := range bases {
		part := *o
		if i > 0 {
			part.file = nil
		}
		part.Mappings = nil
		for _, m := range o.Mappings {
			if at := slices.IndexFunc(bases, func(b elfsym.Offset) bool { return b > m.Offset }) - 1; at == i || at == -2 && i == len(bases)-1 {
				part.Mappings = append(part.Mappings, m)
			}
		}
		p.openImage(&part, f, info, base)
		out = append(out, &part)
	}
	return out
}

// imageBases are where ELF files begin in a file, in order: of the places that
// are mapped, those that begin as an ELF file does and have code mapped behind
// them, before the next one. A library's first page is always mapped, for its program
// headers are in it.
func imageBases(f io.ReaderAt, maps []Mapping) []elfsym.Offset {
	places := []elfsym.Offset{0}
	for _, m := range maps {
		places = append(places, m.Offset)
	}
	slices.Sort(places)
	places = slices.Compact(places)
	places = slices.DeleteFunc(places, func(at elfsym.Offset) bool {
		var b [4]byte
		_, err := f.ReadAt(b[:], int64(at))
		return int64(at) < 0 || err != nil || string(b[:]) != elf.ELFMAG
	})
	var out []elfsym.Offset
	for i, at := range places {
		if slices.ContainsFunc(maps, func(m Mapping) bool {
			return m.Flags&elf.PF_X != 0 && m.Offset >= at && (i+1 == len(places) || m.Offset < places[i+1])
		}) {
			out = append(out, at)
		}
	}
	return out
}

// loadsAll reports whether every mapping is of a part that the program headers
// ask for, as it is of any file but an archive.
func loadsAll(f *elfsym.File, maps []Mapping) bool {
	segments := f.Segments().All()
	for _, m := range maps {
		if !slices.ContainsFunc(segments, func(s elfsym.Segment) bool {
			const largestPage = 64 << 10
			return s.Type == elf.PT_LOAD && m.Offset < s.Offset+elfsym.Offset(s.FileSize) && m.Offset+largestPage > s.Offset
		}) {
			return false
		}
	}
	return true
}

func (p *Process) openELF(f *os.File, info fs.FileInfo, base elfsym.Offset) (*elfsym.File, error) {
	return elfsym.NewFile(f, info.Size(), &elfsym.Options{Limits: p.opts.Limits, Base: base})
}

// openImage makes the target of the ELF file at a place in a file.
func (p *Process) openImage(o *Object, f *os.File, info fs.FileInfo, base elfsym.Offset) {
	debugPath := o.debugPath()
	if o.Base = base; base != 0 {
		o.MappedPath += "!" + memberName(f, info.Size(), base)
		debugPath = o.MappedPath // nothing is beside it: a build-id will find it
	}
	file, err := p.openELF(f, info, base)
	if err != nil {
		o.Err = fmt.Errorf("%s: %w", o.describe(), err)
		return
	}
	p.setTarget(o, file, debugPath)
}

func (p *Process) setTarget(o *Object, file *elfsym.File, debugPath string) {
	if o.Target, o.Err = newTarget(file, o.Path, debugPath, o, o.ident, p.targetOptions()); o.Err == nil {
		o.findBiases()
	}
}

// memberName is "/NAME" of the zip member that begins at a place, or else the
// place.
func memberName(f io.ReaderAt, size int64, base elfsym.Offset) string {
	unnamed := fmt.Sprintf("0x%x", uint64(base))
	// A directory of an APK has some thousand entries; a hostile one can say
	// that it fills the file.
	const most = 64 << 20
	if size > 1<<40 {
		return unnamed
	}
	z, err := zip.NewReader(&bounded{f, most}, size)
	if err != nil {
		return unnamed
	}
	for _, m := range z.File {
		// A member that is stored as it is has its size in the file.
		if m.Method != zip.Store || m.CompressedSize64 < 64 {
			continue
		}
		if at, err := m.DataOffset(); err == nil && at == int64(base) {
			return "/" + m.Name
		}
	}
	return unnamed
}

// bounded is a reader that gives out so many bytes and no more.
type bounded struct {
	r    io.ReaderAt
	left int
}

var errBounded = errors.New("more than is read for a name")

func (b *bounded) ReadAt(p []byte, off int64) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errBounded
	}
	return b.r.ReadAt(p, off)
}

// debugIn are the options with a root.
func debugIn(o *debuglink.Options, root string) *debuglink.Options {
	var in debuglink.Options
	if o != nil {
		in = *o
	}
	in.Root = root
	return &in
}
