//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// printInProcess runs the benchmarks of inprocess/: questions that take less time
// than it takes to start a process.
func printInProcess(ctx context.Context, w io.Writer, c *corpus) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", "300ms", module+"/bench/inprocess")
	cmd.Env = append(os.Environ(), "PROBELS_BENCH_LLVM="+c.llvm, "PROBELS_BENCH_RUST="+c.rustLLVM, "PROBELS_BENCH_JVM="+c.jvm, "PROBELS_BENCH_NODE="+c.node)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	writeInProcess(w, bytes.NewReader(out))
	return nil
}

// writeInProcess makes a table of lines "BenchmarkWork/file/library-2  N  5 ns/op  6 B/op  1 allocs/op":
// × is how often the time of the first library it takes.
func writeInProcess(w io.Writer, r io.Reader) {
	fmt.Fprint(w, "\n| in a process that runs | library | ns | × | bytes | allocations |\n|---|---|--:|--:|--:|--:|\n")
	last, first := "", 0.0
	for sc := bufio.NewScanner(r); sc.Scan(); {
		f := strings.Fields(sc.Text())
		if len(f) < 8 || !strings.HasPrefix(f[0], "Benchmark") || f[3] != "ns/op" || f[5] != "B/op" {
			continue
		}
		parts := strings.Split(strings.TrimPrefix(f[0], "Benchmark"), "/")
		library, _, _ := strings.Cut(parts[len(parts)-1], "-")
		work := strings.ReplaceAll(strings.Join(parts[:len(parts)-1], ", "), "_", " ")
		var ns float64
		fmt.Sscan(f[2], &ns)
		name := work
		if work == last {
			name = ""
		} else {
			last, first = work, ns
		}
		fmt.Fprintf(w, "| %s | %s | %.0f | %.1f | %s | %s |\n", name, strings.ReplaceAll(library, "_", " "), ns, ns/max(first, 1e-9), f[4], f[6])
	}
}
