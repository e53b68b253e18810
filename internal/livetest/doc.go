// Package livetest holds the library to the running kernel: its tests attach uprobes at the offsets
// that package offset gives, run the program, and compare how often each was hit with how often the
// program says it gets there. A wrong offset is no error to the kernel: it accepts any, and then
// nothing is counted, or the program breaks. Only a hit proves a place.
//
// The tests need root, a kernel with uprobes and eBPF (attach cookies: Linux 5.15), and say what is
// missing when they skip; see internal/skip. Programs are copies with inodes of their own, so that
// nothing else on the system is probed and nothing else is counted.
package livetest
