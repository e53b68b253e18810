// Package perfmap reads perf's map of just-in-time compiled code,
// /tmp/perf-PID.map: one function a line, address and size in hexadecimal and
// then its name, which may have blanks in it:
//
//	7f6e8d0a1000 1c0 Ljava/lang/String;::hashCode
//
// The format is that of tools/perf/Documentation/jit-interface.txt in the Linux
// sources. Addresses are run-time ones. A runtime appends lines as it
// compiles, so that a later line replaces an earlier one at the same address, and
// the last line may be half written.
//
// The file is whatever the process wrote there: nothing in it is to be trusted.
package perfmap
