package main

import (
	"fmt"
	"os"
	"path"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/debuginfod"
)

// fetcher is the debuginfod client that --debuginfod asks for: the only way to
// a network.
func (a *app) fetcher() (debuglink.Fetcher, error) {
	c, err := debuginfod.FromEnv(nil)
	if err != nil {
		return nil, usagef("--debuginfod: %v; set DEBUGINFOD_URLS", err)
	}
	if f, ok := a.err.(*os.File); ok && isTerminal(f) || c.WantProgress {
		c.Progress = a.showProgress
	}
	if c.WantLog {
		c.Log = func(s string) { a.note("%s", s) }
	}
	return c, nil
}

// showProgress writes how far a download is over the line that says so.
func (a *app) showProgress(p debuginfod.Progress) {
	const megabyte = 1 << 20
	of := ""
	if p.Total > 0 {
		of = fmt.Sprintf(" of %d", (p.Total+megabyte-1)/megabyte)
	}
	fmt.Fprintf(a.err, "\r\x1b[Kfetching %s: %d%s MB", clean(shortURL(p.URL)), p.Done/megabyte, of)
	if p.Total > 0 && p.Done >= p.Total {
		fmt.Fprint(a.err, "\r\x1b[K")
	}
}

// shortURL is a debuginfod URL with the build-id cut.
func shortURL(url string) string {
	dir, what := path.Split(url)
	if base, id := path.Split(path.Clean(dir)); len(id) > 12 {
		return base + id[:8] + "…/" + what
	}
	return url
}
