//go:build linux

package debuglink_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/internal/skip"
)

// A container's symlinks mean the container's files: what they would lead to
// outside is neither found nor named.
func TestRootEscapes(t *testing.T) {
	host := newSystem(t)
	host.copy("/debug/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug", "amd64/probe-pie.debug")
	for _, c := range []struct{ name, target string }{
		{"/usr/lib/debug", host.host("/debug")},
		{"/usr/lib/debug", "../../../../../../../../../.." + host.host("/debug")},
		{"/usr/lib/debug/.build-id", host.host("/debug/.build-id")},
		{idPath(probeID), host.host("/debug/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug")},
		{"/usr/lib/debug", "/proc/self/root" + host.host("/debug")},
		{"/usr/lib", fmt.Sprintf("/proc/%d/root%s", os.Getpid(), host.host("/"))},
	} {
		s := newSystem(t)
		s.copy("/bin/prog", "amd64/probe-stripped")
		s.link(c.name, c.target)
		x, err := s.find("/bin/prog", debuglink.Options{})
		if !errors.Is(err, debuglink.ErrNotFound) {
			t.Errorf("%s -> %s: %v %v", c.name, c.target, x, err)
		}
	}
	// And what is inside is found by absolute links, at a path that is right
	// from outside.
	s := newSystem(t)
	s.copy("/bin/prog", "amd64/probe-stripped")
	s.link("/usr/lib/debug", "/opt/a")
	s.link("/opt/a", "/../../opt/b")
	s.copy("/opt/b/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug", "amd64/probe-pie.debug")
	x, err := s.find("/bin/prog", debuglink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if x.InRoot != idPath(probeID) || x.Path != s.host("/opt/b/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug") {
		t.Errorf("%s, %s", x.InRoot, x.Path)
	}
}

// The file's path is inside the root too: a symlink there leads elsewhere than
// on the host.
func TestRootRealPath(t *testing.T) {
	s := newSystem(t)
	s.copy("/opt/real/prog", "amd64/probe-debuglink")
	s.link("/usr/bin/prog", "/opt/real/prog")
	s.copy("/opt/real/.debug/probe-pie.debug", "amd64/probe-pie.debug")
	f := s.open("/opt/real/prog")
	x, err := debuglink.Find(t.Context(), f, "/usr/bin/prog", &debuglink.Options{Root: s.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if x.InRoot != "/opt/real/.debug/probe-pie.debug" {
		t.Error(x.InRoot)
	}
}

// A FIFO or a device where a debug file should be is refused at once.
func TestSpecialCandidates(t *testing.T) {
	s := newSystem(t)
	s.copy("/bin/prog", "amd64/probe-stripped")
	p := s.host(idPath(probeID))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(p, 0o644); err != nil {
		skip.Nowf(t, "needs a file system with FIFOs: %v", err)
	}
	for _, host := range []bool{false, true} {
		start := time.Now()
		o := debuglink.Options{Root: s.dir}
		if host {
			o = debuglink.Options{HostDirs: []string{s.host("/usr/lib/debug")}, Root: s.dir}
		}
		x, err := debuglink.Find(t.Context(), s.open("/bin/prog"), "/bin/prog", &o)
		var nf *debuglink.NotFoundError
		if x != nil || !errors.As(err, &nf) || nf.Tries[0].Verdict != debuglink.NotRegular {
			t.Errorf("%v %v", x, err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("took %v", d)
		}
	}
}

// The root of a process: /proc/PID/root.
func TestProcRoot(t *testing.T) {
	root := fmt.Sprintf("/proc/%d/root", os.Getpid())
	if _, err := os.Stat(root); err != nil {
		skip.Nowf(t, "needs %s: %v", root, err)
	}
	s := newSystem(t)
	s.copy("/prog", "amd64/probe-debuglink")
	s.copy("/probe-pie.debug", "amd64/probe-pie.debug")
	x, err := debuglink.Find(t.Context(), s.open("/prog"), s.host("/prog"), &debuglink.Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if x.Path != root+s.host("/probe-pie.debug") || x.InRoot != s.host("/probe-pie.debug") {
		t.Errorf("%s %s", x.Path, x.InRoot)
	}
	if _, err := os.Stat(x.Path); err != nil {
		t.Error(err)
	}
}
