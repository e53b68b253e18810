//go:build unix

package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/probels/probels/internal/archive"
	"github.com/probels/probels/internal/testbin"
)

func makeFIFO(path string) error { return syscall.Mkfifo(path, 0o644) }

// What is no regular file is refused by every command, and none waits for it: nobody will ever write to the FIFO.
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	fifo, link, loop, sock := filepath.Join(dir, "fifo"), filepath.Join(dir, "link"), filepath.Join(dir, "loop"), filepath.Join(dir, "sock")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	for to, from := range map[string]string{link: fifo, loop: loop} {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	elf := testbin.Path(t, "amd64/probe-pie")
	opened := make(chan error, 1)
	go func() {
		_, err := archive.Open(t.Context(), fifo, archive.Limits{})
		opened <- err
	}()
	select {
	case err := <-opened:
		if !errors.Is(err, archive.ErrNotArchive) {
			t.Errorf("a FIFO as an archive: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a FIFO as an archive: it waits")
	}
	for _, target := range []string{fifo, link, loop, sock, "/dev/zero", "/dev/full", dir} {
		for _, args := range [][]string{
			{"list", target}, {"show", target, "main"}, {"resolve", target, "main"}, {"why", target}, {"why", target, "main"}, {"check", target, "main"},
			{"diff", target, elf}, {"diff", elf, target}, {"type", target, "int"}, {"debuginfo", target},
		} {
			ended := make(chan result, 1)
			go func() { ended <- probels(t, args...) }()
			select {
			case r := <-ended:
				if r.status != 2 && !(r.status == 1 && args[0] == "why") || r.errors == "" {
					t.Errorf("%q: status %d, %q %q", args, r.status, r.out, r.errors)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%q waits", args)
			}
		}
	}
}
