package offset_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/offset"
)

func TestNotFound(t *testing.T) {
	lib := "; searched symtab (21 functions), dynsym (10 functions), USDT (1 sites)"
	for _, c := range []struct{ file, spec, want string }{
		{"libtestbin.so", "nothing_like_it", "not found" + lib},
		{"libtestbin.so", "ver_func@V9", "no such version; there is ver_func@V1, ver_func@@V2; nearest ver_func, ver_func_1, ver_func_2" + lib},
		{"libtestbin.so", "ver_func@@V1", "no such version; there is ver_func@V1, ver_func@@V2; nearest ver_func, ver_func_1, ver_func_2" + lib},
		{"libtestbin.so", "lib_func@V2", "no such version; there is lib_func@@V1; nearest lib_func" + lib},
		{"libtestbin.so", "lib_data", "a variable, not a function" + lib},
		{"libtestbin.so", "lib_tls", "a thread-local variable, not a function" + lib},
		{"libtestbin.so", "old_fun", "not found; nearest old_func, old_func_1" + lib},
		{"libtestbin.so", "LIB_ROUND", "not found; nearest lib_round" + lib},
		{"libtestbin.so", "rotected", "not found; nearest protected_func" + lib},
		{"libtestbin.so", "probelib:entri", "not found; nearest probelib:entry" + lib},
		{"libtestbin.so", "entry", "not found; nearest probelib:entry" + lib},
		{"libtestbin.so", "lib_fun+0x4", "not found; nearest lib_func" + lib},
		{"libtestbin.so", "lib.c:42", "no statement begins on that line; the next one with code is lib.c:43" + lib},
		{"libtestbin.so", "b.c:local_func", "not found in such a file; there is local_func in lib.c" + lib},
		{"main", "lib_func", "only imported; look in libtestbin.so"},
		{"main", "ver_func@V1", "only imported; look in libtestbin.so"},
		{"main", "absent_func+8", "only imported; look in libtestbin.so"},
		{"main-nopie", "lib_func", "only imported; look in libtestbin.so"},
		{"probe-pie", "notype", "a label and not marked as a function; its address is 0x11b0; searched symtab (35 functions), dynsym (none), USDT (19 sites)"},
		{"probe-stripped", "traced", "not found; searched symtab (none), dynsym (none)…, USDT (19 sites)"},
		{"probe-noshdr", "traced", "not found; searched symtab (none), dynsym (none)…, USDT (0 sites)"},
		{"cxx.so", "outer::overlaoded", "not found; nearest outer::overloaded; searched symtab (29 functions), dynsym (23 functions), USDT (0 sites)"},
	} {
		tg := open(t, "amd64/"+c.file)
		r := typed(t, tg, c.spec)
		var nf *offset.NotFoundError
		if !errors.As(r.Err, &nf) || nf.Path != tg.Path() || len(r.Locations) > 0 {
			t.Errorf("%s: %v", c.spec, r.Err)
			continue
		}
		want := c.spec + ": " + c.want
		begin, end, cut := strings.Cut(want, "…") // for sources that do not matter here
		if nf.Error() != want && !(cut && strings.HasPrefix(nf.Error(), begin) && strings.HasSuffix(nf.Error(), end)) {
			t.Errorf("%s\n%s, want\n%s", c.file, nf, want)
		}
		if _, err := r.One(); err != r.Err {
			t.Errorf("%s: One: %v", c.spec, err)
		}
	}
}

func TestNotFoundImport(t *testing.T) {
	var nf *offset.NotFoundError
	r := typed(t, open(t, "arm64/main"), "protected_func")
	if !errors.As(r.Err, &nf) || !nf.Imported || !slices.Equal(nf.Needed, []string{"libtestbin.so"}) || nf.Nearest != nil {
		t.Errorf("%+v", r.Err)
	}
	// By the name that its source has, and a variable too.
	file := program(fn("f", 0x401010, 16),
		elfwrite.Symbol{Name: "_ZN2ns4funcEi", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL},
		elfwrite.Symbol{Name: "_ZN2ns8variableE", Value: 0x404010, Size: 8, Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL, Section: ".data"})
	tg := target(t, file.Bytes())
	if r := typed(t, tg, "ns::func"); !errors.As(r.Err, &nf) || !nf.Imported {
		t.Errorf("%v", r.Err)
	}
	if r := typed(t, tg, "ns::variable"); !errors.As(r.Err, &nf) || nf.Note != "a variable, not a function" {
		t.Errorf("%v", r.Err)
	}
}

// A distance goes to the function's end and no further, and an address without
// a place in the file's code has no offset.
func TestRefused(t *testing.T) {
	size0 := fn("size0", 0x401100, 0)
	abs := elfwrite.Symbol{Name: "absolute", Value: 0x401200, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Index: elf.SHN_ABS}
	file := program(fn("f", 0x401010, 32), size0, fn("next", 0x401140, 4), fn("end", 0x401ff0, 0), fn("rodata", 0x403010, 4), fn("bss", 0x404110, 4), abs)
	file.Sections = append(file.Sections, elfwrite.Section{Name: ".note.gnu.build-id", Notes: []elfwrite.Note{{Name: "GNU", Type: 3, Desc: []byte("0123456789")}}})
	b := file.Bytes()
	tg := target(t, b)
	if tg.BuildID() != "30313233343536373839" {
		t.Fatal(tg.BuildID())
	}
	off := func(addr uint64) elfsym.Offset {
		for _, s := range tg.File().Segments().All() {
			if a := uint64(s.Addr); addr >= a && addr-a < s.MemSize {
				return s.Offset + elfsym.Offset(addr-a)
			}
		}
		return 0
	}
	for _, c := range []struct {
		spec offset.Spec
		want string // "" is success
	}{
		{offset.FuncOffset("f", 31), ""},
		{offset.FuncOffset("f", 32), "f+0x20: it has 0x20 bytes"},
		{offset.FuncOffset("f", 1<<64-1), "it has 0x20 bytes"},
		{offset.FuncOffset("size0", 0x3f), ""},
		{offset.FuncOffset("size0", 0x40), "size0+0x40: it has 0x40 bytes"},
		{offset.FuncOffset("end", 0xf), ""},
		{offset.FuncOffset("end", 0x10), "it has 0x10 bytes"},
		{offset.FuncOffset("end", 1<<63), "it has 0x10 bytes"},
		{offset.FuncOffset("next", 0), ""},
		{offset.Func("rodata"), "a symbol outside of the file's code"},
		{offset.Func("bss"), "a symbol outside of the file's code"},
		{offset.Func("absolute"), ""}, // an executable is loaded where it says
		{offset.At(0x401fff), ""},
		{offset.At(0x402000), "in no loadable segment"},
		{offset.At(0), "in no loadable segment"},
		{offset.At(1<<64 - 1), "in no loadable segment"},
		{offset.At(0x403010), "not in an executable segment"},
		{offset.At(0x404110), "zeroed memory (.bss)"},
		{offset.FileOffset(off(0x401010), ""), ""},
		{offset.FileOffset(off(0x401010), tg.BuildID()), ""},
		{offset.FileOffset(off(0x401010), strings.ToUpper("30313233343536373839")), ""},
		{offset.FileOffset(off(0x401010), "abcd"), "an offset in the build abcd, and /some/file is 30313233343536373839"},
		{offset.FileOffset(off(0x403010), ""), "not in an executable segment"},
		{offset.FileOffset(off(0x404110), ""), "in no loadable segment"},
		{offset.FileOffset(1<<40, ""), "in no loadable segment"},
		{offset.FileOffset(1<<64-1, ""), "in no loadable segment"},
	} {
		r := resolve(t, tg, c.spec)
		if (c.want == "") != (r.Err == nil) || (len(r.Locations) == 1) != (c.want == "") || r.Err != nil && !strings.Contains(r.Err.Error(), c.want) {
			t.Errorf("%s: %s, %v, want %q", c.spec, places(r.Locations), r.Err, c.want)
		}
	}
	// A shared object is not, so there an absolute symbol is just a number.
	file.Type = elf.ET_DYN
	if r := typed(t, target(t, file.Bytes()), "absolute"); r.Err == nil {
		t.Errorf("absolute: %v", r.Locations)
	}
}

// Some of what matches has no place: the rest is returned, with the error.
func TestResolvePartly(t *testing.T) {
	file := program()
	file.Sections = append(file.Sections, noteSection(file.USDT(0x401100, 0, 0, "p", "n", ""), file.USDT(0x403000, 0, 0, "p", "n", ""),
		file.USDT(0x401110, 0, 0x403010, "p", "n", ""), file.USDT(0x401120, 0, 0x404010, "p", "n", "")))
	r := typed(t, target(t, file.Bytes()), "p:n")
	if len(r.Locations) != 2 || !errors.Is(r.Err, elfsym.ErrNoOffset) || !strings.Contains(r.Err.Error(), "semaphore") {
		t.Errorf("%v, %v", r.Locations, r.Err)
	}
	if _, err := r.One(); err == nil {
		t.Error("One has chosen")
	}
}

// A file made of long names that are all alike must not cost much, nor give
// many names.
func TestNearestBounded(t *testing.T) {
	file := program()
	long := strings.Repeat("ab", 120)
	for i := range 8000 {
		file.Symbols = append(file.Symbols, fn(fmt.Sprintf("%s%05d%s", long[:100], i, long[100:]), 0x401000+uint64(i%256), 1))
	}
	tg := target(t, file.Bytes())
	var specs []offset.Spec
	for i := range 3 {
		specs = append(specs, offset.Func(fmt.Sprintf("%sx%dy%s", long[:99], i, long[100:])))
	}
	begin := time.Now()
	results, err := tg.Resolve(t.Context(), specs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		var nf *offset.NotFoundError
		if !errors.As(r.Err, &nf) || len(nf.Nearest) > 3 {
			t.Fatalf("%v", r.Err)
		}
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("%v", d)
	} else {
		t.Log(d)
	}
}
