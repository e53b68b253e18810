// Command redisargs prints the words of the commands that a Redis server gets: the
// arguments of its function createStringObject(const char *ptr, size_t len).
//
//	redisargs [-p PID] [redis-server]
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"

	"github.com/probels/probels/examples/internal/cli"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach/capture"
)

func main() { cli.Main(run) }

func run(ctx context.Context) error {
	pid := flag.Int("p", 0, "the process `PID`")
	flag.Parse()
	files, err := cli.Open(ctx, *pid, "", cmp.Or(flag.Arg(0), "redis-server"))
	if err != nil {
		return err
	}
	defer files.Close()
	// The program itself is the first of a process's files.
	t := files.Targets[0]
	found, err := t.Resolve(ctx, offset.Func("createStringObject"))
	if err != nil {
		return err
	}
	create, err := found[0].One()
	if err != nil {
		return err
	}
	// The text is no C string: it has a length.
	site := capture.At(t, create, capture.Bytes(capture.Param(0), capture.Param(1), 512))
	return cli.Watch(ctx, []capture.Site{site}, &capture.Config{PID: *pid}, func(e capture.Event) {
		more := ""
		if e.Values[0].Truncated {
			more = fmt.Sprintf(" … (%d bytes)", e.Values[0].Length)
		}
		fmt.Printf("%d %q%s\n", e.PID, e.Values[0].String(), more)
	})
}
