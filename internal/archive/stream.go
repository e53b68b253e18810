package archive

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/probels/probels/internal/unxz"
)

// Errors of this package wrap one of these, or that of a decompressor.
var (
	ErrFormat      = errors.New("damaged archive")
	ErrLimit       = errors.New("over the limit")
	ErrUnsupported = errors.New("not supported")
	ErrNotArchive  = errors.New("no archive")
	ErrChanged     = errors.New("the archive has changed while it was read")
)

// Limits bound what an archive may cost; a zero field means its default.
type Limits struct {
	Output  int64 // bytes that come out of all decompressors; default 32 GiB
	Member  int64 // bytes of one member held in memory; default 512 MiB
	Held    int64 // bytes of all members that are kept from the first reading; default 64 MiB
	Entries int   // entries and directories of all layers; default 1<<20
	Names   int64 // bytes of all their names; default 128 MiB
	Window  int64 // memory that a decompressor may ask for; default 128 MiB
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, v int64) {
		if *p == 0 {
			*p = v
		}
	}
	set(&l.Output, 32<<30)
	set(&l.Member, 512<<20)
	set(&l.Held, 64<<20)
	set(&l.Names, 128<<20)
	set(&l.Window, 128<<20)
	if l.Entries == 0 {
		l.Entries = 1 << 20
	}
	return l
}

// A ratio of more than maxRatio beyond freeOutput bytes is a bomb: deflate ends
// at 1,032, and real layers stay below 20.
const (
	maxRatio   = 1000
	freeOutput = 64 << 20
)

// budget is what may still come out of one pass over an archive.
type budget struct{ left int64 }

// bounded counts both sides of a decompressor.
type bounded struct {
	r   io.Reader
	in  *counter
	out int64
	b   *budget
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.out += int64(n)
	if b.b.left -= int64(n); b.b.left < 0 {
		return 0, fmt.Errorf("too many bytes come out: %w", ErrLimit)
	}
	if b.out > freeOutput && b.out/maxRatio > b.in.n {
		return 0, fmt.Errorf("%d bytes come out of %d: %w", b.out, b.in.n, ErrLimit)
	}
	return n, err
}

// magics of compressed data, and whether it is decompressed here.
var magics = []struct{ magic, name string }{
	{"\x1f\x8b", "gzip"}, {"\xfd7zXZ\x00", "xz"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"BZh", "bzip2"},
}

// compression names what the first bytes say, "" for none.
func compression(head []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.name
		}
	}
	return ""
}

// decompress reads plain or compressed data, whichever it is. close frees what
// the decompressor holds.
func decompress(r io.Reader, l Limits, b *budget) (out *bounded, close func(), err error) {
	in := &counter{r: r}
	br := bufio.NewReaderSize(in, 64<<10)
	head, _ := br.Peek(6)
	close = func() {}
	var d io.Reader
	switch compression(head) {
	case "gzip":
		d, err = gzip.NewReader(br)
	case "xz":
		d = unxz.NewReader(br, unxz.Limits{Output: uint64(l.Output), Dictionary: uint64(l.Window)})
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(uint64(l.Output)), zstd.WithDecoderMaxWindow(uint64(l.Window)))
		if err == nil {
			d, close = z, z.Close
		}
	case "bzip2":
		d = bzip2.NewReader(br)
	default:
		d = br
	}
	if err != nil {
		return nil, nil, err
	}
	return &bounded{r: d, in: in, b: b}, close, nil
}
