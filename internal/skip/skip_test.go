package skip_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/probels/probels/internal/skip"
)

// recorder is a testing.TB that remembers how its test ended.
type recorder struct {
	testing.TB
	end string
}

func (r *recorder) Helper()               {}
func (r *recorder) Skip(...any)           { r.end = "skip"; runtime.Goexit() }
func (r *recorder) Fatalf(string, ...any) { r.end = "fail"; runtime.Goexit() }

// ended is how a test that calls f ends: "" if it goes on.
func ended(t *testing.T, f func(testing.TB)) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.end
}

func TestNow(t *testing.T) {
	for env, want := range map[string]string{"": "skip", "0": "skip", "1": "fail", "yes": "fail"} {
		t.Setenv(skip.Env, env)
		if got := ended(t, func(t testing.TB) { skip.Now(t, "needs a reason") }); got != want {
			t.Errorf("with %s=%q Now ends in %q, not %q", skip.Env, env, got, want)
		}
		if got := ended(t, func(t testing.TB) { skip.Tool(t, "no-such-program") }); got != want {
			t.Errorf("with %s=%q a missing tool ends in %q, not %q", skip.Env, env, got, want)
		}
	}
}

func TestTool(t *testing.T) {
	dir := t.TempDir()
	want := filepath.Join(dir, "tool")
	if err := os.WriteFile(want, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got := skip.Tool(t, "tool"); got != want {
		t.Errorf("Tool = %s, want %s", got, want)
	}
}
