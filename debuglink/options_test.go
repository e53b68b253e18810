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
	"github.com/probels/probels/internal/testbin"
)

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
