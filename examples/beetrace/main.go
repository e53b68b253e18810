// Command beetrace starts a command and prints its system calls, as strace does, with paths and other strings, below the
// program's functions that made them.
//
//	beetrace [-f PATTERN] COMMAND [ARG…]
//
// The functions are those of the command's own file that match the pattern; "" is none. The processes that it
// starts are not followed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/probels/probels/examples/internal/cli"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach/capture"
)

func main() { cli.Main(run) }

const maxFunctions = 5000

func run(ctx context.Context) error {
	pattern := flag.String("f", "*", "functions that match the `PATTERN`; \"\" is none")
	flag.Parse()
	if flag.NArg() == 0 {
		return errors.New("usage: beetrace [-f PATTERN] COMMAND [ARG…]")
	}
	enter, exit := calls()
	sites := []capture.Site{enter, exit}
	path, err := exec.LookPath(flag.Arg(0))
	if err != nil {
		return err
	}
	if *pattern != "" {
		more, err := functions(ctx, path, *pattern)
		if err != nil {
			return err
		}
		sites = append(sites, more...)
	}
	held, err := cli.Hold(ctx, flag.Args())
	if err != nil {
		return err
	}
	p, err := capture.New(sites, &capture.Config{PID: held.PID(), Buffer: 16 << 20})
	if err != nil {
		held.Drop()
		return err
	}
	defer p.Close()
	fmt.Fprintf(os.Stderr, "attached to %d places\n", p.Places())
	ended, wait := held.Run(ctx)
	t := tracer{out: os.Stderr, sites: sites, threads: map[int]*thread{}}
	if err := cli.Loop(ended, p, t.event); err != nil {
		return err
	}
	t.rest()
	return wait()
}

// functions are the sites at entries and returns of functions.
func functions(ctx context.Context, path, pattern string) ([]capture.Site, error) {
	t, err := offset.Open(path, nil)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	var places []offset.Location
	for p, err := range t.Probes(ctx, offset.Query{Kinds: offset.KindFunc, Match: []string{pattern}}) {
		if err != nil {
			return nil, err
		}
		l, err := p.Location()
		if err != nil || l.Addr == t.File().Entry() {
			continue // where the program starts, which returns to nobody
		}
		if places = append(places, l); len(places) > maxFunctions {
			return nil, fmt.Errorf("more than %d functions of %s match %s: narrow it with -f", maxFunctions, path, pattern)
		}
	}
	verdicts, err := t.Verdicts(ctx, places...)
	if err != nil {
		return nil, err
	}
	// Go moves its stacks, which return probes do not survive: there the exits are taken.
	goCode := t.File().GoVersion() != "" || t.File().GoBuildID() != ""
	var sites []capture.Site
	var taken []offset.Location
	for i, v := range verdicts {
		if v.Err != nil {
			continue // the kernel would not take it, or break the program by it
		}
		sites = append(sites, capture.At(t, places[i]))
		if !goCode {
			back := capture.At(t, places[i])
			back.Return = true
			sites = append(sites, back)
			continue
		}
		taken = append(taken, places[i])
	}
	if !goCode {
		return sites, nil
	}
	exits, err := t.Exits(ctx, taken...)
	if err != nil {
		return nil, err
	}
	for _, f := range exits {
		for _, x := range f.Locations() {
			back := capture.At(t, x)
			back.Location.Name = f.Func.Name
			sites = append(sites, back)
		}
	}
	return sites, nil
}

// A thread is what one thread is doing.
type thread struct {
	functions []string
	call      *call
}

// A tracer prints events.
type tracer struct {
	out     io.Writer
	sites   []capture.Site
	threads map[int]*thread
	running bool // the shell has become the command
}

func (t *tracer) event(e capture.Event) {
	th := t.threads[e.TID]
	if th == nil {
		th = &thread{}
		t.threads[e.TID] = th
	}
	switch e.Site {
	case 0:
		c := begin(e)
		t.running = t.running || names[c.number] == "execve"
		th.call = &c
	case 1:
		if th.call != nil && th.call.number == e.Values[0].Int() && t.running {
			t.print(e.TID, th, th.call.end(&e))
		}
		th.call = nil
	default:
		l := t.sites[e.Site].Location
		if !t.sites[e.Site].Return && l.Addend == 0 {
			t.print(e.TID, th, l.Name)
			th.functions = append(th.functions, l.Name)
			return
		}
		// What was left by longjmp or an exception is left with its caller.
		for i := len(th.functions) - 1; i >= 0; i-- {
			if th.functions[i] == l.Name {
				th.functions = th.functions[:i]
				break
			}
		}
	}
}

func (t *tracer) print(tid int, th *thread, text string) {
	fmt.Fprintf(t.out, "%d %s%s\n", tid, strings.Repeat("  ", len(th.functions)), text)
}

// rest prints the calls that did not return: exit_group.
func (t *tracer) rest() {
	for tid, th := range t.threads {
		if th.call != nil {
			t.print(tid, th, th.call.end(nil))
		}
	}
}
