package pkghint

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
)

func TestUnLZ4(t *testing.T) {
	tool := skip.Tool(t, "lz4")
	data := []byte(strings.Repeat("Package: bash-dbg\nVersion: 5\n\n", 20000) + "end")
	for _, args := range [][]string{{"-1"}, {"-9", "-BD"}, {"-B4", "--no-frame-crc"}, {"-BX", "--content-size"}} {
		cmd := exec.Command(tool, append(args, "-c")...)
		cmd.Stdin = bytes.NewReader(data)
		b, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		got, err := unlz4(append(append(b, 0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9), b...), 1<<24)
		if err != nil || !bytes.Equal(got, append(data, data...)) {
			t.Errorf("%v: %d bytes, %v", args, len(got), err)
		}
		if _, err := unlz4(b, len(data)-1); err == nil {
			t.Errorf("%v: over the limit", args)
		}
		for i := range 200 {
			if _, err := unlz4(b[:i+1], 1<<24); err == nil {
				t.Errorf("%v: %d bytes are enough", args, i+1)
			}
		}
	}
}

// dpkg itself is asked who owns what.
func TestDpkgOwner(t *testing.T) {
	tool := skip.Tool(t, "dpkg")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, name := range []string{"/bin/bash", "/bin/ls", "/usr/bin/env", "/lib64/ld-linux-x86-64.so.2", "/usr/bin/dpkg", self} {
		real, err := filepath.EvalSymlinks(name)
		if err != nil {
			continue
		}
		// It prints what it finds, and fails if that is not all.
		out, _ := exec.Command(tool, "-S", name, real, strings.TrimPrefix(real, "/usr")).Output()
		want, _, _ := strings.Cut(string(out), ": ")
		h, err := For(t.Context(), file(t, ""), name, "")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if h.Package != nil {
			got = h.Package.Name
		}
		if got != strings.Split(want, ":")[0] {
			t.Errorf("%s: %s, dpkg says %s", name, got, want)
		}
		asked++
	}
	if asked < 2 {
		skip.Now(t, "needs a system that dpkg has installed")
	}
}
