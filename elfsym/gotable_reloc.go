package elfsym

import (
	"debug/elf"
	"fmt"
	"sync"
)

// addends are the relative relocations of a file that carry the value of the
// word that they relocate (DT_RELA): what is in the file at that word counts for
// nothing, and lld, GNU ld on some machines and Go's own linker differ in what
// they leave there. The loader stores base + addend; at link-time addresses the
// base is 0.
//
// The other two forms, DT_REL and DT_RELR, add the base to the word that is in
// the file. At link-time addresses they change nothing, so they need not be
// read.
//
// A large program has a million relocations, mostly but not surely by address.
// The first question reads them all and keeps for each window of the table the
// lowest and the highest address in it; later ones read the windows that can
// matter.
type addends struct {
	f     *File
	typ   uint32 // R_*_RELATIVE
	off   uint64
	n     uint64
	entry uint64
	index func() ([]addrSpan, error)

	// search bounds what is read while the table is searched for, in bytes; nil
	// when it has been found. A hostile file has relocations in such an order
	// that all have to be read for each word, and many words to look at.
	search *int64
}

// addrSpan is the lowest and the highest address in a window.
type addrSpan struct{ lo, hi Addr }

// relativeType is R_*_RELATIVE of the machines that relocate by DT_RELA, from
// their psABIs. arm and 386 use DT_REL; on MIPS, Go builds nothing that is
// relocated.
func relativeType(m elf.Machine) uint32 {
	switch m {
	case elf.EM_X86_64:
		return uint32(elf.R_X86_64_RELATIVE)
	case elf.EM_AARCH64:
		return uint32(elf.R_AARCH64_RELATIVE)
	case elf.EM_RISCV:
		return uint32(elf.R_RISCV_RELATIVE)
	case elf.EM_S390:
		return uint32(elf.R_390_RELATIVE)
	case elf.EM_PPC64:
		return uint32(elf.R_PPC64_RELATIVE)
	case elf.EM_PPC:
		return uint32(elf.R_PPC_RELATIVE)
	case elf.EM_LOONGARCH:
		return uint32(elf.R_LARCH_RELATIVE)
	case elf.EM_SPARCV9:
		return uint32(elf.R_SPARC_RELATIVE)
	}
	return 0
}

// newAddends finds DT_RELA; a file without has no addends.
func (f *File) newAddends() (*addends, error) {
	a := &addends{f: f, typ: relativeType(f.hdr.machine)}
	a.entry = 3 * uint64(f.WordSize())
	a.index = sync.OnceValues(a.readIndex)
	d, err := f.dynamic()
	if err != nil {
		return a, err
	}
	off, ok, err := f.offsetOf(d, elf.DT_RELA)
	if err != nil || !ok {
		return a, err
	}
	size := d.tags[elf.DT_RELASZ]
	if n := d.tags[elf.DT_RELAENT]; n != 0 && n != a.entry {
		return a, damaged("relocations", off, "entries of %d bytes", n)
	}
	if off > f.size || size > f.size-off {
		return a, &FormatError{"relocations", Offset(off), fmt.Sprintf("%d bytes wanted, the file ends at 0x%x", size, f.size), ErrTruncated}
	}
	a.off, a.n = off, size/a.entry
	search := 16*int64(min(size, 1<<50)) + 64<<20
	a.search = &search
	return a, nil
}

// perWindow is 2730 on 64-bit machines.
func (a *addends) perWindow() uint64 { return windowSize / a.entry }

// window is the entries of a window, none behind the last. buf is reused.
func (a *addends) window(i uint64, buf []byte) ([]byte, error) {
	first := i * a.perWindow()
	if first >= a.n || first/a.perWindow() != i {
		return nil, nil
	}
	b := buf[:min(a.perWindow(), a.n-first)*a.entry]
	return b, a.f.readAt(b, a.off+first*a.entry, "relocations")
}

func (a *addends) buffer() []byte {
	return make([]byte, min(a.perWindow(), a.n)*a.entry)
}

// relative reports whether an entry is a relative relocation. Most are, so this
// is asked last.
func (a *addends) relative(e []byte) bool {
	info := a.f.Word(e[a.f.WordSize():])
	if !a.f.Is64 {
		info &= 0xff
	}
	return uint32(info) == a.typ
}

func (a *addends) readIndex() ([]addrSpan, error) {
	out := make([]addrSpan, 0, a.n/a.perWindow()+1)
	buf := a.buffer()
	for i := uint64(0); ; i++ {
		b, err := a.window(i, buf)
		if err != nil || b == nil {
			return out, err
		}
		lo, hi := ^uint64(0), uint64(0)
		for ; len(b) > 0; b = b[a.entry:] {
			at := a.f.Word(b)
			lo, hi = min(lo, at), max(hi, at)
		}
		out = append(out, addrSpan{Addr(lo), Addr(hi)})
	}
}

// apply relocates the words in p, which are at an address.
func (a *addends) apply(p []byte, addr Addr) error {
	if a.n == 0 || len(p) == 0 {
		return nil
	}
	spans, err := a.index()
	if err != nil {
		return err
	}
	w := a.f.WordSize()
	end := addr + Addr(len(p))
	var buf []byte
	for i, s := range spans {
		if s.lo >= end || s.hi < addr {
			continue
		}
		if buf == nil {
			buf = a.buffer()
		}
		if a.search != nil {
			if *a.search -= int64(len(buf)); *a.search < 0 {
				return &FormatError{"relocations", Offset(a.off), "too much to read for a few words", ErrLimit}
			}
		}
		b, err := a.window(uint64(i), buf)
		if err != nil {
			return err
		}
		for ; len(b) > 0; b = b[a.entry:] {
			at := Addr(a.f.Word(b))
			if at >= addr && at < end && uint64(end-at) >= uint64(w) && a.relative(b) {
				copy(p[at-addr:], b[2*w:3*w])
			}
		}
	}
	return nil
}

// pointersTo are the first words, no more than most, that relocations make equal
// to value.
func (a *addends) pointersTo(value uint64, most int) ([]Addr, error) {
	var out []Addr
	if a.n == 0 {
		return nil, nil
	}
	buf := a.buffer()
	w := a.f.WordSize()
	for i := uint64(0); ; i++ {
		b, err := a.window(i, buf)
		if err != nil || b == nil {
			return out, err
		}
		for ; len(b) > 0; b = b[a.entry:] {
			if a.f.Word(b[2*w:]) == value && a.relative(b) {
				if out = append(out, Addr(a.f.Word(b))); len(out) == most {
					return out, nil
				}
			}
		}
	}
}

// putWord writes a word in the file's order.
func (f *File) putWord(b []byte, v uint64) {
	n := f.WordSize()
	for i := range n {
		at := i
		if f.Big {
			at = n - 1 - i
		}
		b[at] = byte(v >> (8 * i))
	}
}
