package capture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt/operand"
	"github.com/probels/probels/usdt/usdtbpf"
)

// Every line that the program gets makes it call all once.
const source = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/sdt.h>
#define NOINLINE __attribute__((noinline, noipa))
struct pair { long first; int second; };
long NOINLINE work(const char *s, size_t n, signed char k, struct pair *p, size_t *out) { *out = n * 2; return p->second * 1000 + k; }
long NOINLINE more(const char *s, size_t n, signed char k) { return n + k; }
long NOINLINE outer(const char *s, size_t n, signed char k, struct pair *p, size_t *out) { return work(s, n, k, p, out) + more(s, 5, k) ; }
void NOINLINE many(int i) { __asm__ volatile(""); }
void NOINLINE left(const char *s, long v) { DTRACE_PROBE2(test, both, s, v); }
void NOINLINE right(int v, const char *s) { int twice = v * 2; __asm__ volatile("" : : "r"(twice)); DTRACE_PROBE2(test, both, s, twice); }
int main(void) {
	static char line[5000], text[5000];
	struct pair p = { 1L << 40, -7 };
	size_t out = 0;
	while (fgets(line, sizeof line, stdin)) {
		int n = atoi(line);
		memset(text, 'a', n);
		text[n] = 0;
		volatile long keep = outer(text, n, -3, &p, &out);
		more(NULL, 4, 2);
		left(text, -5000000000);
		right(21, "right");
		int fd = open("/nonexistent/path", O_RDONLY);
		for (int i = 0; i < n; i++) many(i);
		puts("done");
		fflush(stdout);
	}
}
`

func lacking(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		skip.Now(t, "needs Linux on x86-64 or arm64")
	}
	if os.Geteuid() != 0 {
		skip.Now(t, "needs root, to attach uprobes")
	}
	if err := supported(); err != nil {
		skip.Now(t, "needs eBPF: "+err.Error())
	}
}

// A traced is the program, running.
type traced struct {
	path string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	*offset.Target
}

func start(t *testing.T) *traced {
	t.Helper()
	lacking(t)
	p := &traced{path: filepath.Join(t.TempDir(), "traced")}
	cc := exec.Command(skip.Tool(t, "gcc"), "-O1", "-fno-omit-frame-pointer", "-w", "-x", "c", "-o", p.path, "-")
	cc.Stdin = strings.NewReader(source)
	if out, err := cc.CombinedOutput(); err != nil {
		skip.Nowf(t, "gcc cannot compile a program with <sys/sdt.h>: %v\n%s", err, out)
	}
	p.cmd = exec.Command(p.path)
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.in.Close()
		p.cmd.Wait()
	})
	if p.Target, err = offset.Open(p.path, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Target.Close() })
	return p
}

// round has the program call all once.
func (p *traced) round(t *testing.T, n int) {
	t.Helper()
	fmt.Fprintln(p.in, n)
	if line, err := p.out.ReadString('\n'); line != "done\n" {
		t.Fatalf("the program wrote %q (%v)", line, err)
	}
}

func (p *traced) at(t *testing.T, name string, want ...Value) Site {
	t.Helper()
	res, err := p.Resolve(t.Context(), offset.Func(name))
	if err != nil {
		t.Fatal(err)
	}
	l, err := res[0].One()
	if err != nil {
		t.Fatal(err)
	}
	return At(p.Target, l, want...)
}

func open(t *testing.T, c *Config, sites ...Site) *Capture {
	t.Helper()
	p, err := New(sites, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// drain is all events that are there, as "site: value, value", and the events.
func drain(t *testing.T, c *Capture) (lines []string, events []Event) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for e, err := range c.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, d := range e.Values {
			parts = append(parts, d.String())
		}
		lines = append(lines, fmt.Sprintf("%d: %s", e.Site, strings.Join(parts, ", ")))
		e.Values = append([]Datum(nil), e.Values...)
		for i := range e.Values {
			e.Values[i].B = append([]byte(nil), e.Values[i].B...)
		}
		events = append(events, e)
	}
	return lines, events
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("events are\n%s\nwant\n%s", g, w)
	}
}

// noCookies runs the test as on a kernel without attach cookies as well.
func noCookies(t *testing.T, f func(t *testing.T)) {
	t.Run("cookies", f)
	t.Run("none", func(t *testing.T) {
		old := haveCookies
		defer func() { haveCookies = old }()
		haveCookies = func() bool { return false }
		f(t)
	})
}

func TestFunctions(t *testing.T) {
	noCookies(t, func(t *testing.T) {
		p := start(t)
		work := p.at(t, "work",
			String(Param(0), 3000), SizedNumber(1), Number(SizedParam(2, 1, true)), Number(Deref(Param(3), 0, 8, false)),
			Number(Deref(Param(3), 8, 4, true)), Bytes(Param(0), Param(1), 4), UID(), Comm(), PPID())
		work.Keep = Param(4)
		back := p.at(t, "work", Number(Result()), Number(SizedResult(1, true)), Number(Deref(Kept(), 0, 8, false)))
		back.Return = true
		more := p.at(t, "more", String(Param(0), 3), Number(SizedParam(2, 4, true)))
		c := open(t, &Config{PID: p.cmd.Process.Pid}, work, back, more)
		before := time.Now()
		p.round(t, 1000)
		lines, events := drain(t, c)
		equal(t, lines,
			fmt.Sprintf("0: %s, 1000, -3, %d, -7, aaaa, %d, traced, %d", strings.Repeat("a", 1000), int64(1)<<40, os.Getuid(), os.Getpid()),
			"1: -7003, -91, 2000",
			"2: aaa, -3",
			"2: <bad address>, 2",
		)
		if len(events) != 4 {
			return
		}
		e := events[0]
		if e.PID != p.cmd.Process.Pid || e.TID != e.PID || e.Time <= 0 || e.Time > events[1].Time || events[1].Time-e.Time > time.Since(before) {
			t.Errorf("event %+v, and then %+v", e, events[1])
		}
		if d := e.Values[5]; !d.Truncated || d.Length != 1000 || d.N != e.Values[0].N || d.N == 0 || e.Values[0].Truncated {
			t.Errorf("bytes are %+v", d)
		}
		if d := events[2].Values[0]; !d.Truncated {
			t.Error("a cut string does not say so")
		}
		if d := events[3].Values[0]; d.Err != syscall.EFAULT || d.N != 0 {
			t.Errorf("a null pointer is %+v", d)
		}
	})
}

// SizedNumber is a word.
func SizedNumber(n int) Value { return Number(SizedParam(n, 8, false)) }

// A string of just as many bytes as are wanted is whole.
func TestStringLimits(t *testing.T) {
	p := start(t)
	c := open(t, nil, p.at(t, "work", String(Param(0), 10), String(Param(0), 9), String(Param(0), 11)))
	p.round(t, 10)
	_, events := drain(t, c)
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	for i, cut := range []bool{false, true, false} {
		if d := events[0].Values[i]; d.Truncated != cut || len(d.B) != 10 && !cut || cut && len(d.B) != 9 {
			t.Errorf("%d: %d bytes, cut %t", i, len(d.B), d.Truncated)
		}
	}
}

// The sites of one probe have their values in different places.
func TestUSDT(t *testing.T) {
	noCookies(t, func(t *testing.T) {
		p := start(t)
		sites, err := USDT(t.Context(), p.Target, "test:both")
		if err != nil || len(sites) < 2 {
			t.Fatal(len(sites), err)
		}
		same := true
		for i := range sites {
			a := sites[i].Args
			same = same && a[0].Operand == sites[0].Args[0].Operand && a[1].Operand == sites[0].Args[1].Operand
			bad := operand.ParseArg(p.File().Machine(), p.File().Class(), "8@%xmm3")
			sites[i].Want = []Value{String(Arg(a[0]), 6), Number(Arg(a[1])), Number(Arg(bad)), Number(Field(8))}
		}
		if same {
			t.Error("the compiler put them all into the same registers")
		}
		c := open(t, nil, sites...)
		p.round(t, 3)
		_, events := drain(t, c)
		if len(events) != 2 {
			t.Fatalf("%d events", len(events))
		}
		for i, want := range []string{"aaa -5000000000", "right 42"} {
			v := events[i].Values
			if got := v[0].String() + " " + v[1].String(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			var e *usdtbpf.Error
			if runtime.GOARCH == "amd64" && (!errors.As(v[2].Err, &e) || !errors.Is(e, usdtbpf.ErrRegister)) || v[3].Err == nil {
				t.Errorf("what eBPF cannot read is %v and %v", v[2], v[3])
			}
		}
	})
}

func TestStack(t *testing.T) {
	p := start(t)
	outer := p.at(t, "outer").Location
	c := open(t, &Config{PID: p.cmd.Process.Pid}, p.at(t, "work", Stack()))
	p.round(t, 1)
	_, events := drain(t, c)
	if len(events) != 1 || events[0].Values[0].Err != nil {
		t.Fatalf("events: %+v", events)
	}
	stack, err := c.Stack(events[0].Values[0].N)
	if err != nil {
		t.Fatal(err)
	}
	proc, err := offset.OpenPID(t.Context(), p.cmd.Process.Pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer proc.Close()
	// The frame of work is not there yet: the innermost is work itself, the next one either outer or main.
	for i, a := range stack {
		o := proc.At(a)
		if o == nil {
			t.Fatalf("frame %d of %x is nowhere", i, stack)
		}
		addr, err := o.Addr(a)
		if err == nil && addr >= outer.Addr && uint64(addr) < uint64(outer.Addr)+outer.Size {
			return
		}
		if i == 0 && uint64(addr) != uint64(p.at(t, "work").Location.Addr) {
			t.Errorf("the first frame is 0x%x", uint64(addr))
		}
	}
	if len(stack) < 2 {
		t.Errorf("stack %x", stack)
	}
	if _, err := c.Stack(1 << 40); err == nil {
		t.Error("a stack with a number that there is not")
	}
}

// Tracepoints and uprobes are in one order.
func TestTracepoint(t *testing.T) {
	p := start(t)
	openat := uint32(257)
	right := p.at(t, "right", String(Param(1), 9)) // touches the page of the constants
	if runtime.GOARCH == "arm64" {
		openat = 56
	}
	enter := Site{Tracepoint: "raw_syscalls/sys_enter", Want: []Value{Number(Field(8)), String(Field(24), 64).When(Field(8), openat)}}
	enter.Keep = If(Field(8), []uint32{1, openat}, Field(24), Field(16))
	exit := Site{Tracepoint: "raw_syscalls/sys_exit", Want: []Value{String(Kept(), 64).When(Field(8), openat), Number(Field(16))}}
	c := open(t, &Config{PID: p.cmd.Process.Pid}, right, enter, p.at(t, "many"), exit)
	p.round(t, 1)
	lines, _ := drain(t, c)
	text := strings.Join(lines, "\n")
	if want := fmt.Sprintf("0: right\n1: %d, /nonexistent/path\n3: /nonexistent/path, -2\n2: ", openat); !strings.Contains(text, want) {
		t.Errorf("events are\n%s\nwant among them\n%s", text, want)
	}
	if strings.Count(text, "path") != 2 {
		t.Errorf("other system calls have a path too:\n%s", text)
	}
}

// What does not fit is counted: nothing is lost in silence.
func TestLost(t *testing.T) {
	p := start(t)
	c := open(t, &Config{Buffer: 1}, p.at(t, "many", Number(SizedParam(0, 4, true))))
	p.round(t, 3000)
	lost, err := c.Lost()
	if err != nil {
		t.Fatal(err)
	}
	lines, _ := drain(t, c)
	if lost == 0 || int(lost)+len(lines) != 3000 || lines[0] != "0: 0" {
		t.Errorf("%d lost and %d read", lost, len(lines))
	}
	p.round(t, 10)
	lines, _ = drain(t, c)
	if after, _ := c.Lost(); len(lines) != 10 || after != lost {
		t.Errorf("then %d read, and %d lost", len(lines), after-lost)
	}
}

// The sequence waits, and ends when it is told to.
func TestCancel(t *testing.T) {
	p := start(t)
	c := open(t, nil, p.at(t, "work", SizedNumber(1)))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	done := make(chan error, 1)
	got := make(chan int, 16)
	go func() {
		for e, err := range c.Events(ctx) {
			if err != nil {
				done <- err
				return
			}
			got <- int(e.Values[0].N)
		}
		done <- nil
	}()
	for _, want := range []int{4, 5} {
		p.round(t, want)
		if n = <-got; n != want {
			t.Errorf("got %d, want %d", n, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// It can be had again, and ends with the Capture.
	go func() {
		for e, err := range c.Events(context.Background()) {
			if err != nil {
				done <- err
				return
			}
			got <- int(e.Values[0].N)
		}
		done <- nil
	}()
	p.round(t, 6)
	if n = <-got; n != 6 {
		t.Errorf("got %d, want 6", n)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	p.round(t, 1) // the program is none the worse
}

// One program is loaded for all sites that want the same.
func TestOneProgram(t *testing.T) {
	p := start(t)
	want := []Value{Number(Param(0)), String(Param(1), 9)}
	var sites []Site
	for _, name := range []string{"work", "more", "outer", "many"} {
		sites = append(sites, p.at(t, name, want...))
	}
	back := sites[0]
	back.Return = true
	c := open(t, nil, append(sites, back)...)
	if len(c.ends) > 2 || c.Places() != 5 {
		t.Errorf("%d programs at %d places", len(c.ends), c.Places())
	}
}

func TestRefused(t *testing.T) {
	p := start(t)
	many := []Value{}
	for range 3 {
		many = append(many, String(Param(0), 20000))
	}
	gone := p.at(t, "work")
	gone.Location.Offset += 4096 * 1000
	for _, tt := range []struct {
		what, want string
		sites      []Site
		config     *Config
	}{
		{"nothing", "no sites", nil, nil},
		{"no bytes", "0 bytes", []Site{p.at(t, "work", String(Param(0), 0))}, nil},
		{"many bytes", "1 to 65536", []Site{p.at(t, "work", String(Param(0), 1<<20))}, nil},
		{"in all", "an event of", []Site{p.at(t, "work", many...)}, nil},
		{"no source", "without a source", []Site{p.at(t, "work", Value{})}, nil},
		{"small buffer", "too large for a buffer", []Site{p.at(t, "work", String(Param(0), 5000))}, &Config{Buffer: 4096}},
		{"buffer", "at most", []Site{p.at(t, "work")}, &Config{Buffer: 1<<31 - 1}},
		{"no such tracepoint", "tracepoint probels/none", []Site{{Tracepoint: "probels/none"}}, nil},
		{"location", "work", []Site{p.at(t, "more"), gone}, nil},
		{"process", "", []Site{p.at(t, "more")}, &Config{PID: 1 << 30}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			c, err := New(tt.sites, tt.config)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if c != nil {
				t.Error("and a Capture")
			}
		})
	}
}

// The whole of it in one loop.
func TestSimple(t *testing.T) {
	p := start(t)
	for what, ret := range map[string]func(context.Context, string, string, ...Value) iter.Seq2[Event, error]{"5": Calls, "2": Returns} {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		var calls sync.WaitGroup
		calls.Go(func() {
			for ctx.Err() == nil {
				fmt.Fprintln(p.in, 5) // until it is attached
				p.out.ReadString('\n')
			}
		})
		value := SizedNumber(1)
		if what == "2" {
			value = Number(Result())
		}
		for e, err := range ret(ctx, p.path, "more", value) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Values[0].String() == what {
				n++
			}
			if n == 3 {
				cancel()
			}
		}
		cancel()
		calls.Wait()
		if n < 3 {
			t.Errorf("%s: %d events", what, n)
		}
	}
	for _, err := range Calls(t.Context(), p.path, "nothing") {
		if err == nil || !strings.Contains(err.Error(), "not found") {
			t.Error(err)
		}
	}
}
