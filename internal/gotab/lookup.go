package gotab

import (
	"bytes"
	"slices"
	"sort"

	"github.com/probels/probels/internal/needle"
)

// fewNames is up to how many names each is searched for by itself.
const fewNames = 32

// Lookup yields the functions with one of the names: several if they share a
// name, as instances of one generic function do. It reads the names, keeping
// none, and if one is there the records; false if yield wanted no more.
func (t *Table) Lookup(names []string, yield func(Func, error) bool) bool {
	names = slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "" })
	if len(names) == 0 {
		return true
	}
	if len(names) > fewNames {
		set := make(map[string]struct{}, len(names))
		for _, n := range names {
			set[n] = struct{}{}
		}
		return t.All(func(f Func, err error) bool {
			if _, ok := set[f.Name]; err == nil && !ok {
				return true
			}
			return yield(f, err)
		})
	}
	hits, err := t.searchNames(names)
	if err != nil {
		return yield(Func{}, err)
	}
	if len(hits) == 0 {
		return true
	}
	return t.walk(func(name uint32) bool { return contains(hits, name) }, t.name, yield)
}

// contains is a binary search that is nearly always over at once.
func contains(sorted []uint32, x uint32) bool {
	if x < sorted[0] || x > sorted[len(sorted)-1] {
		return false
	}
	i := sort.Search(len(sorted), func(i int) bool { return sorted[i] >= x })
	return i < len(sorted) && sorted[i] == x
}

// searchNames is where in the names one of these is, sorted. What is the end of a
// longer name is nobody's, and does no harm.
func (t *Table) searchNames(names []string) ([]uint32, error) {
	longest := 0
	for _, n := range names {
		longest = max(longest, len(n)+1)
	}
	var needles []needle.Needle
	var hits []uint32
	size := min(t.names.size, 1<<32)
	if uint64(longest) > size {
		return nil, nil
	}
	buf := make([]byte, min(size, uint64(windowSize+longest)))
	for start := uint64(0); start < size; {
		b := buf[:min(uint64(len(buf)), size-start)]
		if err := t.mem.Read(b, t.names.addr+start); err != nil {
			return nil, err
		}
		// A name that begins in the last bytes may be cut off; the next window
		// begins with those.
		fresh := len(b)
		if start+uint64(len(b)) < size {
			fresh -= longest - 1
		}
		if needles == nil {
			for _, n := range names {
				needles = append(needles, needle.New(append([]byte(n), 0), b[len(b)/2:]))
			}
		}
		for _, needle := range needles {
			for pos := 0; pos < fresh; pos++ {
				n := needle.Index(b[pos:])
				if n < 0 || pos+n >= fresh {
					break
				}
				pos += n
				hits = append(hits, uint32(start+uint64(pos)))
			}
		}
		start += uint64(fresh)
	}
	slices.Sort(hits)
	return slices.Compact(hits), nil
}

// name is the name at an offset, read alone.
func (t *Table) name(off uint32) (string, error) { return t.cstring(t.names, uint64(off)) }

// maxString is how long a name may be, a function's or a file's. Names of
// closures in generic code reach some hundreds of bytes.
const maxString = 64 << 10

// cstring is the string at an offset of an area, which a NUL ends.
func (t *Table) cstring(in area, off uint64) (string, error) {
	var out []byte
	for n := uint64(128); off < in.size; n = min(4*n, 16<<10) {
		b := make([]byte, min(n, in.size-off))
		if err := t.mem.Read(b, in.addr+off); err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			if out = append(out, b[:i]...); len(out) == 0 {
				break
			}
			return string(out), nil
		}
		if out = append(out, b...); len(out) > maxString {
			break
		}
		off += uint64(len(b))
	}
	return "", damaged(in.addr, "no name at 0x%x, of 0x%x bytes", off, in.size)
}

// At is the function that an address is in; false if there is none.
func (t *Table) At(addr uint64) (Func, bool, error) {
	f, _, ok, err := t.at(addr)
	return f, ok, err
}

func (t *Table) at(addr uint64) (f Func, rec record, ok bool, err error) {
	entry, ok := t.entryOf(addr)
	if !ok || entry < t.first || entry >= t.last {
		return f, rec, false, nil
	}
	r, err := t.newReader(false)
	if err != nil {
		return f, rec, false, err
	}
	lo, hi := uint64(0), t.n
	for hi-lo > 1 {
		mid := lo + (hi-lo)/2
		p, err := r.place(mid)
		if err != nil {
			return f, rec, false, err
		}
		if p.entry <= entry {
			lo = mid
		} else {
			hi = mid
		}
	}
	p, err := r.place(lo)
	if err != nil || p.record == hole || entry < p.entry || entry >= p.next {
		return f, rec, false, err
	}
	b, at, err := r.record(p)
	if err != nil {
		return f, rec, false, err
	}
	rec = t.decodeRecord(b, at)
	f, err = t.function(r, p, b, t.name)
	return f, rec, err == nil, err
}
