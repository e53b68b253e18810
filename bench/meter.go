//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// A row is one question, and the commands that answer it. The first is what the
// others are compared with.
type row struct {
	name     string
	commands []*command

	// Of a row of a curve: which curve, what there is of, and how many.
	family, unit string
	n            int
}

type command struct {
	name  string // as it is printed
	label string // in the brief table
	args  []string
	env   []string
	ours  bool

	missing bool // the tool is not installed
	slow    bool // it was stopped
	failed  error
	median  time.Duration
	cpu     time.Duration // of all processors
	cold    time.Duration // 0: not measured
	first   time.Duration // until the first output
	peak    int64         // resident memory, bytes; 0: not known
}

// A meter runs commands.
type meter struct {
	runs int
	most time.Duration
	cold bool
	peak string // the program that tells how much memory another had
}

// fewRuns is how often a command is run that takes longer than a second.
const fewRuns = 3

// once is what one run took.
type once struct{ took, cpu, first time.Duration }

// row runs the commands of a row in turn, so that what disturbs the machine
// disturbs all of them.
func (m *meter) row(ctx context.Context, r *row) error {
	runs := make([][]once, len(r.commands))
	for n := range m.runs + 1 {
		for i, c := range r.commands {
			if c.missing || c.slow || c.failed != nil || n > fewRuns && runs[i][0].took > time.Second {
				continue
			}
			// The first run warms the caches, and tells the memory.
			took, err := m.run(ctx, c, n == 0)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, exec.ErrNotFound):
				c.missing = true
			case errors.Is(err, context.DeadlineExceeded):
				c.slow = true
			case err != nil:
				c.failed = err
			case n > 0:
				runs[i] = append(runs[i], took)
			}
		}
	}
	for i, c := range r.commands {
		if len(runs[i]) > 0 {
			c.median = median(runs[i], func(o once) time.Duration { return o.took })
			c.cpu = median(runs[i], func(o once) time.Duration { return o.cpu })
			c.first = median(runs[i], func(o once) time.Duration { return o.first })
		}
	}
	if !m.cold {
		return nil
	}
	return m.coldRow(ctx, r)
}

// coldRow runs the commands with an empty page cache.
func (m *meter) coldRow(ctx context.Context, r *row) error {
	for _, c := range r.commands {
		var cold []once
		for range fewRuns {
			if c.missing || c.slow || c.failed != nil || c.median > 10*time.Second {
				break
			}
			syscall.Sync()
			if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
				return err
			}
			took, err := m.run(ctx, c, false)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				break // stopped: it is slower than with a warm cache
			}
			cold = append(cold, took)
		}
		if len(cold) > 0 {
			c.cold = median(cold, func(o once) time.Duration { return o.took })
		}
	}
	return nil
}

// run runs a command once, and reads its output as a pager would.
func (m *meter) run(ctx context.Context, c *command, memory bool) (o once, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.most)
	defer cancel()
	path, err := exec.LookPath(c.args[0])
	if err != nil {
		return o, err
	}
	args := append([]string{path}, c.args[1:]...)
	memory = memory && m.peak != ""
	if memory {
		args = append([]string{m.peak}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.WaitDelay = time.Second
	// What it has started is stopped with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return o, err
	}
	told := func() int64 { return 0 }
	if memory {
		r, w, err := os.Pipe()
		if err != nil {
			return o, err
		}
		defer r.Close()
		defer w.Close()
		cmd.ExtraFiles = []*os.File{w}
		told = func() int64 {
			w.Close()
			b, _ := io.ReadAll(r)
			kib, _ := strconv.ParseInt(string(b), 10, 64)
			return kib << 10
		}
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return o, err
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := out.Read(buf)
		if n > 0 && o.first == 0 {
			o.first = time.Since(start)
		}
		if err == io.EOF {
			break
		} else if err != nil {
			cancel()
			break
		}
	}
	err = cmd.Wait()
	o.took = time.Since(start)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	// Some tools tell by their status that something was absent. What is asked of
	// ours is there: to refuse quickly is no answer.
	if e := (*exec.ExitError)(nil); !c.ours && errors.As(err, &e) && e.Exited() && o.first > 0 {
		err = nil
	}
	o.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	c.peak = max(c.peak, told())
	return o, err
}

func median(all []once, of func(once) time.Duration) time.Duration {
	var d []time.Duration
	for _, o := range all {
		d = append(d, of(o))
	}
	slices.Sort(d)
	return d[len(d)/2]
}
