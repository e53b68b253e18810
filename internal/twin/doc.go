// Package twin finds the functions of a stripped program by those of another
// build that has names: its twin.
//
// # What a compiler keeps, and what it changes
//
// Two builds of nearly the same source have nearly the same functions, at other
// addresses. Everything in an instruction that a linker writes is different: the
// distance to a called function, to a string, to a table. What the compiler chose,
// registers, offsets of fields, the order of instructions, stays as long as neither
// the source of the function nor the compiler changes. A change of the compiler or
// of its level changes even that, and leaves the texts, the imported functions
// and the numbers that the source uses, and who calls whom.
//
// # What is compared
//
// Read takes a file apart into a Set: its functions, and for each
//
//   - Code, a hash of its instructions with what a linker decides taken out. A jump
//     counts by the number of the basic block that it goes to, so that a short jump
//     and a long one are one thing; what only fills space, or marks where jumps may
//     land (nop, endbr64, bti), counts nothing.
//   - Full, the same with the content of what the instructions refer to: texts,
//     constants, names of imported functions.
//   - Shape, a hash of the kinds of instructions and of how the blocks follow each
//     other, without registers and numbers.
//   - Refs, in order: each text, import, datum and function that it refers to.
//   - Feats, a set: hashes of its blocks, of runs of four instructions' kinds, and
//     its numbers. Of a large function the smallest hashes are kept, so that two
//     functions that share something keep the same of it (Broder's min-wise
//     sampling).
//
// Where functions begin and end is told by the call frame information (.eh_frame),
// which no strip removes, by symbols, and by calls to where neither says anything. The PLT
// and the dynamic relocations say what is imported; no file can be without them.
//
// # How pairs are made
//
// Functions that are the only ones of their code in both files are each other's
// match, if they are long enough for that to mean something. From such pairs the
// rest follows, step by step, until nothing new does:
//
//   - Two functions with the same code refer to the same things at the same places:
//     the third call of one is to the match of the third call of the other.
//     References of functions that are not quite the same are aligned by what is
//     known to be equal in both.
//   - Data that matching functions refer to match, and so do functions at the same
//     place of a table there, or beside the same text.
//   - Compilers keep the order of the source and linkers that of the object files,
//     so as many functions between the same two neighbours are mostly the same ones.
//   - What is left is compared by its features, each weighing as much as it is rare.
//
// A pair is accepted only if each is the other's best candidate by a margin. A
// match is Certain where its evidence, by the tables in docs/match.md, is right in
// 99 of 100 cases or more; only Certain ones lead on to others. Functions with the same code in one file,
// as linkers fold and compilers duplicate them, are never told apart by their code:
// their callers, tables or neighbours do, or nothing does, and then all are candidates
// and none is chosen.
//
// # Where the ideas are from
//
// Comparing call graphs from points that are certain, and using the order of calls,
// is Flake's and Dullien's and Rolles' method ("Structural Comparison of Executable
// Objects", 2004; "Graph-based comparison of Executable Objects", 2005), which BinDiff
// has; Diaphora adds many more heuristics of the kind. Masking what a linker decides
// is older: FLIRT's patterns leave those bytes out, and Ghidra's Function ID hashes
// instructions without them and tells equal ones apart by their callers and callees.
// Weighing a feature by its rarity is what search engines do. Nothing here was
// taken from the code of those programs.
//
// # Hostile files
//
// Nothing that a file says is believed beyond its bytes and Limits. Functions that
// overlap are decoded until twice the file's code is read. Hashes can be made to
// collide on purpose, so a file can be built that matches wrongly: a match says what
// a program is likely to be that nobody made to deceive.
package twin
