package livetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach/capture"
)

const besideSource = `
#include <stdio.h>
#include <sys/sdt.h>
void __attribute__((noinline, noipa)) fn(long a, const char *s) { DTRACE_PROBE3(beside, probe, a, (int)-a, s); }
int main(void) {
	int n;
	while (scanf("%d", &n) == 1) {
		for (int i = 0; i < n; i++) { char s[16]; snprintf(s, sizeof s, "text%d", i); fn(i * 1000000007L, s); }
		puts("done");
		fflush(stdout);
	}
}
`

// bpftrace and capture, at the same time on the same probes, have the same hits with the same values.
func TestBesideBpftrace(t *testing.T) {
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	bpftrace := skip.Tool(t, "bpftrace")
	prog := filepath.Join(t.TempDir(), "beside")
	cc := exec.Command(skip.Tool(t, "gcc"), "-O2", "-w", "-x", "c", "-o", prog, "-")
	cc.Stdin = strings.NewReader(besideSource)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(prog)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()

	theirs := exec.Command(bpftrace, "-p", strconv.Itoa(cmd.Process.Pid), "-e", fmt.Sprintf(`BEGIN { printf("attached\n"); }
usdt:%s:beside:probe { printf("probe %%ld %%d %%s\n", arg0, (int32)arg1, str(arg2)); } uprobe:%s:fn { printf("fn %%ld %%s\n", arg0, str(arg1)); }`, prog, prog))
	pipe, err := theirs.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.Start(); err != nil {
		t.Fatal(err)
	}
	text := bufio.NewReader(pipe)
	for line := ""; line != "attached\n"; {
		if line, err = text.ReadString('\n'); err != nil {
			t.Fatal("bpftrace does not attach: ", err)
		}
	}

	tgt := target(t, prog)
	sites, err := capture.USDT(t.Context(), tgt, "beside:probe")
	if err != nil || len(sites) == 0 {
		t.Fatal(len(sites), err)
	}
	for i := range sites {
		a := sites[i].Args
		sites[i].Want = []capture.Value{capture.Number(capture.Arg(a[0])), capture.Number(capture.Arg(a[1])), capture.String(capture.Arg(a[2]), 32)}
	}
	sites = append(sites, capture.At(tgt, one(t, tgt, "fn"), capture.Number(capture.Param(0)), capture.String(capture.Param(1), 32)))
	ours, err := capture.New(sites, &capture.Config{PID: cmd.Process.Pid})
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()

	const rounds = 100
	fmt.Fprintln(in, rounds)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "done\n" {
		t.Fatal(line, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var got []string
	for e, err := range ours.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		words := []string{sites[e.Site].Location.Name}
		for _, v := range e.Values {
			words = append(words, v.String())
		}
		got = append(got, strings.Join(words, " "))
	}
	in.Close() // the program ends, and bpftrace with it
	time.AfterFunc(20*time.Second, func() { theirs.Process.Kill() })
	rest, err := io.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	theirs.Wait()
	var want []string
	for line := range strings.Lines(string(rest)) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "fn ") || strings.HasPrefix(line, "probe ") {
			want = append(want, line)
		}
	}
	if len(got) != 2*rounds || got[2*rounds-1] != "probe 99000000693 -213928061 text99" && !strings.HasPrefix(got[2*rounds-1], "probe 99000000693 ") {
		t.Errorf("%d events, the last one %s", len(got), got[len(got)-1])
	}
	// bpftrace has a buffer for each processor, and so no order between them.
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d events and bpftrace has %d; ours begin\n%s\nbpftrace's\n%s", len(got), len(want), strings.Join(got[:min(5, len(got))], "\n"), strings.Join(want[:min(5, len(want))], "\n"))
	}
}

// BenchmarkAttach is how long it takes to attach to 1,000 functions, and to detach; of bpftrace the whole process.
func BenchmarkAttach(b *testing.B) {
	if lack := lacking(); lack != "" {
		skip.Now(b, lack)
	}
	var source strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&source, "void fn_%d(void) { __asm__ volatile(\"nop\"); }\n", i)
	}
	source.WriteString("int main(void) { return 0; }\n")
	prog := filepath.Join(b.TempDir(), "many")
	cc := exec.Command(skip.Tool(b, "gcc"), "-O1", "-w", "-x", "c", "-o", prog, "-")
	cc.Stdin = strings.NewReader(source.String())
	if out, err := cc.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	b.Run("capture", func(b *testing.B) {
		for b.Loop() {
			tgt, err := offset.Open(prog, nil)
			if err != nil {
				b.Fatal(err)
			}
			var sites []capture.Site
			for p, err := range tgt.Probes(b.Context(), offset.Query{Kinds: offset.KindFunc, Match: []string{"fn_*"}}) {
				if err != nil {
					b.Fatal(err)
				}
				l, err := p.Location()
				if err != nil {
					b.Fatal(err)
				}
				sites = append(sites, capture.At(tgt, l))
			}
			c, err := capture.New(sites, nil)
			if err != nil {
				b.Fatal(err)
			}
			if c.Places() != 1000 {
				b.Fatal(c.Places())
			}
			c.Close()
			tgt.Close()
		}
	})
	bpftrace := skip.Tool(b, "bpftrace")
	if testing.Short() {
		return // it takes minutes
	}
	b.Run("bpftrace", func(b *testing.B) {
		for b.Loop() {
			cmd := exec.Command(bpftrace, "-e", "uprobe:"+prog+":fn_* { @ = count(); } BEGIN { exit(); }")
			cmd.Env = append(cmd.Environ(), "BPFTRACE_MAX_PROBES=2000")
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Attaching 1001 probes") {
				b.Fatalf("%v\n%s", err, out)
			}
		}
	})
}
