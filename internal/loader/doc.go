// Package loader finds libraries by name as the dynamic loader of a program
// does, without running anything: in the host's file system or beneath another
// root, for any machine.
//
// # Which loader
//
// The kernel starts the one that PT_INTERP names, and its rules are those of
// its libc. Two are known here: glibc's (ld-linux*.so.*, ld64.so.*, ld.so.1) and
// musl's (ld-musl-ARCH.so.1). Of others only what the files themselves say is
// followed.
//
// # glibc
//
// A name with "/" is a path. Any other is searched (elf/dl-load.c,
// _dl_map_object; "man 8 ld.so"), the first file of the right ABI wins, and one
// of another ABI is passed over:
//
//  1. among what is loaded already, by the name that was asked for and by
//     DT_SONAME;
//  2. DT_RPATH of the file that needs it, of the file that needed that one, and
//     so on up to the program. A file with DT_RUNPATH has no DT_RPATH, and where
//     it is the one that needs the library this step is left out;
//  3. LD_LIBRARY_PATH;
//  4. DT_RUNPATH of the file that needs it, of no other;
//  5. /etc/ld.so.cache;
//  6. the directories built into the loader: /lib/TRIPLET, /usr/lib/TRIPLET, /lib
//     and /usr/lib on Debian, /lib64 and /usr/lib64 elsewhere. Where the loader
//     itself is, without symlinks, tells which.
//
// DF_1_NODEFLIB takes away 6, and of 5 what is in those directories. In every
// directory glibc-hwcaps/NAME/ comes first, for each NAME that the processor
// has, the best first.
//
// $ORIGIN is the directory of the file that says it: of a program without
// symlinks (the loader asks /proc/self/exe), of a library as it was found. $LIB is
// "lib", "lib64" or "lib/TRIPLET", $PLATFORM what the kernel calls the processor.
//
// A loader outside of /lib* and /usr/lib* belongs to a prefix, as in Nix and Guix:
// PREFIX/lib and PREFIX/etc/ld.so.cache stand for the system's.
//
// # musl
//
// ldso/dynlink.c, load_library: LD_LIBRARY_PATH, then DT_RUNPATH or else DT_RPATH
// of the file and of all those up to the program, then the directories in
// /etc/ld-musl-ARCH.path (of the loader's own prefix), or /lib:/usr/local/lib:/usr/lib
// where there is none. The parts that glibc splits libc into are the loader itself.
// A file of another ABI ends the search. DT_SONAME plays no part.
//
// # ld.so.cache
//
// ldconfig writes it; see [ParseCache].
package loader
