// Package elfsym opens an ELF file of any class, byte order and machine and
// answers for its segments, notes and symbols: where in the file is the code
// called by this name?
//
//	f, err := elfsym.Open("/lib/x86_64-linux-gnu/libc.so.6")
//	…
//	defer f.Close()
//	for s, err := range f.Lookup(elfsym.Dynsym, "malloc") {
//		…
//		off, err := f.Segments().Code(s.Entry())
//	}
//
// # Addresses and offsets
//
// The kernel puts a uprobe on a place in a file, counted in bytes from its start
// (Documentation/trace/uprobetracer.rst). Everything in the file itself counts in
// link-time addresses. These are two types, [Offset] and [Addr], and only
// [Segments] turns one into the other. The addresses of a running process are a
// third thing, and not of this package: a process adds its load bias.
//
// # The file
//
// An ELF file begins with a header (gABI, "ELF Header"): the magic "\x7fELF", a
// byte for the class (32 or 64 bits: how wide addresses are, and how fields are
// ordered in some structures) and one for the byte order, then the machine, the
// type, and where two tables are. Class and byte order hold for the whole file
// and have nothing to do with the machine that reads it, so nothing here is read
// by overlaying a Go struct.
//
// The two tables describe the same bytes twice:
//
//   - Program headers, or segments, are for whoever runs the file. A PT_LOAD says:
//     map FileSize bytes from Offset to Addr, with these permissions, and zeros
//     behind them up to MemSize (.bss). PT_DYNAMIC is where the dynamic section
//     is, PT_NOTE where notes are.
//   - Section headers are for linkers and debuggers: .text, .symtab,
//     .note.stapsdt. A program runs without them, and some are delivered so.
//
// An offset comes from the PT_LOADs and from nothing else, as in the kernel's
// loader (fs/binfmt_elf.c):
//
//	offset = addr - segment.Addr + segment.Offset
//
// for the segment that holds the address. It is tempting to use the section a
// symbol is in, or one difference for the whole file, and both are wrong: sections
// may be absent or moved to a debug file, and lld, gold and mold, and GNU ld with
// -z separate-code, choose another difference for each segment. The file type
// plays no part: ET_EXEC and ET_DYN (shared objects, and PIEs) go by the same
// rule.
//
// An address without a byte in the file has no offset, and then there is an
// error that says why, never a number: zeroed memory, a gap, a segment that the
// kernel would not load, two segments at once, a file that was cut short. A
// separate debug file has program headers too, but they describe bytes that it
// does not have; see [File.DebugOnly].
//
// Counts that do not fit into the header's 16 bits are in section header 0 (gABI,
// "Extended Numbering": PN_XNUM, SHN_XINDEX), and entries of header tables may be
// longer than those known today.
//
// # Symbols
//
// A symbol table is an array of fixed-size entries (gABI, "Symbol Table"): a place
// in a string table, a value (for us, an address), a size, a type, a binding, a
// visibility and the index of a section, 0 for what is imported. A file has up to
// two: [Dynsym], what it exports and imports, which is there as long as the file
// can be loaded; and [Symtab], all names, static functions and source files
// included, which strip removes.
//
// Linkers store "bar" within "foobar", so that a name can begin in the middle of
// another.
//
// An exported name can have several versions (LSB Core, "Symbol Versioning"), each
// a symbol: .gnu.version has a number for every entry of .dynsym, .gnu.version_d
// names the numbers that this file defines, .gnu.version_r those that it wants of
// others. By custom "f@@V" is the version that a linker takes for a bare "f", and
// "f@V" another one. In .symtab the same stands in the name itself.
//
// Some machines put more than an address into a value, and [Symbol] has it taken
// apart: bit 0 on 32-bit arm (Thumb) and MIPS; a function descriptor in .opd in
// place of the code on 64-bit PowerPC ELFv1; a second, local entry on ELFv2.
//
// # Looking a name up
//
// [File.Lookup] builds no index. .dynsym has a hash table, made for the loader:
// .gnu.hash (a Bloom filter, buckets, and chains of hashes), or .hash (buckets and
// chains of indexes; gABI, "Hash Table"; on s390x and alpha its numbers have 64
// bits). One name costs a few reads of a few bytes, however large the library.
// .symtab has none, so its strings are searched for the name, in windows, and then
// its entries for what points there: comparing numbers, not strings. For more than
// some names at once the table is walked instead. [File.Containing] finds names by
// a part of them in the same way, which is how a pattern is looked for. For all
// names sorted, and for addresses, there is [Table]; [Spans] have the functions of a
// sound file in either order without keeping their symbols.
//
// # What is there without names
//
// Call frame information (.eh_frame, .debug_frame, .ARM.exidx), the entry point and
// the arrays of initializers tell where functions begin: [File.Starts]. One
// address is found by .eh_frame_hdr's sorted table: [File.FrameAt], [File.CFAAt].
// The stubs by which a file calls another one's functions are decoded, and named
// by the relocation of the word that they jump through: the source [PLT], with
// names such as "read@plt". [File.FramePointers] tells by a sample whether
// functions keep a frame pointer.
//
// # What is read, and when
//
// [Open] makes one read of a kilobyte: the header and, in nearly all files, the
// program headers and the build-id. All else is read when it is first asked for;
// section headers, version names and, for a walk, the strings are kept from then
// on, and errors with them. Symbols are read anew for each question. Nothing is
// mapped: a mapped file that somebody else truncates would end the whole process.
// The files testdata/reads-*.golden say which question makes which reads.
//
// What is handed out stays valid after Close. A [File] and a [Table] are safe for
// concurrent use, and their iterators can run at the same time.
//
// # What is wrong with a file
//
// Files come from other people's containers, so nothing in them is believed
// before it is checked: no input makes this package panic, go on for ever, or take
// memory beyond [Limits]. Section headers that are damaged leave segments and
// dynamic symbols; one damaged symbol is one error, and the rest is listed; a
// damaged hash table is reported, and the strings are searched.
//
// Iterators yield (value, error) pairs. An error says that something is missing;
// go on, and the rest follows. Errors wrap one of the Err variables and are
// mostly a [*FormatError], [*SymbolError] or [*AddrError].
//
// # Demangling
//
// [Demangle] and [NameQuery] translate names of C++ (Itanium ABI) and Rust. A query
// is made the other way round from what one expects: not all names of a file are
// demangled and compared, but the part of the name asked for that its mangled form
// must have within it, [MangledNeedle], is looked for first.
package elfsym
