// Package usdt reads USDT probes, the user-space statically defined tracepoints
// that a program's author has put into it: where each stands, where its semaphore
// is, and where its arguments are.
//
//	for s, err := range usdt.Sites(f) {
//		…
//		attach(s.Offset, s.RefCtrOffset, s.Args())
//	}
//
// # What a probe is
//
// The macros of <sys/sdt.h> (SystemTap, GCC's and libbpf's usdt.h do the same)
// turn
//
//	DTRACE_PROBE2(python, line, name, n);
//
// into a single nop in the code, and a note in the section .note.stapsdt that says
// where the nop is, what the probe is called, and in which registers or memory the
// compiler has the arguments at that point. A tracer puts a uprobe on the nop. The
// section is not loaded, so that a probe costs a running program one instruction;
// but it survives strip.
//
// The compiler copies a probe along with the code around it, by inlining or loop
// unrolling. So one probe has several sites, each with a note, a place and
// arguments of its own, and to see every event all of them must be attached to.
// [Group] gathers them.
//
// # The note
//
// Notes are records (gABI, "Note Section") of three 4-byte numbers, namesz, descsz
// and type, followed by the owner's name and the descriptor, both padded to 4
// bytes. Here the owner is "stapsdt" with its NUL, and the type is 3. The
// descriptor:
//
//	address   of the nop                                 4 or 8 bytes each,
//	address   of .stapsdt.base, when this was linked     in the class and
//	address   of the semaphore, or 0                     byte order of the file
//	string    provider, NUL
//	string    name, NUL
//	string    arguments, NUL: "-4@%edi 8@-8(%rbp)"
//
// An argument is a size in bytes, negative if it is signed, and an operand in the
// assembler's notation for the file's machine: see package usdt/operand. "f"
// behind the size marks floating point.
//
// # Moved files
//
// The addresses are those of link time. A tool like prelink that moves a program
// afterwards adjusts its symbols and code, but not the notes, which it does not
// know. For that there is the section .stapsdt.base: loaded, and so moved along.
// What it is ahead of the base that the note has is what must be added to the
// other two addresses; [Site.Moved] says how much it was. SystemTap, GDB and libbpf
// do so for the nop, and SystemTap and GDB for the semaphore too, as is done here.
// Without the section (ld --gc-sections may drop it), or with a base of 0, the note
// is taken as it is.
//
// # Places
//
// As everywhere, an address becomes a file offset by the program headers of the
// file that is executed: the site's in an executable segment, the semaphore's in a
// writable one that is not executable. See [elfsym.Segments]. A separate debug
// file has the same notes, and no code that they could mean: its sites have no
// offset ([elfsym.File.DebugOnly] tells).
//
// # Semaphores
//
// A probe whose arguments are costly to prepare asks first whether anybody listens:
// it has a 16-bit counter in .probes, its semaphore, and skips the preparation, and
// the nop, while that is 0. A tracer gives its file offset along with the uprobe
// (ref_ctr_offset in perf_event_open and BPF links; kernel/events/uprobes.c), and
// the kernel raises it in each process that maps the file. It must be even and in a
// private writable mapping. If it cannot be given, [Site.SemaphoreErr] says why, and
// the probe would be silent for ever.
//
// # Nops
//
// What stands at a site is one nop of the machine. On x86-64 libbpf's usdt.h writes a
// longer one behind it, which newer kernels replace by a call in place of a trap;
// [ReadNop] tells them apart.
//
// # Damaged notes
//
// readelf stops at the first note that it cannot read. But every note of ours has
// the same 12 bytes in it, its type and its owner, so that the next one can be
// found again. [Sites] yields a [*NoteError] for what it could not read and goes
// on. Notes in a section of another name are found too, and those of other
// owners are passed over there; in a file without section headers PT_NOTE segments
// are looked through.
package usdt
