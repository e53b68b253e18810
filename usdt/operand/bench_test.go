package operand

import (
	"debug/elf"
	"testing"
)

// benchSpecs are the shapes that Debian's programs have, in their proportions.
func benchSpecs(tb testing.TB, name string) []string {
	var specs []string
	for _, r := range lines(tb, "usdt_spec_lines.tsv") {
		if r[0] == name {
			specs = append(specs, r[2])
		}
	}
	return specs
}

func BenchmarkParseArgs(b *testing.B) {
	for _, name := range []string{"x86_64", "aarch64", "ppc64", "s390x", "riscv64", "loongarch64"} {
		b.Run(name, func(b *testing.B) {
			m, specs := machines[name], benchSpecs(b, name)
			args := AppendArgs(nil, m.m, m.c, specs[0])
			n := 0
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				args = AppendArgs(args[:0], m.m, m.c, specs[i%len(specs)])
				n += len(args)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/arg")
		})
	}
}

func TestAppendArgsAllocates(t *testing.T) {
	for name, m := range machines {
		specs := benchSpecs(t, name)
		if name == "x86_64" {
			specs = append(specs, "8@foo@GOTPCREL(%rip) 4@$1+2*($3) -4@%fs:x@tpoff", "4@sym+8(,%rax,4)")
		}
		dst := make([]Arg, 0, 64)
		n := testing.AllocsPerRun(5, func() {
			for _, s := range specs {
				dst = AppendArgs(dst[:0], m.m, m.c, s)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	// What is not contiguous in the text costs one.
	dst := make([]Arg, 0, 4)
	if n := testing.AllocsPerRun(5, func() {
		dst = AppendArgs(dst[:0], elf.EM_X86_64, elf.ELFCLASS64, "4@sym+8@GOTOFF(%rbx)")
	}); n != 1 {
		t.Errorf("sym+8@GOTOFF: %v allocations", n)
	}
}
