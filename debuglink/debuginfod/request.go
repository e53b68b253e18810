package debuginfod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"
)

// A request is one Fetch that the cache could not answer.
type request struct {
	c     *Client
	cache *cache // nil: nothing is kept
	id    []byte
	hex   string
	what  string
}

// A ServerError is what one server answered, or why it did not.
type ServerError struct {
	URL    string
	Status int // of HTTP, 0 if it got no answer
	Err    error
}

func (e *ServerError) Error() string { return e.URL + ": " + e.Err.Error() }
func (e *ServerError) Unwrap() error { return e.Err }

// temporary reports whether to ask again: nothing came, or the server said that
// it has a bad moment. What it sent wrongly it will send again.
func (e *ServerError) temporary() bool {
	switch e.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.Status == 0 && !errors.Is(e.Err, ErrSlow) || errors.Is(e.Err, errBroken)
}

// errBroken: the connection ended in the middle of the file.
var errBroken = errors.New("the transfer broke")

// run asks the servers, those that failed for now a few times more.
func (r *request) run(ctx context.Context) (*os.File, string, error) {
	servers := r.c.Servers
	for _, s := range servers {
		if s.IMA != "" && s.IMA != "ignore" {
			r.c.logf("%s: signatures (ima:%s) are not checked", s.URL, s.IMA)
		}
	}
	failed := make(map[string]*ServerError)
	for attempt := 0; ; attempt++ {
		f, from, errs := r.ask(ctx, servers)
		if f != nil {
			return f, from, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, "", context.Cause(ctx)
		}
		var again []Server
		for i, err := range errs {
			failed[servers[i].URL] = err
			if err.temporary() {
				again = append(again, servers[i])
			}
		}
		if len(again) == 0 || attempt == r.c.retries() {
			break
		}
		r.c.logf("asking %d of %d servers again", len(again), len(r.c.Servers))
		servers = again
	}
	missing, all := 0, []error(nil)
	for _, s := range r.c.Servers {
		err := failed[s.URL]
		if all = append(all, err); err.Status == http.StatusNotFound {
			missing++
		}
	}
	if missing < len(all) {
		return nil, "", errors.Join(all...)
	}
	if r.cache != nil {
		if err := r.cache.miss(r.hex, r.what); err != nil {
			r.c.logf("%v", err)
		}
	}
	return nil, "", ErrMiss
}

// An answer is what a server said to a request, its body not read yet.
type answer struct {
	i    int
	resp *http.Response
	err  *ServerError
	w    *watch
}

// ask asks all servers at once. Those that say that they have the file are read
// in the order of their answers until one has sent the right one.
func (r *request) ask(ctx context.Context, servers []Server) (*os.File, string, []*ServerError) {
	ctx, cancel := context.WithCancel(ctx)
	answers := make(chan answer, len(servers))
	errs := make([]*ServerError, len(servers))
	for i, s := range servers {
		go func() { answers <- r.get(ctx, i, s) }()
	}
	var f *os.File
	var from string
	for range servers {
		a := <-answers
		if a.resp == nil {
			if errs[a.i] = a.err; f == nil {
				r.c.logf("%v", a.err)
			}
			continue
		}
		if f == nil {
			s := servers[a.i]
			got, err := r.download(s, a)
			if err != nil {
				errs[a.i] = &ServerError{s.endpoint(r.hex, r.what), a.resp.StatusCode, err}
				r.c.logf("%v", errs[a.i])
			} else {
				r.c.logf("%s: got it", s.endpoint(r.hex, r.what))
				f, from = got, s.URL
				cancel() // the others
			}
		}
		a.w.stop()
		a.resp.Body.Close()
	}
	cancel()
	return f, from, errs
}

// get sends a request and waits for the answer's head.
func (r *request) get(ctx context.Context, i int, s Server) answer {
	url := s.endpoint(r.hex, r.what)
	w := newWatch(ctx, r.c.timeout())
	fail := func(status int, err error) answer {
		if cause := context.Cause(w.ctx); cause != nil && err != nil {
			err = cause
		}
		w.stop()
		return answer{i: i, err: &ServerError{url, status, err}}
	}
	req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, url, nil)
	if err != nil {
		return fail(-1, err)
	}
	for k, v := range r.c.Header {
		req.Header[k] = v
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "probels ("+runtime.GOOS+"/"+runtime.GOARCH+")")
	}
	if r.c.MaxSize > 0 {
		req.Header.Set("X-DEBUGINFOD-MAXSIZE", strconv.FormatInt(r.c.MaxSize, 10))
	}
	hc := r.c.HTTP
	if hc == nil {
		hc = defaultHTTP
	}
	resp, err := hc.Do(req)
	if err != nil {
		return fail(0, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		w.pause()
		return answer{i: i, resp: resp, w: w}
	case http.StatusNotFound:
		err = fs.ErrNotExist
	case http.StatusNotAcceptable: // what elfutils' server says to MAXSIZE
		err = ErrTooLarge
	default:
		err = errors.New(resp.Status)
	}
	resp.Body.Close()
	a := fail(resp.StatusCode, nil)
	a.err.Err = err
	return a
}

// defaultHTTP has no overall time limit: a debug file of a gigabyte may take
// its time as long as it comes.
var defaultHTTP = &http.Client{CheckRedirect: func(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	return nil
}}

// download reads an answer's body into a file of the cache and verifies it.
func (r *request) download(s Server, a answer) (*os.File, error) {
	limit := r.c.maxSize()
	total := a.resp.ContentLength
	if n, err := strconv.ParseInt(a.resp.Header.Get("X-Debuginfod-Size"), 10, 64); err == nil && total < 0 && n > 0 {
		total = n
	}
	if total > limit {
		return nil, fmt.Errorf("%d bytes, %d allowed: %w", total, limit, ErrTooLarge)
	}
	f, kept, err := r.temp()
	if err != nil {
		return nil, err
	}
	a.w.resume()
	body := &meter{r: a.resp.Body, w: a.w, report: r.c.Progress, at: Progress{s.endpoint(r.hex, r.what), 0, total}}
	err = body.copyTo(f, limit)
	body.final()
	if err == nil {
		err = checkContent(f, r.id, r.what)
	}
	name := ""
	switch {
	case err == nil && kept:
		modTime, _ := http.ParseTime(a.resp.Header.Get("Last-Modified"))
		name, err = r.cache.commit(f, r.hex, r.what, modTime)
	case err == nil:
		os.Remove(f.Name()) // the descriptor keeps it
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		if kept {
			r.cache.drop(f, r.hex)
		} else {
			os.Remove(f.Name())
		}
		return nil, err
	}
	if !kept {
		return f, nil
	}
	f.Close()
	return os.Open(name)
}

// temp makes the file to write to, in the cache if that can be.
func (r *request) temp() (f *os.File, kept bool, err error) {
	if r.cache != nil {
		if f, err = r.cache.temp(r.hex, r.what); err == nil {
			return f, true, nil
		}
		r.c.logf("%v; nothing will be kept", err)
	}
	f, err = os.CreateTemp("", "probels-debuginfod-")
	return f, false, err
}

// A meter counts what goes through, for the watch and for people.
type meter struct {
	r      io.Reader
	w      *watch
	report func(Progress)
	at     Progress
	last   time.Time
	err    error
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.at.Done += int64(n)
	m.w.add(n)
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = err
	}
	if m.report != nil {
		if now := time.Now(); now.Sub(m.last) >= 100*time.Millisecond {
			m.last = now
			m.report(m.at)
		}
	}
	return n, err
}

// copyTo writes the body to a file.
func (m *meter) copyTo(f *os.File, limit int64) error {
	n, err := io.Copy(f, io.LimitReader(m, limit+1))
	switch cause := context.Cause(m.w.ctx); {
	case err != nil && cause != nil:
		return cause
	case err != nil && m.err != nil:
		return fmt.Errorf("%w after %d bytes: %w", errBroken, n, err)
	case err != nil:
		return err // the disk's
	case n > limit:
		return fmt.Errorf("more than %d bytes: %w", limit, ErrTooLarge)
	}
	return nil
}

// final reports the end, which the clock may have left out.
func (m *meter) final() {
	if m.report != nil {
		m.report(m.at)
	}
}
