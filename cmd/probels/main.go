// Probels lists the places in userspace programs where uprobes can be put, and
// turns names into file offsets.
//
//	probels /usr/bin/python3                         every USDT probe and function
//	probels resolve /usr/bin/bash readline           its file offset
//	probels 'usdt:/usr/bin/python3:python:gc__*'     by pattern, as bpftrace has it
//
// See "probels help".
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/probels/probels/offset"
)

func main() {
	// Nearly all that a short run allocates it needs to the end, so collecting at
	// every doubling of four megabytes finds nothing. Once 16 MB have been
	// collected there is more to find, and more that five times as much would cost.
	garbage(400, 100)
	runtime.AddCleanup(new([64]byte), func(*app) {
		collected.Store(true)
		debug.SetGCPercent(int(laterGarbage.Load()))
	}, nil)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

var (
	collected    atomic.Bool // once
	laterGarbage atomic.Int32
)

// garbage says how much of it may gather before it is collected, in percent of what is in
// use (of 4 MB, if that is less): the first time, and later.
func garbage(first, later int) {
	laterGarbage.Store(int32(later))
	if collected.Load() {
		first = later
	}
	debug.SetGCPercent(first)
}

// Exit statuses; the highest that anything calls for wins.
const (
	statusFound   = 0
	statusMissing = 1 // nothing matched
	statusTrouble = 2 // wrong usage, or a target could not be read
)

// app is one run of the program.
type app struct {
	in     *os.File
	tty    *os.File // standard output if it is a terminal, else nil
	stdout *os.File
	out    *bufio.Writer
	err    io.Writer
	status int

	members []*offset.Target // those that are files in an archive
}

// command is a subcommand. Its flags come from newFlags, so that all commands
// share what they have in common.
type command struct {
	name, args, short string
	run               func(a *app, args []string) error
}

// commands is a function and not a variable, because help lists it.
func commands() []command {
	return []command{
		{"list", "TARGET…", "every probe; the default", runList},
		{"show", "TARGET SPEC…", "everything known about a function or probe", runShow},
		{"resolve", "TARGET SPEC…", "names to file offsets", runResolve},
		{"check", "TARGET SPEC… | -f MANIFEST", "status 1 unless all are there; --write MANIFEST writes what is", runCheck},
		{"diff", "OLD NEW", "probes gone, new and changed between two builds", runDiff},
		{"why", "TARGET [SPEC…]", "why a name, or every USDT probe, is there or not", runWhy},
		{"debuginfo", "TARGET…", "where a file's stripped names are, and every place tried", runDebuginfo},
		{"scan", "DIR|ARCHIVE…|-a", "the probes of every ELF file below, or of all that runs", runScan},
		{"type", "TARGET TYPE[.MEMBER…]…", "the layout of a struct, or where a member is; --btf FILE writes BTF", runType},
		{"match", "REFERENCE TARGET [NAME…]", "functions of a file without names, by another build that has them", runMatch},
		{"completion", "bash|zsh|fish", "a completion script for a shell", runCompletion},
		{"version", "", "the version of this program", runVersion},
		{"help", "[COMMAND|json]", "how to use it, or the fields of its JSON", runHelp},
	}
}

func run(args []string, stdin, stdout *os.File, stderr io.Writer) int {
	a := &app{in: stdin, stdout: stdout, out: bufio.NewWriterSize(stdout, 64<<10), err: stderr}
	if isTerminal(stdout) {
		a.tty = stdout
	}
	cmd := commands()[0]
	if len(args) > 0 && args[0] == "__complete" {
		return a.finish(runComplete(a, args[1:]))
	}
	for i, arg := range args {
		switch {
		case arg == "-h", arg == "-help", arg == "--help":
			return a.finish(runHelp(a, nil))
		case arg == "--version":
			return a.finish(runVersion(a, nil))
		case strings.HasPrefix(arg, "-") && arg != "--", takesValue(args, i):
			continue
		}
		if c, ok := findCommand(arg); ok {
			cmd, args = c, slices.Concat(args[:i], args[i+1:])
		}
		break
	}
	return a.finish(cmd.run(a, args))
}

func findCommand(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

// finish writes what is buffered, tells an error, and is the exit status.
func (a *app) finish(err error) int {
	if ferr := a.out.Flush(); err == nil {
		err = ferr
	}
	if err != nil {
		a.fail(err)
	}
	return a.status
}

// raise sets the exit status, if it is the highest so far.
func (a *app) raise(status int) { a.status = max(a.status, status) }

// fail tells an error that makes the run a failure.
func (a *app) fail(err error) {
	a.note("%s", oneLine(err))
	a.raise(statusTrouble)
}

// note writes a line of diagnosis, behind what is printed already.
func (a *app) note(format string, args ...any) {
	a.out.Flush()
	fmt.Fprintf(a.err, "probels: %s\n", clean(fmt.Sprintf(format, args...)))
}
