package elfsym_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

const both = elfsym.Symtab | elfsym.Dynsym

// The same library with a GNU hash table, with a System V one, with both, and
// with none; and without section headers.
func TestLookup(t *testing.T) {
	const (
		ver1, ver2 = "ver_func@V1 0x1050 4", "ver_func@@V2 0x1060 4"
	)
	for _, name := range []string{"amd64/libtestbin.so", "amd64/libtestbin-sysv.so", "amd64/libtestbin-both.so",
		"amd64/libtestbin-noshdr.so", "amd64/libtestbin-sysv-noshdr.so", "none"} {
		var f *elfsym.File
		if name == "none" {
			f = parse(t, retyped(t, testbin.Read(t, "amd64/libtestbin.so"), ".gnu.hash", elf.SHT_PROGBITS))
		} else {
			f = open(t, name)
		}
		at := map[string]uint64{}
		for _, s := range mustDrain(t, f.Symbols(elfsym.Dynsym)) {
			at[s.FullName()] = uint64(s.Addr)
		}
		line := func(full string, size int) string { return fmt.Sprintf("%s 0x%x %d", full, at[full], size) }
		v1, v2 := line("ver_func@V1", 4), line("ver_func@@V2", 4)
		if name == "amd64/libtestbin.so" && (v1 != ver1 || v2 != ver2) {
			t.Fatalf("%s and %s", v1, v2)
		}
		for _, c := range []struct {
			names string
			want  []string
		}{
			{"ver_func", []string{v2, v1}},
			{"ver_func@V1", []string{v1}},
			{"ver_func@V2", []string{v2}},
			{"ver_func@@V2", []string{v2}},
			{"ver_func@@V1", nil},
			{"ver_func@V3", nil},
			{"ver_func@", nil},
			{"old_func", []string{line("old_func@V1", 4)}},
			{"old_func@@V1", nil},
			{"lib_data", []string{line("lib_data@@V1", 4)}},
			{"ver_fun", nil},
			{"er_func", nil},
			{"", nil},
			{"local_func", nil},
			{"absent ver_func@V1 absent2", []string{v1}},
			{"ver_func ver_func@V1 ver_func", []string{v2, v1}},
			{"ver_func@V1 lib_func", []string{line("lib_func@@V1", 21), v1}},
		} {
			got := show(mustDrain(t, f.Lookup(elfsym.Dynsym, strings.Split(c.names, " ")...)))
			if want := strings.Join(c.want, "\n"); got != want {
				t.Errorf("%s: Lookup(%s):\n%s\nwant\n%s", name, c.names, got, want)
			}
		}
		for range f.Lookup(elfsym.Dynsym, "ver_func", "lib_func") {
			break // and no more is asked for
		}
	}
}

// Imports are in no hash table, local symbols in .symtab alone.
func TestLookupImports(t *testing.T) {
	f := open(t, "amd64/main")
	got := mustDrain(t, f.Lookup(elfsym.Dynsym, "ver_func", "absent_func"))
	if show(got) != "absent_func 0x0 0\nver_func@V1 0x0 0\nver_func@V2 0x0 0" || got[0].Defined() {
		t.Errorf("imports are\n%s", show(got))
	}
	if got := mustDrain(t, f.Lookup(elfsym.Dynsym, "ver_func@V1")); show(got) != "ver_func@V1 0x0 0" {
		t.Errorf("the import of V1 is %s", show(got))
	}
	got = mustDrain(t, open(t, "amd64/probe-pie").Lookup(both, "helper"))
	if show(got) != "helper 0x1360 4\nhelper 0x1390 11" || got[0].File != "a.c" || got[1].File != "b.c" {
		t.Errorf("statics are\n%+v", got)
	}
	got = mustDrain(t, open(t, "amd64/libtestbin.so").Lookup(both, "lib_func", "hidden_func"))
	if show(got) != "hidden_func 0x10c0 4\nlib_func 0x1090 21\nlib_func@@V1 0x1090 21" {
		t.Errorf("of both tables:\n%s", show(got))
	}
}

// A reference: what Symbols yields, filtered.
func reference(f *elfsym.File, src elfsym.Source, names []string) []elfsym.Symbol {
	var out []elfsym.Symbol
	for s, err := range f.Symbols(src) {
		if err != nil {
			continue
		}
		for _, n := range names {
			name, version, isDefault := elfsym.SplitVersion(n)
			if n != "" && (s.Name == n || version != "" && s.Name == name && s.Version == version && (s.Default || !isDefault)) {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

func sameSymbols(t *testing.T, what string, got, want []elfsym.Symbol) {
	t.Helper()
	slices.SortFunc(got, byIndex)
	slices.SortFunc(want, byIndex)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%+v\nwant\n%+v", what, got, want)
	}
}

// In every committed binary each symbol is found by each of its names, in each
// table, one by one and all at once.
func TestLookupFixtures(t *testing.T) {
	for _, file := range testbin.All(t) {
		f := open(t, file)
		for _, src := range []elfsym.Source{elfsym.Symtab, elfsym.Dynsym} {
			var names []string
			for _, s := range mustDrain(t, f.Symbols(src)) {
				names = append(names, s.Name, s.FullName())
			}
			slices.Sort(names)
			names = slices.Compact(names)
			for _, n := range names {
				if src == elfsym.Dynsym || len(names) < 200 {
					sameSymbols(t, file+": "+n, mustDrain(t, f.Lookup(src, n)), reference(f, src, []string{n}))
				}
			}
			for _, n := range []int{2, 31, 33, len(names)} {
				some := names[:min(n, len(names))]
				sameSymbols(t, fmt.Sprintf("%s: the first %d of %v", file, len(some), src), mustDrain(t, f.Lookup(src, some...)), reference(f, src, some))
			}
		}
	}
}

// Linkers share tails: a symbol may point into the middle of another's name.
func TestLookupTail(t *testing.T) {
	w := program(fn("foobar", 0x401010, 1), fn("bar", 0x401020, 2), fn("ar@V", 0x401030, 3))
	w.Symbols[1].Name = "foobar"
	w.Symbols[1].Edit = func(s *elf.Sym64) { s.Name += 3 }
	f := parse(t, w.Bytes())
	for name, want := range map[string]string{"bar": "bar 0x401020 2", "foobar": "foobar 0x401010 1", "oobar": "", "ar": "ar@V 0x401030 3", "ar@V": "ar@V 0x401030 3", "ba": ""} {
		if got := show(mustDrain(t, f.Lookup(elfsym.Symtab, name))); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// The strings are searched in windows of 256 KiB; names lie across their edges.
func TestLookupWindow(t *testing.T) {
	const window = 256 << 10
	for _, edge := range []int{window, 2 * window} {
		for shift := -12; shift <= 3; shift++ {
			// The first name begins at 1 and fills up to the place.
			filler := strings.Repeat("x", edge+shift-2)
			f := parse(t, program(fn(filler, 0x401010, 1), fn("the_name", 0x401020, 2), fn("next@@V", 0x401030, 3)).Bytes())
			for name, want := range map[string]string{"the_name": "the_name 0x401020 2", "next": "next@@V 0x401030 3", "next@V": "next@@V 0x401030 3"} {
				if got := show(mustDrain(t, f.Lookup(elfsym.Symtab, name, "another_name_that_is_not_there"))); got != want {
					t.Errorf("%s at 0x%x%+d: got %q, want %q", name, edge, shift, got, want)
				}
			}
		}
	}
}

// A table of strings that is nothing but the name, over and over: remembering
// each place would be the file's choice of how much memory to take.
func TestLookupHostile(t *testing.T) {
	w := program(fn("n", 0x401010, 1), fn("m", 0x401020, 1))
	names := bytes.Repeat([]byte("n\x00"), 5000)
	w.Sections = append(w.Sections, elfwrite.Section{Name: ".names", Type: elf.SHT_STRTAB, Bytes: append([]byte{0}, names...)})
	w.EditSection = func(name string, s *elf.Section64) {
		if name == ".symtab" {
			s.Link = 2
		}
	}
	w.Symbols[0].Edit = func(s *elf.Sym64) { s.Name = 1 }
	w.Symbols[1].Edit = func(s *elf.Sym64) { s.Name = 2*4999 + 1 }
	got := mustDrain(t, parse(t, w.Bytes()).Lookup(elfsym.Symtab, "n"))
	if show(got) != "n 0x401010 1\nn 0x401020 1" {
		t.Errorf("found\n%s", show(got))
	}

	// One long name, and as many symbols that have it as there is room for.
	for _, c := range []struct{ length, found int }{{60_000, 20_000}, {1 << 20, 0}} {
		long := "f@" + strings.Repeat("v", c.length)
		w = program(many(20_000)...)
		w.Symbols[0] = fn(long, 0x401000, 1)
		for i := range w.Symbols[1:] {
			w.Symbols[i+1].Name = ""
			w.Symbols[i+1].Edit = func(s *elf.Sym64) { s.Name = 1 }
		}
		b := w.Bytes()
		r := &counter{r: bytes.NewReader(b)}
		f, err := elfsym.NewFile(r, int64(len(b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		drain(f.Lookup(elfsym.Symtab, "f"))
		if r.bytes > 3*len(b) {
			t.Errorf("%d bytes were read of a file of %d", r.bytes, len(b))
		}
		// A name that is looked for may be long too, up to a limit that is told.
		got, errs := drain(f.Lookup(elfsym.Symtab, long))
		if len(got) != c.found || (len(errs) == 0) != (c.found > 0) || len(errs) > 0 && !errors.Is(errs[0], elfsym.ErrLimit) {
			t.Errorf("%d symbols of a name of %d bytes found, want %d; %d errors", len(got), len(long), c.found, len(errs))
		}
	}
}

// A name may stand at offset 0 of a table that does not begin with a NUL, and be
// a source file's too; one that is too long for a path is none.
func TestLookupFile(t *testing.T) {
	for _, c := range []struct{ file, want string }{{"a.c", "a.c"}, {strings.Repeat("a", 4096), strings.Repeat("a", 4096)}, {strings.Repeat("a", 4097), ""}} {
		w := program(elfwrite.Symbol{Type: elf.STT_FILE, Index: elf.SHN_ABS}, elfwrite.Symbol{Value: 0x401010, Type: elf.STT_FUNC, Section: ".text"})
		w.Sections = append(w.Sections, elfwrite.Section{Name: ".names", Type: elf.SHT_STRTAB, Bytes: []byte(c.file + "\x00f\x00")})
		w.EditSection = func(name string, s *elf.Section64) {
			if name == ".symtab" {
				s.Link = 2
			}
		}
		w.Symbols[1].Edit = func(s *elf.Sym64) { s.Name = uint32(len(c.file)) + 1 }
		f := parse(t, w.Bytes())
		got := mustDrain(t, f.Lookup(elfsym.Symtab, "f"))
		if len(got) != 1 || got[0].File != c.want {
			t.Errorf("a file name of %d bytes: %+v", len(c.file), got)
		}
		sameSymbols(t, "listed and looked up", got, mustDrain(t, f.Symbols(elfsym.Symtab)))
	}
}

// More names than are worth searching for one by one.
func TestLookupMany(t *testing.T) {
	syms := many(300)
	f := parse(t, program(syms...).Bytes())
	for _, n := range []int{31, 32, 33, 100, 300} {
		names := []string{"not there"}
		for _, s := range syms[:n] {
			names = append(names, s.Name)
		}
		if got := mustDrain(t, f.Lookup(elfsym.Symtab, names...)); len(got) != n {
			t.Errorf("%d of %d found", len(got), n)
		}
	}
}

// What Lookup yields once it is asked to stop is nothing.
func TestLookupStop(t *testing.T) {
	for _, name := range []string{"amd64/libtestbin.so", "amd64/libtestbin-sysv.so"} {
		f := open(t, name)
		for _, names := range [][]string{{"ver_func"}, {"ver_func_1", "ver_func_2"}, {"same_func", "ver_func", "lib_func"}} {
			all := len(mustDrain(t, f.Lookup(both, names...)))
			for stop := 1; stop <= all; stop++ {
				n := 0
				for range f.Lookup(both, names...) {
					if n++; n == stop {
						break
					}
				}
				if n != stop {
					t.Errorf("%d symbols after break at %d", n, stop)
				}
			}
		}
	}
}

// A damaged symbol is an error of its own, not of the hash table, and comes once.
func TestLookupDamagedSymbol(t *testing.T) {
	w := library(elf.EM_PPC64, 0, fn("f", 0x600000, 4), fn("g", 0x401020, 4))
	w.Sections = append(w.Sections, elfwrite.Section{Name: ".opd", Addr: 0x600000, Flags: elf.SHF_ALLOC, Bytes: make([]byte, 24)})
	syms, errs := drain(parse(t, w.Bytes()).Lookup(elfsym.Dynsym, "f", "g"))
	var damaged *elfsym.SymbolError
	if show(syms) != "g 0x401020 4" || len(errs) != 1 || !errors.As(errs[0], &damaged) || damaged.Name != "f" {
		t.Errorf("found %s, errors %v", show(syms), errs)
	}
}

// The last name of a table has no NUL behind it: that one is damaged and told so, the others are found.
func TestStringsWithoutEnd(t *testing.T) {
	w := program(fn("first", 0x401010, 1), fn("last", 0x401020, 2))
	w.EditSection = func(name string, s *elf.Section64) {
		if name == ".strtab" || name == ".shstrtab" {
			s.Size--
		}
	}
	f := parse(t, w.Bytes())
	syms, errs := drain(f.Symbols(elfsym.Symtab))
	if show(syms) != "first 0x401010 1" || len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrDamaged) {
		t.Errorf("%s, %v", show(syms), errs)
	}
	for name, want := range map[string]string{"first": "first 0x401010 1", "last": "", "las": ""} {
		if got, _ := drain(f.Lookup(elfsym.Symtab, name)); show(got) != want {
			t.Errorf("%s: %s, want %q", name, show(got), want)
		}
	}
	secs, err := f.Sections()
	if len(secs) < 4 || secs[1].Name == "" || err == nil && secs[len(secs)-1].Name != "" {
		t.Errorf("%+v, %v", secs, err)
	}
}

// Long strings are searched by several goroutines: names on the borders between
// their parts are found, each once, and one that is everywhere is too.
func TestLookupParts(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	const n, length = 15_000, 300
	name := func(i int) string { return fmt.Sprintf("function_%0*d", length, i) }
	syms := make([]elfwrite.Symbol, n)
	for i := range syms {
		syms[i] = fn(name(i), 0x401000+uint64(i%256)*16, 16)
	}
	f := parse(t, program(syms...).Bytes())
	strs := f.Section(".strtab")
	text, err := f.Data(strs)
	if err != nil || strs.Size < 4<<20 {
		t.Fatal(strs.Size, err)
	}
	each := len(name(0)) + 1
	first := bytes.Index(text, []byte(name(0)))
	for part := range 5 {
		at := (int(strs.Size)*part/4 - first) / each
		for i := max(0, at-3); i < min(n, at+4); i++ {
			got, errs := drain(f.Lookup(elfsym.Symtab, name(i)))
			if len(got) != 1 || len(errs) > 0 || got[0].Name != name(i) {
				t.Errorf("%s: %v, %v", name(i), got, errs)
			}
		}
	}
	if got, errs := drain(f.Lookup(elfsym.Symtab, "function", "function_")); len(got)+len(errs) > 0 {
		t.Errorf("%v, %v", got, errs)
	}
	for i := range syms { // more places than are remembered
		syms[i].Name = "same@V" + name(i)
	}
	f = parse(t, program(syms...).Bytes())
	if got, errs := drain(f.Lookup(elfsym.Symtab, "same")); len(got) != n || len(errs) > 0 {
		t.Errorf("%d of %d, %v", len(got), n, errs)
	}
}
