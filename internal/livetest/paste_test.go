package livetest

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/probels/probels/internal/skip"
)

// The lines that --format prints are given to the tools that they are for, as they are: probes have to
// be hit as often as the program gets there, with the values that it has.

const pasteRounds = 3

// hits are what a tool printed of each probe, in order: the arguments by name.
type hits map[string][]map[string]uint64

// wantValues are the arguments of each hit of a probe in round i; the README of the test binaries has
// them. What is not there is not known beforehand.
var wantValues = map[string]func(i int) []map[string]int64{
	"probels:plain":   func(int) []map[string]int64 { return []map[string]int64{{}} },
	"probels:small":   func(int) []map[string]int64 { return args(-1, 0xfe, -300, 0xfed4) },
	"probels:ints":    func(int) []map[string]int64 { return args(-70000, 0xfffeee90, -5000000000, 0xfedcba9876543210-1<<64) },
	"probels:floats":  func(int) []map[string]int64 { return []map[string]int64{{"arg2": -70000}} },
	"probels:structs": func(i int) []map[string]int64 { return []map[string]int64{{"arg0": int64(i), "arg3": 0xfe}} },
	"probels:pointers": func(int) []map[string]int64 {
		return []map[string]int64{{"arg2": 0, "arg3": 't'}}
	},
	"probels:constants": func(int) []map[string]int64 { return args(42, -7, 120, 0x89abcdef, 200) },
	"probels:elements":  func(i int) []map[string]int64 { return args(100+int64(i&7), -10-int64(i&7)) },
	"probels:many":      func(int) []map[string]int64 { return args(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) },
	"probels:symbols":   func(i int) []map[string]int64 { return args(7, 8, 22, 20+int64(i&3), 9) },
	"probels:inlined": func(i int) []map[string]int64 {
		return slices.Concat(args(int64(i)), args(-70000), args(int64(i)+1))
	},
	"probels:differ":              func(i int) []map[string]int64 { return slices.Concat(args(int64(i)), args(0xfe, -300)) },
	"probels:always":              func(i int) []map[string]int64 { return args(int64(i)) },
	"probels:guarded":             func(i int) []map[string]int64 { return args(int64(i)) },
	"other_provider:query__start": func(i int) []map[string]int64 { return args(int64(i)) },
}

// argNames are what debug information calls the arguments that wantValues has, where it knows.
var argNames = map[string]map[string]string{
	"probels:small":               {"a": "arg0", "b": "arg1", "c": "arg2", "d": "arg3"},
	"probels:ints":                {"e": "arg0", "f": "arg1", "g": "arg2", "h": "arg3"},
	"probels:floats":              {"v_i32": "arg2"},
	"probels:structs":             {"i": "arg0", "v_u8": "arg3"},
	"probels:pointers":            {"s": "arg0"},
	"probels:many":                {"a": "arg0", "b": "arg1", "c": "arg2", "d": "arg3", "e": "arg4", "f": "arg5", "g": "arg6", "h": "arg7", "i": "arg8", "j": "arg9", "k": "arg10", "l": "arg11"},
	"probels:symbols":             {"exported_int": "arg0", "static_int": "arg1", "hidden_long": "arg4"},
	"probels:inlined":             {"i": "arg0", "v_i32": "arg0"},
	"probels:differ":              {"i": "arg0", "v_u8": "arg0", "v_i16": "arg1"},
	"probels:always":              {"i": "arg0"},
	"probels:guarded":             {"i": "arg0", "probels_guarded_semaphore": "arg1"},
	"other_provider:query__start": {"i": "arg0"},
}

func args(values ...int64) []map[string]int64 {
	m := map[string]int64{}
	for i, v := range values {
		m["arg"+strconv.Itoa(i)] = v
	}
	return []map[string]int64{m}
}

// compare holds what a tool printed of these probes to what the program does.
func (h hits) compare(t *testing.T, probes []string) (values int) {
	t.Helper()
	for _, name := range probes {
		var want []map[string]int64
		for i := range pasteRounds {
			want = append(want, wantValues[name](i)...)
		}
		if len(h[name]) != len(want) {
			t.Errorf("%s: %d hits, want %d", name, len(h[name]), len(want))
			continue
		}
		for i, got := range h[name] {
			for arg, v := range got {
				if known := want[i]; len(known) > 0 && !strings.HasPrefix(arg, "arg") {
					t.Errorf("%s, hit %d: no argument is known as %s", name, i, arg)
				}
				if w, ok := want[i][arg]; ok {
					values++
					if uint64(w) != v {
						t.Errorf("%s, hit %d: %s = %d (0x%x), want %d", name, i, arg, int64(v), v, w)
					}
				}
			}
		}
	}
	return values
}

// dropUntouched takes out what is in a page that the program has not touched when the probe is hit: eBPF
// may not wait for a page, and reads 0. The kernel's own events may.
func (h hits) dropUntouched() {
	for _, values := range h["probels:pointers"] {
		if values["arg3"] == 0 {
			delete(values, "arg3")
		}
	}
}

var (
	hitLine   = regexp.MustCompile(`(?m)(?:^|[ :])((?:probels|other_provider)[:_]\w+?):?(?: \(0x[0-9a-f]+\))?((?: \w+=\S+)*)$`)
	hitArg    = regexp.MustCompile(`(\w+)=(\S+)`)
	hitSuffix = regexp.MustCompile(`_\d$`)
)

// parseHits reads lines that end with "PROBE ARG=VALUE…", as bpftrace and bpf_printk print them, or
// "EVENT: (ADDRESS) ARG=VALUE…", as the kernel does.
func parseHits(t *testing.T, text string) hits {
	t.Helper()
	h := hits{}
	for _, m := range hitLine.FindAllStringSubmatch(text, -1) {
		name := m[1]
		if !strings.Contains(name, ":") {
			name = hitSuffix.ReplaceAllString(name, "")
			for known := range wantValues {
				if strings.ReplaceAll(known, ":", "_") == name {
					name = known
				}
			}
		}
		values := map[string]uint64{}
		for _, a := range hitArg.FindAllStringSubmatch(m[2], -1) {
			arg := a[1]
			if known, ok := argNames[name][arg]; ok {
				arg = known
			}
			if n, err := strconv.ParseInt(a[2], 0, 64); err == nil {
				values[arg] = uint64(n)
			} else if n, err := strconv.ParseUint(a[2], 0, 64); err == nil {
				values[arg] = n
			} else if !strings.HasPrefix(a[2], `"`) {
				t.Errorf("%q: %v", m[0], err)
			}
		}
		// bpf_printk takes three values, so a probe with more has several lines.
		if _, first := values["arg0"]; len(values) > 0 && !first && len(h[name]) > 0 && !hasAny(h[name][len(h[name])-1], values) {
			maps.Copy(h[name][len(h[name])-1], values)
			continue
		}
		h[name] = append(h[name], values)
	}
	return h
}

func hasAny(m, keys map[string]uint64) bool {
	for k := range keys {
		if _, ok := m[k]; ok {
			return true
		}
	}
	return false
}

// pasted is what probels prints for a tool; specs are none for all USDT probes.
func pasted(t *testing.T, probels, format, file string, specs ...string) string {
	t.Helper()
	cmd := exec.Command(probels, append([]string{"resolve", "--format", format, file}, specs...)...)
	if len(specs) == 0 {
		cmd = exec.Command(probels, "list", "-k", "usdt", "--format", format, file)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	return string(out)
}

// runRounds runs a program to its end.
func runRounds(t *testing.T, prog string) {
	t.Helper()
	if err := exec.Command(prog, strconv.Itoa(pasteRounds)).Run(); err == nil || err.Error() != fmt.Sprint("exit status ", pasteRounds) {
		t.Fatalf("%s: %v", prog, err)
	}
}

func TestPasteBpftrace(t *testing.T) {
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	bpftrace, probels := skip.Tool(t, "bpftrace"), buildCommand(t)
	for _, name := range []string{"amd64/probe-nopie", "amd64/probe-clang"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prog := program(t, name)
			script := pasted(t, probels, "bpftrace", prog)
			h := bpftraceHits(t, bpftrace, script, prog)
			h.dropUntouched()
			probes := slices.Sorted(maps.Keys(wantValues))
			if values := h.compare(t, probes); values < 15*pasteRounds {
				t.Errorf("only %d values compared", values)
			}
		})
	}
	// Two functions of one name, one of another version, statics, and a place without a name.
	t.Run("functions", func(t *testing.T) {
		t.Parallel()
		main := program(t, "amd64/main")
		lib := filepath.Join(filepath.Dir(main), "libtestbin.so")
		script := pasted(t, probels, "bpftrace", lib, "ver_func@V1", "ver_func@@V2", "lib_func", "local_func")
		script = strings.ReplaceAll(script, `printf("`, `printf("probels:`)
		h := bpftraceHits(t, bpftrace, script, main)
		for name, want := range map[string]int{"ver_func": 2, "lib_func": 4, "local_func": 1} {
			n := 0
			for k, v := range h {
				if base := strings.TrimPrefix(k, "probels:"); base == name || strings.HasPrefix(base, name+"_V") {
					n += len(v)
				}
			}
			if n != want*pasteRounds {
				t.Errorf("%s: %d hits, want %d: %v\n%s", name, n, want*pasteRounds, h, script)
			}
		}
	})
}

func bpftraceHits(t *testing.T, bpftrace, script, prog string) hits {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script.bt")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bpftrace, "-c", fmt.Sprintf("%s %d", prog, pasteRounds), file)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, &errs, script)
	}
	return parseHits(t, strings.ReplaceAll(string(out), "@", "_"))
}

// tracing mounts tracefs where nobody else has it.
func tracing(t *testing.T) string {
	t.Helper()
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tracefs", 0, ""); err != nil {
		skip.Nowf(t, "needs tracefs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

var traceNames atomic.Int32

// traceName is a name that nothing else in tracefs has.
func traceName() string { return fmt.Sprintf("probels_%d_%d", os.Getpid(), traceNames.Add(1)) }

// traceInstance is an instance of tracefs of its own.
func traceInstance(t *testing.T, tracefs string) string {
	t.Helper()
	dir := filepath.Join(tracefs, "instances", traceName())
	if err := os.Mkdir(dir, 0o755); err != nil {
		skip.Nowf(t, "needs instances of tracefs: %v", err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	return dir
}

func writeTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.WriteString(text)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		t.Errorf("%s: %s: %v", filepath.Base(file), text, err)
	}
}

// defineEvents gives the kernel lines for uprobe_events, in a group of the test's, and enables them.
func defineEvents(t *testing.T, tracefs, instance, lines string) {
	t.Helper()
	group := traceName()
	events := filepath.Join(tracefs, "uprobe_events")
	var names []string
	t.Cleanup(func() {
		for _, n := range names {
			writeTo(t, events, "-:"+group+"/"+n)
		}
	})
	for line := range strings.Lines(lines) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		rest, ok := strings.CutPrefix(line, "p:probels/")
		if !ok {
			t.Fatalf("line %q", line)
		}
		writeTo(t, events, "p:"+group+"/"+strings.TrimSpace(rest))
		name, _, _ := strings.Cut(rest, " ")
		names = append(names, name)
	}
	writeTo(t, filepath.Join(instance, "events", group, "enable"), "1")
	t.Cleanup(func() { writeTo(t, filepath.Join(instance, "events", group, "enable"), "0") })
}

func TestPasteUprobeEvents(t *testing.T) {
	tracefs := tracing(t)
	probels := buildCommand(t)
	for _, name := range []string{"amd64/probe-pie", "amd64/probe-clang", "amd64/probe-O0", "i386/probe-pie"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prog := program(t, name)
			instance := traceInstance(t, tracefs)
			lines := pasted(t, probels, "uprobe_events", prog)
			// Clang copies the arguments to places that are no variable's.
			if name != "amd64/probe-clang" && !strings.Contains(lines, " i=") {
				t.Errorf("no names by debug information\n%s", lines)
			}
			defineEvents(t, tracefs, instance, lines)
			runRounds(t, prog)
			text, err := os.ReadFile(filepath.Join(instance, "trace"))
			if err != nil {
				t.Fatal(err)
			}
			h := parseHits(t, string(text))
			if name == "i386/probe-pie" { // its long has 32 bits
				for _, values := range h["probels:ints"] {
					delete(values, "arg2")
					delete(values, "arg3")
				}
			}
			if values := h.compare(t, slices.Sorted(maps.Keys(wantValues))); values < 30*pasteRounds {
				t.Errorf("only %d values compared\n%s", values, text)
			}
		})
	}
}

// A part of a register that is not its low end.
func TestPasteRegisterParts(t *testing.T) {
	tracefs := tracing(t)
	dir := t.TempDir()
	src, prog := filepath.Join(dir, "p.c"), filepath.Join(dir, "p")
	text := `int main(void) {
	for (int i = 0; i < 3; i++)
		__asm__ volatile("990: nop\n"
			".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n.4byte 992f-991f,994f-993f,3\n991: .asciz \"stapsdt\"\n992: .balign 4\n"
			"993: .8byte 990b,0,0\n.asciz \"probels\"\n.asciz \"parts\"\n.asciz \"1@%%ah 2@%%ax -1@%%al 4@%%eax -8@%%rax\"\n994: .balign 4\n.popsection"
			:: "a"(0x89abcdefL + i));
	return 3;
}
`
	if err := os.WriteFile(src, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(skip.Tool(t, "gcc"), "-O2", "-fno-pie", "-no-pie", "-o", prog, src).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	instance := traceInstance(t, tracefs)
	lines := pasted(t, buildCommand(t), "uprobe_events", prog)
	if !strings.Contains(lines, ":b8@8/32") {
		t.Errorf("no part of a register in %q", lines)
	}
	defineEvents(t, tracefs, instance, lines)
	exec.Command(prog).Run()
	trace, err := os.ReadFile(filepath.Join(instance, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	h := parseHits(t, string(trace))["probels_parts"]
	if len(h) != 3 {
		t.Fatalf("%d hits: %s", len(h), trace)
	}
	for i, got := range h {
		v := uint64(0x89abcdef) + uint64(i)
		want := map[string]uint64{"arg0": v >> 8 & 0xff, "arg1": v & 0xffff, "arg2": uint64(int64(int8(v))), "arg3": v, "arg4": v}
		if !maps.Equal(got, want) {
			t.Errorf("hit %d: %x, want %x", i, got, want)
		}
	}
}
