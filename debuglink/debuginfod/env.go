package debuginfod

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SystemDir is where distributions put lists of servers, one or more URLs in
// each file *.urls. Login shells make $DEBUGINFOD_URLS of them; sudo, and
// services, don't.
const SystemDir = "/etc/debuginfod"

// FromEnv makes a client as $DEBUGINFOD_URLS and the other variables of
// debuginfod-client-config(7) say; getenv is os.LookupEnv if nil. Where
// DEBUGINFOD_URLS is not set at all, the lists in SystemDir are read instead.
// ErrNoServers if that leaves no server: then nothing is to be done, not even
// reading the cache.
//
// Variables that don't hold what they should are errors, which elfutils takes
// for 0.
func FromEnv(getenv func(string) (string, bool)) (*Client, error) {
	if getenv == nil {
		getenv = os.LookupEnv
	}
	get := func(name string) string { v, _ := getenv(name); return v }
	c := &Client{}
	urls, isSet := getenv("DEBUGINFOD_URLS")
	if !isSet {
		var err error
		if urls, err = SystemURLs(SystemDir); err != nil {
			return nil, err
		}
	}
	servers, err := ParseURLs(urls)
	if err != nil {
		return nil, fmt.Errorf("DEBUGINFOD_URLS: %w", err)
	}
	if len(servers) == 0 {
		return nil, ErrNoServers
	}
	c.Servers = servers
	if c.CacheDir, err = CacheDir(get); err != nil {
		return nil, err
	}
	for _, v := range []struct {
		name string
		set  func(int64)
	}{
		{"DEBUGINFOD_TIMEOUT", func(n int64) { c.Timeout = seconds(n, -1) }}, // 0 and less: no limit
		{"DEBUGINFOD_MAXTIME", func(n int64) { c.MaxTime = seconds(n, 0) }},
		{"DEBUGINFOD_MAXSIZE", func(n int64) { c.MaxSize = max(n, 0) }},
		{"DEBUGINFOD_RETRY_LIMIT", func(n int64) {
			if c.Retries = int(min(n, 100)); n <= 0 {
				c.Retries = -1
			}
		}},
	} {
		text := get(v.name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not a number", v.name, text)
		}
		v.set(n)
	}
	if name := get("DEBUGINFOD_HEADERS_FILE"); name != "" {
		if c.Header, err = readHeaders(name); err != nil {
			return nil, fmt.Errorf("DEBUGINFOD_HEADERS_FILE: %w", err)
		}
	}
	c.WantProgress = get("DEBUGINFOD_PROGRESS") != ""
	c.WantLog = get("DEBUGINFOD_VERBOSE") != ""
	return c, nil
}

// seconds makes a duration; none stands for 0 and what is less.
func seconds(n int64, none time.Duration) time.Duration {
	if n <= 0 {
		return none
	}
	return time.Duration(min(n, 1<<31)) * time.Second
}

// A Server is where to ask.
type Server struct {
	URL string // http or https, without "/buildid" and a slash at its end

	// IMA is the policy for signatures that stood before the URL: "enforcing",
	// "ignore", …; "" if none did. It is not kept: see the package comment.
	IMA string
}

// ParseURLs reads the value of $DEBUGINFOD_URLS: URLs separated by white space,
// and words "ima:POLICY" that hold for the URLs after them. A URL that comes
// twice counts once.
func ParseURLs(s string) ([]Server, error) {
	var out []Server
	policy := ""
	for _, word := range strings.Fields(s) {
		if p, ok := strings.CutPrefix(word, "ima:"); ok {
			policy = p
			continue
		}
		u, err := url.Parse(word)
		switch {
		case err != nil:
			return nil, err
		case u.Scheme != "http" && u.Scheme != "https":
			return nil, fmt.Errorf("%q: http and https are known, not %q", word, u.Scheme)
		case u.Host == "":
			return nil, fmt.Errorf("%q: no host", word)
		}
		u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
		server := Server{strings.TrimRight(u.String(), "/"), policy}
		if !slices.ContainsFunc(out, func(s Server) bool { return s.URL == server.URL }) {
			out = append(out, server)
		}
	}
	return out, nil
}

// endpoint is the URL of an artifact.
func (s Server) endpoint(hexID, what string) string { return s.URL + "/buildid/" + hexID + "/" + what }

// maxList bounds a file of URLs or headers.
const maxList = 1 << 20

// SystemURLs are the URLs in the files *.urls in dir, in the order of their
// names, as $DEBUGINFOD_URLS would have them; "" if there is no such directory.
func SystemURLs(dir string) (string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.urls"))
	if err != nil {
		return "", err
	}
	var all []string
	for _, name := range names {
		b, err := readFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		all = append(all, strings.Fields(string(b))...)
	}
	return strings.Join(all, " "), nil
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxList {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a regular file of at most a megabyte")}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxList))
}

// readHeaders reads lines "Name: value". Empty lines are skipped, and so are
// those that are no headers, as elfutils does.
func readHeaders(name string) (http.Header, error) {
	b, err := readFile(name)
	if err != nil {
		return nil, err
	}
	h := make(http.Header)
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		key, value, ok := strings.Cut(sc.Text(), ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if ok && validHeader(key, value) {
			h.Add(textproto.CanonicalMIMEHeaderKey(key), value)
		}
	}
	return h, nil
}

// validHeader: a token for a name (RFC 9110, section 5.6.2), and no control
// characters in the value.
func validHeader(key, value string) bool {
	for _, c := range []byte(key) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return key != ""
}

// CacheDir is the cache's directory by the environment: see the package
// comment. It need not exist.
func CacheDir(getenv func(string) string) (string, error) {
	if dir := getenv("DEBUGINFOD_CACHE_PATH"); dir != "" {
		return filepath.Abs(dir)
	}
	home := getenv("HOME")
	if home == "" {
		home = "/"
	}
	old := path.Join(home, ".debuginfod_client_cache")
	if _, err := os.Stat(old); err == nil {
		return filepath.Abs(old)
	}
	if xdg := getenv("XDG_CACHE_HOME"); xdg != "" {
		return filepath.Abs(path.Join(xdg, "debuginfod_client"))
	}
	return filepath.Abs(path.Join(home, ".cache", "debuginfod_client"))
}
