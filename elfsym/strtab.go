package elfsym

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"sync"

	"github.com/probels/probels/internal/needle"
)

// stringTable is a table of names in the file. It can be read whole, once, into
// a string of which every name is a part; asked for one name; or searched
// without being kept.
type stringTable struct {
	f         *File
	part      string
	off, size uint64
	all       lazy[string]
}

func newStringTable(f *File, part string, off, size uint64) *stringTable {
	return &stringTable{f: f, part: part, off: off, size: size}
}

// whole is all of the table, read once.
func (t *stringTable) whole() (string, error) {
	return t.all.get(func() (string, error) { return t.f.text(t.off, t.size, t.part) })
}

// at is the name at one place, of at most longest bytes, by reading no more
// than it takes.
func (t *stringTable) at(i, longest uint64) (string, error) {
	if i >= t.size {
		return "", damaged(t.part, i, "its strings have %d bytes", t.size)
	}
	var name []byte
	buf := make([]byte, 64)
	for start := i; i < t.size; {
		b := buf[:min(uint64(len(buf)), t.size-i)]
		if err := t.f.readAt(b, t.off+i, t.part); err != nil {
			return "", err
		}
		n := bytes.IndexByte(b, 0)
		if n < 0 {
			n = len(b)
		}
		name = append(name, b[:n]...)
		if n < len(b) && uint64(len(name)) <= longest {
			return string(name), nil
		}
		i += uint64(len(b))
		if uint64(len(name)) > longest {
			return "", &FormatError{t.part, Offset(t.off + start), fmt.Sprintf("a name of more than %d bytes", longest), ErrLimit}
		}
		if len(buf) < windowSize {
			buf = make([]byte, 4*len(buf))
		}
	}
	return "", damaged(t.part, i, "the last string has no end")
}

// short is at for a name that mostly fits into the reader's buffer.
func (t *stringTable) short(read *peeker, i, longest uint64) (string, error) {
	if i < t.size {
		b, err := read.peek(t.off+i, min(uint64(len(read.buf)), t.size-i, 64), t.part)
		if err != nil {
			return "", err
		}
		if n := bytes.IndexByte(b, 0); n >= 0 && uint64(n) <= longest {
			return string(b[:n]), nil
		}
	}
	return t.at(i, longest)
}

// search finds every place where a symbol may have one of the names: offsets of
// name+NUL, and of name+"@", which a version follows, in any order. Linkers share tails,
// so "bar" is found within "foobar" too, and a symbol may point there. The table is
// read in windows and not kept, and only as far as the 32 bits of a symbol's
// st_name reach; a long one by all processors. It is false if there are more places
// than maxHits.
func (t *stringTable) search(names []string) (hits []uint32, ok bool, err error) {
	const enough, most = 1 << 20, 8 // bytes that are worth a goroutine, and goroutines
	size := min(t.size, 1<<32)
	n := min(uint64(runtime.GOMAXPROCS(0)), max(1, size/enough), most)
	if n == 1 {
		hits, err = t.searchPart(names, 0, size)
		return hits, len(hits) <= maxHits, err
	}
	found, errs := make([][]uint32, n), make([]error, n)
	var parts sync.WaitGroup
	for i := range n {
		parts.Go(func() { found[i], errs[i] = t.searchPart(names, size*i/n, size*(i+1)/n) })
	}
	parts.Wait()
	for i := range n {
		hits = append(hits, found[i]...)
		err = cmp.Or(err, errs[i])
	}
	return hits, len(hits) <= maxHits, err
}

// searchPart finds the places from start up to end, and at most one more than
// maxHits.
func (t *stringTable) searchPart(names []string, start, end uint64) (hits []uint32, err error) {
	longest := 0
	for _, n := range names {
		longest = max(longest, len(n))
	}
	var needles []needle.Needle
	const window = 256 << 10
	size := min(t.size, 1<<32, end+uint64(longest)+1) // up to where a name goes that begins before the end
	buf := make([]byte, min(size-start, uint64(window+longest+1)))
	for start < end {
		b := buf[:min(uint64(len(buf)), size-start)]
		if err := t.f.readAt(b, t.off+start, t.part); err != nil {
			return hits, err
		}
		// A name that begins in the last bytes may be cut off by the window;
		// the next one begins with those.
		fresh := len(b)
		if start+uint64(len(b)) < size {
			fresh -= longest
		}
		fresh = int(min(uint64(fresh), end-start))
		if needles == nil {
			for _, n := range names {
				needles = append(needles, needle.New([]byte(n), b[len(b)/2:]))
			}
		}
		for i, needle := range needles {
			for pos := 0; pos < fresh; pos++ {
				n := needle.Index(b[pos:])
				if n < 0 || pos+n >= fresh {
					break
				}
				pos += n
				after := pos + len(names[i])
				if after < len(b) && (b[after] == 0 || b[after] == '@') {
					if hits = append(hits, uint32(start+uint64(pos))); len(hits) > maxHits {
						return hits, nil
					}
				}
			}
		}
		start += uint64(fresh)
	}
	return hits, nil
}

// is reports whether the string at i is name.
func (t *stringTable) is(read *peeker, i uint64, name string) (bool, error) {
	n := uint64(len(name))
	if i >= t.size || n >= t.size-i {
		return false, nil
	}
	b, err := read.peek(t.off+i, n+1, t.part)
	return err == nil && b[n] == 0 && string(b[:n]) == name, err
}
