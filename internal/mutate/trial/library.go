package trial

import (
	"context"
	"fmt"
	"iter"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/archive"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
)

// most is how many of the things that a file claims are gone through: the walks themselves are not cut off, the
// questions about each thing are.
const most = 200

// Library are the tasks that need no command line: everything that the packages read from a file.
func Library() []Task {
	return []Task{
		{"elfsym", withFile(readELF)},
		{"symbols", withFile(readSymbols)},
		{"frames", withFile(readFrames)},
		{"gotable", withFile(readGo)},
		{"dwarf", withFile(readDWARF)},
		{"exits", readExits},
		{"archive", readArchive},
	}
}

func withFile(read func(f *elfsym.File) error) func(context.Context, string) error {
	return func(_ context.Context, path string) error {
		f, err := elfsym.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		return read(f)
	}
}

// first takes the first things of a walk, and lets the walk end.
func first[T any](seq iter.Seq2[T, error]) []T {
	var all []T
	for v, err := range seq {
		if err == nil && len(all) < most {
			all = append(all, v)
		}
	}
	return all
}

// readELF reads what concerns the whole file. An address that has an offset has that offset's address again.
func readELF(f *elfsym.File) error {
	f.BuildID()
	f.Linking()
	f.Needed()
	f.GoBuildInfo()
	f.GoBuildID()
	f.FramePointers()
	first(f.Notes())
	sections, _ := f.Sections()
	for i := range min(len(sections), most) {
		f.Compression(&sections[i])
		f.Data(&sections[i])
	}
	for s, err := range usdt.Sites(f) {
		if err == nil {
			usdt.ReadNop(f, &s)
		}
	}
	return nil
}

func readSymbols(f *elfsym.File) error {
	var names []string
	for _, s := range first(f.Symbols(elfsym.Symtab | elfsym.Dynsym)) {
		names = append(names, s.Name)
		f.Floating(&s)
		off, err := f.Segments().Offset(s.Addr)
		if err != nil {
			continue
		}
		if int64(off) >= f.Size() {
			return fmt.Errorf("%s at %#x: offset %#x of a file of %#x", s.Name, s.Addr, off, f.Size())
		}
	}
	first(f.Lookup(elfsym.Symtab|elfsym.Dynsym, append(names[:min(len(names), 20)], "absent")...))
	return nil
}

func readFrames(f *elfsym.File) error {
	for _, s := range first(f.Starts()) {
		f.FrameAt(s.Addr)
		f.CFAAt(s.Addr + 1)
	}
	return nil
}

func readGo(f *elfsym.File) error {
	t, err := f.GoFuncs()
	if t == nil || err != nil { // neither: no Go program
		return nil
	}
	for _, fn := range first(t.Funcs()) {
		t.Frames(fn.Addr)
		t.At(fn.Addr + 1)
		first(t.Lookup(fn.Name))
	}
	return nil
}

func readDWARF(f *elfsym.File) error {
	d, err := dwarfinfo.New(dwarfinfo.FromELF(f))
	if err != nil || d.Empty() {
		return nil
	}
	var names []string
	for _, fn := range first(d.Funcs()) {
		names = append(names, fn.Name)
		d.FuncAt(fn.Entry)
		d.Frames(fn.Entry + 1)
		fn.QualifiedName()
		fn.DeclFile()
		for range fn.Inlined() {
		}
	}
	names = append(names[:min(len(names), 5)], "absent")
	first(d.Lookup(names...))
	first(d.Inlined(names...))
	left := most
	for _, t := range first(d.TypeNamed("int", "char", "point", "node", "list", "string", "T")) {
		readType(t, 4, &left)
	}
	return nil
}

// readType asks a type for everything, and what it is made of for a few steps: types refer to each other in circles.
func readType(t *dwarfinfo.Type, depth int, left *int) {
	if t == nil || depth == 0 || *left == 0 {
		return
	}
	*left--
	_, _, _ = t.String(), t.Declare("x"), t.Size()
	t.QualifiedName()
	t.Enumerators()
	t.Variants()
	t.Definition()
	t.Strip()
	readType(t.Elem(), depth-1, left)
	params, _ := t.Params()
	fields, _ := t.Fields()
	for _, p := range params {
		readType(p, depth-1, left)
	}
	for _, f := range fields {
		readType(f.Type, depth-1, left)
	}
}

// readExits asks where the first functions are left, and whether a uprobe may be there.
func readExits(ctx context.Context, path string) error {
	t, err := offset.Open(path, &offset.Options{OwnTables: true})
	if err != nil {
		return nil
	}
	defer t.Close()
	var ls []offset.Location
	for p, err := range t.Probes(ctx, offset.Query{}) {
		if err != nil {
			continue
		}
		if l, err := p.Location(); err == nil && len(ls) < 20 {
			ls = append(ls, l)
		}
	}
	for _, l := range ls {
		t.Resolve(ctx, offset.At(l.Addr))
	}
	t.Exits(ctx, ls...)
	t.Verdicts(ctx, ls...)
	for _, l := range ls {
		t.Check(l)
		t.Aliases(ctx, l)
	}
	return nil
}

func readArchive(ctx context.Context, path string) error {
	a, err := archive.Open(ctx, path, archive.Limits{Output: 1 << 30})
	if err != nil {
		return nil
	}
	defer a.Close()
	a.Images()
	a.Each(ctx, "", func(*archive.Member) error { return nil })
	a.Problems()
	return nil
}
