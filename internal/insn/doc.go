// Package insn finds where machine instructions begin and end, and which of them
// leave a function. It is no disassembler: it tells an instruction's length, what
// it does to the flow of control, where it jumps to, and of x86 the opcode and
// prefixes, by which the kernel decides whether it takes a uprobe there.
//
// # Fixed width
//
// arm64, mips, loongarch and A32 have words of 4 bytes. PowerPC has too, but for
// the prefixed instructions of Power ISA 3.1 (primary opcode 1), which have 8.
// RISC-V with the C extension and T32 tell from the first halfword whether there
// is a second, s390 tells two, four or six bytes from the two top bits. There an
// instruction is found by a pattern of its bits.
//
// # x86
//
// An instruction is at most 15 bytes, and only decoding it tells how many:
//
//	legacy prefixes   any number of 66 67 f2 f3 f0 2e 36 3e 26 64 65
//	REX, REX2         40-4f; d5 and a byte (APX); 64-bit mode only
//	VEX, EVEX, XOP    c5, c4, 62, 8f and one to three bytes that hold the map too
//	escape bytes      0f, 0f 38, 0f 3a: which map the opcode is of
//	opcode            one byte
//	ModRM             if the opcode has one, then perhaps SIB and displacement
//	immediate         0 to 8 bytes
//
// A table of a byte for each opcode of a map says whether ModRM follows and which
// immediate. Sources: Intel's manual volume 2 appendix A, AMD's volume 3 appendix
// A (XOP, 3DNow!), Intel's APX specification 355828 (REX2, EVEX map 4). Which
// opcodes of the VEX and EVEX maps exist is told by bit sets. An opcode that does
// not exist is an error, as are bytes of which processors differ: 66 before a near
// branch in 64-bit mode takes a displacement of 4 bytes on Intel's and of 2 on
// AMD's.
//
// Where a processor sees two instructions we do too, although some disassemblers
// print one: fwait (9b) before an x87 instruction.
package insn
