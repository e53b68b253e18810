package elfsym_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/mutate/mutatetest"
	"github.com/probels/probels/internal/testbin"
)

// seedFiles are the committed binaries that are not too big to mutate, and
// written ones of every layout.
func seedFiles(f *testing.F) {
	for _, name := range testbin.All(f) {
		if b := testbin.Read(f, name); len(b) <= 64<<10 {
			f.Add(b)
		}
	}
	for _, l := range layouts {
		for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_PPC64, elf.EM_S390, elf.EM_ARM} {
			w := library(m, 1, elfwrite.Symbol{Name: "imported"}, fn("one", 0x401010, 1), fn("two", 0x401020, 2))
			w.Class, w.Data = l.class, l.data
			w.Sections[1].Bytes = gnuHashTable(w, 1, w.Dynsyms)
			w.Symbols = append([]elfwrite.Symbol{{Name: "a.c", Type: elf.STT_FILE, Index: elf.SHN_ABS}}, w.Dynsyms[1:]...)
			w.Sections = append(w.Sections,
				elfwrite.Section{Name: ".hash", Type: elf.SHT_HASH, Bytes: sysvHashTable(w, w.Dynsyms)},
				elfwrite.Section{Name: ".note", Notes: []elfwrite.Note{{Name: "GNU", Type: 3, Desc: []byte("build-id")}}},
				elfwrite.Section{Name: ".opd", Addr: 0x600000, Bytes: make([]byte, 48)},
				elfwrite.Section{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Bytes: chdr(w, elf.COMPRESS_ZLIB, 4, deflated([]byte("text")))})
			f.Add(w.Bytes())
		}
	}
	f.Add([]byte{})
	f.Add([]byte("#!/bin/sh\n"))
}

// FuzzFile asks everything of a file. Nothing may panic or go on for ever, and
// what one answer says another must not deny.
func FuzzFile(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<20 {
			return
		}
		bounded(t, b)
	})
}

// FuzzMutant is FuzzFile over files that are damaged where their fields are, once or twice.
func FuzzMutant(f *testing.F) {
	names := []string{"amd64/libtestbin-both.so", "amd64/probe-pie", "amd64/probe-zstd", "amd64/probe-dwarf4", "amd64/libtestbin-sysv-noshdr.so", "arm/libtestbin.so",
		"i386/libtestbin.so", "mips64el/main", "ppc64/main", "riscv64/main", "s390x/libtestbin.so", "amd64/probe.o"}
	mutatetest.Fuzz(f, 10, names, func(t *testing.T, b []byte, _ uint64) {
		bounded(t, b)
	})
}

// bounded asks everything, and holds what was allocated and read to the size of the file.
func bounded(t *testing.T, b []byte) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read := ask(t, b)
	runtime.ReadMemStats(&after)
	// Tables of small entries become larger values, and each question
	// reads anew; inflated sections have their own limit, below.
	if n, limit := after.TotalAlloc-before.TotalAlloc, uint64(400*len(b)+64<<20); n > limit {
		t.Errorf("%d bytes allocated for a file of %d, %d allowed", n, len(b), limit)
	}
	// Some hundreds of questions: 6 times the size for the sound ones.
	if limit := 60*len(b) + 1<<20; read > limit {
		t.Errorf("%d bytes read of a file of %d, %d allowed", read, len(b), limit)
	}
}

// A tally counts the bytes that are read, by several goroutines perhaps.
type tally struct {
	r *bytes.Reader
	n atomic.Int64
}

func (c *tally) ReadAt(p []byte, off int64) (int, error) {
	c.n.Add(int64(len(p)))
	return c.r.ReadAt(p, off)
}

// ask returns how many bytes were read for the answers.
func ask(t *testing.T, b []byte) int {
	c := &tally{r: bytes.NewReader(b)}
	askFile(t, c, int64(len(b)))
	return int(c.n.Load())
}

func askFile(t *testing.T, r io.ReaderAt, size int64) {
	lim := elfsym.Limits{Inflate: 1 << 16}
	f, err := elfsym.NewFile(r, size, &elfsym.Options{Limits: lim})
	if (f == nil) == (err == nil) {
		t.Fatalf("a file %v and an error %v", f != nil, err)
	}
	if err != nil {
		if err.Error() == "" {
			t.Error("an error without a text")
		}
		return
	}
	f.Truncated()
	f.CheckUnchanged()
	f.DebugOnly()
	f.Needed()
	f.Linking()
	f.GoBuildID()
	segs := f.Segments()
	for _, s := range segs.All() {
		for _, a := range []elfsym.Addr{s.Addr, s.Addr + 1, s.Addr + elfsym.Addr(s.FileSize) - 1, s.Addr + elfsym.Addr(s.MemSize)} {
			checkAddr(t, f, a)
		}
		if len(segs.All()) > 100 {
			break
		}
	}
	checkAddr(t, f, f.Entry())
	if secs, err := f.Sections(); err == nil && len(secs) < 200 {
		for i := range secs {
			if f.Section(secs[i].Name) == nil {
				t.Errorf("section %q is not found", secs[i].Name)
			}
			if secs[i].Flags&elf.SHF_COMPRESSED != 0 {
				f.Data(&secs[i])
			}
		}
	}
	if !bytes.Equal(f.BuildID(), f.BuildID()) {
		t.Error("two build-ids")
	}
	if a, b := listNotes(f), listNotes(f); a != b {
		t.Errorf("notes\n%s\nand the second time\n%s", a, b)
	}
	checkSymbols(t, f)
	checkNear(t, f, 4)
	checkFuncNames(t, f)
	checkInOrder(t, f)
	checkStarts(t, f)
	checkParts(t, f)
}

// checkParts asks for what is not a list of things at addresses: each answer is the same the second time.
func checkParts(t *testing.T, f *elfsym.File) {
	f.GoBuildInfo()
	if a, b := f.GoVersion(), f.GoVersion(); a != b {
		t.Errorf("Go %q, and the second time %q", a, b)
	}
	a, errA := f.FramePointers()
	if b, errB := f.FramePointers(); a != b || (errA == nil) != (errB == nil) {
		t.Errorf("frame pointers %v, %v, and the second time %v, %v", a, errA, b, errB)
	}
	at := []elfsym.Addr{f.Entry(), 0x401010}
	for _, s := range f.Segments().All()[:min(4, len(f.Segments().All()))] {
		at = append(at, s.Addr, s.Addr+elfsym.Addr(s.FileSize)/2)
	}
	for _, pc := range at {
		if fr, ok, err := f.FrameAt(pc); ok && err == nil && uint64(pc-fr.Addr) >= fr.Size {
			t.Errorf("the frame at 0x%x is 0x%x+0x%x", uint64(pc), uint64(fr.Addr), fr.Size)
		}
		f.CFAAt(pc)
	}
	n := 0
	for range f.Pointers() {
		n++
	}
	if most := f.Size() + 1000; int64(n) > most {
		t.Errorf("%d pointers in %d bytes", n, f.Size())
	}
	if g, err := f.GoFuncs(); g != nil && err == nil {
		n := 0
		for fn, err := range g.Funcs() {
			if n++; n > 20 {
				break
			}
			if err == nil {
				g.At(fn.Addr)
			}
		}
	}
}

// checkAddr holds that an address has an offset in the file or none, and that
// the way back is the way.
func checkAddr(t *testing.T, f *elfsym.File, a elfsym.Addr) {
	segs := f.Segments()
	off, err := segs.Code(a)
	if (err == nil) != segs.IsCode(a) {
		t.Errorf("0x%x: Code says %v, IsCode %v", uint64(a), err, segs.IsCode(a))
	}
	if err != nil {
		segs.Data(a)
		return
	}
	if uint64(off) >= uint64(f.Size()) {
		t.Errorf("0x%x is at offset 0x%x of a file of 0x%x bytes", uint64(a), uint64(off), f.Size())
	}
	if back, err := segs.Addr(off); err == nil && back != a {
		t.Errorf("0x%x is at offset 0x%x, and that is at 0x%x", uint64(a), uint64(off), uint64(back))
	}
	// By hand, from the program headers.
	if !slices.ContainsFunc(segs.All(), func(s elfsym.Segment) bool {
		return s.Type == elf.PT_LOAD && s.Flags&elf.PF_X != 0 && a >= s.Addr && uint64(a-s.Addr) < s.FileSize && off == s.Offset+elfsym.Offset(a-s.Addr)
	}) {
		t.Errorf("0x%x is at offset 0x%x by no segment", uint64(a), uint64(off))
	}
	if end, ok := segs.CodeEnd(a); !ok || end <= a {
		t.Errorf("0x%x is code that ends at 0x%x, %v", uint64(a), uint64(end), ok)
	}
	if _, err := f.Code(off, 16); err != nil {
		t.Error(err)
	}
}

func checkSymbols(t *testing.T, f *elfsym.File) {
	for _, src := range []elfsym.Source{elfsym.Symtab, elfsym.Dynsym} {
		syms, errs := drain(f.Symbols(src))
		again, errs2 := drain(f.Symbols(src))
		if fmt.Sprint(syms, errs) != fmt.Sprint(again, errs2) {
			t.Errorf("%v: %v, and the second time %v", src, syms, again)
		}
		if len(syms) > 1 && f.Has(src) == 0 {
			t.Errorf("%v: symbols of a table that is not there", src)
		}
		names, byName := map[string]int{}, map[string]bool{}
		for i := range syms {
			names[syms[i].Name]++
			byName[fmt.Sprintf("%+v", syms[i])] = true
		}
		asked := 0
		for i := range syms {
			s := &syms[i]
			if asked == 10 || names[s.Name] > 1 || s.Name == "" || len(s.Version) > 4096 || strings.Contains(s.Name, "@") || strings.HasPrefix(s.Version, "@") && src == elfsym.Dynsym {
				continue
			}
			asked++
			for _, name := range []string{s.FullName(), s.Name} {
				found, _ := drain(f.Lookup(src, name))
				if len(found) != 1 || found[0] != *s {
					t.Errorf("%v: %q is\n%+v, and looked up\n%+v", src, name, *s, found)
				}
			}
		}
		containing(t, f, src, syms, len(errs) == 0, byName)
		// What is looked up is one of those that are listed.
		for name := range names {
			for s, err := range f.Lookup(src, name, name+"@V") {
				if err == nil && !byName[fmt.Sprintf("%+v", s)] {
					t.Errorf("%v: %q leads to %+v, which is not listed", src, name, s)
				}
			}
			break
		}
	}
	all, _ := drain(f.Symbols(both))
	tab := elfsym.NewTable(func(yield func(elfsym.Symbol) bool) {
		for _, s := range all {
			if !yield(s) {
				return
			}
		}
	})
	tab.InferSizes(f)
	if tab.Len() > len(all) {
		t.Errorf("%d symbols have become %d", len(all), tab.Len())
	}
	i := 0
	for s := range tab.All() {
		if i++; i > 20 {
			break
		}
		checkAddr(t, f, s.Addr)
		for range tab.Named(s.Name) {
		}
		if got := tab.At(s.Addr); len(got) == 0 {
			t.Errorf("nothing is at 0x%x", uint64(s.Addr))
		}
		if got := tab.Covering(s.Addr); len(got) == 0 {
			t.Errorf("nothing covers 0x%x", uint64(s.Addr))
		}
	}
}

// FuzzNotes takes any bytes for a note section.
func FuzzNotes(f *testing.F) {
	var w elfwrite.File
	f.Add(w.NoteBytes(elfwrite.Note{Name: "GNU", Type: 3, Desc: []byte("id")}, elfwrite.Note{Name: "Go", Type: 4, Desc: []byte("a/b")}), uint64(4), false)
	f.Add(note(&w, 8, false, 5, "GNU\x00", "property"), uint64(8), true)
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, uint64(4), false)
	f.Fuzz(func(t *testing.T, b []byte, align uint64, segment bool) {
		w := elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_DYN}
		if segment {
			w.Segments = []elfwrite.Segment{{Type: elf.PT_NOTE, Bytes: append([]byte{}, b...), Align: align}}
		} else {
			w.Sections = []elfwrite.Section{{Name: ".note", Type: elf.SHT_NOTE, Bytes: b, Edit: func(s *elf.Section64) { s.Addralign = align }}}
		}
		file := parse(t, w.Bytes())
		n, end, errs := 0, elfsym.Offset(0), 0
		for note, err := range file.Notes() {
			if errs > 0 {
				t.Fatal("more notes behind an error")
			}
			if err != nil {
				errs++
				continue
			}
			if note.Offset < end {
				t.Fatalf("%v overlaps the one before, which ends at 0x%x", note, uint64(end))
			}
			end = note.Offset + 12 + elfsym.Offset(len(note.Desc))
			if n++; n > len(b)/12 {
				t.Fatalf("%d notes in %d bytes", n, len(b))
			}
		}
		file.BuildID()
		file.GoBuildID()
	})
}

// FuzzDemangle: it ends, its result is bounded, and a name is found by its own
// demangled forms.
func FuzzDemangle(f *testing.F) {
	names := map[string]bool{}
	for _, file := range []string{"amd64/cxx.so", "amd64/rust-legacy.so", "amd64/rust-v0.so"} {
		mangled(f, open(f, file), names)
	}
	for name := range names {
		f.Add(name)
	}
	for _, name := range []string{"_ZNSsC1EPKc", "_Z1fi.isra.0.cold", "_ZTV7Derived", "_Z1fIL_Z1gvEEvv", "_RNvC5names4uses.llvm.7", "_ZGVZ1fvE1x", "_ZN1AcvT_IiEEv"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if got := elfsym.Demangle(name); len(got) > 1<<17+2*len(name)+100 {
			t.Errorf("%d characters from %d", len(got), len(name))
		}
		full, bare, plain := elfsym.DemangledForms(name)
		if (full == "") != (bare == "") || (full == "") != (plain == "") {
			t.Errorf("forms %q, %q, %q", full, bare, plain)
		}
		for _, q := range []string{name, full, bare, plain} {
			elfsym.MangledNeedle(q)
			elfsym.NewNameQuery(q).Match(name)
		}
	})
}

// FuzzSplitVersion: what is split and joined is what it was.
func FuzzSplitVersion(f *testing.F) {
	for _, s := range []string{"f", "f@V", "f@@V", "@", "f@", "f@@", "@@V", "f@@@V", "f@V@@W", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, full string) {
		name, version, isDefault := elfsym.SplitVersion(full)
		s := elfsym.Symbol{Name: name, Version: version, Default: isDefault}
		if got := s.FullName(); got != full {
			t.Errorf("%q is %q %q %v, joined %q", full, name, version, isDefault, got)
		}
		if name == "" && full != "" || isDefault && version == "" {
			t.Errorf("%q is %q %q %v", full, name, version, isDefault)
		}
		again, version2, _ := elfsym.SplitVersion(name)
		if version != "" && (again != name || version2 != "") {
			t.Errorf("%q still has a version: %q", name, version2)
		}
	})
}

// containing holds what is found by a part of a name, the middle of the first one
// and of one other, against the listing.
func containing(t *testing.T, f *elfsym.File, src elfsym.Source, syms []elfsym.Symbol, sound bool, listed map[string]bool) {
	var texts []string
	for _, i := range []int{0, len(syms) / 2} {
		if i < len(syms) && len(syms[i].Name) < 1000 {
			n := len(syms[i].Name)
			texts = append(texts, syms[i].Name[n/4:n-n/4])
		}
	}
	if len(texts) == 0 {
		return
	}
	want := 0
	for i := range syms {
		if strings.Contains(syms[i].Name, texts[0]) || strings.Contains(syms[i].Name, texts[len(texts)-1]) {
			want++
		}
	}
	got, _ := drain(f.Containing(src, texts...))
	if sound && len(got) != want {
		t.Errorf("%v: %q is within %d names, %d were found", src, texts, want, len(got))
	}
	for i := range got {
		if !listed[fmt.Sprintf("%+v", got[i])] {
			t.Errorf("%v: %q leads to %+v, which is not listed", src, texts, got[i])
		}
	}
}
