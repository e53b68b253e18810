package debuglink

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/probels/probels/elfsym"
)

// crcChunk is how much is read between two looks at the context. It fits the
// second-level cache; larger pieces were no faster.
const crcChunk = 256 << 10

// CRC is the CRC-32 of a file as .gnu_debuglink has it: zlib's, which is the
// IEEE polynomial, over all of its bytes. The file is read in pieces of a
// quarter of a megabyte. r must hold exactly size bytes: fewer wrap
// elfsym.ErrChanged.
func CRC(ctx context.Context, r io.ReaderAt, size int64) (uint32, error) {
	buf := make([]byte, min(max(size, 0), crcChunk))
	var sum uint32
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		p := buf[:min(int64(len(buf)), size-off)]
		n, err := r.ReadAt(p, off)
		if n < len(p) {
			if err == nil || errors.Is(err, io.EOF) {
				err = fmt.Errorf("%d of %d bytes were there: %w", off+int64(n), size, elfsym.ErrChanged)
			}
			return 0, err
		}
		sum = crc32.Update(sum, crc32.IEEETable, p)
		off += int64(n)
	}
	return sum, nil
}
