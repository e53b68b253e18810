// Command tlssniff prints how much programs send and receive by OpenSSL: the lengths of
// SSL_write and SSL_read, and of SSL_write_ex and SSL_read_ex, which Python uses.
//
//	tlssniff [-p PID] [libssl.so.3]
//
// With -p it is the library that the process has mapped, in a container too.
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
	library := cmp.Or(flag.Arg(0), "libssl.so.3")
	files, err := cli.Open(ctx, *pid, library, library)
	if err != nil {
		return err
	}
	defer files.Close()
	var sites []capture.Site
	for _, t := range files.Targets {
		found, err := t.Resolve(ctx, offset.Func("SSL_write"), offset.Func("SSL_read"), offset.Func("SSL_write_ex"), offset.Func("SSL_read_ex"))
		if err != nil {
			return err
		}
		for i, r := range found {
			f, err := r.One()
			if err != nil {
				return err
			}
			result := capture.Number(capture.SizedResult(4, true))
			if i < 2 { // int SSL_write(SSL *, const void *, int): what was done is returned
				back := capture.At(t, f, result)
				back.Return = true
				sites = append(sites, back)
				continue
			}
			// int SSL_write_ex(SSL *, const void *, size_t, size_t *done): it is behind a pointer, which
			// is known only at the entry.
			entry, back := capture.At(t, f), capture.At(t, f, result, capture.Number(capture.Deref(capture.Kept(), 0, 8, false)))
			entry.Keep, entry.Silent = capture.Param(3), true
			back.Return = true
			sites = append(sites, entry, back)
		}
	}
	for i := range sites {
		sites[i].Want = append(sites[i].Want, capture.Comm())
	}
	return cli.Watch(ctx, sites, &capture.Config{PID: *pid}, func(e capture.Event) {
		v := e.Values
		n, comm := &v[0], &v[1]
		if len(v) == 3 {
			n, comm = &v[1], &v[2]
		}
		if v[0].Int() <= 0 {
			return // it has to be called again, or failed
		}
		fmt.Printf("%d %s %s %s bytes\n", e.PID, comm, sites[e.Site].Location.Name, n)
	})
}
