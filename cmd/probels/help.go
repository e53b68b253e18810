package main

import (
	_ "embed"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

//go:embed help_json.txt
var helpJSON string

func runHelp(a *app, args []string) error {
	switch {
	case len(args) == 0:
		a.out.WriteString(usage)
		for _, c := range commands() {
			fmt.Fprintf(a.out, "  %-10s %-16s %s\n", c.name, c.args, c.short)
		}
		a.out.WriteString(usageRest)
		return nil
	case args[0] == "json":
		a.out.WriteString(helpJSON)
		return nil
	}
	c, ok := findCommand(args[0])
	if !ok {
		return usagef("no command %q; see: probels help", args[0])
	}
	fmt.Fprintf(a.out, "usage: probels %s %s\n\n%s\n", c.name, c.args, c.short)
	for _, h := range commandHelp {
		if h.name == c.name {
			fmt.Fprintf(a.out, "\n%s", h.text)
		}
	}
	letters := ""
	switch c.name {
	case "list":
		letters = "mpfn"
	case "scan":
		letters = "m"
	case "resolve", "show":
		letters = "pfr"
	case "check":
		letters = "r"
	case "why":
		letters = "p"
	case "debuginfo", "diff", "type", "match":
	default:
		return nil
	}
	fs, o := newFlags(c.name, letters)
	switch c.name {
	case "check":
		(&checking{o: o}).flags(fs)
	case "scan":
		scanFlags(fs)
	case "type":
		typeFlags(fs)
	case "match":
		new(matchFlags).define(fs)
	case "diff":
		addDiffFlags(fs, o, new(string))
	}
	a.out.WriteString("\nflags, which may stand anywhere:\n")
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if value != "" {
			value = " " + value
		}
		fmt.Fprintf(a.out, "  %-24s %s\n", dashed(f.Name)+value, text)
	})
	return nil
}

const usage = `probels finds every place in a program where a uprobe can be put.

  probels /usr/bin/python3              its USDT probes and functions
  probels -m 'Py*Code' python3          those that match
  probels resolve bash readline         a name to its file offset

commands:
`

const usageRest = `
A TARGET is a path, a command in $PATH, a library (libc.so.6, libssl), or in bpftrace's
spelling usdt:PATH:PROVIDER:NAME or uprobe:PATH:FUNC, with *, ? and […] (* alone for
PATH is every command in $PATH and every library of the system); or -p PID stands in
its place: all files that a process has mapped executable.

More: probels help COMMAND
`

// commandHelp is no map, which would be made at each start.
var commandHelp = [...]struct{ name, text string }{
	{"list", `In a pipe: one probe a line, as bpftrace spells it; each line is a valid
argument of resolve. On a terminal: what the file is, and tables.

-p PID: USDT probes of every file that the process has mapped, each with the path
to attach to, and how many functions each file has; -k uprobe or -m lists those.
A name beside it is one of those files: probels -p PID libssl -m SSL_read
`},
	{"resolve", `A SPEC is a function's name (readline), with a version (read@GLIBC_2.2.5), a
distance (readline+0x10) or the file of a static (main.c:helper); as its source
has it (ns::Class::method, with or without parameters; pkg.(*Type).Method); a
USDT probe (python:gc__start); a link-time address (0x4c6c20); a file offset
(+0xc6c20); or a pattern. With -p PID an address is one of the process, as in a
stack trace, unless --in names the file. Every place that a name stands for is printed:

  OFFSET  PATH  NAME  WHERE THE NAME WAS FOUND

Exit status: 0 all found, 1 something was not, 2 wrong use or an unreadable file.
`},
	{"show", `A SPEC is as for resolve. Of each place: offset, semaphore, source line, arguments
and which tools cannot read them, the ways out of the function, inlined copies,
other names, the processes that run the file, warnings, and a command to try. Of a
name that is absent: what why prints.
`},
	{"why", `The first line is the cause, the last the command that helps, or it says that
nothing can. Between them is every source that was tried. Without a SPEC it is
about the USDT probes.
`},
	{"type", typeHelp},
	{"check", checkHelp},
	{"diff", diffHelp},
	{"match", matchHelp},
	{"scan", scanHelp},
}

const checkHelp = `Holds programs to their USDT probes, for CI. A SPEC is a probe or a function as
for resolve, or a pattern, which has to match something; behind a probe may stand

  (u64, i32)   its arguments: u, i or f and bits, 24B for a structure, _ for any
  (2)          how many arguments it has
  =N  >=N      how many probes match

  probels check build/server 'myapp:request__done(u64, i32)' 'myapp:*>=5'
  probels check --write probes.lock build/server     a manifest of what is there
  probels check -f probes.lock                       hold the next build to it
  probels check --write probes.lock server.deb       each file in it that has some
  probels check -f probes.lock server_2.deb          the next package, image or directory

Files in a package, image or directory are found by the paths that the manifest has, or
else by those without version numbers, or by names. Without a manifest, one of the files has
to have each SPEC, a USDT probe.

What is compared is what the source decides: names, and the arguments' width,
sign and whether they are floating point; never where the compiler keeps them, nor how
many sites it makes. Probes that a manifest does not list are only noted. The file's
own tables are looked at and no debug file, unless --debug says otherwise.

With --types the names of types count too, where the manifest has them. They take
debug information; where that is absent, or has no variable for an argument, it is
status 2: not known to be right.

Exit status: 0 all is there, 1 something is not, 2 wrong use or an unreadable file.
`

const diffHelp = `BREAKS marks what users of the probes would notice, and gives status 1: probes gone,
arguments of another number, width or sign, semaphores gained or lost, sites that moved to
another function. New probes are noted; what only the compiler decided is
counted, and shown with -v. With -k uprobe -v the functions of two files are also
compared by their debug information: the types of what they take and return, and the
members of the structs among them, which is noted.

Two directories, packages or images are compared file by file: those of one path,
then those whose paths differ in version numbers only (libx.so.6.0.30 and
libx.so.6.0.33), as far as that leaves one of each; FILE says which. A file in an
archive is ARCHIVE:/PATH.
`

func runVersion(a *app, args []string) error {
	flags, o := newFlags("version", "")
	if _, err := parse(flags, o, args); err != nil {
		return helpOr(a, "version", err)
	}
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	version = strings.TrimPrefix(version, "v")
	if o.json {
		var j jsonLine
		j.reset()
		j.str("version", version)
		j.str("go", runtime.Version())
		j.str("os", runtime.GOOS)
		j.str("arch", runtime.GOARCH)
		a.out.Write(j.line())
		return nil
	}
	fmt.Fprintf(a.out, "probels %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
