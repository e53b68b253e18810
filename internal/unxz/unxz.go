// Package unxz decompresses xz files under limits that hold against the file.
//
// In an xz file the file says how large the dictionary is that its decoder
// must have, up to 4 GiB, in each of its blocks; a decoder that believes it can
// be made to allocate gigabytes by 64 bytes. Here the container is walked first
// without decoding anything: xz stores LZMA2, whose chunks each say how many
// bytes they hold and how many come out, so a hop from chunk to chunk gives the
// exact size of the output. A dictionary never needs to be larger than what
// comes out of its block. Both are held against the limits, and only then does
// github.com/ulikunitz/xz/lzma decode, with a dictionary of our choice.
//
// The format is "The .xz File Format", version 1.2.0. LZMA2 is the only filter
// (xz adds others only when told to), all checks but the reserved ones are
// verified, and several streams with padding between them are one file.
package unxz

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// What is wrong with a file; errors of this package wrap one of these.
var (
	ErrFormat      = errors.New("damaged xz data")
	ErrLimit       = errors.New("over the limit")
	ErrUnsupported = errors.New("not supported")
)

// Limits bound what Decode allocates, in bytes.
type Limits struct {
	Output     uint64 // of the whole file, decompressed
	Dictionary uint64 // of a block, or its output where that is less
}

// Size is how many bytes the file in b decompresses to, found without
// decompressing. An error means that Decode would fail too.
func Size(b []byte, l Limits) (uint64, error) {
	_, n, err := scan(b, l)
	return n, err
}

// Decode decompresses the file in b. It does not change b.
func Decode(b []byte, l Limits) ([]byte, error) {
	blocks, total, err := scan(b, l)
	if err != nil {
		return nil, err
	}
	// The sizes are what the file says. It is believed by and by.
	const trust = 1 << 20
	out := make([]byte, 0, min(total, trust))
	var dec *lzma.Reader2
	for i := range blocks {
		blk := &blocks[i]
		start := len(out)
		cfg := lzma.Reader2Config{DictCap: int(max(min(blk.dict, blk.size), lzma.MinDictCap))}
		if dec, err = cfg.NewReader2(bytes.NewReader(blk.data)); err != nil {
			return nil, blk.fail("%v", err)
		}
		if out, err = appendExactly(out, dec, blk.size, total); err != nil {
			return nil, blk.fail("%v", err)
		}
		if err := blk.check.verify(out[start:], blk.sum); err != nil {
			return nil, blk.fail("%v", err)
		}
	}
	return out, nil
}

// appendExactly reads n bytes and then the end.
func appendExactly(out []byte, r io.Reader, n, total uint64) ([]byte, error) {
	end := uint64(len(out)) + n
	for uint64(len(out)) < end {
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(total, 2*uint64(cap(out))))
			copy(grown, out)
			out = grown
		}
		room := out[len(out):min(uint64(cap(out)), end)]
		got, err := io.ReadFull(r, room)
		out = out[:len(out)+got]
		if err != nil {
			return nil, fmt.Errorf("%d of %d bytes: %w", uint64(len(out))-(end-n), n, err)
		}
	}
	var one [1]byte
	switch got, err := io.ReadFull(r, one[:]); {
	case got != 0:
		return nil, errors.New("more bytes than it says")
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return out, nil
}
