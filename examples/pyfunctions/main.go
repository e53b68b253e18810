// Command pyfunctions prints the functions that Python programs call and return from, with file
// and line, by CPython's USDT probes.
//
//	pyfunctions [-p PID] [python3]
//
// It is CPython that decides what there is to see. Version 3.11 has the probe of calls, and never gets there, so that
// only returns are printed (https://github.com/python/cpython/issues/98894); 3.12 to 3.14 have neither.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/probels/probels/examples/internal/cli"
	"github.com/probels/probels/offset/attach/capture"
)

func main() { cli.Main(run) }

func run(ctx context.Context) error {
	pid := flag.Int("p", 0, "the process `PID`, whatever Python it has mapped")
	flag.Parse()
	files, err := cli.Open(ctx, *pid, "", cmp.Or(flag.Arg(0), "python3"))
	if err != nil {
		return err
	}
	defer files.Close()
	var sites []capture.Site
	for _, t := range files.Targets {
		found, err := capture.USDT(ctx, t, "python:function__entry", "python:function__return")
		if err != nil {
			return err
		}
		sites = append(sites, found...)
	}
	if len(sites) == 0 {
		return errors.New("no python:function__entry: this Python was built without --with-dtrace, or is 3.12 to 3.14, or it is in a library: give its name")
	}
	for i := range sites {
		args := sites[i].Args // file, function, line
		if len(args) != 3 {
			return fmt.Errorf("%s has %d arguments, not 3", sites[i].Location.Name, len(args))
		}
		sites[i].Want = []capture.Value{
			capture.String(capture.Arg(args[0]), 1024), capture.String(capture.Arg(args[1]), 256), capture.Number(capture.Arg(args[2])),
		}
	}
	return cli.Watch(ctx, sites, &capture.Config{PID: *pid}, func(e capture.Event) {
		arrow := "->"
		if sites[e.Site].Location.Name == "function__return" {
			arrow = "<-"
		}
		fmt.Printf("%d %s %s %s:%s\n", e.PID, arrow, e.Values[1], e.Values[0], e.Values[2])
	})
}
