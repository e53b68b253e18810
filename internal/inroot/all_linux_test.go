//go:build linux

package inroot

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
)

// openAll is openat2, if the kernel has it, and the walk.
func openAll(t testing.TB, dir string) map[string]*Root {
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b.walk.Store(true)
	return map[string]*Root{"openat2": a, "walk": b}
}

// A FIFO is not waited for, and a device not opened.
func TestSpecial(t *testing.T) {
	dir := tree(t, "l -> /fifo")
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		skip.Nowf(t, "needs a file system with FIFOs: %v", err)
	}
	names := []string{"/fifo", "/l"}
	if unix.Mknod(filepath.Join(dir, "null"), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 3))) == nil {
		names = append(names, "/null")
	}
	for how, r := range roots(t, dir) {
		for _, name := range names {
			if _, _, err := r.OpenFile(name); !errors.Is(err, elfsym.ErrNotRegular) {
				t.Errorf("%s %s: %v", how, name, err)
			}
		}
	}
}

// While somebody exchanges a directory for a symlink that leads out, what is
// opened is the file inside or nothing.
func TestRace(t *testing.T) {
	dir := tree(t, "d/secret", "x/link -> ../..")
	if err := os.Symlink("../../..", filepath.Join(dir, "e")); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, "d"), unix.AT_FDCWD, filepath.Join(dir, "e"), unix.RENAME_EXCHANGE)
			}
		}
	})
	deadline := time.Now().Add(time.Second)
	for how, r := range roots(t, dir) {
		opened := 0
		for i := 0; i < 20000 && time.Now().Before(deadline); i++ {
			f, _, err := r.OpenFile("/d/secret")
			if err != nil {
				continue
			}
			b, _ := io.ReadAll(f)
			f.Close()
			if opened++; string(b) != "content of d/secret" {
				t.Fatalf("%s: read %q", how, b)
			}
		}
		deadline = deadline.Add(time.Second)
		t.Logf("%s: opened %d times", how, opened)
	}
	close(stop)
	wg.Wait()
}

// A descriptor that outlives its Root works, and none is left open.
func TestDescriptors(t *testing.T) {
	dir := tree(t, "a/b/c/file", "l -> /a/b/../b/c/file", "bad -> /a/b/c/file/x")
	count := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			skip.Now(t, "needs /proc")
		}
		return len(d)
	}
	before := count()
	for how, r := range openAll(t, dir) {
		f, _, err := r.OpenFile("/l")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"/l", "/bad", "/none", "/a", "/a/b/c/file/x/y"} {
			r.Stat(name)
			r.RealPath(name)
			r.ReadDir(name, 10)
			r.ReadFile(name, 3)
		}
		r.Close()
		if b, err := io.ReadAll(f); !strings.HasSuffix(string(b), "file") || err != nil {
			t.Errorf("%s: %q %v", how, b, err)
		}
		f.Close()
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func BenchmarkOpenFile(b *testing.B) {
	dir := tree(b, "usr/lib/debug/.build-id/ab/cd.debug")
	for how, r := range roots(b, dir) {
		for _, name := range []string{"/usr/lib/debug/.build-id/ab/cd.debug", "/usr/lib/debug/.build-id/ab/absent"} {
			b.Run(how+"/"+filepath.Base(name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if f, _, err := r.OpenFile(name); err == nil {
						f.Close()
					}
				}
			})
		}
	}
}
