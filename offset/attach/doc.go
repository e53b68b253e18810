// Package attach puts eBPF programs on the locations that package offset finds.
//
//	results, err := target.Resolve(ctx, offset.USDT("python", "function__entry"))
//	…
//	probes, err := attach.Attach(prog, results[0].Locations, nil)
//	if err != nil {
//		return err // an *Error: which location, and why
//	}
//	defer probes.Close()
//
// # Two ways into the kernel
//
// A perf event of the type "uprobe" (Linux 4.17) is one place: a file, an offset
// and, for a USDT probe, the offset of its semaphore, with a program attached to
// it by a link (Linux 5.15) or an ioctl. A uprobe_multi link (Linux 6.6) is many
// places of one file at once, and takes microseconds each where a perf event
// takes milliseconds. The program decides: one that was loaded with
// ebpf.AttachTraceUprobeMulti goes the second way and cannot go the first. Load it
// with the AttachType that ProgramType returns, and Attach does the best that the
// kernel can. Kernels before 6.10 apply the PID of a uprobe_multi link to the
// main thread alone, so they count as being without it.
//
// # Cookies
//
// The kernel hands each location's cookie to the program, bpf_get_attach_cookie
// (Linux 5.15), so that one program tells its places apart. Unless Config.Cookies
// says otherwise, it is the location's index in the slice. An older kernel has
// none: then it is an error to ask for them, and without the program can only go by
// its instruction pointer.
//
// # What is checked first
//
// To the kernel an offset is a number, and whatever is there gets a breakpoint. So
// each file is opened once, and must be the build that the location was resolved
// in: the same build-id, and program headers that take the location's address to
// its offset and its semaphore's to that one's (in a file without a build-id that is
// all that there is to compare). The kernel then gets the descriptor
// (/proc/self/fd/N), not the path, so nothing can be put in its place in between.
// The path may thus be one of another mount namespace (/proc/PID/root/…), of a
// mapping (/proc/PID/map_files/…) or of a file that was deleted (/proc/PID/exe).
//
// # Semaphores
//
// A program guards a costly USDT probe by a 16-bit counter, and comes to the probe
// only where that is not 0. The kernel raises it (ref_ctr_offset, Linux 4.20) in
// every process that maps the file, or in the one of Config.PID, when the probe
// goes in, and lowers it when it is closed.
//
// # Returns
//
// Config.Return runs the program when the function returns, by a return address
// that the kernel writes over the real one. A Go program moves its stacks and
// looks through them, finds that address and crashes, so a location in Go code is
// refused with ErrGoReturn: attach to the exits of the function (its RET
// instructions), which are locations like any other, without Config.Return.
package attach
