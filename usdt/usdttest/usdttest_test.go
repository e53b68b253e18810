package usdttest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/internal/testbin"
)

// recorder is a test whose failures are looked at.
type recorder struct {
	testing.TB
	errors, logs []string
	fatal        bool
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
func (r *recorder) Logf(format string, args ...any) {
	r.logs = append(r.logs, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.fatal = true
	runtime.Goexit()
}
func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// run runs Check as a test would.
func run(t *testing.T, binary, manifest string) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Check(r, binary, manifest)
	}()
	<-done
	return r
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	lock := filepath.Join(dir, "probes.lock")
	gcc, clang := testbin.Path(t, "amd64/probe-pie"), testbin.Path(t, "amd64/probe-clang")

	if r := run(t, gcc, lock); !r.fatal || !strings.Contains(r.errors[0], "USDTTEST_UPDATE=1") {
		t.Errorf("without a manifest: %q", r.errors)
	}
	t.Setenv("USDTTEST_UPDATE", "1")
	if r := run(t, gcc, lock); len(r.errors) > 0 {
		t.Errorf("%q", r.errors)
	}
	t.Setenv("USDTTEST_UPDATE", "")
	for _, binary := range []string{gcc, clang} {
		if r := run(t, binary, lock); len(r.errors) > 0 || len(r.logs) > 0 {
			t.Errorf("%s: %q %q", binary, r.errors, r.logs)
		}
	}
	text, err := os.ReadFile(lock)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "probels:plain()", "probels:plain(u8)\nprobels:gone(i32)\nreadline", 1)
	changed = strings.Replace(changed, "probels:always(i32)\n", "", 1)
	if err := os.WriteFile(lock, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, gcc, lock)
	var got []string
	for _, e := range r.errors {
		got = append(got, strings.ReplaceAll(strings.ReplaceAll(e, gcc, "BIN"), lock, "LOCK"))
	}
	want := []string{
		"LOCK:17: readline is no USDT probe (PROVIDER:NAME); probels check knows functions too",
		"LOCK:15: BIN: probels:plain: want (u8) have ()",
		"LOCK:16: BIN: probels:gone: missing; nearest probels:many",
	}
	if !slices.Equal(got, want) || len(r.logs) != 1 || !strings.Contains(r.logs[0], "probels:always is new") {
		t.Errorf("%q, %q\nwant %q", got, r.logs, want)
	}
	if r := run(t, testbin.Path(t, "amd64/sdt-damaged.so"), lock); !r.fatal {
		t.Error("a damaged file passes")
	}
}
