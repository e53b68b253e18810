package elfsym_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// note encodes one record with any alignment; the last may lack its padding.
func note(f *elfwrite.File, align int, padded bool, typ uint64, name, desc string) []byte {
	b := append(numbers(f, false, uint64(len(name)), uint64(len(desc)), typ), name...)
	if desc != "" || padded {
		for len(b)%align != 0 {
			b = append(b, 0)
		}
	}
	b = append(b, desc...)
	for padded && len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}

func listNotes(f *elfsym.File) string {
	var lines []string
	for n, err := range f.Notes() {
		if err != nil {
			lines = append(lines, "error: "+err.Error())
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %q %d %q", n.Section, n.Name, n.Type, n.Desc))
	}
	return strings.Join(lines, "\n")
}

func TestNotes(t *testing.T) {
	for _, l := range layouts {
		for _, align := range []int{4, 8} {
			w := &elfwrite.File{Class: l.class, Data: l.data, Machine: elf.EM_X86_64, Type: elf.ET_EXEC}
			b := note(w, align, true, 1, "GNU\x00", "12345")
			b = append(b, note(w, align, true, 2, "odd na\x00", "")...)
			b = append(b, note(w, align, true, 3, "", "nameless")...)
			b = append(b, note(w, align, true, 4, "no NUL", "x")...)
			b = append(b, note(w, align, false, 5, "last\x00", "xyz")...)
			w.Sections = []elfwrite.Section{{Name: ".note", Type: elf.SHT_NOTE, Bytes: b, Align: uint64(align)}}
			want := `.note "GNU" 1 "12345"
.note "odd na" 2 ""
.note "" 3 "nameless"
.note "no NUL" 4 "x"
.note "last" 5 "xyz"`
			if got := listNotes(parse(t, w.Bytes())); got != want {
				t.Errorf("%v %v align %d:\n%s\nwant\n%s", l.class, l.data, align, got, want)
			}
			// The same as a segment, of a file without section headers.
			w.Sections, w.Segments = nil, []elfwrite.Segment{{Type: elf.PT_NOTE, Flags: elf.PF_R, Bytes: b, Align: uint64(align)}}
			if got, want := listNotes(parse(t, w.Bytes())), strings.ReplaceAll(want, ".note ", "PT_NOTE "); got != want {
				t.Errorf("%v %v align %d, a segment:\n%s\nwant\n%s", l.class, l.data, align, got, want)
			}
		}
	}
}

// A last note without a descriptor may lack the padding of its name too.
func TestNoteUnalignedEnd(t *testing.T) {
	w := &elfwrite.File{Machine: elf.EM_X86_64}
	w.Sections = []elfwrite.Section{{Name: ".note", Type: elf.SHT_NOTE, Bytes: note(w, 4, false, 7, "short\x00", "")}}
	if got, want := listNotes(parse(t, w.Bytes())), `.note "short" 7 ""`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Behind a damaged note the rest of its section is lost, and nothing else.
func TestNotesDamaged(t *testing.T) {
	w := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_EXEC}
	good := note(w, 4, true, 1, "good\x00", "d")
	for _, c := range []struct {
		what string
		bad  []byte
		part string
	}{
		{"name too long", numbers(w, false, 1000, 0, 1), "name of 1000"},
		{"descriptor too long", numbers(w, false, 0, 1000, 1), "descriptor of 1000 bytes"},
		{"both near 2^32", numbers(w, false, 1<<32-1, 1<<32-1, 1), "name of 4294967295"},
	} {
		w.Sections = []elfwrite.Section{
			{Name: ".note.a", Type: elf.SHT_NOTE, Bytes: append(append(bytes.Clone(good), c.bad...), good...)},
			{Name: ".note.b", Type: elf.SHT_NOTE, Bytes: good},
			{Name: ".note.c", Type: elf.SHT_NOTE, Bytes: good, Edit: func(s *elf.Section64) { s.Off = 1 << 40 }},
			{Name: ".note.d", Type: elf.SHT_NOTE, Bytes: good[:11]},
		}
		notes, errs := drain(parse(t, w.Bytes()).Notes())
		if len(notes) != 2 || len(errs) != 2 || notes[1].Section != ".note.b" {
			t.Errorf("%s: notes %v, errors %v", c.what, notes, errs)
			continue
		}
		wantError(t, c.what, errs[0], elfsym.ErrDamaged, c.part)
		wantError(t, c.what, errs[1], elfsym.ErrTruncated, ".note.c")
	}
}

// Thousands of headers that mean the same notes are not read thousands of times.
func TestNotesOverlap(t *testing.T) {
	w := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_EXEC}
	b := bytes.Repeat(note(w, 4, true, 1, "n\x00", "d"), 5000)
	w.Segments = []elfwrite.Segment{{Type: elf.PT_NOTE, Bytes: b, Align: 4}}
	for range 4000 {
		w.Segments = append(w.Segments, elfwrite.Segment{Type: elf.PT_NOTE, Filesz: uint64(len(b)), Align: 4})
	}
	at := parse(t, w.Bytes()).Segments().All()[0].Offset
	for i := range w.Segments[1:] {
		w.Segments[i+1].Offset = uint64(at)
	}
	file := w.Bytes()
	c := &counter{r: bytes.NewReader(file)}
	f, err := elfsym.NewFile(c, int64(len(file)), nil)
	if err != nil {
		t.Fatal(err)
	}
	notes, errs := drain(f.Notes())
	if len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrLimit) || len(notes) < 5000 {
		t.Errorf("%d notes, %d errors, %v the first", len(notes), len(errs), errs[:min(len(errs), 1)])
	}
	f.BuildID()
	if c.bytes > 6*len(file) {
		t.Errorf("%d bytes of a file of %d were read", c.bytes, len(file))
	}
}

func TestNoteSections(t *testing.T) {
	w := program()
	w.Sections = append(w.Sections,
		elfwrite.Section{Name: ".note.a", Notes: []elfwrite.Note{{Name: "a", Type: 1}}},
		elfwrite.Section{Name: ".note.b", Notes: []elfwrite.Note{{Name: "b", Type: 1}}})
	f := parse(t, w.Bytes())
	got := mustDrain(t, f.NoteSections(func(name string) bool { return name == ".note.b" }))
	if len(got) != 1 || got[0].Name != ".note.b" || uint64(got[0].Offset) != headerOf(t, w.Bytes(), ".note.b").Offset || !strings.Contains(got[0].Data, "b\x00") {
		t.Errorf("got %v", got)
	}
}

func TestBuildID(t *testing.T) {
	w := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_DYN}
	id := w.NoteBytes(elfwrite.Note{Name: "other", Type: 3, Desc: []byte("not it")}, elfwrite.Note{Name: "GNU", Type: 3, Desc: []byte("identifier")})
	segment := elfwrite.Segment{Type: elf.PT_NOTE, Bytes: id, Align: 4}
	sec := elfwrite.Section{Name: ".note.gnu.build-id", Type: elf.SHT_NOTE, Bytes: id, Align: 4}
	for _, c := range []struct {
		what string
		file elfwrite.File
		want string
	}{
		{"by segment", elfwrite.File{Segments: []elfwrite.Segment{segment}}, "identifier"},
		{"by section", elfwrite.File{Sections: []elfwrite.Section{sec}}, "identifier"},
		{"segment points nowhere", elfwrite.File{Sections: []elfwrite.Section{sec},
			Segments: []elfwrite.Segment{{Type: elf.PT_NOTE, Offset: 1 << 40, Filesz: 36}}}, "identifier"},
		{"neither", elfwrite.File{Segments: []elfwrite.Segment{{Type: elf.PT_LOAD}}}, ""},
		{"empty", elfwrite.File{Segments: []elfwrite.Segment{{Type: elf.PT_NOTE, Bytes: w.NoteBytes(elfwrite.Note{Name: "GNU", Type: 3})}}}, ""},
	} {
		f := parse(t, c.file.Bytes())
		if got := f.BuildID(); string(got) != c.want || (got == nil) != (c.want == "") {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
		if got := f.GoBuildID(); got != "" {
			t.Errorf("%s: Go build-id %q", c.what, got)
		}
	}
	golang := elfwrite.File{Sections: []elfwrite.Section{{Name: ".note.go.buildid", Notes: []elfwrite.Note{{Name: "Go", Type: 4, Desc: []byte("a/b/c/d")}}}}}
	if got := parse(t, golang.Bytes()).GoBuildID(); got != "a/b/c/d" {
		t.Errorf("Go build-id %q", got)
	}
}

// All committed binaries that were linked have a build-id of 20 bytes.
func TestBuildIDFixtures(t *testing.T) {
	for _, name := range testbin.All(t) {
		f := open(t, name)
		if f.Type() == elf.ET_REL || f.Type() == elf.ET_CORE {
			continue
		}
		if got := f.BuildID(); len(got) != 20 {
			t.Errorf("%s: build-id %x", name, got)
		}
	}
}

// What Notes gives is the caller's.
func TestNotesOwned(t *testing.T) {
	f := open(t, "amd64/probe-pie")
	before := fmt.Sprintf("%x", f.BuildID())
	for n := range f.Notes() {
		clear(n.Desc)
	}
	if got := fmt.Sprintf("%x", f.BuildID()); got != before {
		t.Errorf("build-id %s has become %s", before, got)
	}
	for n := range f.Notes() {
		if n.Name == "GNU" && n.Type == 3 && fmt.Sprintf("%x", n.Desc) != before {
			t.Errorf("the note has become %x", n.Desc)
		}
	}
}
