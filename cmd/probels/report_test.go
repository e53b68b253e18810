package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// reports are runs of check and diff whose names and texts mean harm to their formats.
func reports(t *testing.T) map[string][]string {
	t.Helper()
	dir := t.TempDir()
	strange := filepath.Join(dir, "a<&\",: %25\n::error::b")
	if err := os.WriteFile(strange, strangeFile(), 0o755); err != nil {
		t.Fatal(err)
	}
	lock, odd := filepath.Join(dir, "lo,c:k%"), filepath.Join(dir, "odd")
	probels(t, "check", "--write", lock, testbin.Path(t, "amd64/probe-pie"))
	if err := os.WriteFile(odd, []byte("\"a:b<&>]]>'%::\"\nprobels:plain(u8)\nprobels:*=3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	pie, lib := testbin.Path(t, "amd64/probe-pie"), testbin.Path(t, "amd64/libtestbin.so")
	return map[string][]string{
		"all ok":    {"check", "-f", lock, testbin.Path(t, "amd64/probe-O0")},
		"failing":   {"check", "-f", lock, lib},
		"odd":       {"check", "-f", odd, pie, strange, dir + "/no\nfile"},
		"diff":      {"diff", lib, pie},
		"same":      {"diff", pie, pie},
		"strange":   {"diff", strange, pie},
		"functions": {"diff", "-k", "usdt,uprobe", pie, strange},
		"trees":     {"diff", filepath.Dir(pie), filepath.Dir(testbin.Path(t, "i386/main"))},
	}
}

// JUnit's XML is valid by the rules that CI servers have.
func TestJUnitValid(t *testing.T) {
	xmllint := skip.Tool(t, "xmllint")
	for name, args := range reports(t) {
		r := probels(t, append(args, "--format", "junit")...)
		cmd := exec.Command(xmllint, "--noout", "--schema", "testdata/junit.xsd", "-")
		cmd.Stdin = strings.NewReader(r.out)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", name, err, out, r.out)
		}
		for _, m := range regexp.MustCompile(`(?s)<testsuite [^>]*tests="(\d+)" failures="(\d+)" errors="(\d+)">(.*?)</testsuite>`).FindAllStringSubmatch(r.out, -1) {
			got := fmt.Sprint(strings.Count(m[4], "<testcase "), strings.Count(m[4], "<failure "), strings.Count(m[4], "<error "))
			if want := fmt.Sprint(m[1], " ", m[2], " ", m[3]); got != want {
				t.Errorf("%s: a suite has %s cases, failures, errors and says %s", name, got, want)
			}
		}
	}
}

// Lines for GitHub are workflow commands as it documents them: the command's name, properties whose values
// have "%", CR, LF, ":" and "," as escapes, and a message that has the first three so.
func TestGitHubValid(t *testing.T) {
	command := regexp.MustCompile(`^::(error|notice) ((?:[a-z]+=(?:[^%\r\n:,]|%25|%0D|%0A|%3A|%2C)*,)*[a-z]+=(?:[^%\r\n:,]|%25|%0D|%0A|%3A|%2C)*)::((?:[^%\r\n]|%25|%0D|%0A)+)$`)
	summary := regexp.MustCompile(`^(nothing changed|[0-9,]+ (ok|breaking changes?), [^:]*)$`)
	errors := 0
	for name, args := range reports(t) {
		r := probels(t, append(args, "--format", "github")...)
		n := 0
		for line := range strings.Lines(r.out) {
			line = strings.TrimSuffix(line, "\n")
			m := command.FindStringSubmatch(line)
			switch {
			case m == nil && !summary.MatchString(line):
				t.Errorf("%s: %q", name, line)
			case m != nil && m[1] == "error":
				n++
			}
		}
		if (n > 0) != (r.status != statusFound) {
			t.Errorf("%s: %d errors and status %d", name, n, r.status)
		}
		errors += n
	}
	if errors < 20 {
		t.Errorf("only %d errors", errors)
	}
}

// One source, two compilers, four levels: the manifest of each holds all, in a debug build and in a stripped
// one, and diff finds nothing that users of the probes have to know.
func TestCompilers(t *testing.T) {
	src := filepath.Dir(filepath.Dir(testbin.Path(t, "amd64/main")))
	src = filepath.Join(filepath.Dir(src), "src")
	dir := t.TempDir()
	var progs []string
	for _, cc := range []string{"gcc", "clang"} {
		cc := skip.Tool(t, cc)
		for level := range 4 {
			prog := filepath.Join(dir, fmt.Sprintf("%s-O%d", filepath.Base(cc), level))
			args := []string{fmt.Sprintf("-O%d", level), "-g", "-w", "-ffreestanding", "-fno-stack-protector", "-nostdlib", "-fPIE", "-pie", "-I", src, "-o", prog}
			for _, f := range []string{"start.c", "probe.c", "a.c", "b.c", "usdt.c", "usdt_mem.c"} {
				args = append(args, filepath.Join(src, f))
			}
			if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
				skip.Nowf(t, "%s: %v\n%s", cc, err, out)
			}
			progs = append(progs, prog)
		}
	}
	for i, prog := range progs {
		lock := prog + ".lock"
		probels(t, "check", "--write", lock, prog)
		args := append([]string{"check", "-f", lock}, progs...)
		if r := probels(t, args...); r.status != statusFound || r.errors != "" {
			t.Errorf("%s: %s%s", lock, r.out, r.errors)
		}
		if r := probels(t, "diff", prog, progs[(i+3)%len(progs)]); r.status != statusFound {
			t.Errorf("diff %s: %s", prog, r.out)
		}
	}
	// A debug file that is installed changes nothing, as only the file's own tables are read.
	debuglink, debug := testbin.Path(t, "amd64/probe-debuglink"), filepath.Join(dir, "debug")
	if err := os.MkdirAll(filepath.Join(debug, ".build-id", "75"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(debug, ".build-id", "75", "79de5a4f210c8d6617a0bcbb96175992e8deed.debug"), testbin.Read(t, "amd64/probe-pie.debug"), 0o644); err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(dir, "bare")
	if err := os.WriteFile(bare, testbin.Read(t, "amd64/probe-debuglink"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, specs := range [][]string{{"probels:*", "probels:ints(4)"}, {"traced"}, {"probels:nothing"}} {
		beside, alone := probels(t, append([]string{"check", debuglink}, specs...)...), probels(t, append([]string{"check", bare}, specs...)...)
		if strings.ReplaceAll(beside.out, debuglink, bare) != alone.out || beside.status != alone.status {
			t.Errorf("%s: with a debug file %d %s, without %d %s", specs, beside.status, beside.out, alone.status, alone.out)
		}
	}
	if r := probels(t, "check", "--debug="+debug, bare, "traced"); r.status != statusFound {
		t.Errorf("with --debug the debug file is not found: %s", r.out)
	}
}
