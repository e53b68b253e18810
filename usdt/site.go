package usdt

import (
	"debug/elf"
	"errors"
	"fmt"
	"iter"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt/operand"
)

// ErrDamaged is what a NoteError wraps.
var ErrDamaged = errors.New("damaged")

// A NoteError is one note that could not be read, or is of another kind; the
// others stand.
type NoteError struct {
	Section string
	Offset  elfsym.Offset // of the note in the file
	Reason  string
}

func (e *NoteError) Error() string {
	return fmt.Sprintf("%s: note at 0x%x: %s", e.Section, uint64(e.Offset), e.Reason)
}

func (e *NoteError) Unwrap() error { return ErrDamaged }

// A Site is one place in the code where a USDT probe stands, from one note. A
// probe that the compiler copied, by inlining say, has several sites, each with
// its own arguments. A Site is a value that needs its file no more, and its strings
// are parts of one copy of the notes: keeping one site keeps that copy.
type Site struct {
	Provider, Name string

	// Spec is the arguments as the note has them; see Args.
	Spec string

	// Addr is the link-time address of the instruction, a nop, where the
	// uprobe goes, and Offset its place in the file. Where it has none, Err
	// says why, and Offset means nothing.
	Addr   elfsym.Addr
	Offset elfsym.Offset
	Err    error

	// Semaphore is the link-time address of the 16-bit counter that tells the
	// program that somebody listens, 0 if the probe has none; RefCtrOffset is its
	// place in the file, what the kernel calls ref_ctr_offset. Where it has none,
	// SemaphoreErr says why, and the probe cannot be switched on.
	Semaphore    elfsym.Addr
	RefCtrOffset elfsym.Offset
	SemaphoreErr error

	// Note is where the note is in the file, and Moved how many bytes Addr and
	// Semaphore are ahead of what it says, because the file was changed after it
	// was linked (see the package comment).
	Note  elfsym.Offset
	Moved int64

	machine elf.Machine
	class   elf.Class
	raw     string // Spec, with what an assembler wrote behind a stray NUL
}

// Args are the site's arguments in order. One that cannot be read keeps its
// place and text and has Err set. The slice is the caller's; nothing is read from
// the file.
func (s *Site) Args() []operand.Arg { return s.AppendArgs(nil) }

// AppendArgs is Args, into memory that the caller has.
func (s *Site) AppendArgs(dst []operand.Arg) []operand.Arg {
	return operand.AppendArgs(dst, s.machine, s.class, s.raw)
}

// Sites yields the USDT sites of a file in the order of its notes. A damaged
// note is yielded as an error, and the next one follows: each note begins with
// the same bytes, so it can be found again. It reads the section headers and
// the notes, and no symbols. It can be called again, and by several at a time.
//
// Errors are a *NoteError for each note, and those of package elfsym for what
// could not be read: section headers first (then PT_NOTE segments are looked
// through), or a whole section of notes.
func Sites(f *elfsym.File) iter.Seq2[Site, error] {
	return func(yield func(Site, error) bool) {
		base := baseAddr(f)
		for n, err := range allNotes(f) {
			if err != nil {
				if !yield(Site{}, err) {
					return
				}
				continue
			}
			if !yield(n.site(f, base), nil) {
				return
			}
		}
	}
}

// A Name is what a probe is called.
type Name struct{ Provider, Name string }

// Names yields the name of each site, for those who want nothing else: in the order
// of Sites, as often, and with its errors.
func Names(f *elfsym.File) iter.Seq2[Name, error] {
	return func(yield func(Name, error) bool) {
		for n, err := range allNotes(f) {
			if !yield(Name{n.provider, n.name}, err) {
				return
			}
		}
	}
}

// allNotes yields the stapsdt notes of all sections. A note is valid until the next.
func allNotes(f *elfsym.File) iter.Seq2[*note, error] {
	return func(yield func(*note, error) bool) {
		var none note
		if _, err := f.Sections(); err != nil && !yield(&none, err) {
			return
		}
		for sec, err := range f.NoteSections(mayHoldProbes) {
			if err != nil {
				if !yield(&none, err) {
					return
				}
				continue
			}
			for n, err := range notes(f, sec) {
				if !yield(n, err) {
					return
				}
			}
		}
	}
}

// mayHoldProbes leaves out the note sections that every file has. Any other is
// looked into: readelf and GDB find probes in a section of any name.
func mayHoldProbes(section string) bool {
	switch section {
	case ".note.gnu.build-id", ".note.gnu.property", ".note.ABI-tag", ".note.package", ".note.go.buildid":
		return false
	}
	return true
}

// baseAddr is the address of .stapsdt.base, 0 if there is none.
func baseAddr(f *elfsym.File) elfsym.Addr {
	if s := f.Section(".stapsdt.base"); s != nil {
		return s.Addr
	}
	return 0
}

// site turns a note's addresses into places in the file.
func (n *note) site(f *elfsym.File, base elfsym.Addr) Site {
	s := Site{
		Provider: n.provider, Name: n.name, Spec: n.args, Note: n.at,
		Addr: n.loc, Semaphore: n.semaphore,
		machine: f.Machine(), class: f.Class(), raw: n.args,
	}
	if n.behind != "" {
		s.raw = n.args + "\x00" + n.behind
	}
	if base != 0 && n.base != 0 && base != n.base {
		delta := base - n.base
		s.Moved = int64(delta)
		s.Addr = wrap(s.Addr+delta, s.class)
		if s.Semaphore != 0 {
			s.Semaphore = wrap(s.Semaphore+delta, s.class)
		}
		if s.class == elf.ELFCLASS32 {
			s.Moved = int64(int32(delta))
		}
	}
	segs := f.Segments()
	s.Offset, s.Err = segs.Code(s.Addr)
	if s.Semaphore != 0 {
		s.RefCtrOffset, s.SemaphoreErr = segs.Data(s.Semaphore)
	}
	return s
}

func wrap(a elfsym.Addr, c elf.Class) elfsym.Addr {
	if c == elf.ELFCLASS32 {
		return a & 0xffffffff
	}
	return a
}

// A Probe is the sites that share provider and name.
type Probe struct {
	Provider, Name string
	Sites          []Site
}

// Group gathers sites into probes, in the order in which each probe's first
// site comes.
func Group(sites []Site) []Probe {
	type key struct{ provider, name string }
	index := make(map[key]int, len(sites))
	var out []Probe
	for _, s := range sites {
		k := key{s.Provider, s.Name}
		i, ok := index[k]
		if !ok {
			i = len(out)
			index[k] = i
			out = append(out, Probe{Provider: s.Provider, Name: s.Name})
		}
		out[i].Sites = append(out[i].Sites, s)
	}
	return out
}
