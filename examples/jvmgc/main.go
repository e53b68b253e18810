// Command jvmgc prints the garbage collections of Java programs, how long each took and what it did
// to the memory pools, by HotSpot's USDT probes.
//
//	jvmgc -p PID
//	jvmgc /usr/lib/jvm/…/libjvm.so
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/probels/probels/examples/internal/cli"
	"github.com/probels/probels/offset/attach/capture"
)

func main() { cli.Main(run) }

func run(ctx context.Context) error {
	pid := flag.Int("p", 0, "the process `PID`")
	flag.Parse()
	files, err := cli.Open(ctx, *pid, "libjvm.so", flag.Arg(0))
	if err != nil {
		return err
	}
	defer files.Close()
	var sites []capture.Site
	for _, t := range files.Targets {
		found, err := capture.USDT(ctx, t, "hotspot:gc__begin", "hotspot:gc__end", "hotspot:mem__pool__gc__end")
		if err != nil {
			return err
		}
		sites = append(sites, found...)
	}
	if len(sites) == 0 {
		return errors.New("this libjvm.so has no probes: it was built without --enable-dtrace")
	}
	for i := range sites {
		s := &sites[i]
		switch a := s.Args; s.Location.Name {
		case "gc__begin": // is it a full one
			s.Want = []capture.Value{capture.Number(capture.Arg(a[0]))}
		case "mem__pool__gc__end": // manager and its length, pool and its length, initial size, used, …
			if len(a) < 6 {
				return fmt.Errorf("%s has %d arguments", s.Location.Name, len(a))
			}
			s.Want = []capture.Value{capture.Bytes(capture.Arg(a[2]), capture.Arg(a[3]), 64), capture.Number(capture.Arg(a[5]))}
		}
	}
	begun := map[int]time.Duration{}
	return cli.Watch(ctx, sites, &capture.Config{PID: *pid}, func(e capture.Event) {
		switch sites[e.Site].Location.Name {
		case "gc__begin":
			begun[e.PID] = e.Time
			what := "collection"
			if e.Values[0].N != 0 {
				what = "full collection"
			}
			fmt.Printf("%d %s begins\n", e.PID, what)
		case "gc__end":
			took := "began earlier"
			if at, ok := begun[e.PID]; ok {
				took = (e.Time - at).Round(time.Microsecond).String()
			}
			delete(begun, e.PID)
			fmt.Printf("%d collection ends: %s\n", e.PID, took)
		default:
			fmt.Printf("%d   %s: %d bytes used\n", e.PID, e.Values[0], e.Values[1].Int())
		}
	})
}
