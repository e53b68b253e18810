package elfsym_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
)

// What is no ELF file is refused with one clear error.
func TestOpenRefused(t *testing.T) {
	good := testbin.Read(t, "amd64/probe-pie")
	for _, c := range []struct {
		what, content string
		err           error
		part          string
	}{
		{"empty", "", elfsym.ErrNotELF, "empty, not an ELF file"},
		{"text", "hello\n", elfsym.ErrNotELF, "a text file, not an ELF file"},
		{"data", "hello\x00\x01\x02", elfsym.ErrNotELF, "a data file, not an ELF file"},
		{"script", "#!/bin/sh\nexec true\n", elfsym.ErrNotELF, "a script, not an ELF file"},
		{"archive", "!<arch>\nfoo.o/", elfsym.ErrNotELF, "an archive (ar), not an ELF file"},
		{"gzip", "\x1f\x8b\x08\x00", elfsym.ErrNotELF, "compressed (gzip)"},
		{"xz", "\xfd7zXZ\x00", elfsym.ErrNotELF, "compressed (xz)"},
		{"zstd", "\x28\xb5\x2f\xfd", elfsym.ErrNotELF, "compressed (zstd)"},
		{"PE", "MZ\x90\x00", elfsym.ErrNotELF, "a Windows program"},
		{"Mach-O", "\xcf\xfa\xed\xfe", elfsym.ErrNotELF, "a Mach-O file"},
		{"zip", "PK\x03\x04", elfsym.ErrNotELF, "an archive (zip)"},
		{"magic alone", "\x7fELF", elfsym.ErrTruncated, "4 bytes"},
		{"half a header", string(good[:63]), elfsym.ErrTruncated, "63 of 64 bytes"},
		{"no program headers", string(good[:100]), elfsym.ErrTruncated, "program headers"},
		{"old magic", "\x7fELG", elfsym.ErrNotELF, "not an ELF file"},
	} {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := elfsym.Open(name)
		if f != nil {
			t.Errorf("%s: opened", c.what)
			f.Close()
			continue
		}
		wantError(t, c.what, err, c.err, c.part)
		if err != nil && !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: the error does not begin with the path: %v", c.what, err)
		}
	}
	if _, err := elfsym.NewFile(bytes.NewReader(nil), -1, nil); !errors.Is(err, elfsym.ErrNotELF) {
		t.Errorf("negative size: %v", err)
	}
}

func TestOpenSpecial(t *testing.T) {
	dir := t.TempDir()
	if _, err := elfsym.Open(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	_, err := elfsym.Open(dir)
	wantError(t, "directory", err, elfsym.ErrNotRegular, "a directory")
	if runtime.GOOS != "windows" {
		_, err = elfsym.Open(os.DevNull)
		wantError(t, "device", err, elfsym.ErrNotRegular, "a device")
	}
}

func TestOpenAndClose(t *testing.T) {
	name := testbin.Path(t, "amd64/libtestbin.so")
	f, err := elfsym.OpenWith(name, &elfsym.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f.Name() != name {
		t.Errorf("name %s", f.Name())
	}
	id, segs := f.BuildID(), f.Segments()
	secs, _ := f.Sections()
	syms := mustDrain(t, f.Symbols(elfsym.Symtab|elfsym.Dynsym))
	want := show(syms)
	next, errs := 0, []error(nil)
	for _, err := range f.Symbols(elfsym.Dynsym) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if next++; next == 1 {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if next < 10 || len(errs) != 0 {
		t.Errorf("an iterator whose window was read before Close gave %d symbols, %v", next, errs)
	}
	// What was handed out stays; what has not been read yet is an error.
	if len(id) != 20 || len(secs) == 0 || show(syms) != want || secs[1].Name == "" {
		t.Error("what was handed out has changed")
	}
	if _, err := segs.Code(syms[0].Addr); err != nil && syms[0].IsFunc() {
		t.Error(err)
	}
	if _, err := f.Code(0x1000, 4); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	_, errs = drain(f.Symbols(elfsym.Symtab))
	if len(errs) != 1 || !errors.Is(errs[0], fs.ErrClosed) {
		t.Errorf("symbols after Close: %v", errs)
	}
	borrowed := parse(t, testbin.Read(t, "amd64/libtestbin.so"))
	if err := borrowed.Close(); err != nil {
		t.Error(err)
	}
	mustDrain(t, borrowed.Symbols(elfsym.Dynsym))
}

// A file that gets shorter while it is read gives ErrChanged.
func TestShrinking(t *testing.T) {
	b := testbin.Read(t, "amd64/libtestbin.so")
	ask := map[string]func(f *elfsym.File) error{
		"Sections": func(f *elfsym.File) error { _, err := f.Sections(); return err },
		"Code":     func(f *elfsym.File) error { _, err := f.Code(0x1800, 16); return err },
		"Lookup": func(f *elfsym.File) error {
			_, errs := drain(f.Lookup(elfsym.Symtab, "local_func"))
			return errors.Join(errs...)
		},
		"Symbols":    func(f *elfsym.File) error { _, errs := drain(f.Symbols(elfsym.Symtab)); return errors.Join(errs...) },
		"NoteBlocks": func(f *elfsym.File) error { _, errs := drain(f.Notes()); return errors.Join(errs...) },
	}
	for what, ask := range ask {
		for _, before := range []bool{false, true} { // the section headers are read before it shrinks
			r := &shrinking{b: b}
			r.size.Store(int64(len(b)))
			f, err := elfsym.NewFile(r, int64(len(b)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if before {
				if what == "Sections" {
					continue // they are kept
				}
				if _, err := f.Sections(); err != nil {
					t.Fatal(err)
				}
			}
			r.size.Store(0x1000)
			err = ask(f)
			if what == "NoteBlocks" && !before {
				continue // by segment then, and those are in the first bytes
			}
			if !errors.Is(err, elfsym.ErrChanged) {
				t.Errorf("%s (section headers known: %v): %v", what, before, err)
			}
		}
	}
	// Before the first read too.
	r := &shrinking{b: b}
	if _, err := elfsym.NewFile(r, int64(len(b)), nil); !errors.Is(err, elfsym.ErrChanged) {
		t.Errorf("NewFile: %v", err)
	}
}

// A reader's own error comes through.
func TestReaderError(t *testing.T) {
	broken := errors.New("the disk is on fire")
	_, err := elfsym.NewFile(failing{broken}, 1000, nil)
	wantError(t, "NewFile", err, broken, "ELF header")
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestCheckUnchanged(t *testing.T) {
	b := testbin.Read(t, "amd64/probe-pie")
	if err := parse(t, b).CheckUnchanged(); err != nil {
		t.Errorf("a reader without Stat: %v", err)
	}
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := elfsym.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.CheckUnchanged(); err != nil {
		t.Error(err)
	}
	if err := os.Chtimes(name, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := f.CheckUnchanged(); !errors.Is(err, elfsym.ErrChanged) {
		t.Errorf("another time: %v", err)
	}
	for _, size := range []int64{100, int64(len(b)) + 100} {
		if err := errors.Join(os.Truncate(name, size), os.Chtimes(name, time.Time{}, time.Unix(1, 0))); err != nil {
			t.Fatal(err)
		}
		if err := f.CheckUnchanged(); !errors.Is(err, elfsym.ErrChanged) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// Everything at once from many goroutines, for -race.
func TestConcurrent(t *testing.T) {
	f := open(t, "ppc64/libtestbin.so")
	var wg sync.WaitGroup
	results := make([]string, 8)
	for i := range results {
		wg.Go(func() {
			syms, _ := drain(f.Symbols(elfsym.Symtab | elfsym.Dynsym))
			found, _ := drain(f.Lookup(elfsym.Symtab|elfsym.Dynsym, "ver_func@V1", "local_func"))
			needed, _ := f.Needed()
			notes, _ := drain(f.Notes())
			results[i] = show(syms) + show(found) + strings.Join(needed, " ") + string(f.BuildID()) + notes[0].String() + f.Section(".opd").Name
		})
	}
	wg.Wait()
	for _, r := range results {
		if r != results[0] || len(r) < 100 {
			t.Fatalf("results differ:\n%s\n\n%s", r, results[0])
		}
	}
}

func TestNeeded(t *testing.T) {
	for name, want := range map[string]string{"amd64/main": "libtestbin.so", "s390x/main": "libtestbin.so", "i386/main": "libtestbin.so",
		"amd64/libtestbin.so": "", "amd64/probe-nopie": "", "amd64/libtestbin-noshdr.so": ""} {
		got, err := open(t, name).Needed()
		if strings.Join(got, " ") != want || err != nil {
			t.Errorf("%s needs %q, want %q, %v", name, got, want, err)
		}
	}
	b := testbin.Read(t, "amd64/main")
	for _, c := range []struct {
		what string
		tag  elf.DynTag
		to   elf.DynTag
		val  uint64
		err  error
	}{
		{"a name beyond the strings", elf.DT_NEEDED, elf.DT_NEEDED, 1 << 30, elfsym.ErrDamaged},
		{"strings at no address", elf.DT_STRTAB, elf.DT_STRTAB, 1 << 50, elfsym.ErrNoOffset},
		{"no strings", elf.DT_STRTAB, elf.DT_DEBUG, 0, elfsym.ErrDamaged},
		{"no size", elf.DT_STRSZ, elf.DT_DEBUG, 0, elfsym.ErrDamaged},
	} {
		b := bytes.Clone(b)
		setDynamic(t, b, c.tag, c.to, c.val)
		_, err := parse(t, b).Needed()
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.what, err, c.err)
		}
	}
}

// setDynamic changes an entry of the dynamic section of a 64-bit little-endian
// file.
func setDynamic(t testing.TB, b []byte, tag, to elf.DynTag, val uint64) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_DYNAMIC {
			continue
		}
		for d := b[p.Off : p.Off+p.Filesz]; len(d) >= 16; d = d[16:] {
			if elf.DynTag(f.ByteOrder.Uint64(d)) == tag {
				f.ByteOrder.PutUint64(d, uint64(to))
				f.ByteOrder.PutUint64(d[8:], val)
				return
			}
		}
	}
	t.Fatalf("no %v", tag)
}

func TestLinking(t *testing.T) {
	for name, want := range map[string]string{
		"amd64/main": "/lib64/ld-linux-x86-64.so.2  $ORIGIN", "s390x/main": "/lib/ld64.so.1  $ORIGIN", "amd64/libtestbin.so": " libtestbin.so ", "amd64/probe-nopie": "  ",
	} {
		l, err := open(t, name).Linking()
		if got := l.Interp + " " + l.SONAME + " " + l.RPath + l.RunPath; got != want || err != nil || l.NoDefaultLib {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	b := testbin.Read(t, "amd64/main")
	for _, c := range []struct {
		what    string
		tag, to elf.DynTag
		val     uint64
		err     error
	}{
		{"a path beyond the strings", elf.DT_RUNPATH, elf.DT_RPATH, 1 << 30, elfsym.ErrDamaged},
		{"strings at no address", elf.DT_STRTAB, elf.DT_STRTAB, 1 << 50, elfsym.ErrNoOffset},
	} {
		b := bytes.Clone(b)
		setDynamic(t, b, c.tag, c.to, c.val)
		l, err := parse(t, b).Linking()
		if !errors.Is(err, c.err) || l.Interp == "" {
			t.Errorf("%s: %+v, %v, want %v", c.what, l, err, c.err)
		}
	}
}
