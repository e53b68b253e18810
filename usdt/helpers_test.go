package usdt_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/usdt"
)

func parse(t testing.TB, b []byte) *elfsym.File {
	t.Helper()
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func open(t testing.TB, name string) *elfsym.File {
	t.Helper()
	f, err := elfsym.Open(testbin.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func drain[T any](seq iter.Seq2[T, error]) (all []T, errs []error) {
	for s, err := range seq {
		if err != nil {
			errs = append(errs, err)
		} else {
			all = append(all, s)
		}
	}
	return all, errs
}

func mustSites(t testing.TB, f *elfsym.File) []usdt.Site {
	t.Helper()
	sites, errs := drain(usdt.Sites(f))
	for _, err := range errs {
		t.Error(err)
	}
	return sites
}

// show is a line for each site: name, offset, semaphore's offset, arguments.
func show(sites []usdt.Site) string {
	var b strings.Builder
	for _, s := range sites {
		fmt.Fprintf(&b, "%s:%s 0x%x", s.Provider, s.Name, uint64(s.Offset))
		if s.Err != nil {
			fmt.Fprintf(&b, " (%v)", s.Err)
		}
		if s.Semaphore != 0 {
			fmt.Fprintf(&b, " 0x%x", uint64(s.RefCtrOffset))
		}
		if s.SemaphoreErr != nil {
			fmt.Fprintf(&b, " (%v)", s.SemaphoreErr)
		}
		fmt.Fprintf(&b, " %s\n", s.Spec)
	}
	return b.String()
}

func names(sites []usdt.Site) string {
	var out []string
	for _, s := range sites {
		out = append(out, s.Name)
	}
	return strings.Join(out, " ")
}

var layouts = []struct {
	class elf.Class
	data  elf.Data
}{
	{elf.ELFCLASS32, elf.ELFDATA2LSB}, {elf.ELFCLASS32, elf.ELFDATA2MSB},
	{elf.ELFCLASS64, elf.ELFDATA2LSB}, {elf.ELFCLASS64, elf.ELFDATA2MSB},
}

// Where program has its parts.
const (
	textAddr = 0x401000
	dataAddr = 0x502000
)

// program is an executable with code, data and a section of notes.
func program(class elf.Class, data elf.Data, notes func(w *elfwrite.File) []elfwrite.Note) *elfwrite.File {
	w := &elfwrite.File{Class: class, Data: data, Machine: elf.EM_X86_64, Type: elf.ET_EXEC}
	w.Sections = []elfwrite.Section{
		{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: textAddr, Bytes: bytes.Repeat([]byte{0x90}, 0x100), Align: 16},
		{Name: ".data", Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: dataAddr, Bytes: make([]byte, 0x100), Align: 16},
	}
	w.Segments = []elfwrite.Segment{
		{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Covers: [2]string{".text", ".text"}, Align: 0x1000},
		{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_W, Covers: [2]string{".data", ".data"}, Align: 0x1000},
	}
	if notes != nil {
		w.Sections = append(w.Sections, elfwrite.Section{Name: ".note.stapsdt", Notes: notes(w)})
	}
	return w
}

// sectionOf is a section as debug/elf sees it.
func sectionOf(t testing.TB, b []byte, name string) *elf.Section {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	s := f.Section(name)
	if s == nil {
		t.Fatalf("no section %s", name)
	}
	return s
}

// A counter is a reader that writes down what is read.
type counter struct {
	r     io.ReaderAt
	reads []string
	bytes int
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	c.reads = append(c.reads, fmt.Sprintf("%d@0x%x", len(p), off))
	c.bytes += len(p)
	return c.r.ReadAt(p, off)
}
