//go:build unix

package debuginfod_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/debuginfod"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// A realServer is elfutils' debuginfod on loopback.
type realServer struct {
	url  string
	cmd  *exec.Cmd
	once sync.Once
}

// startServer runs one over a directory and waits until it has the file.
func startServer(t *testing.T, dir string) *realServer {
	t.Helper()
	tool := skip.Tool(t, "debuginfod")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	s := &realServer{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	s.cmd = exec.Command(tool, "-F", "-vv", "-d", ":memory:", "-p", fmt.Sprint(port), "-t0", "-g0", dir)
	s.cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS=")
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(s.url + "/buildid/" + probeID + "/debuginfo")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == 200 {
			return s
		}
		// It scans once at its start; a signal makes it scan again.
		s.cmd.Process.Signal(syscall.SIGUSR1)
	}
	t.Fatalf("debuginfod does not serve the file after 30 s")
	return nil
}

func (s *realServer) kill() {
	s.once.Do(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	})
}

// served is a directory with what the server is to have.
func served(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range map[string]string{"prog": "probe-stripped", "prog.debug": "probe-pie.debug"} {
		if err := os.WriteFile(filepath.Join(dir, name), testbin.Read(t, "amd64/"+from), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// proxy is between us and the real server and does harm: it passes n bytes of
// the answer, then calls then, and waits before each piece.
func proxy(t *testing.T, to string, n int64, wait time.Duration, then func()) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				s, err := net.Dial("tcp", target.Host)
				if err != nil {
					return
				}
				defer s.Close()
				go io.Copy(s, c)
				buf := make([]byte, 1000)
				for left := n; left > 0; {
					k, err := s.Read(buf[:min(int64(len(buf)), left)])
					time.Sleep(wait)
					if _, werr := c.Write(buf[:k]); err != nil || werr != nil {
						return
					}
					left -= int64(k)
				}
				then()
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// TestRealServer is what must work with elfutils' own server.
func TestRealServer(t *testing.T) {
	s := startServer(t, served(t))
	c := client(t, debuginfod.Server{URL: s.url})
	name := testbin.Path(t, "amd64/probe-stripped")
	x, err := find(t, name, c)
	if err != nil {
		t.Fatal(err)
	}
	if x.From != s.url || !x.Symtab || !x.DWARF {
		t.Errorf("%+v", x)
	}
	x.Close()
	f, from, err := c.Fetch(t.Context(), debuglink.Executable, rawID(t))
	if err != nil || from != s.url {
		t.Fatal(from, err)
	}
	b, _ := io.ReadAll(f)
	f.Close()
	if !bytes.Equal(b, testbin.Read(t, "amd64/probe-stripped")) {
		t.Errorf("the executable has %d bytes", len(b))
	}
	// A build-id that it has not: 404, and remembered.
	if _, _, err := c.Fetch(t.Context(), debuglink.DebugInfo, []byte("no such build")); !errors.Is(err, debuginfod.ErrMiss) {
		t.Error(err)
	}
	// X-DEBUGINFOD-MAXSIZE: its 406.
	small := client(t, debuginfod.Server{URL: s.url})
	small.MaxSize = 1000
	if _, err := fetch(t, small); !errors.Is(err, debuginfod.ErrTooLarge) {
		t.Error(err)
	}
	// Killed in the middle of the file.
	broken := client(t, debuginfod.Server{URL: proxy(t, s.url, 5000, 0, s.kill)})
	if _, err := fetch(t, broken); err == nil || errors.Is(err, debuginfod.ErrMiss) {
		t.Error(err)
	}
	if list := ls(t, broken.CacheDir); strings.Contains(list, probeID) {
		t.Errorf("left behind:\n%s", list)
	}
	// It is gone, the cache is not.
	if x, err = find(t, name, c); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if x.From != filepath.Join(c.CacheDir, probeID, "debuginfo") {
		t.Errorf("%+v", x)
	}
	if _, _, err := c.Fetch(t.Context(), debuglink.DebugInfo, []byte("no such build")); !errors.Is(err, debuginfod.ErrMiss) {
		t.Error(err)
	}
}

// A server that is slow is waited for if it delivers, and given up if not.
func TestRealServerSlow(t *testing.T) {
	s := startServer(t, served(t))
	var n atomic.Int32
	slow := proxy(t, s.url, 1<<30, 5*time.Millisecond, func() { n.Add(1) })
	c := client(t, debuginfod.Server{URL: slow})
	if _, err := fetch(t, c); err != nil {
		t.Error(err)
	}
	c = client(t, debuginfod.Server{URL: slow})
	c.Timeout = 20 * time.Millisecond
	if _, err := fetch(t, c); !errors.Is(err, debuginfod.ErrSlow) {
		t.Error(err)
	}
}

// elfutils' own client reads our cache, and we read its.
func TestSharedCache(t *testing.T) {
	tool := skip.Tool(t, "debuginfod-find")
	s := startServer(t, served(t))
	ask := func(cache, url, what, id string) (string, error) {
		cmd := exec.Command(tool, what, id)
		cmd.Env = append(os.Environ(), "DEBUGINFOD_URLS="+url, "DEBUGINFOD_CACHE_PATH="+cache, "DEBUGINFOD_TIMEOUT=5")
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	noID := fmt.Sprintf("%x", "no such build")
	ours, theirs := client(t, debuginfod.Server{URL: s.url}), client(t, debuginfod.Server{URL: s.url})
	for _, what := range []debuglink.Artifact{debuglink.DebugInfo, debuglink.Executable} {
		f, _, err := ours.Fetch(t.Context(), what, rawID(t))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if _, err := ask(theirs.CacheDir, s.url, string(what), probeID); err != nil {
			t.Fatal(err)
		}
	}
	ours.Fetch(t.Context(), debuglink.DebugInfo, []byte("no such build"))
	ask(theirs.CacheDir, s.url, "debuginfo", noID)
	a, b := ls(t, ours.CacheDir), ls(t, theirs.CacheDir)
	// Theirs makes max_unused_age_s, which only cleaning needs, at times that
	// depend on its version.
	drop := func(s string) string {
		var out strings.Builder
		for l := range strings.Lines(s) {
			if !strings.Contains(l, "max_unused_age_s") && !strings.Contains(l, "cache_miss_s") && !strings.Contains(l, "/hdr-") {
				out.WriteString(l)
			}
		}
		return out.String()
	}
	if drop(a) != drop(b) {
		t.Errorf("ours:\n%stheirs:\n%s", a, b)
	}
	for _, name := range []string{"debuginfo", "executable"} {
		x, err1 := os.ReadFile(filepath.Join(ours.CacheDir, probeID, name))
		y, err2 := os.ReadFile(filepath.Join(theirs.CacheDir, probeID, name))
		i, _ := os.Stat(filepath.Join(ours.CacheDir, probeID, name))
		j, _ := os.Stat(filepath.Join(theirs.CacheDir, probeID, name))
		if err1 != nil || err2 != nil || !bytes.Equal(x, y) || !i.ModTime().Equal(j.ModTime()) {
			t.Errorf("%s: %v %v, %v and %v", name, err1, err2, i.ModTime(), j.ModTime())
		}
	}
	// The server goes; each reads what the other has fetched.
	s.kill()
	if p, err := ask(ours.CacheDir, s.url, "debuginfo", probeID); err != nil || p != filepath.Join(ours.CacheDir, probeID, "debuginfo") {
		t.Errorf("debuginfod-find in our cache: %q %v", p, err)
	}
	ours.CacheDir, theirs.CacheDir = theirs.CacheDir, ours.CacheDir
	if from, err := fetch(t, ours); err != nil || from != filepath.Join(ours.CacheDir, probeID, "debuginfo") {
		t.Errorf("we in theirs: %q %v", from, err)
	}
	if _, _, err := ours.Fetch(t.Context(), debuglink.DebugInfo, []byte("no such build")); !errors.Is(err, debuginfod.ErrMiss) {
		t.Errorf("their miss: %v", err)
	}
	// With the server gone an answer at once can only be a remembered miss.
	start := time.Now()
	if p, err := ask(theirs.CacheDir, s.url, "debuginfo", noID); err == nil || time.Since(start) > 3*time.Second {
		t.Errorf("our miss: %q %v", p, err)
	}
}
