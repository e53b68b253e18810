// Package dwline reads DWARF's line-number programs, section .debug_line of versions 2 to 5: which
// source line the instructions of an address come from, and where a line's statements begin.
//
// # The format
//
// Conceptually there is a table with a row for each instruction that begins something new: address,
// file, line, column, and flags. Stored as it is it would be larger than the program, so each
// compilation unit stores a program instead, for a machine with one register per column, whose
// instructions change registers and append rows:
//
//	unit_length      4 bytes, or ffffffff and 8 bytes: then every offset below has 8 bytes
//	version          2
//	address_size, segment_selector_size     1 each, version 5 only
//	header_length    4 or 8: from behind itself to the program
//	minimum_instruction_length              1
//	maximum_operations_per_instruction      1, since version 4; above 1 for VLIW machines only
//	default_is_stmt, line_base (signed), line_range, opcode_base      1 each
//	standard_opcode_lengths                 opcode_base - 1 bytes: operands of opcodes 1, 2, …
//	directories, files
//	the program
//
// An opcode of opcode_base or more is "special": it advances both address and line by amounts packed
// into its number and appends a row. Nine rows of ten are made so, one byte each. Opcodes 1 to 12 are
// standard; those between 12 and opcode_base are somebody's extensions and are skipped by their
// operands' count. Opcode 0 is followed by a length and an extended opcode: set_address,
// end_sequence and so on.
//
// Rows come in sequences: contiguous code in ascending order, one for each section that the compiler
// put code into. The last row of a sequence, end_sequence, has the address behind the code and says
// nothing else. A row holds to the next row's address.
//
// # Files
//
// Up to version 4 the tables are NUL-terminated strings; directory 0 is the unit's compilation
// directory, which only .debug_info knows, and file numbers begin at 1. Version 5 describes each
// table by a list of (content, form) pairs; directory 0 is the compilation directory, written out,
// and file 0 is the unit's own. So a version 5 header, with .debug_line_str, is all that is
// needed to name a file, and an address can be looked up with nothing else inflated.
//
// # Dead code
//
// When a linker drops a section (a template that another object file has too, a function that
// nobody calls) the program's set_address stays and is resolved to nothing: 0 by GNU ld and gold, all
// ones by lld. Such sequences overlap whatever lies there, and are left out everywhere here. In
// a relocatable file every section begins at 0; see Sections.Zero.
//
// # Traps
//
//   - Rows of several lines may have one address: only the last has instructions. Compilers
//     write the others for debuggers that show "views". A probe on such a line is one on the next.
//   - A line may have many rows that are statements (is_stmt): for a loop, before and behind its body;
//     for a function, the entry and the end of the prologue; in every inlined copy.
//   - A header file's lines are in each unit that includes it.
//   - The programs of type units have file tables and no rows. Declarations need no more.
//   - Nothing says that sequences come in order, or that units do.
//
// Sources: DWARF 5, section 6.2, and the earlier versions' likewise; LLVM's and GNU's documents of
// their extensions; what gcc, clang, rustc, Go and their assemblers write, held against readelf,
// eu-readelf, llvm-dwarfdump and addr2line.
package dwline
