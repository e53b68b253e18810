package elfsym

import "debug/elf"

// Hash tables are how the loader finds one name among a quarter of a million:
// a few reads of a few bytes.

// chainSteps is how many links of chains one look-up follows, and chainStepsEach
// how many more for each name. Chains have three links or so; a hostile one is as
// long as its table, and is followed again for each name.
const (
	chainSteps     = 1 << 16
	chainStepsEach = 1 << 8
)

// A hashTable is the table that look-ups use: .gnu.hash if there is one, else
// .hash.
type hashTable struct {
	t     *symbolTable
	read  *peeker
	isGNU bool
	gnu   gnuHashTable
	sysv  sysvHashTable
	steps int // that are left

	// Hashes of .gnu.hash's chains, from symbol first on.
	hashes [8]uint32
	first  uint64
	have   int
}

func (t *symbolTable) openHash(read *peeker, names int) (h hashTable, err error) {
	h = hashTable{t: t, read: read, isGNU: t.gnuHash.size > 0, steps: chainSteps + names*chainStepsEach}
	// No chain has more links than there are symbols, but a ring has: in a small
	// table it is not followed for as long as in a large one. Each name may be
	// looked up in several forms.
	if each := 4 * (t.n + 16); each < uint64(h.steps)/uint64(max(names, 1)) {
		h.steps = int(each) * max(names, 1)
	}
	if h.isGNU {
		h.gnu, err = t.readGNUHash(read)
	} else {
		h.sysv, err = t.readSysvHash(read)
	}
	return h, err
}

// A hashChain walks the symbols that a hash table has for one name: with
// .gnu.hash those of the same hash, all versions of the name and now and then
// another name; with .hash those of the same bucket.
type hashChain struct {
	h    *hashTable
	want uint32
	at   uint64 // the symbol that next looks at
	over bool
	err  error
}

func (h *hashTable) find(name string) hashChain {
	c := hashChain{h: h}
	if h.isGNU {
		c.want = gnuHash(name)
		c.at, c.over, c.err = h.gnuBucket(c.want)
	} else {
		c.at, c.over, c.err = h.sysvBucket(sysvHash(name))
	}
	return c
}

// next is the index of the next symbol; false after the last.
func (c *hashChain) next() (i uint64, ok bool, err error) {
	for c.err == nil && !c.over {
		if c.h.steps--; c.h.steps < 0 {
			c.err = &FormatError{c.h.name(), c.h.place(), "chains that are too long", ErrLimit}
			break
		}
		if !c.h.isGNU {
			i = c.at
			c.at, c.over, c.err = c.h.sysvNext(i)
			if c.err != nil {
				break
			}
			return i, true, nil
		}
		i = c.at
		hash, last, err := c.h.gnuEntry(i)
		c.at, c.over, c.err = i+1, last, err
		if err == nil && hash|1 == c.want|1 {
			return i, true, nil
		}
	}
	return 0, false, c.err
}

func (h *hashTable) name() string {
	if h.isGNU {
		return gnuHashName
	}
	return sysvHashName
}

func (h *hashTable) place() Offset {
	if h.isGNU {
		return Offset(h.t.gnuHash.off)
	}
	return Offset(h.t.sysvHash.off)
}

// gnuHashTable is the header of .gnu.hash and where its three arrays are
// (binutils, "DT_GNU_HASH"): a Bloom filter of bloom words, nbuckets first
// indexes, and a chain of 32-bit hashes parallel to the symbols from symoffset
// on, bit 0 of which ends a bucket.
type gnuHashTable struct {
	nbuckets, symoffset, nbloom, shift uint32
	bloom, buckets, chain              uint64 // file offsets
	end                                uint64
}

const gnuHashName, sysvHashName = ".gnu.hash", ".hash"

func (t *symbolTable) readGNUHash(read *peeker) (gnuHashTable, error) {
	const header = 16
	var h gnuHashTable
	p := t.gnuHash
	if p.size < header {
		return h, damaged(gnuHashName, p.off, "%d bytes", p.size)
	}
	b, err := read.peek(p.off, header, gnuHashName)
	if err != nil {
		return h, err
	}
	h.nbuckets, h.symoffset = t.f.U32(b), t.f.U32(b[4:])
	h.nbloom, h.shift = t.f.U32(b[8:]), t.f.U32(b[12:])
	h.bloom, h.end = p.off+header, p.off+p.size
	h.buckets = h.bloom + uint64(h.nbloom)*uint64(t.f.WordSize())
	h.chain = h.buckets + 4*uint64(h.nbuckets)
	if h.chain > h.end {
		return h, damaged(gnuHashName, p.off, "%d bloom words and %d buckets in %d bytes", h.nbloom, h.nbuckets, p.size)
	}
	return h, nil
}

func gnuHash(name string) uint32 {
	h := uint32(5381)
	for i := range len(name) {
		h = h*33 + uint32(name[i])
	}
	return h
}

// gnuBucket is the first symbol of a hash's bucket; none if the Bloom filter
// knows better or the bucket is empty.
func (h *hashTable) gnuBucket(want uint32) (first uint64, none bool, err error) {
	g, f := &h.gnu, h.t.f
	if g.nbuckets == 0 {
		return 0, true, nil
	}
	word := uint64(f.WordSize())
	if bits := uint32(8 * word); g.nbloom > 0 {
		b, err := h.read.peek(g.bloom+uint64(want/bits%g.nbloom)*word, word, gnuHashName)
		if err != nil {
			return 0, false, err
		}
		if mask := uint64(1)<<(want%bits) | uint64(1)<<(want>>(g.shift%32)%bits); f.Word(b)&mask != mask {
			return 0, true, nil
		}
	}
	b, err := h.read.peek(g.buckets+4*uint64(want%g.nbuckets), 4, gnuHashName)
	if err != nil {
		return 0, false, err
	}
	i := f.U32(b)
	return uint64(i), i < g.symoffset, nil
}

// gnuEntry is the hash of symbol i, and whether it ends its bucket. Some are read
// at once: a chain has three or so.
func (h *hashTable) gnuEntry(i uint64) (hash uint32, last bool, err error) {
	at := h.gnu.chain + 4*(i-uint64(h.gnu.symoffset))
	if at+4 > h.gnu.end || i >= h.t.n {
		return 0, false, damaged(gnuHashName, at, "a chain without an end")
	}
	if i < h.first || i >= h.first+uint64(h.have) {
		n := min(uint64(len(h.hashes)), (h.gnu.end-at)/4)
		b, err := h.read.peek(at, 4*n, gnuHashName)
		if err != nil {
			return 0, false, err
		}
		h.first, h.have = i, int(n)
		for k := range h.have {
			h.hashes[k] = h.t.f.U32(b[4*k:])
		}
	}
	hash = h.hashes[i-h.first]
	return hash, hash&1 != 0, nil
}

// countByGNUHash is the number of symbols: the chain of the highest bucket ends
// at the last of them.
func (t *symbolTable) countByGNUHash() (uint64, error) {
	h, err := t.readGNUHash(&peeker{f: t.f})
	if err != nil {
		return 0, err
	}
	buckets, err := t.f.table(h.buckets, 4*uint64(h.nbuckets), gnuHashName)
	if err != nil {
		return 0, err
	}
	last := uint32(0)
	for ; len(buckets) > 0; buckets = buckets[4:] {
		last = max(last, t.f.U32(buckets))
	}
	if last < h.symoffset {
		// Only imports, which the table leaves out; GNU ld then says 1. Those
		// that relocations use are there.
		n := uint64(h.symoffset)
		err := t.f.eachRelocation(func(r *relocation) { n = max(n, uint64(r.sym)+1) })
		if err != nil || n > (t.f.size-min(t.off, t.f.size))/t.f.symSize() {
			return uint64(h.symoffset), nil
		}
		return n, nil
	}
	buf := make([]byte, 256)
	i := uint64(last)
	for {
		at := h.chain + 4*(i-uint64(h.symoffset))
		if at > h.end || h.end-at < 4 {
			return 0, damaged(gnuHashName, at, "a chain without an end")
		}
		b := buf[:min(uint64(len(buf)), (h.end-at)&^3)]
		if err := t.f.readAt(b, at, gnuHashName); err != nil {
			return 0, err
		}
		for ; len(b) > 0; b = b[4:] {
			i++
			if t.f.U32(b)&1 != 0 {
				return i, nil
			}
		}
		if len(buf) < windowSize {
			buf = make([]byte, 4*len(buf))
		}
	}
}

// sysvHashTable is .hash (gABI, "Hash Table"): nbuckets first indexes, and for
// each symbol the next one of its bucket.
type sysvHashTable struct {
	nbuckets, chains uint64
	buckets, chain   uint64 // file offsets
	entry            uint64 // bytes in each number
}

func (t *symbolTable) readSysvHash(read *peeker) (sysvHashTable, error) {
	var h sysvHashTable
	h.entry = 4
	// The two ABIs that took "word" for the class's.
	if m := t.f.hdr.machine; t.f.Is64 && (m == elf.EM_S390 || m == elf.EM_ALPHA) {
		h.entry = 8
	}
	p := t.sysvHash
	if p.size < 2*h.entry {
		return h, damaged(sysvHashName, p.off, "%d bytes", p.size)
	}
	b, err := read.peek(p.off, 2*h.entry, sysvHashName)
	if err != nil {
		return h, err
	}
	h.nbuckets, h.chains = h.number(t.f, b), h.number(t.f, b[h.entry:])
	room := p.size/h.entry - 2
	if h.nbuckets > room || h.chains > room-h.nbuckets {
		return h, damaged(sysvHashName, p.off, "%d buckets and %d symbols in %d bytes", h.nbuckets, h.chains, p.size)
	}
	h.buckets = p.off + 2*h.entry
	h.chain = h.buckets + h.nbuckets*h.entry
	return h, nil
}

func (h *sysvHashTable) number(f *File, b []byte) uint64 {
	if h.entry == 8 {
		return f.U64(b)
	}
	return uint64(f.U32(b))
}

func sysvHash(name string) uint32 {
	h := uint32(0)
	for i := range len(name) {
		h = h<<4 + uint32(name[i])
		h ^= h >> 24 & 0xf0
		h &= 0x0fffffff
	}
	return h
}

// sysvBucket is the first symbol of a hash's bucket; none if it is empty.
func (h *hashTable) sysvBucket(hash uint32) (first uint64, none bool, err error) {
	s := &h.sysv
	if s.nbuckets == 0 {
		return 0, true, nil
	}
	return h.sysvLink(s.buckets + uint64(hash)%s.nbuckets*s.entry)
}

// sysvNext is the symbol behind i in its bucket; none behind the last.
func (h *hashTable) sysvNext(i uint64) (next uint64, none bool, err error) {
	return h.sysvLink(h.sysv.chain + i*h.sysv.entry)
}

func (h *hashTable) sysvLink(at uint64) (i uint64, none bool, err error) {
	b, err := h.read.peek(at, h.sysv.entry, sysvHashName)
	if err != nil {
		return 0, false, err
	}
	if i = h.sysv.number(h.t.f, b); i >= h.sysv.chains {
		if i == 0 {
			return 0, true, nil
		}
		return 0, false, damaged(sysvHashName, at, "a chain that leads to symbol %d of %d", i, h.sysv.chains)
	}
	return i, i == 0, nil
}
