package operand

import (
	"bufio"
	"debug/elf"
	"os"
	"strconv"
	"strings"
	"testing"
)

type machine struct {
	m elf.Machine
	c elf.Class
}

// machines by the names that the tables use.
var machines = map[string]machine{
	"x86_64":      {elf.EM_X86_64, elf.ELFCLASS64},
	"x32":         {elf.EM_X86_64, elf.ELFCLASS32},
	"i386":        {elf.EM_386, elf.ELFCLASS32},
	"aarch64":     {elf.EM_AARCH64, elf.ELFCLASS64},
	"arm":         {elf.EM_ARM, elf.ELFCLASS32},
	"ppc64":       {elf.EM_PPC64, elf.ELFCLASS64},
	"ppc":         {elf.EM_PPC, elf.ELFCLASS32},
	"s390x":       {elf.EM_S390, elf.ELFCLASS64},
	"s390":        {elf.EM_S390, elf.ELFCLASS32},
	"riscv64":     {elf.EM_RISCV, elf.ELFCLASS64},
	"riscv32":     {elf.EM_RISCV, elf.ELFCLASS32},
	"mips64":      {elf.EM_MIPS, elf.ELFCLASS64},
	"mips":        {elf.EM_MIPS, elf.ELFCLASS32},
	"loongarch64": {elf.EM_LOONGARCH, elf.ELFCLASS64},
}

// lines yields the tab-separated lines of a file in testdata.
func lines(tb testing.TB, name string) [][]string {
	tb.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var all [][]string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		all = append(all, strings.Split(sc.Text(), "\t"))
	}
	return all
}

func TestArgsTable(t *testing.T) {
	rows := lines(t, "usdt_args.tsv")
	for _, r := range rows[1:] {
		m, ok := machines[r[0]]
		if !ok {
			t.Fatalf("no machine %q", r[0])
		}
		text, kind := r[1], r[4]
		args := ParseArgs(m.m, m.c, text)
		if len(args) != 1 {
			t.Errorf("%s %q: %d arguments", r[0], text, len(args))
			continue
		}
		a := args[0]
		if a.Text != text {
			t.Errorf("%s %q: Text is %q", r[0], text, a.Text)
		}
		if kind == "error" {
			if a.Kind != Unparsed || a.Err == nil {
				t.Errorf("%s %q: read as %s, want an error", r[0], text, a)
			}
			continue
		}
		if a.Err != nil {
			t.Errorf("%s: %v", r[0], a.Err)
			continue
		}
		size, _ := strconv.Atoi(r[2])
		if a.Size != size || a.Signed != (r[3] == "1") || a.Float != (r[10] == "1") {
			t.Errorf("%s %q: size %d, signed %v, float %v", r[0], text, a.Size, a.Signed, a.Float)
		}
		want := map[string]Kind{"const": Constant, "expr": Constant, "reg": Register, "mem": Memory, "indexed": Memory}[kind]
		if a.Kind != want {
			t.Errorf("%s %q: %s, want %s", r[0], text, a.Kind, want)
			continue
		}
		base, index := strings.TrimPrefix(r[5], "$"), strings.TrimPrefix(r[6], "$")
		scale, _ := strconv.ParseInt(r[7], 10, 32)
		var disp int64
		if r[8] != "" {
			var err error
			if disp, err = strconv.ParseInt(r[8], 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		switch a.Kind {
		case Constant:
			if a.Value != disp || a.Unsigned || a.Symbol != r[9] {
				t.Errorf("%s %q: value %d, symbol %q", r[0], text, a.Value, a.Symbol)
			}
		case Register:
			if a.Reg.Name != base {
				t.Errorf("%s %q: register %q", r[0], text, a.Reg.Name)
			}
		case Memory:
			if a.Base.Name != base || a.Index.Name != index || a.Scale != int32(scale) || a.Disp != disp || a.Symbol != r[9] {
				t.Errorf("%s %q: %+v", r[0], text, a.Operand)
			}
		}
		if (kind == "indexed") != (a.Index.Name != "") {
			t.Errorf("%s %q: index %q", r[0], text, a.Index.Name)
		}
		roundTrip(t, m, a)
	}
}

// Every argument in the whole strings begins with "N@", so that counting is
// easy.
func TestSpecLines(t *testing.T) {
	for _, r := range lines(t, "usdt_spec_lines.tsv") {
		m, ok := machines[r[0]]
		if !ok {
			t.Fatalf("no machine %q", r[0])
		}
		args := ParseArgs(m.m, m.c, r[2])
		sizes := 0
		for i := range r[2] {
			if (i == 0 || r[2][i-1] == ' ') && startsArg(r[2][i:]) {
				sizes++
			}
		}
		if len(args) != sizes {
			t.Errorf("%s %q: %d arguments, want %d", r[0], r[2], len(args), sizes)
		}
		for _, a := range args {
			if a.Err != nil {
				t.Errorf("%s %s: %v", r[0], r[1], a.Err)
			} else if a.NoSize {
				t.Errorf("%s %q: no size", r[0], a.Text)
			}
			roundTrip(t, m, a)
		}
	}
}

// roundTrip checks that a's String reads back as a.
func roundTrip(tb testing.TB, m machine, a Arg) {
	tb.Helper()
	if a.Err != nil {
		return
	}
	s := a.String()
	b := ParseArg(m.m, m.c, s)
	b.Text = a.Text
	if a != b {
		tb.Errorf("%v %q prints as %q, which reads as\n%+v, not\n%+v", m, a.Text, s, b, a)
	}
	if all := ParseArgs(m.m, m.c, s); len(all) != 1 && !strings.Contains(s, `"`) {
		tb.Errorf("%v %q prints as %q, which is %d arguments", m, a.Text, s, len(all))
	}
}
