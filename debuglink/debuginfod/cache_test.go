//go:build unix

package debuginfod_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/debuginfod"
	"github.com/probels/probels/internal/testbin"
)

func write(t testing.TB, name, content string, age time.Duration) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// A miss is remembered for as long as the control file says.
func TestMiss(t *testing.T) {
	for _, c := range []struct {
		control string // "" is not there
		age     time.Duration
		asked   int32
	}{
		{"", 0, 0}, {"", 595 * time.Second, 0}, {"", 605 * time.Second, 1},
		{"10", 5 * time.Second, 0}, {"10", 15 * time.Second, 1}, {"0", 2 * time.Second, 1}, {" 7200\n", time.Hour, 0},
		{"nonsense", 595 * time.Second, 0}, {"", -time.Hour, 0}, {"99999999999999", time.Hour, 0}, {"10x", 15 * time.Second, 1},
	} {
		s, n := serve(t, good(t))
		cl := client(t, s)
		entry := filepath.Join(cl.CacheDir, probeID, "debuginfo")
		write(t, entry, "", c.age)
		if c.control != "" {
			write(t, filepath.Join(cl.CacheDir, "cache_miss_s"), c.control, 0)
		}
		_, err := fetch(t, cl)
		if n.Load() != c.asked || (c.asked == 0) != errors.Is(err, debuginfod.ErrMiss) {
			t.Errorf("%q, %v old: %d requests, %v", c.control, c.age, n.Load(), err)
		}
		if b, _ := os.ReadFile(filepath.Join(cl.CacheDir, "cache_miss_s")); c.control == "" && string(b) != "600" {
			t.Errorf("cache_miss_s is %q", b)
		}
	}
}

// What is in the cache is not believed: another build, half a file, a FIFO, a
// link.
func TestBadEntry(t *testing.T) {
	other := testbin.Read(t, "amd64/main")
	for _, what := range []string{"another build", "half", "a text", "a directory", "a FIFO", "a link", "mode 000"} {
		s, n := serve(t, good(t))
		c := client(t, s)
		entry := filepath.Join(c.CacheDir, probeID, "debuginfo")
		var err error
		write(t, entry, "text", 0)
		switch what {
		case "another build":
			write(t, entry, string(other), 0)
		case "half":
			write(t, entry, string(testbin.Read(t, "amd64/probe-pie.debug")[:700]), 0)
		case "a directory":
			os.Remove(entry)
			err = os.Mkdir(entry, 0o700)
		case "a FIFO":
			os.Remove(entry)
			err = syscall.Mkfifo(entry, 0o600)
		case "a link":
			os.Remove(entry)
			err = os.Symlink(testbin.Path(t, "amd64/main"), entry)
		case "mode 000":
			err = os.Chmod(entry, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = fetch(t, c)
		if what == "a directory" { // nothing can be put there
			if err == nil {
				t.Error("a file where a directory is")
			}
			continue
		}
		if err != nil || n.Load() != 1 {
			t.Errorf("%s: %v, %d requests", what, err, n.Load())
		}
		if info, err := os.Lstat(entry); err != nil || !info.Mode().IsRegular() || info.Size() < 1000 {
			t.Errorf("%s: %v %v", what, info, err)
		}
	}
}

// Cleaning takes what is old and the cache's, and nothing else.
func TestClean(t *testing.T) {
	s, _ := serve(t, status(404))
	c := client(t, s)
	at := func(p string) string { return filepath.Join(c.CacheDir, p) }
	const day = 24 * time.Hour
	write(t, at("cache_clean_interval_s"), "86400", 2*day)
	write(t, at("aa/debuginfo"), "x", 8*day)
	write(t, at("aa/executable"), "x", 8*day)
	write(t, at("bb/debuginfo"), "x", day)
	write(t, at("cc/source##etc"), "x", 8*day)
	write(t, at("cc/section-.text"), "x", 8*day)
	write(t, at("cc/hdr-debuginfo"), "x", 8*day)
	write(t, at("dd/debuginfo.abcdef"), "x", 8*day) // somebody may be writing it
	write(t, at("ee/notes.txt"), "x", 8*day)
	write(t, at("photos/debuginfo"), "x", 8*day) // not a build-id
	write(t, at("debuginfo"), "x", 8*day)
	os.Mkdir(at("ff"), 0o700)
	old := time.Now().Add(-8 * day)
	for _, d := range []string{"aa", "ff"} {
		os.Chtimes(at(d), old, old)
	}
	// Whatever else happens.
	if _, err := fetch(t, c); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{
		"aa/debuginfo": false, "aa": false, "bb/debuginfo": true, "cc/source##etc": false, "cc/section-.text": false, "cc/hdr-debuginfo": false,
		"cc": true, "dd/debuginfo.abcdef": true, "ee/notes.txt": true, "photos/debuginfo": true, "debuginfo": true, "ff": false,
		"max_unused_age_s": true,
	} {
		if _, err := os.Lstat(at(p)); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", p, err, want)
		}
	}
	info, err := os.Stat(at("cache_clean_interval_s"))
	if err != nil || time.Since(info.ModTime()) > time.Minute {
		t.Errorf("not marked as cleaned: %v %v", info, err)
	}
	// And not again within the day.
	write(t, at("aa/debuginfo"), "x", 8*day)
	fetch(t, c)
	if _, err := os.Stat(at("aa/debuginfo")); err != nil {
		t.Error(err)
	}
}

// A cache that cannot be written: the file is fetched and not kept.
func TestNoCache(t *testing.T) {
	s, n := serve(t, good(t))
	c := client(t, s)
	if err := os.WriteFile(c.CacheDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range int32(2) {
		if _, err := fetch(t, c); err != nil || n.Load() != i+1 {
			t.Error(err, n.Load())
		}
	}
	f, _, err := c.Fetch(t.Context(), debuglink.DebugInfo, rawID(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := os.Stat(f.Name()); !errors.Is(err, fs.ErrNotExist) || strings.HasPrefix(f.Name(), c.CacheDir) {
		t.Errorf("left behind: %s %v", f.Name(), err)
	}
}
