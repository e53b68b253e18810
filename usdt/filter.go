package usdt

import (
	"bytes"
	"debug/elf"
	"io"

	"github.com/probels/probels/internal/wire"
)

// A Verdict is what a Filter says of a file.
type Verdict uint8

const (
	NotELF     Verdict = iota
	Object             // relocatable or a core dump: nothing of it is executed
	DebugOnly          // code sections without bytes: what its notes name runs elsewhere
	NoProbes           // surely none
	MayHave            // open it: it may have probes, or damage to report
	Unreadable         // the first read failed; Filter.Err says why
)

// A Filter tells files that may have USDT probes from those that surely have
// none, for who looks through many files: one read of 64 bytes for what is no
// ELF file, and one of the section headers, with the names that linkers put
// right before them, for nearly all others. It errs towards MayHave: whatever is
// unusual is left to package elfsym, which reads all and reports damage.
//
// A Filter keeps its buffers, so have one for each goroutine. The zero Filter is
// ready.
type Filter struct {
	Err  error // of the last Unreadable
	head [ehdrSize]byte
	buf  []byte
	nbuf []byte
}

const (
	ehdrSize = 64
	// namesBefore is how much is read before the section headers: the section
	// names of a usual file are some 300 bytes.
	namesBefore = 1 << 10
	// maxFilter is the largest table read here: 1,000 sections.
	maxFilter = 64 << 10
)

// Look reads as little of r as it can.
func (f *Filter) Look(r io.ReaderAt) Verdict {
	n, err := r.ReadAt(f.head[:], 0)
	switch h := f.head[:n]; {
	case n == 0 && err != nil && err != io.EOF:
		f.Err = err
		return Unreadable
	case !bytes.HasPrefix(h, []byte(elf.ELFMAG)):
		return NotELF
	case n < len(f.head), h[elf.EI_CLASS] < 1, h[elf.EI_CLASS] > 2, h[elf.EI_DATA] < 1, h[elf.EI_DATA] > 2:
		return MayHave // perhaps a 32-bit file of 52 bytes, or damaged
	}
	l := wire.Layout{Big: elf.Data(f.head[elf.EI_DATA]) == elf.ELFDATA2MSB, Is64: elf.Class(f.head[elf.EI_CLASS]) == elf.ELFCLASS64}
	switch elf.Type(l.U16(f.head[16:])) {
	case elf.ET_REL, elf.ET_CORE:
		return Object
	}
	w := l.WordSize()
	shoff := l.Word(f.head[24+2*w:])
	b := f.head[24+3*w:]
	size, num, strndx := uint64(l.U16(b[10:])), uint64(l.U16(b[12:])), uint64(l.U16(b[14:]))
	want := uint64(40)
	if l.Is64 {
		want = 64
	}
	if shoff == 0 || shoff > 1<<62 || num == 0 || size != want || num*size > maxFilter || strndx == 0 || strndx >= num {
		return MayHave
	}
	from := shoff - min(shoff, namesBefore)
	window := f.read(&f.buf, r, from, shoff+num*size-from)
	if window == nil {
		return MayHave
	}
	return f.sections(l, r, sectionWindow{window, from, shoff, size, num, strndx})
}

// sectionWindow is a stretch of the file that has its section headers.
type sectionWindow struct {
	b                             []byte
	from, shoff, size, num, names uint64
}

func (w *sectionWindow) header(i uint64) []byte { return w.b[w.shoff-w.from+i*w.size:] }

// sections looks at each section header, and at the names of those that hold
// notes.
func (f *Filter) sections(l wire.Layout, r io.ReaderAt, w sectionWindow) Verdict {
	var names []byte
	notes, code, codeless := false, false, false
	for i := range w.num {
		h := w.header(i)
		typ, flags := elf.SectionType(l.U32(h[4:])), elf.SectionFlag(l.Word(h[8:]))
		_, size := place(l, h)
		const executed = elf.SHF_ALLOC | elf.SHF_EXECINSTR
		if flags&executed == executed && size > 0 {
			if typ == elf.SHT_NOBITS {
				codeless = true
			} else {
				code = true
			}
		}
		if typ != elf.SHT_NOTE || notes {
			continue
		}
		if names == nil {
			if names = f.names(l, r, &w); names == nil {
				return MayHave
			}
		}
		at := uint64(l.U32(h))
		if at >= uint64(len(names)) {
			return MayHave
		}
		name, _, ok := bytes.Cut(names[at:], []byte{0})
		notes = !ok || mayHoldProbes(string(name))
	}
	switch {
	case codeless && !code:
		return DebugOnly
	case notes:
		return MayHave
	}
	return NoProbes
}

// names is the table of section names; nil if it is not where it should be.
func (f *Filter) names(l wire.Layout, r io.ReaderAt, w *sectionWindow) []byte {
	h := w.header(w.names)
	off, size := place(l, h)
	if elf.SectionType(l.U32(h[4:])) != elf.SHT_STRTAB || size == 0 || size > maxFilter || off > 1<<62 {
		return nil
	}
	if off >= w.from && off+size <= w.from+uint64(len(w.b)) {
		return w.b[off-w.from:][:size]
	}
	return f.read(&f.nbuf, r, off, size)
}

// place is a section's offset and size in the file.
func place(l wire.Layout, h []byte) (off, size uint64) {
	w := l.WordSize()
	return l.Word(h[8+2*w:]), l.Word(h[8+3*w:])
}

// read fills a kept buffer; nil if not all was there.
func (f *Filter) read(buf *[]byte, r io.ReaderAt, off, n uint64) []byte {
	if uint64(cap(*buf)) < n {
		*buf = make([]byte, n, 2*n)
	}
	b := (*buf)[:n]
	if got, _ := r.ReadAt(b, int64(off)); uint64(got) < n {
		return nil
	}
	return b
}
