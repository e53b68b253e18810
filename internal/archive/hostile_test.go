package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/internal/heap"
	"github.com/probels/probels/internal/mutate"
)

func TestHostile(t *testing.T) {
	deep := strings.Repeat("d/", 40) + "f"
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf("f%d", i), "x")
	}
	good := tarOf(t, "bin/a", elfFile("a"))
	other := layout(map[string][][]byte{"linux/amd64": {good}})
	swapped := bytes.Replace(tarOf(t, other...), []byte("\x7fELFa"), []byte("\x7fELFb"), 1)
	for _, c := range []struct {
		name string
		data []byte
		l    Limits
		want error
	}{
		{"empty", nil, Limits{}, ErrNotArchive},
		{"text", []byte("hello"), Limits{}, ErrNotArchive},
		{"a bomb", gzipped(tarOf(t, "zeros", string(make([]byte, 5<<20)))), Limits{Output: 1 << 20}, ErrLimit},
		{"a ratio", gzipped(tarOf(t, "zeros", string(make([]byte, 70<<20)))), Limits{}, ErrLimit},
		{"many files", tarOf(t, many...), Limits{Entries: 100}, ErrLimit},
		{"long names", tarOf(t, many...), Limits{Names: 1000}, ErrLimit},
		{"many directories", tarOf(t, deep, "x"), Limits{Entries: 20}, ErrLimit},
		{"a large member", tarOf(t, "big", elfFile(strings.Repeat("x", 5000))), Limits{Member: 1000}, ErrLimit},
		{"cut short", tarOf(t, "f", strings.Repeat("x", 5000))[:2000], Limits{}, ErrFormat},
		{"a hard link to nothing", tarOf(t, "x", "+nowhere"), Limits{}, ErrFormat},
		{"a hard link out", tarOf(t, "x", "+../../etc/passwd"), Limits{}, ErrFormat},
		{"another digest", swapped, Limits{}, ErrFormat},
		{"a manifest that is missing", tarOf(t, "oci-layout", "{}", "index.json", `{"manifests":[{"digest":"sha256:`+strings.Repeat("0", 64)+`"}]}`), Limits{}, os.ErrNotExist},
		{"a digest that is a path", tarOf(t, "oci-layout", "{}", "index.json", `{"manifests":[{"digest":"sha256:../../etc/passwd"}]}`), Limits{}, ErrUnsupported},
		{"no JSON", tarOf(t, "oci-layout", "{}", "index.json", `{`), Limits{}, ErrFormat},
		{"a package without data", []byte(arMagic + fmt.Sprintf("%-48s%-10d`\n", "debian-binary", 4) + "2.0\n"), Limits{}, ErrFormat},
		{"a member beyond the end", []byte(arMagic + fmt.Sprintf("%-48s%-10d`\n", "debian-binary", 4000) + "2.0\n"), Limits{}, ErrFormat},
		{"another ar", []byte(arMagic + fmt.Sprintf("%-48s%-10d`\n", "x.o/", 4) + "abcd"), Limits{}, ErrNotArchive},
	} {
		start := time.Now()
		_, err := members(t, write(t, c.data), c.l)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: %v", c.name, d)
		}
	}
}

// A member in a directory that is a link stays in the archive.
func TestNothingOutside(t *testing.T) {
	path := write(t, tarOf(t, "out", "->/etc", "out/passwd", elfFile("mine"), "abs", "->/etc/passwd"))
	a, err := Open(t.Context(), path, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if m, err := a.Read(t.Context(), "", "/abs"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%+v, %v", m, err)
	}
}

var small = Limits{Output: 1 << 20, Member: 1 << 16, Entries: 1000, Names: 1 << 16, Window: 1 << 20}

// Whatever the bytes: it ends, and what is told is a path from the root within the limits.
func fuzz(t *testing.T, b []byte) {
	var told [2]string
	// 1 MiB is what small lets come out of it, 1 MiB a window.
	heap.Bound(t, len(b), 100, 64, func() {
		for i, keep := range []func([]byte) bool{nil, func([]byte) bool { return true }} {
			told[i] = fuzzOne(t, b, keep)
		}
	})
	if told[0] != told[1] {
		t.Errorf("%q, kept from the first reading %q", told[0], told[1])
	}
}

// fuzzOne is what comes out, by both ways to read.
func fuzzOne(t *testing.T, b []byte, keep func([]byte) bool) string {
	a := &Archive{limits: small.withDefaults(), keep: keep}
	a.limits.Held = 1 << 10
	defer a.Close()
	err := a.openReader(context.Background(), bytes.NewReader(b), int64(len(b)))
	if err == nil {
		err = a.indexAll(context.Background())
	}
	if err != nil {
		return ""
	}
	var out strings.Builder
	seen := map[string]bool{}
	err = a.Each(context.Background(), "", func(m *Member) error {
		fmt.Fprintf(&out, "%s %q ", m.Path, m.Data)
		if !strings.HasPrefix(m.Path, "/") || strings.Contains(m.Path, "/../") || int64(len(m.Data)) != m.Size || m.Size > small.Member {
			t.Errorf("%q, %d of %d bytes", m.Path, len(m.Data), m.Size)
		}
		if key := m.Image + m.Path; seen[key] && m.Image == "" {
			t.Errorf("%q twice", key)
		} else {
			seen[key] = true
		}
		return nil
	})
	if err != nil {
		return ""
	}
	return out.String()
}

func FuzzTar(f *testing.F) {
	b := tarOf(f, "usr/bin/b", elfFile("old"), "lib", "->usr/lib", "usr/z", "+usr/bin/b", "a/.wh.b", "", "c/.wh..wh..opq", "")
	f.Add(b)
	f.Add(gzipped(b))
	f.Add(zstdOf(f, b))
	f.Fuzz(fuzz)
}

func FuzzImage(f *testing.F) {
	f.Add(tarOf(f, layout(map[string][][]byte{"linux/amd64": {tarOf(f, "a", elfFile("1"))}, "linux/arm64": {tarOf(f, "b", elfFile("2"))}})...))
	f.Add(gzipped(tarOf(f, layout(map[string][][]byte{"linux/amd64": {tarOf(f, "a", elfFile("1")), gzipped(tarOf(f, ".wh.a", "", "b", elfFile("1")))}})...)))
	f.Fuzz(fuzz)
}

func FuzzDeb(f *testing.F) {
	b := tarOf(f, "usr/bin/b", elfFile("x"))
	f.Add([]byte(arMagic + fmt.Sprintf("%-48s%-10d`\n", "debian-binary", 4) + "2.0\n" + fmt.Sprintf("%-48s%-10d`\n", "data.tar", len(b)) + string(b)))
	f.Fuzz(fuzz)
}

// FuzzMutant is the same over archives whose headers are damaged where their fields are, with checksums that are
// right again.
func FuzzMutant(f *testing.F) {
	b := tarOf(f, "usr/bin/b", elfFile("old"), "lib", "->usr/lib", "usr/z", "+usr/bin/b", "a/.wh.b", "", "c/.wh..wh..opq", "")
	sources := []*mutate.Source{
		mutate.New(b),
		mutate.New(tarOf(f, layout(map[string][][]byte{"linux/amd64": {b}, "linux/arm64": {tarOf(f, "b", elfFile("2"))}})...)),
		mutate.New([]byte(arMagic + fmt.Sprintf("%-48s%-10d`\n", "debian-binary", 4) + "2.0\n" + fmt.Sprintf("%-48s%-10d`\n", "data.tar", len(b)) + string(b))),
	}
	for i := range sources {
		for seed := range uint64(10) {
			f.Add(uint8(i), seed, seed%3)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, seed, then uint64) {
		b := sources[int(which)%len(sources)].Mutant(seed).Data
		if then != 0 {
			b = mutate.New(b).Mutant(then).Data
		}
		fuzz(t, b)
	})
}
