package perfmap

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/probels/probels/internal/heap"
)

const sample = "7f6e8d0a1000 1c0 Ljava/lang/String;::hashCode\n" +
	"# a remark\n\n" +
	"0x1000 0x20 LazyCompile:*f /a b.js:1:2\r\n" +
	"ffffffffffffffff 0 end\n"

var sampleFuncs = []Func{
	{0x7f6e8d0a1000, 0x1c0, "Ljava/lang/String;::hashCode"},
	{0x1000, 0x20, "LazyCompile:*f /a b.js:1:2"},
	{1<<64 - 1, 0, "end"},
}

func read(r io.Reader) (funcs []Func, errs []error) {
	for f, err := range Read(r) {
		if err != nil {
			errs = append(errs, err)
		} else {
			funcs = append(funcs, f)
		}
	}
	return
}

func TestRead(t *testing.T) {
	for _, tail := range []string{"", "2000 10 half writ"} {
		funcs, errs := read(iotest.HalfReader(strings.NewReader(sample + tail)))
		if !slices.Equal(funcs, sampleFuncs) || errs != nil {
			t.Errorf("%+v, %v", funcs, errs)
		}
	}
}

var badLines = []string{"x", "1000", "1000 20", "1000 20 ", "g 20 f", "1000 -1 f", "ffffffffffffffff 1 wraps", "11111111111111111 1 f",
	"1000  20 f", "0x 1 f", "+1 1 f", strings.Repeat("a", 5*maxLine)}

func TestBadLines(t *testing.T) {
	for _, bad := range badLines {
		funcs, errs := read(strings.NewReader(bad + "\n" + sample))
		if !slices.Equal(funcs, sampleFuncs) || len(errs) != 1 || !errors.Is(errs[0], ErrLine) || len(errs[0].Error()) > 500 {
			t.Errorf("%.40q: %d functions, %v", bad, len(funcs), errs)
		}
	}
}

func TestReaderError(t *testing.T) {
	funcs, errs := read(io.MultiReader(strings.NewReader(sample), iotest.ErrReader(io.ErrNoProgress)))
	if len(funcs) != len(sampleFuncs) || len(errs) != 1 || !errors.Is(errs[0], io.ErrNoProgress) {
		t.Errorf("%+v, %v", funcs, errs)
	}
}

func FuzzPerfMap(f *testing.F) {
	f.Add([]byte(sample))
	for _, l := range badLines[:len(badLines)-1] {
		f.Add([]byte(l + "\n"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		heap.Bound(t, len(b), 500, 16, func() {
			funcs, errs := read(bytes.NewReader(b))
			if n := bytes.Count(b, []byte("\n")); len(funcs)+len(errs) > n {
				t.Fatalf("%d results of %d lines", len(funcs)+len(errs), n)
			}
			for _, fn := range funcs {
				if fn.Name == "" || strings.Contains(fn.Name, "\n") || fn.Addr+fn.Size < fn.Addr {
					t.Fatalf("%+v", fn)
				}
			}
		})
	})
}
