// Package debuglink finds the symbols and the DWARF that were stripped from an
// executable: its separate debug file, verified, and an account of every place
// that was looked at.
//
// Distributions strip what they ship, and put what they took off into files of
// their own. Those have the same sections at the same addresses as the
// executable, but those that are loaded have no content, and so their program
// headers give no file offsets. The rule for a tracer follows from that: names
// and addresses may come from any file here, offsets only from the file that
// runs.
//
// # Build-id
//
// The linker writes a note with some 20 bytes that name the build (section
// .note.gnu.build-id, owner "GNU", type 3); strip leaves it in both files. The
// debug file of build-id abcdef… is DIR/.build-id/ab/cdef….debug for a debug
// directory DIR, by default /usr/lib/debug; where two packages have one
// build-id, the second is cdef….1.debug. What is found has to have the build-id
// too: nothing is taken on trust of its name. ("Separate Debug Files" in the
// GDB manual; symfile-debug.c and build-id.c of GDB; find-debuginfo.c and
// dwfl_build_id_find_debuginfo.c of elfutils.)
//
// # Debug link
//
// Section .gnu_debuglink holds a file name without a directory, a NUL, padding
// to 4 bytes, and a CRC-32 of the whole debug file in the executable's byte
// order. The polynomial is zlib's (IEEE), initial and final value inverted. The
// file is looked for in the executable's directory, in .debug/ there, and at
// DIR/<directory of the executable>/; the same with the executable's path
// without symlinks. Where a build-id can prove the file, the CRC does not
// count: Debian's libjvm.so has had one of another state of its debug file for
// years. Where there is none, the CRC must match.
//
// # Supplementary file
//
// dwz moves what the DWARF of several files has in common into one more file.
// .gnu_debugaltlink names it: its path, a NUL, its build-id. DWARF 5 has
// .debug_sup for that (section 7.3.6): version, a flag that is 1 in the
// supplementary file, its path, the length of its checksum, the checksum, which
// for dwz is the build-id. Without that file a part of the DWARF is missing.
//
// # MiniDebugInfo
//
// Section .gnu_debugdata is an ELF file in xz compression, whose symbol table
// has the functions that .dynsym lacks. Fedora adds it to every executable
// ("MiniDebugInfo" in the GDB manual). It has no DWARF, and no other file need
// be found.
//
// # debuginfod
//
// Servers have debug files by build-id. This package asks one only by the
// Fetcher that a caller hands over; *debuginfod.Client of package
// debuglink/debuginfod is one.
//
// # Hostile files
//
// Files and directories of containers belong to others. With Options.Root
// every path is looked up inside that root, symlinks included, by the kernel
// where it can (openat2, RESOLVE_IN_ROOT) and name by name where it can't.
// What is no regular file is not opened. Sizes that a file claims are believed
// as far as its bytes reach, and up to Limits. Debug links with a directory in
// their name are refused.
package debuglink
