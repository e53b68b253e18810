package livetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// rounds is how many rounds a program runs in these tests. It is no multiple of the counts in a round,
// and the README of the test binaries gives the one count that is not proportional for it.
const rounds = 7

// run runs a test binary for some rounds from its start to its end.
func run(t *testing.T, prog string) {
	t.Helper()
	err := exec.Command(prog, fmt.Sprint(rounds)).Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != rounds {
		t.Fatalf("%s %d ended with %v, not status %d", prog, rounds, err, rounds)
	}
}

// A session is a test binary that runs and waits between its rounds.
type session struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a test binary, so that what follows attaches to a process that runs: only then does
// the kernel look at the instruction.
func start(t *testing.T, prog string) *session {
	t.Helper()
	return startCommand(t, exec.Command(prog, fmt.Sprint(rounds), "w"))
}

// startCommand starts a command that behaves as a test binary does: it writes "ready", waits for a
// byte, runs, writes "done" and waits for the end of its input.
func startCommand(t *testing.T, cmd *exec.Cmd) *session {
	t.Helper()
	s := &session{cmd: cmd}
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

func (s *session) expect(t *testing.T, want string) {
	t.Helper()
	if line, err := s.out.ReadString('\n'); line != want {
		t.Fatalf("%s wrote %q (%v), not %q", s.cmd.Path, line, err, want)
	}
}

// run lets the program run its rounds, and returns when it has.
func (s *session) run(t *testing.T) {
	t.Helper()
	if _, err := s.in.Write([]byte{'x'}); err != nil {
		t.Fatal(err)
	}
	s.expect(t, "done\n")
}

func (s *session) pid() int { return s.cmd.Process.Pid }

// program copies a test binary, with the libraries it needs, and skips where this system runs no such
// programs.
func program(t *testing.T, name string) string {
	t.Helper()
	var more []string
	if strings.HasPrefix(path.Base(name), "main") {
		more = append(more, path.Dir(name)+"/libtestbin.so")
	}
	prog := testbin.Exec(t, name, more...)
	if err := exec.Command(prog, "0").Run(); err != nil {
		skip.Nowf(t, "this system does not run %s: %v", name, err)
	}
	return prog
}

// target opens a program.
func target(t *testing.T, prog string) *offset.Target {
	t.Helper()
	tgt, err := offset.Open(prog, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tgt.Close() })
	return tgt
}

// list is what a query gives.
func list(t *testing.T, tgt *offset.Target, q offset.Query) []offset.Probe {
	t.Helper()
	var out []offset.Probe
	for p, err := range tgt.Probes(context.Background(), q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// resolve is what a spec, as a person types it, stands for.
func resolve(t *testing.T, tgt *offset.Target, spec string) []offset.Location {
	t.Helper()
	s, err := offset.ParseSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	res, err := tgt.Resolve(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	if res[0].Err != nil {
		t.Fatal(res[0].Err)
	}
	return res[0].Locations
}

// one is the only place that a spec stands for.
func one(t *testing.T, tgt *offset.Target, spec string) offset.Location {
	t.Helper()
	ls := resolve(t, tgt, spec)
	if len(ls) != 1 {
		t.Fatalf("%s stands for %d places: %+v", spec, len(ls), ls)
	}
	return ls[0]
}
