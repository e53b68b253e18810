package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach"
)

// A Config says how to capture; nil and the zero value are every process and a buffer of
// 4 MB.
type Config struct {
	// PID is the one process whose events are wanted, 0 is all of them.
	PID int

	// Buffer is the size of the ring buffer in bytes, made a power of two that is no
	// less than a page.
	Buffer int

	// Stacks is how many different stacks are kept, if some are wanted; 0 is 16,384.
	Stacks int
}

const (
	defaultBuffer = 4 << 20
	maxBuffer     = 1 << 30
	defaultStacks = 16384
	maxStacks     = 1 << 20
	keptThreads   = 1 << 15
)

// A Capture is probes that are attached, and their events. Close it. Its methods may be
// called by several, but for the sequences of Events, of which one can run at a time.
type Capture struct {
	sites  []Site
	bad    [][]error // of each value of each site, why it is never there
	maps   maps
	reader *ringbuf.Reader
	ends   []func() error // what is attached
	places int

	once sync.Once
	err  error
}

// New attaches to all sites, or to none: the error then says which one it was, or what
// the kernel lacks.
func New(sites []Site, c *Config) (*Capture, error) {
	if c == nil {
		c = &Config{}
	}
	if len(sites) == 0 {
		return nil, errors.New("capture: no sites")
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("capture: raising RLIMIT_MEMLOCK: %w", err)
	}
	if err := supported(); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	p := &Capture{sites: sites, bad: make([][]error, len(sites))}
	if err := p.open(c); err != nil {
		return nil, errors.Join(fmt.Errorf("capture: %w", err), p.Close())
	}
	return p, nil
}

func (p *Capture) open(c *Config) error {
	size := c.Buffer
	if size == 0 {
		size = defaultBuffer
	}
	if size < 0 || size > maxBuffer || c.Stacks < 0 || c.Stacks > maxStacks {
		return fmt.Errorf("a buffer of %d bytes and %d stacks: at most %d and %d", size, c.Stacks, maxBuffer, maxStacks)
	}
	size = 1 << bits.Len(uint(max(size, os.Getpagesize())-1))
	for i := range p.sites {
		n, err := p.sites[i].size()
		if err == nil && n > size/4 {
			err = fmt.Errorf("an event of %d bytes is too large for a buffer of %d", n, size)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name(i), err)
		}
	}
	if err := p.newMaps(size, c.Stacks); err != nil {
		return err
	}
	ns, err := ownPIDs()
	if err != nil {
		return err
	}
	groups, err := p.group(ns, c.PID)
	if err != nil {
		return err
	}
	if p.reader, err = ringbuf.NewReader(p.maps.ring); err != nil {
		return err
	}
	for _, g := range groups {
		if err := p.attach(g, c.PID); err != nil {
			return err
		}
	}
	return nil
}

func (p *Capture) newMaps(size, stacks int) (err error) {
	wantStacks, keep := false, false
	for i := range p.sites {
		keep = keep || p.sites[i].Keep.fetch != nil
		for _, v := range p.sites[i].Want {
			wantStacks = wantStacks || v.kind == stack
		}
	}
	kept := uint32(1)
	if keep {
		kept = keptThreads
	}
	if !wantStacks {
		stacks = 1
	} else if stacks == 0 {
		stacks = defaultStacks
	}
	for _, m := range []struct {
		to   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&p.maps.ring, ebpf.MapSpec{Name: "capture_ring", Type: ebpf.RingBuf, MaxEntries: uint32(size)}},
		{&p.maps.lost, ebpf.MapSpec{Name: "capture_lost", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
		{&p.maps.kept, ebpf.MapSpec{Name: "capture_kept", Type: ebpf.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: kept}},
		{&p.maps.stacks, ebpf.MapSpec{Name: "capture_stacks", Type: ebpf.StackTrace, KeySize: 4, ValueSize: 8 * maxFrames, MaxEntries: uint32(stacks)}},
	} {
		if *m.to, err = ebpf.NewMap(&m.spec); err != nil {
			return fmt.Errorf("map %s: %w", m.spec.Name, err)
		}
	}
	return nil
}

// A group is the sites of one program.
type group struct {
	ins   asm.Instructions
	sleep bool
	sites []int
}

// group makes the programs, one for all sites that have the same.
func (p *Capture) group(ns *pidNamespace, pid int) ([]*group, error) {
	cookies := haveCookies()
	var out []*group
	byKey := map[string]*group{}
	for i := range p.sites {
		s := &p.sites[i]
		index, tgid := -1, 0
		if s.Tracepoint != "" || !cookies {
			index = i
		}
		if s.Tracepoint != "" {
			tgid = pid // a uprobe is in the one process only
		}
		b := builder{maps: &p.maps, ns: ns, sleep: s.mayWait()}
		ins, bad, err := b.program(s, index, tgid)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name(i), err)
		}
		p.bad[i] = bad
		key := key(ins, s.Return, b.sleep)
		g := byKey[key]
		if g == nil {
			g = &group{ins: ins, sleep: b.sleep}
			byKey[key] = g
			out = append(out, g)
		}
		g.sites = append(g.sites, i)
	}
	return out, nil
}

// key tells programs apart.
func key(ins asm.Instructions, ret, sleep bool) string {
	b := fmt.Appendf(nil, "%t %t ", ret, sleep)
	for i := range ins {
		n := &ins[i]
		b = binary.NativeEndian.AppendUint16(b, uint16(n.OpCode))
		b = append(b, byte(n.Dst), byte(n.Src))
		b = binary.NativeEndian.AppendUint16(b, uint16(n.Offset))
		b = binary.NativeEndian.AppendUint64(b, uint64(n.Constant))
		b = append(append(b, n.Reference()...), 0)
		b = append(append(b, n.Symbol()...), 0)
	}
	return string(b)
}

func (p *Capture) attach(g *group, pid int) error {
	first := &p.sites[g.sites[0]]
	spec := ebpf.ProgramSpec{Name: "capture", Type: ebpf.Kprobe, AttachType: attach.ProgramType(), License: "GPL", Instructions: g.ins}
	if first.Tracepoint != "" {
		spec.Type, spec.AttachType = ebpf.TracePoint, ebpf.AttachNone
	}
	if g.sleep {
		spec.Flags = unix.BPF_F_SLEEPABLE
	}
	prog, err := ebpf.NewProgram(&spec)
	if err != nil {
		return fmt.Errorf("%s: loading the program: %w", p.name(g.sites[0]), err)
	}
	defer prog.Close()
	if first.Tracepoint != "" {
		events, name, _ := strings.Cut(first.Tracepoint, "/")
		l, err := link.Tracepoint(events, name, prog, nil)
		if err != nil {
			return fmt.Errorf("tracepoint %s: %w", first.Tracepoint, err)
		}
		p.ends = append(p.ends, l.Close)
		p.places++
		return nil
	}
	locs := make([]offset.Location, len(g.sites))
	config := attach.Config{PID: pid, Return: first.Return}
	for i, n := range g.sites {
		locs[i] = p.sites[n].Location
		config.Cookies = append(config.Cookies, uint64(n))
	}
	if !haveCookies() {
		config.Cookies = nil
	}
	probes, err := attach.Attach(prog, locs, &config)
	if err != nil {
		return err
	}
	p.ends = append(p.ends, probes.Close)
	p.places += probes.Places()
	return nil
}

// name is a site's, for errors.
func (p *Capture) name(i int) string {
	s := &p.sites[i]
	switch {
	case s.Tracepoint != "":
		return "tracepoint " + s.Tracepoint
	case s.Location.Provider != "":
		return s.Location.Provider + ":" + s.Location.Name
	case s.Location.Name != "":
		return s.Location.Name
	}
	return fmt.Sprintf("%s+0x%x", s.Location.Path, uint64(s.Location.Offset))
}

// Sites are the sites as they were given: Event.Site is an index.
func (p *Capture) Sites() []Site { return p.sites }

// Places is how many places were attached to.
func (p *Capture) Places() int { return p.places }

// Lost is how many events did not fit into the ring buffer so far.
func (p *Capture) Lost() (uint64, error) {
	var n uint64
	err := p.maps.lost.Lookup(uint32(0), &n)
	return n, err
}

// Detach takes the probes off and returns when no program runs any more. The events
// that are in the buffer can still be read.
func (p *Capture) Detach() error {
	p.once.Do(func() {
		errs := make([]error, len(p.ends))
		var wg sync.WaitGroup
		for i, end := range p.ends {
			wg.Go(func() { errs[i] = end() })
		}
		wg.Wait()
		p.err = errors.Join(errs...)
	})
	return p.err
}

// Close detaches and frees everything; a sequence of Events ends.
func (p *Capture) Close() error {
	err := p.Detach()
	if p.reader != nil {
		p.reader.Close()
	}
	for _, m := range []*ebpf.Map{p.maps.ring, p.maps.lost, p.maps.kept, p.maps.stacks} {
		if m != nil {
			m.Close()
		}
	}
	return err
}
