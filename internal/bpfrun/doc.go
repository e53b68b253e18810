// Package bpfrun runs eBPF instructions in Go, for tests: those for kernels of another
// machine than this one's, whose struct pt_regs and byte order the test sets up.
//
// It knows what tracing programs are made of: 64- and 32-bit arithmetic, loads and
// stores, jumps, calls of functions in the program, and a few helpers. It is stricter
// than a processor, as the kernel's verifier is: a register or a byte of stack that nothing
// was written to cannot be read, a call leaves nothing in R1 to R5, memory outside of
// stack, context and map values cannot be touched but by a helper, and accesses of the
// context are aligned. Other instructions are errors. (RFC 9669 has the instruction set.)
package bpfrun
