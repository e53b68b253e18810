// Package consumer says which tracer can read which argument of a USDT probe.
//
// A probe's arguments are text in the assembler's notation ("-4@112(%rsp)"; see
// package usdt/operand), and every tracer brings a parser of its own for a part
// of it. What one of them cannot read it refuses, leaves out, or reads wrongly,
// and mostly says nothing: a probe that works in one tool gives no data, or
// wrong data, in another. Whether a tool can read an argument is decided by
// the compiler, which chooses the operand, so it changes from build to build.
//
// Judge tells of each argument whether a tool reads it. It does not guess
// by the operand's meaning: it follows the formats that each parser takes, with
// their limits (a register that is missing from a table, blanks that are not
// skipped, a number of digits), because those are what decides.
//
//	libbpf      tools/lib/bpf of the kernel, usdt.c: sscanf formats tried in turn, from left to
//	            right over the whole text. One argument that it cannot read fails the whole attach.
//	bpftrace    BCC's parser; sizes of 1, 2, 4 and 8 only, no symbols, and before
//	            0.24 as many arguments as a function has in registers.
//	bcc         src/cc/usdt/usdt_args.cc. What it cannot read it leaves out, and the arguments
//	            behind it get wrong numbers.
//	perf        tools/perf/arch/*/util/perf_regs.c: two regular expressions for each of x86, arm64
//	            and powerpc. Others' arguments are dropped. A size that is not 1, 2, 4 or 8 makes
//	            perf drop all probes of the file.
//	systemtap   tapsets.cxx: regular expressions; symbols are looked up in the file.
//	gdb         stap-probe.c: constant expressions, registers, displacements; no symbols.
//
// The versions are those of 2026: libbpf 1.6, BCC 0.35, perf 6.12, SystemTap
// 5.3, GDB 13 to 16. A tool that is not built for a machine reads nothing there.
package consumer
