//go:build unix

package main

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/probels/probels/internal/elfwrite"
)

// corpus is where the files are. What could not be had is "".
type corpus struct {
	probels, nothing string // programs, built here

	jvm, llvm, python   string // as shipped
	jvmPlain, jvmZ      string // with DWARF in the file, uncompressed and zlib-compressed
	pythonZ, goStripped string
	probes, symbols     map[int]string // generated, by size
}

// packages are Debian's, which fetchcorpus fetches and unpacks.
var packages = []string{"openjdk-17-jre-headless", "openjdk-17-dbg", "libllvm14", "python3.11-minimal", "python3.11-dbg"}

// prepare builds the programs and gets the files; dir keeps what takes long.
func prepare(ctx context.Context, dir, work string) (*corpus, error) {
	c := &corpus{probels: filepath.Join(work, "probels"), nothing: filepath.Join(work, "nothing"), probes: map[int]string{}, symbols: map[int]string{}}
	goBuild := func(out string, args ...string) error {
		cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-buildvcs=false", "-o", out}, args...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}
	source := filepath.Join(work, "nothing.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		return nil, err
	}
	if err := goBuild(c.nothing, source); err != nil {
		return nil, err
	}
	if err := goBuild(c.probels, "github.com/probels/probels/cmd/probels"); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	c.goStripped = filepath.Join(work, "stripped")
	if err := goBuild(c.goStripped, "-ldflags=-s -w", "cmd/go"); err != nil {
		return nil, err
	}
	fetch := exec.CommandContext(ctx, "go", append([]string{"run", "github.com/probels/probels/internal/cmd/fetchcorpus", "-arch", "amd64", dir}, packages...)...)
	fetch.Stderr = os.Stderr
	if err := fetch.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: not all packages could be fetched:", err)
	}
	c.jvm = first(dir+"/amd64/openjdk-17-jre-headless/usr/lib/jvm/*/lib/server/libjvm.so", "/usr/lib/jvm/*/lib/server/libjvm.so")
	c.llvm = first(dir+"/amd64/libllvm14/usr/lib/*/libLLVM-14.so.1", "/usr/lib/*/libLLVM*.so*")
	c.python = first(dir+"/amd64/python3.11-minimal/usr/bin/python3.11", "/usr/bin/python3.11")
	c.jvmZ = unstrip(ctx, c.jvm, dir+"/amd64/openjdk-17-dbg/usr/lib/debug", dir+"/libjvm.zlib.so")
	c.pythonZ = unstrip(ctx, c.python, dir+"/amd64/python3.11-dbg/usr/lib/debug", dir+"/python3.11.zlib")
	c.jvmPlain = made(dir+"/libjvm.plain.so", func(out string) error {
		if c.jvmZ == "" {
			return os.ErrNotExist
		}
		return exec.CommandContext(ctx, "objcopy", "--decompress-debug-sections", c.jvmZ, out).Run()
	})
	for _, n := range probeCounts {
		c.probes[n] = made(fmt.Sprintf("%s/probes-%d", dir, n), func(out string) error { return generate(ctx, "probes", n, out) })
	}
	for _, n := range symbolCounts {
		c.symbols[n] = made(fmt.Sprintf("%s/symbols-%d", dir, n), func(out string) error { return generate(ctx, "symbols", n, out) })
	}
	return c, nil
}

// made is a file's name, which is made if it is not there yet; "" if it cannot be.
func made(name string, f func(out string) error) string {
	if _, err := os.Stat(name); err == nil {
		return name
	}
	part := name + ".part"
	defer os.Remove(part)
	if err := f(part); err != nil {
		fmt.Fprintf(os.Stderr, "bench: without %s: %v\n", filepath.Base(name), err)
		return ""
	}
	if err := os.Rename(part, name); err != nil {
		return ""
	}
	return name
}

// first is the first file that a pattern matches.
func first(patterns ...string) string {
	for _, p := range patterns {
		if m, _ := filepath.Glob(p); len(m) > 0 {
			if name, err := filepath.EvalSymlinks(m[0]); err == nil {
				return name
			}
		}
	}
	return ""
}

// unstrip puts a file and its debug file together: perf and bpftrace look for debug files nowhere else than
// below /usr/lib/debug.
func unstrip(ctx context.Context, file, debugDir, out string) string {
	return made(out, func(out string) error {
		f, err := elf.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		s := f.Section(".note.gnu.build-id")
		if s == nil || s.Size < 20 {
			return fmt.Errorf("%s has no build-id", file)
		}
		b, err := s.Data()
		if err != nil {
			return err
		}
		id := fmt.Sprintf("%x", b[16:])
		return exec.CommandContext(ctx, "eu-unstrip", "-o", out, file, fmt.Sprintf("%s/.build-id/%s/%s.debug", debugDir, id[:2], id[2:])).Run()
	})
}

var (
	probeCounts  = []int{10, 1000, 10_000, 100_000}
	symbolCounts = []int{1000, 10_000, 100_000, 1_000_000}
)

// generate writes a file in a process of its own. A process that is started counts the memory of the
// one that starts it in its peak, so that this one has to stay small.
func generate(ctx context.Context, kind string, n int, out string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	return exec.CommandContext(ctx, exe, "-generate", kind, strconv.Itoa(n), out).Run()
}

// generated is a program of n places, 16 bytes apart.
func generated(n int) *elfwrite.File {
	f := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_EXEC}
	f.Sections = []elfwrite.Section{{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x401000, Bytes: make([]byte, n*16)}}
	f.Segments = []elfwrite.Segment{{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Covers: [2]string{".text", ".text"}, Align: 0x1000}}
	return f
}

func manyProbes(n int) []byte {
	f := generated(n)
	var notes []elfwrite.Note
	for i := range n {
		notes = append(notes, f.USDT(0x401000+uint64(i)*16, 0, 0, "provider", fmt.Sprintf("probe_%d", i), "-4@%edi 8@-24(%rbp) -8@%rax"))
	}
	f.Sections = append(f.Sections, elfwrite.Section{Name: ".note.stapsdt", Align: 4, Notes: notes})
	return f.Bytes()
}

func manySymbols(n int) []byte {
	f := generated(n)
	for i := range n {
		at := i * 7919 % n // no linker writes them in order
		f.Symbols = append(f.Symbols, elfwrite.Symbol{Name: fmt.Sprintf("function_%d", at), Value: 0x401000 + uint64(at)*16, Size: 16,
			Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"})
	}
	return f.Bytes()
}
