package attach_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

const rounds = 7

// A counter is a program that counts its hits by cookie: hits[bpf_get_attach_cookie(ctx)]++
type counter struct {
	prog *ebpf.Program
	hits *ebpf.Map
}

const slots = 4096

func newCounter(t testing.TB, as ebpf.AttachType) *counter {
	t.Helper()
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	c, err := loadCounter(as)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func loadCounter(as ebpf.AttachType) (*counter, error) {
	hits, err := ebpf.NewMap(&ebpf.MapSpec{Name: "hits", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: slots})
	if err != nil {
		return nil, err
	}
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "count", Type: ebpf.Kprobe, AttachType: as, License: "GPL",
		Instructions: asm.Instructions{
			asm.FnGetAttachCookie.Call(),
			asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word),
			asm.LoadMapPtr(asm.R1, hits.FD()),
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
	if err != nil {
		hits.Close()
		return nil, err
	}
	return &counter{prog, hits}, nil
}

func (c *counter) close() {
	c.prog.Close()
	c.hits.Close()
}

// count is how often the probe with the cookie was hit, and forgets it.
func (c *counter) count(t testing.TB, cookie int) int {
	t.Helper()
	b, err := c.hits.LookupBytes(uint32(cookie))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.hits.Put(uint32(cookie), uint64(0)); err != nil {
		t.Fatal(err)
	}
	return int(binary.NativeEndian.Uint64(b))
}

func (c *counter) want(t *testing.T, what string, want ...int) {
	t.Helper()
	for i, w := range want {
		if got := c.count(t, i); got != w {
			t.Errorf("%s: %d hits with cookie %d, want %d", what, got, i, w)
		}
	}
}

var lacking = sync.OnceValue(func() string {
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		return "needs linux/amd64, for which the test programs are"
	}
	if os.Geteuid() != 0 {
		return "needs root, to attach uprobes"
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return "needs to raise RLIMIT_MEMLOCK: " + err.Error()
	}
	c, err := loadCounter(ebpf.AttachTraceUprobeMulti)
	if err != nil {
		return "needs eBPF with uprobe_multi (Linux 6.6): " + err.Error()
	}
	c.close()
	return ""
})

// both runs a test with both kinds of program.
func both(t *testing.T, f func(t *testing.T, c *counter)) {
	for name, as := range map[string]ebpf.AttachType{"multi": ebpf.AttachTraceUprobeMulti, "perf": ebpf.AttachNone} {
		t.Run(name, func(t *testing.T) { f(t, newCounter(t, as)) })
	}
}

func resolve(t testing.TB, path string, specs ...string) []offset.Location {
	t.Helper()
	tgt, err := offset.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tgt.Close()
	var locs []offset.Location
	for _, text := range specs {
		s, err := offset.ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		res, err := tgt.Resolve(t.Context(), s)
		if err != nil || res[0].Err != nil {
			t.Fatal(err, res[0].Err)
		}
		locs = append(locs, res[0].Locations...)
	}
	return locs
}

// run runs a test program for some rounds, from its start to its end.
func run(t testing.TB, prog string) {
	t.Helper()
	cmd := exec.Command(prog, fmt.Sprint(rounds))
	if cmd.Run(); cmd.ProcessState.ExitCode() != rounds {
		t.Fatalf("%s ended with %v", prog, cmd.ProcessState)
	}
}

// A session is a test program that waits between its rounds.
type session struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t testing.TB, prog string) *session {
	t.Helper()
	s := &session{cmd: exec.Command(prog, fmt.Sprint(rounds), "w")}
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in, s.out = in, bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.in.Close()
		s.cmd.Wait()
	})
	s.expect(t, "ready\n")
	return s
}

func (s *session) expect(t testing.TB, want string) {
	t.Helper()
	if line, err := s.out.ReadString('\n'); line != want {
		t.Fatalf("%s wrote %q (%v), not %q", s.cmd.Path, line, err, want)
	}
}

func (s *session) run(t testing.TB) {
	t.Helper()
	if _, err := s.in.Write([]byte{'x'}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, "done\n")
}

func (s *session) pid() int { return s.cmd.Process.Pid }

// program is a copy of a test program.
func program(t testing.TB, name string, more ...string) string {
	t.Helper()
	prog := testbin.Exec(t, name, more...)
	if err := exec.Command(prog, "0").Run(); err != nil {
		skip.Nowf(t, "this system does not run %s: %v", name, err)
	}
	return prog
}

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// breakpoints is how many uprobes the kernel has in a file that a process maps: the bytes that
// differ from the file's.
func breakpoints(t testing.TB, pid int, prog string, locs []offset.Location) int {
	t.Helper()
	file, err := os.ReadFile(prog)
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, line := range strings.Split(string(maps), "\n") {
		var from, to, off int64
		var perm string
		if _, err := fmt.Sscanf(line, "%x-%x %s %x", &from, &to, &perm, &off); err != nil || perm[2] != 'x' || !strings.HasSuffix(line, prog) {
			continue
		}
		for _, l := range locs {
			if o := int64(l.Offset); o >= off && o < off+to-from {
				var b [1]byte
				if _, err := mem.ReadAt(b[:], from+o-off); err != nil {
					t.Fatal(err)
				}
				if b[0] != file[o] {
					n++
				}
			}
		}
	}
	return n
}
