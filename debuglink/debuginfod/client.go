package debuginfod

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/probels/probels/debuglink"
)

// Errors that a Fetch wraps.
var (
	ErrNoServers = errors.New("no debuginfod servers are set up")
	ErrTooLarge  = errors.New("larger than allowed")
	ErrSlow      = errors.New("too slow")
	ErrContent   = errors.New("not the file that was asked for")

	// ErrMiss: every server was asked and none has the file, now or a short
	// time ago. It wraps fs.ErrNotExist.
	ErrMiss = fmt.Errorf("no debuginfod server has it: %w", fs.ErrNotExist)
)

// A Client fetches files. The zero value of a field means its default; set
// them before the first use, after which a Client is safe for concurrent use.
type Client struct {
	Servers  []Server // all are asked at once
	CacheDir string   // "": a temporary file for each call, and nothing is kept

	Timeout time.Duration // a server must deliver 100 KiB, or all, in any such time; default 90 s, negative: no limit
	MaxTime time.Duration // for one Fetch; 0: no limit
	MaxSize int64         // bytes of a file, also told to the servers; 0: DefaultMaxSize, not told
	Retries int           // after network errors; default 2, negative: none

	Header http.Header // sent with each request
	HTTP   *http.Client

	// Progress is told how far a download is, at most ten times a second, from
	// the goroutine that called Fetch or one that ends before Fetch does.
	Progress func(Progress)
	// Log is told what each server said, likewise.
	Log func(string)

	// What the environment asked for ($DEBUGINFOD_PROGRESS, _VERBOSE); a
	// program that writes to a terminal looks at them, Fetch does not.
	WantProgress, WantLog bool
}

// DefaultMaxSize is the largest file that a client without a MaxSize takes, in
// bytes. The largest debug files of distributions have some 4 GB.
const DefaultMaxSize = 16 << 30

// Progress is how far a download is.
type Progress struct {
	URL         string
	Done, Total int64 // bytes; Total is -1 if the server did not say
}

var _ debuglink.Fetcher = (*Client)(nil)

// Fetch gets a file by build-id, from the cache or else from the server that
// answers first; from is the file's path in the cache or the server's URL. The
// file has the build-id that was asked for. The caller closes it.
//
// Errors wrap fs.ErrNotExist if nobody has the file, also if that is only
// remembered; the context's error if it has ended; else what each server said.
func (c *Client) Fetch(ctx context.Context, what debuglink.Artifact, buildID []byte) (f *os.File, from string, err error) {
	if len(c.Servers) == 0 {
		return nil, "", ErrNoServers
	}
	if what != debuglink.DebugInfo && what != debuglink.Executable {
		return nil, "", fmt.Errorf("debuginfod: unknown artifact %q", what)
	}
	// elfutils takes 1 to 63 bytes.
	if n := len(buildID); n < 1 || n > 63 {
		return nil, "", fmt.Errorf("debuginfod: a build-id of %d bytes", n)
	}
	r := &request{c: c, id: buildID, hex: hex.EncodeToString(buildID), what: string(what)}
	if c.CacheDir != "" {
		r.cache = &cache{root: c.CacheDir}
		r.cache.prepare(ctx, c.logf)
		switch f, err := r.cache.open(r.hex, r.what); {
		case err == nil:
			if err := checkContent(f, buildID, r.what); err == nil {
				return f, f.Name(), nil
			}
			c.logf("%s: %v; fetching it again", f.Name(), err)
			f.Close()
		case errors.Is(err, ErrMiss):
			return nil, filepath.Join(c.CacheDir, r.hex, r.what), err
		case !errors.Is(err, fs.ErrNotExist):
			c.logf("%v", err)
		}
	}
	if c.MaxTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.MaxTime, fmt.Errorf("more than %v: %w", c.MaxTime, ErrSlow))
		defer cancel()
	}
	return r.run(ctx)
}

// Cached opens a file that the cache has, without asking any server, or
// fs.ErrNotExist. Its build-id has been verified; the caller closes it.
func (c *Client) Cached(what debuglink.Artifact, buildID []byte) (*os.File, error) {
	if c.CacheDir == "" || len(buildID) == 0 {
		return nil, fs.ErrNotExist
	}
	f, err := (&cache{root: c.CacheDir}).open(hex.EncodeToString(buildID), string(what))
	if err != nil {
		return nil, err
	}
	if err := checkContent(f, buildID, string(what)); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (c *Client) logf(format string, args ...any) {
	if c.Log != nil {
		c.Log(fmt.Sprintf(format, args...))
	}
}

func (c *Client) timeout() time.Duration {
	if c.Timeout == 0 {
		return 90 * time.Second
	}
	return max(c.Timeout, 0)
}

func (c *Client) maxSize() int64 {
	if c.MaxSize > 0 {
		return c.MaxSize
	}
	return DefaultMaxSize
}

func (c *Client) retries() int {
	if c.Retries == 0 {
		return 2
	}
	return max(c.Retries, 0)
}
