// Package relink makes of a static archive, or of one relocatable object, the
// library that a linker would make of it: in memory, to be read and never to be run.
//
// # What is in an archive
//
// An archive (ar(5)) is "!<arch>\n" and then members, each behind a header of
// 60 bytes of text with its name and size, at even offsets. "/" is an index of
// symbols, "//" has the names that are longer than a header has room for ("/12" is
// the one at its byte 12); BSD's archives have them before the member itself
// ("#1/20"). A thin archive ("!<thin>\n") names files and has none of their bytes.
//
// The members are relocatable objects (gABI, "Object Files", ET_REL): sections
// without addresses, symbols that count from the beginning of a section, and
// relocations, which say what to write where once all addresses are known. In
// such a file a call goes nowhere yet, and the same string is at byte 0 of as many
// sections as there are objects. So the functions can't be compared with those of
// a program before they are linked.
//
// # What Link does
//
// It is the part of a linker's work that decides what functions refer to:
//
//   - All members are taken, in their order, each section with its kind: code first,
//     of that what GNU ld puts first (".text.unlikely", ".text.startup", ".text.hot"), then
//     constants, data, and what has no bytes. Of sections in groups of one signature
//     (COMDAT) the first group stays.
//   - A name that several members define is, within each of them, its own; for the
//     others the first that is not weak, else the first, else the largest common one.
//   - Relocations are applied as the psABIs of x86-64 and arm64 have it. Where linkers
//     make shorter code of a load from the global offset table, because the
//     program has the symbol itself, so it is done here: functions are compared
//     with those of programs that are linked already.
//   - A name that no member defines becomes an import: a call goes to an entry of
//     a procedure linkage table, a load of an address to a slot that the loader
//     would fill in, anything else to a variable that it would copy.
//   - .eh_frame is put together without the entries of code that was left out.
//
// What can't change how a function looks is not done: unused sections stay, equal
// strings are not merged, nothing is aligned beyond 64 bytes. Debug information is
// not taken.
//
// # Hostile files
//
// Members and their sections are held to the bytes that there are: sections of a
// member can't overlap, names, addresses and what has no bytes are bounded by Limits.
// A damaged member is told and left out, a relocation that can't be applied is told
// and its place left as it is.
package relink
