package livetest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
)

// The commands for perf are run by a shell, and perf records what they defined. Its own home keeps
// its cache away from the user's.
func TestPastePerf(t *testing.T) {
	perf, bash := skip.Tool(t, "perf"), skip.Tool(t, "bash")
	tracing(t) // perf finds it among the mounts
	probels := buildCommand(t)
	main := program(t, "amd64/main")
	lib := filepath.Join(filepath.Dir(main), "libtestbin.so")
	text := pasted(t, probels, "perf", lib, "probelib:entry", "ver_func@V1", "ver_func@@V2", "local_func", "lib_func")
	dir, home := t.TempDir(), t.TempDir()
	sh := func(script string) string {
		t.Helper()
		cmd := exec.Command(bash, "-euc", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+home, "PATH="+filepath.Dir(perf)+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, out, script)
		}
		return string(out)
	}
	t.Cleanup(func() { sh("perf probe -q -d 'probe_libtestbin:*' -d 'sdt_probelib:entry' || true") })
	sh(text)
	sh(fmt.Sprintf("perf record -q -o data -e 'probe_libtestbin:*' -e 'sdt_probelib:*' %s %d || [ $? = %d ]", main, pasteRounds, pasteRounds))
	script := sh("perf script -i data -F event,trace")
	for event, want := range map[string]int{
		"sdt_probelib:entry: ": 4, "probe_libtestbin:ver_func: ": 1, "probe_libtestbin:ver_func_2: ": 1,
		"probe_libtestbin:local_func: ": 1, "probe_libtestbin:lib_func: ": 4,
	} {
		if n := strings.Count(script, event); n != want*pasteRounds {
			t.Errorf("%s%d hits, want %d\n%s\n%s", event, n, want*pasteRounds, text, script)
		}
	}
	// lib.c gives the probe the number of the round.
	for i := range pasteRounds {
		if n := strings.Count(script, fmt.Sprintf(") arg1=%d", i)); n != 4 {
			t.Errorf("%d hits have the argument %d, want 4\n%s", n, i, script)
		}
	}
}

const libbpfHead = `#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

char LICENSE[] SEC("license") = "GPL";

`

// libbpfLoader attaches what its section name says of each program, as libbpf does, tells of each whether
// that was done, and waits for the end of its input.
const libbpfLoader = `#include <bpf/libbpf.h>
#include <stdio.h>
int main(int n, char **a) {
	struct bpf_object *o = bpf_object__open_file(a[1], NULL);
	struct bpf_program *p;
	if (!o || bpf_object__load(o)) return 1;
	bpf_object__for_each_program(p, o)
		if (bpf_program__attach(p)) printf("attached %s\n", bpf_program__section_name(p));
		else printf("refused %s\n", bpf_program__section_name(p));
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF);
	return 0;
}
`

// The C for libbpf is compiled and attached by libbpf itself. bpf_printk is read from the event that it
// makes, in an instance of the test's own.
func TestPasteLibbpf(t *testing.T) {
	tracefs := tracing(t)
	clang, gcc := skip.Tool(t, "clang"), skip.Tool(t, "gcc")
	if _, err := os.Stat("/usr/include/bpf/libbpf.h"); err != nil {
		skip.Now(t, "needs libbpf-dev")
	}
	probels, dir := buildCommand(t), t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	loader := filepath.Join(dir, "loader")
	run(gcc, "-o", loader, file("loader.c", libbpfLoader), "-lbpf")
	prog := program(t, "amd64/probe-pie")
	code := pasted(t, probels, "libbpf", prog) + pasted(t, probels, "libbpf", prog, "traced", "recursive", "helper")
	object := filepath.Join(dir, "p.o")
	run(clang, "-O2", "-g", "-target", "bpf", "-D__TARGET_ARCH_x86", "-Wall", "-Werror", "-I/usr/include/x86_64-linux-gnu",
		"-c", file("p.bpf.c", libbpfHead+code), "-o", object)

	instance := traceInstance(t, tracefs)
	enable := filepath.Join(instance, "events", "bpf_trace", "bpf_trace_printk", "enable")
	writeTo(t, enable, "1")
	defer writeTo(t, enable, "0")
	cmd := exec.Command(loader, object)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { in.Close(); cmd.Wait() }
	defer stop()
	attached := map[string]bool{}
	ready := false
	for s := bufio.NewScanner(out); !ready && s.Scan(); {
		if section, ok := strings.CutPrefix(s.Text(), "attached "); ok {
			attached[section[strings.LastIndex(section, "/")+1:]] = true
		}
		ready = s.Text() == "ready"
	}
	if !ready {
		t.Fatalf("libbpf did not load it\n%s", code)
	}
	runRounds(t, prog)
	stop()
	text, err := os.ReadFile(filepath.Join(instance, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	trace := strings.ReplaceAll(string(text), "bpf_trace_printk: ", " ")
	h := parseHits(t, trace)
	h.dropUntouched()
	// What is behind the comment "refused" is not asked for; of the rest libbpf 1.1 takes no index registers.
	probes := []string{"probels:plain", "probels:small", "probels:ints", "probels:pointers", "probels:constants", "probels:many",
		"probels:inlined", "probels:always", "other_provider:query__start"}
	for _, p := range probes {
		if !attached["probe-pie:"+p] {
			t.Errorf("libbpf does not attach %s", p)
		}
	}
	if values := h.compare(t, probes); values < 28*pasteRounds {
		t.Errorf("only %d values compared\n%s", values, trace)
	}
	for _, f := range []struct {
		name string
		want int
	}{{"traced", 1}, {"recursive", 4}} {
		if n := strings.Count(trace, " "+f.name+"\n"); n != f.want*pasteRounds {
			t.Errorf("%s: %d hits, want %d", f.name, n, f.want*pasteRounds)
		}
	}
	for _, p := range []string{"probels:symbols", "probels:floats", "probels:structs"} {
		if !strings.Contains(code, "/* "+p+" ") || strings.Contains(code, ":"+p+`")`) {
			t.Errorf("libbpf refuses %s, and the code does not say so\n%s", p, code)
		}
	}
}

// The Go for cilium/ebpf is compiled within a program that counts hits.
func TestPasteCilium(t *testing.T) {
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	gotool := skip.Tool(t, "go")
	probels := buildCommand(t)
	prog := program(t, "amd64/probe-pie")
	main := program(t, "amd64/main")
	lib := filepath.Join(filepath.Dir(main), "libtestbin.so")
	code := pasted(t, probels, "cilium", prog, "probels:*", "traced", "helper") + pasted(t, probels, "cilium", lib, "probelib:entry", "ver_func@V1")
	text := `package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

func attach(prog *ebpf.Program) error {
	var links []link.Link
` + code + `
	for _, p := range os.Args[1:] {
		exec.Command(p, "` + strconv.Itoa(pasteRounds) + `").Run()
	}
	info, err := prog.Stats()
	fmt.Println(len(links), info.RunCount)
	return err
}

func main() {
	stats, err := ebpf.EnableStats(0)
	prog, perr := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.Kprobe, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	if err == nil && perr == nil {
		err = attach(prog)
	}
	if err != nil || perr != nil {
		fmt.Println(err, perr)
	}
	io.Closer.Close(stats)
}
`
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(gotool, "run", file, prog, main).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, text)
	}
	// Of probels:* there are 17 sites; the static helper stands in two files.

	const sites = 17
	places, hits := sites+3+2, (sites+3+4+1)*pasteRounds
	if got := strings.TrimSpace(string(out)); got != fmt.Sprint(places, " ", hits) {
		t.Errorf("places and hits: %s, want %d %d\n%s", got, places, hits, code)
	}
}
