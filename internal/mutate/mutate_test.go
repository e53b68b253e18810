package mutate_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/internal/mutate"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

func source(t *testing.T, name string) ([]byte, *mutate.Source) {
	t.Helper()
	data, err := os.ReadFile(testbin.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return data, mutate.New(data)
}

// Every sort of record is found where it is, for both sizes and byte orders.
func TestGroups(t *testing.T) {
	for name, want := range map[string][]string{
		"amd64/libtestbin-both.so": {"ehdr", "phdr", "shdr", ".dynsym", ".dynamic", ".note.stapsdt", ".gnu.hash", ".gnu.version", ".gnu.version_d", ".eh_frame", ".eh_frame_hdr", ".dynstr"},
		"amd64/probe-dwarf4":       {".debug_abbrev", ".debug_info headers", ".debug_info values", ".debug_info references", ".debug_line headers"},
		"amd64/probe-zstd":         {".debug_info compression"},
		"s390x/probe-pie":          {"ehdr", "phdr", "shdr", ".dynsym", ".note.stapsdt", ".eh_frame"},
		"i386/probe-pie":           {"ehdr", "phdr", "shdr", ".dynsym", ".note.stapsdt", ".eh_frame"},
		"riscv64/main":             {".symtab"},
	} {
		_, s := source(t, name)
		have := s.Groups()
		for _, w := range want {
			if !slices.Contains(have, w) {
				t.Errorf("%s: no %s among %q", name, w, have)
			}
		}
	}
}

// A seed gives the same mutant each time, another seed another one, and the file itself stays as it is.
func TestMutant(t *testing.T) {
	data, s := source(t, "amd64/libtestbin-both.so")
	was := bytes.Clone(data)
	_, again := source(t, "amd64/libtestbin-both.so")
	same, cut := 0, 0
	seen := map[string]bool{}
	const n = 1000
	for seed := range uint64(n) {
		m := s.Mutant(seed)
		if !bytes.Equal(m.Data, again.Mutant(seed).Data) {
			t.Fatalf("seed %d gives two mutants", seed)
		}
		if bytes.Equal(m.Data, data) {
			same++
		}
		if len(m.Data) < len(data) {
			cut++
		}
		if len(m.Data) > len(data) {
			t.Errorf("seed %d is longer than the file", seed)
		}
		seen[string(m.Data)] = true
	}
	if !bytes.Equal(data, was) {
		t.Error("the file was changed")
	}
	// Zeros over zeros and a value in the place of itself change nothing.
	if same > n/10 || cut == 0 || len(seen) < n*8/10 {
		t.Errorf("of %d mutants %d are the file itself, %d are cut, %d differ", n, same, cut, len(seen))
	}
}

// The checksums of a damaged archive are right: what reads it gets as far as the fields that are wrong.
func TestTar(t *testing.T) {
	skip.Tool(t, "tar")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("some text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "x.tar")
	if out, err := exec.Command("tar", "-C", dir, "--format=ustar", "-cf", name, "a").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := mutate.New(data)
	if !slices.Equal(s.Groups(), []string{"tar"}) {
		t.Errorf("%q", s.Groups())
	}
	tried := 0
	for seed := range uint64(200) {
		m := s.Mutant(seed)
		if !strings.HasPrefix(m.What, "tar 0x0 mode") || strings.Contains(m.What, ";") || len(m.Data) != len(data) {
			continue
		}
		tried++
		if err := os.WriteFile(name, m.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		if out, _ := exec.Command("tar", "-tf", name).CombinedOutput(); !slices.Contains(strings.Split(string(out), "\n"), "a") {
			t.Errorf("%s: tar says %q", m.What, out)
		}
	}
	if tried == 0 {
		t.Error("no mutant has another mode")
	}
}

// Of what is not understood any byte may change.
func TestOther(t *testing.T) {
	for _, data := range []string{"", "x", "\x7fELF", strings.Repeat("text ", 100), "\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 200), "!<arch>\n" + strings.Repeat("9", 200)} {
		s := mutate.New([]byte(data))
		for seed := range uint64(100) {
			s.Mutant(seed)
		}
	}
}
