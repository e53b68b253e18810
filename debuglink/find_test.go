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

func mini0(b []byte) elfwrite.Section { return elfwrite.Section{Name: ".gnu_debugdata", Bytes: b} }

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
