//go:build linux

package debuginfod_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/debuginfod"
	"github.com/probels/probels/internal/skip"
)

// A disk that is full: the error is the disk's and not that the file is nowhere, no other server is blamed or asked
// again, no half of a file is left to be believed later, nor a miss; and with room again it goes on.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		skip.Now(t, "needs root, to mount a file system that is small")
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=12k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err) // a descriptor was left open
		}
	})
	s, n := serve(t, good(t))
	c := client(t, s)
	c.CacheDir = filepath.Join(dir, "cache")
	for _, filled := range []bool{false, true} {
		if filled { // to the last byte: not even the control files
			f, err := os.Create(filepath.Join(dir, "filler"))
			if err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, err = f.Write(make([]byte, 1024))
			}
			f.Close()
			os.RemoveAll(c.CacheDir)
		}
		n.Store(0)
		_, err := fetch(t, c)
		if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, debuginfod.ErrMiss) || n.Load() != 1 {
			t.Errorf("filled %v: %v, %d requests", filled, err, n.Load())
		}
		if list := ls(t, dir); strings.Contains(list, probeID) {
			t.Errorf("left behind:\n%s", list)
		}
	}
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	if from, err := fetch(t, c); err != nil || from != s.URL {
		t.Errorf("with room again: %q, %v", from, err)
	}
	if from, err := fetch(t, c); err != nil || from != filepath.Join(c.CacheDir, probeID, "debuginfo") {
		t.Errorf("and from the cache: %q, %v", from, err)
	}
}

const cacheOfChild, urlOfChild = "PROBELS_TEST_CACHE", "PROBELS_TEST_URL"

// Processes that fill one cache at once: each gets the whole file, time after time, and one entry is left. The entry
// is made old now and then, so that it is cleaned away while others read it.
func TestProcesses(t *testing.T) {
	if dir := os.Getenv(cacheOfChild); dir != "" {
		c := client(t, debuginfod.Server{URL: os.Getenv(urlOfChild)})
		c.CacheDir, c.Log = dir, nil
		for range 60 {
			if _, err := fetch(t, c); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			// A file that nobody has, remembered by all.
			if _, _, err := c.Fetch(t.Context(), debuglink.DebugInfo, []byte("no such build")); !errors.Is(err, debuginfod.ErrMiss) {
				t.Error(err)
			}
		}
		return
	}
	s, n := serve(t, good(t))
	c := client(t, s)
	if _, err := fetch(t, c); err != nil { // the directory is there
		t.Fatal(err)
	}
	done := make(chan struct{})
	var cleaner, children sync.WaitGroup
	cleaner.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
			os.RemoveAll(filepath.Join(c.CacheDir, probeID))
		}
	})
	for range 4 {
		children.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestProcesses$", "-test.v")
			cmd.Env = append(os.Environ(), cacheOfChild+"="+c.CacheDir, urlOfChild+"="+s.URL)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	children.Wait()
	close(done)
	cleaner.Wait()
	if _, err := fetch(t, c); err != nil {
		t.Error(err)
	}
	list := ls(t, c.CacheDir)
	if strings.Count(list, probeID+"/debuginfo ") != 1 || strings.Contains(list, "debuginfo.") {
		t.Errorf("left behind:\n%s", list)
	}
	t.Logf("%d requests of the servers", n.Load())
}
