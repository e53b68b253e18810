package die

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// body is a unit's bytes, from its header on, and its abbreviations.
type body struct {
	u  *Unit
	b  []byte
	ab *abbrevTable
	f  format

	parentSteps atomic.Int64 // until there are scopes
	scopeOnce   sync.Once
	scopes      scopeIndex
}

type abbrevKey struct {
	off uint64
	f   format
}

// abbrevPlace is where the unit's abbreviations begin, and where the section or
// the part of it that is the unit's ends.
func (u *Unit) abbrevPlace() (off, end uint64, err error) {
	f := u.File
	off = u.abbrevOff
	if f.abbrev != nil {
		end = uint64(max(f.abbrev.Size(), 0))
	}
	if c := u.contrib; c != nil {
		if a := c.sect[sectAbbrev]; a.size != 0 {
			if off > a.size || a.off > end || a.size > end-a.off {
				return 0, 0, damaged(u.Section(), u.Off, "abbreviations at 0x%x of a contribution of 0x%x", off, a.size)
			}
			off, end = off+a.off, a.off+a.size
		}
	}
	if off >= end {
		return 0, 0, damaged(u.Section(), u.Off, "abbreviations at 0x%x, the section has 0x%x", off, end)
	}
	return off, end, nil
}

// abbrevs is the unit's table of abbreviations: of the files' recent ones, or
// compiled anew.
func (u *Unit) abbrevs(w *Budget) (*abbrevTable, error) {
	f := u.File
	off, end, err := u.abbrevPlace()
	if err != nil {
		return nil, err
	}
	k := abbrevKey{off, u.format()}
	f.mu.Lock()
	t, ok := f.abbrevs.get(k)
	f.mu.Unlock()
	if ok {
		return t, nil
	}
	p := abbrevParsers.Get().(*abbrevParser)
	defer abbrevParsers.Put(p)
	for n := uint64(8 << 10); ; n *= 4 {
		n = min(n, end-off)
		// Most tables are far smaller than the window; what costs is to compile
		// them, several times as much for a byte as to walk over entries.
		if err := w.spend(int64(n / 8)); err != nil {
			return nil, err
		}
		p.window = slices.Grow(p.window[:0], int(n))
		b := p.window[:n]
		err := readSection(f.abbrev, ".debug_abbrev", b, off)
		if err != nil {
			return nil, err
		}
		if t, err = p.parse(b, k.f); err == nil {
			if err := w.spend(4 * int64(t.size)); err != nil {
				return nil, err
			}
			break
		}
		if err := w.spend(4 * int64(n)); err != nil {
			return nil, err
		}
		if !errors.Is(err, errShort) || n == end-off {
			return nil, fmt.Errorf(".debug_abbrev at 0x%x: %w", off, err)
		}
	}
	f.mu.Lock()
	f.abbrevs.put(k, t, int64(t.size)*8)
	f.mu.Unlock()
	return t, nil
}

// A Buffer is room for a unit's bytes that one unit after the other uses. Its
// zero value is ready.
type Buffer struct {
	b  []byte
	of *Unit // whose bytes are in b

	window  []byte  // of a table of abbreviations
	abbrevs scanned // the last that was looked through
}

// Fill reads the unit's bytes, so that they need not be read again when they
// are asked for.
func (u *Unit) Fill(buf *Buffer) error {
	buf.of = nil
	if u.split == nil {
		return u.root.err // its header was not understood
	}
	if u.Size > u.File.c.MaxUnit {
		return &Error{u.Section(), u.Off, fmt.Sprintf("a unit of %d bytes, %d allowed", u.Size, u.File.c.MaxUnit), ErrLimit}
	}
	b, err := readInto(buf.b, u.list().s, u.Section(), u.Off, u.Size)
	if err != nil {
		return err
	}
	buf.b, buf.of = b, u
	return nil
}

// load reads the unit into buf, unless it is there already.
func (u *Unit) load(buf *Buffer, w *Budget) (*body, error) {
	if buf.of != u {
		if err := u.Fill(buf); err != nil {
			return nil, err
		}
	}
	ab, err := u.abbrevs(w)
	if err != nil {
		return nil, err
	}
	return &body{u: u, b: buf.b, f: u.format(), ab: ab}, nil
}

// body is the unit, of the recently used or read.
func (u *Unit) body(w *Budget) (*body, error) {
	f := u.File
	f.mu.Lock()
	b, ok := f.bodies.get(u)
	f.mu.Unlock()
	if ok {
		return b, nil
	}
	if err := w.spend(int64(u.Size)); err != nil {
		return nil, err
	}
	b, err := u.load(new(Buffer), w)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	if other, ok := f.bodies.get(u); ok {
		b = other
	} else {
		f.bodies.put(u, b, int64(u.Size))
	}
	f.mu.Unlock()
	return b, nil
}
