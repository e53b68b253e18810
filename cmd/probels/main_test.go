package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/probels/probels/internal/testbin"
)

var update = flag.Bool("update", false, "write the golden files anew")

// asProbels makes the test binary be probels itself, for tests that need it as a
// process.
const asProbels = "PROBELS_TEST_AS_COMMAND"

// With -race a process would sleep a second at its end.
const raceOptions = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if os.Getenv(asProbels) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"probels": main})
}

// Scripts find the committed binaries in $F. They have besides the usual
// commands:
//
//	elf RUNTIME PATH PART
//	                    a launcher or library (see names_test.go)
//	cut FILE N DST      the first N bytes of a file
//	fifo PATH           a named pipe
//	strange PATH        a program with names that mean harm (see strange_test.go)
//	lines N FILE        the file has N lines; stdout and stderr are the last command's
//	helps CAUSE [WORDS] probels why ARGS…
//	                    the cause is this; the first line has the words; the last line is
//	                    a command that succeeds, or says that nothing can help
//	status [out] N PROGRAM ARGS…
//	                    runs it and wants that status, no output (unless "out"
//	                    is said) and, for status 2 without it, one line of errors
func TestScripts(t *testing.T) {
	fixtures := filepath.Dir(filepath.Dir(testbin.Path(t, "amd64/main")))
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("F", fixtures)
			e.Setenv("PID", strconv.Itoa(os.Getpid()))
			e.Setenv("GORACE", raceOptions)
			return nil
		},
		Condition: func(cond string) (bool, error) { return cond == "root" && os.Geteuid() == 0, nil },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"elf":   writeELF,
			"helps": helps,
			"cut": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.Atoi(args[1])
				ts.Check(err)
				b, err := os.ReadFile(args[0])
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[2]), b[:n], 0o755))
			},
			"fifo": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(makeFIFO(ts.MkAbs(args[0]))) },
			"strange": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), strangeFile(), 0o755))
			},
			"status": func(ts *testscript.TestScript, _ bool, args []string) {
				out := args[0] == "out"
				if out {
					args = args[1:]
				}
				err := ts.Exec(args[1], args[2:]...)
				got := 0
				if ee := (*exec.ExitError)(nil); errors.As(err, &ee) {
					got = ee.ExitCode()
				}
				if strconv.Itoa(got) != args[0] {
					ts.Fatalf("status %d, want %s", got, args[0])
				}
				if lines := strings.Count(ts.ReadFile("stderr"), "\n"); !out && (ts.ReadFile("stdout") != "" || lines != 1) {
					ts.Fatalf("%d lines of errors, want one, and no output", lines)
				}
			},
			"lines": func(ts *testscript.TestScript, neg bool, args []string) {
				if n := strings.Count(ts.ReadFile(args[1]), "\n"); strconv.Itoa(n) != args[0] {
					ts.Fatalf("%s has %d lines, want %s", args[1], n, args[0])
				}
			},
		},
	})
}

// A result is what one run of the program gave.
type result struct {
	status      int
	out, errors string
}

// probels runs the program in this process.
func probels(t testing.TB, args ...string) result {
	t.Helper()
	var errs bytes.Buffer
	out := tempFile(t)
	defer out.Close()
	status := run(args, nil, out, &errs)
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return result{status, string(b), errs.String()}
}

func tempFile(t testing.TB) *os.File {
	t.Helper()
	f, err := os.CreateTemp("", "probels-test-")
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(f.Name()) // it lives as long as it is open
	return f
}
