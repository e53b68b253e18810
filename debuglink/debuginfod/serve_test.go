package debuginfod_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/debuginfod"
	"github.com/probels/probels/internal/testbin"
)

func rawID(t testing.TB) []byte {
	t.Helper()
	id, err := hex.DecodeString(probeID)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// serve starts a server and counts its requests.
func serve(t testing.TB, h http.HandlerFunc) (debuginfod.Server, *atomic.Int32) {
	t.Helper()
	n := new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		h(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return debuginfod.Server{URL: s.URL}, n
}

func good(t testing.TB) http.HandlerFunc {
	b := testbin.Read(t, "amd64/probe-pie.debug")
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/buildid/"+probeID+"/debuginfo" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Header().Set("X-DEBUGINFOD-SIZE", fmt.Sprint(len(b)))
		w.Write(b)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", code) }
}

// endless sends an ELF header and then zeros without end.
func endless(t testing.TB) http.HandlerFunc {
	b := testbin.Read(t, "amd64/probe-pie.debug")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Write(b)
		for zeros := make([]byte, 1<<16); ; {
			if _, err := w.Write(zeros); err != nil {
				return
			}
		}
	}
}

// stuck sends some bytes and then nothing, until the client goes.
func stuck(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n > 0 {
			w.Write(make([]byte, n))
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}
}

// cut promises more than it sends.
func cut(t testing.TB) http.HandlerFunc {
	b := testbin.Read(t, "amd64/probe-pie.debug")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		w.Write(b[:len(b)/2])
		panic(http.ErrAbortHandler)
	}
}

// ls is a cache's content: modes, names, sizes.
func ls(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		switch {
		case name == ".":
		case d.IsDir():
			fmt.Fprintf(&b, "%v %s/\n", info.Mode(), name)
		default:
			fmt.Fprintf(&b, "%v %s %d\n", info.Mode(), name, info.Size())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func client(t testing.TB, servers ...debuginfod.Server) *debuginfod.Client {
	return &debuginfod.Client{Servers: servers, CacheDir: filepath.Join(t.TempDir(), "cache"), Log: func(s string) { t.Log(s) }}
}

func fetch(t testing.TB, c *debuginfod.Client) (string, error) {
	t.Helper()
	f, from, err := c.Fetch(context.Background(), debuglink.DebugInfo, rawID(t))
	if (f == nil) == (err == nil) {
		t.Fatalf("%v and %v", f, err)
	}
	if err != nil {
		return from, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(b, testbin.Read(t, "amd64/probe-pie.debug")) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	return from, nil
}
