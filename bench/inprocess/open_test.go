package inprocess

import (
	"testing"

	"github.com/probels/probels/elfsym"
)

// In a file that is open already; cilium/ebpf then has a map of all names, which it made at the first
// look-up.
func BenchmarkExported_symbol_of_an_open_file(b *testing.B) {
	path := file("PROBELS_BENCH_LLVM", "/usr/lib/*-linux-gnu/libLLVM-*.so.1")
	if path == "" {
		b.Skip("needs libLLVM")
	}
	b.Run("libLLVM.so/elfsym", func(b *testing.B) {
		f, err := elfsym.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		b.ReportAllocs()
		for b.Loop() {
			found := false
			for s, err := range f.Lookup(elfsym.Dynsym, "LLVMBuildAdd") {
				if err != nil {
					b.Fatal(err)
				}
				_, err = f.Segments().Code(s.Addr)
				found = err == nil
			}
			if !found {
				b.Fatal("not found")
			}
		}
	})
}
