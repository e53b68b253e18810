package zstd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	kzstd "github.com/klauspost/compress/zstd"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/zstd"
)

const window = 64 << 20

// contents are what is compressed: of every kind that makes an encoder choose other ways.
func contents() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	letters := make([]byte, 500_000)
	for i := range letters {
		letters[i] = "aaaaabbbcdefghijklmnop \n"[r.IntN(24)]
	}
	var words bytes.Buffer
	for words.Len() < 800_000 {
		fmt.Fprintf(&words, "_ZN%dfunction%dE\x00", r.IntN(50), r.IntN(5000))
	}
	far := bytes.Clone(noise)
	for range 4 {
		far = append(far, noise[r.IntN(1000):][:200_000]...)
	}
	return map[string][]byte{
		"empty": nil, "one": {7}, "few": []byte("hello, hello"), "zeros": make([]byte, 1_000_000), "noise": noise, "letters": letters,
		"words": words.Bytes(), "far": far, "text": []byte(strings.Repeat("the quick brown fox jumps over the lazy dog\n", 10_000)), "small": letters[:100],
	}
}

func compress(t testing.TB, b []byte, o ...kzstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := kzstd.NewWriter(&out, o...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReader(t *testing.T) {
	for name, want := range contents() {
		for _, level := range []kzstd.EncoderLevel{kzstd.SpeedFastest, kzstd.SpeedDefault, kzstd.SpeedBestCompression} {
			for _, sum := range []bool{false, true} {
				packed := compress(t, want, kzstd.WithEncoderLevel(level), kzstd.WithEncoderCRC(sum), kzstd.WithZeroFrames(true))
				got, err := io.ReadAll(zstd.NewReader(bytes.NewReader(packed), window))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s, %v: %d bytes, %v", name, level, len(got), err)
				}
				// Two frames, and one to be skipped between them.
				two := bytes.Join([][]byte{packed, []byte("\x51\x2a\x4d\x18\x03\x00\x00\x00abc"), packed}, nil)
				got, err = io.ReadAll(iotest.HalfReader(zstd.NewReader(iotest.HalfReader(bytes.NewReader(two)), window)))
				if err != nil || !bytes.Equal(got, append(bytes.Clone(want), want...)) {
					t.Errorf("%s, %v, twice: %d bytes, %v", name, level, len(got), err)
				}
			}
		}
	}
}

// The encoder of the format's author, at levels that use all there is.
func TestTool(t *testing.T) {
	tool := skip.Tool(t, "zstd")
	for name, want := range contents() {
		for _, flags := range []string{"-1", "-19", "-3 --long=24 --no-check", "--fast=5"} {
			cmd := exec.Command(tool, append(strings.Fields(flags), "-c", "-q")...)
			cmd.Stdin = bytes.NewReader(want)
			packed, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(zstd.NewReader(bytes.NewReader(packed), 128<<20))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %d bytes, %v", name, flags, len(got), err)
			}
		}
	}
}

// What is cut off or changed is damaged, or has another content; never more than the stream allows.
func TestDamaged(t *testing.T) {
	want := contents()["words"][:200_000]
	packed := compress(t, want, kzstd.WithEncoderCRC(true))
	for n := range len(packed) {
		if n > 64 && n%97 != 0 && n < len(packed)-8 {
			continue
		}
		if _, err := io.ReadAll(zstd.NewReader(bytes.NewReader(packed[:n]), window)); !errors.Is(err, zstd.ErrDamaged) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		bad := bytes.Clone(packed)
		i := r.IntN(len(bad))
		bad[i] ^= 1 << r.IntN(8)
		got, err := io.ReadAll(zstd.NewReader(bytes.NewReader(bad), window))
		if err == nil && !bytes.Equal(got, want) {
			t.Errorf("byte %d: other content, and no error", i)
		}
	}
	for _, s := range []string{"x", "\x28\xb5\x2f", "hello, world", "\x28\xb5\x2f\xfd\x08\x00\x00\x00\x00"} {
		if _, err := io.ReadAll(zstd.NewReader(strings.NewReader(s), window)); !errors.Is(err, zstd.ErrDamaged) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := io.ReadAll(zstd.NewReader(strings.NewReader("\x28\xb5\x2f\xfd\x00\xf8"), window)); !errors.Is(err, zstd.ErrWindow) {
		t.Error(err)
	}
	if _, err := io.ReadAll(zstd.NewReader(strings.NewReader("\x28\xb5\x2f\xfd\x01\x00\x05"), window)); !errors.Is(err, zstd.ErrUnsupported) {
		t.Error(err)
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(zstd.NewReader(io.MultiReader(bytes.NewReader(packed[:100]), iotest.ErrReader(broken)), window)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// Memory goes with content, not with what a header says.
func TestMemory(t *testing.T) {
	claim := []byte("\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00") // a window of 16 MiB, and an empty last block
	if got := testing.AllocsPerRun(5, func() {
		if b, err := io.ReadAll(zstd.NewReader(bytes.NewReader(claim), window)); err != nil || len(b) > 0 {
			t.Fatal(len(b), err)
		}
	}); got > 6 {
		t.Errorf("%v allocations", got)
	}
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			io.Copy(io.Discard, zstd.NewReader(bytes.NewReader(claim), window))
		}
	})
	if n := r.AllocedBytesPerOp(); n > 1<<20 {
		t.Errorf("%d bytes", n)
	}
}

// What the other decoder takes, this one takes, and they agree.
func FuzzReader(f *testing.F) {
	for _, b := range contents() {
		f.Add(compress(f, b[:min(len(b), 20_000)]))
		f.Add(compress(f, b[:min(len(b), 3_000)], kzstd.WithEncoderLevel(kzstd.SpeedBestCompression), kzstd.WithSingleSegment(true)))
	}
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 4 << 20
		got, err := io.ReadAll(io.LimitReader(zstd.NewReader(bytes.NewReader(b), most), most))
		other, oerr := kzstd.NewReader(bytes.NewReader(b), kzstd.WithDecoderConcurrency(1), kzstd.WithDecoderMaxWindow(most), kzstd.WithDecoderMaxMemory(2*most))
		if oerr != nil {
			return
		}
		defer other.Close()
		want, oerr := io.ReadAll(io.LimitReader(other, most))
		switch {
		case oerr == nil && err != nil && !errors.Is(err, zstd.ErrWindow) && len(b) > 0:
			t.Errorf("%v, and the other decoder has %d bytes", err, len(want))
		case oerr == nil && err == nil && !bytes.Equal(got, want):
			t.Errorf("%d bytes, the other decoder has %d", len(got), len(want))
		}
	})
}

func BenchmarkReader(b *testing.B) {
	want := contents()["words"]
	packed := compress(b, want)
	for name, open := range map[string]func() io.Reader{
		"own": func() io.Reader { return zstd.NewReader(bytes.NewReader(packed), window) },
		"klauspost": func() io.Reader {
			z, err := kzstd.NewReader(bytes.NewReader(packed), kzstd.WithDecoderConcurrency(1))
			if err != nil {
				b.Fatal(err)
			}
			return z
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(want)))
			for b.Loop() {
				if n, err := io.Copy(io.Discard, open()); err != nil || n != int64(len(want)) {
					b.Fatal(n, err)
				}
			}
		})
	}
}
