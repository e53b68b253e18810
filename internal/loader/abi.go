package loader

import (
	"debug/elf"
	"runtime"

	"github.com/probels/probels/elfsym"
)

// An ABI is what two files must share for one to be loaded with the other.
type ABI struct {
	Machine elf.Machine
	Class   elf.Class
	Data    elf.Data
	Flags   uint32 // those bits of e_flags that tell calling conventions apart
}

// e_flags that separate ABIs: psABI documents and glibc's dl-machine.h.
const (
	armSoftFloat, armHardFloat = 0x200, 0x400
	mipsABI2, mipsNaN2008      = 0x20, 0x400
	riscvFloat, riscvRVE       = 0x6, 0x8
	ppc64ABI                   = 0x3
	loongFloat                 = 0x7
)

// ABIOf is a file's.
func ABIOf(f *elfsym.File) ABI {
	a := ABI{Machine: f.Machine(), Class: f.Class(), Data: f.ByteOrder()}
	switch a.Machine {
	case elf.EM_ARM:
		a.Flags = f.Flags() & (armSoftFloat | armHardFloat)
	case elf.EM_MIPS:
		a.Flags = f.Flags() & (mipsABI2 | mipsNaN2008)
	case elf.EM_RISCV:
		a.Flags = f.Flags() & (riscvFloat | riscvRVE)
	case elf.EM_PPC64:
		a.Flags = f.Flags() & ppc64ABI
	case elf.EM_LOONGARCH:
		a.Flags = f.Flags() & loongFloat
	}
	return a
}

// Fits reports whether files of both can be in one process. On arm and 64-bit
// PowerPC a file need not say which convention it follows.
func (a ABI) Fits(b ABI) bool {
	if (a.Machine == elf.EM_ARM || a.Machine == elf.EM_PPC64) && (a.Flags == 0 || b.Flags == 0) {
		a.Flags, b.Flags = 0, 0
	}
	return a == b
}

// HostABI is that of the programs of this system; false where it is not known.
// Flags are left at what most systems have.
func HostABI() (ABI, bool) {
	le, be := elf.ELFDATA2LSB, elf.ELFDATA2MSB
	a, ok := map[string]ABI{
		"amd64":   {elf.EM_X86_64, elf.ELFCLASS64, le, 0},
		"386":     {elf.EM_386, elf.ELFCLASS32, le, 0},
		"arm64":   {elf.EM_AARCH64, elf.ELFCLASS64, le, 0},
		"arm":     {elf.EM_ARM, elf.ELFCLASS32, le, 0},
		"s390x":   {elf.EM_S390, elf.ELFCLASS64, be, 0},
		"riscv64": {elf.EM_RISCV, elf.ELFCLASS64, le, 4}, // doubles in registers
		"ppc64le": {elf.EM_PPC64, elf.ELFCLASS64, le, 0},
		"ppc64":   {elf.EM_PPC64, elf.ELFCLASS64, be, 0},
		"loong64": {elf.EM_LOONGARCH, elf.ELFCLASS64, le, 3},
	}[runtime.GOARCH]
	return a, ok && runtime.GOOS == "linux"
}

// cacheFlags is what ldconfig marks the ABI's libraries with, but for the low
// byte.
func (a ABI) cacheFlags() uint32 {
	is64 := a.Class == elf.ELFCLASS64
	switch a.Machine {
	case elf.EM_SPARCV9:
		return 0x0100
	case elf.EM_IA_64:
		return 0x0200
	case elf.EM_X86_64:
		if is64 {
			return 0x0300
		}
		return 0x0800
	case elf.EM_S390:
		if is64 {
			return 0x0400
		}
	case elf.EM_PPC64:
		return 0x0500
	case elf.EM_MIPS:
		nan := a.Flags&mipsNaN2008 != 0
		switch {
		case is64 && nan:
			return 0x0e00
		case is64:
			return 0x0700
		case a.Flags&mipsABI2 != 0 && nan:
			return 0x0d00
		case a.Flags&mipsABI2 != 0:
			return 0x0600
		case nan:
			return 0x0c00
		}
	case elf.EM_ARM:
		switch a.Flags {
		case armHardFloat:
			return 0x0900
		case armSoftFloat:
			return 0x0b00
		}
	case elf.EM_AARCH64:
		return 0x0a00
	case elf.EM_RISCV:
		switch a.Flags & riscvFloat {
		case 0:
			return 0x0f00
		case 4:
			return 0x1000
		}
	case elf.EM_LOONGARCH:
		switch a.Flags {
		case 1:
			return 0x1100
		case 3:
			return 0x1200
		}
	}
	return 0
}

// accepts reports whether a loader of this ABI takes an entry of the cache.
func (a ABI) accepts(flags uint32) bool {
	libc, abi := flags&0xff, flags&^0xff
	switch {
	case libc != 1 && libc != 3:
		return false // libc 4 and 5
	case abi == 0 && a.Machine == elf.EM_ARM:
		return true // the file does not say which
	}
	return abi == a.cacheFlags()
}

// triplets are the names that Debian and its like give the ABI's directories.
func (a ABI) triplets() []string {
	is64, little := a.Class == elf.ELFCLASS64, a.Data == elf.ELFDATA2LSB
	pick := func(cond bool, yes, no string) []string {
		if cond {
			return []string{yes}
		}
		return []string{no}
	}
	switch a.Machine {
	case elf.EM_X86_64:
		return pick(is64, "x86_64-linux-gnu", "x86_64-linux-gnux32")
	case elf.EM_386:
		return []string{"i386-linux-gnu", "i486-linux-gnu", "i686-linux-gnu"}
	case elf.EM_AARCH64:
		return pick(little, "aarch64-linux-gnu", "aarch64_be-linux-gnu")
	case elf.EM_ARM:
		return pick(a.Flags&armSoftFloat == 0, "arm-linux-gnueabihf", "arm-linux-gnueabi")
	case elf.EM_S390:
		return pick(is64, "s390x-linux-gnu", "s390-linux-gnu")
	case elf.EM_PPC64:
		return pick(little, "powerpc64le-linux-gnu", "powerpc64-linux-gnu")
	case elf.EM_PPC:
		return []string{"powerpc-linux-gnu"}
	case elf.EM_RISCV:
		return pick(is64, "riscv64-linux-gnu", "riscv32-linux-gnu")
	case elf.EM_LOONGARCH:
		return []string{"loongarch64-linux-gnu"}
	case elf.EM_MIPS:
		name := "mips"
		if is64 || a.Flags&mipsABI2 != 0 {
			name = "mips64"
		}
		if little {
			name += "el"
		}
		switch {
		case is64:
			return []string{name + "-linux-gnuabi64"}
		case a.Flags&mipsABI2 != 0:
			return []string{name + "-linux-gnuabin32"}
		}
		return []string{name + "-linux-gnu"}
	}
	return nil
}

// libNames are what the directory "lib" is called for the ABI on systems that
// have several, the likeliest first.
func (a ABI) libNames() []string {
	switch {
	case a.Machine == elf.EM_RISCV && a.Class == elf.ELFCLASS64:
		return []string{"lib64/lp64d", "lib64", "lib"}
	case a.Class == elf.ELFCLASS64:
		return []string{"lib64", "lib"}
	case a.Machine == elf.EM_X86_64:
		return []string{"libx32"}
	case a.Machine == elf.EM_MIPS && a.Flags&mipsABI2 != 0:
		return []string{"lib32"}
	case a.Machine == elf.EM_386:
		return []string{"lib32", "lib"}
	}
	return []string{"lib"}
}

// hwcapNames are the subdirectories of glibc-hwcaps that glibc knows, best
// first (sysdeps/*/dl-hwcaps-subdirs.c).
func (a ABI) hwcapNames() []string {
	switch {
	case a.Machine == elf.EM_X86_64 && a.Class == elf.ELFCLASS64:
		return []string{"x86-64-v4", "x86-64-v3", "x86-64-v2"}
	case a.Machine == elf.EM_PPC64 && a.Data == elf.ELFDATA2LSB:
		return []string{"power10", "power9"}
	case a.Machine == elf.EM_S390 && a.Class == elf.ELFCLASS64:
		return []string{"z17", "z16", "z15", "z14", "z13"}
	}
	return nil
}

// platforms are what $PLATFORM may stand for; nil where that depends on the
// processor in more ways than are known. glibc calls some x86-64 processors
// "haswell" and "xeon_phi" (2.26 to 2.36).
func (a ABI) platforms() []string {
	switch a.Machine {
	case elf.EM_X86_64:
		return []string{"haswell", "xeon_phi", "x86_64"}
	case elf.EM_386:
		return []string{"i686", "i586", "i486", "i386"}
	case elf.EM_AARCH64:
		if a.Data == elf.ELFDATA2LSB {
			return []string{"aarch64"}
		}
		return []string{"aarch64_be"}
	case elf.EM_ARM:
		return []string{"v8l", "v7l", "v6l", "v5l"}
	}
	return nil
}

// String is the machine with what sets two ABIs of it apart: "EM_X86_64 ELFCLASS32".
func (a ABI) String() string {
	s := a.Machine.String()
	if a.Class == elf.ELFCLASS32 && a.Machine != elf.EM_386 && a.Machine != elf.EM_ARM || a.Machine == elf.EM_MIPS {
		s += " " + a.Class.String()
	}
	if a.Data == elf.ELFDATA2MSB {
		s += " big-endian"
	}
	return s
}
