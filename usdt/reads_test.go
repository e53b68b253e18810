package usdt_test

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
	"github.com/probels/probels/usdt"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

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
		t.Errorf("%s: got\n%s\nwant\n%s\nIf that is what should be read: go test ./usdt -update", path, got, want)
	}
}

// Listing USDT reads the headers and the notes, and no symbols; arguments cost
// no read, a nop one.
func TestReads(t *testing.T) {
	for _, name := range []string{"amd64/probe-pie", "amd64/nops-noshdr", "s390x/probe-pie"} {
		b := testbin.Read(t, name)
		c := &counter{r: bytes.NewReader(b)}
		var out strings.Builder
		step := func(what string) {
			fmt.Fprintf(&out, "%s: %d reads, %d bytes\n", what, len(c.reads), c.bytes)
			for _, r := range c.reads {
				fmt.Fprintf(&out, "\t%s\n", r)
			}
			c.reads, c.bytes = nil, 0
		}
		f, err := elfsym.NewFile(c, int64(len(b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		step("open")
		sites := mustSites(t, f)
		step(fmt.Sprintf("%d sites", len(sites)))
		syms := usdt.Symbols{}
		for i := range sites {
			syms.Names(sites[i].Args())
		}
		step("arguments")
		if _, err := usdt.ReadNop(f, &sites[0]); err != nil {
			t.Error(err)
		}
		step("nop of the first site")
		if err := syms.Resolve(f); err != nil {
			t.Error(err)
		}
		step("symbols that arguments name")
		mustSites(t, f)
		step("sites again")
		golden(t, "reads-"+strings.ReplaceAll(name, "/", "-"), out.String())
	}
}
