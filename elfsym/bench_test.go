package elfsym_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// A subject is a file to measure with, and names in it.
type subject struct {
	name, path      string
	exported, local string
}

// subjects are a small library, a written one of 200,000 symbols, and what big
// ones this system has.
func subjects(b *testing.B) []subject {
	syms := many(200_000)
	w := library(62, 0, syms[:2000]...) // the test's hash table is one chain
	w.Symbols = append(syms, elfwrite.Symbol{Name: "a_local_function", Type: 2, Value: 0x401000, Section: ".text"})
	big := filepath.Join(b.TempDir(), "big.so")
	if err := os.WriteFile(big, w.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	out := []subject{
		{"small", testbin.Path(b, "amd64/libtestbin.so"), "lib_func", "local_func"},
		{"synthetic", big, syms[1].Name, "a_local_function"},
	}
	for _, s := range []subject{
		{"libLLVM", "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1", "LLVMAddAlias", ""},
		{"libjvm", "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so", "JNI_CreateJavaVM", ""},
		{"libc", "/lib/x86_64-linux-gnu/libc.so.6", "malloc", ""},
	} {
		if _, err := os.Stat(s.path); err == nil {
			out = append(out, s)
		}
	}
	return out
}

func benchmark(b *testing.B, run func(b *testing.B, s subject, f *elfsym.File)) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) {
			f, err := elfsym.Open(s.path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			b.ReportAllocs()
			run(b, s, f)
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	benchmark(b, func(b *testing.B, s subject, _ *elfsym.File) {
		for b.Loop() {
			f, err := elfsym.Open(s.path)
			if err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
	})
}

func lookup(b *testing.B, f *elfsym.File, src elfsym.Source, name string) {
	found := 0
	for _, err := range f.Lookup(src, name) {
		if err != nil {
			b.Fatal(err)
		}
		found++
	}
	if found == 0 {
		b.Fatalf("no %s", name)
	}
}

// One exported name, the file being open.
func BenchmarkLookupExported(b *testing.B) {
	benchmark(b, func(b *testing.B, s subject, f *elfsym.File) {
		for b.Loop() {
			lookup(b, f, elfsym.Dynsym, s.exported)
		}
	})
}

// One exported name, from the path on.
func BenchmarkOpenAndLookup(b *testing.B) {
	benchmark(b, func(b *testing.B, s subject, _ *elfsym.File) {
		for b.Loop() {
			f, err := elfsym.Open(s.path)
			if err != nil {
				b.Fatal(err)
			}
			lookup(b, f, elfsym.Dynsym, s.exported)
			f.Close()
		}
	})
}

// One local name, by searching the strings of .symtab.
func BenchmarkLookupLocal(b *testing.B) {
	benchmark(b, func(b *testing.B, s subject, f *elfsym.File) {
		if s.local == "" {
			b.Skip("no .symtab")
		}
		for b.Loop() {
			lookup(b, f, elfsym.Symtab, s.local)
		}
	})
}

// A name that is not exported: .dynsym is searched.
func BenchmarkLookupAbsent(b *testing.B) {
	benchmark(b, func(b *testing.B, s subject, f *elfsym.File) {
		for b.Loop() {
			for _, err := range f.Lookup(both, "a_name_that_is_nowhere") {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSymbols(b *testing.B) {
	benchmark(b, func(b *testing.B, s subject, f *elfsym.File) {
		for b.Loop() {
			n := 0
			for _, err := range f.Symbols(both) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(n), "symbols")
		}
	})
}

func BenchmarkTable(b *testing.B) {
	benchmark(b, func(b *testing.B, s subject, f *elfsym.File) {
		for b.Loop() {
			elfsym.NewTable(func(yield func(elfsym.Symbol) bool) {
				for s, err := range f.Symbols(both) {
					if err != nil || !yield(s) {
						return
					}
				}
			})
		}
	})
}

func BenchmarkSegmentsCode(b *testing.B) {
	benchmark(b, func(b *testing.B, s subject, f *elfsym.File) {
		segs, entry := f.Segments(), elfsym.Addr(0)
		for _, s := range segs.All() {
			if s.Type == 1 && s.Flags&1 != 0 {
				entry = s.Addr + 16
			}
		}
		for b.Loop() {
			if _, err := segs.Code(entry); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDemangle(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		elfsym.Demangle("_ZNK5outer5inner5Class7convertIiEET_S3_")
	}
}
