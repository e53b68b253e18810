// Command gofuncs prints the calls of functions of a Go program, with their arguments by name, and their returns with results. Go keeps
// arguments in registers of its own choice, and moves its stacks, so that return probes would crash it: the
// returns are seen by probes on the RET instructions.
//
//	gofuncs [-p PID] PROGRAM FUNCTION…
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/probels/probels/examples/internal/cli"
	"github.com/probels/probels/examples/internal/params"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach/capture"
)

func main() { cli.Main(run) }

func run(ctx context.Context) error {
	pid := flag.Int("p", 0, "only the process `PID`")
	flag.Parse()
	if flag.NArg() < 2 {
		return errors.New("usage: gofuncs [-p PID] PROGRAM FUNCTION…")
	}
	path, err := cli.Path(ctx, flag.Arg(0))
	if err != nil {
		return err
	}
	t, err := offset.Open(path, nil)
	if err != nil {
		return err
	}
	defer t.Close()
	var sites []capture.Site
	var shown [][]params.Param // of each site
	for _, name := range flag.Args()[1:] {
		found, err := t.Resolve(ctx, offset.Func(name))
		if err != nil {
			return err
		}
		entry, err := found[0].One()
		if err != nil {
			return err
		}
		in, out, want, wantOut, err := params.Of(ctx, t, entry)
		if err != nil {
			return err
		}
		sites, shown = append(sites, capture.At(t, entry, want...)), append(shown, in)
		exits, err := t.Exits(ctx, entry)
		if err != nil {
			return err
		}
		if exits[0].Err != nil {
			return exits[0].Err
		}
		for _, x := range exits[0].Exits {
			if x.Exit != offset.ExitReturn {
				continue
			}
			sites, shown = append(sites, capture.At(t, x.Location, wantOut...)), append(shown, out)
		}
	}
	return cli.Watch(ctx, sites, &capture.Config{PID: *pid}, func(e capture.Event) {
		l := sites[e.Site].Location
		arrow := "->"
		if l.Addend != 0 {
			arrow = "<-"
		}
		fmt.Printf("%d %s %s(%s)\n", e.PID, arrow, l.Name, params.Format(shown[e.Site], e.Values))
	})
}
