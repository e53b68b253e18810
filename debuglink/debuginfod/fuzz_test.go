package debuginfod_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/debuginfod"
	"github.com/probels/probels/internal/testbin"
)

// Whatever the list of servers, each URL is one that net/http takes, once.
func FuzzURLs(f *testing.F) {
	f.Add("http://a/ https://b:1/x ima:enforcing http://c")
	f.Add("http://[::1]/%41?x#y")
	f.Fuzz(func(t *testing.T, s string) {
		servers, err := debuginfod.ParseURLs(s)
		if err != nil && servers != nil {
			t.Fatal("both")
		}
		seen := make(map[string]bool)
		for _, s := range servers {
			u, err := url.Parse(s.URL + "/buildid/00/debuginfo")
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || seen[s.URL] || u.RawQuery != "" || !strings.HasSuffix(u.Path, "/buildid/00/debuginfo") {
				t.Fatalf("%q: %v %v", s.URL, u, err)
			}
			seen[s.URL] = true
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever a server answers: the right file or an error, and nothing left
// behind in the cache.
func FuzzResponse(f *testing.F) {
	f.Add(200, "", "", testbin.Read(f, "amd64/probe-pie.debug"))
	f.Add(200, "99999999999999999999", "yesterday", []byte("\x7fELF"))
	f.Add(404, "", "", []byte(nil))
	f.Add(301, "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, code int, size, date string, body []byte) {
		c := &debuginfod.Client{Servers: []debuginfod.Server{{URL: "http://server"}}, CacheDir: t.TempDir() + "/c", Retries: -1, MaxSize: 1 << 20}
		c.HTTP = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: code, ContentLength: -1, Request: r, Body: io.NopCloser(strings.NewReader(string(body))),
				Header: http.Header{"X-Debuginfod-Size": {size}, "Last-Modified": {date}}}, nil
		})}
		got, _, err := c.Fetch(context.Background(), debuglink.DebugInfo, rawID(t))
		if (got == nil) == (err == nil) {
			t.Fatalf("%v and %v", got, err)
		}
		list := ls(t, c.CacheDir)
		if got != nil {
			got.Close()
			if !strings.Contains(list, probeID+"/debuginfo ") {
				t.Fatal(list)
			}
		}
		if n := strings.Count(list, probeID); got == nil && code != 404 && n != 0 || n > 2 {
			t.Fatalf("left behind: %s", list)
		}
	})
}
