//go:build unix

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

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
}

// Commands are run in turn, and what is missing, fails or takes too long is told.
func TestMeter(t *testing.T) {
	c := &corpus{}
	r := row{name: "sh & co", commands: []*command{
		c.tool("sh", "-c", "echo a"), c.tool("no-such-tool-anywhere"), c.tool("sh", "-c", "exit 3"), c.tool("sleep", "20"), c.tool("sh", "-c", "echo told; exit 1"),
	}}
	m := meter{runs: 2, most: 500 * time.Millisecond}
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
	d := xml.NewDecoder(bytes.NewReader(chart([]row{r})))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
