// Command usdttrace prints the hits of USDT probes, with their arguments.
//
//	usdttrace [-s] FILE PROVIDER:NAME…
//	usdttrace [-s] -p PID PROVIDER:NAME…
//
// FILE is a path, a command or a library's name; the probes may be patterns. Notes have the
// types of arguments (u64, i32, f64) and no names. -s
// prints strings for the arguments that could be pointers and point to text.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"strings"

	"github.com/probels/probels/examples/internal/cli"
	"github.com/probels/probels/offset/attach/capture"
	"github.com/probels/probels/usdt/operand"
)

func main() { cli.Main(run) }

func run(ctx context.Context) error {
	pid := flag.Int("p", 0, "the process `PID`")
	text := flag.Bool("s", false, "strings behind pointers")
	flag.Parse()
	probes, name := flag.Args(), ""
	if *pid == 0 && len(probes) > 0 {
		name, probes = probes[0], probes[1:]
	}
	if len(probes) == 0 {
		return errors.New("usage: usdttrace [-s] [-p PID | FILE] PROVIDER:NAME…")
	}
	files, err := cli.Open(ctx, *pid, "", name)
	if err != nil {
		return err
	}
	defer files.Close()
	var sites []capture.Site
	for _, t := range files.Targets {
		found, err := capture.USDT(ctx, t, probes...)
		if err != nil {
			return err
		}
		sites = append(sites, found...)
	}
	if len(sites) == 0 {
		return fmt.Errorf("no probe is %s", strings.Join(probes, " or "))
	}
	for i := range sites {
		for _, a := range sites[i].Args {
			sites[i].Want = append(sites[i].Want, capture.Number(capture.Arg(a)))
			if *text && isPointer(a) {
				sites[i].Want = append(sites[i].Want, capture.String(capture.Arg(a), 200))
			}
		}
	}
	return cli.Watch(ctx, sites, &capture.Config{PID: *pid}, func(e capture.Event) {
		s := &sites[e.Site]
		var b strings.Builder
		v := e.Values
		for i, a := range s.Args {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "arg%d %s=%s", i, typeName(a), value(a, v[0]))
			v = v[1:]
			if *text && isPointer(a) {
				if v[0].Err == nil && isText(v[0].B) {
					fmt.Fprintf(&b, " %q", v[0].B)
				}
				v = v[1:]
			}
		}
		fmt.Printf("%d %s:%s(%s)\n", e.PID, s.Location.Provider, s.Location.Name, b.String())
	})
}

func isPointer(a operand.Arg) bool { return a.Size == 8 && !a.Signed && !a.Float }

// isText is whether bytes look like text: something that can be printed, and no less than two of it.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return len(b) > 1
}

func typeName(a operand.Arg) string {
	kind := "u"
	switch {
	case a.Err != nil:
		return "?"
	case a.Float:
		kind = "f"
	case a.Signed:
		kind = "i"
	}
	return fmt.Sprintf("%s%d", kind, 8*a.Size)
}

func value(a operand.Arg, d capture.Datum) string {
	switch {
	case d.Err != nil:
		return d.String()
	case a.Float && a.Size == 4:
		return fmt.Sprint(math.Float32frombits(uint32(d.N)))
	case a.Float && a.Size == 8:
		return fmt.Sprint(math.Float64frombits(d.N))
	case a.Signed:
		return fmt.Sprint(d.Int())
	case d.N > 1<<32:
		return fmt.Sprintf("0x%x", d.N)
	}
	return fmt.Sprint(d.N)
}
