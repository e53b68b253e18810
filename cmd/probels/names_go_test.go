package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
)

const goServer = `package main

import "os"

type server struct{ n int }

//go:noinline
func (s *server) Serve(b []byte) int { return s.n + len(b) }

func main() { os.Exit((&server{}).Serve(nil)) }
`

// A stripped Go program leads to its functions by Go's own table, and is told to be one.
func TestStrippedGo(t *testing.T) {
	dir := t.TempDir()
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for name, text := range map[string]string{"go.mod": "module prog\n\ngo 1.22\n", "main.go": goServer} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	prog := filepath.Join(dir, "prog")
	cmd := exec.Command(skip.Tool(t, "go"), "build", "-buildvcs=false", "-ldflags=-s -w", "-o", prog)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := "uprobe:" + prog + `:"main.(*server).Serve"` + "\nuprobe:" + prog + ":main.main\n"
	if r := probels(t, "-m", "main.*", prog); r.status != statusFound || r.out != want || r.errors != "" {
		t.Errorf("status %d, %s%s", r.status, r.out, r.errors)
	}
	var record struct{ Sources []string }
	r := probels(t, "--json", "-m", "main.main", prog)
	if err := json.Unmarshal([]byte(r.out), &record); err != nil || strings.Join(record.Sources, " ") != "gopclntab" {
		t.Errorf("%v, %v: %s", record, err, r.out)
	}
	if r := probels(t, "why", prog); r.status != statusMissing || !strings.Contains(r.out, "program       Go\n") {
		t.Errorf("status %d, %s%s", r.status, r.out, r.errors)
	}
}
