package twin

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
)

// Decode reads a file of fingerprints. What it allocates is in proportion to b.
func Decode(b []byte) ([]*Set, error) {
	if len(b) < len(magic)+1 || string(b[:len(magic)]) != magic {
		return nil, &FormatError{0, "it does not begin as such files do"}
	}
	if v := b[len(magic)]; v != version {
		return nil, fmt.Errorf("%w: %d, and this program knows %d", ErrVersion, v, version)
	}
	body := len(b) - 4
	if body <= len(magic) || crc32.ChecksumIEEE(b[:body]) != binary.LittleEndian.Uint32(b[body:]) {
		return nil, &FormatError{max(0, body), "the checksum is another one's: it was cut short or changed"}
	}
	c := &cursor{b: b[:body], at: len(magic) + 1}
	n := c.count(8)
	if n == 0 {
		c.fail("no functions of any file")
		return nil, c.err
	}
	var out []*Set
	for range n {
		out = append(out, c.set())
		if c.err != nil {
			return nil, c.err
		}
	}
	if c.at != len(c.b) {
		return nil, &FormatError{c.at, "something follows the last set"}
	}
	return out, nil
}

// cursor reads on and remembers the first error.
type cursor struct {
	b   []byte
	at  int
	err error
}

func (c *cursor) fail(reason string) {
	if c.err == nil {
		c.err = &FormatError{c.at, reason}
	}
	c.at = len(c.b)
}

func (c *cursor) v() uint64 {
	v, n := binary.Uvarint(c.b[c.at:])
	if n <= 0 {
		c.fail("a number that has no end")
		return 0
	}
	c.at += n
	return v
}

// below is a number that must be less than a bound.
func (c *cursor) below(bound uint64, what string) uint64 {
	v := c.v()
	if v >= bound {
		c.fail(fmt.Sprintf("%s %d, of %d", what, v, bound))
		return 0
	}
	return v
}

// count is how many things follow of at least size bytes each.
func (c *cursor) count(size int) int {
	v := c.v()
	if v > uint64((len(c.b)-c.at)/size) {
		c.fail(fmt.Sprintf("%d things are to follow, in %d bytes", v, len(c.b)-c.at))
		return 0
	}
	return int(v)
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b)-c.at {
		c.fail("it ends too early")
		return nil
	}
	b := c.b[c.at : c.at+n]
	c.at += n
	return b
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) text() string { return strings.ToValidUTF8(string(c.take(c.count(1))), "\ufffd") }

func (c *cursor) hashes() []uint64 {
	n := c.count(8)
	if n == 0 {
		return nil
	}
	out := make([]uint64, n)
	for i := range out {
		if out[i] = c.u64(); i > 0 && out[i] <= out[i-1] {
			c.fail("hashes that do not ascend")
		}
	}
	return out
}

func (c *cursor) set() *Set {
	s := &Set{Machine: elf.Machine(c.below(1<<16, "machine")), Class: elf.Class(c.below(1<<8, "class"))}
	s.Partial = c.below(2, "flags") == 1
	s.Path, s.BuildID = c.text(), c.text()
	if c.err == nil && !Supported(s.Machine, s.Class) {
		c.fail(fmt.Sprintf("of %v, which is not known", s.Machine))
	}
	data := c.below(math.MaxInt32, "data")
	const least = 6 + 24 + 3 + 4 // bytes of a function
	n := c.count(least)
	s.Funcs = make([]Func, n)
	used := map[uint64]struct{}{}
	var last uint64
	for i := range s.Funcs {
		f := &s.Funcs[i]
		c.function(f, uint64(n), data, used)
		if i > 0 && f.Addr == 0 {
			c.fail("two functions at one address")
		}
		if f.Addr += last; f.Addr < last {
			c.fail("an address beyond the last")
		}
		last = f.Addr
		if c.err != nil {
			return nil
		}
	}
	// Data that nothing refers to are none: their number decides what is allocated.
	if uint64(len(used)) != data {
		c.fail(fmt.Sprintf("%d data, of which %d are referred to", data, len(used)))
	}
	s.Data = int(data)
	s.Tables = make([]Entry, c.count(3))
	for i := range s.Tables {
		s.Tables[i] = Entry{uint32(c.below(data, "datum")), uint32(c.below(maxTable+1, "place in a table")), uint32(c.below(uint64(n), "function"))}
	}
	if !slices.IsSortedFunc(s.Tables, compareEntries) {
		c.fail("tables that are not in order")
	}
	return s
}

func (c *cursor) function(f *Func, funcs, data uint64, used map[uint64]struct{}) {
	f.Addr = c.v()
	f.Size = uint32(c.below(1<<32, "size"))
	flags := c.below(4, "flags")
	f.Bad, f.First = flags&1 != 0, flags&2 != 0
	if n := c.count(1); n > 0 {
		f.Names = make([]string, n)
		for i := range f.Names {
			f.Names[i] = c.text()
		}
	}
	f.Insns, f.Blocks, f.Edges = uint32(c.below(1<<32, "instructions")), uint32(c.below(1<<32, "blocks")), uint32(c.below(1<<32, "edges"))
	f.Code, f.Full, f.Shape = c.u64(), c.u64(), c.u64()
	copy(f.Peers[:], c.take(3))
	f.Refs = make([]Ref, c.count(1))
	if len(f.Refs) > maxRefs {
		c.fail(fmt.Sprintf("a function with %d references", len(f.Refs)))
		return
	}
	for i := range f.Refs {
		k := c.byte()
		r := Ref{Kind: RefKind(k & kindMask), Call: k&callBit != 0, Cond: k&condBit != 0}
		switch r.Kind {
		case RefString, RefImport, RefValue:
			r.To = c.u64()
		case RefFunc:
			r.To = c.below(funcs, "function")
		case RefData:
			r.To = c.below(data, "datum")
			used[r.To] = struct{}{}
		}
		if r.Kind >= refKinds || k > kindMask|callBit|condBit {
			c.fail(fmt.Sprintf("a reference of kind %d", k))
		}
		f.Refs[i] = r
	}
	f.Feats, f.Numbers, f.Rows = c.hashes(), c.hashes(), c.hashes()
}

func compareEntries(a, b Entry) int {
	if a.Data != b.Data {
		return int(a.Data) - int(b.Data)
	}
	return int(a.Off) - int(b.Off)
}

func sortTables(all []Entry) { slices.SortFunc(all, compareEntries) }
