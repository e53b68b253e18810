package debuginfod_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/debuginfod"
	"github.com/probels/probels/internal/testbin"
)

const probeID = "7579de5a4f210c8d6617a0bcbb96175992e8deed"

func TestFetch(t *testing.T) {
	s, n := serve(t, good(t))
	c := client(t, s)
	var last debuginfod.Progress
	c.Progress = func(p debuginfod.Progress) { last = p }
	from, err := fetch(t, c)
	if err != nil || from != s.URL {
		t.Fatal(from, err)
	}
	size := int64(len(testbin.Read(t, "amd64/probe-pie.debug")))
	if last.Done != size || last.Total != size || last.URL != s.URL+"/buildid/"+probeID+"/debuginfo" {
		t.Errorf("%+v", last)
	}
	if want := fmt.Sprintf("drwx------ %s/\n-r-------- %s/debuginfo %d\n-rw-r--r-- cache_clean_interval_s 5\n", probeID, probeID, size); runtime.GOOS == "linux" {
		if got := ls(t, c.CacheDir); got != want {
			t.Errorf("the cache has\n%swant\n%s", got, want)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(c.CacheDir, "cache_clean_interval_s")); string(b) != "86400" {
		t.Errorf("%q", b)
	}
	info, err := os.Stat(filepath.Join(c.CacheDir, probeID, "debuginfo"))
	if err != nil || !info.ModTime().Equal(time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)) {
		t.Error(info, err)
	}
	// From the cache, by Fetch and Cached.
	if from, err := fetch(t, c); err != nil || from != filepath.Join(c.CacheDir, probeID, "debuginfo") || n.Load() != 1 {
		t.Error(from, err, n.Load())
	}
	f, err := c.Cached(debuglink.DebugInfo, rawID(t))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := c.Cached(debuglink.Executable, rawID(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	// Without a cache.
	c.CacheDir = ""
	if from, err := fetch(t, c); err != nil || from != s.URL || n.Load() != 2 {
		t.Error(from, err, n.Load())
	}
}

// What servers do wrong, alone and beside one that is right.
func TestServers(t *testing.T) {
	other := testbin.Read(t, "amd64/main")
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 16<<20))
	z.Close()
	gzipBomb := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	}
	for _, c := range []struct {
		what     string
		h        http.HandlerFunc
		err      error
		part     string
		requests int32 // 1 and the retries
		miss     bool  // it is remembered
	}{
		{"404", status(404), fs.ErrNotExist, "", 1, true},
		{"500", status(500), nil, "500", 1, false},
		{"503", status(503), nil, "503", 3, false},
		{"406", status(406), debuginfod.ErrTooLarge, "", 1, false},
		{"204", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, nil, "204", 1, false},
		{"a web page", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>we have moved</html>") }, debuginfod.ErrContent, "not an ELF file", 1, false},
		{"nothing", func(w http.ResponseWriter, r *http.Request) {}, debuginfod.ErrContent, "", 1, false},
		{"another build", func(w http.ResponseWriter, r *http.Request) { w.Write(other) }, debuginfod.ErrContent, "build-id", 1, false},
		{"half", cut(t), io.ErrUnexpectedEOF, "the transfer broke", 3, false},
		{"no answer", stuck(0), debuginfod.ErrSlow, "0 bytes in 200ms", 1, false},
		{"stuck", stuck(1000), debuginfod.ErrSlow, "in 200ms", 1, false},
		{"endless", endless(t), debuginfod.ErrTooLarge, "more than 1000000 bytes", 1, false},
		{"too large", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "1000001") }, debuginfod.ErrTooLarge, "1000001 bytes, 1000000", 1, false},
		{"a bomb", gzipBomb, debuginfod.ErrTooLarge, "", 1, false},
		{"round and round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, 302) }, nil, "10 redirects", -1, false},
		{"to a file", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "file:///etc/passwd", 302) }, nil, "unsupported protocol scheme", -1, false},
		{"it hangs up", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, nil, "EOF", -1, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			bad, n := serve(t, c.h)
			cl := client(t, bad)
			cl.Timeout, cl.MaxSize = 200*time.Millisecond, 1_000_000
			start := time.Now()
			_, err := fetch(t, cl)
			if err == nil || c.err != nil && !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.part) {
				t.Errorf("%v, want %v %q", err, c.err, c.part)
			}
			if c.err != fs.ErrNotExist && errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v says that the file is nowhere", err)
			}
			if c.requests > 0 && n.Load() != c.requests {
				t.Errorf("%d requests, want %d", n.Load(), c.requests)
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %v", d)
			}
			list := ls(t, cl.CacheDir)
			if got := strings.Contains(list, probeID+"/debuginfo 0\n"); got != c.miss || strings.Count(list, probeID) != map[bool]int{true: 2}[c.miss] {
				t.Errorf("the cache has\n%s", list)
			}
			if c.miss {
				if _, err := fetch(t, cl); !errors.Is(err, debuginfod.ErrMiss) || n.Load() != 1 {
					t.Errorf("%v, %d requests", err, n.Load())
				}
				return
			}
			// With one that is right, whichever answers first.
			right, _ := serve(t, good(t))
			for _, servers := range [][]debuginfod.Server{{bad, right}, {right, bad}} {
				cl.Servers, cl.CacheDir = servers, filepath.Join(t.TempDir(), "c")
				if from, err := fetch(t, cl); err != nil || from != right.URL {
					t.Errorf("%v: %s %v", servers, from, err)
				}
			}
		})
	}
}

// A slow answer that comes while another is read waits for its turn, and its
// clock with it.
func TestFirstWrong(t *testing.T) {
	wrong, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "wrong") })
	late, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(100 * time.Millisecond)
		good(t)(w, r)
	})
	if from, err := fetch(t, client(t, wrong, late)); err != nil || from != late.URL {
		t.Error(from, err)
	}
}

// A server that is up again at the third try.
func TestRetries(t *testing.T) {
	var n atomic.Int32
	h := func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) < 3 {
			panic(http.ErrAbortHandler)
		}
		good(t)(w, r)
	}
	s, _ := serve(t, h)
	if _, err := fetch(t, client(t, s)); err != nil {
		t.Error(err)
	}
	n.Store(0)
	c := client(t, s)
	c.Retries = -1
	c.HTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if _, err := fetch(t, c); err == nil {
		t.Error("tried again")
	}
	// Nobody listens there.
	gone := httptest.NewServer(nil)
	gone.Close()
	if _, err := fetch(t, client(t, debuginfod.Server{URL: gone.URL})); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	for _, h := range []http.HandlerFunc{stuck(0), stuck(500), endless(t)} {
		s, _ := serve(t, h)
		c := client(t, s)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(50*time.Millisecond, cancel)
		start := time.Now()
		f, _, err := c.Fetch(ctx, debuglink.DebugInfo, rawID(t))
		if f != nil || !errors.Is(err, context.Canceled) || time.Since(start) > 5*time.Second {
			t.Errorf("%v %v after %v", f, err, time.Since(start))
		}
		if list := ls(t, c.CacheDir); strings.Contains(list, probeID) {
			t.Errorf("left behind:\n%s", list)
		}
		c.MaxTime = 50 * time.Millisecond
		if _, err := fetch(t, c); !errors.Is(err, debuginfod.ErrSlow) {
			t.Errorf("MaxTime: %v", err)
		}
	}
}

func TestHeaders(t *testing.T) {
	var got http.Header
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		good(t)(w, r)
	})
	c := client(t, s)
	c.MaxSize = 12345678
	c.Header = http.Header{"X-Token": {"secret"}}
	if _, err := fetch(t, c); err != nil {
		t.Fatal(err)
	}
	if got.Get("X-Debuginfod-Maxsize") != "12345678" || got.Get("X-Token") != "secret" || !strings.HasPrefix(got.Get("User-Agent"), "probels (") {
		t.Errorf("%v", got)
	}
}

func TestArguments(t *testing.T) {
	s, n := serve(t, good(t))
	c := client(t, s)
	for _, id := range [][]byte{nil, make([]byte, 64)} {
		if _, _, err := c.Fetch(t.Context(), debuglink.DebugInfo, id); err == nil {
			t.Errorf("a build-id of %d bytes", len(id))
		}
	}
	if _, _, err := c.Fetch(t.Context(), "../../x", rawID(t)); err == nil {
		t.Error("an unknown artifact")
	}
	if _, _, err := new(debuginfod.Client).Fetch(t.Context(), debuglink.DebugInfo, rawID(t)); !errors.Is(err, debuginfod.ErrNoServers) {
		t.Error(err)
	}
	if n.Load() != 0 {
		t.Error("asked")
	}
	if _, err := os.Stat(c.CacheDir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cache was made")
	}
}

// Many at once, of one file, for -race: each gets it whole.
func TestConcurrent(t *testing.T) {
	s, _ := serve(t, good(t))
	bad, _ := serve(t, status(404))
	c := client(t, s, bad)
	c.Log = nil
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if _, err := fetch(t, c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if list := ls(t, c.CacheDir); strings.Count(list, "debuginfo") != 1 {
		t.Error(list)
	}
}

// By debuglink.Find, which verifies it once more.
func TestFind(t *testing.T) {
	s, _ := serve(t, good(t))
	c := client(t, s)
	name := testbin.Path(t, "amd64/probe-stripped")
	for _, from := range []string{s.URL, filepath.Join(c.CacheDir, probeID, "debuginfo")} {
		x, err := find(t, name, c)
		if err != nil {
			t.Fatal(err)
		}
		if x.How != debuglink.ByDebuginfod || x.From != from || x.Path != filepath.Join(c.CacheDir, probeID, "debuginfo") || !x.DWARF {
			t.Errorf("%+v", x)
		}
		x.Close()
	}
}
