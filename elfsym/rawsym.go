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
	return t.eachWindow("", yield)
}

// eachWindow is eachRaw for one who reads the names in strs, if there are such.
// The order of .dynsym is that of its hash table, so each name is memory that is in
// no cache. All of a window are asked for before the first is needed: the
// processor waits for many at once then, and not for one after the other.
func (t *symbolTable) eachWindow(strs string, yield func(rawSymbol, error) bool) bool {
	size := t.f.symSize()
	buf := make([]byte, min(windowSize/size, t.n)*size)
	for i := uint64(1); i < t.n; {
		b := buf[:min(uint64(len(buf)), (t.n-i)*size)]
		if err := t.f.readAt(b, t.off+i*size, t.part); err != nil {
			return yield(rawSymbol{}, err)
		}
		if strs != "" {
			var sum uint8
			for at := b; len(at) > 0; at = at[size:] {
				if name := uint64(t.f.U32(at)); name < uint64(len(strs)) {
					sum += strs[name]
				}
			}
			runtime.KeepAlive(sum)
		}
		for ; len(b) > 0; b, i = b[size:], i+1 {
			if !yield(t.f.decodeRaw(b, uint32(i)), nil) {
				return false
			}
		}
	}
	return true
}
