package elfsym

import (
	"debug/elf"
	"fmt"
)

// Hash tables are how the loader finds one name among a quarter of a million:
// a few reads of a few bytes.

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

func (t *symbolTable) readGNUHash() (gnuHashTable, error) {
	var b [16]byte
	var h gnuHashTable
	p := t.gnuHash
	if p.size < uint64(len(b)) {
		return h, damaged(gnuHashName, p.off, "%d bytes", p.size)
	}
	if err := t.f.readAt(b[:], p.off, gnuHashName); err != nil {
		return h, err
	}
	h.nbuckets, h.symoffset = t.f.U32(b[:]), t.f.U32(b[4:])
	h.nbloom, h.shift = t.f.U32(b[8:]), t.f.U32(b[12:])
	h.bloom, h.end = p.off+uint64(len(b)), p.off+p.size
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

// findGNU yields the indexes of the symbols whose hash is name's: all versions
// of it, and now and then another name.
func (t *symbolTable) findGNU(h gnuHashTable, name string, yield func(i uint64) error) error {
	want := gnuHash(name)
	if h.nbuckets == 0 {
		return nil
	}
	var b [8]byte
	if bits := uint32(8 * t.f.WordSize()); h.nbloom > 0 {
		word := b[:t.f.WordSize()]
		if err := t.f.readAt(word, h.bloom+uint64(want/bits%h.nbloom)*uint64(len(word)), gnuHashName); err != nil {
			return err
		}
		if mask := uint64(1)<<(want%bits) | uint64(1)<<(want>>(h.shift%32)%bits); t.f.Word(word)&mask != mask {
			return nil
		}
	}
	i, err := t.u32(h.buckets + 4*uint64(want%h.nbuckets))
	if err != nil || i < h.symoffset {
		return err
	}
	for i := uint64(i); i < t.n; i++ {
		at := h.chain + 4*(i-uint64(h.symoffset))
		if at+4 > h.end {
			return damaged(gnuHashName, at, "a chain without an end")
		}
		hash, err := t.u32(at)
		if err != nil {
			return err
		}
		if hash|1 == want|1 {
			if err := yield(i); err != nil {
				return err
			}
		}
		if hash&1 != 0 {
			break
		}
	}
	return nil
}

// countByGNUHash is the number of symbols: the chain of the highest bucket ends
// at the last of them.
func (t *symbolTable) countByGNUHash() (uint64, error) {
	h, err := t.readGNUHash()
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
		return uint64(h.symoffset), nil // only imports
	}
	for i := uint64(last); ; i++ {
		at := h.chain + 4*(i-uint64(h.symoffset))
		if at+4 > h.end {
			return 0, damaged(gnuHashName, at, "a chain without an end")
		}
		hash, err := t.u32(at)
		if err != nil {
			return 0, err
		}
		if hash&1 != 0 {
			return i + 1, nil
		}
	}
}

func (t *symbolTable) u32(off uint64) (uint32, error) {
	var b [4]byte
	err := t.f.readAt(b[:], off, gnuHashName)
	return t.f.U32(b[:]), err
}

// sysvHashTable is .hash (gABI, "Hash Table"): nbuckets first indexes, and for
// each symbol the next one of its bucket.
type sysvHashTable struct {
	nbuckets, chains uint64
	buckets, chain   uint64 // file offsets
	entry            uint64 // bytes in each number
}

func (t *symbolTable) readSysvHash() (sysvHashTable, error) {
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
	var err error
	if h.nbuckets, err = t.sysvEntry(h, p.off); err != nil {
		return h, err
	}
	if h.chains, err = t.sysvEntry(h, p.off+h.entry); err != nil {
		return h, err
	}
	room := p.size/h.entry - 2
	if h.nbuckets > room || h.chains > room-h.nbuckets {
		return h, damaged(sysvHashName, p.off, "%d buckets and %d symbols in %d bytes", h.nbuckets, h.chains, p.size)
	}
	h.buckets = p.off + 2*h.entry
	h.chain = h.buckets + h.nbuckets*h.entry
	return h, nil
}

func (t *symbolTable) sysvEntry(h sysvHashTable, off uint64) (uint64, error) {
	var buf [8]byte
	b := buf[:h.entry]
	if err := t.f.readAt(b, off, sysvHashName); err != nil {
		return 0, err
	}
	if h.entry == 8 {
		return t.f.U64(b), nil
	}
	return uint64(t.f.U32(b)), nil
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

// findSysv yields the indexes of the symbols in name's bucket.
func (t *symbolTable) findSysv(h sysvHashTable, name string, yield func(i uint64) error) error {
	if h.nbuckets == 0 {
		return nil
	}
	i, err := t.sysvEntry(h, h.buckets+uint64(sysvHash(name))%h.nbuckets*h.entry)
	for steps := uint64(0); err == nil && i != 0; steps++ {
		if i >= h.chains || steps >= h.chains {
			return damaged(sysvHashName, h.chain, "a chain that %s", loopOrLeave(i, h.chains))
		}
		if err := yield(i); err != nil {
			return err
		}
		i, err = t.sysvEntry(h, h.chain+i*h.entry)
	}
	return err
}

func loopOrLeave(i, n uint64) string {
	if i >= n {
		return fmt.Sprintf("leads to symbol %d of %d", i, n)
	}
	return "has no end"
}
