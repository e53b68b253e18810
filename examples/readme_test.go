package examples

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/internal/skip"
)

// The program in the README is whole: in a module of its own, built without C, it prints what is typed.
func TestReadme(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(readme)
	if m == nil {
		t.Fatal("the README has no program")
	}
	if n := strings.Count(string(m[1]), "\n"); n > 20 {
		t.Errorf("the README's program has %d lines, of at most 20", n)
	}
	live(t)
	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("main.go", m[1])
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "go.mod" {
			b = []byte(strings.Replace(string(b), "module github.com/probels/probels\n", "module example.org/readline\n", 1) +
				"\nrequire github.com/probels/probels v0.0.0\n\nreplace github.com/probels/probels => " + root + "\n")
		}
		write(name, b)
	}
	build := exec.Command(skip.Tool(t, "go"), "build", "-mod=mod", "-o", "readline", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off", "GOFLAGS=", "CC=/nonexistent")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bash := copyOf(t, "/bin/bash")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "readline"), bash)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() { // until it is attached
		defer close(done)
		for ctx.Err() == nil {
			runBash(t, bash, "echo typed text")
		}
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	cancel()
	<-done
	go io.Copy(io.Discard, out)
	cmd.Wait()
	if line != "echo typed text\n" {
		t.Errorf("it printed %q (%v)", line, err)
	}
}
