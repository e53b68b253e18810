// Command rawoffset attaches where there is no symbol: at an address of the file as a disassembler
// shows it, or at an offset in it. What the kernel would not take, or would take and
// break the program by, is refused first.
//
//	rawoffset [-p PID] FILE 0xADDR|+0xOFF…
package main

import (
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
	flag.Parse()
	if flag.NArg() < 2 {
		return errors.New("usage: rawoffset [-p PID] FILE 0xADDR|+0xOFF…")
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
	for _, text := range flag.Args()[1:] {
		spec, err := offset.ParseSpec(text)
		if err != nil {
			return err
		}
		found, err := t.Resolve(ctx, spec)
		if err != nil {
			return err
		}
		place, err := found[0].One()
		if err != nil {
			return err
		}
		if err := t.Check(place); err != nil {
			return err
		}
		sites = append(sites, capture.At(t, place, capture.Comm()))
	}
	return cli.Watch(ctx, sites, &capture.Config{PID: *pid}, func(e capture.Event) {
		l := sites[e.Site].Location
		where := ""
		if l.Name != "" {
			where = fmt.Sprintf(" %s+0x%x", l.Name, l.Addend)
		}
		fmt.Printf("%d %s 0x%x%s\n", e.PID, e.Values[0], uint64(l.Addr), where)
	})
}
