// Package offset turns names into the places in a program where uprobes go.
//
// A uprobe is put on a file and an offset in it, and hits every process that
// runs those bytes. People have names instead: a function, a version of it, a
// method, a USDT probe. A [Target] is one file; [Target.Probes] lists every place
// that it has, and [Target.Resolve] says which of them a [Spec] stands for:
//
//	t, err := offset.Open("/usr/bin/python3", nil)
//	if err != nil {
//		return err
//	}
//	defer t.Close()
//	results, err := t.Resolve(ctx, offset.USDT("python", "gc__start"), offset.Func("PyList_Append"))
//	if err != nil {
//		return err
//	}
//	for _, r := range results {
//		if r.Err != nil {
//			return r.Err // says what was searched, and what is near
//		}
//		for _, l := range r.Locations {
//			attach(l.Path, l.Offset, l.RefCtrOffset)
//		}
//	}
//
// # From a name to an offset
//
// Symbols and notes hold link-time addresses. The program header (PT_LOAD) whose
// bytes in the file cover the address says where those bytes are:
//
//	offset = address - p_vaddr + p_offset
//
// It makes no difference whether the file is position independent, which linker
// wrote it, or whether it has section headers. Only the headers of the file that
// is executed are right: those of a separate debug file lead elsewhere, so [Open]
// refuses such a file with [ErrDebugOnly] and names its executable if that is to
// be found, as it refuses object files and core
// dumps with [ErrNotExecutable].
//
// An address is refused, and has no offset, where no segment covers it, where
// the segment is not executable (for a semaphore: not writable), and where the
// memory is in no file (.bss). An offset is right or absent, never a guess and
// never the address itself; the error wraps [elfsym.ErrNoOffset].
//
// # Units
//
// [elfsym.Addr] is a link-time address, [elfsym.Offset] a place in the file, both
// in bytes; they are two types so that one is not taken for the other.
// Location.Offset is what the kernel wants (perf_event_attr.probe_offset, the
// offset of a uprobe_multi link), and Location.RefCtrOffset is ref_ctr_offset: 0
// for a probe without a semaphore. A program with a semaphore only reaches its
// probe while the kernel holds the semaphore up, so a probe whose semaphore has
// no place in the file has no location either.
//
// # Which names there are
//
// Functions and ifuncs that .symtab or .dynsym define in an executable segment.
// An entry of both tables is one probe whose Sources are both; what makes two
// entries one is name, version, address and type. Aliases, two names at one
// address, stay two, and so do two functions of one name: statics of two source
// files, told apart by Location.File, or two versions, told apart by
// Location.Version. Imports are no probes: a name that the file only imports
// gives a [NotFoundError] with the libraries to look in.
//
// The symbol of an ifunc is that of its resolver, which the loader calls once;
// Location.Type tells. A uprobe for the function itself goes on the
// implementation that the resolver chose, which has a name of its own.
//
// On arm, Thumb's bit 0 is taken off the address. On 64-bit PowerPC a symbol may
// be a function descriptor (ELFv1), and its code is meant; or a function may have
// a second, local entry that calls from within the file go to (ELFv2), and that
// is where its location is, since every call comes by it. A distance ("f+0x10")
// counts from the symbol's address even there, as in a disassembly.
//
// A file without .symtab was stripped. Its statics are in its separate debug
// file, or in .gnu_debugdata (package debuglink finds and verifies both); they
// join the listing with a source of their own. Only addresses are taken from
// there, and only if the code proves to be at the same ones: prelink moves a
// library and leaves its build-id. A name that the file's own tables have is not
// looked for in the debug file. A Go program that has neither is read by the table
// that its runtime keeps of its functions. Where no table has a local function, as
// after a linker's -x, Resolve asks DWARF for what is still missing, names and addresses; a
// listing does not. Options.OwnTables leaves all of that out, and
// nothing is fetched over a network unless Options.Debug has a Fetcher.
//
// USDT probes come from .note.stapsdt. A probe has one site for each place in the
// code that the compiler made of it, every one with an offset, and perhaps
// arguments and a semaphore, of its own. Attach to all of them.
//
// # Specs
//
// [Func], [USDT], [At] and [FileOffset] say exactly what is meant, [ParseSpec]
// reads what a person typed. A name is tried as the file spells it; if it has
// none, as the source has it (demangled; with or without parameters and template
// arguments); if that finds nothing either, as a pattern with "*", "?" and "[…]".
// So a name with brackets or a star in it finds itself. "f@V" is one version,
// "f@@V" the same but only if it is the default one, and "f" is all versions.
//
// Every candidate is returned, with its evidence. [Result.One] is for callers
// who need exactly one place: several are an [AmbiguousError], which has them
// all. Two names for one place are not several.
//
// # Tracers that run for long
//
// A tracer meets the same files in many processes. With Options.Cache the answers
// of Resolve are kept, within a bound in bytes, by what identifies a file, and the second
// process that has a file mapped is answered without reading more of it than its
// first kilobyte. Nothing is kept by default. See [Cache].
//
// # Errors
//
// What is damaged is left out and told once, and the rest stands: in a listing as
// an error among the probes, in Resolve as its second result, beside the answers.
// A file that changes while it is read gives [elfsym.ErrChanged] instead of an
// answer.
//
// # Ownership and concurrency
//
// A Target that Open made owns its file; one that [New] made borrows it. All
// methods may be called concurrently, and what they return stays valid after
// Close. Cancelling the context ends a listing or a resolution with its error.
//
// Reading is lazy: USDT probes cost the section headers and the notes, an
// exported name a few small reads by way of the hash table, and only patterns,
// demangled names, addresses and names that are not found cost a walk over the
// symbol tables. Who wants no more than names asks FuncNames and USDTNames.
package offset
