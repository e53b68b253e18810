package usdt_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/usdt"
)

// The committed binary with one note of each kind of damage.
func TestNotesDamaged(t *testing.T) {
	sites, errs := drain(usdt.Sites(open(t, "amd64/sdt-damaged.so")))
	if got, want := names(sites), "good_first no_args trailing outside semaphore_in_code bad_args good_last"; got != want {
		t.Errorf("sites %s, want %s", got, want)
	}
	var text strings.Builder
	for _, err := range errs {
		var note *usdt.NoteError
		if !errors.As(err, &note) || !errors.Is(err, usdt.ErrDamaged) || note.Section != ".note.stapsdt" || note.Offset == 0 {
			t.Errorf("error %#v", err)
		}
		fmt.Fprintln(&text, err)
	}
	for _, want := range []string{"no room for its addresses", "no provider", "no name", "arguments have no end", "are left"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no error with %q in\n%s", want, &text)
		}
	}
	// Those of another type and another owner come behind a damaged one, and are
	// passed over in search of the next that is ours.
	if len(errs) != 7 {
		t.Errorf("%d errors\n%s", len(errs), &text)
	}
	for _, s := range sites {
		switch s.Name {
		case "outside":
			if s.Err == nil {
				t.Error("the site outside has an offset")
			}
		case "semaphore_in_code":
			if s.Err != nil || s.SemaphoreErr == nil {
				t.Errorf("semaphore in code: %v, %v", s.Err, s.SemaphoreErr)
			}
		case "no_args":
			if s.Spec != "" || len(s.Args()) != 0 {
				t.Errorf("no arguments: %q", s.Spec)
			}
		case "bad_args":
			if args := s.Args(); len(args) < 3 || args[0].Err == nil {
				t.Errorf("arguments %+v", args)
			}
		}
	}
}

// What a descriptor may lack, and what not.
func TestDescriptor(t *testing.T) {
	for _, l := range layouts {
		for _, c := range []struct {
			what, text string // behind the addresses
			want       string // provider:name arguments; "" if refused
		}{
			{"three strings", "p\x00n\x004@%eax\x00", "p:n 4@%eax"},
			{"no arguments", "p\x00n\x00\x00", "p:n "},
			{"no third string", "p\x00n\x00", "p:n "},
			{"padding behind", "p\x00n\x00a\x00\x00\x00\x00", "p:n a"},
			{"arguments without an end", "p\x00n\x00a", ""},
			{"name without an end", "p\x00n", ""},
			{"provider without an end", "p", ""},
			{"no provider", "\x00n\x00\x00", ""},
			{"no name", "p\x00\x00a\x00", ""},
			{"nothing", "", ""},
			{"odd names", "p:q\x00n m\x00\x00", "p:q:n m "},
		} {
			w := program(l.class, l.data, nil)
			n := w.USDT(textAddr, 0, 0, "", "", "")
			n.Desc = append(n.Desc[:len(n.Desc)-3], c.text...)
			// Good ones before and behind must stand.
			good := w.USDT(textAddr, 0, 0, "good", "one", "")
			w.Sections = append(w.Sections, elfwrite.Section{Name: ".note.stapsdt", Notes: []elfwrite.Note{good, n, good}})
			sites, errs := drain(usdt.Sites(parse(t, w.Bytes())))
			got := ""
			if len(sites) == 3 {
				got = fmt.Sprintf("%s:%s %s", sites[1].Provider, sites[1].Name, sites[1].Spec)
			}
			if got != c.want || len(sites) != 2+min(len(c.want), 1) || len(errs) != 1-min(len(c.want), 1) {
				t.Errorf("%v %v %s: %q, want %q; %d sites, errors %v", l.class, l.data, c.what, got, c.want, len(sites), errs)
			}
		}
	}
}

// One byte of a section of notes is flipped, each in turn and in several ways:
// at most the note that it is in, and the one behind it, may be lost.
func TestResync(t *testing.T) {
	const n = 8
	for _, l := range layouts {
		w := program(l.class, l.data, func(w *elfwrite.File) []elfwrite.Note {
			var notes []elfwrite.Note
			for i := range n {
				notes = append(notes, w.USDT(textAddr+uint64(i), 0, 0, "provider", fmt.Sprintf("probe%d", i), strings.Repeat("4@%eax ", i)))
			}
			return notes
		})
		file := w.Bytes()
		s := sectionOf(t, file, ".note.stapsdt")
		for at := s.Offset; at < s.Offset+s.Size; at++ {
			for _, flip := range []byte{0xff, 0x01, 0x04, 0x80} {
				b := bytes.Clone(file)
				b[at] ^= flip
				sites, errs := drain(usdt.Sites(parse(t, b)))
				have := map[string]bool{}
				for _, s := range sites {
					have[fmt.Sprint(s.Name, s.Addr)] = true
				}
				found := 0
				for i := range n {
					if have[fmt.Sprint(fmt.Sprintf("probe%d", i), fmt.Sprint(textAddr+i))] {
						found++
					}
				}
				if found < n-2 {
					t.Fatalf("%v %v: byte 0x%x of the notes ^ 0x%x: only %d of %d found, %s, errors %v",
						l.class, l.data, at-s.Offset, flip, found, n, names(sites), errs)
				}
				if len(sites) > n+1 {
					t.Fatalf("%v %v: byte 0x%x of the notes ^ 0x%x: %d sites of %d", l.class, l.data, at-s.Offset, flip, len(sites), n)
				}
			}
		}
	}
}

// The section ends in the middle of a note.
func TestNotesCutOff(t *testing.T) {
	w := program(elf.ELFCLASS64, elf.ELFDATA2LSB, func(w *elfwrite.File) []elfwrite.Note {
		return []elfwrite.Note{w.USDT(textAddr, 0, 0, "p", "first", ""), w.USDT(textAddr, 0, 0, "p", "second", "4@%eax")}
	})
	size := sectionOf(t, w.Bytes(), ".note.stapsdt").Size
	for cut := range size {
		w.EditSection = func(name string, s *elf.Section64) {
			if name == ".note.stapsdt" {
				s.Size = cut
			}
		}
		sites, errs := drain(usdt.Sites(parse(t, w.Bytes())))
		if len(sites) > 2 || len(errs) > 1 || cut > size/2 && (len(sites) == 0 || sites[0].Name != "first") {
			t.Errorf("%d of %d bytes: %s, %v", cut, size, names(sites), errs)
		}
	}
}

// Hostile sections: the time must not grow with the square of their size.
func TestNotesHostile(t *testing.T) {
	w := program(elf.ELFCLASS64, elf.ELFDATA2LSB, nil)
	one := w.NoteBytes(w.USDT(textAddr, 0, 0, "p", "n", "a"))
	rest := bytes.Clone(one)
	w.Data = elf.ELFDATA2LSB
	for _, c := range []struct {
		what string
		edit func(b []byte)
	}{
		{"each claims the rest", func(b []byte) { copy(b[4:], "\x00\x00\x10\x00") }},
		{"each claims too much", func(b []byte) { copy(b[4:], "\xff\xff\xff\xff") }},
		{"names of the rest", func(b []byte) { copy(b, "\x00\x00\x10\x00") }},
		{"no mark", func(b []byte) { b[12] = 'x' }},
	} {
		b := bytes.Clone(rest)
		c.edit(b)
		b = append(bytes.Repeat(b, (4<<20)/len(b)), make([]byte, 4<<20)...)
		w.Sections = w.Sections[:2]
		w.Sections = append(w.Sections, elfwrite.Section{Name: ".note.stapsdt", Type: elf.SHT_NOTE, Bytes: b})
		n := 0
		for range usdt.Sites(parse(t, w.Bytes())) {
			n++
		}
		if n == 0 || n > len(b)/12+2 {
			t.Errorf("%s: %d sites and errors", c.what, n)
		}
	}
}
