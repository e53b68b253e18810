package livetest

import (
	"flag"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
)

// Most of the time goes by while the kernel waits until nobody is in a probe that is
// taken away: tests that share nothing wait together, more of them than there are
// processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		f.Value.Set("8")
	}
	os.Exit(m.Run())
}

// maxProbes is how many probes one counter has room for.
const maxProbes = 4096

// A counter is an eBPF program that counts, for each probe that it is attached to, how often it runs.
type counter struct {
	hits   *ebpf.Map
	single *ebpf.Program // for one place
	multi  *ebpf.Program // for many at once; nil if the kernel cannot (Linux 6.6 can)
	next   uint64
	links  []link.Link
}

// newCounter loads the program, or skips with what the system lacks. It is detached when the test ends.
func newCounter(t *testing.T) *counter {
	t.Helper()
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	c, err := loadCounter()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func loadCounter() (*counter, error) {
	c := &counter{}
	var err error
	if c.hits, err = ebpf.NewMap(&ebpf.MapSpec{Name: "hits", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: maxProbes}); err != nil {
		return nil, err
	}
	if c.single, err = c.load(ebpf.AttachNone); err == nil && features.HaveBPFLinkUprobeMulti() == nil {
		c.multi, err = c.load(ebpf.AttachTraceUprobeMulti)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// load makes the program:
//
//	hits[bpf_get_attach_cookie(ctx)]++
func (c *counter) load(as ebpf.AttachType) (*ebpf.Program, error) {
	return ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "count", Type: ebpf.Kprobe, AttachType: as, License: "GPL",
		Instructions: asm.Instructions{
			asm.FnGetAttachCookie.Call(),
			asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word),
			asm.LoadMapPtr(asm.R1, c.hits.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "end"),
			asm.Mov.Imm(asm.R1, 1),
			asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
			asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
			asm.Return(),
		},
	})
}

// lacking is what the system lacks for these tests, found by trying; "" if nothing.
var lacking = sync.OnceValue(func() string {
	if runtime.GOARCH != "amd64" {
		return "needs amd64, for which the test programs are"
	}
	if os.Geteuid() != 0 {
		return "needs root, to attach uprobes"
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return "needs to raise RLIMIT_MEMLOCK: " + err.Error()
	}
	c, err := loadCounter()
	if err != nil {
		return "needs eBPF with attach cookies (Linux 5.15): " + err.Error()
	}
	defer c.close()
	exe, err := os.Executable()
	if err != nil {
		return err.Error()
	}
	// Any offset will do to learn whether the kernel has uprobes.
	if _, err := c.attach(exe, 0x1000, 0, 0); err != nil {
		return "needs a kernel with uprobes: " + err.Error()
	}
	return ""
})

func (c *counter) close() {
	for _, l := range c.links {
		l.Close()
	}
	c.multi.Close()
	c.single.Close()
	c.hits.Close()
}

// attach puts a probe on one place; pid 0 is every process. The result is the probe's number.
func (c *counter) attach(path string, off, refCtr elfsym.Offset, pid int) (probe uint64, err error) {
	exe, err := link.OpenExecutable(path)
	if err != nil {
		return 0, err
	}
	// Address is a file offset in spite of its name.
	l, err := exe.Uprobe("", c.single, &link.UprobeOptions{Address: uint64(off), RefCtrOffset: uint64(refCtr), PID: pid, Cookie: c.next})
	if err != nil {
		return 0, err
	}
	c.links = append(c.links, l)
	c.next++
	return c.next - 1, nil
}

// location is attach for a Location.
func (c *counter) location(t *testing.T, l offset.Location, pid int) (probe uint64) {
	t.Helper()
	probe, err := c.attach(l.Path, l.Offset, l.RefCtrOffset, pid)
	if err != nil {
		t.Fatalf("%s at 0x%x of %s: %v", l.Name, l.Offset, l.Path, err)
	}
	return probe
}

// locations attaches to many places of one file, all at once if the kernel can: one after the other
// takes milliseconds each. The probes are numbered from first on.
func (c *counter) locations(t *testing.T, ls []offset.Location, pid int) (first uint64) {
	t.Helper()
	first = c.next
	if c.multi == nil {
		for _, l := range ls {
			c.location(t, l, pid)
		}
		return first
	}
	o := link.UprobeMultiOptions{PID: uint32(pid)}
	for i, l := range ls {
		if l.Path != ls[0].Path {
			t.Fatalf("%s and %s in one call", l.Path, ls[0].Path)
		}
		o.Addresses = append(o.Addresses, uint64(l.Offset))
		o.RefCtrOffsets = append(o.RefCtrOffsets, uint64(l.RefCtrOffset))
		o.Cookies = append(o.Cookies, first+uint64(i))
	}
	exe, err := link.OpenExecutable(ls[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	l, err := exe.UprobeMulti(nil, c.multi, &o)
	if err != nil {
		t.Fatalf("%d places of %s: %v", len(ls), ls[0].Path, err)
	}
	c.links = append(c.links, l)
	c.next += uint64(len(ls))
	c.readBack(t, l, ls)
	return first
}

// readBack asks the kernel, if it tells (Linux 6.8), which places it has.
func (c *counter) readBack(t *testing.T, l link.Link, ls []offset.Location) {
	t.Helper()
	info, err := l.Info()
	if err != nil || info.UprobeMulti() == nil {
		return
	}
	have, ok := info.UprobeMulti().Offsets()
	if !ok {
		return
	}
	if len(have) != len(ls) {
		t.Fatalf("the kernel has %d places of %d", len(have), len(ls))
	}
	for i, h := range have {
		if h.Offset != uint64(ls[i].Offset) || h.ReferenceCount != uint64(ls[i].RefCtrOffset) {
			t.Errorf("%s: the kernel has 0x%x and semaphore 0x%x, we gave 0x%x and 0x%x",
				ls[i].Name, h.Offset, h.ReferenceCount, ls[i].Offset, ls[i].RefCtrOffset)
		}
	}
}

// count is how often a probe was hit.
func (c *counter) count(t *testing.T, probe uint64) int {
	t.Helper()
	var n uint64
	if err := c.hits.Lookup(uint32(probe), &n); err != nil {
		t.Fatal(err)
	}
	return int(n)
}
