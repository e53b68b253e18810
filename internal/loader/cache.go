package loader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// ErrCache is an ld.so.cache that cannot be read.
var ErrCache = errors.New("damaged ld.so.cache")

// Cache is the contents of an ld.so.cache. It keeps the bytes it was made of and
// decodes when asked; it is immutable.
type Cache struct {
	order   binary.ByteOrder
	entries []byte // of entrySize each
	size    int    // of one
	strings []byte // what the offsets in entries count from
	hwcaps  []byte // offsets of names, 4 bytes each
}

// A CacheEntry is one library: SONAME, and path.
type CacheEntry struct {
	Name, Path string

	// Flags tell the libc in the low byte (3 is glibc 2, 1 any) and the ABI in
	// the next (glibc's sysdeps/generic/ldconfig.h).
	Flags uint32

	// HWCaps is the subdirectory of glibc-hwcaps that the library is in, "" for
	// none: it is only for processors that have it.
	HWCaps string

	// Legacy is a mask of AT_HWCAP bits that older loaders demand (before glibc
	// 2.37), 0 for none.
	Legacy uint64
}

const (
	oldMagic = "ld.so-1.7.0"
	newMagic = "glibc-ld.so.cache1.1"

	oldHeader, oldEntry = 16, 12
	newHeader, newEntry = 48, 24

	extensionMagic  = 0xeaa42174
	extensionHWCaps = 1

	hwcapExtension = 1 << 62 // the entry's number is an index of a name

	maxCachePath = 4 << 10
)

// ParseCache reads the formats that ldconfig has written (glibc's
// sysdeps/generic/dl-cache.h). All numbers are of the machine's byte order.
//
//	old   "ld.so-1.7.0", pad to 12, count; then flags, name, path, 4 bytes each;
//	      offsets count from behind the last entry
//	new   "glibc-ld.so.cache" "1.1", count, bytes of strings, byte order (2 little,
//	      3 big, 0 unsaid), pad, offset of extensions, pad to 48; then flags,
//	      name, path, 4 unused, hwcap of 8 bytes; offsets count from the header
//
// A file may be the old format with the new one behind its entries, at the next
// multiple of 8; then the new one counts. An extension is 0xeaa42174, count, and
// for each tag, flags, offset, size; the one with tag 1 has offsets of the names
// of glibc-hwcaps subdirectories.
func ParseCache(b []byte) (*Cache, error) {
	if bytes.HasPrefix(b, []byte(newMagic)) {
		return parseNew(b)
	}
	if !bytes.HasPrefix(b, []byte(oldMagic)) || len(b) < oldHeader {
		return nil, fmt.Errorf("%w: neither of the two formats", ErrCache)
	}
	order, n, err := byteOrder(b[12:], (len(b)-oldHeader)/oldEntry)
	if err != nil {
		return nil, err
	}
	end := oldHeader + n*oldEntry
	// Most machines align the new header to 8, i386 and m68k to less.
	for _, align := range []int{8, 4} {
		if at := (end + align - 1) &^ (align - 1); at <= len(b) && bytes.HasPrefix(b[at:], []byte(newMagic)) {
			return parseNew(b[at:])
		}
	}
	return &Cache{order: order, entries: b[oldHeader:end], size: oldEntry, strings: b[end:]}, nil
}

func parseNew(b []byte) (*Cache, error) {
	if len(b) < newHeader {
		return nil, fmt.Errorf("%w: %d bytes", ErrCache, len(b))
	}
	most := (len(b) - newHeader) / newEntry
	var order binary.ByteOrder
	n := 0
	switch b[28] & 3 {
	case 2:
		order = binary.LittleEndian
	case 3:
		order = binary.BigEndian
	case 0:
		var err error
		if order, n, err = byteOrder(b[20:], most); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: marked as invalid", ErrCache)
	}
	if n = int(int32(order.Uint32(b[20:]))); n < 0 || n > most {
		return nil, fmt.Errorf("%w: %d entries in %d bytes", ErrCache, uint32(n), len(b))
	}
	c := &Cache{order: order, entries: b[newHeader : newHeader+n*newEntry], size: newEntry, strings: b}
	c.hwcaps = c.extension(extensionHWCaps, order.Uint32(b[32:]))
	return c, nil
}

// byteOrder tells it by a count that must not be larger than most.
func byteOrder(b []byte, most int) (binary.ByteOrder, int, error) {
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if n := o.Uint32(b); uint64(n) <= uint64(most) {
			return o, int(n), nil
		}
	}
	return nil, 0, fmt.Errorf("%w: more entries than bytes in either byte order", ErrCache)
}

// extension is the contents of the first extension of a tag; nil if there is
// none, or it is not whole.
func (c *Cache) extension(tag, at uint32) []byte {
	b := c.strings
	if at == 0 || uint64(at)+8 > uint64(len(b)) || c.order.Uint32(b[at:]) != extensionMagic {
		return nil
	}
	n := c.order.Uint32(b[at+4:])
	for e := b[at+8:]; n > 0 && len(e) >= 16; n, e = n-1, e[16:] {
		if c.order.Uint32(e) != tag {
			continue
		}
		off, size := uint64(c.order.Uint32(e[8:])), uint64(c.order.Uint32(e[12:]))
		if off+size > uint64(len(b)) {
			return nil
		}
		return b[off : off+size]
	}
	return nil
}

// Len is the number of entries.
func (c *Cache) Len() int { return len(c.entries) / c.size }

// Entries yields those whose name want accepts, in file order, which is the
// order that a loader prefers them in. Those that are damaged are left out, and
// counted in an error at the end.
func (c *Cache) Entries(want func(name []byte) bool) iter.Seq2[CacheEntry, error] {
	return func(yield func(CacheEntry, error) bool) {
		bad := 0
		for e := c.entries; len(e) >= c.size; e = e[c.size:] {
			name, ok := c.text(c.order.Uint32(e[4:]))
			if !ok {
				bad++
				continue
			}
			if !want(name) {
				continue
			}
			path, ok := c.text(c.order.Uint32(e[8:]))
			if !ok {
				bad++
				continue
			}
			entry := CacheEntry{Name: string(name), Path: string(path), Flags: c.order.Uint32(e)}
			if c.size == newEntry && !c.hwcap(&entry, c.order.Uint64(e[16:])) {
				bad++
				continue
			}
			if !yield(entry, nil) {
				return
			}
		}
		if bad > 0 {
			yield(CacheEntry{}, fmt.Errorf("%w: %d of %d entries have names outside of it", ErrCache, bad, c.Len()))
		}
	}
}

// hwcap reads an entry's demand on the processor: AT_HWCAP bits, or with bit 62
// an index in the low half. (The high half has the ISA level.)
func (c *Cache) hwcap(e *CacheEntry, v uint64) bool {
	if v&hwcapExtension == 0 {
		e.Legacy = v
		return true
	}
	i := uint64(uint32(v)) * 4
	if i+4 > uint64(len(c.hwcaps)) {
		return false
	}
	name, ok := c.text(c.order.Uint32(c.hwcaps[i:]))
	e.HWCaps = string(name)
	return ok && len(name) > 0
}

// text is a NUL-terminated string.
func (c *Cache) text(off uint32) ([]byte, bool) {
	if uint64(off) >= uint64(len(c.strings)) {
		return nil, false
	}
	s := c.strings[off:]
	n := bytes.IndexByte(s[:min(len(s), maxCachePath)], 0)
	if n < 0 {
		return nil, false
	}
	return s[:n], true
}
