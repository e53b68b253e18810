//go:build unix

package main

import (
	"bytes"
	"debug/elf"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt"
)

// Generated files hold what their names promise.
func TestGenerated(t *testing.T) {
	open := func(b []byte) *elfsym.File {
		f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	n := 0
	for s, err := range usdt.Sites(open(manyProbes(1000))) {
		if err != nil || s.Err != nil {
			t.Fatal(err, s.Err)
		}
		n++
	}
	if n != 1000 {
		t.Errorf("%d sites", n)
	}
	n = 0
	for _, err := range open(manySymbols(1000)).Symbols(elfsym.Symtab) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1000 {
		t.Errorf("%d symbols", n)
	}
	d, err := dwarfinfo.New(dwarfinfo.FromELF(open(manyUnits(100))))
	if err != nil {
		t.Fatal(err)
	}
	n = 0
	for f, err := range d.Funcs() {
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.Signature()
		if want := fmt.Sprintf("unit_%d_function_%d", n/unitFunctions, n%unitFunctions); err != nil || f.Name != want || s.String() != "int (int argument)" {
			t.Errorf("%s %s, %v", f.Name, s, err)
		}
		n++
	}
	if n != 100*unitFunctions {
		t.Errorf("%d functions", n)
	}
	std, err := elf.NewFile(bytes.NewReader(manyUnits(3)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := std.DWARF(); err != nil {
		t.Error(err)
	}
}

// Commands are run in turn, and what is missing, fails or takes too long is told.
func TestMeter(t *testing.T) {
	c := &corpus{}
	r := row{name: "sh & co", commands: []*command{
		c.tool("sh", "-c", "echo a"), c.tool("no-such-tool-anywhere"), c.tool("sh", "-c", "exit 3"), c.tool("sleep", "20"), c.tool("sh", "-c", "echo told; exit 1"),
	}}
	peak := filepath.Join(t.TempDir(), "peak")
	if err := goBuild(t.Context(), peak, module+"/bench/peak"); err != nil {
		t.Fatal(err)
	}
	m := meter{runs: 2, most: 2 * time.Second, peak: peak}
	if err := m.row(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	got := r.commands
	if got[0].median <= 0 || got[0].first <= 0 || got[0].peak <= 0 || !got[1].missing || got[2].failed == nil || !got[3].slow || got[4].failed != nil || got[4].median <= 0 {
		for _, c := range got {
			t.Errorf("%+v", c)
		}
	}
	var out strings.Builder
	printTable(&out, []row{r}, false)
	if lines := strings.Count(out.String(), "\n"); lines != 2+4 || !strings.Contains(out.String(), "| sh & co | `sh -c echo a` | ") || !strings.Contains(out.String(), "stopped") {
		t.Error(out.String())
	}
	wellFormed(t, chart([]row{r}))
	out.Reset()
	printBrief(&out, []row{r})
	if !strings.Contains(out.String(), "| sh & co: `sh -c` | ") || !strings.Contains(out.String(), "`sleep` (stopped)") {
		t.Error(out.String())
	}
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// Rows of a family are curves: one for each command, by number.
func TestGrowth(t *testing.T) {
	c := &corpus{}
	var rows []row
	for _, n := range []int{10, 1000} {
		mine, other := c.tool("probels", fmt.Sprint("probes-", n)), c.tool("nm", fmt.Sprint("probes-", n))
		mine.median, other.slow = time.Duration(n)*time.Microsecond, n > 10
		if !other.slow {
			other.median = time.Millisecond
		}
		rows = append(rows, row{name: "growth", family: "listing", unit: "probes", n: n, commands: []*command{mine, other, {name: "absent", missing: true}}})
	}
	var out strings.Builder
	printGrowth(&out, rows)
	const want = `
| listing | 10 | 1,000 | 
|---|--:|--:|
| ` + "`probels probes`" + ` | 0.01 ms, 1,000 ns each | 1.00 ms, 1,000 ns each | 
| ` + "`nm probes`" + ` | 1.00 ms, 100,000 ns each | stopped | 
`
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	if printTable(&out, rows, false); strings.Contains(out.String(), "growth") {
		t.Error(out.String())
	}
	wellFormed(t, chart(rows))
}

// What go test prints becomes a table.
func TestInProcess(t *testing.T) {
	var out strings.Builder
	writeInProcess(&out, strings.NewReader(`goos: linux
BenchmarkExported_symbol/libc.so.6/elfsym-2         	   10000	     20000 ns/op	   10192 B/op	      30 allocs/op
BenchmarkExported_symbol/libc.so.6/debug_elf-2      	     367	  60000.5 ns/op	  447168 B/op	    3414 allocs/op
PASS
`))
	if got := out.String(); !strings.HasSuffix(got, "| Exported symbol, libc.so.6 | elfsym | 20000 | 1.0 | 10192 | 30 |\n|  | debug elf | 60000 | 3.0 | 447168 | 3414 |\n") {
		t.Errorf("%q", got)
	}
}
