package offset_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
)

func names(probes []offset.Probe) string {
	var out []string
	for _, p := range probes {
		out = append(out, p.Name())
	}
	return strings.Join(out, " ")
}

// One damaged symbol and one damaged note are an error each, told once, and the
// rest is listed.
func TestDamagedParts(t *testing.T) {
	bad := fn("bad", 0x401100, 16)
	bad.Edit = func(s *elf.Sym64) { s.Name = 0xffffff }
	variable := elfwrite.Symbol{Name: "v", Value: 0x404000, Size: 8, Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL, Section: ".data"}
	file := program(fn("f", 0x401000, 16), bad, fn("g", 0x401200, 16), variable)
	noEnd := elfwrite.Note{Name: "stapsdt", Type: 3, Desc: bytes.Repeat([]byte("x"), 30)}
	file.Sections = append(file.Sections, noteSection(file.USDT(0x401300, 0, 0, "p", "a", ""), noEnd, file.USDT(0x401310, 0, 0, "p", "b", "")))
	tg := target(t, file.Bytes())

	probes, errs := drain(tg.Probes(t.Context(), offset.Query{Kinds: offset.KindUSDT | offset.KindFunc | offset.KindData}))
	if got := names(probes); got != "p:a p:b f g v" {
		t.Errorf("listed %s", got)
	}
	var note *usdt.NoteError
	var sym *elfsym.SymbolError
	if len(errs) != 2 || !errors.As(errs[0], &note) || !errors.As(errs[1], &sym) || sym.Index != 2 {
		t.Errorf("errors %v", errs)
	}
	if probes, errs := drain(tg.Probes(t.Context(), offset.Query{Kinds: offset.KindData})); names(probes) != "v" || len(errs) != 1 {
		t.Errorf("data alone: %v, errors %v", probes, errs)
	}

	// Resolve finds what is there, and tells of the damage that it came upon.
	results, err := tg.Resolve(t.Context(), offset.Func("g"), offset.USDT("p", "b"), offset.Func("missing"), offset.Func("also_missing"))
	if len(results) != 4 || places(results[0].Locations) == "" || results[0].Err != nil || len(results[1].Locations) != 1 || results[2].Err == nil {
		t.Errorf("%+v", results)
	}
	if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 2 {
		t.Errorf("%v", err)
	}
}

// However a file was cut, that is one error.
func TestTruncated(t *testing.T) {
	whole := testbin.Read(t, "amd64/probe-pie")
	for n := 700; n < len(whole); n += 97 {
		b := whole[:n]
		f, err := elfsym.NewFile(bytes.NewReader(b), int64(n), nil)
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		tg, err := offset.New(f, "/some/file", nil)
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		_, errs := drain(tg.Probes(t.Context(), offset.Query{}))
		if len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrTruncated) {
			t.Errorf("cut at %d: listing: %v", n, errs)
		}
		_, err = tg.Resolve(t.Context(), offset.Func("traced"), offset.USDT("probels", "small"), offset.Func("x*"))
		if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 1 || !errors.Is(err, elfsym.ErrTruncated) {
			t.Errorf("cut at %d: resolving: %v", n, err)
		}
	}
}

// A file that is written to while it is read gives an error.
func TestChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "probe")
	if err := os.WriteFile(path, testbin.Read(t, "amd64/probe-pie"), 0o644); err != nil {
		t.Fatal(err)
	}
	tg, err := offset.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	probes, errs := drain(tg.Probes(t.Context(), offset.Query{}))
	if len(probes) == 0 || len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrChanged) {
		t.Errorf("%d probes, errors %v", len(probes), errs)
	}
	if results, err := tg.Resolve(t.Context(), offset.Func("traced")); results != nil || !errors.Is(err, elfsym.ErrChanged) {
		t.Errorf("%v, %v", results, err)
	}
}

func TestCancelled(t *testing.T) {
	tg := open(t, "amd64/probe-pie")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if probes, errs := drain(tg.Probes(ctx, offset.Query{})); len(probes) > 0 || len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("%d probes, errors %v", len(probes), errs)
	}
	if results, err := tg.Resolve(ctx, offset.Func("traced")); results != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", results, err)
	}
	// In the middle of a table that is long enough to be asked again.
	file := program()
	for range 20000 {
		file.Symbols = append(file.Symbols, fn("f", 0x401000, 1))
	}
	tg = target(t, file.Bytes())
	after := &countdown{Context: t.Context(), left: 2}
	if probes, errs := drain(tg.Probes(after, offset.Query{Kinds: offset.KindFunc})); len(probes) > 0 || len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("%d probes, errors %v", len(probes), errs)
	}
	// A loop that is left early asks for no more.
	for range open(t, "amd64/probe-pie").Probes(t.Context(), offset.Query{}) {
		break
	}
}

// countdown is cancelled when it was asked so often.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestConcurrent(t *testing.T) {
	for _, name := range []string{"amd64/libtestbin.so", "ppc64/probe-pie", "amd64/cxx.so"} {
		tg := open(t, name)
		want, _ := drain(tg.Probes(t.Context(), offset.Query{Sizes: true}))
		fresh := open(t, name)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				got, errs := drain(fresh.Probes(t.Context(), offset.Query{Sizes: true}))
				if names(got) != names(want) || len(errs) > 0 {
					t.Errorf("%s: %s, %v", name, names(got), errs)
				}
				for _, p := range got {
					if r := resolve(t, fresh, offset.Func(p.Name())); p.Kind == offset.KindFunc && r.Err != nil {
						t.Errorf("%s: %v", name, r.Err)
					}
				}
				if r := typed(t, fresh, "nothing_like_it"); r.Err == nil {
					t.Errorf("%s: found", name)
				}
			})
		}
		wg.Wait()
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty := program()
	empty.Segments, empty.Symbols = nil, nil
	for _, c := range []struct {
		path string
		is   error
		text string
	}{
		{filepath.Join(dir, "missing"), os.ErrNotExist, ""},
		{dir, elfsym.ErrNotRegular, "a directory"},
		{write("empty", nil), elfsym.ErrNotELF, "empty"},
		{write("text", []byte("text\n")), elfsym.ErrNotELF, "a text file"},
		{write("short", []byte("\x7fELF\x02\x01\x01")), elfsym.ErrTruncated, ""},
		{write("nothing", empty.Bytes()), offset.ErrNotExecutable, "no loadable segments"},
		{testbin.Path(t, "amd64/probe.o"), offset.ErrNotExecutable, "an object file"},
		{testbin.Path(t, "amd64/core"), offset.ErrNotExecutable, "a core dump"},
		{testbin.Path(t, "amd64/probe-pie.debug"), offset.ErrDebugOnly, "build-id 7579de5a"},
	} {
		tg, err := offset.Open(c.path, nil)
		if tg != nil || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
	if os.Geteuid() != 0 {
		path := write("secret", testbin.Read(t, "amd64/probe-pie"))
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := offset.Open(path, nil); !errors.Is(err, os.ErrPermission) {
			t.Errorf("%v", err)
		}
	}
}

// The path that locations carry is the file's own, however it was named.
func TestOpenPath(t *testing.T) {
	real := testbin.Path(t, "amd64/probe-pie")
	dir := t.TempDir()
	if err := os.Symlink(real, filepath.Join(dir, "link")); err != nil {
		skip.Nowf(t, "needs symbolic links: %v", err)
	}
	real, err := filepath.EvalSymlinks(real)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, path := range []string{"link", "./link", filepath.Join(dir, "link"), real} {
		tg, err := offset.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := resolve(t, tg, offset.Func("traced")).One(); err != nil || l.Path != real || tg.Path() != real {
			t.Errorf("%s: %s, %v", path, l.Path, err)
		}
		if err := tg.Close(); err != nil {
			t.Error(err)
		}
		if _, err := tg.Resolve(t.Context(), offset.Func("traced")); err == nil {
			t.Error("a closed file was read")
		}
	}
}

// What New was given stays the caller's.
func TestNewBorrows(t *testing.T) {
	f, err := elfsym.Open(testbin.Path(t, "amd64/probe-pie"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tg, err := offset.New(f, "/elsewhere", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tg.Close(); err != nil {
		t.Error(err)
	}
	if l, err := resolve(t, tg, offset.Func("traced")).One(); err != nil || l.Path != "/elsewhere" || tg.File() != f {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestQuery(t *testing.T) {
	tg := open(t, "amd64/libtestbin.so")
	for _, c := range []struct {
		q    offset.Query
		want string
	}{
		{offset.Query{Kinds: offset.KindUSDT}, "probelib:entry"},
		{offset.Query{Kinds: offset.KindData, Match: []string{"*data*"}}, "lib_data"},
		{offset.Query{Match: []string{"lib_*", "probelib:*"}}, "probelib:entry lib_func lib_round lib_weak"},
		{offset.Query{Match: []string{"ent??"}}, "probelib:entry"},
		{offset.Query{Match: []string{"same_func"}}, "same_func same_func"},
		{offset.Query{Match: []string{"[q-z]er_func"}}, "ver_func ver_func"},
		{offset.Query{Match: []string{""}}, ""},
	} {
		probes, errs := drain(tg.Probes(t.Context(), c.q))
		if names(probes) != c.want || len(errs) > 0 {
			t.Errorf("%+v: %s, %v", c.q, names(probes), errs)
		}
	}
	probes, _ := drain(open(t, "amd64/cxx.so").Probes(t.Context(), offset.Query{Match: []string{"outer::overloaded(*)"}}))
	if names(probes) != "_ZN5outer10overloadedEPKc _ZN5outer10overloadedEi _ZN5outer10overloadedEidy" {
		t.Error(names(probes))
	}
	// Sizes are inferred when they are asked for, and marked; what comes next
	// counts, though it does not match.
	for _, sizes := range []bool{false, true} {
		probes, _ := drain(open(t, "amd64/probe-pie").Probes(t.Context(), offset.Query{Match: []string{"size0"}, Sizes: sizes}))
		if len(probes) != 1 || (probes[0].Symbol.Size == 32) != sizes || probes[0].Symbol.SizeInferred != sizes {
			t.Errorf("%+v", probes)
		}
	}
	if probes, errs := drain(tg.Probes(t.Context(), offset.Query{Kinds: offset.KindData})); len(errs) > 0 || slices.ContainsFunc(probes, func(p offset.Probe) bool {
		_, err := p.Location()
		return err == nil
	}) {
		t.Errorf("a variable has a location: %v %v", probes, errs)
	}
}

func TestParseKinds(t *testing.T) {
	for text, want := range map[string]offset.Kind{
		"usdt": offset.KindUSDT, "uprobe": offset.KindFunc, "data": offset.KindData, "data,usdt": offset.KindUSDT | offset.KindData,
	} {
		if k, err := offset.ParseKinds(text); k != want || err != nil {
			t.Errorf("%s: %v, %v", text, k, err)
		}
	}
	for _, text := range []string{"", "usdt,", "address", "kprobe", "usdt uprobe"} {
		if _, err := offset.ParseKinds(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if s := (offset.KindUSDT | offset.KindFunc | offset.KindData | offset.KindAddr).String(); s != "usdt,uprobe,data,address" {
		t.Error(s)
	}
}
