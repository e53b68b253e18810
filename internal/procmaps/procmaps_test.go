package procmaps

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/probels/probels/internal/heap"
)

var lines = []struct {
	line string
	want Mapping
}{
	{"557058e6e000-557058e70000 r--p 00000000 fe:00 247026                     /usr/bin/cat",
		Mapping{0x557058e6e000, 0x557058e70000, Readable, 0, 0xfe, 0, 247026, "/usr/bin/cat"}},
	{"08048000-08049000 r-xs 00001000 08:1f 1 /a b  c (deleted)",
		Mapping{0x8048000, 0x8049000, Readable | Exec | Shared, 0x1000, 8, 0x1f, 1, "/a b  c (deleted)"}},
	{"7ffd1-7ffd2 rw-p 00000000 00:00 0 ", Mapping{0x7ffd1, 0x7ffd2, Readable | Writable, 0, 0, 0, 0, ""}},
	{"7ffd1-7ffd2 rw-p 00000000 00:00 0", Mapping{0x7ffd1, 0x7ffd2, Readable | Writable, 0, 0, 0, 0, ""}},
	{"7ffd1-7ffd2 ---p 00000000 00:00 0          [vdso]", Mapping{0x7ffd1, 0x7ffd2, 0, 0, 0, 0, 0, "[vdso]"}},
	{"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
		Mapping{0xffffffffff600000, 0xffffffffff601000, Exec, 0, 0, 0, 0, "[vsyscall]"}},
	{`1000-2000 r-xp ffffffffff000 fffff:fffff 18446744073709551615 /memfd:x\012y (deleted)`,
		Mapping{0x1000, 0x2000, Readable | Exec, 0xffffffffff000, 0xfffff, 0xfffff, 1<<64 - 1, `/memfd:x\012y (deleted)`}},
	{"1000-2000 r-xp 00000000 00:0e 1057 anon_inode:[perf_event]",
		Mapping{0x1000, 0x2000, Readable | Exec, 0, 0, 0xe, 1057, "anon_inode:[perf_event]"}},
}

var badLines = []string{
	"x", "1000", "1000-", "1000-2000", "1000-2000 r-xp", "1000-2000 r-xp 0 00:00", "1000-2000 r-xp 0 00:00 ", "2000-1000 r-xp 0 00:00 0",
	"1000-2000 rwxz 0 00:00 0", "1000-2000 r-x 0 00:00 0", "-2000 r-xp 0 00:00 0", "1000-2000 r-xp 0 00:00 x",
	"1000-2000 r-xp 0 00:00 18446744073709551616 x", "10000000000000000-2 r-xp 0 00:00 0", "1000-2000 r-xp 0 00:00 0x1 a", "1000-1000 r-xp 0 00:00 0",
}

func TestAll(t *testing.T) {
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(l.line + "\n")
	}
	for _, r := range []io.Reader{strings.NewReader(text.String()), iotest.OneByteReader(strings.NewReader(strings.TrimSuffix(text.String(), "\n")))} {
		i := 0
		for m, err := range All(r) {
			if err != nil || m != lines[i].want {
				t.Errorf("%q\n got %+v, %v\nwant %+v", lines[i].line, m, err, lines[i].want)
			}
			i++
		}
		if i != len(lines) {
			t.Errorf("%d mappings of %d", i, len(lines))
		}
	}
}

// A bad line is told, and the next one read.
func TestBadLines(t *testing.T) {
	for _, bad := range append(badLines, strings.Repeat("7", maxLine+10), "1000-2000 r-xp 0 00:00 1 /"+strings.Repeat("n", 3*maxLine)) {
		var got []Mapping
		errs := 0
		for m, err := range All(strings.NewReader(bad + "\n" + lines[0].line + "\n")) {
			switch {
			case errors.Is(err, ErrLine):
				errs++
			case err != nil:
				t.Fatal(err)
			default:
				got = append(got, m)
			}
		}
		if errs != 1 || len(got) != 1 || got[0] != lines[0].want {
			t.Errorf("%.40q: %d errors, %+v", bad, errs, got)
		}
	}
}

func TestReaderError(t *testing.T) {
	var last error
	n := 0
	for _, err := range All(io.MultiReader(strings.NewReader(lines[0].line+"\n"), iotest.ErrReader(io.ErrNoProgress))) {
		n++
		last = err
	}
	if n != 2 || !errors.Is(last, io.ErrNoProgress) {
		t.Errorf("%d results, the last %v", n, last)
	}
}

func TestTooMany(t *testing.T) {
	line := []byte(lines[2].line + "\n")
	n := 0
	var last error
	for _, err := range All(&repeat{b: line}) { // without an end
		n, last = n+1, err
	}
	if n != maxMappings+1 || !errors.Is(last, ErrTooMany) {
		t.Errorf("%d results, the last %v", n, last)
	}
}

type repeat struct {
	b  []byte
	at int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.b[r.at:])
		n, r.at = n+c, (r.at+c)%len(r.b)
	}
	return n, nil
}

// This process, where the system has such a file: the areas are in order.
func TestSelf(t *testing.T) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Skip("no /proc/self/maps")
	}
	defer f.Close()
	n, end := 0, uint64(0)
	for m, err := range All(f) {
		if err != nil || m.Start < end {
			t.Errorf("%+v, %v", m, err)
		}
		n, end = n+1, m.End
	}
	if n < 3 {
		t.Errorf("%d mappings", n)
	}
}

// What was read is written as the kernel does and read again.
func FuzzMaps(f *testing.F) {
	for _, l := range lines {
		f.Add([]byte(l.line))
	}
	for _, l := range badLines {
		f.Add([]byte(l + "\n" + lines[0].line))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		heap.Bound(t, len(b), 500, 16, func() {
			n := 0
			for m, err := range All(bytes.NewReader(b)) {
				if n++; err != nil {
					if m != (Mapping{}) {
						t.Fatalf("%+v and %v", m, err)
					}
					continue
				}
				if strings.Contains(m.Name, "\n") || m.End <= m.Start {
					t.Fatalf("%+v", m)
				}
				line := fmt.Sprintf("%08x-%08x %v %08x %02x:%02x %d %s", m.Start, m.End, m.Perm, m.Offset, m.Major, m.Minor, m.Inode, m.Name)
				if again, _, err := parse([]byte(line)); err != nil || again.Inode != m.Inode || again.Perm != m.Perm {
					t.Fatalf("%q: %+v, %v", line, again, err)
				}
			}
			if most := bytes.Count(b, []byte("\n")) + 1; n > most {
				t.Fatalf("%d results of %d lines", n, most)
			}
		})
	})
}

func BenchmarkAll(b *testing.B) {
	var text bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&text, "%x-%x r-xp 00028000 fe:00 %d                    /usr/lib/x86_64-linux-gnu/lib%d.so.6\n", 0x7f2c8e228000+uint64(i)*4096, 0x7f2c8e229000+uint64(i)*4096, 247026+i/5, i/5)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range All(bytes.NewReader(text.Bytes())) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
