// Package cli is what the examples share, so that each is about its own subject: the
// clean end on Ctrl-C, the loop over events, files and processes by name, and commands
// that wait until the probes are there.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach/capture"
)

// Main runs a program until it is done or told to end by Ctrl-C, which is no error.
func Main(run func(ctx context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

// Watch attaches to all sites, says so, and shows events until ctx is done. In the end it tells
// how many were lost.
func Watch(ctx context.Context, sites []capture.Site, c *capture.Config, show func(capture.Event)) (err error) {
	p, err := capture.New(sites, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	fmt.Fprintf(os.Stderr, "attached to %d places; Ctrl-C ends\n", p.Places())
	return Loop(ctx, p, show)
}

// Loop shows events until ctx is done, and tells how many were lost.
func Loop(ctx context.Context, p *capture.Capture, show func(capture.Event)) error {
	for e, err := range p.Events(ctx) {
		if err != nil {
			return err
		}
		show(e)
	}
	lost, err := p.Lost()
	if lost > 0 {
		fmt.Fprintf(os.Stderr, "%d events were lost\n", lost)
	}
	return err
}

// Files are the files that a tracer looks into.
type Files struct {
	Targets []*offset.Target
	Process *offset.Process // if they are a process's
	close   []func() error
}

// Close closes them all.
func (f *Files) Close() {
	for _, c := range f.close {
		c()
	}
}

// Open opens what a process has mapped executable and object matches ("libssl.so*", "" is all), or, if pid is 0, the
// file that a path, a command's or a library's name stands for. The caller closes them.
func Open(ctx context.Context, pid int, object, name string) (*Files, error) {
	if pid != 0 {
		p, err := offset.OpenPID(ctx, pid, nil)
		if err != nil {
			return nil, err
		}
		f := &Files{Process: p, close: []func() error{p.Close}}
		for _, o := range p.Objects() {
			if o.Target != nil && (object == "" || o.Matches(object)) {
				f.Targets = append(f.Targets, o.Target)
			}
		}
		if len(f.Targets) == 0 {
			f.Close()
			return nil, fmt.Errorf("process %d has no %s mapped that can be read", pid, object)
		}
		return f, nil
	}
	if name == "" {
		return nil, errors.New("which file? give a path, a name or -p PID")
	}
	path, err := Path(ctx, name)
	if err != nil {
		return nil, err
	}
	t, err := offset.Open(path, nil)
	if err != nil {
		return nil, err
	}
	return &Files{Targets: []*offset.Target{t}, close: []func() error{t.Close}}, nil
}

// Path is the one file that a name stands for: a path, a command, a library.
func Path(ctx context.Context, name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	found, err := offset.Find(ctx, name, &offset.FindOptions{Path: filepath.SplitList(os.Getenv("PATH"))})
	var paths []string
	for _, c := range found {
		if c.Native && c.Shadowed == "" {
			paths = append(paths, c.Path)
		}
	}
	switch {
	case len(paths) == 1:
		return paths[0], nil
	case err != nil:
		return "", err
	case len(paths) == 0:
		return "", fmt.Errorf("%s: found for other machines only", name)
	}
	return "", fmt.Errorf("%s may be %s: give a path", name, strings.Join(paths, " or "))
}

// A Held is a command that has a process, and is not started yet.
type Held struct {
	cmd   *exec.Cmd
	start *os.File
}

// Hold makes a process for a command, which waits: a shell that will become it.
func Hold(ctx context.Context, argv []string) (*Held, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	args := append([]string{"-c", `read -r _ <&3 || exit 125; exec 3<&- "$@"`, "sh", path}, argv[1:]...)
	cmd := exec.CommandContext(ctx, "/bin/sh", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{r}
	cmd.WaitDelay = 2 * time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, err
	}
	return &Held{cmd: cmd, start: w}, nil
}

// PID is the process's number, of the command too.
func (h *Held) PID() int { return h.cmd.Process.Pid }

// Run lets the command run. The context is done when it has ended, or ctx is; then wait waits for
// the command. How it ended is the command's own business: an error is about starting it.
func (h *Held) Run(ctx context.Context) (ended context.Context, wait func() error) {
	ended, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		defer end()
		_, err := h.start.WriteString("go\n")
		err = errors.Join(err, h.start.Close())
		var exit *exec.ExitError
		if end := h.cmd.Wait(); end != nil && !errors.As(end, &exit) && ctx.Err() == nil {
			err = errors.Join(err, end)
		}
		done <- err
	}()
	return ended, func() error { return <-done }
}

// Drop ends a command that was never run.
func (h *Held) Drop() {
	h.start.Close()
	h.cmd.Wait() // the shell finds its input closed, and ends with 125
}
