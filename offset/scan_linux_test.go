//go:build linux

package offset_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// Neither is opened: a FIFO would be waited for, and a device may act.
func TestScanSpecialFiles(t *testing.T) {
	root := tree(t, "a/lib", "=amd64/libtestbin.so")
	for _, name := range []string{"fifo", "a/fifo"} {
		if err := syscall.Mkfifo(filepath.Join(root, name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mknod(filepath.Join(root, "socket"), syscall.S_IFSOCK|0o666, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := syscall.Mknod(filepath.Join(root, "tty"), syscall.S_IFCHR|0o666, int(unix.Mkdev(5, 0))); err != nil {
			t.Log(err)
		}
	}
	if got, stats := scan(t, root, nil); len(got) != 1 || got[0] != "a/lib 1" || stats.Files != 1 {
		t.Errorf("%v, %+v", got, stats)
	}
	if got, _ := scan(t, root, nil, filepath.Join(root, "fifo")); len(got) != 1 || !strings.HasPrefix(got[0], "error: fifo: ") {
		t.Errorf("a FIFO by name: %v", got)
	}
}

// Somebody swaps a directory and a file for links to elsewhere all the time: what
// is elsewhere must never be told as being here.
func TestScanRace(t *testing.T) {
	outside := tree(t, "secret/lib", "=amd64/libtestbin.so")
	root := tree(t, "d/lib", "=amd64/probe-pie", "file", "text")
	for path, to := range map[string]string{"d.link": "secret", "file.link": "secret/lib"} {
		if err := os.Symlink(filepath.Join(outside, to), filepath.Join(root, path)); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			for _, name := range []string{"d", "file"} {
				p := filepath.Join(root, name)
				unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, p+".link", unix.RENAME_EXCHANGE)
			}
		}
	}()
	seen := 0
	for range 300 {
		got, _ := scan(t, root, nil)
		for _, line := range got {
			if name, _, _ := strings.Cut(line, " "); name != "d/lib" && name != "d.link/lib" || strings.HasSuffix(line, " 1") {
				t.Fatalf("%v", got)
			}
			seen++
		}
	}
	stop.Store(true)
	<-done
	if seen == 0 {
		t.Error("the directory was never seen")
	}
}

// What may not be read is told by name and reason, and the rest is there.
func TestScanUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		// Root may read all. A file that is a directory's cannot be opened by
		// anybody whose path is too long.
		root := tree(t, "lib", "=amd64/libtestbin.so")
		deep, err := os.OpenRoot(root)
		for range 25 {
			name := strings.Repeat("n", 200)
			if err == nil {
				err = deep.Mkdir(name, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
			var next *os.Root
			next, err = deep.OpenRoot(name)
			deep.Close()
			deep = next
		}
		if err != nil {
			t.Fatal(err)
		}
		deep.Close()
		got, _ := scan(t, root, nil)
		if len(got) != 2 || got[0] != "lib 1" || !strings.HasSuffix(got[1], ": the path is too long") {
			t.Errorf("%v", got)
		}
		return
	}
	root := tree(t, "closed/lib", "=amd64/libtestbin.so", "lib", "=amd64/libtestbin.so", "secret", "=amd64/main")
	for _, name := range []string{"closed", "secret"} {
		if err := os.Chmod(filepath.Join(root, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "closed"), 0o755) })
	got, _ := scan(t, root, nil)
	want := []string{"lib 1", "error: secret: permission denied", "error: closed: permission denied"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v, want %v", got, want)
	}
}

// No file that is not told costs memory: the buffers are kept.
func TestScanAllocations(t *testing.T) {
	root := tree(t, "x", "text")
	for i := range 2000 {
		if err := os.WriteFile(filepath.Join(root, strconv.Itoa(i)), []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "lib"), testbin.Read(t, "amd64/cxx.so"), 0o644); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(1, func() {
		s := offset.NewScan(&offset.ScanOptions{Workers: 1})
		for range s.Files(t.Context(), root) {
		}
	})
	// One for each file: its name with a NUL, for the kernel.
	if n > 2000+500 {
		t.Errorf("%.0f allocations for 2,000 files", n)
	}
}
