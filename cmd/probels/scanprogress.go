package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/probels/probels/offset"
)

// scanProgress is a line on a terminal that says how far a scan has come. It appears
// after half a second, and is gone before anything else is printed.
type scanProgress struct {
	mu    sync.Mutex
	a     *app
	shown bool
	over  chan struct{}
}

// showScanned is nil, which does nothing, where standard error is no terminal.
func (a *app) showScanned(s *offset.Scan) *scanProgress {
	if !a.hasTerminal() {
		return nil
	}
	p := &scanProgress{a: a, over: make(chan struct{})}
	go func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-p.over:
				return
			case <-tick.C:
				p.mu.Lock()
				st := s.Stats()
				fmt.Fprintf(a.err, "\r\x1b[Kprobels: %s, %s with probes", plural(int(st.Files), "file"), thousands(int(st.Matched)))
				p.shown = true
				p.mu.Unlock()
			}
		}
	}()
	return p
}

// pause takes the line away until resume.
func (p *scanProgress) pause() {
	if p == nil {
		return
	}
	p.mu.Lock()
	if p.shown {
		fmt.Fprint(p.a.err, "\r\x1b[K")
		p.shown = false
	}
}

func (p *scanProgress) resume() {
	if p != nil {
		p.mu.Unlock()
	}
}

func (p *scanProgress) end() {
	if p != nil {
		p.pause()
		close(p.over)
		p.resume()
	}
}
