package debuglink_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// probeID is the build-id that amd64/probe-pie shares with its debug file and
// its stripped forms.
const probeID = "7579de5a4f210c8d6617a0bcbb96175992e8deed"

// parse reads an ELF file from memory.
func parse(t testing.TB, b []byte) *elfsym.File {
	t.Helper()
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A system is a root directory of a test.
type system struct {
	testing.TB
	dir string
}

func newSystem(t testing.TB) *system {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &system{t, dir}
}

// host is where a path of the system is.
func (s *system) host(name string) string { return filepath.Join(s.dir, name) }

func (s *system) write(name string, b []byte) {
	s.Helper()
	p := s.host(name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(p, b, 0o644); err != nil {
		s.Fatal(err)
	}
}

// copy puts a committed file somewhere.
func (s *system) copy(name, from string) {
	s.Helper()
	s.write(name, testbin.Read(s, from))
}

func (s *system) link(name, target string) {
	s.Helper()
	p := s.host(name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.Symlink(target, p); err != nil {
		s.Fatal(err)
	}
}

func (s *system) open(name string) *elfsym.File {
	s.Helper()
	f, err := elfsym.Open(s.host(name))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { f.Close() })
	return f
}

// find looks for the debug file of one in the system.
func (s *system) find(name string, o debuglink.Options) (*debuglink.Found, error) {
	s.Helper()
	o.Root = s.dir
	x, err := debuglink.Find(context.Background(), s.open(name), name, &o)
	if (x == nil) == (err == nil) {
		s.Fatalf("%v and %v", x, err)
	}
	if x != nil {
		s.Cleanup(func() { x.Close() })
	}
	return x, err
}

// idPath is where a build-id's debug file is below a debug directory.
func idPath(id string) string { return "/usr/lib/debug/.build-id/" + id[:2] + "/" + id[2:] + ".debug" }

// elfFile makes an ELF file with a build-id ("" is none) and more sections;
// "debug" among the parts makes .debug_info, "symbols" a .symtab.
func elfFile(id string, parts ...any) *elfwrite.File {
	f := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_DYN}
	if id != "" {
		raw, err := hex.DecodeString(id)
		if err != nil {
			panic(err)
		}
		f.Sections = append(f.Sections, elfwrite.Section{Name: ".note.gnu.build-id", Flags: elf.SHF_ALLOC, Align: 4,
			Notes: []elfwrite.Note{{Name: "GNU", Type: 3, Desc: raw}}})
	}
	for _, p := range parts {
		switch p := p.(type) {
		case elfwrite.Section:
			f.Sections = append(f.Sections, p)
		case string:
			switch p {
			case "debug":
				f.Sections = append(f.Sections, elfwrite.Section{Name: ".debug_info", Bytes: []byte("some DWARF")})
			case "symbols":
				f.Symbols = append(f.Symbols, elfwrite.Symbol{Name: "f", Value: 1, Type: elf.STT_FUNC, Index: elf.SHN_ABS})
			default:
				panic(p)
			}
		}
	}
	return f
}

// debugLink is a .gnu_debuglink section for a file.
func debugLink(name string, file []byte) elfwrite.Section {
	return rawLink(name, crc32.ChecksumIEEE(file))
}

func rawLink(name string, crc uint32) elfwrite.Section {
	b := append([]byte(name), 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return elfwrite.Section{Name: ".gnu_debuglink", Bytes: binary.LittleEndian.AppendUint32(b, crc)}
}

func altLink(path, id string) elfwrite.Section {
	raw, err := hex.DecodeString(id)
	if err != nil {
		panic(err)
	}
	return elfwrite.Section{Name: ".gnu_debugaltlink", Bytes: append(append([]byte(path), 0), raw...)}
}

// tries writes what was tried, without the root, one a line.
func tries(all []debuglink.Try, more ...string) string {
	var b strings.Builder
	for _, t := range all {
		b.WriteString(string(t.How) + " " + t.Path + ": " + string(t.Verdict) + "\n")
	}
	return strings.NewReplacer(more...).Replace(b.String())
}
