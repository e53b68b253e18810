package elfsym

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// headSize is what the first read takes: the ELF header, the program headers of
// nearly every file (56 bytes each) and, right behind them where linkers put
// it, the build-id.
const headSize = 1024

// readAt fills p from the file. part names what is read in an error.
func (f *File) readAt(p []byte, off uint64, part string) error {
	n := uint64(len(p))
	if off > f.size || n > f.size-off {
		return &FormatError{part, Offset(off),
			fmt.Sprintf("%d bytes wanted, the file ends at 0x%x", n, f.size), ErrTruncated}
	}
	if head, ok := f.inHead(off, n); ok {
		copy(p, head)
		return nil
	}
	got, err := f.r.ReadAt(p, int64(off))
	if got == len(p) {
		return nil // io.ReaderAt allows io.EOF with the last byte
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		// Opened with f.size bytes, and now there are fewer.
		return &FormatError{part, Offset(off), fmt.Sprintf("%d of %d bytes were there", got, n), ErrChanged}
	}
	return fmt.Errorf("%s at 0x%x: %w", part, off, err)
}

// inHead is what was read at Open, if that holds it.
func (f *File) inHead(off, n uint64) ([]byte, bool) {
	if off < f.base || off-f.base > uint64(len(f.head)) || n > uint64(len(f.head))-(off-f.base) {
		return nil, false
	}
	return f.head[off-f.base:][:n:n], true
}

// checkTable says whether a table may be read into memory.
func (f *File) checkTable(off, n uint64, part string) error {
	if off > f.size || n > f.size-off {
		return &FormatError{part, Offset(off),
			fmt.Sprintf("%d bytes wanted, the file ends at 0x%x", n, f.size), ErrTruncated}
	}
	if n > min(f.lim.Table, math.MaxInt) {
		return &FormatError{part, Offset(off),
			fmt.Sprintf("%d bytes, %d allowed", n, min(f.lim.Table, math.MaxInt)), ErrLimit}
	}
	return nil
}

// bytes reads a table. Its size is believed because checkTable has held it
// against the file's.
func (f *File) bytes(off, n uint64, part string) ([]byte, error) {
	if err := f.checkTable(off, n, part); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	return b, f.readAt(b, off, part)
}

// text reads a table of strings as one string, of which names are then
// substrings: no allocation for each, and nothing can change them.
func (f *File) text(off, n uint64, part string) (string, error) {
	if err := f.checkTable(off, n, part); err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(int(n))
	buf := make([]byte, min(n, windowSize))
	for n > 0 {
		buf = buf[:min(n, windowSize)]
		if err := f.readAt(buf, off, part); err != nil {
			return "", err
		}
		b.Write(buf)
		off, n = off+uint64(len(buf)), n-uint64(len(buf))
	}
	return b.String(), nil
}

// windowSize is how much of a long table is read at once.
const windowSize = 64 << 10

// maxName is how long a name may be, in bytes. The longest of large C++ programs
// have some 10,000; a file of nothing but one name of megabytes, and symbols
// that all have it, would take hours.
const maxName = 64 << 10

// maxFileName is the same for a source file's.
const maxFileName = 4 << 10

// cstring is the string at off in a table, or false if off is outside of it or
// no NUL ends it within maxName bytes.
func cstring(table string, off uint64) (string, bool) {
	if off >= uint64(len(table)) {
		return "", false
	}
	s := table[off:min(uint64(len(table)), off+maxName+1)]
	n := strings.IndexByte(s, 0)
	if n < 0 {
		return "", false
	}
	return s[:n], true
}

// Code reads up to n bytes of the file from an offset on: fewer where the file
// ends, and ErrTruncated where it has ended before; none for an n of 0 or less.
// The slice is the caller's. Limits.Table bounds it.
func (f *File) Code(off Offset, n int) ([]byte, error) {
	if n <= 0 {
		return nil, nil
	}
	if uint64(off) < f.size {
		n = int(min(uint64(n), f.size-uint64(off)))
	}
	return f.bytes(uint64(off), uint64(n), "code")
}
