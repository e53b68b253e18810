package debuglink_test

import (
	"debug/elf"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

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
