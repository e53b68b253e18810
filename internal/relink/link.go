package relink

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
)

// Limits bound what one archive may cost. The zero value of a field means its
// default.
type Limits struct {
	Members uint32 // default 1<<16
	Bytes   uint64 // of code and data of all members together; default 512 MiB
	Memory  uint64 // of what has no bytes: .bss, common symbols; default 512 MiB
	ELF     elfsym.Limits
}

func (l Limits) filled() Limits {
	if l.Members == 0 {
		l.Members = 1 << 16
	}
	if l.Bytes == 0 {
		l.Bytes = 512 << 20
	}
	if l.Memory == 0 {
		l.Memory = 512 << 20
	}
	return l
}

// ErrNoCode: no member has code that could be compared.
var ErrNoCode = errors.New("no object file with code of x86-64 or arm64 in it")

// A Library is what was linked.
type Library struct {
	Image []byte // an ELF file, with the functions' names

	// Units are the addresses at which the code of another member begins, or code
	// that a linker puts elsewhere, in ascending order.
	Units []uint64
}

// Link makes a library of an archive, or of an object file. Problems are what was
// left out, beside a library of the rest; an error comes with none. r is read only
// meanwhile.
func Link(ctx context.Context, r io.ReaderAt, size int64, name string, l Limits) (lib *Library, problems []error, err error) {
	k := &linker{ctx: ctx, limits: l.filled(), defs: map[string]definition{}, groups: map[string]bool{}, skipped: map[unfit]*skippedMembers{}}
	head := make([]byte, min(HeadSize, size))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	all, ar := []member{{name, 0, size}}, false
	switch {
	case isObject(head):
	case Is(head):
		ar = true
		all, err = members(r, size, k.limits.Members)
		if len(all) == 0 && err != nil {
			return nil, nil, err
		}
		k.problem(err)
	default:
		return nil, nil, fmt.Errorf("%w: neither an archive nor an object file", elfsym.ErrNotELF)
	}
	for _, m := range all {
		if err := ctx.Err(); err != nil {
			return nil, k.problems, err
		}
		if err := k.add(r, m); err != nil {
			var why unfit
			switch {
			case errors.As(err, &why):
				k.skip(m.name, why)
			case ar:
				k.problem(memberError(m.name, err))
			default:
				k.problem(err)
			}
		}
	}
	problems = append(k.problems, k.skippedErrors(ar)...)
	if !slices.ContainsFunc(k.objs, (*object).hasCode) {
		return nil, nil, errors.Join(append([]error{ErrNoCode}, problems...)...)
	}
	k.problems = problems
	if err := k.link(); err != nil {
		return nil, k.problems, err
	}
	return &Library{Image: k.write(), Units: k.units}, k.problems, nil
}

func memberError(name string, err error) error { return fmt.Errorf("member %.80q: %w", name, err) }

type linker struct {
	ctx      context.Context
	limits   Limits
	problems []error
	skipped  map[unfit]*skippedMembers

	machine elf.Machine
	m       *machine
	objs    []*object
	defs    map[string]definition
	groups  map[string]bool // signatures that were seen
	commons map[string]uint64
	names   uint64

	layout
	imports
}

const maxProblems = 20

func (k *linker) problem(err error) {
	if err != nil && len(k.problems) < maxProblems {
		k.problems = append(k.problems, err)
	}
}

// skippedMembers are those that were left out for one reason.
type skippedMembers struct {
	first string
	n     int
}

func (k *linker) skip(name string, why unfit) {
	if k.skipped[why] == nil {
		k.skipped[why] = &skippedMembers{first: name}
	}
	k.skipped[why].n++
}

// skippedErrors tells what was left out. Objects with nothing in them are usual where
// others have something.
func (k *linker) skippedErrors(ar bool) []error {
	var out []error
	for _, why := range []unfit{errBytecode, errMachine, errNotObject, errEmpty} {
		switch s := k.skipped[why]; {
		case s == nil, why == errEmpty && len(k.objs) > 0:
		case !ar:
			out = append(out, why)
		case s.n == 1:
			out = append(out, memberError(s.first, why))
		default:
			out = append(out, fmt.Errorf("%d members, %.80q the first: %w", s.n, s.first, why))
		}
	}
	return out
}

// definition is where a name is defined; obj and sym are indices.
type definition struct {
	obj, sym int32
	rank     uint8
}

// Ranks of what defines a name.
const (
	commonRank = iota + 1
	weakRank
	strongRank
)

// add takes a member in.
func (k *linker) add(r io.ReaderAt, m member) error {
	o, err := readObject(r, m, k.limits.ELF)
	if err != nil {
		return err
	}
	if k.m == nil {
		k.machine, k.m = o.f.Machine(), machineOf(o.f.Machine())
	} else if k.machine != o.f.Machine() {
		return errMachine
	}
	if k.names += o.names; k.names > k.limits.Bytes {
		return fmt.Errorf("names of more than %d bytes: %w", k.limits.Bytes, elfsym.ErrLimit)
	}
	seen := map[string]bool{}
	err = o.groups(func(signature string, secs []uint32) error {
		if !k.groups[signature] || seen[signature] {
			seen[signature] = true
			return nil
		}
		for _, i := range secs {
			o.secs[i].discarded = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for s := range seen {
		k.groups[s] = true
	}
	no := int32(len(k.objs))
	k.objs = append(k.objs, o)
	for i := range o.syms {
		s := &o.syms[i]
		if s.bind == elf.STB_LOCAL || s.name == "" || s.sec == undefined {
			continue
		}
		rank := uint8(strongRank)
		switch {
		case s.sec == common:
			rank = commonRank
		case s.sec < common && o.secs[s.sec].discarded:
			continue
		case s.bind == elf.STB_WEAK:
			rank = weakRank
		}
		old, ok := k.defs[s.name]
		if !ok || rank > old.rank || rank == commonRank && old.rank == commonRank && s.size > k.objs[old.obj].syms[old.sym].size {
			k.defs[s.name] = definition{no, int32(i), rank}
		}
	}
	return nil
}

// link places the sections, reads them and applies their relocations.
func (k *linker) link() error {
	if err := k.place(); err != nil {
		return err
	}
	k.imports = imports{stubAt: map[target]uint64{}, slotAt: map[target]uint64{}, copyAt: map[string]uint64{}, next: k.bssEnd, number: map[string]uint32{}, failed: map[failure]int{}}
	for _, o := range k.objs {
		if err := k.ctx.Err(); err != nil {
			return err
		}
		if err := k.load(o); err != nil {
			k.problem(memberError(o.name, err))
		}
	}
	for i, o := range k.objs {
		if err := k.ctx.Err(); err != nil {
			return err
		}
		if err := k.relocate(int32(i), o); err != nil {
			k.problem(memberError(o.name, err))
		}
	}
	k.unapplied()
	return nil
}

// load reads a member's bytes into the image.
func (k *linker) load(o *object) error {
	all, err := o.f.Sections()
	if err != nil {
		return err
	}
	for i := range o.secs {
		s := &o.secs[i]
		if !s.class.bytes() || s.discarded || s.size == 0 {
			continue
		}
		r, err := o.f.SectionReader(&all[i])
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(r, k.image[s.off:s.off+s.size]); err != nil {
			return fmt.Errorf("%.80q: %w", all[i].Name, err)
		}
	}
	return nil
}

// codeOrder is the place of a section among code, as GNU ld's own script has it.
func codeOrder(name string) int {
	for i, prefix := range []string{".text.unlikely", ".text.exit", ".text.startup", ".text.hot", ".text.sorted"} {
		if name == prefix || strings.HasPrefix(name, prefix+".") || i == 0 && strings.HasPrefix(name, ".text.") && strings.HasSuffix(name, "_unlikely") {
			return i
		}
	}
	return 5
}

// frameLength is how much of a section of call frame information comes before a
// record of no length, which would end all of it.
func frameLength(b []byte) int {
	at := 0
	for len(b)-at >= 4 {
		n := uint64(le.Uint32(b[at:]))
		head := uint64(4)
		if n == 0xffffffff && len(b)-at >= 12 {
			n, head = le.Uint64(b[at+4:]), 12
		}
		if n == 0 || n > uint64(len(b)-at)-head {
			return at
		}
		at += int(head + n)
	}
	return at
}

// sortedNames are the keys of a map in order, so that one archive gives one image.
func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
