package loader

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/probels/probels/internal/heap"
)

type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var orders = []order{binary.LittleEndian, binary.BigEndian}

// oldCache writes the format of before glibc 2.2.
func oldCache(o order, entries []CacheEntry) []byte {
	b := append([]byte(oldMagic), 0)
	b = o.AppendUint32(b, uint32(len(entries)))
	var strs []byte
	text := func(s string) uint32 {
		at := len(strs)
		strs = append(strs, s+"\x00"...)
		return uint32(at)
	}
	for _, e := range entries {
		for _, v := range []uint32{e.Flags, text(e.Name), text(e.Path)} {
			b = o.AppendUint32(b, v)
		}
	}
	return append(b, strs...)
}

// newCache writes what ldconfig has written since, with the extension of glibc
// 2.33 where an entry has HWCaps.
func newCache(o order, mark byte, entries []CacheEntry) []byte {
	head := newHeader + newEntry*len(entries)
	var strs []byte
	text := func(s string) uint32 {
		at := head + len(strs)
		strs = append(strs, s+"\x00"...)
		return uint32(at)
	}
	var body []byte
	var hwcaps []uint32
	for _, e := range entries {
		for _, v := range []uint32{e.Flags, text(e.Name), text(e.Path), 0} {
			body = o.AppendUint32(body, v)
		}
		h := e.Legacy
		if e.HWCaps != "" {
			h = hwcapExtension | 3<<32 | uint64(len(hwcaps))
			hwcaps = append(hwcaps, text(e.HWCaps))
		}
		body = o.AppendUint64(body, h)
	}
	for (head+len(strs))%4 != 0 {
		strs = append(strs, 0)
	}
	b := []byte(newMagic)
	b = o.AppendUint32(b, uint32(len(entries)))
	b = o.AppendUint32(b, uint32(len(strs)))
	b = append(b, mark, 0, 0, 0)
	ext := uint32(0)
	if hwcaps != nil {
		ext = uint32(head + len(strs))
	}
	b = o.AppendUint32(b, ext)
	b = append(b, make([]byte, 12)...)
	b = append(append(b, body...), strs...)
	if hwcaps != nil {
		for _, v := range []uint32{extensionMagic, 2, 0, 0, ext, 0, extensionHWCaps, 0, ext + 40, uint32(4 * len(hwcaps))} {
			b = o.AppendUint32(b, v)
		}
		for _, v := range hwcaps {
			b = o.AppendUint32(b, v)
		}
	}
	return b
}

var someEntries = []CacheEntry{
	{Name: "libz.so.1", Path: "/lib/libz.so.1", Flags: 0x303},
	{Name: "libssl.so.3", Path: "/lib/glibc-hwcaps/x86-64-v3/libssl.so.3", Flags: 0x303, HWCaps: "x86-64-v3"},
	{Name: "libssl.so.3", Path: "/lib/libssl.so.3", Flags: 0x303},
	{Name: "libc.so.6", Path: "/lib32/libc.so.6", Flags: 3, Legacy: 0x8000},
}

// embed is a file with both formats, as ldconfig -c compat writes.
func embed(o order, align int) []byte {
	b := oldCache(o, someEntries[:1])[:oldHeader+oldEntry]
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return append(b, newCache(o, 0, someEntries)...)
}

func all(t *testing.T, b []byte) []CacheEntry {
	t.Helper()
	c, err := ParseCache(b)
	if err != nil {
		t.Fatal(err)
	}
	var out []CacheEntry
	for e, err := range c.Entries(func([]byte) bool { return true }) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func TestCache(t *testing.T) {
	for i, o := range orders {
		for _, mark := range []byte{0, byte(2 + i)} {
			if got := all(t, newCache(o, mark, someEntries)); !slices.Equal(got, someEntries) {
				t.Errorf("%v, marked %d: %+v", o, mark, got)
			}
		}
		plain := []CacheEntry{{Name: "libz.so.1", Path: "/lib/libz.so.1", Flags: 3}, {Name: "liba.so", Path: "/lib/liba.so", Flags: 1}}
		if got := all(t, oldCache(o, plain)); !slices.Equal(got, plain) {
			t.Errorf("%v, old: %+v", o, got)
		}
		for _, align := range []int{8, 4} {
			if got := all(t, embed(o, align)); !slices.Equal(got, someEntries) {
				t.Errorf("%v, new in old, %d: %+v", o, align, got)
			}
		}
	}
	if got := all(t, newCache(orders[0], 0, nil)); len(got) != 0 {
		t.Errorf("empty: %+v", got)
	}
}

func TestCacheDamaged(t *testing.T) {
	o := orders[0]
	good := newCache(o, 2, someEntries)
	change := func(at int, v uint32) []byte {
		b := slices.Clone(good)
		o.PutUint32(b[at:], v)
		return b
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "another file": []byte("\x7fELF"), "half a header": good[:30], "too many": change(20, 1<<20),
		"negative": change(20, 1<<31), "marked invalid": change(28, 1), "old, half": []byte(oldMagic), "cut": good[:newHeader+newEntry],
	} {
		if c, err := ParseCache(b); !errors.Is(err, ErrCache) || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	for name, b := range map[string][]byte{
		"a name outside":      change(newHeader+4, 1<<30),
		"a path outside":      change(newHeader+8, uint32(len(good))),
		"no extension":        change(32, 0),
		"an extension beyond": change(32, uint32(len(good)-3)),
	} {
		c, err := ParseCache(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n, damaged := 0, false
		for _, err := range c.Entries(func([]byte) bool { return true }) {
			if err != nil {
				damaged = errors.Is(err, ErrCache)
				continue
			}
			n++
		}
		if n != len(someEntries)-1 || !damaged {
			t.Errorf("%s: %d entries, told %v", name, n, damaged)
		}
	}
}

func FuzzCache(f *testing.F) {
	for _, o := range orders {
		f.Add(oldCache(o, someEntries))
		f.Add(newCache(o, 0, someEntries))
		f.Add(newCache(o, 3, someEntries))
		f.Add(embed(o, 8))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		heap.Bound(t, len(b), 200, 16, func() {
			c, err := ParseCache(b)
			if (c == nil) == (err == nil) {
				t.Fatal("both or neither of a value and an error")
			}
			if err != nil {
				return
			}
			if c.Len() > len(b)/oldEntry {
				t.Fatalf("%d entries in %d bytes", c.Len(), len(b))
			}
			n := 0
			for e, err := range c.Entries(func(name []byte) bool { return len(name) < 200 }) {
				if n++; err == nil && (len(e.Name) >= 200 || len(e.Path) > maxCachePath) {
					t.Fatalf("%q %q", e.Name, e.Path)
				}
			}
			if n > c.Len()+1 {
				t.Fatalf("%d of %d entries", n, c.Len())
			}
		})
	})
}
