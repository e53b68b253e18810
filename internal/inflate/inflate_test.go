package inflate

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"math/rand"
	"testing"

	"github.com/probels/probels/internal/skip"
)

// texts are contents of all kinds: none, short, repetitive, random, mixed.
func texts() map[string][]byte {
	rnd := rand.New(rand.NewSource(1))
	noise := make([]byte, 700<<10)
	rnd.Read(noise)
	words := bytes.Buffer{}
	for words.Len() < 3<<20 {
		n := rnd.Intn(4000)
		words.Write(noise[n : n+3+rnd.Intn(20)])
		if rnd.Intn(50) == 0 {
			words.Write(bytes.Repeat([]byte{byte(n)}, rnd.Intn(2000)))
		}
	}
	return map[string][]byte{
		"none": {}, "one": {7}, "short": []byte("a short text, a short text"), "zeros": make([]byte, 1<<20),
		"noise": noise, "words": words.Bytes(), "pairs": bytes.Repeat([]byte("ab"), 100000), "mixed": append(words.Bytes()[:400000:400000], noise...),
	}
}

func deflate(t testing.TB, text []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(text); err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAll(t *testing.T) {
	levels := []int{zlib.HuffmanOnly, zlib.NoCompression, zlib.BestSpeed, zlib.DefaultCompression, zlib.BestCompression}
	if skip.Race {
		levels = []int{zlib.HuffmanOnly, zlib.DefaultCompression}
	}
	for name, text := range texts() {
		for _, level := range levels {
			z := deflate(t, text, level)
			got, err := All(z, int64(len(text)))
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s, level %d: %d bytes, %v; want %d", name, level, len(got), err, len(text))
			}
			for _, size := range []int{len(text) - 1, len(text) + 1} {
				if _, err := All(z, int64(size)); !errors.Is(err, ErrDamaged) {
					t.Errorf("%s, level %d, said to have %d bytes of %d: %v", name, level, size, len(text), err)
				}
			}
			if _, err := All(z[:len(z)-1], int64(len(text))); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s, level %d, cut short: %v", name, level, err)
			}
		}
	}
}

// Parts read in any order are those of the text, and memory stays small.
func TestReader(t *testing.T) {
	for name, text := range texts() {
		if len(text) == 0 {
			continue
		}
		z := deflate(t, text, 6)
		r := NewReader(bytes.NewReader(z), int64(len(z)), int64(len(text)))
		r.distance = 100 << 10
		rnd := rand.New(rand.NewSource(2))
		for i := range 300 {
			off := rnd.Intn(len(text))
			n := min(rnd.Intn(1<<uint(rnd.Intn(20))), len(text)-off)
			p := make([]byte, n)
			if got, err := r.ReadAt(p, int64(off)); got != n || err != nil || !bytes.Equal(p, text[off:off+n]) {
				t.Fatalf("%s: read %d: %d of %d bytes at %d, %v", name, i, got, n, off, err)
			}
		}
		if len(r.points) > len(text)/(100<<10)+1 {
			t.Errorf("%s: %d points", name, len(r.points))
		}
		p := make([]byte, 10)
		if n, err := r.ReadAt(p, int64(len(text)-1)); n != 1 || err != io.EOF || p[0] != text[len(text)-1] {
			t.Errorf("%s: at the end %d, %v", name, n, err)
		}
		if n, err := r.ReadAt(p, int64(len(text))); n != 0 || err != io.EOF {
			t.Errorf("%s: behind the end %d, %v", name, n, err)
		}
	}
}

// One pass inflates each byte once.
func TestReaderSequential(t *testing.T) {
	text := texts()["words"]
	z := deflate(t, text, 6)
	src := &counter{r: bytes.NewReader(z)}
	r := NewReader(src, int64(len(z)), int64(len(text)))
	got, err := io.ReadAll(io.NewSectionReader(r, 0, int64(len(text))))
	if err != nil || !bytes.Equal(got, text) {
		t.Fatal(len(got), err)
	}
	if src.n > len(z)+100 {
		t.Errorf("%d bytes of %d were read", src.n, len(z))
	}
	if len(r.decoders) != 1 {
		t.Errorf("%d decoders", len(r.decoders))
	}
}

type counter struct {
	r io.ReaderAt
	n int
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	c.n += n
	return n, err
}

// Whatever the bytes are, the result is the standard library's, or an error
// where that has one.
func FuzzAll(f *testing.F) {
	for _, text := range texts() {
		if len(text) < 1000 {
			for level := -2; level < 10; level++ {
				f.Add(deflate(f, text, level), len(text))
			}
		}
	}
	f.Add(deflate(f, texts()["words"][:9000], 9), 9000)
	f.Fuzz(func(t *testing.T, z []byte, size int) {
		if size < 0 || size > 1<<20 || len(z) > 1 && z[1]&0x20 != 0 {
			return
		}
		got, err := All(z, int64(size))
		var want []byte
		s, werr := zlib.NewReader(bytes.NewReader(z))
		if werr == nil {
			want, werr = io.ReadAll(io.LimitReader(s, int64(size)+1))
		}
		if werr == nil && len(want) != size {
			werr = ErrDamaged
		}
		if (err == nil) != (werr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v; the standard library has %d, %v", len(got), err, len(want), werr)
		}
		r := NewReader(bytes.NewReader(z), int64(len(z)), int64(size))
		p := make([]byte, size)
		if n, rerr := r.ReadAt(p, 0); err == nil && (n != size || !bytes.Equal(p, got)) {
			t.Fatalf("read %d of %d bytes, %v", n, size, rerr)
		}
	})
}

func BenchmarkAll(b *testing.B) {
	text := texts()["words"]
	z := deflate(b, text, 6)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := All(z, int64(len(text))); err != nil {
			b.Fatal(err)
		}
	}
}

// The standard library's, beside BenchmarkAll.
func BenchmarkStandard(b *testing.B) {
	text := texts()["words"]
	z := deflate(b, text, 6)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r, err := zlib.NewReader(bytes.NewReader(z))
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
