// Package capture reads values at probes and delivers them as events, without a
// compiler for eBPF.
//
//	sites, err := capture.USDT(ctx, target, "python:function__entry")
//	…
//	for i := range sites {
//		args := sites[i].Args
//		sites[i].Want = []capture.Value{
//			capture.String(capture.Arg(args[0]), 256), // file
//			capture.String(capture.Arg(args[1]), 256), // function
//			capture.Number(capture.Arg(args[2])),      // line
//		}
//	}
//	c, err := capture.New(sites, nil)
//	…
//	defer c.Close()
//	for e, err := range c.Events(ctx) {
//		…
//		fmt.Println(e.PID, e.Values[0], e.Values[1], e.Values[2].Int())
//	}
//
// # What is wanted
//
// A [Site] is a place, a location that package offset found or a tracepoint, and what
// is wanted there. A [Source] is where a 64-bit number is: in an argument of a USDT
// probe, a parameter or result by the calling convention, a field of a tracepoint, or
// behind a pointer that another source has. A [Value] is what to make of it: the
// number itself, or the string or the bytes that it points to. Others are of the
// thread: its parent's number, its user, its name, its stack.
//
// # How it works
//
// For each different list of values there is one eBPF program, and its sites are
// attached to it together; which one was hit is told by the attach cookie. So a
// thousand functions with the same list are one program, and sites of one probe whose
// arguments are in different places are as many programs. All write into one ring
// buffer (Linux 5.8), where events stand in the order in which they happened.
//
// A program reserves an event in the ring buffer and has the kernel read into that.
// So a string may be longer than the 512 bytes of an eBPF program's stack, and nobody
// else's program, run on the same processor in between, can write over it, as
// it could into a buffer for each processor: at uprobes a program can be interrupted
// by another task. The price is that an event takes the room of the longest strings
// that it may have.
//
// # What can go wrong
//
// A value that cannot be read has [Datum.Err], and the others stand: an argument that
// is nowhere that eBPF can see ([usdtbpf.Error]), or memory that is not there (EFAULT).
// A string that the program has not touched yet, a constant say, is still in its file:
// programs at uprobes wait for it to be read (Linux 6.0), but not those of sites that want
// stacks, those at tracepoints, and none on older kernels. To them it is not there.
//
// Events that do not fit into the ring buffer, because nobody reads them fast enough,
// are lost, and [Capture.Lost] counts them. So does the kernel not run a program
// that hits a probe within another program's probe; nobody can count those here.
package capture
