// Command bashreadline prints the lines that people type to bash, all of them: it
// reads what the function readline returns.
//
//	bashreadline [-p PID] [-reference FILE] [/bin/bash]
//
// A bash that was stripped of all names is traced with the help of a reference:
// another build that has names, or fingerprints of its readline.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/probels/probels/examples/internal/cli"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach/capture"
)

func main() { cli.Main(run) }

func run(ctx context.Context) error {
	pid := flag.Int("p", 0, "only the process `PID`")
	reference := flag.String("reference", "", "find readline by that of `FILE`, if nothing names it")
	flag.Parse()
	var options offset.Options
	if *reference != "" {
		ref, problems, err := offset.OpenReference(ctx, *reference, nil)
		if err := errors.Join(append(problems, err)...); err != nil {
			return err
		}
		options.Reference = ref
	}
	t, err := offset.Open(cmp.Or(flag.Arg(0), "/bin/bash"), &options)
	if err != nil {
		return err
	}
	defer t.Close()
	found, err := t.Resolve(ctx, offset.Func("readline"))
	if err != nil {
		return err
	}
	readline, err := found[0].One()
	if err != nil {
		return err
	}
	site := capture.At(t, readline, capture.String(capture.Result(), 4096))
	site.Return = true
	return cli.Watch(ctx, []capture.Site{site}, &capture.Config{PID: *pid}, func(e capture.Event) {
		if e.Values[0].N != 0 { // else the input has ended
			fmt.Printf("%d %s\n", e.PID, e.Values[0])
		}
	})
}
