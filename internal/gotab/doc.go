// Package gotab reads the table that every Go program carries of its own
// functions, so that the runtime can print stack traces and walk stacks:
// runtime.pclntab, in ELF files often the section .gopclntab. strip cannot
// remove it. The package knows the table and the runtime's moduledata; where in
// a file they are, and what relocations do to them, is its caller's business
// ([Memory]).
//
// Sources: "Go 1.2 Runtime Symbol Table" (golang.org/s/go12symtab);
// cmd/link/internal/ld/pcln.go, which writes the table; runtime/symtab.go and
// runtime/symtabinl.go, which read it; internal/abi/symtab.go for its magics.
// Numbers are in the byte order of the machine, "word" is a pointer's size.
//
// # Header
//
//	uint32   magic: 0xfffffffb Go 1.2, 0xfffffffa Go 1.16, 0xfffffff0 Go 1.18, 0xfffffff1 Go 1.20 and later
//	uint8    0
//	uint8    0
//	uint8    quantum, the unit of distances between instructions: 1, 2 or 4
//	uint8    bytes in a word: 4 or 8
//	word     number of functions
//
// and, from 1.16 on, when the one table became six parts:
//
//	word     number of files
//	word     address of runtime.text: only 1.18 and 1.20, and since Go 1.26 always 0
//	word ×5  distances from the header to: function names, compilation units'
//	         files, file names, pc-value tables, functions
//
// # Functions
//
// The list of functions, sorted by address, is at the last of these distances,
// in 1.2 right behind the header:
//
//	entry, distance to the function's record      for each function
//	end of the last function
//
// In 1.2 and 1.16 these are words, and the entries addresses, which a PIE's
// loader relocates. In 1.18 and later they are uint32, and the entries distances
// from runtime.text. A record's distance counts from the list, in 1.2 from the
// header. An all-ones distance is a hole, code of another linker's. In 1.2 a
// uint32 follows: the distance from the header to the list of files.
//
// A record (runtime._func):
//
//	entry                  as in the list
//	int32   nameOff        in the function names; in 1.2 from the header
//	int32   args
//	uint32  deferreturn    1.2 to 1.11: frame
//	uint32  pcsp, pcfile, pcln   pc-value tables, from their part's beginning
//	uint32  npcdata
//	uint32  cuOffset       1.16: where the files of its compilation unit begin
//	int32   startLine      1.20
//	uint8   funcID
//	uint8   flag           1.17
//	uint8   0
//	uint8   nfuncdata
//	uint32  pcdata[npcdata]      more pc-value tables
//	…       funcdata[nfuncdata]  1.16: words, addresses; 1.18: uint32, from moduledata's gofunc, all ones for none
//
// # pc-value tables
//
// A pc-value table tells a number for each instruction of a function: pairs of
// varints, of which the first is the change of the value in zigzag (0 ends the
// table, but for the first pair), the second the distance that it holds for, in
// quanta. The value begins at -1.
//
// pcln gives lines. pcfile gives files: an index into the list of files (1.2),
// or into those of the compilation unit, whose uint32 is a distance in the file
// names. pcdata 2 gives the index in the inline tree, funcdata 3, of the call
// that an instruction was inlined from, or -1:
//
//	int16 parent, uint8 funcID, uint8 0, int32 file, int32 line, int32 nameOff, int32 parentPc    1.16, 1.18
//	uint8 funcID, uint8 0 ×3, int32 nameOff, int32 parentPc, int32 startLine                      1.20
//
// parentPc is an instruction of the function at whose place the call was made;
// the tree's index there is the caller's. (1.2 numbered both differently in
// different releases; they are not read there.)
//
// # moduledata
//
// runtime.firstmoduledata, written by the linker (cmd/link/internal/ld/symtab.go),
// is how the runtime finds all this. Its words, from 1.16 on:
//
//	0      header            16–18  list of functions: address, number+1 twice
//	1–15   the five parts,   19     findfunctab
//	       each address,     20, 21 minpc, maxpc: first entry, end of the last function
//	       length, capacity  22, 23 text, etext
//
// then pairs for the data segments (five; six since 1.20), end, gcdata, gcbss,
// types, etypes, since 1.18 rodata and gofunc, since 1.26 epclntab, and the
// slice textsectmap. Go 1.5 to 1.15 begin with the slices pclntable, ftab and
// filetab, then findfunctab, minpc, maxpc, text, etext.
//
// A program whose text is too large for its machine's branches has several text
// sections, which the external linker moves apart. textsectmap then has for each
// of them, in words: distance of its beginning and of its end in the text as Go's
// linker saw it, and its address. Entries are distances in the former.
package gotab
