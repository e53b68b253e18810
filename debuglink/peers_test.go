package debuglink_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// askGDB is the debug file that GDB takes, "" for none. It says what it tries
// since version 12.
func askGDB(t *testing.T, gdb, file, dirs string) string {
	t.Helper()
	cmd := exec.Command(gdb, "-nx", "-batch", "-iex", "set debuginfod enabled off",
		"-iex", "set debug-file-directory "+dirs, "-iex", "set debug separate-debug-file on", file)
	cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := regexp.MustCompile(`Trying (.*)\.\.\. yes!`).FindAllSubmatch(out, -1)
	if len(m) == 0 {
		return ""
	}
	return filepath.Clean(string(m[len(m)-1][1]))
}

// askElfutils is the debug file that libdwfl takes, "" for none.
func askElfutils(t *testing.T, unstrip, file, dirs string) string {
	t.Helper()
	cmd := exec.Command(unstrip, "-n", "--debuginfo-path=:.debug:"+dirs, "-e", file)
	cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f := strings.Fields(string(out)) // addresses, build-id, file, debug file
	if len(f) < 4 || f[3] == "-" || f[3] == "." {
		return ""
	}
	return f[3]
}

// TestPeers asks GDB and elfutils for the same files. Where they disagree with
// each other or with us, the table says so, and why we differ.
func TestPeers(t *testing.T) {
	gdb, unstrip := skip.Tool(t, "gdb"), skip.Tool(t, "eu-unstrip")
	debug, linked, stripped := testbin.Read(t, "amd64/probe-pie.debug"), testbin.Read(t, "amd64/probe-debuglink"), testbin.Read(t, "amd64/probe-stripped")
	id, _ := hex.DecodeString(probeID)
	// other is the debug file of another build.
	other := bytes.Replace(debug, id, bytes.Repeat([]byte{0x11}, len(id)), -1)
	// nameless has no build-id: its note has another type.
	nameless := bytes.Replace(debug, append([]byte("\x03\x00\x00\x00GNU\x00"), id...), append([]byte("\x63\x00\x00\x00GNU\x00"), id...), -1)
	crcAs := func(exe, debug []byte) []byte {
		at := bytes.Index(exe, []byte("probe-pie.debug\x00")) + 16
		exe = bytes.Clone(exe)
		binary.LittleEndian.PutUint32(exe[at:], crc32.ChecksumIEEE(debug))
		return exe
	}
	stale := crcAs(linked, []byte("something else"))
	const link = "probe-pie.debug"
	global := func(s *system, name string) string { return "/usr/lib/debug" + s.host("/usr/bin/"+name) }
	idFile := func(suffix string) func(*system) string {
		return func(*system) string { return strings.TrimSuffix(idPath(probeID), ".debug") + suffix }
	}
	at := func(p string) func(*system) string { return func(*system) string { return p } }
	for _, c := range []struct {
		what               string
		exe                []byte
		at                 func(*system) string
		debug              []byte
		us, gdb, elf, warn bool
	}{
		{"build-id", stripped, idFile(".debug"), debug, true, true, true, false},
		{"build-id, wrong", stripped, idFile(".debug"), other, false, false, false, false},
		{"beside", linked, at("/usr/bin/" + link), debug, true, true, true, false},
		{".debug", linked, at("/usr/bin/.debug/" + link), debug, true, true, true, false},
		{"global", linked, func(s *system) string { return global(s, link) }, debug, true, true, true, false},
		{"tail of the path", linked, at("/usr/lib/debug/usr/bin/" + link), debug, true, false, true, false}, // elfutils' idea
		{"no link, NAME.debug beside", stripped, at("/usr/bin/prog.debug"), debug, true, false, true, false},
		{"no link, NAME.debug", stripped, func(s *system) string { return global(s, "prog.debug") }, debug, true, false, true, false},
		{"no link, NAME", stripped, func(s *system) string { return global(s, "prog") }, debug, true, false, true, false},
		{"no link, NAME.debug, wrong", stripped, at("/usr/bin/prog.debug"), other, false, false, false, false},
		// A stale CRC and the right build-id: GDB looks at the CRC alone.
		{"stale CRC", stale, at("/usr/bin/" + link), debug, true, false, true, true},
		// The right CRC and the wrong build-id.
		{"CRC of another build", crcAs(linked, other), at("/usr/bin/" + link), other, false, true, false, false},
		// The right CRC and no build-id: elfutils wants one, GDB does not.
		{"CRC without build-id", crcAs(linked, nameless), at("/usr/bin/" + link), nameless, true, true, false, true},
		{"wrong CRC without build-id", stale, at("/usr/bin/" + link), nameless, false, false, false, false},
	} {
		s := newSystem(t)
		s.write("/usr/bin/prog", c.exe)
		s.write(c.at(s), c.debug)
		dirs := s.host("/usr/lib/debug")
		want := func(yes bool) string {
			if !yes {
				return ""
			}
			return s.host(c.at(s))
		}
		if got := askGDB(t, gdb, s.host("/usr/bin/prog"), dirs); got != want(c.gdb) {
			t.Errorf("%s: GDB takes %q, want %q", c.what, got, want(c.gdb))
		}
		if got := askElfutils(t, unstrip, s.host("/usr/bin/prog"), dirs); got != want(c.elf) {
			t.Errorf("%s: elfutils takes %q, want %q", c.what, got, want(c.elf))
		}
		x, err := debuglink.Find(t.Context(), s.open("/usr/bin/prog"), s.host("/usr/bin/prog"), &debuglink.Options{Dirs: []string{dirs}, CheckCRC: true})
		switch {
		case !c.us:
			if !errors.Is(err, debuglink.ErrNotFound) {
				t.Errorf("%s: we take %v, %v", c.what, x, err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.what, err)
		case x.Path != want(true) || (len(x.Warnings) > 0) != c.warn:
			t.Errorf("%s: we take %s, warnings %v", c.what, x.Path, x.Warnings)
		}
		if x != nil {
			x.Close()
		}
	}
}

// dwz makes a supplementary file; we and eu-readelf read what it wrote.
func TestDWZ(t *testing.T) {
	dwz, readelf := skip.Tool(t, "dwz"), skip.Tool(t, "eu-readelf")
	s := newSystem(t)
	s.copy("/a", "amd64/probe-pie")
	s.copy("/b", "amd64/probe-nopie")
	s.copy("/c", "amd64/probe-dwarf4")
	cmd := exec.Command(dwz, "-m", s.host("/common"), "-M", "../x/common", s.host("/a"), s.host("/b"), s.host("/c"))
	if out, err := cmd.CombinedOutput(); err != nil {
		skip.Nowf(t, "needs a dwz that takes DWARF 5: %v\n%s", err, out)
	}
	if _, err := os.Stat(s.host("/common")); err != nil {
		skip.Now(t, "needs a dwz that finds something in common in small files")
	}
	s.link("/x", ".")
	out, err := exec.Command(readelf, "--string-dump=.gnu_debugaltlink", s.host("/a")).Output()
	if err != nil || !bytes.Contains(out, []byte("../x/common")) {
		t.Fatalf("%s %v", out, err)
	}
	os.MkdirAll(s.host("/y"), 0o755)
	s.copy("/y/a", "amd64/main")
	b, _ := os.ReadFile(s.host("/a"))
	s.write("/y/a", b)
	x, err := debuglink.FindAlt(t.Context(), s.open("/y/a"), "/y/a", &debuglink.Options{Root: s.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if x.Path != s.host("/common") || !x.DWARF {
		t.Errorf("%+v", x)
	}
	// Alone, a file with an altlink has no DWARF that is whole; the debug file
	// that Find gives says so.
	if l, err := debuglink.ReadAltLink(s.open("/a")); err != nil || !bytes.Equal(l.ID, x.File.BuildID()) {
		t.Errorf("%v %v", l, err)
	}
}
