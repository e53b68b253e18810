package offset_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// place copies fixtures side by side and opens the first.
func place(t *testing.T, o *offset.Options, names map[string]string, open string) *offset.Target {
	t.Helper()
	dir := t.TempDir()
	for to, from := range names {
		if err := os.WriteFile(filepath.Join(dir, to), testbin.Read(t, from), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tg, err := offset.Open(filepath.Join(dir, open), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	return tg
}

// names lists "name offset" of all functions.
func functionPlaces(t *testing.T, tg *offset.Target) []string {
	t.Helper()
	probes, errs := drain(tg.Probes(t.Context(), offset.Query{Kinds: offset.KindFunc}))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var out []string
	for _, p := range probes {
		out = append(out, fmt.Sprintf("%s %s %x", p.Symbol.Name, p.Symbol.File, p.Offset))
	}
	slices.Sort(out)
	return out
}

// A stripped program with its debug file has exactly the functions, at exactly
// the offsets, that it had before it was stripped. The debug file's own program
// headers would give other ones.
func TestDebugFileGivesBackTheNames(t *testing.T) {
	whole := functionPlaces(t, place(t, &offset.Options{OwnTables: true}, map[string]string{"p": "amd64/probe-pie"}, "p"))
	linked := place(t, nil, map[string]string{"p": "amd64/probe-debuglink", "probe-pie.debug": "amd64/probe-pie.debug"}, "p")
	if got := functionPlaces(t, linked); !slices.Equal(got, whole) {
		t.Errorf("with the debug file:\n%s\nbefore it was stripped:\n%s", strings.Join(got, "\n"), strings.Join(whole, "\n"))
	}
	// .gnu_debugdata has no STT_FILE entries.
	for i := range whole {
		f := strings.Fields(whole[i])
		whole[i] = f[0] + "  " + f[len(f)-1]
	}
	slices.Sort(whole)
	mini := place(t, nil, map[string]string{"p": "amd64/probe-minidebug"}, "p")
	if got := functionPlaces(t, mini); !slices.Equal(got, whole) {
		t.Errorf("with .gnu_debugdata:\n%s\nbefore it was stripped:\n%s", strings.Join(got, "\n"), strings.Join(whole, "\n"))
	}
}

func TestOwnTables(t *testing.T) {
	tg := place(t, &offset.Options{OwnTables: true},
		map[string]string{"p": "amd64/probe-debuglink", "probe-pie.debug": "amd64/probe-pie.debug"}, "p")
	if got := functionPlaces(t, tg); len(got) != 0 {
		t.Errorf("%d functions of a stripped program: %v", len(got), got)
	}
}

// A debug file of another build is as good as none.
func TestForeignDebugFile(t *testing.T) {
	tg := place(t, nil, map[string]string{"p": "amd64/probe-debuglink", "probe-pie.debug": "amd64/probe-dwarf4"}, "p")
	if got := functionPlaces(t, tg); len(got) != 0 {
		t.Errorf("%d functions from a debug file of another build: %v", len(got), got)
	}
	var nf *offset.NotFoundError
	if res := resolve(t, tg, offset.Func("helper")); !errors.As(res.Err, &nf) {
		t.Errorf("%v", res.Err)
	}
}

// A debug file whose code is elsewhere is refused, though its build-id is right:
// sdt-stale was moved after it was linked, as prelink does.
func TestMovedDebugFile(t *testing.T) {
	stale := testbin.Read(t, "amd64/sdt-stale")
	f, err := elfsym.NewFile(strings.NewReader(string(stale)), int64(len(stale)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.BuildID() == nil {
		t.Fatal("sdt-stale has no build-id")
	}
	// The debug file: probe-pie's, with sdt-stale's build-id in it.
	debug := testbin.Read(t, "amd64/probe-pie.debug")
	d, err := elfsym.NewFile(strings.NewReader(string(debug)), int64(len(debug)), nil)
	if err != nil {
		t.Fatal(err)
	}
	patched := strings.ReplaceAll(string(debug), string(d.BuildID()), string(f.BuildID()))
	dir := t.TempDir()
	id := f.BuildID()
	store := filepath.Join(dir, ".build-id", hex.EncodeToString(id[:1]))
	if err := os.MkdirAll(store, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(store, hex.EncodeToString(id[1:])+".debug"), []byte(patched), 0o644); err != nil {
		t.Fatal(err)
	}
	if f.Has(elfsym.Symtab) != 0 {
		f, err = stripped(t, stale)
		if err != nil {
			t.Fatal(err)
		}
	}
	tg, err := offset.New(f, "/some/file", &offset.Options{Debug: &debuglink.Options{HostDirs: []string{dir}}})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	_, errs := drain(tg.Probes(t.Context(), offset.Query{Kinds: offset.KindFunc}))
	if len(errs) != 1 || !errors.Is(errs[0], offset.ErrMoved) {
		t.Errorf("%v, want ErrMoved", errs)
	}
}

// stripped hides .symtab, by making it a section of no special type.
func stripped(t *testing.T, b []byte) (*elfsym.File, error) {
	t.Helper()
	b = slices.Clone(b)
	f, err := elfsym.NewFile(strings.NewReader(string(b)), int64(len(b)), nil)
	if err != nil {
		return nil, err
	}
	secs, err := f.Sections()
	if err != nil {
		return nil, err
	}
	shoff := int(f.U64(b[0x28:]))
	for i, s := range secs {
		if s.Name == ".symtab" {
			b[shoff+64*i+4] = 1 // SHT_PROGBITS
		}
	}
	return elfsym.NewFile(strings.NewReader(string(b)), int64(len(b)), nil)
}

// A separate debug file is refused, and says whose it is.
func TestDebugFileNamesItsExecutable(t *testing.T) {
	dir := t.TempDir()
	for to, from := range map[string]string{"probe-pie": "amd64/probe-pie", "probe-pie.debug": "amd64/probe-pie.debug"} {
		if err := os.WriteFile(filepath.Join(dir, to), testbin.Read(t, from), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, err := offset.Open(filepath.Join(dir, "probe-pie.debug"), nil)
	if !errors.Is(err, offset.ErrDebugOnly) || !strings.Contains(err.Error(), filepath.Join(dir, "probe-pie")+",") {
		t.Errorf("%v", err)
	}
}
