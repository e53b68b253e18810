package livetest

import (
	"testing"

	"github.com/probels/probels/offset"
)

// Every site of every USDT probe is hit once a round in a program that runs, those behind a semaphore
// too. The sites of one probe are counted one by one.
func TestSites(t *testing.T) {
	for _, name := range append([]string{"amd64/probe-stripped", "amd64/sdt-nobase"}, programs...) {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t)
			prog := program(t, name)
			s := start(t, prog)
			var ls []offset.Location
			for _, p := range list(t, target(t, prog), offset.Query{Kinds: offset.KindUSDT}) {
				l, err := p.Location()
				if err != nil {
					t.Fatal(err)
				}
				ls = append(ls, l)
			}
			if len(ls) < 15 {
				t.Fatalf("only %d sites", len(ls))
			}
			first := c.locations(t, ls, s.pid())
			s.run(t)
			for i, l := range ls {
				if got := c.count(t, first+uint64(i)); got != rounds {
					t.Errorf("%s:%s at 0x%x, semaphore at 0x%x: %d hits, want %d", l.Provider, l.Name, l.Offset, l.RefCtrOffset, got, rounds)
				}
			}
		})
	}
}

// A probe behind a semaphore fires while the kernel raises it at our offset, and never without; one
// that only has a semaphore always does. Both in a process that starts later and in one that runs
// already, where the kernel takes another way to find the counter.
func TestSemaphores(t *testing.T) {
	for _, tt := range []struct {
		prog  string
		spec  string
		bound int // hits without the semaphore
		late  bool
	}{
		{"amd64/probe-pie", "probels:guarded", 0, true},
		{"amd64/probe-pie", "probels:always", rounds, true},
		{"amd64/probe-nopie", "probels:guarded", 0, true},
		{"amd64/probe-static-pie", "probels:guarded", 0, true},
		{"amd64/probe-gold", "probels:guarded", 0, true},
		{"amd64/probe-noseparate", "probels:guarded", 0, true},
		{"amd64/probe-stripped", "probels:guarded", 0, true},
		{"amd64/probe-pinned", "probels:guarded", 0, true},
		{"amd64/sdt-stale", "probels:guarded", 0, true}, // note and semaphore are 0x10000 off in the notes
		{"amd64/probe-lld-nopie", "probels:guarded", 0, true},
		{"amd64/probe-lld", "probels:guarded", 0, false}, // the README of the test binaries says why
		{"i386/probe-pie", "probels:guarded", 0, true},
		{"i386/probe-nopie", "probels:guarded", 0, true},
	} {
		t.Run(tt.prog+"/"+tt.spec, func(t *testing.T) {
			t.Parallel()
			check := func(what string, withRef bool, want int, round func(t *testing.T, prog string, attach func(pid int))) {
				t.Run(what, func(t *testing.T) {
					c := newCounter(t)
					prog := program(t, tt.prog)
					l := one(t, target(t, prog), tt.spec)
					if l.RefCtrOffset == 0 {
						t.Fatal("no semaphore")
					}
					if !withRef {
						l.RefCtrOffset = 0
					}
					round(t, prog, func(pid int) { c.location(t, l, pid) })
					if got := c.count(t, 0); got != want {
						t.Errorf("%d hits at 0x%x with the semaphore at 0x%x; want %d", got, l.Offset, l.RefCtrOffset, want)
					}
				})
			}
			running := func(t *testing.T, prog string, attach func(int)) {
				s := start(t, prog)
				attach(s.pid())
				s.run(t)
			}
			later := func(t *testing.T, prog string, attach func(int)) {
				attach(0)
				run(t, prog)
			}
			check("running", true, rounds, running)
			check("running, no semaphore", false, tt.bound, running)
			check("later, no semaphore", false, tt.bound, later)
			if tt.late {
				check("later", true, rounds, later)
			}
		})
	}
}

// The kernel lowers the semaphore again when the probe is gone.
func TestSemaphoreLowered(t *testing.T) {
	prog := program(t, "amd64/probe-pie")
	s := start(t, prog)
	l := one(t, target(t, prog), "probels:guarded")
	gone := newCounter(t)
	gone.location(t, l, s.pid())
	s.run(t)
	gone.links[0].Close()
	c := newCounter(t)
	l.RefCtrOffset = 0
	c.location(t, l, s.pid())
	s.run(t)
	if was, is := gone.count(t, 0), c.count(t, 0); was != rounds || is != 0 {
		t.Errorf("%d hits with the semaphore up, %d when it was down again; want %d and 0", was, is, rounds)
	}
}
