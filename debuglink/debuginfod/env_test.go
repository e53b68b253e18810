package debuginfod_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/debuglink/debuginfod"
)

func TestParseURLs(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{"", "[]", ""},
		{" \t\n", "[]", ""},
		{"http://a/ https://b:8002/x/ http://a", "[{http://a } {https://b:8002/x }]", ""},
		{"http://u:p@a//", "[{http://u:p@a }]", ""},
		{"ima:enforcing https://a ima:ignore https://b", "[{https://a enforcing} {https://b ignore}]", ""},
		{"http://a/?q#f", "[{http://a }]", ""},
		{"http://[::1]:80/", "[{http://[::1]:80 }]", ""},
		{"file:///x", "", `not "file"`},
		{"a.example", "", "http and https"},
		{"http:///x", "", "no host"},
		{"http://a b://c", "", "http and https"},
		{"http://%zz/", "", "invalid URL escape"},
	} {
		got, err := debuginfod.ParseURLs(c.in)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: %v, %v", c.in, got, err)
			}
		} else if fmt.Sprint(got) != c.want || err != nil {
			t.Errorf("%q: %v, %v, want %v", c.in, got, err, c.want)
		}
	}
}

func env(pairs ...string) func(string) (string, bool) {
	m := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func TestFromEnv(t *testing.T) {
	dir := t.TempDir()
	headers := filepath.Join(dir, "headers")
	if err := os.WriteFile(headers, []byte("X-A: b: c\n\n  \nnonsense\n: x\nbad name: x\nX-A:d\nX-B: e\x01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := debuginfod.FromEnv(env("DEBUGINFOD_URLS", "http://a http://b", "DEBUGINFOD_CACHE_PATH", dir, "DEBUGINFOD_TIMEOUT", "7",
		"DEBUGINFOD_MAXTIME", "8", "DEBUGINFOD_MAXSIZE", "9", "DEBUGINFOD_RETRY_LIMIT", "10", "DEBUGINFOD_HEADERS_FILE", headers,
		"DEBUGINFOD_PROGRESS", "1", "DEBUGINFOD_VERBOSE", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Servers) != 2 || c.CacheDir != dir || c.Timeout != 7*time.Second || c.MaxTime != 8*time.Second || c.MaxSize != 9 ||
		c.Retries != 10 || !c.WantProgress || !c.WantLog || fmt.Sprint(c.Header) != "map[X-A:[b: c d]]" {
		t.Errorf("%+v", c)
	}
	c, err = debuginfod.FromEnv(env("DEBUGINFOD_URLS", "http://a", "HOME", dir, "DEBUGINFOD_TIMEOUT", "0", "DEBUGINFOD_MAXTIME", "-1",
		"DEBUGINFOD_MAXSIZE", "0", "DEBUGINFOD_RETRY_LIMIT", "0"))
	if err != nil || c.Timeout >= 0 || c.MaxTime != 0 || c.MaxSize != 0 || c.Retries >= 0 || c.WantProgress || c.WantLog {
		t.Errorf("%+v %v", c, err)
	}
	for _, c := range [][]string{
		{"DEBUGINFOD_URLS", "http://a", "DEBUGINFOD_TIMEOUT", "soon"},
		{"DEBUGINFOD_URLS", "http://a", "DEBUGINFOD_MAXSIZE", "1k"},
		{"DEBUGINFOD_URLS", "http://a", "DEBUGINFOD_HEADERS_FILE", filepath.Join(dir, "none")},
		{"DEBUGINFOD_URLS", "http://a", "DEBUGINFOD_HEADERS_FILE", dir},
		{"DEBUGINFOD_URLS", "ftp://a"},
	} {
		if _, err := debuginfod.FromEnv(env(c...)); err == nil || !strings.Contains(err.Error(), c[len(c)-2]) {
			t.Errorf("%v: %v", c, err)
		}
	}
	// Set and empty means off; not set means what the system has.
	if _, err := debuginfod.FromEnv(env("DEBUGINFOD_URLS", "")); !errors.Is(err, debuginfod.ErrNoServers) {
		t.Error(err)
	}
}

func TestSystemURLs(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.urls": "http://c\n", "a.urls": "ima:ignore http://a \n http://b", "x.certpath": "no"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir(filepath.Join(dir, "c.urls"), 0o755)
	if got, err := debuginfod.SystemURLs(dir); err == nil {
		t.Errorf("a directory was read: %q", got)
	}
	os.Remove(filepath.Join(dir, "c.urls"))
	if got, err := debuginfod.SystemURLs(dir); got != "ima:ignore http://a http://b http://c" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if got, err := debuginfod.SystemURLs(filepath.Join(dir, "none")); got != "" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

func TestCacheDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	home := t.TempDir()
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"HOME", home}, home + "/.cache/debuginfod_client"},
		{[]string{"HOME", home, "XDG_CACHE_HOME", "/x"}, "/x/debuginfod_client"},
		{[]string{"HOME", home, "XDG_CACHE_HOME", "/x", "DEBUGINFOD_CACHE_PATH", "/y"}, "/y"},
		{nil, "/.cache/debuginfod_client"},
	} {
		get := env(c.env...)
		if got, err := debuginfod.CacheDir(func(n string) string { v, _ := get(n); return v }); got != c.want || err != nil {
			t.Errorf("%v: %s, %v, want %s", c.env, got, err, c.want)
		}
	}
	os.Mkdir(home+"/.debuginfod_client_cache", 0o755)
	get := env("HOME", home, "XDG_CACHE_HOME", "/x")
	if got, _ := debuginfod.CacheDir(func(n string) string { v, _ := get(n); return v }); got != home+"/.debuginfod_client_cache" {
		t.Error(got)
	}
}
