package livetest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// BenchmarkOpenPID opens a process with 200 libraries, and lists their USDT
// probes.
func BenchmarkOpenPID(b *testing.B) {
	dir := b.TempDir()
	lib := testbin.Read(b, "amd64/libtestbin.so")
	for i := range 200 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("lib%d.so", i)), lib, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		b.Skip("needs python3")
	}
	cmd := exec.Command(python, "-c", `
import ctypes, glob, sys
libs = [ctypes.CDLL(x) for x in glob.glob(sys.argv[1] + "/*.so")]
print("ready", flush=True)
sys.stdin.read()
`, dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		in.Close()
		cmd.Wait()
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		b.Fatal(line, err)
	}
	for _, list := range []bool{false, true} {
		b.Run(fmt.Sprintf("list=%v", list), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := offset.OpenPID(b.Context(), cmd.Process.Pid, nil)
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				if list {
					for _, err := range p.Probes(b.Context(), offset.Query{Kinds: offset.KindUSDT}) {
						if err != nil {
							b.Fatal(err)
						}
						n++
					}
				}
				if objects := len(p.Objects()); objects < 200 || list && n < 200 {
					b.Fatal(objects, n)
				}
				p.Close()
			}
		})
	}
}
