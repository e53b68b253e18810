//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// onTerminal runs the program as a process on a pseudo-terminal of 80 by 24, and
// is what it wrote there, line by line, as the terminal wraps them. input is the
// terminal too unless it is given.
func onTerminal(t *testing.T, input *os.File, env []string, args ...string) []string {
	t.Helper()
	master, terminal, err := pty.Open()
	if err != nil {
		skip.Nowf(t, "needs a pseudo-terminal (/dev/ptmx): %v", err)
	}
	defer master.Close()
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), append([]string{asProbels + "=1", "GORACE=" + raceOptions, "TERM=xterm", "NO_COLOR=", "PAGER=cat"}, env...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	if input != nil {
		cmd.Stdin = input
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	b, err := io.ReadAll(master)
	if err != nil && !errors.Is(err, syscall.EIO) { // how the last writer's end shows
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %v\n%s", args, err, b)
	}
	var screen []string
	for line := range strings.SplitSeq(strings.TrimSuffix(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n"), "\n") {
		for r := []rune(line); ; r = r[80:] {
			if len(r) <= 80 {
				screen = append(screen, string(r))
				break
			}
			screen = append(screen, string(r[:80]))
		}
	}
	return screen
}

// The first screen says what the file is, and has all its USDT probes and how
// many there are of each kind.
func TestFirstScreen(t *testing.T) {
	for _, name := range []string{"amd64/probe-pie", "s390x/probe-pie", "ppc64le/libtestbin.so"} {
		screen := onTerminal(t, nil, []string{"NO_COLOR=1"}, testbin.Path(t, name))
		first := strings.Join(screen[:min(len(screen), 23)], "\n") // the last line is the pager's
		for line := range strings.Lines(probels(t, "-k", "usdt", testbin.Path(t, name)).out) {
			probe := strings.Join(strings.Split(strings.TrimSpace(line), ":")[2:], ":")
			if !strings.Contains(first, "\n  "+probe+" ") {
				t.Errorf("%s: %s is not on the first screen", name, probe)
			}
		}
		for _, want := range []string{filepath.Base(name) + "  ", "build-id ", "USDT probes (", "Functions (", "names: .symtab"} {
			if !strings.Contains(strings.ReplaceAll(first, "\n", ""), want) {
				t.Errorf("%s: %q is not on the first screen", name, want)
			}
		}
		if strings.Contains(first, "\x1b") {
			t.Errorf("%s: colours against NO_COLOR", name)
		}
		if t.Failed() {
			t.Log("\n" + first)
		}
	}
}

func TestTable(t *testing.T) {
	path := testbin.Path(t, "amd64/libtestbin.so")
	screen := onTerminal(t, nil, []string{"NO_COLOR=1"}, path)
	text := regexp.MustCompile("  +").ReplaceAllString(strings.Join(screen, "\n"), "  ") // columns are as wide as it needs
	for _, want := range []string{
		"USDT probes (1)\n  probelib:entry  0x10a0  i32  semaphore\nFunctions (21)\n",
		"\n  ifunc@@V1  0x1110  8 B  symtab+dynsym, ifunc resolver\n",
		"\n  ver_func@V1  0x1050  4 B  symtab+dynsym\n",
		"\n  local_func  0x10d0  17 B  symtab, lib.c\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	// -v has the arguments, -k and patterns narrow what is counted.
	text = strings.Join(onTerminal(t, nil, nil, "-v", "-k", "usdt", "--color=never", path), "\n")
	if !strings.Contains(text, "\n    int i   -4@%edi") || strings.Contains(text, "Functions") {
		t.Error(text)
	}
	text = strings.Join(onTerminal(t, nil, nil, "--color=never", "uprobe:"+path+":lib_*"), "\n")
	if !strings.Contains(text, "Functions (3)\n") || strings.Contains(text, "USDT") {
		t.Error(text)
	}
	text = strings.Join(onTerminal(t, nil, nil, "-k", "data", "--color=never", path), "\n")
	if !strings.Contains(text, "Variables (4)\n") || strings.Contains(text, "Functions") {
		t.Error(text)
	}
	// C++ names as their source has them, unless that is not wanted.
	cxx := testbin.Path(t, "amd64/cxx.so")
	text = strings.Join(onTerminal(t, nil, nil, "--color=never", cxx), "\n")
	if !strings.Contains(text, "\n  outer::overloaded(int) ") || !strings.Contains(text, "none: it has no .note.stapsdt section") {
		t.Error(text)
	}
	text = strings.Join(onTerminal(t, nil, nil, "--color=never", "--no-demangle", cxx), "\n")
	if !strings.Contains(text, "\n  _ZN5outer10overloadedEi ") {
		t.Error(text)
	}
	// Formats for programs are the same as in a pipe.
	for _, flag := range []string{"--json", "-l"} {
		wide := strings.Join(onTerminal(t, nil, nil, flag, path), "")
		if want := strings.ReplaceAll(probels(t, flag, path).out, "\n", ""); wide != want {
			t.Errorf("%s:\n%s, want\n%s", flag, wide, want)
		}
	}
}

func TestColor(t *testing.T) {
	path := testbin.Path(t, "amd64/libtestbin.so")
	for _, c := range []struct {
		env   []string
		args  []string
		color bool
	}{
		{nil, nil, true},
		{[]string{"NO_COLOR=1"}, nil, false},
		{[]string{"TERM=dumb"}, nil, false},
		{nil, []string{"--color=never"}, false},
		{[]string{"NO_COLOR=1"}, []string{"--color=always"}, true},
	} {
		text := strings.Join(onTerminal(t, nil, c.env, append(c.args, path)...), "\n")
		if strings.Contains(text, "\x1b[1m") != c.color {
			t.Errorf("%v %v: %q", c.env, c.args, text[:60])
		}
	}
}

// A pager is started only with a terminal at both ends.
func TestPager(t *testing.T) {
	path := testbin.Path(t, "amd64/libtestbin.so")
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pager := script("pager", "echo paged $LESS\nwhile IFS= read -r line; do echo \"$line\"; done\n")
	impatient := script("impatient", "read -r line\necho enough\n")
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	t.Setenv("LESS", "")
	os.Unsetenv("LESS")
	for _, c := range []struct {
		input *os.File
		args  []string
		env   []string
		want  string
	}{
		{nil, nil, nil, "paged FRX"},
		{nil, nil, []string{"LESS=S"}, "paged S"},
		{nil, []string{"-l"}, nil, "paged FRX"},
		{nil, []string{"--no-pager"}, nil, ""},
		{nil, []string{"--json"}, nil, ""},
		{null, nil, nil, ""},
	} {
		screen := onTerminal(t, c.input, append(c.env, "PAGER="+pager), append(c.args, path)...)
		got := ""
		if strings.HasPrefix(screen[0], "paged") {
			got = screen[0]
		}
		if got != c.want || len(screen) < 20 {
			t.Errorf("%v: %q, %d lines, want %q", c.args, screen[0], len(screen), c.want)
		}
	}
	// One that has seen enough is no error, and one that is not there is done without.
	if screen := onTerminal(t, nil, []string{"PAGER=" + impatient}, path); len(screen) != 1 || screen[0] != "enough" {
		t.Errorf("%q", screen)
	}
	if screen := onTerminal(t, nil, []string{"PAGER=" + dir + "/missing -x"}, path); len(screen) < 20 {
		t.Errorf("%q", screen)
	}
}

// Names that mean harm do not reach the terminal.
func TestStrangeTable(t *testing.T) {
	for _, args := range [][]string{nil, {"-v"}, {"-l"}, {"--no-demangle"}, {"--json"}, {"-m", "*"}} {
		text := strings.Join(onTerminal(t, nil, []string{"NO_COLOR=1"}, append(args, strangePath(t))...), "\n")
		if raw(text) {
			t.Errorf("%v: %q", args, text)
		}
	}
}
