package inprocess

import (
	"debug/elf"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// file is the file that a variable names or else one that systems have; "" if there is none.
func file(variable, pattern string) string {
	if name := os.Getenv(variable); name != "" {
		return name
	}
	found, _ := filepath.Glob(pattern)
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// A lookup is a way to the file offset of one function.
type lookup struct {
	name string
	find func(b testing.TB, path, symbol string, src elfsym.Source) uint64
}

var lookups = []lookup{
	{"elfsym", func(b testing.TB, path, symbol string, src elfsym.Source) uint64 {
		f, err := elfsym.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for s, err := range f.Lookup(src, symbol) {
			if err != nil {
				b.Fatal(err)
			}
			off, err := f.Segments().Code(s.Addr)
			if err != nil {
				b.Fatal(err)
			}
			return uint64(off)
		}
		return 0
	}},
	{"offset", func(b testing.TB, path, symbol string, _ elfsym.Source) uint64 {
		t, err := offset.Open(path, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer t.Close()
		all, err := t.Resolve(b.Context(), offset.Func(symbol))
		if err != nil || len(all[0].Locations) == 0 {
			b.Fatal(err)
		}
		return uint64(all[0].Locations[0].Offset)
	}},
	{"debug_elf", func(b testing.TB, path, symbol string, src elfsym.Source) uint64 {
		f, err := elf.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		read := f.Symbols
		if src == elfsym.Dynsym {
			read = f.DynamicSymbols
		}
		all, err := read()
		if err != nil {
			b.Fatal(err)
		}
		for i := range all {
			if all[i].Name != symbol {
				continue
			}
			for _, p := range f.Progs {
				if v := all[i].Value; p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && p.Vaddr <= v && v < p.Vaddr+p.Memsz {
					return v - p.Vaddr + p.Off
				}
			}
		}
		return 0
	}},
}

// cilium is cilium/ebpf's way: its look-up is within Uprobe, which here fails at what follows
// it, for there is no such process. That system call, of some microseconds, is in the time.
func cilium(b *testing.B, prog *ebpf.Program, path, symbol string) {
	x, err := link.OpenExecutable(path)
	if err != nil {
		b.Fatal(err)
	}
	l, err := x.Uprobe(symbol, prog, &link.UprobeOptions{PID: math.MaxInt32})
	if err == nil {
		l.Close()
		b.Fatal("attached to a process that there is not")
	}
	if errors.Is(err, link.ErrNoSymbol) {
		b.Fatal(err)
	}
}

// What is compared gives the same answer.
func TestLookups(t *testing.T) {
	for _, src := range []elfsym.Source{elfsym.Dynsym, elfsym.Symtab} {
		want := lookups[0].find(t, testbin.Path(t, "amd64/libtestbin.so"), "lib_func", src)
		for _, l := range lookups {
			if got := l.find(t, testbin.Path(t, "amd64/libtestbin.so"), "lib_func", src); got == 0 || got != want {
				t.Errorf("%s, %v: %#x, want %#x", l.name, src, got, want)
			}
		}
	}
}

func benchmark(b *testing.B, path, symbol string, src elfsym.Source) {
	if path == "" {
		b.Skip("needs the file")
	}
	want := uint64(0)
	for _, l := range lookups {
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got := l.find(b, path, symbol, src)
				if want == 0 {
					want = got
				}
				if got == 0 || got != want {
					b.Fatalf("%s: %#x, want %#x", symbol, got, want)
				}
			}
		})
	}
	b.Run("cilium_ebpf", func(b *testing.B) {
		prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.Kprobe, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
		if err != nil {
			b.Skipf("needs to load a program into the kernel: %v", err)
		}
		defer prog.Close()
		b.ReportAllocs()
		for b.Loop() {
			cilium(b, prog, path, symbol)
		}
	})
}

func BenchmarkExported_symbol(b *testing.B) {
	b.Run("libLLVM.so", func(b *testing.B) {
		benchmark(b, file("PROBELS_BENCH_LLVM", "/usr/lib/*-linux-gnu/libLLVM-*.so.1"), "LLVMBuildAdd", elfsym.Dynsym)
	})
	b.Run("rustc's_libLLVM.so", func(b *testing.B) {
		benchmark(b, file("PROBELS_BENCH_RUST", "/usr/lib/rustlib/*/lib/libLLVM*.so*"), "LLVMBuildAdd", elfsym.Dynsym)
	})
	b.Run("libc.so.6", func(b *testing.B) { benchmark(b, file("", "/usr/lib/*-linux-gnu/libc.so.6"), "malloc", elfsym.Dynsym) })
}

func BenchmarkLocal_symbol(b *testing.B) {
	b.Run("libjvm.so", func(b *testing.B) {
		benchmark(b, file("PROBELS_BENCH_JVM", "/usr/lib/jvm/*/lib/server/libjvm.so"), "_ZN9JavaCalls4callEP9JavaValueRK12methodHandleP17JavaCallArgumentsP10JavaThread", elfsym.Symtab)
	})
	b.Run("node", func(b *testing.B) {
		benchmark(b, file("PROBELS_BENCH_NODE", "/usr/bin/node"), "_ZN4node5StartEiPPc", elfsym.Symtab)
	})
}
