package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/internal/paste"
	"github.com/probels/probels/offset"
)

// options are the flags that commands share.
type options struct {
	json, verbose, long, quiet bool
	byAddr                     bool
	noDemangle, noPager        bool
	match                      []string
	kinds                      offset.Kind
	color                      string
	debug                      string
	debuginfod                 bool
	debugTold                  bool // --debug or --debuginfod was given: see onlyOwnTables
	format                     paste.Format
	pids                       []int
	in                         string
	reference                  string
	least                      offset.Confidence
}

// usageError is a wrong use of the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// newFlags defines the flags of a command; letters tells which of those that
// not all have.
func newFlags(name, letters string) (*flag.FlagSet, *options) {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are told in our own way
	o := &options{}
	fs.BoolVar(&o.json, "json", false, "JSON Lines, one object a line (see help json)")
	fs.BoolVar(&o.quiet, "q", false, "resolve: the offset alone, and exactly one; list: no remarks")
	fs.StringVar(&o.debug, "debug", "auto", "`auto|off|DIR`: names from debug files too; from the file's own tables only; DIR in place of /usr/lib/debug")
	fs.BoolVar(&o.debuginfod, "debuginfod", false, "fetch debug files from the servers of $DEBUGINFOD_URLS")
	if strings.Contains(letters, "p") {
		fs.Func("p", "what the process `PID` has mapped, in the place of TARGET; may be repeated", func(s string) error {
			pid, err := strconv.ParseUint(s, 10, 31)
			if err != nil || pid == 0 {
				return fmt.Errorf("not the number of a process")
			}
			o.pids = append(o.pids, int(pid))
			return nil
		})
		fs.StringVar(&o.in, "in", "", "with -p: only mapped files whose path, or its last part, matches `GLOB`, or a library's name (libssl)")
	}
	if strings.Contains(letters, "f") {
		fs.Func("format", "lines for another tool: `bpftrace|perf|uprobe_events|libbpf|cilium`", func(s string) (err error) {
			o.format, err = paste.ParseFormat(s)
			return err
		})
	}
	if strings.Contains(letters, "n") {
		fs.BoolVar(&o.byAddr, "n", false, "by address, as nm -n, and in a pipe with -l's columns")
		fs.BoolVar(&o.byAddr, "by-address", false, "the same as -n")
	}
	if strings.Contains(letters, "r") {
		referenceFlags(fs, o)
	}
	if strings.Contains(letters, "v") {
		fs.BoolVar(&o.verbose, "v", false, "variables in scope too, with types and places, by debug information")
	}
	if strings.Contains(letters, "m") {
		add := func(s string) error {
			o.match = append(o.match, s)
			return nil
		}
		fs.Func("m", "only names that match `GLOB`, raw or demangled; may be repeated", add)
		fs.Func("match", "the same as -m `GLOB`", add)
		kinds := func(s string) error {
			k, err := offset.ParseKinds(s)
			o.kinds |= k
			return err
		}
		fs.Func("k", "only these kinds: `usdt,uprobe,plt,anon,data,jit`; jit with -p", kinds)
		fs.Func("kind", "the same as -k `KINDS`", kinds)
		fs.BoolVar(&o.verbose, "v", false, "arguments and types, a line for each")
		fs.BoolVar(&o.long, "l", false, "columns: offset, size, source, type")
		fs.BoolVar(&o.noDemangle, "no-demangle", false, "C++ and Rust names as the file spells them")
		fs.BoolVar(&o.noPager, "no-pager", false, "no pager on a terminal")
		fs.StringVar(&o.color, "color", "auto", "`auto|always|never`; NO_COLOR is honoured")
	}
	return fs, o
}

// parse reads flags wherever they stand, and returns the other arguments.
func parse(fs *flag.FlagSet, o *options, args []string) ([]string, error) {
	var rest []string
	for len(args) > 0 {
		if args[0] == "--" {
			return append(rest, args[1:]...), o.check()
		}
		if args = splitLetters(fs, args); len(args[0]) > 1 && args[0][0] == '-' {
			if err := fs.Parse(args); err != nil {
				if errors.Is(err, flag.ErrHelp) {
					return nil, err
				}
				return nil, usagef("%s; see: probels help %s", strings.Replace(err.Error(), "flag provided but not defined: ", "no such flag: ", 1), fs.Name())
			}
			if n := len(args) - fs.NArg(); n > 0 && args[n-1] == "--" {
				return append(rest, fs.Args()...), o.check()
			}
			args = fs.Args()
			continue
		}
		rest, args = append(rest, args[0]), args[1:]
	}
	return rest, o.check()
}

// splitLetters takes "-lv" apart, as people type it for bpftrace, if all of its
// letters are switches.
func splitLetters(fs *flag.FlagSet, args []string) []string {
	arg := args[0]
	if len(arg) < 3 || arg[0] != '-' || arg[1] == '-' || fs.Lookup(arg[1:]) != nil {
		return args
	}
	var apart []string
	for _, c := range arg[1:] {
		f := fs.Lookup(string(c))
		if f == nil {
			return args
		}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
			return args
		}
		apart = append(apart, "-"+string(c))
	}
	return append(apart, args[1:]...)
}

func (o *options) check() error {
	if o.format != "" && (o.json || o.quiet || len(o.pids) > 0) {
		return usagef("--format=%s goes neither with --json nor with -q or -p", o.format)
	}
	if o.in != "" && len(o.pids) == 0 {
		return usagef("--in=%s: it names a file that a process has mapped: give the process with -p PID", o.in)
	}
	switch o.color {
	case "", "auto", "always", "never":
	default:
		return usagef("--color=%s: auto, always or never", o.color)
	}
	if o.debug != "auto" && o.debug != "off" {
		if info, err := os.Stat(o.debug); err != nil || !info.IsDir() {
			return usagef("--debug=%s: auto, off or a directory", o.debug)
		}
	}
	return nil
}

// colored reports whether to colour what goes to w.
func (o *options) colored(tty *os.File) bool {
	switch o.color {
	case "always":
		return true
	case "never":
		return false
	}
	return tty != nil && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// target is how the flags want a file opened.
func (a *app) target(o *options) (*offset.Options, error) {
	out := &offset.Options{OwnTables: o.debug == "off"}
	var err error
	if !out.OwnTables {
		if out.Debug, err = a.search(o); err != nil {
			return out, err
		}
	}
	if o.reference != "" {
		out.Least = o.least
		out.Reference, err = a.referenceFor(o)
	}
	return out, err
}

// search is how the flags want debug files searched.
func (a *app) search(o *options) (*debuglink.Options, error) {
	s := &debuglink.Options{}
	if o.debug != "auto" && o.debug != "off" {
		s.HostDirs = []string{o.debug}
	}
	if o.debuginfod {
		f, err := a.fetcher()
		if err != nil {
			return nil, err
		}
		s.Fetcher = f
	}
	return s, nil
}
