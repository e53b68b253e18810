package unxz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/probels/probels/internal/heap"
	"github.com/probels/probels/internal/skip"
)

var wide = Limits{Output: 64 << 20, Dictionary: 64 << 20}

// pack compresses with the library.
func pack(t testing.TB, data []byte, cfg xz.WriterConfig) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := cfg.NewWriter(&b)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// samples are texts, noise, and what compresses to nearly nothing.
func samples() [][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 70_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	return [][]byte{
		nil, {0}, []byte("hello"), []byte(strings.Repeat("symbol table ", 3_000)),
		noise, make([]byte, 400_000), append(bytes.Repeat([]byte("ab"), 30_000), noise...),
	}
}

func TestDecode(t *testing.T) {
	for i, data := range samples() {
		for _, cfg := range []xz.WriterConfig{{DictCap: 1 << 20}, {CheckSum: xz.CRC32, DictCap: 1 << 16}, {CheckSum: xz.SHA256, DictCap: 1 << 16}, {NoCheckSum: true, DictCap: 1 << 16}, {BlockSize: 40_000, DictCap: 1 << 16}} {
			b := pack(t, data, cfg)
			before := bytes.Clone(b)
			got, err := Decode(b, wide)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("sample %d %+v: %d bytes, want %d, %v", i, cfg, len(got), len(data), err)
			}
			if n, err := Size(b, wide); n != uint64(len(data)) || err != nil {
				t.Errorf("sample %d: size %d, %v", i, n, err)
			}
			// Two streams with padding between and behind.
			two := append(append(append(bytes.Clone(b), 0, 0, 0, 0), b...), 0, 0, 0, 0)
			if got, err := Decode(two, wide); err != nil || len(got) != 2*len(data) {
				t.Errorf("sample %d twice: %d bytes, %v", i, len(got), err)
			}
			if !bytes.Equal(b, before) {
				t.Error("Decode changed its input")
			}
		}
	}
}

// The tool agrees with the library, but it has more options.
func TestDecodeTool(t *testing.T) {
	tool := skip.Tool(t, "xz")
	data := samples()[6]
	for _, args := range []string{"-0", "-9e", "-T2 --block-size=50000", "--check=none", "--check=crc32", "--check=sha256", "--lzma2=preset=6,lc=0,lp=2,pb=0", "--lzma2=dict=4KiB"} {
		b, err := run(data, tool, append(strings.Fields(args), "-c")...)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(b, wide); err != nil || !bytes.Equal(got, data) {
			t.Errorf("xz %s: %d bytes, %v", args, len(got), err)
		}
	}
	for _, args := range []string{"--x86 --lzma2", "--delta --lzma2"} {
		b, err := run(data, tool, append(strings.Fields(args), "-c")...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b, wide); !errors.Is(err, ErrUnsupported) {
			t.Errorf("xz %s: %v", args, err)
		}
	}
}

func run(in []byte, tool string, args ...string) ([]byte, error) {
	cmd := exec.Command(tool, args...)
	cmd.Stdin = bytes.NewReader(in)
	return cmd.Output()
}

// Every single changed byte and every shortened file is refused, since all of
// the container is covered by a checksum or by the walk. (Not all are wrong for
// a tool: a reserved check, say.)
func TestDamaged(t *testing.T) {
	data := []byte(strings.Repeat("some text, ", 50))
	b := pack(t, data, xz.WriterConfig{DictCap: 1 << 16})
	for i := range b {
		for _, bit := range []byte{1, 0x80, 0xff} {
			c := bytes.Clone(b)
			c[i] ^= bit
			if got, err := Decode(c, wide); err == nil && !bytes.Equal(got, data) {
				t.Errorf("byte %d ^ %x: decoded to something else", i, bit)
			} else if err == nil {
				t.Errorf("byte %d ^ %x: not noticed", i, bit)
			} else if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrUnsupported) {
				t.Errorf("byte %d: %v wraps nothing", i, err)
			}
		}
		if _, err := Decode(b[:i], wide); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	if _, err := Decode(append(bytes.Clone(b), 1), wide); !errors.Is(err, ErrFormat) {
		t.Errorf("something behind: %v", err)
	}
	if _, err := Decode(append(bytes.Clone(b), 0, 0, 0), wide); !errors.Is(err, ErrFormat) {
		t.Errorf("padding of 3: %v", err)
	}
}

// bomb is an xz file of stored and of LZMA chunks whose headers say what they
// like, with correct checksums.
func bomb(dict byte, chunks []byte, size uint64) []byte {
	sum := func(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)) }
	b := append(bytes.Clone(headMagic), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[6:]))
	head := sum([]byte{2, 0, 0x21, 1, dict, 0, 0, 0})
	b = append(append(b, head...), chunks...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(len(head)+len(chunks)))
	index = binary.AppendUvarint(index, size)
	for len(index)%4 != 0 {
		index = append(index, 0)
	}
	index = sum(index)
	foot := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	foot = append(foot, 0, 0)
	b = append(b, index...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(foot))
	return append(append(b, foot...), footMagic...)
}

func TestLimits(t *testing.T) {
	stored := append(append([]byte{1, 0, 4}, "hello"...), 0)
	// 2 MiB out of 6 bytes, times 200.
	chunk := []byte{0xff, 0xff, 0xff, 0, 5, 0x5d, 0, 0, 0, 0, 0, 0}
	many := append(bytes.Repeat(chunk, 200), 0)
	for _, c := range []struct {
		what string
		b    []byte
		lim  Limits
		err  error
	}{
		{"4 GiB for five bytes", bomb(40, stored, 5), wide, nil},
		{"4 GiB for five bytes, 4 allowed", bomb(40, stored, 5), Limits{Output: 4, Dictionary: 1}, ErrLimit},
		{"a dictionary too large", bomb(30, stored, 5), Limits{Output: 100, Dictionary: 4}, ErrLimit},
		{"a dictionary just right", bomb(30, stored, 5), Limits{Output: 100, Dictionary: 5}, nil},
		{"dictionary size 41", bomb(41, stored, 5), wide, ErrUnsupported},
		{"400 MiB", bomb(40, many, 200<<21), wide, ErrLimit},
		{"400 MiB, allowed", bomb(40, many, 200<<21), Limits{Output: 1 << 30, Dictionary: 16 << 20}, ErrLimit},
		{"10 bytes too many", pack(t, make([]byte, 1000), xz.WriterConfig{}), Limits{Output: 990, Dictionary: 1 << 20}, ErrLimit},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := Decode(c.b, c.lim)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.what, err, c.err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: allocated %d bytes", c.what, used)
		}
		if err == nil && string(got) != "hello" {
			t.Errorf("%s: %q", c.what, got)
		}
	}
}

// The second block may ask for more than the first.
func TestSecondBlock(t *testing.T) {
	b := pack(t, make([]byte, 2000), xz.WriterConfig{BlockSize: 1000, DictCap: 1 << 16})
	blocks, total, err := scan(b, wide)
	if err != nil || len(blocks) != 2 || total != 2000 {
		t.Fatalf("%d blocks, %d bytes, %v", len(blocks), total, err)
	}
	h := b[blocks[1].off:]
	n := (int(h[0]) + 1) * 4
	at := bytes.Index(h[:n], []byte{0x21, 1}) + 2
	h[at] = 40
	binary.LittleEndian.PutUint32(h[n-4:], crc32.ChecksumIEEE(h[:n-4]))
	if got, err := Decode(b, wide); err != nil || len(got) != 2000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := Decode(b, Limits{Output: 4000, Dictionary: 999}); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, data := range samples() {
		if len(data) < 1<<20 {
			f.Add(pack(f, data, xz.WriterConfig{BlockSize: 100_000, DictCap: 1 << 16}))
		}
	}
	f.Add(bomb(40, append(append([]byte{1, 0, 4}, "hello"...), 0), 5))
	f.Add(bomb(12, append(bytes.Repeat([]byte{0xff, 0xff, 0xff, 0, 5, 0x5d, 0, 0, 0, 0, 0, 0}, 3), 0), 3<<21))
	lim := Limits{Output: 1 << 20, Dictionary: 1 << 20}
	f.Fuzz(func(t *testing.T, b []byte) {
		heap.Bound(t, len(b), 200, 64, func() {
			n, sizeErr := Size(b, lim)
			out, err := Decode(b, lim)
			if err == nil && (sizeErr != nil || n != uint64(len(out))) {
				t.Fatalf("decoded %d bytes, Size says %d, %v", len(out), n, sizeErr)
			}
			if err != nil && out != nil {
				t.Fatal("both a result and an error")
			}
			if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrUnsupported) {
				t.Fatalf("%v wraps nothing", err)
			}
			if err == nil && len(b) < 1<<16 {
				other, err := plain(b)
				if err != nil || !bytes.Equal(other, out) {
					t.Fatalf("the library's reader says %d bytes, %v; want %d", len(other), err, len(out))
				}
			}
		})
	})
}

// FuzzChunks puts any LZMA2 data into a container that is right, so that what
// comes behind all the checksums is reached.
func FuzzChunks(f *testing.F) {
	for _, data := range samples() {
		if len(data) < 100_000 {
			blocks, _, err := scan(pack(f, data, xz.WriterConfig{DictCap: 1 << 16}), wide)
			if err != nil {
				f.Fatal(err)
			}
			for _, b := range blocks {
				f.Add(b.data, byte(10))
			}
		}
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0, 5, 0x5d, 0, 0, 0, 0, 0, 0, 0}, byte(40))
	lim := Limits{Output: 1 << 20, Dictionary: 1 << 20}
	f.Fuzz(func(t *testing.T, chunks []byte, dict byte) {
		s := &scanner{b: chunks}
		size, err := s.chunks(lim, 0)
		if err != nil {
			return
		}
		b := bomb(dict, chunks[:s.pos], size)
		if n, err := Size(b, lim); err == nil && n != size {
			t.Fatalf("%d bytes, %d chunks' bytes", n, size)
		} else if err != nil && dict <= 40 {
			t.Fatal(err)
		}
		out, err := Decode(b, lim)
		if err == nil && uint64(len(out)) != size || err != nil && out != nil {
			t.Fatalf("%d bytes of %d, %v", len(out), size, err)
		}
	})
}

// plain is the library's own reader, where what the file asks for is harmless.
func plain(b []byte) ([]byte, error) {
	blocks, _, err := scan(b, wide)
	if err != nil {
		return nil, err
	}
	for _, blk := range blocks {
		if blk.dict > 1<<20 || blk.check != 0 && blk.check != 1 && blk.check != 4 && blk.check != 10 {
			return Decode(b, wide) // it would allocate that much, or does not know the check
		}
	}
	r, err := xz.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func BenchmarkDecode(b *testing.B) {
	data := samples()[6]
	packed := pack(b, data, xz.WriterConfig{})
	for _, n := range []int{len(packed)} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(packed, wide); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
