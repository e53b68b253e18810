package livetest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// The lines that "probels FILE" prints into a pipe are probes to bpftrace as they are, quotes
// included: with a body behind each, they attach and are hit as often as the program gets there. That
// bpftrace accepts a line proves nothing: it accepts names that are not there.
func TestBpftrace(t *testing.T) {
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	bpftrace := skip.Tool(t, "bpftrace")
	probels := buildCommand(t)
	pie, nopie, main := program(t, "amd64/probe-pie"), program(t, "amd64/probe-nopie"), program(t, "amd64/main")
	lib := filepath.Join(filepath.Dir(main), "libtestbin.so")
	goProg, cxx := goBuild(t, "amd64", "exe"), testbin.Exec(t, "amd64/cxx.so")
	for _, tt := range []struct {
		name, file string
		prog       string   // a test binary
		command    []string // or this, which bpftrace starts
		hits       map[string]int
	}{
		// Not size0: bpftrace refuses a function without a size, but for its option --unsafe.
		{"functions", pie, pie, nil, map[string]int{
			"traced": 7, "aliased": 21, "alias_weak": 21, "recursive": 28, "traced_tail": 12, "call_helper_a": 7}},
		{"not PIE", nopie, nopie, nil, map[string]int{"traced": 7, "probels:small": 7, "probels:guarded": 7}},
		{"USDT", pie, pie, nil, map[string]int{
			"probels:small": 7, "probels:inlined": 21, "probels:differ": 14, "other_provider:query__start": 7, "probels:guarded": 7}},
		{"library", lib, main, nil, map[string]int{
			"ver_func": 7, "same_func": 7, "lib_func": 28, "lib_weak": 28, "protected_func": 14, "probelib:entry": 28}},
		{"Go", goProg, "", []string{goProg}, map[string]int{
			"main.(*T).Method": 7, "main.T.Value": 14, "main.main.func1": 7, "main.(*G[go.shape.int]).Get": 7}},
		{"C++", cxx, "", []string{systemPython, cxxScript(t, cxx)}, map[string]int{
			"_ZN5outer10overloadedEi": 3, "_ZN5outer5inner5Class6createEi": 4, "plain_c": 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := listLines(t, probels, tt.file)
			var script strings.Builder
			var names []string
			for name := range tt.hits {
				line, ok := lines[name]
				if !ok {
					t.Errorf("no line is for %s", name)
					continue
				}
				fmt.Fprintf(&script, "%s { @[%d] = count(); }\n", line, len(names))
				names = append(names, name)
			}
			counts := trace(t, bpftrace, script.String(), tt.prog, tt.command)
			for i, name := range names {
				if counts[i] != tt.hits[name] {
					t.Errorf("%s: %d hits, want %d", lines[name], counts[i], tt.hits[name])
				}
			}
		})
	}
}

// trace runs a script while a test binary runs its rounds, or while a command runs, and returns what
// the script counted in its map.
func trace(t *testing.T, bpftrace, script, prog string, command []string) map[int]int {
	t.Helper()
	var cmd *exec.Cmd
	var s *session
	if prog != "" {
		s = start(t, prog)
		cmd = exec.Command(bpftrace, "-p", strconv.Itoa(s.pid()), "-e", "BEGIN { printf(\"attached\\n\"); }\n"+script)
	} else {
		if _, err := os.Stat(command[0]); err != nil {
			skip.Nowf(t, "needs %s", command[0])
		}
		cmd = exec.Command(bpftrace, "-c", strings.Join(command, " "), "-e", script)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	var text strings.Builder
	for s != nil {
		line, err := out.ReadString('\n')
		if line == "attached\n" {
			s.run(t)
			s.in.Close() // the program ends, and bpftrace with it
			s.cmd.Wait()
			break
		}
		if err != nil {
			break
		}
	}
	io.Copy(&text, out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &stderr, script)
	}
	counts := map[int]int{}
	for _, m := range regexp.MustCompile(`@\[(\d+)\]: (\d+)`).FindAllStringSubmatch(text.String(), -1) {
		probe, _ := strconv.Atoi(m[1])
		counts[probe], _ = strconv.Atoi(m[2])
	}
	return counts
}

// buildCommand builds cmd/probels.
func buildCommand(t *testing.T) string {
	t.Helper()
	prog := filepath.Join(t.TempDir(), "probels")
	if out, err := exec.Command(skip.Tool(t, "go"), "build", "-o", prog, "github.com/probels/probels/cmd/probels").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return prog
}

// listLines are the lines that probels prints for a file, by what follows the path, without quotes.
func listLines(t *testing.T, probels, file string) map[string]string {
	t.Helper()
	out, err := exec.Command(probels, file).Output()
	if err != nil {
		t.Fatalf("probels %s: %v", file, err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		kind, rest, _ := strings.Cut(line, ":")
		name, ok := strings.CutPrefix(rest, file+":")
		if !ok || kind != "usdt" && kind != "uprobe" {
			t.Fatalf("probels %s printed %q", file, line)
		}
		lines[strings.Trim(name, `"`)] = line
	}
	return lines
}
