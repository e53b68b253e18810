package livetest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
)

// Probes on the exits of Go functions count their calls exactly while goroutines grow their stacks, which is
// what a uretprobe crashes of.
func TestGoExits(t *testing.T) {
	for _, arch := range []string{"amd64", "386"} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			dir := t.TempDir()
			for name, text := range map[string]string{"go.mod": "module prog\n\ngo 1.22\n", "main.go": goTraced, "read.go": goRead} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			prog := filepath.Join(dir, "prog")
			cmd := exec.Command(skip.Tool(t, "go"), "build", "-buildvcs=false", "-o", prog, "-ldflags=-s -w")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			want := map[string]int{"main.(*T).Method": 1000, "main.deep": 5010, "main.main.func1": 10,
				"main.generic[go.shape.string]": 1000, "main.generic[go.shape.int]": 1000}
			tgt := target(t, prog)
			var ls []offset.Location
			for name := range want {
				l := one(t, tgt, name)
				if tgt.UretprobeWarning(l) == "" {
					t.Errorf("%s: no warning of uretprobes", name)
				}
				ls = append(ls, l)
			}
			exits, err := tgt.Exits(t.Context(), ls...)
			if err != nil {
				t.Fatal(err)
			}
			s := exec.Command(prog)
			in, _ := s.StdinPipe()
			out, _ := s.StderrPipe() // println writes there
			if err := s.Start(); err != nil {
				skip.Nowf(t, "this system does not run it: %v", err)
			}
			defer s.Wait()
			defer in.Close()
			buf := make([]byte, 100)
			if n, err := out.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("ready")) {
				t.Fatalf("%q, %v", buf[:n], err)
			}
			probes := map[string][]uint64{}
			for _, e := range exits {
				if !e.Complete() || len(e.Exits) == 0 {
					t.Errorf("%s: %+v", e.Func.Name, e)
				}
				for _, l := range e.Locations() {
					if err := tgt.Check(l); err != nil {
						t.Error(err)
					}
					probes[e.Func.Name] = append(probes[e.Func.Name], c.location(t, l, s.Process.Pid))
				}
			}
			if _, err := in.Write([]byte("\n")); err != nil {
				t.Fatal(err)
			}
			if n, err := out.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("done")) {
				t.Fatalf("%q, %v", buf[:n], err)
			}
			for name, want := range want {
				exits := func() (n int) {
					for _, p := range probes[name] {
						n += c.count(t, p)
					}
					return n
				}
				got := exits()
				// The last goroutine sends its sum, and returns only then.
				for end := time.Now().Add(5 * time.Second); got < want && time.Now().Before(end); got = exits() {
					time.Sleep(time.Millisecond)
				}
				if got != want {
					t.Errorf("%s: %d exits, %d calls", name, got, want)
				}
			}
		})
	}
}

// Of every function of the test program that is complete, exits are hit as often as the function is called.
func TestExits(t *testing.T) {
	for _, name := range []string{"amd64/probe-pie", "amd64/probe-clang", "amd64/probe-O0", "i386/probe-pie"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			prog := program(t, name)
			tgt := target(t, prog)
			var ls []offset.Location
			for _, p := range list(t, tgt, offset.Query{Kinds: offset.KindFunc}) {
				l, err := p.Location()
				if err != nil {
					t.Fatal(err)
				}
				ls = append(ls, l)
			}
			found, err := tgt.Exits(t.Context(), ls...)
			if err != nil {
				t.Fatal(err)
			}
			s := start(t, prog)
			probes := make([]int, len(found)) // of each function the first
			var all []offset.Location
			compared := 0
			for i, e := range found {
				if e.Err != nil {
					t.Errorf("%s: %v", e.Func.Name, e.Err)
				}
				probes[i] = len(all)
				all = append(all, e.Locations()...)
			}
			first := c.locations(t, all, s.pid())
			s.run(t)
			for i, e := range found {
				want, special := calls[e.Func.Name]
				if !special {
					want = rounds
				}
				conditional := false
				got := 0
				for k, x := range e.Exits {
					conditional = conditional || x.Conditional
					got += c.count(t, first+uint64(probes[i]+k))
				}
				if !e.Complete() || e.SizeInferred || conditional || len(e.Exits) == 0 || !counted(e.Func.Name) || want == 0 {
					continue
				}
				compared++
				if got != want {
					t.Errorf("%s: %d exits, %d calls: %+v", e.Func.Name, got, want, e.Exits)
				}
			}
			if compared < 25 {
				t.Errorf("only %d functions compared", compared)
			}
		})
	}
}
