package livetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach"
	"github.com/probels/probels/offset/attach/capture"
)

// hitSource is a program that reads "FUNCTION TIMES", calls it and prints nanoseconds. What the kernel does with the
// instruction under a uprobe differs: push and nop it does itself, mov it runs elsewhere, step by step, and
// for a nop of 5 bytes it may have a call in place of the trap.
const hitSource = `
#include <stdio.h>
#include <string.h>
#include <time.h>
__asm__(".text\n"
#define F(name, code) ".globl " #name "\n.type " #name ",@function\n" #name ": " code "; ret\n.size " #name ",.-" #name "\n"
	F(f_push, "push %rbp; pop %rbp") F(f_mov, "mov %rdi,%rax") F(f_endbr, "endbr64") F(f_nop, "nop") F(f_nop5, ".byte 0x0f,0x1f,0x44,0,0"));
void f_push(void), f_mov(void), f_endbr(void), f_nop(void), f_nop5(void);
struct { const char *name; void (*f)(void); } all[] = { {"f_push", f_push}, {"f_mov", f_mov}, {"f_endbr", f_endbr}, {"f_nop", f_nop}, {"f_nop5", f_nop5} };
int main(void) {
	char name[32];
	long n;
	while (scanf("%31s %ld", name, &n) == 2)
		for (int i = 0; i < 5; i++)
			if (!strcmp(name, all[i].name)) {
				struct timespec a, b;
				clock_gettime(CLOCK_MONOTONIC, &a);
				for (long k = 0; k < n; k++) all[i].f();
				clock_gettime(CLOCK_MONOTONIC, &b);
				printf("%ld\n", (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec);
				fflush(stdout);
			}
}
`

// BenchmarkHit is what a hit costs the program that is traced, by kind of probe and instruction; the
// eBPF program does nothing, but for capture's and bpftrace's, which deliver an argument.
func BenchmarkHit(b *testing.B) {
	if lack := lacking(); lack != "" {
		skip.Now(b, lack)
	}
	prog := filepath.Join(b.TempDir(), "hit")
	cc := exec.Command(skip.Tool(b, "gcc"), "-O2", "-w", "-x", "c", "-o", prog, "-")
	cc.Stdin = strings.NewReader(hitSource)
	if out, err := cc.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(prog)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	lines := bufio.NewReader(out)
	measure := func(b *testing.B, function string) {
		fmt.Fprintf(in, "%s %d\n", function, b.N)
		line, err := lines.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		ns, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(ns)/float64(b.N), "ns/hit")
		b.ReportMetric(0, "ns/op")
	}
	t, err := offset.Open(prog, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	place := func(function string) offset.Location {
		res, err := t.Resolve(b.Context(), offset.Func(function))
		if err != nil {
			b.Fatal(err)
		}
		l, err := res[0].One()
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	b.Run("none", func(b *testing.B) { measure(b, "f_push") })
	for _, link := range []struct {
		name string
		as   ebpf.AttachType
	}{{"multi", ebpf.AttachTraceUprobeMulti}, {"perf", ebpf.AttachNone}} {
		empty, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Type: ebpf.Kprobe, AttachType: link.as, License: "GPL",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		})
		if err != nil {
			b.Fatal(err)
		}
		defer empty.Close()
		for _, tt := range []struct {
			name, function string
			ret            bool
		}{
			{"uprobe/push", "f_push", false}, {"uprobe/nop", "f_nop", false}, {"uprobe/nop5", "f_nop5", false}, {"uprobe/mov", "f_mov", false}, {"uprobe/endbr64", "f_endbr", false},
			{"uretprobe/push", "f_push", true},
		} {
			b.Run(link.name+"/"+tt.name, func(b *testing.B) {
				p, err := attach.Attach(empty, []offset.Location{place(tt.function)}, &attach.Config{Return: tt.ret})
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				measure(b, tt.function)
			})
		}
	}
	// Tracers that read an argument and deliver it.
	for _, function := range []string{"f_push", "f_nop5"} {
		b.Run("capture/"+function, func(b *testing.B) {
			c, err := capture.New([]capture.Site{capture.At(t, place(function), capture.Number(capture.Param(0)))}, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			go func() {
				for range c.Events(context.Background()) {
				}
			}()
			measure(b, function)
		})
		b.Run("bpftrace/"+function, func(b *testing.B) {
			theirs := exec.Command(skip.Tool(b, "bpftrace"), "-e", fmt.Sprintf(`BEGIN { printf("attached\n"); } uprobe:%s:%s { printf("%%d %%d\n", pid, arg0); }`, prog, function))
			pipe, err := theirs.StdoutPipe()
			if err != nil {
				b.Fatal(err)
			}
			if err := theirs.Start(); err != nil {
				b.Fatal(err)
			}
			text := bufio.NewReader(pipe)
			for line := ""; line != "attached\n"; {
				if line, err = text.ReadString('\n'); err != nil {
					b.Fatal("bpftrace does not attach: ", err)
				}
			}
			go io.Copy(io.Discard, text)
			measure(b, function)
			theirs.Process.Kill() // an interrupt is ignored where a shell has started all this in the background
			theirs.Wait()
		})
	}
}
