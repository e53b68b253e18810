// Package cfi reads call frame information: for every place in the code, how an
// unwinder finds the caller. It is what remains in a stripped program that says
// where functions begin and end, since exceptions and stack traces need it when
// the program runs.
//
// # Entries
//
// The section .eh_frame (LSB Core, "Exception Frames") is a sequence of records.
// Each begins with its length in 4 bytes, or with 0xffffffff and the length in 8;
// a length of 0 is a terminator, after which more may follow where a linker
// joined several objects. A CIE (common information entry) has what many
// functions share, an FDE (frame description entry) is one range of code: where
// it starts, how long it is, and a program for the part that is its own. The
// word behind the length tells the two apart: 0 in a CIE, and in an FDE the
// distance back to its CIE.
//
// .debug_frame (DWARF 5, 6.4) is the same with other details: the word is all
// ones in a CIE, an offset in the section in an FDE, and has 8 bytes where the
// length has; addresses are plain. In .eh_frame a CIE's augmentation string
// ("zR", "zPLR", "zRS", …) announces a pointer encoding for the addresses
// (DW_EH_PE_*: width, sign, and what it is relative to), a personality routine,
// an LSDA for each FDE, and signal frames.
//
// # The table to search
//
// .eh_frame_hdr, to which PT_GNU_EH_FRAME points in a file without section
// headers, has the address of .eh_frame and a table of (start, FDE) pairs sorted
// by start. One address then costs a few small reads.
//
// # Rows
//
// An FDE's program makes a table that has a row for each stretch of code. A row
// says how the CFA (canonical frame address: the stack pointer before the call)
// is computed, mostly as a register and an offset. The instructions of the CIE
// come first, for all its FDEs, then those of the FDE. What registers were saved
// where is skipped: [Row] has the CFA.
//
// Registers are the numbers of DWARF for the machine.
//
// # .ARM.exidx
//
// 32-bit arm has a table of its own instead (EHABI32, 5 and 6): pairs of words
// sorted by address, the first one the distance to a function ("prel31": bit 31
// clear, bits 0 to 30 a signed offset from the word itself), the second 1 for
// "cannot be unwound", unwind instructions if bit 31 is set, or the distance to
// them.
//
// # Hostile input
//
// Every record lies within its section and every walk goes forward, so work is
// linear in the section's size; a program has no more rows than bytes. A damaged
// record is one error, and the next one follows, since lengths say where it is.
package cfi
