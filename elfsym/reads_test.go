package elfsym_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("%s: got\n%s\nwant\n%s\nIf that is what should be read: go test ./elfsym -update", path, got, want)
	}
}

// The reads that each question costs, in order and after the ones before it: a
// change of laziness is a change of these files.
func TestReads(t *testing.T) {
	for _, name := range []string{"amd64/libtestbin.so", "amd64/libtestbin-sysv.so", "amd64/libtestbin-noshdr.so", "s390x/libtestbin.so"} {
		b := testbin.Read(t, name)
		c := &counter{r: bytes.NewReader(b)}
		var out strings.Builder
		step := func(what string, found int) {
			fmt.Fprintf(&out, "%s: %d reads, %d bytes, %d found\n", what, len(c.reads), c.bytes, found)
			for _, r := range c.reads {
				fmt.Fprintf(&out, "\t%s\n", r)
			}
			c.reads, c.bytes = nil, 0
		}
		f, err := elfsym.NewFile(c, int64(len(b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		step("open", 0)
		f.Segments().Offset(f.Entry())
		step("address to offset", 0)
		step("build-id", len(f.BuildID()))
		step("look up lib_func, exported", len(mustDrain(t, f.Lookup(elfsym.Dynsym, "lib_func"))))
		step("look up ver_func@V1, exported", len(mustDrain(t, f.Lookup(elfsym.Dynsym, "ver_func@V1"))))
		step("look up a name that is not there", len(mustDrain(t, f.Lookup(elfsym.Dynsym, "nobody"))))
		step("look up local_func in .symtab", len(mustDrain(t, f.Lookup(elfsym.Symtab, "local_func"))))
		step("symbols of .dynsym", len(mustDrain(t, f.Symbols(elfsym.Dynsym))))
		step("symbols of .symtab", len(mustDrain(t, f.Symbols(elfsym.Symtab))))
		step("symbols of both again", len(mustDrain(t, f.Symbols(both))))
		step("PLT entries", len(mustDrain(t, f.Symbols(elfsym.PLT))))
		step("the function at an address, by call frame information", frameAt(t, f, "lib_func"))
		step("starts of functions", len(mustDrain(t, f.Starts())))
		golden(t, "reads-"+strings.NewReplacer("/", "-", ".", "-").Replace(name), out.String())
	}
}

// One exported name costs a few hundred bytes however large the library is.
func TestReadsOfLookup(t *testing.T) {
	for _, n := range []int{100, 10_000} {
		syms := many(n)
		w := library(62, 0, syms...)
		b := w.Bytes()
		c := &counter{r: bytes.NewReader(b)}
		f, err := elfsym.NewFile(c, int64(len(b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		f.Has(elfsym.Dynsym)
		c.reads, c.bytes = nil, 0
		if got := mustDrain(t, f.Lookup(elfsym.Dynsym, syms[0].Name)); len(got) != 1 {
			t.Errorf("%d found", len(got))
		}
		// The test's hash table has one bucket, so the links of its chain count.
		if extra := c.bytes - 4*n; extra > 200 {
			t.Errorf("with %d symbols %d bytes were read besides the chain", n, extra)
		}
	}
}
