package elfsym

import (
	"debug/elf"
	"errors"
	"iter"
)

// A Pointer is a word of memory that the loader fills in with an address when it
// maps the file, as a dynamic relocation tells it: an entry of the global offset
// table, an element of a table of functions.
type Pointer struct {
	At Addr // of the word

	// To is the address within the file that the word will hold, before the load
	// bias is added; 0 if it is another file's.
	To Addr

	// Name is the symbol's by which the loader looks the address up; "" if the
	// relocation has none. A symbol that the file defines has To as well, though
	// another file may take its place.
	Name string

	// Resolver is set where To is a function that the loader calls for the
	// address (IRELATIVE).
	Resolver bool

	// Copy is set where the loader copies a variable of another file to At.
	Copy bool
}

// pointerRelocs are a machine's relocation types that write an address into a
// word.
type pointerRelocs struct {
	relative, irelative, copies uint32
	symbolic                    [3]uint32 // S + A
}

// pointerTypes are those of the machines that are known.
func pointerTypes(m elf.Machine) (r pointerRelocs, ok bool) {
	switch m {
	case elf.EM_X86_64:
		return pointerRelocs{uint32(elf.R_X86_64_RELATIVE), uint32(elf.R_X86_64_IRELATIVE), uint32(elf.R_X86_64_COPY),
			[3]uint32{uint32(elf.R_X86_64_64), uint32(elf.R_X86_64_GLOB_DAT), uint32(elf.R_X86_64_JMP_SLOT)}}, true
	case elf.EM_AARCH64:
		return pointerRelocs{uint32(elf.R_AARCH64_RELATIVE), uint32(elf.R_AARCH64_IRELATIVE), uint32(elf.R_AARCH64_COPY),
			[3]uint32{uint32(elf.R_AARCH64_ABS64), uint32(elf.R_AARCH64_GLOB_DAT), uint32(elf.R_AARCH64_JUMP_SLOT)}}, true
	}
	return r, false
}

// maxPointers bounds what a file's packed relocations (DT_RELR) may stand for: a
// word of them describes up to 63.
const maxPointers = 1 << 24

// Pointers yields the words that the loader fills in with addresses, in the
// order of the relocation tables; a word may come twice. It knows x86-64 and
// arm64. An error says what could not be read, and comes last.
func (f *File) Pointers() iter.Seq2[Pointer, error] {
	return func(yield func(Pointer, error) bool) {
		types, ok := pointerTypes(f.hdr.machine)
		if !ok || f.hdr.typ == elf.ET_REL {
			return
		}
		names, err := f.dynamicNames()
		stopped := false
		// The tables overlap in no sound file, and a walk over all of them can't be
		// ended early: the rest is skipped.
		rerr := f.eachRelocation(func(r *relocation) {
			if stopped {
				return
			}
			p := Pointer{At: r.at}
			switch r.typ {
			case types.relative, types.irelative:
				if !r.rela {
					return // neither machine's ABI has these
				}
				p.To, p.Resolver = Addr(r.addend), r.typ == types.irelative
			case types.symbolic[0], types.symbolic[1], types.symbolic[2], types.copies:
				s, ok := names[r.sym]
				if !ok {
					return
				}
				p.Name, p.Copy = s.name, r.typ == types.copies
				if s.at != 0 && !p.Copy {
					p.To = s.at + Addr(r.addend)
				}
			default:
				return
			}
			stopped = !yield(p, nil)
		})
		if stopped {
			return
		}
		err = errors.Join(err, rerr)
		ok, perr := f.packedPointers(yield)
		if err = errors.Join(err, perr); ok && err != nil {
			yield(Pointer{}, err)
		}
	}
}

type dynamicName struct {
	name string
	at   Addr // 0 if it is another file's
}

// dynamicNames are the dynamic symbols by index.
func (f *File) dynamicNames() (map[uint32]dynamicName, error) {
	out := map[uint32]dynamicName{}
	var errs []error
	for s, err := range f.Symbols(Dynsym) {
		if err != nil {
			if len(errs) < maxStartErrors {
				errs = append(errs, err)
			}
			continue
		}
		n := dynamicName{name: s.Name}
		if s.Defined() && !f.Floating(&s) && s.Type != elf.STT_TLS {
			n.at = s.Addr
		}
		out[s.Index] = n
	}
	return out, errors.Join(errs...)
}

// packedPointers yields what DT_RELR stands for: an even word is the address of
// a word to relocate, an odd one a bitmap of those that follow (gABI, "Relative
// Relocation Table"). The addend is in the word itself. false if yield wanted no
// more.
func (f *File) packedPointers(yield func(Pointer, error) bool) (bool, error) {
	const relr, relrSize = elf.DynTag(36), elf.DynTag(35)
	d, err := f.dynamic()
	if err != nil || d.tags[relrSize] == 0 {
		return true, nil // told by the walk before
	}
	off, ok, err := f.offsetOf(d, relr)
	if err != nil || !ok {
		return true, err
	}
	table, err := f.bytes(off, d.tags[relrSize], "DT_RELR")
	if err != nil {
		return true, err
	}
	w := uint64(f.WordSize())
	mem := &goMemory{f: f}
	n := 0
	one := func(at uint64) bool {
		var b [8]byte
		if mem.Read(b[:w], at) != nil {
			return true
		}
		return yield(Pointer{At: Addr(at), To: Addr(f.Word(b[:]))}, nil)
	}
	var next uint64
	for ; uint64(len(table)) >= w; table = table[w:] {
		v := f.Word(table)
		if n += int(8 * w); n > maxPointers {
			return true, &FormatError{"DT_RELR", Offset(off), "stands for too many words", ErrLimit}
		}
		if v&1 == 0 {
			if !one(v) {
				return false, nil
			}
			next = v + w
			continue
		}
		for i := uint64(0); i < 8*w-1; i++ {
			if v>>(i+1)&1 != 0 && !one(next+i*w) {
				return false, nil
			}
		}
		next += (8*w - 1) * w
	}
	return true, nil
}
