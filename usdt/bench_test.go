package usdt_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
)

// subjects are a small program, a written one with 5,000 sites, and what big
// ones this system has.
func subjects(b *testing.B) map[string][]byte {
	w := program(elf.ELFCLASS64, elf.ELFDATA2LSB, func(w *elfwrite.File) (notes []elfwrite.Note) {
		for i := range 5000 {
			notes = append(notes, w.USDT(textAddr, 0, dataAddr, "provider", fmt.Sprintf("probe_%d", i/3), "-4@%eax 8@-8(%rbp) 8@%r12"))
		}
		return notes
	})
	out := map[string][]byte{"small": testbin.Read(b, "amd64/probe-pie"), "synthetic": w.Bytes()}
	for name, path := range map[string]string{
		"libjvm": "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so", "python": "/usr/bin/python3.11", "libc": "/lib/x86_64-linux-gnu/libc.so.6",
	} {
		if content, err := os.ReadFile(path); err == nil {
			out[name] = content
		}
	}
	return out
}

func BenchmarkSites(b *testing.B) {
	for name, content := range subjects(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = 0
				f, err := elfsym.NewFile(bytes.NewReader(content), int64(len(content)), nil)
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range usdt.Sites(f) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(n), "sites")
		})
	}
}

func BenchmarkArgs(b *testing.B) {
	for name, content := range subjects(b) {
		b.Run(name, func(b *testing.B) {
			f, err := elfsym.NewFile(bytes.NewReader(content), int64(len(content)), nil)
			if err != nil {
				b.Fatal(err)
			}
			sites, _ := drain(usdt.Sites(f))
			var args []operand.Arg
			b.ReportAllocs()
			for b.Loop() {
				for i := range sites {
					args = sites[i].AppendArgs(args[:0])
				}
			}
		})
	}
}
