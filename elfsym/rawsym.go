package elfsym

import (
	"debug/elf"
	"runtime"
)

// rawSymbol is an Elf32_Sym or Elf64_Sym as it stands in the file.
type rawSymbol struct {
	value, size uint64
	index, name uint32
	shndx       uint16
	info, other uint8
}

func (r *rawSymbol) typ() elf.SymType { return elf.ST_TYPE(r.info) }

// decodeRaw takes one entry apart; b has at least symSize bytes.
func (f *File) decodeRaw(b []byte, index uint32) rawSymbol {
	if f.Is64 {
		_ = b[23]
		return rawSymbol{index: index, name: f.U32(b), info: b[4], other: b[5],
			shndx: f.U16(b[6:]), value: f.U64(b[8:]), size: f.U64(b[16:])}
	}
	_ = b[15]
	return rawSymbol{index: index, name: f.U32(b), value: uint64(f.U32(b[4:])), size: uint64(f.U32(b[8:])),
		info: b[12], other: b[13], shndx: f.U16(b[14:])}
}

// eachRaw yields the entries but the null symbol; an error ends it. false if
// yield wanted no more.
func (t *symbolTable) eachRaw(yield func(rawSymbol, error) bool) bool {
	size := t.f.symSize()
	return t.eachWindow(func(b []byte, i uint32, err error) bool {
		if err != nil {
			return yield(rawSymbol{}, err)
		}
		for ; len(b) > 0; b, i = b[size:], i+1 {
			if !yield(t.f.decodeRaw(b, i), nil) {
				return false
			}
		}
		return true
	})
}

// eachWindow is windows of all entries but the null symbol.
func (t *symbolTable) eachWindow(yield func(b []byte, first uint32, err error) bool) bool {
	return t.windows(1, t.n, yield)
}

// windows yields the entries from i up to end as they stand in the file, many at a
// time, with the index of the first; the bytes are valid until the next. An error ends
// it. false if yield wanted no more.
func (t *symbolTable) windows(i, end uint64, yield func(b []byte, first uint32, err error) bool) bool {
	if i >= end {
		return true
	}
	size := t.f.symSize()
	buf := make([]byte, min(windowSize/size, end-i)*size)
	for i < end {
		b := buf[:min(uint64(len(buf)), (end-i)*size)]
		if err := t.f.readAt(b, t.off+i*size, t.part); err != nil {
			return yield(nil, 0, err)
		}
		if !yield(b, uint32(i), nil) {
			return false
		}
		i += uint64(len(b)) / size
	}
	return true
}

// touch reads a byte of each name of a window. The order of .dynsym is that of its
// hash table, so each name is memory that is in no cache: the processor waits for
// many at once here, and would for one after the other where they are needed.
func (t *symbolTable) touch(b []byte, strs string) {
	size := t.f.symSize()
	var sum uint8
	for ; len(b) > 0; b = b[size:] {
		if name := uint64(t.f.U32(b)); name < uint64(len(strs)) {
			sum += strs[name]
		}
	}
	runtime.KeepAlive(sum)
}

// nameAndType is of an entry what tells whether the rest is wanted.
func (f *File) nameAndType(b []byte) (name uint32, typ elf.SymType) {
	if f.Is64 {
		return f.U32(b), elf.ST_TYPE(b[4])
	}
	return f.U32(b), elf.ST_TYPE(b[12])
}
