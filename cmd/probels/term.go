package main

import (
	"bufio"
	"cmp"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"golang.org/x/term"
)

func isTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// width is the terminal's, 80 where it can't be told.
func (a *app) width() int {
	if a.tty != nil {
		if w, _, err := term.GetSize(int(a.tty.Fd())); err == nil && w > 20 {
			return w
		}
	}
	return 80
}

// startPager sends what is printed from now on through a pager, if a person
// sits at both ends. The function that it returns waits for the pager.
func (a *app) startPager(o *options) func() error {
	nothing := func() error { return nil }
	if o.noPager || a.in == nil || !isTerminal(a.in) {
		return nothing
	}
	pager := cmp.Or(strings.TrimSpace(os.Getenv("PAGER")), "less -FRX")
	// A shell that does not find its command would swallow the listing. What only
	// the shell understands is its business.
	if word := strings.Fields(pager)[0]; !strings.ContainsAny(word, "=$`'\"\\~(){};&|<>") {
		if _, err := exec.LookPath(word); err != nil {
			return nothing
		}
	}
	cmd := exec.Command("/bin/sh", "-c", pager)
	cmd.Stdout, cmd.Stderr = a.stdout, os.Stderr
	if _, ok := os.LookupEnv("LESS"); !ok {
		cmd.Env = append(os.Environ(), "LESS=FRX") // for who sets PAGER=less
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nothing
	}
	if err := cmd.Start(); err != nil {
		return nothing
	}
	// Control-C is the pager's: it ends a search there, and must not end us and
	// leave the pager alone with the terminal.
	signal.Ignore(os.Interrupt)
	a.out = bufio.NewWriterSize(untilClosed{pipe}, 64<<10)
	return func() error {
		a.out.Flush()
		pipe.Close()
		cmd.Wait() // however it ends: the reader has seen enough
		signal.Reset(os.Interrupt)
		a.out = bufio.NewWriter(a.stdout)
		return nil
	}
}

// untilClosed is a pipe to a pager. Its reader may quit at any time, and then
// the rest is dropped without a complaint.
type untilClosed struct{ io.Writer }

func (w untilClosed) Write(p []byte) (int, error) {
	w.Writer.Write(p)
	return len(p), nil
}
