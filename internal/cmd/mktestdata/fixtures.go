package main

import "strings"

// A machine is a directory of testdata: whose compiler, and what debug/elf must find in its files.
type machine struct {
	dir    string
	triple string
	flags  string
	elf    string // class, byte order, machine
}

// Small pages keep files small where the default is 64 KB; .cold parts are off by default but on x86.
const foreign = "-freorder-blocks-and-partition -Wl,-z,max-page-size=4096"

var machines = []machine{
	{"amd64", "x86_64-linux-gnu", "", "ELFCLASS64 ELFDATA2LSB EM_X86_64"},
	{"x32", "x86_64-linux-gnu", "-mx32", "ELFCLASS32 ELFDATA2LSB EM_X86_64"},
	{"i386", "i686-linux-gnu", "", "ELFCLASS32 ELFDATA2LSB EM_386"},
	{"arm64", "aarch64-linux-gnu", foreign, "ELFCLASS64 ELFDATA2LSB EM_AARCH64"},
	{"arm", "arm-linux-gnueabihf", "-fno-asynchronous-unwind-tables", "ELFCLASS32 ELFDATA2LSB EM_ARM"},
	{"riscv64", "riscv64-linux-gnu", foreign, "ELFCLASS64 ELFDATA2LSB EM_RISCV"},
	{"s390x", "s390x-linux-gnu", foreign, "ELFCLASS64 ELFDATA2MSB EM_S390"},
	{"ppc64le", "powerpc64le-linux-gnu", foreign, "ELFCLASS64 ELFDATA2LSB EM_PPC64"},
	{"ppc64", "powerpc64-linux-gnu", foreign, "ELFCLASS64 ELFDATA2MSB EM_PPC64"},
	{"mips64el", "mips64el-linux-gnuabi64", foreign, "ELFCLASS64 ELFDATA2LSB EM_MIPS"},
}

// A fixture is one committed file. In its lines CC, CXX and BIN stand for the machine's programs,
// FLAGS for the common flags, DIR for its directory and OUT for the file.
type fixture struct {
	file     string // relative to testdata
	purpose  string
	elf      string // as in machine, and the type
	short    string // lines as the README shows them
	machine  machine
	optional bool // left alone where its compiler is missing
}

// The common flags. Without a libc and its start files a program is a few KB; the build-id is a hash
// of the contents.
const commonFlags = "-O2 -w -ffreestanding -fno-stack-protector -fno-exceptions -fasynchronous-unwind-tables -nostdlib -isystem . -ffile-prefix-map=$PWD=/testbin -Wl,--build-id=sha1"

const (
	probeSources = "start.c probe.c a.c b.c usdt.c usdt_mem.c"
	pie          = "-fPIE -pie"
	nopie        = "-fno-pie -no-pie"
)

// lines are the commands to run, in full.
func (f fixture) lines() []string {
	r := strings.NewReplacer("CC", f.machine.triple+"-gcc", "CXX", f.machine.triple+"-g++", "BIN-", f.machine.triple+"-",
		"FLAGS", strings.TrimSpace(commonFlags+" "+f.machine.flags), "DIR", f.machine.dir, "OUT", f.file)
	return strings.Split(r.Replace(f.short), " ; ")
}

// The three that every machine has: what they are for is said once.
const (
	purposeProbe = "Functions of every kind (statics of one name, aliases, no size, no type, tail call, cold part, inlined copies) and USDT probes with arguments of every kind."
	purposeLib   = "Versions (two functions of one name; two versions at one address; an old one only), ifunc, every visibility, thread-local data, and a probe with a semaphore, in a shared library."
	purposeMain  = "Imports from libtestbin.so, by the PLT and by address; a weak import that is nowhere."
	purposeFP    = "USDT arguments in floating-point registers."
)

func allFixtures() []fixture {
	var list []fixture
	m := machines[0]
	add := func(name, elfType, purpose string, lines ...string) {
		list = append(list, fixture{file: m.dir + "/" + name, purpose: purpose, elf: m.elf + " " + elfType,
			short: strings.Join(lines, " ; "), machine: m})
	}

	probe := func(flags string) string { return "CC FLAGS " + flags + " -o OUT " + probeSources }
	add("probe-pie", "ET_DYN", purposeProbe+" PIE with DWARF 5.", probe("-g "+pie))
	add("probe-nopie", "ET_EXEC", "The same without PIE: the first segment is at 0x400000.", probe(nopie+" -static"))
	add("probe-static-pie", "ET_DYN", "The same, static PIE: no interpreter.", probe("-fPIE -static-pie"))
	add("probe-O0", "ET_DYN", "The same without optimisation: arguments relative to the frame pointer, prologues, no inlined copies but those forced.", "CC FLAGS -g -O0 -fPIE -pie -o OUT "+probeSources)
	add("probe-clang", "ET_DYN", "The same by clang: arguments in memory, and in the red zone.", "clang --target=x86_64-linux-gnu FLAGS -g -fPIE -pie -o OUT "+probeSources)
	add("probe-dwarf4", "ET_DYN", "The same with DWARF 4 and its type units.", probe("-gdwarf-4 -fdebug-types-section "+pie))
	add("probe-lld", "ET_DYN", "Linked by lld: address less offset differs from segment to segment, and one page of the file is mapped for several (see Semaphores).", probe(pie+" -fuse-ld=lld"))
	add("probe-lld-nopie", "ET_EXEC", "Linked by lld, not PIE.", probe(nopie+" -static -fuse-ld=lld"))
	add("probe-gold", "ET_DYN", "Linked by gold.", probe(pie+" -fuse-ld=gold"))
	add("probe-noseparate", "ET_DYN", "Code in one segment with headers and read-only data (-z noseparate-code).", probe(pie+" -Wl,-z,noseparate-code"))
	add("probe-rwx", "ET_EXEC", "Code and data in one writable segment (ld -N): the kernel takes no uprobe there.", probe(nopie+" -static -Wl,-N"))
	add("probe-pinned", "ET_EXEC", "Addresses pinned by pinned.ld: for expected values that no compiler version changes.",
		"CC FLAGS -g -fno-pie -ffunction-sections -c start.c probe.c a.c b.c usdt.c usdt_mem.c",
		"CC FLAGS -no-pie -static -Wl,-T,pinned.ld -o OUT start.o probe.o a.o b.o usdt.o usdt_mem.o")
	add("probe.o", "ET_REL", "Relocatable: addresses are relative to sections and notes are not relocated.", "CC FLAGS -fPIE -r -o OUT "+probeSources)

	add("probe-stripped", "ET_DYN", "probe-pie stripped of all: notes remain, symbols do not. Same build-id.", "BIN-strip --strip-all -o OUT DIR/probe-pie")
	add("probe-noshdr", "ET_DYN", "probe-stripped without section headers and without what no segment holds: no notes of probes are left.", "mktestdata noshdr DIR/probe-stripped OUT")
	add("probe-pie.debug", "ET_DYN", "Separate debug file of probe-pie: its program headers give wrong offsets, its .note.stapsdt is not to be listed.", "BIN-objcopy --only-keep-debug DIR/probe-pie OUT")
	add("probe-debuglink", "ET_DYN", "probe-pie stripped, with .gnu_debuglink to probe-pie.debug.", "BIN-objcopy --strip-all --add-gnu-debuglink=DIR/probe-pie.debug DIR/probe-pie OUT")
	add("probe-minidebug", "ET_DYN", "probe-pie stripped, with its symbols in .gnu_debugdata (xz).",
		"BIN-objcopy --strip-debug --remove-section=.comment --remove-section=.note.stapsdt DIR/probe-pie.debug mini", "xz --keep --force mini",
		"BIN-objcopy --strip-all --add-section=.gnu_debugdata=mini.xz DIR/probe-pie OUT")
	add("probe-zlib", "ET_DYN", "Debug sections compressed with zlib (SHF_COMPRESSED).", "BIN-objcopy --compress-debug-sections=zlib-gabi DIR/probe-pie OUT")
	add("probe-zlib-gnu", "ET_DYN", "Debug sections compressed the old way (.zdebug_info).", "BIN-objcopy --compress-debug-sections=zlib-gnu DIR/probe-pie OUT")
	add("probe-zstd", "ET_DYN", "Debug sections compressed with zstd (SHF_COMPRESSED).", "BIN-objcopy --compress-debug-sections=zstd DIR/probe-pie OUT")

	add("sdt-stale", "ET_DYN", "PIE as prelink leaves it: everything is at 0x10000 and up but the addresses in the notes, which are less by 0x10000. Only .stapsdt.base, against the base in the notes, tells. Sites and semaphores are at the note's address + 0x10000.",
		"CC FLAGS "+pie+" -fuse-ld=lld -Wl,--image-base=0x10000,-z,norelro -o moved "+probeSources, "mktestdata stalenotes moved OUT")
	add("sdt-nobase", "ET_DYN", "probe-stripped without the section .stapsdt.base: the notes are right as they are.", "BIN-objcopy --remove-section=.stapsdt.base DIR/probe-stripped OUT")
	add("sdt-damaged.so", "ET_DYN", "Notes wrong in one way each, between two that are right (damaged.S).", "CC FLAGS -shared -o OUT damaged.S")
	add("nops", "ET_EXEC", "Sites with nop, nop + nop5, nop + nop10, in assembler.", "CC FLAGS "+nopie+" -static -o OUT start.c nops.S")
	add("nops-alloc", "ET_EXEC", "The same with its notes in a segment (PT_NOTE).", "CC FLAGS "+nopie+" -static -DALLOC -o OUT start.c nops.S")
	add("nops-noshdr", "ET_EXEC", "nops-alloc without section headers: the notes are found by PT_NOTE.", "mktestdata noshdr DIR/nops-alloc OUT")
	add("usdt_fp", "ET_DYN", purposeFP, "CC FLAGS "+pie+" -o OUT start.c usdt_fp.c")

	lib := func(flags string) string {
		return "CC FLAGS -fPIC -shared" + flags + " -Wl,--version-script=lib.map,-soname=libtestbin.so -o OUT lib.c"
	}
	add("libtestbin.so", "ET_DYN", purposeLib+" GNU hash table.", lib(" -g -Wl,--hash-style=gnu"))
	add("libtestbin-sysv.so", "ET_DYN", "The same with the System V hash table only.", lib(" -Wl,--hash-style=sysv"))
	add("libtestbin-both.so", "ET_DYN", "The same with both hash tables, stripped: .dynsym alone.", lib(" -s -Wl,--hash-style=both"))
	add("libtestbin-lld.so", "ET_DYN", "The same linked by lld.", lib(" -fuse-ld=lld"))
	add("libtestbin-noshdr.so", "ET_DYN", "libtestbin.so without section headers: symbols are found by PT_DYNAMIC.", "mktestdata noshdr DIR/libtestbin.so OUT")
	add("libtestbin-sysv-noshdr.so", "ET_DYN", "libtestbin-sysv.so without section headers.", "mktestdata noshdr DIR/libtestbin-sysv.so OUT")
	program := func(flags string) string {
		return "CC FLAGS " + flags + " -Wl,-rpath,$ORIGIN -o OUT start.c main.c DIR/libtestbin.so"
	}
	add("main", "ET_DYN", purposeMain+" Lazy binding, .plt.", program(pie+" -Wl,-z,lazy"))
	add("main-nopie", "ET_EXEC", "The same without PIE: the undefined lib_func has the address of its PLT entry.", program(nopie))
	add("main-ibt", "ET_DYN", "The same with -fcf-protection: endbr64, and .plt.sec.", program(pie+" -fcf-protection -Wl,-z,ibtplt"))
	add("main-now", "ET_DYN", "The same bound at start (-z now): .plt.got.", program(pie+" -Wl,-z,now"))
	add("main-noplt", "ET_DYN", "The same without a PLT (-fno-plt): calls go through the GOT.", program(pie+" -fno-plt"))

	add("cxx.so", "ET_DYN", "C++ names: namespaces, overloads, templates, constructors and destructors, operators, const methods, lambda, anonymous namespace, .cold.",
		"CXX FLAGS -std=c++17 -fno-rtti -freorder-blocks-and-partition -fPIC -shared -o OUT cxx.cc")
	rust := func(name, mangling, purpose string) {
		add(name, "ET_DYN", purpose,
			"rustc --target=x86_64-unknown-linux-gnu --crate-type=lib --emit=obj -Copt-level=0 -Cdebug-assertions=off -Cpanic=abort -Crelocation-model=pic "+mangling+"--remap-path-prefix=$PWD=/testbin -o names.o names.rs",
			"CC FLAGS -shared -Wl,-z,undefs -o OUT names.o")
		list[len(list)-1].optional = true
	}
	rust("rust-legacy.so", "", "Rust names in the legacy form.")
	rust("rust-v0.so", "-Csymbol-mangling-version=v0 ", "Rust names in the v0 form.")
	add("core", "ET_CORE", "A core dump written by hand: a mapping's bytes, NT_PRSTATUS and NT_FILE.", "mktestdata core - OUT")

	for _, m = range machines[1:] {
		if m.dir != "x32" {
			add("probe-pie", "ET_DYN", purposeProbe+" PIE with DWARF 5.", probe("-g "+pie))
		}
		add("probe-nopie", "ET_EXEC", "The same without PIE.", probe(nopie+" -static"))
		switch m.dir {
		case "x32":
			list[len(list)-1].purpose = "x86-64 code in a 32-bit file: addresses of notes and symbols have four bytes. Few kernels run it."
			continue
		case "arm":
			list[len(list)-1].purpose = "The same without PIE. As in probe-pie most code is Thumb (bit 0 of a function's value), _start and syscall3 are ARM; mapping symbols."
			add("probe-arm", "ET_EXEC", "The same with all code ARM.", probe(nopie+" -static -marm"))
		case "arm64":
			add("probe-64k", "ET_DYN", "The same with 64 KB pages, the default of this machine: far gaps between segments.", probe(pie+" -s -Wl,-z,max-page-size=65536"))
		case "ppc64":
			list[len(list)-1].purpose = "The same without PIE. As in probe-pie symbols are ELFv1 descriptors in .opd."
		case "ppc64le":
			list[len(list)-1].purpose = "The same without PIE. As in probe-pie functions have a local entry (ELFv2)."
		}
		add("libtestbin.so", "ET_DYN", purposeLib, lib(""))
		add("main", "ET_DYN", purposeMain, program(pie))
		add("usdt_fp", "ET_DYN", purposeFP, "CC FLAGS "+pie+" -o OUT start.c usdt_fp.c")
	}
	return list
}
