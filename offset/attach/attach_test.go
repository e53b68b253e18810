package attach_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach"
)

func mustAttach(t testing.TB, c *counter, locs []offset.Location, cfg *attach.Config) *attach.Probes {
	t.Helper()
	p, err := attach.Attach(c.prog, locs, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// Entries, all sites of a probe, two files in one call, and cookies by index.
func TestAttach(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		probe, static := program(t, "amd64/probe-pie"), program(t, "amd64/probe-static-pie")
		locs := resolve(t, probe, "traced", "probels:inlined", "recursive")
		locs = append(locs, resolve(t, static, "aliased", "probels:guarded")...)
		p := mustAttach(t, c, locs, nil)
		if p.Places() != 7 || p.Multi() != (len(p.Links()) == 2) {
			t.Errorf("%d places by %d links, multi %v", p.Places(), len(p.Links()), p.Multi())
		}
		run(t, probe)
		run(t, static)
		want := []int{rounds, rounds, rounds, rounds, 4 * rounds, 3 * rounds, rounds}
		c.want(t, "attached", want...)
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		run(t, probe)
		run(t, static)
		c.want(t, "closed", make([]int, len(want))...)
		if err := p.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestReturn(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		prog := program(t, "amd64/probe-nopie")
		mustAttach(t, c, resolve(t, prog, "traced", "recursive"), &attach.Config{Return: true})
		run(t, prog)
		c.want(t, "returns", rounds, 4*rounds)
	})
}

// Aliases are one place, unless each has a cookie of its own.
func TestAliases(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		prog := program(t, "amd64/probe-pie")
		locs := resolve(t, prog, "aliased", "alias_weak", "traced")
		p := mustAttach(t, c, locs, nil)
		run(t, prog)
		c.want(t, "aliases", 3*rounds, 0, rounds)
		p.Close()
		mustAttach(t, c, locs, &attach.Config{Cookies: []uint64{3, 1, 2}})
		run(t, prog)
		c.want(t, "cookies", 0, 3*rounds, rounds, 3*rounds)
	})
}

// One process of two that run the same file, its semaphore raised and lowered again.
func TestPID(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		prog := program(t, "amd64/probe-pie")
		a, b := start(t, prog), start(t, prog)
		locs := resolve(t, prog, "traced", "probels:guarded")
		p := mustAttach(t, c, locs, &attach.Config{PID: a.pid()})
		a.run(t)
		c.want(t, "the process", rounds, rounds)
		b.run(t)
		c.want(t, "another process", 0, 0)
		p.Close()
		if n := breakpoints(t, a.pid(), prog, locs); n != 0 {
			t.Errorf("%d breakpoints are left", n)
		}
		bare := locs[1:]
		bare[0].Semaphore, bare[0].RefCtrOffset = 0, 0
		mustAttach(t, c, bare, &attach.Config{PID: a.pid()})
		a.run(t)
		c.want(t, "without the semaphore", 0)

		_, err := attach.Attach(c.prog, locs, &attach.Config{PID: 1<<22 + 1})
		if err == nil || !strings.Contains(err.Error(), "no process 4194305") {
			t.Errorf("a process that is not there: %v", err)
		}
	})
}

// What the kernel was told can be read back.
func TestReadBack(t *testing.T) {
	prog := program(t, "amd64/probe-pie")
	locs := resolve(t, prog, "traced", "probels:guarded")
	c := newCounter(t, ebpf.AttachTraceUprobeMulti)
	p := mustAttach(t, c, locs, &attach.Config{Cookies: []uint64{40, 41}})
	info, err := p.Links()[0].Info()
	if err != nil {
		t.Fatal(err)
	}
	multi := info.UprobeMulti()
	if multi == nil || multi.File != prog || multi.Count != 2 {
		t.Fatalf("%+v", multi)
	}
	offs, ok := multi.Offsets()
	if !ok {
		t.Skip("this kernel does not tell")
	}
	for i, o := range offs {
		if o.Offset != uint64(locs[i].Offset) || o.ReferenceCount != uint64(locs[i].RefCtrOffset) || o.Cookie != uint64(40+i) {
			t.Errorf("%d: %+v, want %+v", i, o, locs[i])
		}
	}
}

// Where one location fails nothing stays, and the error says which one.
func TestPartialFailure(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		first, second := program(t, "amd64/probe-pie"), program(t, "amd64/probe-O0")
		a, b := start(t, first), start(t, second)
		locs := resolve(t, first, "traced", "recursive")
		good := len(locs)
		locs = append(locs, resolve(t, second, "traced", "recursive", "exits", "aliased")...)
		// Within "sub $8,%rsp" is an "in" from a port, which the kernel refuses in a process that runs.
		file := testbin.Read(t, "amd64/probe-O0")
		at := bytes.Index(file, []byte{0x48, 0x83, 0xec})
		if at < 0 {
			t.Fatal("no function has a stack")
		}
		locs = slices.Insert(locs, good+2, offset.Location{Path: second, Offset: elfsym.Offset(at + 2)})
		_, err := attach.Attach(c.prog, locs, nil)
		var bad *attach.Error
		if !errors.As(err, &bad) || bad.Location != locs[good+2] || !strings.Contains(err.Error(), "cannot probe the instruction") {
			t.Errorf("the error is %v", err)
		}
		if n := breakpoints(t, a.pid(), first, locs[:good]) + breakpoints(t, b.pid(), second, locs[good:]); n != 0 {
			t.Errorf("%d breakpoints are left", n)
		}
		a.run(t)
		b.run(t)
		c.want(t, "nothing attached", make([]int, len(locs))...)
		p := mustAttach(t, c, slices.Delete(locs, good+2, good+3), nil)
		if n := breakpoints(t, a.pid(), first, locs[:good]); n != good {
			t.Errorf("%d breakpoints in a running process, want %d", n, good)
		}
		p.Close()
	})
}

// Another build in the file's place is refused, as are places that are no code.
func TestRefused(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		prog := program(t, "amd64/probe-pie")
		locs := resolve(t, prog, "traced", "probels:guarded")
		other := program(t, "amd64/probe-O0")
		change := func(f func(l *offset.Location)) []offset.Location {
			out := append([]offset.Location{}, locs...)
			f(&out[1])
			return out
		}
		for what, tt := range map[string]struct {
			locs []offset.Location
			cfg  *attach.Config
			is   error
			text string
		}{
			"another build":         {locs: change(func(l *offset.Location) { l.Path = other }), is: attach.ErrOtherBuild, text: "build-id"},
			"another, no build-id":  {locs: change(func(l *offset.Location) { l.Path, l.BuildID = other, "" }), is: attach.ErrOtherBuild},
			"another offset":        {locs: change(func(l *offset.Location) { l.Offset++ }), is: attach.ErrOtherBuild},
			"another semaphore":     {locs: change(func(l *offset.Location) { l.RefCtrOffset += 2 }), is: attach.ErrOtherBuild},
			"odd semaphore":         {locs: change(func(l *offset.Location) { l.Semaphore, l.RefCtrOffset = 0, 0x4001 }), text: "odd offset"},
			"the file's header":     {locs: change(func(l *offset.Location) { l.Addr, l.Offset = 0, 0 }), text: "guarded at 0x0"},
			"no such file":          {locs: change(func(l *offset.Location) { l.Path += "x" }), is: os.ErrNotExist},
			"a directory":           {locs: change(func(l *offset.Location) { l.Path = filepath.Dir(prog) }), text: "regular"},
			"a site has no return":  {locs: locs, cfg: &attach.Config{Return: true}, is: attach.ErrReturn},
			"no location":           {text: "no locations"},
			"too few cookies":       {locs: locs, cfg: &attach.Config{Cookies: []uint64{1}}, text: "1 cookies for 2"},
			"a negative process":    {locs: locs, cfg: &attach.Config{PID: -1}, text: "no process"},
			"where it starts":       {locs: resolve(t, prog, "_start"), cfg: &attach.Config{Return: true}, is: attach.ErrReturn},
			"middle of a function":  {locs: resolve(t, prog, "traced+4"), cfg: &attach.Config{Return: true}, is: attach.ErrReturn},
			"a script in its place": {locs: change(func(l *offset.Location) { l.Path = "/proc/self/status" }), text: "/proc/self/status"},
		} {
			p, err := attach.Attach(c.prog, tt.locs, tt.cfg)
			if err == nil {
				p.Close()
				t.Errorf("%s: attached", what)
				continue
			}
			if tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
	if _, err := attach.Attach(nil, nil, nil); err == nil {
		t.Error("attached no program")
	}
}

// A location that only says file and offset is enough if there is code.
func TestBareOffset(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		prog := program(t, "amd64/probe-pie")
		l := resolve(t, prog, "traced")[0]
		mustAttach(t, c, []offset.Location{{Path: prog, Offset: l.Offset}}, nil)
		run(t, prog)
		c.want(t, "bare", rounds)
	})
}

// Paths that exist in no directory here: of a deleted file, and of a mapping.
func TestDescriptors(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		prog := program(t, "amd64/probe-pie")
		s := start(t, prog)
		locs := resolve(t, prog, "traced", "probels:guarded")
		if err := os.Remove(prog); err != nil {
			t.Fatal(err)
		}
		for i := range locs {
			locs[i].Path = fmt.Sprintf("/proc/%d/exe", s.pid())
		}
		p := mustAttach(t, c, locs, nil)
		s.run(t)
		c.want(t, "a deleted file", rounds, rounds)
		p.Close()

		maps, err := os.ReadDir(fmt.Sprintf("/proc/%d/map_files", s.pid()))
		if err != nil || len(maps) == 0 {
			t.Fatal(err)
		}
		for i := range locs {
			locs[i].Path = fmt.Sprintf("/proc/%d/map_files/%s", s.pid(), maps[0].Name())
		}
		mustAttach(t, c, locs, nil)
		s.run(t)
		c.want(t, "a mapping", rounds, rounds)
	})
}

// A file that only a process in another mount namespace sees.
func TestMountNamespace(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		prog := program(t, "amd64/probe-static-pie")
		dir := t.TempDir()
		cmd := exec.Command("/bin/sh", "-ec", `mount -t tmpfs none "$1"; cp "$2" "$1/prog"; echo ready; read line; "$1/prog" 7 || test $? = 7; echo done; read line`, "sh", dir, prog)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
		s := &session{cmd: cmd}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		s.in, s.out = in, newReader(out)
		if err := cmd.Start(); err != nil {
			skip.Nowf(t, "needs mount namespaces: %v", err)
		}
		defer cmd.Wait()
		defer in.Close()
		s.expect(t, "ready\n")
		inner := filepath.Join(dir, "prog")
		if _, err := os.Stat(inner); err == nil {
			t.Fatal("the mount is visible here")
		}
		path := fmt.Sprintf("/proc/%d/root%s", cmd.Process.Pid, inner)
		f, err := elfsym.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		tgt, err := offset.New(f, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tgt.Close()
		res, err := tgt.Resolve(t.Context(), offset.Func("traced"), offset.USDT("probels", "guarded"))
		if err != nil {
			t.Fatal(err)
		}
		locs := append(res[0].Locations, res[1].Locations...)
		mustAttach(t, c, locs, nil)
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		s.expect(t, "done\n")
		c.want(t, "in a mount namespace", rounds, rounds)
	})
}

const goProgram = `package main

//go:noinline
func traced(n int) int { return n + 1 }

func main() {
	n := 0
	for range 7 {
		n = traced(n)
	}
	if n != 7 {
		panic(n)
	}
}
`

// Return probes in Go code are refused; entries are not.
func TestGo(t *testing.T) {
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	dir := t.TempDir()
	src, prog := filepath.Join(dir, "main.go"), filepath.Join(dir, "prog")
	if err := os.WriteFile(src, []byte(goProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(skip.Tool(t, "go"), "build", "-o", prog, src).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	both(t, func(t *testing.T, c *counter) {
		locs := resolve(t, prog, "main.traced")
		_, err := attach.Attach(c.prog, locs, &attach.Config{Return: true})
		var e *attach.Error
		if !errors.Is(err, attach.ErrGoReturn) || !errors.As(err, &e) || e.Location.Name != "main.traced" {
			t.Errorf("a return probe: %v", err)
		}
		p := mustAttach(t, c, locs, nil)
		if err := exec.Command(prog).Run(); err != nil {
			t.Fatal(err)
		}
		c.want(t, "entries", rounds)
		p.Close()
		// This one moves no stack while the function runs, and lives.
		mustAttach(t, c, locs, &attach.Config{Return: true, GoReturn: true})
		if err := exec.Command(prog).Run(); err != nil {
			t.Fatal(err)
		}
		c.want(t, "forced", rounds)
	})
}

func TestOptions(t *testing.T) {
	locs := []offset.Location{{Offset: 0x10}, {Offset: 0x20, RefCtrOffset: 0x30}}
	if o := attach.Options(locs[1]); *o != (link.UprobeOptions{Address: 0x20, RefCtrOffset: 0x30}) {
		t.Errorf("Options: %+v", o)
	}
	if got := fmt.Sprintf("%+v", *attach.Multi(locs)); got != "{Addresses:[16 32] Offsets:[] RefCtrOffsets:[0 48] Cookies:[0 1] PID:0}" {
		t.Errorf("Multi: %s", got)
	}
	if o := attach.Multi(locs[:1]); o.RefCtrOffsets != nil {
		t.Errorf("Multi without semaphores: %+v", o)
	}
}

func TestProgramType(t *testing.T) {
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	c := newCounter(t, attach.ProgramType())
	prog := program(t, "amd64/probe-pie")
	p := mustAttach(t, c, resolve(t, prog, "traced"), nil)
	if p.Multi() != (attach.ProgramType() == ebpf.AttachTraceUprobeMulti) {
		t.Errorf("ProgramType is %v, and multi %v", attach.ProgramType(), p.Multi())
	}
	run(t, prog)
	c.want(t, "hits", rounds)
}

// A thousand functions of a big program at once.
func BenchmarkAttach1000(b *testing.B) {
	c := newCounter(b, ebpf.AttachTraceUprobeMulti)
	locs := thousand(b)
	for b.Loop() {
		p, err := attach.Attach(c.prog, locs, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		p.Close()
		b.StartTimer()
	}
}

// thousand is as many functions of the system's Python, or whatever is there.
func thousand(b *testing.B) []offset.Location {
	tgt, err := offset.Open("/usr/bin/python3", nil)
	if err != nil {
		skip.Nowf(b, "needs /usr/bin/python3: %v", err)
	}
	defer tgt.Close()
	var locs []offset.Location
	for p, err := range tgt.Probes(b.Context(), offset.Query{Kinds: offset.KindFunc, Match: []string{"Py*"}}) {
		if err != nil {
			b.Fatal(err)
		}
		if l, err := p.Location(); err == nil && len(locs) < 1000 {
			locs = append(locs, l)
		}
	}
	return locs
}

// Functions that only DWARF names are hit as often as by their symbols.
func TestDWARFNames(t *testing.T) {
	both(t, func(t *testing.T, c *counter) {
		named := program(t, "amd64/probe-pie")
		b, err := os.ReadFile(named)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range f.Sections {
			if s.Type == elf.SHT_SYMTAB {
				binary.LittleEndian.PutUint32(b[binary.LittleEndian.Uint64(b[0x28:])+uint64(i)*64+4:], uint32(elf.SHT_PROGBITS))
			}
		}
		nameless := filepath.Join(t.TempDir(), "nameless")
		if err := os.WriteFile(nameless, b, 0o755); err != nil {
			t.Fatal(err)
		}
		specs := []string{"a.c:helper", "b.c:helper", "call_helper_a", "traced"}
		locs := resolve(t, nameless, specs...)
		for _, l := range locs {
			if l.Sources != elfsym.DWARF {
				t.Errorf("%s is of %v", l.Name, l.Sources)
			}
		}
		locs = append(locs, resolve(t, named, specs...)...)
		mustAttach(t, c, locs, nil)
		run(t, nameless)
		run(t, named)
		for i := range specs {
			if got, want := c.count(t, i), c.count(t, i+len(specs)); got != want || got == 0 || len(locs) != 2*len(specs) {
				t.Errorf("%s: %d hits, by its symbol %d; %d places", specs[i], got, want, len(locs))
			}
		}
	})
}
