// Package usdtbpf turns arguments of probes into eBPF that reads them.
//
// A USDT argument is an assembler operand: "-4@112(%rsp)" (package operand). At a
// uprobe an eBPF program has the registers of the traced thread, struct pt_regs, as
// its context, and the thread's memory by bpf_probe_read_user (Linux 5.5). A Place
// says where the operand stands; Place.Fetch makes the instructions that evaluate
// it there:
//
//	places, err := usdtbpf.Places(file, sites)
//	…
//	insns := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)} // the context
//	fetch, err := places[0].Fetch(sites[0].Args()[0], -8)
//	insns = append(insns, fetch...) // R0 is 0, the value at fp-8
//
// Parameters of functions, which an ABI or DWARF puts into registers or memory, are
// the same thing: an operand.Arg with Operand, Size and Signed set.
//
// # The value
//
// It has the argument's Size, 1, 2, 4 or 8 bytes, whatever the width of the register
// that is named, and is extended to 64 bits by its sign or with zeros. A float is its
// bits. The kernel's word order is the program's, so a narrow load takes the right end of
// memory in both byte orders. "%ah" is shifted first; addresses of 32-bit programs wrap
// at 4 GB, those of 31-bit s390 programs at 2.
//
// # Symbols
//
// "counter(%rip)" is the variable's link-time address plus the distance that the
// program was loaded from there, another one in each process. The thread's program
// counter is at the probe, whose link-time address is known, and so
//
//	address = pc + (symbol - probe)
//
// which needs neither /proc/PID/maps nor a process. It holds where the program is
// entered at the probe, and not in a return probe.
//
// # What has no value
//
// An argument that cannot be read is an Error that says why, and the others stand:
// vector and floating-point registers, which the kernel does not keep in pt_regs;
// memory relative to fs or gs (thread-local variables), whose base is not there
// either; structures of other sizes (Place.Address has where one in memory is); a number
// wider than the one register that is named; symbols that the file does not define.
//
// # Sites that differ
//
// The sites of one probe, or of many, each have arguments of their own. One program
// can be loaded for each site; or Switch can choose among pieces of one program by the
// attach cookie (offset/attach gives the location's index, Linux 5.15); or the
// arguments can be data: a Spec for each site in a map, and one function that reads any
// argument by it. The map is that of libbpf's usdt.bpf.h, so that C programs which call
// bpf_usdt_arg, compiled elsewhere, are served by Fill as well as programs that call
// ArgFunc. A kernel without cookies knows a site by its address in the one process that is
// traced: FillIPs.
//
// Not all that Fetch reads has a form in a Spec: it is told by Place.Spec, and
// reading such an argument gives -EINVAL.
//
// # libbpf's two layouts
//
// struct __bpf_usdt_spec has 12 arguments, a cookie and their number. An argument is a
// number (a constant, or what is added to an address), what it is, an offset in
// pt_regs, a sign, and how many of 64 bits are to be cut. Up to libbpf 1.6 that took 16
// bytes. Version 1.7 added an index register, as bit-fields that compilers lay out so
// that it takes 24, although its comment says otherwise. The size of the map's values, 208
// or 304, tells which it is. The old one has no form for an index.
package usdtbpf
