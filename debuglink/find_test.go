package debuglink_test

import (
	"context"
	"debug/elf"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

const otherID = "00112233445566778899aabbccddeeff00112233"

// Every layout of debug files that distributions have.
func TestFindLayouts(t *testing.T) {
	for _, c := range []struct {
		what, exe, at, debug string
		how                  debuglink.How
	}{
		{"Debian, Fedora, Ubuntu: build-id", "/usr/bin/prog", "probe-stripped", idPath(probeID), debuglink.ByBuildID},
		{"GDB: beside", "/usr/bin/prog", "probe-debuglink", "/usr/bin/probe-pie.debug", debuglink.ByLink},
		{"GDB: .debug", "/usr/bin/prog", "probe-debuglink", "/usr/bin/.debug/probe-pie.debug", debuglink.ByLink},
		{"GDB: global", "/usr/bin/prog", "probe-debuglink", "/usr/lib/debug/usr/bin/probe-pie.debug", debuglink.ByLink},
		{"elfutils: tail of the directory", "/usr/lib/x/prog", "probe-debuglink", "/usr/lib/debug/lib/x/probe-pie.debug", debuglink.ByLink},
		{"Fedora: name.debug", "/usr/bin/prog", "probe-stripped", "/usr/lib/debug/usr/bin/prog.debug", debuglink.ByName},
		{"Ubuntu, old Debian: name", "/usr/bin/prog", "probe-stripped", "/usr/lib/debug/usr/bin/prog", debuglink.ByName},
		{"before the usr-merge", "/usr/lib/prog", "probe-stripped", "/usr/lib/debug/lib/prog", debuglink.ByName},
		{"openembedded", "/usr/bin/prog", "probe-stripped", "/usr/bin/.debug/prog", debuglink.ByName},
	} {
		s := newSystem(t)
		s.copy(c.exe, "amd64/"+c.at)
		s.copy(c.debug, "amd64/probe-pie.debug")
		x, err := s.find(c.exe, debuglink.Options{})
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if x.InRoot != c.debug || x.Path != s.host(c.debug) || x.How != c.how || !x.Symtab || !x.DWARF || len(x.Warnings) != 0 {
			t.Errorf("%s: %+v", c.what, x)
		}
		last := x.Tries[len(x.Tries)-1]
		if last.Verdict != debuglink.Good || last.Path != c.debug {
			t.Errorf("%s: the last try is %v", c.what, last)
		}
		n := 0
		for s, err := range x.File.Symbols(elfsym.Symtab) {
			if err == nil && s.IsFunc() {
				n++
			}
		}
		if n < 10 {
			t.Errorf("%s: %d functions", c.what, n)
		}
	}
}

// What each place may have instead of the right file, and that the search goes
// on behind it.
func TestVerdicts(t *testing.T) {
	good := testbin.Read(t, "amd64/probe-pie.debug")
	id := strings.Repeat("ab", 20)
	debug := elfFile(id, "debug", "symbols").Bytes()
	big := elfFile(id, "debug")
	big.Data = elf.ELFDATA2MSB
	arm := elfFile(id, "debug")
	arm.Machine = elf.EM_AARCH64
	class32 := elfFile(id, "debug")
	class32.Class = elf.ELFCLASS32
	for _, c := range []struct {
		what    string
		content []byte // at the first place, by build-id
		verdict debuglink.Verdict
		err     error
		part    string
	}{
		{"another build", elfFile(otherID, "debug").Bytes(), debuglink.WrongBuildID, debuglink.ErrWrongBuildID, otherID},
		{"a shorter build-id", elfFile(id[:38], "debug").Bytes(), debuglink.WrongBuildID, debuglink.ErrWrongBuildID, "want " + id},
		{"no build-id", elfFile("", "debug").Bytes(), debuglink.WrongBuildID, debuglink.ErrWrongBuildID, "it has none"},
		{"stripped", elfFile(id).Bytes(), debuglink.Empty, debuglink.ErrEmpty, ""},
		{"a text", []byte("404 not found"), debuglink.NotELF, elfsym.ErrNotELF, ""},
		{"empty", nil, debuglink.NotELF, elfsym.ErrNotELF, ""},
		{"half", good[:len(good)/2], debuglink.Truncated, elfsym.ErrTruncated, ""},
		{"its last section cut", elfFile(id, "debug", elfwrite.Section{Name: ".debug_line", Bytes: []byte("x"),
			Edit: func(s *elf.Section64) { s.Size = 1 << 20 }}).Bytes(), debuglink.Truncated, elfsym.ErrTruncated, ".debug_line"},
		{"big-endian", big.Bytes(), debuglink.OtherMachine, debuglink.ErrOtherMachine, ""},
		{"for arm64", arm.Bytes(), debuglink.OtherMachine, debuglink.ErrOtherMachine, "EM_AARCH64"},
		{"32 bits", class32.Bytes(), debuglink.OtherMachine, debuglink.ErrOtherMachine, "ELFCLASS32"},
	} {
		s := newSystem(t)
		s.write("/bin/prog", elfFile(id).Bytes())
		s.write(idPath(id), c.content)
		x, err := s.find("/bin/prog", debuglink.Options{})
		var nf *debuglink.NotFoundError
		if x != nil || !errors.As(err, &nf) || !errors.Is(err, debuglink.ErrNotFound) {
			t.Errorf("%s: %v, %v", c.what, x, err)
			continue
		}
		try := nf.Tries[0]
		if try.Verdict != c.verdict || !errors.Is(try.Err, c.err) || !errors.Is(err, c.err) || !strings.Contains(try.String(), c.part) {
			t.Errorf("%s: %q %v, want %q %v", c.what, try.Verdict, try, c.verdict, c.err)
		}
		if !strings.Contains(err.Error(), idPath(id)) || strings.Contains(err.Error(), s.dir) {
			t.Errorf("%s: %v", c.what, err)
		}
		// A duplicate beside it is the right one.
		s.write(strings.TrimSuffix(idPath(id), ".debug")+".1.debug", debug)
		if x, err = s.find("/bin/prog", debuglink.Options{}); err != nil || !strings.HasSuffix(x.Path, ".1.debug") || len(x.Tries) != 2 {
			t.Errorf("%s: duplicate: %+v %v", c.what, x, err)
		}
	}
}

// The list of tries is the explanation that a person gets.
func TestTries(t *testing.T) {
	s := newSystem(t)
	s.copy("/usr/bin/prog", "amd64/probe-debuglink")
	s.link("/usr/bin/probe-pie.debug", "prog")
	s.write("/usr/lib/debug/usr/bin/probe-pie.debug", elfFile(otherID, "debug").Bytes())
	s.write(idPath(probeID), elfFile(otherID, "debug").Bytes())
	s.write(strings.TrimSuffix(idPath(probeID), ".debug")+".1.debug", []byte("nothing"))
	_, err := s.find("/usr/bin/prog", debuglink.Options{})
	var nf *debuglink.NotFoundError
	if !errors.As(err, &nf) {
		t.Fatal(err)
	}
	want := `
build-id /usr/lib/debug/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug: wrong build-id
build-id /usr/lib/debug/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.1.debug: not ELF
build-id /usr/lib/debug/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.2.debug: absent
debuglink /usr/bin/probe-pie.debug: same file
debuglink /usr/bin/.debug/probe-pie.debug: absent
debuglink /usr/lib/debug/usr/bin/probe-pie.debug: wrong build-id
debuglink /usr/lib/debug/bin/probe-pie.debug: absent
debuglink /usr/lib/debug/probe-pie.debug: absent
`
	check(t, "tries", tries(nf.Tries), want)
	if nf.Link == nil || hex.EncodeToString(nf.BuildID) != probeID || nf.Path != "/usr/bin/prog" {
		t.Errorf("%+v", nf)
	}
}

// Without a build-id the CRC decides; with one it may only warn.
func TestCRCRules(t *testing.T) {
	id := strings.Repeat("cd", 20)
	debug, nameless := elfFile(id, "debug").Bytes(), elfFile("", "debug").Bytes()
	for _, c := range []struct {
		what     string
		exe      *elfwrite.File
		debug    []byte
		verdict  debuglink.Verdict
		warnings string // part of the only one, "" is none
	}{
		{"CRC alone", elfFile("", debugLink("d", nameless)), nameless, debuglink.Good, ""},
		{"CRC alone, build-id there", elfFile("", debugLink("d", debug)), debug, debuglink.Good, ""},
		{"wrong CRC", elfFile("", rawLink("d", 1)), nameless, debuglink.WrongCRC, ""},
		{"wrong CRC, no build-id there", elfFile(id, rawLink("d", 1)), nameless, debuglink.WrongCRC, ""},
		{"CRC instead of the build-id", elfFile(id, debugLink("d", nameless)), nameless, debuglink.Good, "no build-id"},
		{"both", elfFile(id, debugLink("d", debug)), debug, debuglink.Good, ""},
		{"stale CRC, as Debian's libjvm.so", elfFile(id, rawLink("d", 0xca767b57)), debug, debuglink.Good, "want ca767b57"},
		{"right CRC, wrong build-id", elfFile(otherID, debugLink("d", debug)), debug, debuglink.WrongBuildID, ""},
	} {
		s := newSystem(t)
		s.write("/bin/prog", c.exe.Bytes())
		s.write("/bin/d", c.debug)
		x, err := s.find("/bin/prog", debuglink.Options{CheckCRC: true})
		var all []debuglink.Try
		var nf *debuglink.NotFoundError
		var warnings []error
		if errors.As(err, &nf) {
			all = nf.Tries
		} else if err != nil {
			t.Fatal(err)
		} else {
			all, warnings = x.Tries, x.Warnings
		}
		for _, try := range all {
			if try.Path == "/bin/d" && try.Verdict != c.verdict {
				t.Errorf("%s: %v, want %v", c.what, try, c.verdict)
			}
		}
		if (x != nil) != (c.verdict == debuglink.Good) {
			t.Errorf("%s: found %v, %v", c.what, x, err)
		}
		if (len(warnings) != 0) != (c.warnings != "") || len(warnings) > 0 && !strings.Contains(warnings[0].Error(), c.warnings) {
			t.Errorf("%s: warnings %v, want %q", c.what, warnings, c.warnings)
		}
		// The warning costs a read of the whole file, so it is asked for.
		if x, err := s.find("/bin/prog", debuglink.Options{}); err == nil && len(x.Warnings) != 0 && c.warnings != "no build-id" {
			t.Errorf("%s: %v", c.what, x.Warnings)
		}
	}
}

// A CRC is not computed of files beyond the limit, nor after the end of the
// context.
func TestCRCLimit(t *testing.T) {
	s := newSystem(t)
	debug := elfFile("", "debug").Bytes()
	s.write("/bin/prog", elfFile("", debugLink("d", debug)).Bytes())
	s.write("/bin/d", debug)
	// A terabyte that is not there.
	if err := os.Truncate(s.host("/bin/d"), 1<<40); err != nil {
		t.Skip(err)
	}
	_, err := s.find("/bin/prog", debuglink.Options{})
	if !errors.Is(err, elfsym.ErrLimit) || !strings.Contains(err.Error(), "1099511627776 bytes") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if x, err := debuglink.Find(ctx, s.open("/bin/prog"), "/bin/prog", &debuglink.Options{Root: s.dir}); x != nil || !errors.Is(err, context.Canceled) {
		t.Error(x, err)
	}
}

func TestPermission(t *testing.T) {
	s := newSystem(t)
	s.copy("/bin/prog", "amd64/probe-stripped")
	s.copy(idPath(probeID), "amd64/probe-pie.debug")
	if err := os.Chmod(s.host(idPath(probeID)), 0); err != nil {
		t.Fatal(err)
	}
	_, err := s.find("/bin/prog", debuglink.Options{})
	if os.Getuid() == 0 {
		if err != nil {
			t.Errorf("the superuser: %v", err)
		}
		return
	}
	var nf *debuglink.NotFoundError
	if !errors.As(err, &nf) || nf.Tries[0].Verdict != debuglink.NoPermission || !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestNothingToGoBy(t *testing.T) {
	s := newSystem(t)
	s.write("/bin/prog", elfFile("").Bytes())
	s.write("/bin/prog.debug", elfFile("", "debug").Bytes())
	_, err := s.find("/bin/prog", debuglink.Options{})
	if err == nil || err.Error() != "/bin/prog: no debug file: the file has neither a build-id nor a debug link" {
		t.Error(err)
	}
	s.write("/bin/bad", elfFile("", elfwrite.Section{Name: ".gnu_debuglink", Bytes: []byte("../x\x00\x00\x00\x00abcd")}).Bytes())
	if _, err = s.find("/bin/bad", debuglink.Options{}); !errors.Is(err, elfsym.ErrDamaged) || !strings.Contains(err.Error(), "../x") {
		t.Error(err)
	}
}

// The options for directories, with and without a root.
func TestDirs(t *testing.T) {
	s := newSystem(t)
	s.copy("/bin/prog", "amd64/probe-stripped")
	s.copy("/opt/debug/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug", "amd64/probe-pie.debug")
	unpacked := newSystem(t)
	unpacked.copy(idPath(probeID), "amd64/probe-pie.debug")
	plain := newSystem(t)
	plain.copy("/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug", "amd64/probe-pie.debug")
	for _, c := range []struct {
		what   string
		o      debuglink.Options
		path   string // "" is not found
		inRoot bool
	}{
		{"default", debuglink.Options{}, "", false},
		{"Dirs", debuglink.Options{Dirs: []string{"/none", "/opt/debug"}}, s.host("/opt/debug/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug"), true},
		{"an unpacked package", debuglink.Options{HostDirs: []string{unpacked.dir}}, unpacked.host(idPath(probeID)), false},
		{"a debug directory", debuglink.Options{HostDirs: []string{plain.dir}}, plain.host("/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug"), false},
		{"no directory", debuglink.Options{Dirs: []string{}}, "", false},
	} {
		x, err := s.find("/bin/prog", c.o)
		if (err == nil) != (c.path != "") {
			t.Errorf("%s: %v", c.what, err)
		} else if x != nil && (x.Path != c.path || (x.InRoot != "") != c.inRoot) {
			t.Errorf("%s: %q %q, want %q", c.what, x.Path, x.InRoot, c.path)
		}
	}
	// Without a root, a path relative to the working directory.
	t.Chdir(s.host("/bin"))
	f := s.open("/bin/prog")
	x, err := debuglink.Find(t.Context(), f, "prog", &debuglink.Options{HostDirs: []string{"../opt/debug"}})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if !strings.HasPrefix(x.Path, s.host("/opt/debug")) {
		t.Errorf("%q", x.Path)
	}
	b := make([]byte, 4)
	if n, err := x.ReadAt(b, 0); n != 4 || err != nil || string(b) != elf.ELFMAG || x.Size != int64(len(testbin.Read(t, "amd64/probe-pie.debug"))) {
		t.Errorf("%q %d %v, size %d", b, n, err, x.Size)
	}
}

type fetcher func(what debuglink.Artifact, id []byte) (*os.File, string, error)

func (f fetcher) Fetch(_ context.Context, what debuglink.Artifact, id []byte) (*os.File, string, error) {
	return f(what, id)
}

// What a Fetcher gives is verified too, and asked for last.
func TestFetcher(t *testing.T) {
	s := newSystem(t)
	s.copy("/bin/prog", "amd64/probe-stripped")
	for _, c := range []struct {
		what, file string
		err        error
		verdict    debuglink.Verdict
	}{
		{"right", testbin.Path(t, "amd64/probe-pie.debug"), nil, debuglink.Good},
		{"of another build", testbin.Path(t, "amd64/main"), nil, debuglink.WrongBuildID},
		{"no ELF file", testbin.Path(t, "../testdata/README.md"), nil, debuglink.NotELF},
		{"nobody has it", "", fs.ErrNotExist, debuglink.Absent},
		{"broken", "", errors.New("500"), debuglink.Failed},
		{"neither", "", nil, debuglink.Failed},
	} {
		asked := 0
		x, err := s.find("/bin/prog", debuglink.Options{Fetcher: fetcher(func(what debuglink.Artifact, id []byte) (*os.File, string, error) {
			if asked++; what != debuglink.DebugInfo || hex.EncodeToString(id) != probeID {
				t.Errorf("%s: asked for %s %x", c.what, what, id)
			}
			if c.file == "" {
				return nil, "somewhere", c.err
			}
			f, err := os.Open(c.file)
			return f, "somewhere", err
		})})
		if asked != 1 {
			t.Errorf("%s: asked %d times", c.what, asked)
		}
		var nf *debuglink.NotFoundError
		switch {
		case c.verdict == debuglink.Good:
			if err != nil || x.How != debuglink.ByDebuginfod || x.From != "somewhere" || x.Path != c.file || x.InRoot != "" {
				t.Errorf("%s: %+v %v", c.what, x, err)
			}
		case !errors.As(err, &nf):
			t.Errorf("%s: %v", c.what, err)
		default:
			if last := nf.Tries[len(nf.Tries)-1]; last.Verdict != c.verdict || last.How != debuglink.ByDebuginfod {
				t.Errorf("%s: %v, want %v", c.what, last, c.verdict)
			}
		}
	}
}

func TestFindExecutable(t *testing.T) {
	s := newSystem(t)
	s.copy("/usr/bin/probe-pie", "amd64/probe-stripped")
	s.copy("/usr/lib/debug/usr/bin/probe-pie.debug", "amd64/probe-pie.debug")
	s.link(idPath(probeID), "../../usr/bin/probe-pie.debug")
	s.link("/usr/lib/debug/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed", "../../../../bin/probe-pie")
	o := &debuglink.Options{Root: s.dir}
	for _, at := range []string{"/usr/lib/debug/usr/bin/probe-pie.debug", idPath(probeID)} {
		x, err := debuglink.FindExecutable(t.Context(), s.open(at), at, o)
		if err != nil {
			t.Fatal(err)
		}
		if x.Path != s.host("/usr/bin/probe-pie") || x.File.DebugOnly() {
			t.Errorf("%s: %s %s", at, x.Path, x.InRoot)
		}
		x.Close()
	}
	// Without a build-id: by the executable's debug link. nobits makes a debug
	// file of it.
	nobits := elfwrite.Section{Name: ".text", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Size: 16}
	code := elfwrite.Section{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Bytes: make([]byte, 16)}
	debug := elfFile("", nobits, "debug").Bytes()
	s.write("/opt/.debug/p.debug", debug)
	s.write("/opt/p", elfFile("", code, debugLink("p.debug", debug)).Bytes())
	x, err := debuglink.FindExecutable(t.Context(), s.open("/opt/.debug/p.debug"), "/opt/.debug/p.debug", o)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if x.InRoot != "/opt/p" {
		t.Errorf("%+v", x)
	}
	for _, other := range []*elfwrite.File{elfFile("", code, rawLink("p.debug", 7)), elfFile("", code), elfFile("", nobits, debugLink("p.debug", debug))} {
		s.write("/opt/p", other.Bytes())
		x, err := debuglink.FindExecutable(t.Context(), s.open("/opt/.debug/p.debug"), "/opt/.debug/p.debug", o)
		var nf *debuglink.NotFoundError
		if x != nil || !errors.As(err, &nf) || nf.What != "executable" {
			t.Errorf("%v %v", x, err)
		}
	}
}

func TestMiniDebug(t *testing.T) {
	f := parse(t, testbin.Read(t, "amd64/probe-minidebug"))
	mini, err := debuglink.MiniDebug(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for s, err := range mini.Symbols(elfsym.Symtab) {
		if err == nil && s.Name == "helper" {
			n++
		}
	}
	if n != 2 || f.Has(elfsym.Symtab) != 0 {
		t.Errorf("%d symbols helper, want 2", n)
	}
	if _, err := debuglink.MiniDebug(parse(t, testbin.Read(t, "amd64/probe-stripped")), nil); !errors.Is(err, debuglink.ErrNoMiniDebug) {
		t.Error(err)
	}
	raw, err := f.Data(f.Section(".gnu_debugdata"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		file *elfwrite.File
		o    debuglink.Options
		err  error
	}{
		{"right", elfFile(probeID, mini0(raw)), debuglink.Options{}, nil},
		{"another machine", &elfwrite.File{Machine: elf.EM_AARCH64, Sections: []elfwrite.Section{mini0(raw)}}, debuglink.Options{}, debuglink.ErrOtherMachine},
		{"output over the limit", elfFile("", mini0(raw)), debuglink.Options{Limits: debuglink.Limits{MiniDebug: uint64(len(raw)) + 10}}, elfsym.ErrLimit},
		{"input over the limit", elfFile("", mini0(raw)), debuglink.Options{Limits: debuglink.Limits{MiniDebug: 10}}, elfsym.ErrLimit},
		{"dictionary over the limit", elfFile("", mini0(raw)), debuglink.Options{Limits: debuglink.Limits{MiniDebugDict: 10}}, elfsym.ErrLimit},
		{"half", elfFile("", mini0(raw[:len(raw)/2])), debuglink.Options{}, elfsym.ErrDamaged},
		{"no xz", elfFile("", mini0([]byte("hello"))), debuglink.Options{}, elfsym.ErrDamaged},
		{"empty", elfFile("", mini0(nil)), debuglink.Options{}, elfsym.ErrDamaged},
	} {
		m, err := debuglink.MiniDebug(parse(t, c.file.Bytes()), &c.o)
		if !errors.Is(err, c.err) || (m == nil) == (err == nil) {
			t.Errorf("%s: %v %v, want %v", c.what, m, err, c.err)
		}
	}
}

func mini0(b []byte) elfwrite.Section { return elfwrite.Section{Name: ".gnu_debugdata", Bytes: b} }

func TestAlt(t *testing.T) {
	altID := "a1" + strings.Repeat("b2", 19)
	s := newSystem(t)
	id := strings.Repeat("ef", 20)
	alt := elfFile(altID, "debug").Bytes()
	sup := elfFile("", "debug", elfwrite.Section{Name: ".debug_sup", Bytes: append([]byte{5, 0, 1, 0, 3}, 1, 2, 3)}).Bytes()
	s.write("/usr/bin/prog", elfFile(id).Bytes())
	s.write(idPath(id), elfFile(id, "debug", altLink("../../.dwz/prog", altID)).Bytes())
	x, err := s.find("/usr/bin/prog", debuglink.Options{})
	if err != nil || x.AltLink == nil {
		t.Fatal(x, err)
	}
	o := &debuglink.Options{Root: s.dir}
	a, err := x.Alt(t.Context(), o)
	var nf *debuglink.NotFoundError
	if !errors.As(err, &nf) {
		t.Fatal(a, err)
	}
	check(t, "tries", tries(nf.Tries), `
build-id /usr/lib/debug/.build-id/a1/`+altID[2:]+`.debug: absent
path /usr/lib/debug/.dwz/prog: absent
path /usr/lib/debug/.build-id/ef/.dwz/prog: absent
`)
	for _, at := range []string{"/usr/lib/debug/.dwz/prog", "/usr/lib/debug/.build-id/ef/.dwz/prog", idPath(altID)} {
		s.write(at, elfFile(otherID, "debug").Bytes())
		if _, err = x.Alt(t.Context(), o); !errors.Is(err, debuglink.ErrWrongBuildID) {
			t.Errorf("%s: %v", at, err)
		}
		s.write(at, alt)
		a, err := x.Alt(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", at, err)
			continue
		}
		if a.InRoot != at || !a.DWARF {
			t.Errorf("%s: %+v", at, a)
		}
		a.Close()
		os.Remove(s.host(at))
	}
	// DWARF 5: the file's own .debug_sup has the checksum.
	s.write("/sup", sup)
	user := elfFile(id, "debug", elfwrite.Section{Name: ".debug_sup", Bytes: append([]byte{5, 0, 0, '/', 's', 'u', 'p', 0, 3}, 1, 2, 3)})
	a, err = debuglink.FindAlt(t.Context(), parse(t, user.Bytes()), "/usr/bin/prog", o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if a.InRoot != "/sup" || a.AltLink != nil {
		t.Errorf("%+v", a)
	}
	if _, err := debuglink.FindAlt(t.Context(), parse(t, elfFile(id).Bytes()), "/usr/bin/prog", o); !errors.Is(err, debuglink.ErrNotFound) {
		t.Error(err)
	}
}

// One Options and one File serve many searches at once.
func TestConcurrent(t *testing.T) {
	s := newSystem(t)
	s.copy("/bin/prog", "amd64/probe-minidebug")
	s.copy(idPath(probeID), "amd64/probe-pie.debug")
	f, o := s.open("/bin/prog"), &debuglink.Options{Root: s.dir, CheckCRC: true}
	done := make(chan error, 8)
	for range 8 {
		go func() {
			x, err := debuglink.Find(context.Background(), f, "/bin/prog", o)
			if err == nil {
				x.Close()
				_, err = debuglink.MiniDebug(f, o)
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
