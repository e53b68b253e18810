package loader

import (
	"bufio"
	"debug/elf"
	"os"
	"runtime"
	"slices"
	"strings"
)

// The x86-64 psABI's levels, in /proc/cpuinfo's words (pni is SSE3, abm is
// LZCNT).
var x86Levels = []struct {
	name  string
	needs []string
}{
	{"x86-64-v2", []string{"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"}},
	{"x86-64-v3", []string{"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}},
	{"x86-64-v4", []string{"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}},
}

// HostHWCaps are the subdirectories of glibc-hwcaps that this machine's loader
// looks at, best first; false where that is not known.
func HostHWCaps() (names []string, known bool) {
	host, ok := HostABI()
	if !ok {
		return nil, false
	}
	if host.hwcapNames() == nil {
		return nil, true
	}
	if runtime.GOOS != "linux" || host.Machine != elf.EM_X86_64 {
		return nil, false
	}
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return nil, false
	}
	defer f.Close()
	r := bufio.NewScanner(f)
	for r.Scan() {
		if name, flags, ok := strings.Cut(r.Text(), ":"); ok && strings.TrimSpace(name) == "flags" {
			return x86HWCaps(strings.Fields(flags)), true
		}
	}
	return nil, false
}

func x86HWCaps(flags []string) []string {
	var out []string
	for _, l := range x86Levels {
		for _, need := range l.needs {
			if !slices.Contains(flags, need) {
				return out
			}
		}
		out = append([]string{l.name}, out...)
	}
	return out
}
