//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// A row is one question, and the commands that answer it. The first is what the
// others are compared with.
type row struct {
	name     string
	commands []*command
}

type command struct {
	name string // as it is printed
	args []string
	env  []string

	missing bool // the tool is not installed
	slow    bool // it was stopped
	failed  error
	median  time.Duration
	cold    time.Duration // 0: not measured
	first   time.Duration // until the first output
	peak    int64         // resident memory, bytes
}

// A meter runs commands.
type meter struct {
	runs int
	most time.Duration
	cold bool
}

// fewRuns is how often a command is run that takes longer than a second.
const fewRuns = 3

// row runs the commands of a row in turn, so that what disturbs the machine
// disturbs all of them.
func (m *meter) row(ctx context.Context, r *row) error {
	times := make([][]time.Duration, len(r.commands))
	firsts := make([][]time.Duration, len(r.commands))
	for n := range m.runs + 1 {
		for i, c := range r.commands {
			if c.missing || c.slow || c.failed != nil || n > fewRuns && times[i][0] > time.Second {
				continue
			}
			took, first, err := m.run(ctx, c)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			switch {
			case errors.Is(err, exec.ErrNotFound):
				c.missing = true
			case errors.Is(err, context.DeadlineExceeded):
				c.slow = true
			case err != nil:
				c.failed = err
			case n > 0: // the first one warms the caches
				times[i], firsts[i] = append(times[i], took), append(firsts[i], first)
			default:
				times[i], firsts[i] = []time.Duration{took}, []time.Duration{first}
			}
			if n == 1 && c.failed == nil && !c.missing && !c.slow {
				times[i], firsts[i] = times[i][1:], firsts[i][1:]
			}
		}
	}
	for i, c := range r.commands {
		if len(times[i]) > 0 {
			c.median, c.first = median(times[i]), median(firsts[i])
		}
	}
	if !m.cold {
		return nil
	}
	for _, c := range r.commands {
		var cold []time.Duration
		for range fewRuns {
			if c.missing || c.slow || c.failed != nil || c.median > 10*time.Second {
				break
			}
			syscall.Sync()
			if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
				return err
			}
			took, _, err := m.run(ctx, c)
			if err != nil {
				return err
			}
			cold = append(cold, took)
		}
		if len(cold) > 0 {
			c.cold = median(cold)
		}
	}
	return nil
}

// run runs a command once, and reads its output as a pager would.
func (m *meter) run(ctx context.Context, c *command) (took, first time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.most)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := out.Read(buf)
		if n > 0 && first == 0 {
			first = time.Since(start)
		}
		if err == io.EOF {
			break
		} else if err != nil {
			cancel()
			break
		}
	}
	err = cmd.Wait()
	took = time.Since(start)
	if ctx.Err() != nil {
		return took, first, ctx.Err()
	}
	// Some tools tell by their status that something was absent.
	if e := (*exec.ExitError)(nil); errors.As(err, &e) && e.Exited() && first > 0 {
		err = nil
	}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.peak = max(c.peak, int64(u.Maxrss)<<10)
	}
	return took, first, err
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}
