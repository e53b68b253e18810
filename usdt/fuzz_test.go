package usdt_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"runtime"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/mutate/mutatetest"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/usdt"
)

// check holds what is true of the sites of any file.
func check(t *testing.T, f *elfsym.File) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	sites, errs := drain(usdt.Sites(f))
	runtime.ReadMemStats(&after)
	if n, limit := after.TotalAlloc-before.TotalAlloc, uint64(100*f.Size()+16<<20); n > limit {
		t.Errorf("%d bytes allocated for a file of %d, %d allowed", n, f.Size(), limit)
	}
	again, _ := drain(usdt.Sites(f))
	names, nameErrs := drain(usdt.Names(f))
	if len(names) != len(sites) || fmt.Sprint(nameErrs) != fmt.Sprint(errs) {
		t.Errorf("%d names and %v, %d sites and %v", len(names), nameErrs, len(sites), errs)
	}
	for i, n := range names[:min(len(names), len(sites))] {
		if n != (usdt.Name{Provider: sites[i].Provider, Name: sites[i].Name}) {
			t.Errorf("site %d is %+v, its name %+v", i, sites[i], n)
		}
	}
	if fmt.Sprint(sites) != fmt.Sprint(again) {
		t.Errorf("sites\n%v, and the second time\n%v", sites, again)
	}
	if most := int(f.Size())/20 + 1; len(sites) > most || len(errs) > most+100 {
		t.Errorf("%d sites and %d errors in %d bytes", len(sites), len(errs), f.Size())
	}
	syms := usdt.Symbols{}
	last := elfsym.Offset(0)
	for i := range sites {
		s := &sites[i]
		if s.Provider == "" || s.Name == "" {
			t.Errorf("a site without a name: %+v", s)
		}
		if uint64(s.Note) >= uint64(f.Size()) {
			t.Errorf("a note at 0x%x", uint64(s.Note))
		}
		if s.Note == last {
			t.Errorf("two sites from the note at 0x%x", uint64(s.Note))
		}
		last = s.Note
		if s.Err == nil {
			if uint64(s.Offset) >= uint64(f.Size()) || !f.Segments().IsCode(s.Addr) {
				t.Errorf("the site at 0x%x is at offset 0x%x", uint64(s.Addr), uint64(s.Offset))
			}
			if _, err := usdt.ReadNop(f, s); err != nil {
				t.Error(err)
			}
		} else if s.Offset != 0 {
			t.Errorf("offset 0x%x and %v", uint64(s.Offset), s.Err)
		}
		if s.Semaphore == 0 && (s.RefCtrOffset != 0 || s.SemaphoreErr != nil) {
			t.Errorf("no semaphore, at 0x%x, %v", uint64(s.RefCtrOffset), s.SemaphoreErr)
		}
		if i < 50 {
			syms.Names(s.Args())
		}
	}
	syms.Resolve(f)
	n := 0
	for _, p := range usdt.Group(sites) {
		n += len(p.Sites)
	}
	if n != len(sites) {
		t.Errorf("%d sites grouped, of %d", n, len(sites))
	}
}

// FuzzSites takes any bytes for a file.
func FuzzSites(f *testing.F) {
	for _, name := range testbin.All(f) {
		if b := testbin.Read(f, name); len(b) <= 64<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
		if err == nil {
			check(t, file)
		}
	})
}

// FuzzNotes takes any bytes for .note.stapsdt, between two good notes: of those
// the first is found, and the last if what is before it ends on a multiple of
// four.
func FuzzNotes(f *testing.F) {
	for _, l := range layouts {
		w := &elfwrite.File{Class: l.class, Data: l.data}
		f.Add(w.NoteBytes(w.USDT(textAddr, 0, dataAddr, "provider", "name", "4@%eax 8@-8(%rbp)"), elfwrite.Note{Name: "GNU", Type: 3}),
			l.class == elf.ELFCLASS32, l.data == elf.ELFDATA2MSB)
	}
	f.Add([]byte("\x08\x00\x00\x00\xff\xff\xff\xff\x03\x00\x00\x00stapsdt\x00"), false, false)
	f.Fuzz(func(t *testing.T, b []byte, is32, big bool) {
		class, data := elf.ELFCLASS64, elf.ELFDATA2LSB
		if is32 {
			class = elf.ELFCLASS32
		}
		if big {
			data = elf.ELFDATA2MSB
		}
		w := program(class, data, nil)
		notes := w.NoteBytes(w.USDT(textAddr, 0, 0, "p", "the first", ""))
		notes = append(notes, b...)
		for len(notes)%4 != 0 {
			notes = append(notes, 0)
		}
		notes = append(notes, w.NoteBytes(w.USDT(textAddr+1, 0, 0, "p", "the last", ""))...)
		w.Sections = append(w.Sections, elfwrite.Section{Name: ".note.stapsdt", Type: elf.SHT_NOTE, Bytes: notes, Align: 4})
		file := parse(t, w.Bytes())
		check(t, file)
		sites, errs := drain(usdt.Sites(file))
		if len(sites) == 0 || sites[0].Name != "the first" {
			t.Errorf("the first note is lost: %s, %v", names(sites), errs)
		}
		if last := len(sites) - 1; last < 1 || sites[last].Name != "the last" {
			t.Errorf("the last note is lost: %s, %v", names(sites), errs)
		}
	})
}

// FuzzMutant is FuzzSites over files that are damaged where their fields are, once or twice.
func FuzzMutant(f *testing.F) {
	names := []string{"amd64/probe-pie", "amd64/sdt-damaged.so", "amd64/sdt-stale", "arm/usdt_fp", "i386/probe-pie", "ppc64/usdt_fp", "s390x/probe-pie", "amd64/probe-noshdr"}
	mutatetest.Fuzz(f, 8, names, func(t *testing.T, b []byte, _ uint64) {
		file, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
		if err == nil {
			check(t, file)
		}
	})
}
