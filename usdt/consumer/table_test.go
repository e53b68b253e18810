package consumer

import (
	"debug/elf"
	"os"
	"strings"
	"testing"
)

var tableMachines = map[string]Program{
	"x86_64":      {Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Type: elf.ET_EXEC},
	"i386":        {Machine: elf.EM_386, Class: elf.ELFCLASS32, Type: elf.ET_EXEC},
	"aarch64":     {Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64, Type: elf.ET_EXEC},
	"arm":         {Machine: elf.EM_ARM, Class: elf.ELFCLASS32, Type: elf.ET_EXEC},
	"ppc64":       {Machine: elf.EM_PPC64, Class: elf.ELFCLASS64, Type: elf.ET_EXEC},
	"s390x":       {Machine: elf.EM_S390, Class: elf.ELFCLASS64, Type: elf.ET_EXEC},
	"riscv64":     {Machine: elf.EM_RISCV, Class: elf.ELFCLASS64, Type: elf.ET_EXEC},
	"mips64":      {Machine: elf.EM_MIPS, Class: elf.ELFCLASS64, Type: elf.ET_EXEC},
	"loongarch64": {Machine: elf.EM_LOONGARCH, Class: elf.ELFCLASS64, Type: elf.ET_EXEC},
}

// The columns of the table of real arguments that say what each tool made of
// them, when it was run on them.
func TestMeasured(t *testing.T) {
	text, err := os.ReadFile("../operand/testdata/usdt_args.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	column := map[Consumer]int{}
	for i, head := range strings.Split(lines[0], "\t") {
		for c, name := range map[Consumer]string{Libbpf: "libbpf_", BCC: "bcc_", SystemTap: "systemtap_", Perf: "perf_", GDB: "gdb_"} {
			if strings.HasPrefix(head, name) {
				column[c] = i
			}
		}
	}
	if len(column) != 5 {
		t.Fatalf("found columns %v", column)
	}
	compared := map[Consumer]int{}
	for _, line := range lines[1:] {
		f := strings.Split(line, "\t")
		p, ok := tableMachines[f[0]]
		if !ok {
			t.Fatalf("machine %q", f[0])
		}
		for c, col := range column {
			want, known := measured(f[col])
			if !known {
				continue
			}
			compared[c]++
			got := Judge(c, p, f[1])
			if len(got) != 1 {
				t.Errorf("%s %s: %d findings", f[0], f[1], len(got))
				continue
			}
			if got[0].Verdict != want {
				t.Errorf("%s %s %s: %v (%s), want %v (%s)", c, f[0], f[1], got[0].Verdict, got[0].Reason, want, f[col])
			}
			if (got[0].Verdict == Reads) != (got[0].Reason == "") {
				t.Errorf("%s %s %s: %v with reason %q", c, f[0], f[1], got[0].Verdict, got[0].Reason)
			}
		}
	}
	t.Logf("compared %v", compared)
	if compared[Libbpf] < 200 || compared[GDB] < 90 {
		t.Errorf("compared only %v", compared)
	}
}

// measured is the verdict that a column's text stands for. "ACCEPTS" is of
// arguments that are none, and says nothing about a value.
func measured(s string) (v Verdict, known bool) {
	switch {
	case s == "ok":
		return Reads, true
	case s == "fails", s == "rejects", s == "dropped", s == "ABORTS-SCAN":
		return Fails, true
	case strings.HasPrefix(s, "WRONG"), strings.HasPrefix(s, "ok("):
		return Misreads, true
	}
	return 0, false
}
