package die

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"

	"github.com/probels/probels/internal/inflate"
)

// A Section is the content of one section, inflated if the file has it
// compressed. Reading must be safe for concurrent use.
type Section interface {
	io.ReaderAt
	Size() int64 // bytes
}

// readSection fills p from s.
func readSection(s Section, name string, p []byte, off uint64) error {
	size := uint64(max(s.Size(), 0))
	if off > size || uint64(len(p)) > size-off {
		return damaged(name, off, "%d bytes wanted, the section has 0x%x", len(p), size)
	}
	if len(p) == 0 {
		return nil
	}
	n, err := s.ReadAt(p, int64(off))
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return damaged(name, off, "%d of %d bytes were there", n, len(p))
	}
	if errors.Is(err, inflate.ErrDamaged) {
		return fmt.Errorf("%s at 0x%x: %w: %w", name, off, ErrDamaged, err)
	}
	return fmt.Errorf("%s at 0x%x: %w", name, off, err)
}

// trust is how much is allocated at once on the word of a header: what a
// compressed section inflates to is a claim until it is read.
const trust = 16 << 20

// readInto reads n bytes, into buf if it has room for them.
func readInto(buf []byte, s Section, name string, off, n uint64) ([]byte, error) {
	if size := uint64(max(s.Size(), 0)); off > size || n > size-off {
		return nil, damaged(name, off, "%d bytes wanted, the section has 0x%x", n, size)
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, 0, min(n, trust))
	}
	for buf = buf[:0]; ; {
		have := uint64(len(buf))
		buf = buf[:min(n, uint64(cap(buf)))]
		if err := readSection(s, name, buf[have:], off+have); err != nil {
			return nil, err
		}
		if uint64(len(buf)) == n {
			return buf, nil
		}
		buf = append(make([]byte, 0, min(n, 2*uint64(cap(buf)))), buf...)
	}
}

// pages is a section that is read here and there: in pieces of pageSize, each
// when first touched, and kept. T is string for tables of strings, of which
// names are then parts, without a copy.
type pages[T string | []byte] struct {
	s    Section
	name string
	size uint64
	err  error // it could not be opened
	page []atomic.Pointer[T]
	kept atomic.Int64 // bytes of pages
	most int64        // of them
}

const (
	pageBits = 16
	pageSize = 1 << pageBits
	maxPaged = 64 << 30 // bytes of a section, 8 MB of pointers to pages

	// keptPages is how many bytes of a section are kept. Units follow each other in the
	// sections that they refer to; all of them but strings refer to all.
	keptPages = 16 << 20
)

func newPages[T string | []byte](s Section, name string) *pages[T] {
	p := &pages[T]{s: s, name: name, most: math.MaxInt64}
	if _, text := any(*new(T)).(string); !text {
		p.most = keptPages
	}
	if s != nil && s.Size() > 0 {
		p.size = uint64(s.Size())
		p.page = make([]atomic.Pointer[T], (p.size+pageSize-1)>>pageBits)
	}
	return p
}

// at is the rest of the page that off is in; off must be below size.
func (p *pages[T]) at(off uint64) (T, error) {
	slot := &p.page[off>>pageBits]
	t := slot.Load()
	if t == nil {
		start := off &^ (pageSize - 1)
		b := make([]byte, min(pageSize, p.size-start))
		if err := readSection(p.s, p.name, b, start); err != nil {
			var none T
			return none, err
		}
		whole := T(b)
		t = &whole
		if slot.CompareAndSwap(nil, t) && p.kept.Add(int64(len(b))) > p.most {
			p.kept.Store(0)
			for i := range p.page {
				p.page[i].Store(nil)
			}
		}
	}
	return (*t)[off&(pageSize-1):], nil
}

// maxString is how long a string may be. The longest linkage names seen have
// 30,000 bytes.
const maxString = 1 << 20

// cstring is the string at off.
func cstring(p *pages[string], off uint64) (string, error) {
	if p.err != nil {
		return "", p.err
	}
	if off >= p.size {
		return "", damaged(p.name, off, "a string behind the section's end, 0x%x", p.size)
	}
	s, err := p.at(off)
	if err != nil {
		return "", err
	}
	if n := strings.IndexByte(s, 0); n >= 0 {
		return s[:n], nil
	}
	var b strings.Builder
	for next := off; ; {
		b.WriteString(s)
		if next += uint64(len(s)); next >= p.size {
			return "", damaged(p.name, off, "a string without an end")
		}
		if b.Len() > maxString {
			return "", &Error{p.name, off, "a string of more than 1 MiB", ErrLimit}
		}
		if s, err = p.at(next); err != nil {
			return "", err
		}
		if n := strings.IndexByte(s, 0); n >= 0 {
			b.WriteString(s[:n])
			return b.String(), nil
		}
	}
}

// view is n bytes at off, which the caller does not change.
func view(p *pages[[]byte], off, n uint64) ([]byte, error) {
	if p.err != nil {
		return nil, p.err
	}
	if off > p.size || n > p.size-off {
		return nil, damaged(p.name, off, "%d bytes wanted, the section has 0x%x", n, p.size)
	}
	if n == 0 {
		return nil, nil
	}
	b, err := p.at(off)
	if err != nil || uint64(len(b)) >= n {
		return b[:min(n, uint64(len(b)))], err
	}
	if n > math.MaxInt {
		return nil, damaged(p.name, off, "%d bytes", n)
	}
	out := bytes.Clone(b)
	for uint64(len(out)) < n {
		if b, err = p.at(off + uint64(len(out))); err != nil {
			return nil, err
		}
		out = append(out, b[:min(uint64(len(b)), n-uint64(len(out)))]...)
	}
	return out, nil
}

// rest is up to n bytes at off, fewer where a page or the section ends: at
// least 16 unless the section has fewer.
func rest(p *pages[[]byte], off uint64) ([]byte, error) {
	if p.err != nil {
		return nil, p.err
	}
	if off >= p.size {
		return nil, damaged(p.name, off, "behind the section's end, 0x%x", p.size)
	}
	b, err := p.at(off)
	if err != nil || len(b) >= 32 || off+uint64(len(b)) == p.size {
		return b, err
	}
	return view(p, off, min(p.size-off, 256))
}
