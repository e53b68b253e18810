package consumer

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/usdt/operand"
)

func TestJudge(t *testing.T) {
	exec := Program{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Type: elf.ET_EXEC}
	pie := exec
	pie.Type = elf.ET_DYN
	stripped := exec
	stripped.Defines = func(string) bool { return false }
	i386 := Program{Machine: elf.EM_386, Class: elf.ELFCLASS32, Type: elf.ET_DYN}
	for _, test := range []struct {
		c    Consumer
		p    Program
		spec string
		want []Verdict
	}{
		{Libbpf, exec, "8@%rbp 8@%r12 -4@%eax", []Verdict{Reads, Reads, Reads}},
		{Libbpf, exec, "", []Verdict{}},
		{Libbpf, exec, ":", []Verdict{}},
		// The format for two registers and a scale runs on into the next argument.
		{Libbpf, exec, "8@(%rsp) 8@(%rax,%rbx,8)", []Verdict{Fails, Reads}},
		{Libbpf, exec, "8@(%rax,%rbx,8) 8@(%rsp)", []Verdict{Reads, Reads}},
		{Libbpf, exec, "8@$18446744073709551614", []Verdict{Misreads}},
		{Libbpf, exec, strings.TrimSpace(strings.Repeat("4@%eax ", 13)), append(slices.Repeat([]Verdict{Reads}, 12), Fails)},
		{Libbpf, i386, "4@%eax", []Verdict{Fails}},
		{GDB, exec, "8@$18446744073709551614", []Verdict{Misreads}},
		{GDB, exec, "8@%ah -1@%ah", []Verdict{Reads, Reads}},
		{GDB, i386, "-4@4+4(%esp)", []Verdict{Reads}},
		{BCC, exec, "-4@global(%rip)", []Verdict{Reads}},
		{BCC, pie, "-4@global(%rip)", []Verdict{Misreads}},
		{BCC, stripped, "-4@global(%rip)", []Verdict{Fails}},
		{BCC, exec, "8@%xmm0", []Verdict{Misreads}},
		{BCC, exec, "16@-16(%rsp)", []Verdict{Reads}},
		{Bpftrace, exec, "16@-16(%rsp) 8@(%rsp)", []Verdict{Fails, Reads}},
		{Bpftrace, pie, "-4@global(%rip)", []Verdict{Misreads}},
		{Bpftrace, exec, "-4@global(%rip)", []Verdict{Misreads}},
		{Bpftrace, exec, "4f@-12(%rsp) -4@%eax", []Verdict{Fails, Fails}},
		{BCC, exec, "4@%eax 4f@-12(%rsp) -4@%eax", []Verdict{Reads, Fails, Fails}},
		{Bpftrace, exec, "4@%eax 4@$1 4@$2 4@$3 4@$4 4@$5 4@$6", []Verdict{Reads, Reads, Reads, Reads, Reads, Reads, Fails}},
		{SystemTap, pie, "-4@global(%rip)", []Verdict{Reads}},
		{SystemTap, stripped, "-4@global(%rip)", []Verdict{Fails}},
		{SystemTap, exec, "-4@.LC0(%rip)", []Verdict{Fails}},
		{Perf, exec, "16@-16(%rsp) 8@(%rsp)", []Verdict{Fails, Reads}},
		{Perf, exec, "8@$5 8@(%rsp)", []Verdict{Fails, Reads}},
	} {
		got := Judge(test.c, test.p, test.spec)
		verdicts := []Verdict{}
		for _, f := range got {
			verdicts = append(verdicts, f.Verdict)
		}
		if !slices.Equal(verdicts, test.want) {
			t.Errorf("%s %q: %v, want %v", test.c, test.spec, got, test.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range All() {
		got, err := Parse(c.String())
		if err != nil || !slices.Equal(got, []Consumer{c}) {
			t.Errorf("%v: %v, %v", c, got, err)
		}
	}
	if got, err := Parse("GDB, stap,gdb"); err != nil || !slices.Equal(got, []Consumer{GDB, SystemTap}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := Parse("all"); err != nil || !slices.Equal(got, All()) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Parse("strace"); err == nil {
		t.Error("strace is known")
	}
}

func ExampleJudge() {
	p := Program{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Type: elf.ET_DYN}
	for _, c := range All() {
		fmt.Println(c, Judge(c, p, "-4@timeout(%rip)")[0].Verdict)
	}
	// Output:
	// libbpf fails
	// bpftrace misreads
	// bcc misreads
	// perf fails
	// systemtap reads
	// gdb fails
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{"8@%rbp -4@112(%rsp)", "8@(%rsp) 8@(%rax,%rbx,8)", "-4@x+4(%rip)", "4f@%xmm0", "8@[x0, #:lo12:a]", "-2@i5 8@3,4", "8@!($0+$1)"} {
		f.Add(s, uint16(elf.EM_X86_64), uint8(elf.ELFCLASS64))
		f.Add(s, uint16(elf.EM_AARCH64), uint8(elf.ELFCLASS64))
		f.Add(s, uint16(elf.EM_PPC64), uint8(elf.ELFCLASS64))
	}
	f.Fuzz(func(t *testing.T, spec string, machine uint16, class uint8) {
		p := Program{Machine: elf.Machine(machine), Class: elf.Class(class), Type: elf.ET_DYN}
		args := operand.ParseArgs(p.Machine, p.Class, spec)
		for _, c := range All() {
			got := Judge(c, p, spec)
			if len(got) != len(args) {
				t.Fatalf("%s: %d findings of %d arguments", c, len(got), len(args))
			}
			for i, g := range got {
				if (g.Verdict == Reads) != (g.Reason == "") {
					t.Errorf("%s: %v with reason %q", c, g.Verdict, g.Reason)
				}
				// What we cannot read has a value for nobody.
				if g.Verdict == Reads && args[i].Err != nil && c == GDB {
					t.Errorf("%s reads %q, and we do not: %v", c, args[i].Text, args[i].Err)
				}
			}
		}
	})
}
