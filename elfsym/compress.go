package elfsym

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/probels/probels/internal/inflate"
)

// Data is the section's content, inflated if it is compressed: SHF_COMPRESSED
// with zlib or zstd (gABI, "Section Compression"), or GNU's older .zdebug_*
// ("ZLIB" and the size, eight bytes, big-endian in every file). A SHT_NOBITS
// section has none. The slice is the caller's. Limits.Table bounds what is
// read, Limits.Inflate what comes out.
func (f *File) Data(s *Section) ([]byte, error) {
	if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
		return nil, nil
	}
	raw, err := f.bytes(uint64(s.Offset), s.Size, s.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Flags&elf.SHF_COMPRESSED != 0:
		return f.inflateSection(s, raw)
	case strings.HasPrefix(s.Name, ".zdebug") && bytes.HasPrefix(raw, []byte("ZLIB")):
		if len(raw) < 12 {
			return nil, &FormatError{s.Name, s.Offset, "no room for its size", ErrTruncated}
		}
		return f.inflate(s, elf.COMPRESS_ZLIB, raw[12:], binary.BigEndian.Uint64(raw[4:]))
	}
	return raw, nil
}

// inflateSection takes the Elf32_Chdr or Elf64_Chdr off.
func (f *File) inflateSection(s *Section, raw []byte) ([]byte, error) {
	if uint64(len(raw)) < pick(f.Is64, 24, 12) {
		return nil, &FormatError{s.Name, s.Offset, "no room for a compression header", ErrTruncated}
	}
	typ := elf.CompressionType(f.U32(raw))
	if f.Is64 {
		return f.inflate(s, typ, raw[24:], f.U64(raw[8:]))
	}
	return f.inflate(s, typ, raw[12:], uint64(f.U32(raw[4:])))
}

func (f *File) inflate(s *Section, typ elf.CompressionType, raw []byte, size uint64) ([]byte, error) {
	if limit := min(f.lim.Inflate, math.MaxInt); size > limit {
		return nil, &FormatError{s.Name, s.Offset, fmt.Sprintf("inflates to %d bytes, %d allowed", size, limit), ErrLimit}
	}
	var out []byte
	var err error
	switch typ {
	case elf.COMPRESS_ZLIB:
		out, err = inflate.All(raw, int64(size))
	case elf.COMPRESS_ZSTD:
		// The window is the frame's wish, up to gigabytes. A section needs none
		// larger than itself, but encoders of streams ask for 8 MiB however
		// little follows. The two options are both about it.
		window := max(min(size, 1<<29), 8<<20)
		var z *zstd.Decoder
		z, err = zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(max(size, window)), zstd.WithDecoderMaxWindow(window))
		if err == nil {
			defer z.Close()
			out, err = readExactly(z, size)
		}
	default:
		return nil, &FormatError{s.Name, s.Offset, fmt.Sprintf("compression %v", typ), ErrUnsupported}
	}
	if err != nil {
		return nil, damaged(s.Name, uint64(s.Offset), "%v: %v", typ, err)
	}
	return out, nil
}

// readExactly reads size bytes, and refuses a stream with fewer or more. The
// size is a claim: it is believed as the bytes arrive, so a small file that
// claims gigabytes does not get them.
func readExactly(r io.Reader, size uint64) ([]byte, error) {
	const trust = 16 << 20
	out := make([]byte, 0, min(size, trust))
	for {
		if uint64(len(out)) == size {
			var one [1]byte
			if n, err := io.ReadFull(r, one[:]); n != 0 {
				return nil, errors.New("more bytes than it says")
			} else if !errors.Is(err, io.EOF) {
				return nil, err // the checksum stands at the end
			}
			return out, nil
		}
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(size, 2*uint64(cap(out))))
			copy(grown, out)
			out = grown
		}
		n, err := io.ReadFull(r, out[len(out):cap(out)])
		out = out[:len(out)+n]
		if err != nil {
			return nil, fmt.Errorf("%d of %d bytes: %w", len(out), size, err)
		}
	}
}
