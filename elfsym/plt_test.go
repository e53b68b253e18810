package elfsym_test

import (
	"bytes"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
)

func pltNames(t *testing.T, f *elfsym.File) []string {
	t.Helper()
	var out []string
	for _, s := range mustDrain(t, f.Symbols(elfsym.PLT)) {
		out = append(out, s.Name)
		if !f.Segments().IsCode(s.Entry()) {
			t.Errorf("%s is at 0x%x", s.Name, uint64(s.Addr))
		}
	}
	slices.Sort(out)
	return slices.Compact(out) // a stub for each version
}

// The program calls these of its library, on all machines; with the linker's and
// the compiler's variants on x86-64. mips has stubs for the first call only, and
// "noplt" calls by the slot itself.
func TestPLT(t *testing.T) {
	want := []string{"absent_func@plt", "ifunc@plt", "lib_round@plt", "lib_weak@plt", "protected_func@plt", "same_func@plt", "ver_func@plt"}
	seen := 0
	for _, name := range testbin.All(t) {
		base := path.Base(name)
		if !strings.HasPrefix(base, "main") || strings.Contains(base, ".") || strings.HasPrefix(name, "mips") || base == "main-noplt" {
			continue
		}
		seen++
		b := testbin.Read(t, name)
		for what, b := range map[string][]byte{"": b, " without section headers": withoutSections(b)} {
			f := parse(t, b)
			got, want := pltNames(t, f), want
			if base == "main-nopie" && name[0] == 'a' { // it takes an address, and the absent one's is 0
				want = append(slices.Clone(want[1:]), "lib_func@plt")
				slices.Sort(want)
			}
			if strings.HasPrefix(name, "riscv64") {
				want = want[1:] // absent_func is called by its address in the GOT
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s%s: %q", name, what, got)
			}
			found := mustDrain(t, f.Lookup(elfsym.PLT, "lib_round@plt", "lib_round", "nobody@plt"))
			if len(found) != 1 || found[0].Name != "lib_round@plt" {
				t.Errorf("%s%s: look-up: %+v", name, what, found)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d programs", seen)
	}
	if got := pltNames(t, open(t, "amd64/main-noplt")); len(got) != 0 {
		t.Errorf("noplt: %q", got)
	}
}

// A look-up of another name reads nothing of the PLT.
func TestPLTReads(t *testing.T) {
	b := testbin.Read(t, "amd64/main")
	c := &counter{r: bytes.NewReader(b)}
	f, err := elfsym.NewFile(c, int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.reads = nil
	if got := mustDrain(t, f.Lookup(elfsym.PLT, "lib_round")); len(got) != 0 || len(c.reads) != 0 {
		t.Errorf("%d found, %d reads", len(got), len(c.reads))
	}
}

func benchFile(b *testing.B, path string) *elfsym.File {
	f, err := elfsym.Open(path)
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { f.Close() })
	return f
}

const libjvm = "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so"

func BenchmarkStarts(b *testing.B) {
	f := benchFile(b, libjvm)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range f.Starts() {
			n++
		}
		b.ReportMetric(float64(n), "starts")
	}
}

func BenchmarkFrameAt(b *testing.B) {
	f := benchFile(b, libjvm)
	a := elfsym.Addr(0)
	for s := range f.Starts() {
		if a = s.Addr; s.Size > 100 {
			break
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := f.FrameAt(a + 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPLT(b *testing.B) {
	path := "/usr/lib/x86_64-linux-gnu/libcrypto.so.3"
	if _, err := os.Stat(path); err != nil {
		b.Skip(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f, err := elfsym.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for range f.Symbols(elfsym.PLT) {
			n++
		}
		b.ReportMetric(float64(n), "entries")
		f.Close()
	}
}
