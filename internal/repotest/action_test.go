package repotest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

type action struct {
	Inputs map[string]struct {
		Description, Default string
	}
	Runs struct {
		Using string
		Steps []struct {
			Name, Shell, Run string
			Env              map[string]string
		}
	}
}

// readAction reads action.yml with a YAML parser that is not ours.
func readAction(t *testing.T) action {
	t.Helper()
	python := skip.Tool(t, "/usr/bin/python3")
	if err := exec.Command(python, "-c", "import yaml").Run(); err != nil {
		skip.Now(t, "needs python3-yaml")
	}
	cmd := exec.Command(python, "-c", "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)", "../../action.yml")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// The steps of the action, run by bash as GitHub's runner does, hold a program to its manifest. What a
// user says comes by the environment, never as part of a script.
func TestAction(t *testing.T) {
	a := readAction(t)
	if a.Runs.Using != "composite" || len(a.Runs.Steps) != 2 {
		t.Fatalf("%+v", a.Runs)
	}
	for _, s := range a.Runs.Steps {
		if s.Shell != "bash" || strings.Contains(s.Run, "${{") {
			t.Errorf("%s: shell %q; or an expression in the script", s.Name, s.Shell)
		}
		for name, v := range s.Env {
			input := strings.TrimSuffix(strings.TrimPrefix(v, "${{ inputs."), " }}")
			if _, ok := a.Inputs[input]; !ok {
				t.Errorf("%s: %s is %s, no input", s.Name, name, v)
			}
		}
	}
	bash, dir := skip.Tool(t, "bash"), t.TempDir()
	if out, err := exec.Command(skip.Tool(t, "go"), "build", "-o", filepath.Join(dir, "probels"), "../../cmd/probels").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pie, lib := testbin.Path(t, "amd64/probe-pie"), testbin.Path(t, "amd64/libtestbin.so")
	clang := testbin.Path(t, "amd64/probe-clang")
	run := func(env ...string) (string, int) {
		t.Helper()
		cmd := exec.Command(bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", a.Runs.Steps[1].Run)
		cmd.Dir = dir
		cmd.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH")}, env...)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	lock := filepath.Join(dir, "probes.lock")
	if out, err := exec.Command(filepath.Join(dir, "probels"), "check", "--write", lock, pie).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tt := range []struct {
		targets, tools string
		status         int
		want           string
	}{
		{"", "", 0, "17 ok, 0 failed"},
		{clang + "\n" + pie + "\n", "", 0, "34 ok, 0 failed"},
		{lib, "", 1, "::error file=" + strings.ReplaceAll(lock, ":", "%3A") + ",line=4,title=USDT probes::"},
		{pie, "libbpf", 1, "libbpf looks up no symbols"},
		{"$(touch harm)", "", 2, "no such file"},
	} {
		out, status := run("MANIFEST="+lock, "TARGETS="+tt.targets, "FOR="+tt.tools)
		if status != tt.status || !strings.Contains(out, tt.want) {
			t.Errorf("targets %q, for %q: status %d, want %d and %q\n%s", tt.targets, tt.tools, status, tt.status, tt.want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "harm")); err == nil {
		t.Error("an input was run")
	}
}
