package main

import (
	"bytes"
	"debug/elf"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/internal/testbin"
)

// linesOf counts the lines of a listing: several sites of one probe have the same.
func linesOf(t testing.TB, path string) map[string]int {
	n := map[string]int{}
	for line := range strings.Lines(probels(t, path, "-k=usdt,uprobe,plt,data", "-l", "--debug=off").out) {
		n[line]++
	}
	return n
}

// One flipped bit costs the records that depend on it, and not the file: of all records of the undamaged file at least
// 95 in 100 are listed as before, those that the bit belongs to counted as lost. The bits are those of the sections'
// contents. Without the three headers that say where everything is nothing can be listed.
func TestOneBit(t *testing.T) {
	files := []string{"amd64/libtestbin-both.so", "amd64/cxx.so", "amd64/probe-pie", "amd64/rust-v0.so", "arm64/libtestbin.so", "i386/probe-pie", "s390x/libtestbin.so", "ppc64/probe-pie", "riscv64/main", "mips64el/probe-nopie"}
	each := 200
	if testing.Short() {
		each = 20
	}
	dir := t.TempDir()
	var kept, all int
	for _, name := range files {
		data := testbin.Read(t, name)
		path := filepath.Join(dir, filepath.Base(name))
		spots := contents(t, data)
		put := func(b []byte) {
			os.Remove(path) // a new file, not the last one changed
			if err := os.WriteFile(path, b, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		put(data)
		want := linesOf(t, path)
		total := 0
		for _, n := range want {
			total += n
		}
		if total == 0 {
			t.Fatalf("%s lists nothing", name)
		}
		r := rand.New(rand.NewPCG(7, uint64(len(data))))
		keptHere := 0
		for range each {
			s := spots[r.IntN(len(spots))]
			at := int(s.Offset) + r.IntN(int(s.FileSize))
			bad := bytes.Clone(data)
			bad[at] ^= 1 << r.IntN(8)
			put(bad)
			have, same := linesOf(t, path), 0
			for line, n := range want {
				same += min(n, have[line])
			}
			keptHere += same
			if same*2 < total {
				t.Logf("%s: a bit at %#x, in %s: %d of %d records are left", name, at, s.Name, same, total)
			}
		}
		kept, all = kept+keptHere, all+total*each
		t.Logf("%s: %.1f%% of %d records kept", name, 100*float64(keptHere)/float64(total*each), total)
	}
	t.Logf("%d of %d kept, %.2f%%", kept, all, 100*float64(kept)/float64(all))
	if kept*100 < all*95 {
		t.Errorf("only %d of %d records are kept", kept, all)
	}
}

// contents are the sections that have bytes, all but their names.
func contents(t testing.TB, data []byte) (out []*elf.Section) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL && s.FileSize > 0 && s.Name != ".shstrtab" {
			out = append(out, s)
		}
	}
	return out
}
