// Command functrace prints the calls of functions that match a pattern, with their arguments as far as debug information
// (DWARF) tells them, and what they return. It starts a command, or follows a process.
//
//	functrace [-f PATTERN] [-in LIBRARY] COMMAND [ARG…]
//	functrace [-f PATTERN] [-in LIBRARY] -p PID
//
// The functions are those of the command's own file, or of a library: by name, or of a process as a pattern, "libssl.so*".
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/probels/probels/examples/internal/cli"
	"github.com/probels/probels/examples/internal/params"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach/capture"
)

func main() { cli.Main(run) }

const maxFunctions = 5000

func run(ctx context.Context) error {
	pid := flag.Int("p", 0, "follow the process `PID`")
	pattern := flag.String("f", "*", "functions that match the `PATTERN`")
	in := flag.String("in", "", "functions of the `LIBRARY`")
	flag.Parse()
	if (*pid == 0) == (flag.NArg() == 0) {
		return errors.New("usage: functrace [-f PATTERN] [-in LIBRARY] [-p PID | COMMAND [ARG…]]")
	}
	files, err := cli.Open(ctx, *pid, *in, cmp.Or(*in, flag.Arg(0)))
	if err != nil {
		return err
	}
	defer files.Close()
	if *in == "" {
		files.Targets = files.Targets[:1] // of a process the first is the program
	}
	var t tracer
	for _, target := range files.Targets {
		if err := t.add(ctx, target, *pattern); err != nil {
			return err
		}
	}
	if len(t.sites) == 0 {
		return fmt.Errorf("no function matches %s", *pattern)
	}
	t.depth = map[int]int{}
	if *pid != 0 {
		return cli.Watch(ctx, t.sites, &capture.Config{PID: *pid}, t.event)
	}
	held, err := cli.Hold(ctx, flag.Args())
	if err != nil {
		return err
	}
	p, err := capture.New(t.sites, &capture.Config{PID: held.PID(), Buffer: 16 << 20})
	if err != nil {
		held.Drop()
		return err
	}
	defer p.Close()
	fmt.Fprintf(os.Stderr, "attached to %d places\n", p.Places())
	ended, wait := held.Run(ctx)
	if err := cli.Loop(ended, p, t.event); err != nil {
		return err
	}
	return wait()
}

// A tracer prints events.
type tracer struct {
	sites []capture.Site
	shown [][]params.Param // of each site
	exit  []bool           // a site where a function returns
	depth map[int]int      // of each thread
}

// add adds the functions of a file.
func (t *tracer) add(ctx context.Context, target *offset.Target, pattern string) error {
	var places []offset.Location
	for p, err := range target.Probes(ctx, offset.Query{Kinds: offset.KindFunc, Match: []string{pattern}}) {
		if err != nil {
			return err
		}
		l, err := p.Location()
		if err != nil || l.Addr == target.File().Entry() {
			continue // where the program starts, which returns to nobody
		}
		if places = append(places, l); len(places) > maxFunctions {
			return fmt.Errorf("more than %d functions of %s match %s: narrow it with -f", maxFunctions, target.Path(), pattern)
		}
	}
	verdicts, err := target.Verdicts(ctx, places...)
	if err != nil {
		return err
	}
	goCode := target.File().GoVersion() != "" || target.File().GoBuildID() != ""
	for i, v := range verdicts {
		if v.Err != nil {
			fmt.Fprintf(os.Stderr, "not traced: %v\n", v.Err)
			continue
		}
		l := places[i]
		in, out, want, wantOut, err := params.Of(ctx, target, l)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		t.site(capture.At(target, l, want...), in, false)
		if !goCode {
			back := capture.At(target, l, wantOut...)
			back.Return = true
			t.site(back, out, true)
			continue
		}
		// Go moves its stacks, which return probes do not survive: there it is the RET instructions.
		exits, err := target.Exits(ctx, l)
		if err != nil {
			return err
		}
		for _, x := range exits[0].Exits {
			if x.Exit == offset.ExitReturn {
				t.site(capture.At(target, x.Location, wantOut...), out, true)
			}
		}
	}
	return nil
}

func (t *tracer) site(s capture.Site, shown []params.Param, exit bool) {
	t.sites, t.shown, t.exit = append(t.sites, s), append(t.shown, shown), append(t.exit, exit)
}

func (t *tracer) event(e capture.Event) {
	name, text := t.sites[e.Site].Location.Name, params.Format(t.shown[e.Site], e.Values)
	if !t.exit[e.Site] {
		fmt.Printf("%d %s%s(%s)\n", e.TID, strings.Repeat("  ", t.depth[e.TID]), name, text)
		t.depth[e.TID]++
		return
	}
	t.depth[e.TID] = max(0, t.depth[e.TID]-1)
	if text != "" {
		text = " = " + text
	}
	fmt.Printf("%d %s%s returns%s\n", e.TID, strings.Repeat("  ", t.depth[e.TID]), name, text)
}
