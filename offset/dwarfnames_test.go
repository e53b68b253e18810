package offset_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// withoutSymtab is a binary whose .symtab is a section of another type: all names
// that it had are in its DWARF alone.
func withoutSymtab(t *testing.T, b []byte) []byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Clone(b)
	headers, size := uint64(f.ByteOrder.Uint32(b[0x20:])), 40
	if f.Class == elf.ELFCLASS64 {
		headers, size = f.ByteOrder.Uint64(b[0x28:]), 64
	}
	for i, s := range f.Sections {
		if s.Type == elf.SHT_SYMTAB {
			f.ByteOrder.PutUint32(b[int(headers)+i*size+4:], uint32(elf.SHT_PROGBITS))
			return b
		}
	}
	t.Fatal("no symbol table")
	return nil
}

// withoutStatics is a binary as a linker's -x leaves it: its .symtab has no symbols
// of local functions.
func withoutStatics(t *testing.T, b []byte) []byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Clone(b)
	table := f.SectionByType(elf.SHT_SYMTAB)
	for at := table.Offset; at < table.Offset+table.Size; at += elf.Sym64Size {
		if info := b[at+4]; elf.ST_BIND(info) == elf.STB_LOCAL && elf.ST_TYPE(info) == elf.STT_FUNC {
			b[at+4] = elf.ST_INFO(elf.STB_LOCAL, elf.STT_NOTYPE)
			f.ByteOrder.PutUint32(b[at:], 0) // no name
		}
	}
	return b
}

// Without a symbol table, DWARF has the names: at the same places, also of the
// local entries of ppc64le, of which DWARF says nothing.
func TestDWARFNames(t *testing.T) {
	for _, arch := range []string{"amd64", "arm", "arm64", "i386", "mips64el", "ppc64", "ppc64le", "riscv64", "s390x"} {
		name := arch + "/probe-pie"
		f, tg := truthOf(t, name), target(t, withoutSymtab(t, testbin.Read(t, name)))
		for _, fname := range []string{"traced", "recursive", "splitter", "inline_caller_1", "run", "call_helper_a", "helper"} {
			var want []uint64
			for _, one := range f.functions(fname) {
				want = append(want, f.place(one.entry, elf.ProgFlag(elf.PF_X)))
			}
			r := typed(t, tg, fname)
			if got := places(r.Locations); got != hexes(want) || r.Err != nil {
				t.Errorf("%s: %s: %s, %v, want %s", name, fname, got, r.Err, hexes(want))
				continue
			}
			for _, l := range r.Locations {
				if l.Sources&(elfsym.DWARF|elfsym.Dynsym) == 0 || l.Name != fname {
					t.Errorf("%s: %s: %s of %v", name, fname, l.Name, l.Sources)
				}
			}
		}
		// An address is named by DWARF too.
		traced := f.functions("call_helper_a")[0]
		if l, err := resolve(t, tg, offset.At(elfsym.Addr(traced.addr+2))).One(); err != nil || l.Name != "call_helper_a" || l.Addend != 2 || l.Function != elfsym.Addr(traced.addr) {
			t.Errorf("%s: call_helper_a+2: %+v, %v", name, l, err)
		}
		// Two statics of one name are told apart as those of .symtab are, and have sizes.
		helper := f.functions("helper")
		if l, err := typed(t, tg, "b.c:helper").One(); err != nil || uint64(l.Offset) != f.place(helper[1].entry, elf.PF_X) || l.Size != helper[1].size {
			t.Errorf("%s: b.c:helper: %+v, %v, want %+v", name, l, err, helper[1])
		}
		if l, err := typed(t, tg, "b.c:helper+2").One(); err != nil || uint64(l.Offset) != f.place(helper[1].addr+2, elf.PF_X) {
			t.Errorf("%s: b.c:helper+2: %+v, %v", name, l, err)
		}
		if r := typed(t, tg, "b.c:traced"); len(r.Locations) > 0 || !strings.Contains(r.Err.Error(), "dwarf (no such function)") {
			t.Errorf("%s: b.c:traced: %+v", name, r)
		}
	}
}

// Nothing but a symbol tells Thumb code from ARM code, and what is wrong with it
// depends on that: a place that only DWARF names is refused, and its exits are not told.
func TestDWARFNamesThumb(t *testing.T) {
	tg := target(t, withoutSymtab(t, testbin.Read(t, "arm/probe-pie")))
	l, err := typed(t, tg, "traced").One()
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := tg.Verdicts(t.Context(), l)
	if err != nil || len(verdicts) != 1 || verdicts[0].Err == nil || !strings.Contains(verdicts[0].Err.Error(), "Thumb") {
		t.Errorf("%+v, %v", verdicts, err)
	}
	exits, err := tg.Exits(t.Context(), l)
	if err != nil || len(exits) != 1 || !errors.Is(exits[0].Err, offset.ErrNoDecoder) || len(exits[0].Exits) > 0 {
		t.Errorf("%+v, %v", exits, err)
	}
	// Entries of the PLT are ARM code.
	n := 0
	plt := open(t, "arm/main")
	for p, err := range plt.Probes(t.Context(), offset.Query{Kinds: offset.KindPLT}) {
		if err != nil {
			t.Fatal(err)
		}
		l, err := p.Location()
		if err != nil {
			t.Fatal(err)
		}
		n++
		if v, err := plt.Verdicts(t.Context(), l); err != nil || v[0].Err != nil && strings.Contains(v[0].Err.Error(), "Thumb") {
			t.Errorf("%s: %v, %v", l.Name, v[0].Err, err)
		}
	}
	if n == 0 {
		t.Error("no entries of a PLT")
	}
}

// DWARF is read where the tables may lack statics, and never else: not for what
// they have, nor for what is in none of them.
func TestDWARFNamesWhenAsked(t *testing.T) {
	b := testbin.Read(t, "amd64/probe-pie")
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	sections := []string{".debug_info", ".debug_abbrev", ".debug_str", ".debug_line"}
	for _, c := range []struct {
		what  string
		bytes []byte
		spec  string
		want  int
		asked bool
	}{
		{"whole", b, "helper", 2, false},
		{"whole", b, "no_such_function", 0, false},
		{"whole", b, "0x1391", 1, false},
		{"-x", withoutStatics(t, b), "traced", 1, false},
		{"-x", withoutStatics(t, b), "helper", 2, true},
		{"-x", withoutStatics(t, b), "no_such_function", 0, true},
		{"-x", withoutStatics(t, b), "traced@V1", 0, false},
		{"-x", withoutStatics(t, b), "0x1", 0, false},
		{"-x", withoutStatics(t, b), "0x1391", 1, true}, // in helper
		{"-s", withoutSymtab(t, b), "helper", 2, true},
	} {
		tg, r := counted(t, c.bytes)
		res := typed(t, tg, c.spec)
		if asked := r.touched(f, sections...) != ""; len(res.Locations) != c.want || asked != c.asked {
			t.Errorf("%s: %s: %d places, DWARF read: %v (%v)", c.what, c.spec, len(res.Locations), asked, res.Err)
		}
	}
	ef, err := elfsym.NewFile(bytes.NewReader(withoutSymtab(t, b)), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	own, err := offset.New(ef, "/some/file", &offset.Options{OwnTables: true})
	if err != nil {
		t.Fatal(err)
	}
	if res := typed(t, own, "helper"); len(res.Locations) > 0 {
		t.Errorf("own tables only: %+v", res)
	}
}

const cxxStatics = `
namespace ns {
struct list {
	int n;
	__attribute__((noinline)) int size(int k) const { __asm__ volatile(""); return n + k; }
	__attribute__((noinline)) int operator()(int k) { __asm__ volatile(""); return n - k; }
};
namespace { __attribute__((noinline)) int hidden(int x) { __asm__ volatile(""); return x + 1; } }
}
static __attribute__((noinline)) int alone(int x) { __asm__ volatile(""); return x + 2; }
int main(int argc, char **argv)
{
	ns::list l{argc};
	return l.size(2) + l(3) + ns::hidden(argc) + alone(argc);
}
`

// Names as C++ source has them, of functions without a linkage name too.
func TestDWARFNamesOfCXX(t *testing.T) {
	for _, tool := range []string{"g++", "clang++"} {
		t.Run(tool, func(t *testing.T) {
			cxx := skip.Tool(t, tool)
			dir := t.TempDir()
			src, bin := filepath.Join(dir, "a.cc"), filepath.Join(dir, "a")
			if err := os.WriteFile(src, []byte(cxxStatics), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(cxx, "-O1", "-g", "-o", bin, src).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			b, err := os.ReadFile(bin)
			if err != nil {
				t.Fatal(err)
			}
			full, tg := target(t, b), target(t, withoutSymtab(t, b))
			for spec, demangled := range map[string]string{
				"ns::list::size":                         "ns::list::size",
				"ns::list::size(int) const":              "ns::list::size",
				"_ZNK2ns4list4sizeEi":                    "ns::list::size",
				"ns::list::operator()":                   "ns::list::operator()",
				"ns::list::operator()(int)":              "ns::list::operator()",
				"ns::(anonymous namespace)::hidden":      "ns::(anonymous namespace)::hidden",
				"ns::(anonymous namespace)::hidden(int)": "ns::(anonymous namespace)::hidden",
				"alone":                                  "alone",
				"alone(int)":                             "alone",
				"a.cc:alone":                             "alone",
			} {
				want, got := typed(t, full, demangled+"(int)"), typed(t, tg, spec)
				if strings.HasSuffix(demangled, "size") {
					want = typed(t, full, "_ZNK2ns4list4sizeEi")
				}
				if len(want.Locations) != 1 || places(got.Locations) != places(want.Locations) {
					t.Errorf("%s: %s, %v, want %s, %v", spec, places(got.Locations), got.Err, places(want.Locations), want.Err)
				}
			}
			for _, spec := range []string{"size", "list::size", "hidden::x"} { // as in symbol tables
				if r := typed(t, tg, spec); len(r.Locations) > 0 {
					t.Errorf("%s: %+v", spec, r.Locations)
				}
			}
		})
	}
}
