package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// helps runs why, and then what its last line says.
func helps(ts *testscript.TestScript, _ bool, args []string) {
	cause, words := args[0], args[1]
	args = args[2:]
	ts.Exec(args[0], args[1:]...) // its status says whether the name is there
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	if !strings.Contains(lines[0], words) {
		ts.Fatalf("the first line is %q, without %q", lines[0], words)
	}
	last := lines[len(lines)-1]
	ts.Exec(args[0], append(args[1:], "--json")...)
	var record struct {
		Cause string
		Help  []string
	}
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &record); err != nil {
		ts.Fatalf("%v", err)
	}
	if record.Cause != cause {
		ts.Fatalf("the cause is %q, want %q: %s", record.Cause, cause, lines[0])
	}
	if len(record.Help) == 0 || record.Help[len(record.Help)-1] != last {
		ts.Fatalf("the last line is %q, and the record has %q", last, record.Help)
	}
	if strings.HasPrefix(last, "nothing can help: ") {
		return
	}
	if !strings.HasPrefix(last, "probels ") {
		ts.Fatalf("the last line is no command: %q", last)
	}
	shell := exec.Command("sh", "-c", last)
	shell.Dir = ts.MkAbs(".")
	shell.Env = []string{"PATH=" + ts.Getenv("PATH"), "GORACE=" + raceOptions}
	var out, errs bytes.Buffer
	shell.Stdout, shell.Stderr = &out, &errs
	if err := shell.Run(); err != nil || out.Len() == 0 {
		ts.Fatalf("%s: %v\n%s%s", last, err, &out, &errs)
	}
}
