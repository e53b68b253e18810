package attach

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// A Config says how to attach; nil and the zero value mean every process, now and
// later, when it gets to the location.
type Config struct {
	// PID is the one process to attach to, 0 is all that map the file.
	PID int

	// Return runs the program when the function returns. GoReturn allows that in
	// Go code, where it crashes the program as soon as a stack moves.
	Return, GoReturn bool

	// Uncertain allows locations of functions that were found by their like in
	// another build, and of which that is not certain (offset.Match).
	Uncertain bool

	// Cookies has one cookie for each location. Where it is nil the cookie is the
	// location's index, and a place that several locations name (aliases) is
	// attached to once, with the index of the first.
	Cookies []uint64
}

// Probes is what Attach attached. It is safe for concurrent use.
type Probes struct {
	links  []link.Link
	places int
	multi  bool

	once sync.Once
	err  error
}

// Links are the links in the kernel: for each file one uprobe_multi link, or for
// each place one perf event. They stay the Probes'.
func (p *Probes) Links() []link.Link { return p.links }

// Places is how many places were attached to.
func (p *Probes) Places() int { return p.places }

// Multi reports whether they are uprobe_multi links.
func (p *Probes) Multi() bool { return p.multi }

// Close detaches all, lowers the semaphores and returns when the program runs no
// more. Calling it again does nothing and returns the same error.
func (p *Probes) Close() error {
	p.once.Do(func() { p.err = closeLinks(p.links) })
	return p.err
}

// closeLinks closes many at a time: each waits for the kernel's grace period.
func closeLinks(links []link.Link) error {
	errs := make([]error, len(links))
	slots := make(chan struct{}, 64)
	var wg sync.WaitGroup
	for i, l := range links {
		slots <- struct{}{}
		wg.Go(func() {
			errs[i] = l.Close()
			<-slots
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Attach attaches prog to all locations, of one file or several, or to none: where
// one fails, what was attached is closed again and the error, an *Error, names it.
// prog is of type ebpf.Kprobe; see ProgramType. It may be closed afterwards. With
// uprobe_multi all places of a file begin to fire at once, otherwise one after the
// other.
func Attach(prog *ebpf.Program, locs []offset.Location, c *Config) (*Probes, error) {
	if c == nil {
		c = &Config{}
	}
	if prog == nil {
		return nil, errors.New("attach: no program")
	}
	if prog.Type() != ebpf.Kprobe {
		return nil, fmt.Errorf("attach: a program of type %s, which must be %s", prog.Type(), ebpf.Kprobe)
	}
	if c.Cookies != nil && len(c.Cookies) != len(locs) {
		return nil, fmt.Errorf("attach: %d cookies for %d locations", len(c.Cookies), len(locs))
	}
	if c.PID < 0 || c.PID > math.MaxInt32 {
		return nil, fmt.Errorf("attach: no process has the number %d", c.PID)
	}
	if len(locs) == 0 {
		return nil, errors.New("attach: no locations")
	}
	multi, err := isMulti(prog)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", explain(err, c))
	}
	a := attacher{prog: prog, config: c, multi: multi, cookies: true}
	if err := haveCookies(); err != nil {
		if c.Cookies != nil {
			return nil, fmt.Errorf("attach: the kernel has no attach cookies: %w", err)
		}
		a.cookies = false
	}
	p := &Probes{multi: multi}
	for _, b := range group(locs, c.Cookies) {
		links, err := a.file(b)
		p.links = append(p.links, links...)
		p.places += len(b.places)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return p, nil
}

// A batch is the places of one file.
type batch struct {
	path   string
	places []place
}

type place struct {
	offset.Location
	cookie uint64
}

// group sorts locations into files, in the order in which they come.
func group(locs []offset.Location, cookies []uint64) []batch {
	type key struct {
		path     string
		off, ref elfsym.Offset
	}
	var out []batch
	byPath := map[string]int{}
	seen := make(map[key]bool, len(locs))
	for i, l := range locs {
		cookie := uint64(i)
		if cookies != nil {
			cookie = cookies[i]
		} else {
			k := key{l.Path, l.Offset, l.RefCtrOffset}
			if seen[k] {
				continue
			}
			seen[k] = true
		}
		n, ok := byPath[l.Path]
		if !ok {
			n = len(out)
			byPath[l.Path] = n
			out = append(out, batch{path: l.Path})
		}
		out[n].places = append(out[n].places, place{l, cookie})
	}
	return out
}

// An attacher attaches one program.
type attacher struct {
	prog    *ebpf.Program
	config  *Config
	multi   bool
	cookies bool // the kernel has them
}

// file attaches to the places of one file. The links are there with an error too.
func (a *attacher) file(b batch) ([]link.Link, error) {
	f, err := openFile(b.path)
	if err != nil {
		return nil, &Error{b.places[0].Location, err}
	}
	defer f.close() // the kernel holds the inode
	for i := range b.places {
		l := &b.places[i].Location
		err := f.check(l)
		if err == nil && l.Confidence != offset.NotMatched && l.Confidence < offset.Certain && !a.config.Uncertain {
			err = fmt.Errorf("%w: %s", ErrUncertain, l.Confidence)
		}
		if err == nil && a.config.Return {
			err = f.checkReturn(l, a.config)
		}
		if err != nil {
			return nil, &Error{*l, err}
		}
	}
	exe, err := link.OpenExecutable(f.path())
	if err != nil {
		return nil, &Error{b.places[0].Location, fmt.Errorf("needs /proc: %w", err)}
	}
	if a.multi {
		l, err := a.many(exe, b.places)
		if err != nil {
			bad, err := a.culprit(exe, b.places, err)
			return nil, &Error{bad.Location, explain(err, a.config)}
		}
		return []link.Link{l}, nil
	}
	links := make([]link.Link, 0, len(b.places))
	for _, p := range b.places {
		l, err := a.one(exe, p)
		if err != nil {
			return links, &Error{p.Location, explain(err, a.config)}
		}
		links = append(links, l)
	}
	return links, nil
}

// one attaches by a perf event.
func (a *attacher) one(exe *link.Executable, p place) (link.Link, error) {
	if p.RefCtrOffset > math.MaxUint32 {
		return nil, errors.New("the semaphore is beyond the 4 GB that a perf event can name: needs uprobe_multi (Linux 6.6)")
	}
	o := Options(p.Location)
	o.PID = a.config.PID
	if a.cookies {
		o.Cookie = p.cookie
	}
	if a.config.Return {
		return exe.Uretprobe("", a.prog, o)
	}
	return exe.Uprobe("", a.prog, o)
}

// many attaches by a uprobe_multi link.
func (a *attacher) many(exe *link.Executable, places []place) (link.Link, error) {
	locs := make([]offset.Location, len(places))
	for i, p := range places {
		locs[i] = p.Location
	}
	o := Multi(locs)
	for i, p := range places {
		o.Cookies[i] = p.cookie
	}
	o.PID = uint32(a.config.PID)
	if a.config.Return {
		return exe.UretprobeMulti(nil, a.prog, o)
	}
	return exe.UprobeMulti(nil, a.prog, o)
}

// culprit finds the first place for which many fails, since the kernel does not say
// which it was, by attaching to half of them at a time. If it is in no half, what
// failed has to do with all of them, and the first stands for them.
func (a *attacher) culprit(exe *link.Executable, places []place, why error) (place, error) {
	fails := func(part []place) error {
		l, err := a.many(exe, part)
		if err == nil {
			err = l.Close()
		}
		return err
	}
	rest := places
	for len(rest) > 1 {
		half := len(rest) / 2
		if err := fails(rest[:half]); err != nil {
			rest, why = rest[:half], err
		} else if err := fails(rest[half:]); err != nil {
			rest, why = rest[half:], err
		} else {
			return places[0], fmt.Errorf("%d places together: %w", len(places), why)
		}
	}
	return rest[0], why
}
