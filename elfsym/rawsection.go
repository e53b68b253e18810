package elfsym

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"strings"
)

// SectionReader reads a section's bytes as they are in the file, compressed if
// they are that, without reading them all into memory as Data does. A
// SHT_NOBITS section has none. It reads from the File's reader, until Close.
func (f *File) SectionReader(s *Section) (*io.SectionReader, error) {
	if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
		return io.NewSectionReader(f.r, 0, 0), nil
	}
	if uint64(s.Offset) > f.size || s.Size > f.size-uint64(s.Offset) {
		return nil, &FormatError{s.Name, s.Offset, "it ends behind the file", ErrTruncated}
	}
	return io.NewSectionReader(f.r, int64(s.Offset), int64(s.Size)), nil
}

// A Compression is how a section is compressed.
type Compression struct {
	Type   elf.CompressionType // 0: it is not
	Size   uint64              // bytes, inflated
	Header int                 // bytes before the stream
}

// Compression says how a section is compressed, by reading its first bytes.
func (f *File) Compression(s *Section) (Compression, error) {
	if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
		return Compression{}, nil
	}
	b := make([]byte, min(s.Size, 24))
	if s.Flags&elf.SHF_COMPRESSED == 0 && !strings.HasPrefix(s.Name, ".zdebug") {
		return Compression{Size: s.Size}, nil
	}
	if err := f.readAt(b, uint64(s.Offset), s.Name); err != nil {
		return Compression{}, err
	}
	short := &FormatError{s.Name, s.Offset, "no room for a compression header", ErrTruncated}
	switch {
	case s.Flags&elf.SHF_COMPRESSED == 0:
		if string(b[:min(4, len(b))]) != "ZLIB" {
			return Compression{Size: s.Size}, nil
		}
		if len(b) < 12 {
			return Compression{}, short
		}
		return Compression{elf.COMPRESS_ZLIB, binary.BigEndian.Uint64(b[4:]), 12}, nil
	case f.Is64 && len(b) >= 24:
		return Compression{elf.CompressionType(f.U32(b)), f.U64(b[8:]), 24}, nil
	case !f.Is64 && len(b) >= 12:
		return Compression{elf.CompressionType(f.U32(b)), uint64(f.U32(b[4:])), 12}, nil
	}
	return Compression{}, short
}
