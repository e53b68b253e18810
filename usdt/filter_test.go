package usdt_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/usdt"
)

// countingReader counts the reads.
type countingReader struct {
	io.ReaderAt
	n int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.n++
	return c.ReaderAt.ReadAt(p, off)
}

// The filter has to agree with who reads all; where it says MayHave it need not
// be right.
func checkFilter(t *testing.T, filter *usdt.Filter, b []byte) (usdt.Verdict, int) {
	r := &countingReader{ReaderAt: bytes.NewReader(b)}
	v := filter.Look(r)
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		if v == usdt.NotELF && !errors.Is(err, elfsym.ErrNotELF) {
			t.Errorf("no ELF file, and elfsym says %v", err)
		}
		return v, r.n
	}
	sites, _ := drain(usdt.Sites(f))
	switch v {
	case usdt.NotELF, usdt.Unreadable:
		t.Errorf("verdict %d of an ELF file", v)
	case usdt.NoProbes:
		if len(sites) > 0 {
			t.Errorf("no probes, and there are %d sites", len(sites))
		}
	case usdt.DebugOnly:
		if !f.DebugOnly() {
			t.Error("no debug file")
		}
	}
	return v, r.n
}

func TestFilter(t *testing.T) {
	var filter usdt.Filter
	count := map[usdt.Verdict]int{}
	for _, name := range testbin.All(t) {
		v, reads := checkFilter(t, &filter, testbin.Read(t, name))
		count[v]++
		if reads > 3 {
			t.Errorf("%s: %d reads", name, reads)
		}
		// Nothing is left to chance of what the buffer had before.
		if again, _ := checkFilter(t, &filter, testbin.Read(t, name)); again != v {
			t.Errorf("%s: %d, and the second time %d", name, v, again)
		}
	}
	for _, v := range []usdt.Verdict{usdt.NotELF, usdt.DebugOnly, usdt.NoProbes, usdt.MayHave} {
		if v != usdt.NotELF && count[v] == 0 {
			t.Errorf("no binary has verdict %d: %v", v, count)
		}
	}
	for _, text := range []string{"", "#!/bin/sh\n", "\x7fEL", strings.Repeat("x", 5000)} {
		if v, reads := checkFilter(t, &filter, []byte(text)); v != usdt.NotELF || reads != 1 {
			t.Errorf("%.10q: verdict %d after %d reads", text, v, reads)
		}
	}
	object := bytes.Clone(testbin.Read(t, "amd64/main"))
	object[16] = 1 // ET_REL
	if v, reads := checkFilter(t, &filter, object); v != usdt.Object || reads != 1 {
		t.Errorf("an object: verdict %d after %d reads", v, reads)
	}
}

func FuzzFilter(f *testing.F) {
	for _, name := range testbin.All(f) {
		f.Add(testbin.Read(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var filter usdt.Filter
		checkFilter(t, &filter, b)
	})
}

func BenchmarkFilter(b *testing.B) {
	r := bytes.NewReader(testbin.Read(b, "amd64/libtestbin.so"))
	b.ReportAllocs()
	var filter usdt.Filter
	for b.Loop() {
		filter.Look(r)
	}
}
