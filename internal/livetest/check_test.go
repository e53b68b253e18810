package livetest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
)

// An instruction that a test program has in a function of its own, at the label "at_NAME". What is
// run besides leaves registers and memory as it found them.
type instruction struct {
	name, code string
	accepted   bool // by Check; the kernel says the same
	misbehaves bool // the kernel accepts, and the program goes wrong
	avx        bool
}

var instructions = []instruction{
	{name: "nop", code: "@ nop", accepted: true},
	{name: "push", code: "@ push %rbp; pop %rbp", accepted: true},
	{name: "push_r12", code: "@ push %r12; pop %r12", accepted: true},
	{name: "mov_rip", code: "@ mov counter(%rip),%rax", accepted: true},
	{name: "lea", code: "@ lea 8(%rsp),%rax", accepted: true},
	{name: "endbr", code: "@ endbr64", accepted: true},
	{name: "nop5", code: "@ .byte 0x0f,0x1f,0x44,0,0", accepted: true},
	{name: "nop4", code: "@ nopl 8(%rax)", accepted: true},
	{name: "fs", code: "@ mov %fs:0,%rax", accepted: true},
	{name: "jump", code: "@ jmp 1f; ud2; 1:", accepted: true},
	{name: "jump_cond", code: "xor %eax,%eax; @ je 1f; ud2; 1:", accepted: true},
	{name: "jump_cond_near", code: "xor %eax,%eax; @ .byte 0x0f,0x84,2,0,0,0; ud2", accepted: true},
	{name: "call", code: "@ call leaf", accepted: true},
	{name: "call_indirect", code: "lea leaf(%rip),%rax; @ call *%rax", accepted: true},
	{name: "ret", code: "@ ret", accepted: true},
	{name: "ret_imm", code: "pop %rax; push %rax; push %rax; @ ret $8", accepted: true},
	{name: "rep_ret", code: "@ rep ret", accepted: true},
	{name: "movsd", code: "@ movsd counter(%rip),%xmm0", accepted: true},
	{name: "pshufb", code: "@ pshufb %xmm1,%xmm0", accepted: true},
	{name: "cpuid", code: "push %rbx; @ cpuid; pop %rbx", accepted: true},
	{name: "mfence", code: "@ mfence", accepted: true},
	{name: "rdtsc", code: "@ rdtsc", accepted: true},
	{name: "pushf", code: "@ pushf; popf", misbehaves: true},
	{name: "popf", code: "pushf; @ popf", accepted: true},
	{name: "xchg", code: "@ xchg %rax,counter2(%rip)", accepted: true},
	{name: "lock_add", code: "@ lock addl $0,counter(%rip)"},
	{name: "cs_nop", code: "@ .byte 0x2e,0x90"},
	{name: "nop10", code: "@ .byte 0x66,0x2e,0x0f,0x1f,0x84,0,0,0,0,0"},
	{name: "notrack", code: "lea 1f(%rip),%rax; @ notrack jmp *%rax; 1:"},
	{name: "int80", code: "mov $20,%eax; @ int $0x80"},
	{name: "data16_jump", code: "@ .byte 0x66,0xeb,0"},
	{name: "in", code: "jmp 1f; @ in $1,%al; 1:"},
	{name: "hlt", code: "jmp 1f; @ hlt; 1:"},
	{name: "int3", code: "jmp 1f; @ int3; 1:"},
	{name: "mov_ss", code: "jmp 1f; @ mov %eax,%ss; 1:"},
	{name: "vmovd", code: "@ vmovd %eax,%xmm1", avx: true},
	{name: "vmovdqu", code: "@ vmovdqu counter(%rip),%xmm1", avx: true},
	{name: "vaddpd", code: "@ vaddpd %xmm1,%xmm2,%xmm3", avx: true, accepted: true},
	{name: "vpxor", code: "@ vpxor %xmm1,%xmm1,%xmm1", avx: true}, // ef: as "out"
	// The program sets wrong where these were not run. Of vcmpps the kernel has a copy of 16 bytes, and
	// the program goes on in it.
	{name: "vpor", code: "vpcmpeqd %xmm1,%xmm1,%xmm1; pxor %xmm2,%xmm2; @ vpor %xmm1,%xmm2,%xmm2; movq %xmm2,%rax; inc %rax; mov %rax,wrong(%rip)", avx: true, misbehaves: true},
	{name: "vpshufd", code: "mov $1,%eax; movd %eax,%xmm1; @ vpshufd $0x7f,%xmm1,%xmm2; movq %xmm2,%rax; mov %rax,wrong(%rip)", avx: true, misbehaves: true},
	{name: "vcmpps", code: "@ vcmpeqps %xmm1,%xmm1,%xmm1; .fill 40,1,0x90", avx: true, misbehaves: true},
}

// source is an assembler program that calls each function three times when a byte comes, and writes "done"
// unless the variable wrong was set.
func source() string {
	var b strings.Builder
	b.WriteString(`#include <unistd.h>
long counter, counter2, wrong;
__asm__(".globl counter, counter2, wrong\n.text\n.type leaf,@function\nleaf: ret\n.size leaf,.-leaf\n");
`)
	for _, i := range instructions {
		code := strings.ReplaceAll(i.code, "@ ", ".globl at_"+i.name+"; .type at_"+i.name+",@function; at_"+i.name+": ")
		fmt.Fprintf(&b, "void f_%s(void);\n__asm__(\".globl f_%s\\n.type f_%s,@function\\nf_%s: %s\\nret\\n.size f_%s,.-f_%s\\n\");\n", i.name, i.name, i.name, i.name, code, i.name, i.name)
	}
	b.WriteString("int main(int n, char **a) { char c; write(1, \"ready\\n\", 6); if (read(0, &c, 1) != 1) return 1;\nfor (int i = 0; i < 3; i++) {\n")
	for k, i := range instructions {
		fmt.Fprintf(&b, "if (a[1][0] == '%c' && a[1][1] == '%c') { wrong = 0; f_%s(); if (wrong) return 3; }\n", 'A'+k/26, 'A'+k%26, i.name)
	}
	b.WriteString("}\nwrite(1, \"done\\n\", 5); return 0; }\n")
	return b.String()
}

// What Check refuses, the kernel refuses while the program runs, or the program goes wrong; what it takes
// fires each time.
func TestCheck(t *testing.T) {
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	dir := t.TempDir()
	src, prog := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	if err := os.WriteFile(src, []byte(source()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(skip.Tool(t, "gcc"), "-O1", "-o", prog, src).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	tgt := target(t, prog)
	for k, i := range instructions {
		t.Run(i.name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			if i.avx && !strings.Contains(string(info), " avx ") {
				skip.Now(t, "needs a processor with AVX")
			}
			l := one(t, tgt, "at_"+i.name)
			l.Addend = 0
			err := tgt.Check(l)
			var refused *offset.RefusedError
			if err != nil && !errors.As(err, &refused) {
				t.Fatal(err)
			}
			if (err == nil) != i.accepted {
				t.Errorf("Check: %v", err)
			}
			if err != nil && (refused.Rule == offset.RuleMisbehaves) != i.misbehaves {
				t.Errorf("Check: %v (%v)", err, refused.Rule)
			}
			cmd := exec.Command(prog, string([]byte{byte('A' + k/26), byte('A' + k%26)}))
			in, _ := cmd.StdinPipe()
			out, _ := cmd.StdoutPipe()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			r := bufio.NewReader(out)
			if text, err := r.ReadString('\n'); text != "ready\n" {
				t.Fatalf("%q, %v", text, err)
			}
			probe, err := c.attach(prog, l.Offset, 0, cmd.Process.Pid)
			if kernel := err == nil; kernel != (i.accepted || i.misbehaves) {
				t.Errorf("the kernel: %v", err)
			}
			in.Write([]byte("x"))
			text, _ := r.ReadString('\n')
			runErr := cmd.Wait()
			right := text == "done\n" && runErr == nil
			if err != nil {
				return
			}
			if right == i.misbehaves {
				t.Errorf("the program wrote %q and ended with %v", text, runErr)
			}
			if n := c.count(t, probe); i.accepted && n != 3 {
				t.Errorf("%d hits, want 3", n)
			}
		})
	}
}
