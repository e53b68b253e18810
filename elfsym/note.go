package elfsym

import (
	"bytes"
	"debug/elf"
	"fmt"
	"iter"

	"github.com/probels/probels/internal/wire"
)

// A Note is one record of a SHT_NOTE section or a PT_NOTE segment.
type Note struct {
	Name    string // without the NUL that ends it
	Type    uint32
	Desc    []byte // the caller's
	Section string // "PT_NOTE" in a file without section headers
	Offset  Offset // of the record in the file
}

// noteArea is a stretch of the file that holds notes.
type noteArea struct {
	name      string
	off, size uint64
	align     uint64
	err       error // why it is not to be read
}

// Notes are the records of all SHT_NOTE sections or, in a file without section
// headers, of its PT_NOTE segments. Where one is damaged, the rest of its area
// cannot be told apart: an error is yielded, and the next area follows. Areas that
// overlap so much that together they are more than the file end in ErrLimit.
func (f *File) Notes() iter.Seq2[Note, error] {
	return func(yield func(Note, error) bool) {
		for _, a := range f.notes() {
			b, err := f.noteBytes(a)
			if err != nil {
				if !yield(Note{}, err) {
					return
				}
				continue
			}
			for n, err := range parseNotes(f.Layout, b, a) {
				if !yield(n, err) {
					return
				}
			}
		}
	}
}

// NoteSection is the raw content and place of a section that holds notes.
type NoteSection struct {
	Name   string
	Offset Offset
	Data   string // records can have parts of it without a copy
}

// NoteSections are the SHT_NOTE sections (PT_NOTE segments in a file without
// section headers) that want accepts by name, whole: for a format whose records
// can be found again behind a damaged one.
func (f *File) NoteSections(want func(name string) bool) iter.Seq2[NoteSection, error] {
	return func(yield func(NoteSection, error) bool) {
		for _, a := range f.notes() {
			if !want(a.name) {
				continue
			}
			text, err := "", a.err
			if err == nil {
				text, err = f.text(a.off, a.size, a.name)
			}
			if !yield(NoteSection{a.name, Offset(a.off), text}, err) {
				return
			}
		}
	}
}

// findNotes lists where notes are. Sections come first: .note.stapsdt is not
// loaded, so no segment has it.
func (f *File) findNotes() []noteArea {
	var out []noteArea
	if t, err := f.sections(); err == nil && len(t.all) > 0 {
		for i := range t.all {
			if s := &t.all[i]; s.Type == elf.SHT_NOTE {
				out = append(out, noteArea{name: s.Name, off: uint64(s.Offset), size: s.Size, align: s.AddrAlign})
			}
		}
		return f.limitNotes(out)
	}
	return f.noteSegments()
}

func (f *File) noteSegments() []noteArea {
	var out []noteArea
	for _, s := range f.segs.all {
		if s.Type == elf.PT_NOTE {
			out = append(out, noteArea{name: "PT_NOTE", off: uint64(s.Offset), size: s.FileSize, align: s.Align})
		}
	}
	return f.limitNotes(out)
}

// limitNotes sees to it that the areas together are no larger than the file:
// thousands of headers may mean the same bytes. What is too much is reported
// once.
func (f *File) limitNotes(areas []noteArea) []noteArea {
	left := f.size
	for i := range areas {
		a := &areas[i]
		if a.off > f.size || a.size > f.size-a.off {
			continue // reading it is an error
		}
		if a.size > left {
			a.err = &FormatError{a.name, Offset(a.off), "there are more notes than the file has bytes", ErrLimit}
			return areas[:i+1]
		}
		left -= a.size
	}
	return areas
}

func (f *File) noteBytes(a noteArea) ([]byte, error) {
	if a.err != nil {
		return nil, a.err
	}
	return f.bytes(a.off, a.size, a.name)
}

// parseNotes takes the records apart. namesz, descsz and type are 4 bytes in
// both classes. Name and descriptor are padded to 4 bytes, or to 8 where the
// area is aligned to 8 (.note.gnu.property on 64 bit; the gABI says 8 for all
// 64-bit files, and nobody else follows it).
func parseNotes(l wire.Layout, b []byte, a noteArea) iter.Seq2[Note, error] {
	return func(yield func(Note, error) bool) {
		align := uint64(4)
		if a.align == 8 {
			align = 8
		}
		size := uint64(len(b))
		var owners lastName
		for pos := uint64(0); size-pos >= 12; {
			// 64-bit sums of 32-bit sizes cannot overflow.
			namesz, descsz := uint64(l.U32(b[pos:])), uint64(l.U32(b[pos+4:]))
			desc := pos + roundUp(12+namesz, align)
			if descsz == 0 {
				desc = min(desc, size) // the padding of the last note may be missing
			}
			end := desc + descsz
			if pos+12+namesz > size || end > size {
				yield(Note{}, damaged(a.name, a.off+pos, "name of %d and descriptor of %d bytes, %d left", namesz, descsz, size-pos-12))
				return
			}
			name := b[pos+12 : pos+12+namesz]
			if i := bytes.IndexByte(name, 0); i >= 0 {
				name = name[:i]
			}
			n := Note{
				Name: owners.name(name), Type: l.U32(b[pos+8:]), Desc: b[desc:end:end],
				Section: a.name, Offset: Offset(a.off + pos),
			}
			if !yield(n, nil) {
				return
			}
			pos = min(roundUp(end, align), size) // the last may lack its padding
		}
	}
}

// lastName keeps a name for all that have it in turn: the notes of a section
// mostly have one owner.
type lastName struct{ s string }

func (l *lastName) name(b []byte) string {
	if string(b) != l.s {
		l.s = string(b)
	}
	return l.s
}

func roundUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }

// BuildID is the GNU build-id: bytes that name this build of this file, and
// which a separate debug file shares: mostly 20, but 8, 16 or any other number
// too. nil if there is none that can be read. The slice is shared: do not change
// it.
func (f *File) BuildID() []byte { return f.parts.buildID.value(f.readBuildID) }

func (f *File) readBuildID() []byte {
	const ntGNUBuildID = 3
	if n := f.findNote("GNU", ntGNUBuildID); n != nil {
		return n.Desc
	}
	return nil
}

// findNote is the first note of that kind that is not empty. Segments come
// first, for no section header need be read then; the sections are asked too,
// because a debug file's PT_NOTE may point nowhere.
func (f *File) findNote(name string, typ uint32) *Note {
	if n := f.findNoteIn(f.noteSegments(), name, typ); n != nil {
		return n
	}
	return f.findNoteIn(f.notes(), name, typ)
}

func (f *File) findNoteIn(areas []noteArea, name string, typ uint32) *Note {
	for _, a := range areas {
		b, err := f.noteBytes(a)
		if err != nil {
			continue
		}
		for n, err := range parseNotes(f.Layout, b, a) {
			if err == nil && n.Name == name && n.Type == typ && len(n.Desc) > 0 {
				found := n // n itself would be an allocation for each note
				return &found
			}
		}
	}
	return nil
}

// GoBuildID is the identifier that the Go linker wrote, four parts joined by
// slashes; "" if there is none.
func (f *File) GoBuildID() string {
	const ntGoBuildID = 4
	if n := f.findNote("Go", ntGoBuildID); n != nil {
		return string(n.Desc)
	}
	return ""
}

func (n Note) String() string {
	return fmt.Sprintf("%s type %d, %d bytes, at 0x%x", n.Name, n.Type, len(n.Desc), uint64(n.Offset))
}
