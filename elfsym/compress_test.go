package elfsym_test

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
)

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// zstandard compresses as a stream, so that the frame does not say its size and
// wants a window of its own.
func zstandard(b []byte, window int) []byte {
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	io.Copy(w, bytes.NewReader(b))
	w.Close()
	return out.Bytes()
}

func zstandardBlock(b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(b, nil)
}

// chdr puts a compression header before data.
func chdr(f *elfwrite.File, typ elf.CompressionType, size uint64, data []byte) []byte {
	if f.Class == elf.ELFCLASS32 {
		return append(numbers(f, false, uint64(typ), size, 1), data...)
	}
	head := append(numbers(f, false, uint64(typ), 0), numbers(f, true, size, 1)...)
	return append(head, data...)
}

// section makes a file with one section, compressed, and reads it.
func section(t *testing.T, w *elfwrite.File, s elfwrite.Section, lim elfsym.Limits) ([]byte, error) {
	t.Helper()
	if s.Name == "" {
		s.Name, s.Flags = ".debug_info", elf.SHF_COMPRESSED
	}
	w.Sections = []elfwrite.Section{s}
	b := w.Bytes()
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), &elfsym.Options{Limits: lim})
	if err != nil {
		t.Fatal(err)
	}
	return f.Data(f.Section(s.Name))
}

func bigEndianSize(n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("ZLIB"), n)
}

func TestInflate(t *testing.T) {
	text := []byte(strings.Repeat("what a section may hold ", 1000))
	noise := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	for _, l := range layouts {
		for _, c := range []struct {
			what string
			typ  elf.CompressionType
			data []byte
			want []byte
		}{
			{"zlib", elf.COMPRESS_ZLIB, deflated(text), text},
			{"zlib, empty", elf.COMPRESS_ZLIB, deflated(nil), nil},
			{"zstd", elf.COMPRESS_ZSTD, zstandardBlock(text), text},
			{"zstd, stream", elf.COMPRESS_ZSTD, zstandard(text, 1<<20), text},
			{"zstd, empty", elf.COMPRESS_ZSTD, zstandardBlock(nil), nil},
			{"zstd, window of 8 MiB", elf.COMPRESS_ZSTD, zstandard(noise, 8<<20), noise},
			{"zstd, two frames", elf.COMPRESS_ZSTD, append(zstandard(text[:100], 1<<20), zstandardBlock(text[100:])...), text},
		} {
			w := &elfwrite.File{Class: l.class, Data: l.data}
			got, err := section(t, w, elfwrite.Section{Bytes: chdr(w, c.typ, uint64(len(c.want)), c.data)}, elfsym.Limits{})
			if !bytes.Equal(got, c.want) || err != nil {
				t.Errorf("%v %v %s: %d bytes, want %d, %v", l.class, l.data, c.what, len(got), len(c.want), err)
			}
		}
		// GNU's size is big-endian in every file.
		w := &elfwrite.File{Class: l.class, Data: l.data}
		got, err := section(t, w, elfwrite.Section{Name: ".zdebug_info", Bytes: append(bigEndianSize(uint64(len(text))), deflated(text)...)}, elfsym.Limits{})
		if !bytes.Equal(got, text) || err != nil {
			t.Errorf("%v %v .zdebug: %d bytes, %v", l.class, l.data, len(got), err)
		}
	}
}

func TestInflateDamaged(t *testing.T) {
	text := []byte(strings.Repeat("what a section may hold ", 100))
	n := uint64(len(text))
	z := deflated(text)
	flipped := bytes.Clone(z)
	flipped[len(flipped)-1] ^= 1
	var w elfwrite.File
	for _, c := range []struct {
		what string
		data []byte
		err  error
		part string
	}{
		{"no header", []byte("short"), elfsym.ErrTruncated, "compression header"},
		{"unknown compression", chdr(&w, 7, n, z), elfsym.ErrUnsupported, "compression"},
		{"claims more", chdr(&w, elf.COMPRESS_ZLIB, n+1, z), elfsym.ErrDamaged, "2400 bytes, not 2401"},
		{"claims less", chdr(&w, elf.COMPRESS_ZLIB, n-1, z), elfsym.ErrDamaged, "more than 2399 bytes"},
		{"claims nothing", chdr(&w, elf.COMPRESS_ZLIB, 0, z), elfsym.ErrDamaged, "more than 0 bytes"},
		{"cut short", chdr(&w, elf.COMPRESS_ZLIB, n, z[:len(z)/2]), elfsym.ErrDamaged, "ends early"},
		{"wrong checksum", chdr(&w, elf.COMPRESS_ZLIB, n, flipped), elfsym.ErrDamaged, "checksum"},
		{"not zlib", chdr(&w, elf.COMPRESS_ZLIB, n, text), elfsym.ErrDamaged, "zlib"},
		{"not zstd", chdr(&w, elf.COMPRESS_ZSTD, n, text), elfsym.ErrDamaged, ""},
		{"zstd claims more", chdr(&w, elf.COMPRESS_ZSTD, n+1, zstandardBlock(text)), elfsym.ErrDamaged, ""},
		{"zstd claims less", chdr(&w, elf.COMPRESS_ZSTD, n-1, zstandardBlock(text)), elfsym.ErrDamaged, ""},
		{"zstd cut short", chdr(&w, elf.COMPRESS_ZSTD, n, zstandardBlock(text)[:20]), elfsym.ErrDamaged, ""},
		{"nothing", chdr(&w, elf.COMPRESS_ZLIB, n, nil), elfsym.ErrDamaged, ""},
	} {
		var w elfwrite.File
		got, err := section(t, &w, elfwrite.Section{Bytes: c.data}, elfsym.Limits{})
		if got != nil {
			t.Errorf("%s: %d bytes", c.what, len(got))
		}
		wantError(t, c.what, err, c.err, c.part)
	}
	var old elfwrite.File
	_, err := section(t, &old, elfwrite.Section{Name: ".zdebug_info", Bytes: []byte("ZLIB\x00\x00")}, elfsym.Limits{})
	wantError(t, ".zdebug without a size", err, elfsym.ErrTruncated, "no room")
	var plain elfwrite.File
	if got, err := section(t, &plain, elfwrite.Section{Name: ".zdebug_info", Bytes: []byte("as it is")}, elfsym.Limits{}); string(got) != "as it is" || err != nil {
		t.Errorf(".zdebug without its magic: %q, %v", got, err)
	}
}

// A few bytes that stand for gigabytes, and a few that only say so.
func TestInflateLimits(t *testing.T) {
	bomb := deflated(make([]byte, 64<<20))
	var w elfwrite.File
	for _, c := range []struct {
		what  string
		data  []byte
		limit uint64
		err   error
	}{
		{"over the limit", chdr(&w, elf.COMPRESS_ZLIB, 64<<20, bomb), 1 << 20, elfsym.ErrLimit},
		{"over the default limit", chdr(&w, elf.COMPRESS_ZLIB, 1<<40, bomb), 0, elfsym.ErrLimit},
		{"lies about its size", chdr(&w, elf.COMPRESS_ZLIB, 1000, bomb), 1 << 20, elfsym.ErrDamaged},
		{"zstd lies about its size", chdr(&w, elf.COMPRESS_ZSTD, 1000, zstandardBlock(make([]byte, 64<<20))), 1 << 20, elfsym.ErrDamaged},
		{"has less than it claims", chdr(&w, elf.COMPRESS_ZLIB, 1<<30, deflated([]byte("x"))), 0, elfsym.ErrDamaged},
		{"zstd with a huge window", chdr(&w, elf.COMPRESS_ZSTD, 1<<30, []byte("\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00")), 0, elfsym.ErrDamaged},
	} {
		var w elfwrite.File
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := section(t, &w, elfwrite.Section{Bytes: c.data}, elfsym.Limits{Inflate: c.limit})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.what, err, c.err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 40<<20 {
			t.Errorf("%s: %d bytes allocated", c.what, n)
		}
	}
}

// The committed binaries, by three ways of compressing: all give the same.
func TestInflateFixtures(t *testing.T) {
	plain := open(t, "amd64/probe-pie")
	for _, name := range []string{"amd64/probe-zlib", "amd64/probe-zlib-gnu", "amd64/probe-zstd"} {
		f := open(t, name)
		for _, section := range []string{".debug_info", ".debug_str", ".debug_line", ".debug_abbrev"} {
			want, err := plain.Data(plain.Section(section))
			if err != nil {
				t.Fatal(err)
			}
			s := f.Section(section)
			if s == nil {
				s = f.Section(".z" + section[1:])
			}
			if s == nil {
				t.Errorf("%s has no %s", name, section)
				continue
			}
			if got, err := f.Data(s); !bytes.Equal(got, want) || err != nil {
				t.Errorf("%s: %s has %d bytes, want %d, %v", name, section, len(got), len(want), err)
			}
		}
	}
}
