package elfsym_test

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

func addrOf(t *testing.T, f *elfsym.File, name string) elfsym.Addr {
	t.Helper()
	for s, err := range f.Lookup(elfsym.Dynsym, name) {
		if err == nil {
			return s.Addr
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// frameAt is how many ranges have an address within a function.
func frameAt(t *testing.T, f *elfsym.File, name string) int {
	t.Helper()
	if _, ok, err := f.FrameAt(addrOf(t, f, name) + 1); !ok || err != nil {
		t.Errorf("%s: %v, %v", name, ok, err)
		return 0
	}
	return 1
}

// checkStarts holds that starts are sorted and in the code, and that PLT entries
// are named as such.
func checkStarts(t *testing.T, f *elfsym.File) {
	var last elfsym.Addr
	for s, err := range f.Starts() {
		if err != nil {
			continue
		}
		if s.Addr <= last || s.Evidence == 0 || !f.Segments().IsCode(s.Addr) {
			t.Fatalf("%+v behind 0x%x", s, uint64(last))
		}
		last = s.Addr
		if fr, ok, _ := f.FrameAt(s.Addr); ok && (s.Addr < fr.Addr || uint64(s.Addr-fr.Addr) >= fr.Size) {
			t.Fatalf("0x%x is not in %+v", uint64(s.Addr), fr)
		}
		f.CFAAt(s.Addr)
		if last > 1<<20 {
			break
		}
	}
	for s, err := range f.Symbols(elfsym.PLT) {
		if err == nil && !strings.HasSuffix(s.Name, "@plt") {
			t.Fatalf("a PLT entry %q", s.Name)
		}
	}
	if p, _ := f.FramePointers(); p.Kept > p.Framed || p.Framed > p.Sampled {
		t.Fatalf("%+v", p)
	}
}

// What call frame information says to begin somewhere is what the symbol table
// says too, with the same size; the rest are parts.
func TestStartsAgreeWithSymbols(t *testing.T) {
	ranges := 0
	for _, name := range testbin.All(t) {
		f := open(t, name)
		if f.Type() == elf.ET_REL || f.Type() == elf.ET_CORE || f.Has(elfsym.Symtab) == 0 {
			continue
		}
		byAddr := map[elfsym.Addr][]elfsym.Symbol{}
		for s, err := range f.Symbols(elfsym.Symtab) {
			if err == nil && s.Defined() && s.Type != elf.STT_OBJECT {
				byAddr[s.Addr] = append(byAddr[s.Addr], s)
			}
		}
		stubs := map[elfsym.Addr]bool{}
		for _, s := range mustDrain(t, f.Symbols(elfsym.PLT)) {
			stubs[s.Addr] = true
		}
		for _, s := range mustDrain(t, f.Starts()) {
			syms := byAddr[s.Addr]
			if s.Part {
				for _, sym := range syms {
					if sym.Size > 0 && !strings.Contains(sym.Name, ".cold") {
						t.Errorf("%s: %s is taken for a part", name, sym.Name)
					}
				}
				continue
			}
			if stubs[s.Addr] {
				continue
			}
			if len(syms) == 0 {
				t.Errorf("%s: nothing is at 0x%x (%v)", name, uint64(s.Addr), s.Evidence)
				continue
			}
			if s.Evidence&elfsym.StartEHFrame == 0 {
				continue
			}
			ranges++
			if !slices.ContainsFunc(syms, func(sym elfsym.Symbol) bool { return sym.Size == s.Size || sym.Size == 0 }) {
				t.Errorf("%s: %s has %d bytes, its range %d", name, syms[0].Name, syms[0].Size, s.Size)
			}
		}
	}
	if ranges < 500 {
		t.Errorf("only %d ranges were compared", ranges)
	}
}

// Without section headers the same starts are found, by PT_GNU_EH_FRAME.
func TestStartsWithoutSections(t *testing.T) {
	for _, name := range []string{"amd64/main", "arm64/main", "i386/main", "s390x/main", "ppc64le/main", "arm/main", "riscv64/main", "amd64/probe-pie"} {
		b := testbin.Read(t, name)
		want := mustDrain(t, parse(t, b).Starts())
		got := mustDrain(t, parse(t, withoutSections(b)).Starts())
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %v\nand with section headers\n%v", name, got, want)
		}
	}
}

// withoutSections takes a file's section headers away.
func withoutSections(b []byte) []byte {
	b = slices.Clone(b)
	if b[elf.EI_CLASS] == byte(elf.ELFCLASS64) {
		clear(b[40:48])
		clear(b[60:64])
	} else {
		clear(b[32:36])
		clear(b[48:52])
	}
	return b
}

// Initializers are found where the loader's relocations put them.
func TestStartsOfInitializers(t *testing.T) {
	gcc := skip.Tool(t, "gcc")
	dir := t.TempDir()
	src := filepath.Join(dir, "a.c")
	code := `static volatile int n;
__attribute__((constructor)) static void first(void) { n++; }
__attribute__((destructor)) static void last(void) { n--; }
int main(void) { return n - 1; }
`
	if err := os.WriteFile(src, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, mode := range [][]string{{"-pie", "-fPIE"}, {"-no-pie", "-fno-pie"}, {"-static"}, {"-static-pie", "-fPIE"}, {"-pie", "-fPIE", "-fno-asynchronous-unwind-tables"}} {
		prog := filepath.Join(dir, "a")
		args := append([]string{"-O1", "-o", prog, src}, mode...)
		if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", mode, err, out)
		}
		f, err := elfsym.Open(prog)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]elfsym.StartSource{"first": elfsym.StartInitArray, "last": elfsym.StartFiniArray, "_start": elfsym.StartEntry}
		starts := map[elfsym.Addr]elfsym.Start{}
		for _, s := range mustDrain(t, f.Starts()) {
			starts[s.Addr] = s
		}
		for name, evidence := range want {
			n := 0
			for s, err := range f.Lookup(elfsym.Symtab, name) {
				if err != nil || !s.IsFunc() {
					continue
				}
				if starts[s.Addr].Evidence&evidence != 0 {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%v: %s is not among the %v", mode, name, evidence)
			}
		}
		f.Close()
	}
}

func TestFramePointers(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "a.c")
	code := `int printf(const char *, ...);
__attribute__((noinline)) int a(int n) { char b[200]; for (int i = 0; i < 200; i++) b[i] = i * n; return printf("%s", b); }
__attribute__((noinline)) int b(int n) { int s = 0; for (int i = 0; i < n; i++) s += a(i); return s; }
__attribute__((noinline)) int c(int n) { return b(n) + a(n) * 2; }
int d(int n) { return c(n) + b(n + 1); }
`
	if err := os.WriteFile(src, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"gcc", "clang"} {
		t.Run(tool, func(t *testing.T) {
			cc := skip.Tool(t, tool)
			for flags, want := range map[string]string{
				"-fno-omit-frame-pointer":                                 "yes",
				"-fomit-frame-pointer":                                    "no",
				"-fno-omit-frame-pointer -fno-asynchronous-unwind-tables": "yes",
				"-fomit-frame-pointer -fno-asynchronous-unwind-tables":    "no",
			} {
				lib := filepath.Join(dir, "a.so")
				args := append(strings.Fields(flags), "-O2", "-fPIC", "-shared", "-nostdlib", "-o", lib, src)
				if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				f, err := elfsym.Open(lib)
				if err != nil {
					t.Fatal(err)
				}
				if p, err := f.FramePointers(); err != nil || p.Verdict() != want || p.Framed != 4 {
					t.Errorf("%s: %v, %v; want %s", flags, p, err, want)
				}
				f.Close()
			}
		})
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elfsym.Open(self)
	if err != nil {
		t.Skipf("this program is not ELF: %v", err)
	}
	defer f.Close()
	if m := f.Machine(); m == elf.EM_X86_64 || m == elf.EM_AARCH64 {
		if p, err := f.FramePointers(); err != nil || p.Verdict() != "yes" {
			t.Errorf("a Go program: %v, %v", p, err)
		}
	}
}

// Tables that lie about their sizes.
func TestDamagedFrames(t *testing.T) {
	b := slices.Clone(testbin.Read(t, "amd64/main"))
	f := parse(t, b)
	s := f.Section(".eh_frame")
	binary.LittleEndian.PutUint32(b[s.Offset:], 1<<20) // a first record beyond the section
	damaged := parse(t, b)
	all, errs := drain(damaged.Starts())
	if len(errs) == 0 {
		t.Error("no error")
	}
	for _, s := range all {
		if s.Evidence&elfsym.StartEHFrame != 0 {
			t.Errorf("%+v behind a damaged length", s)
		}
	}
}
