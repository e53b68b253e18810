// Package inprocess compares look-ups that take less time than it takes to start a process, within
// one: this project's, debug/elf's, and cilium/ebpf's, from the path to the offset, nothing
// opened or kept before. It has benchmarks only; "go run ./bench" makes a table of them.
package inprocess
