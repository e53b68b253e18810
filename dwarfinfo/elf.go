package dwarfinfo

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inflate"
)

// FromELF makes what New needs of an ELF file: a program with DWARF in it, or
// its separate debug file. f must stay open as long as the Data is used. Sup and
// Split are the caller's to fill in.
func FromELF(f *elfsym.File) (Sections, Config) {
	return &elfSections{f: f, open: make(map[string]Section)}, Config{
		Machine: f.Machine(), Class: f.Class(), ByteOrder: f.ByteOrder(), Code: codeOf(f),
	}
}

// codeOf tells the addresses of executable sections, which a debug file still
// has headers of, or segments in a file without sections.
func codeOf(f *elfsym.File) func(elfsym.Addr) bool {
	type part struct{ low, high elfsym.Addr }
	find := sync.OnceValue(func() []part {
		var all []part
		secs, _ := f.Sections() // a table that cannot be read leaves the segments
		for i := range secs {
			s := &secs[i]
			if s.Flags&(elf.SHF_ALLOC|elf.SHF_EXECINSTR) == elf.SHF_ALLOC|elf.SHF_EXECINSTR && s.Size > 0 && s.Addr+elfsym.Addr(s.Size) > s.Addr {
				all = append(all, part{s.Addr, s.Addr + elfsym.Addr(s.Size)})
			}
		}
		slices.SortFunc(all, func(a, b part) int { return cmp.Compare(a.low, b.low) })
		return all
	})
	return func(a elfsym.Addr) bool {
		all := find()
		if len(all) == 0 {
			return a != 0
		}
		i, found := slices.BinarySearchFunc(all, a, func(p part, a elfsym.Addr) int { return cmp.Compare(p.low, a) })
		if found {
			return true
		}
		return i > 0 && a < all[i-1].high
	}
}

// elfSections are the sections of an ELF file.
type elfSections struct {
	f *elfsym.File

	mu   sync.Mutex // protects what follows
	open map[string]Section
}

// Section implements Sections. A compressed section is under its usual name,
// even if the file calls it .zdebug_….
func (s *elfSections) Section(name string) (Section, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sec := s.open[name]; sec != nil {
		return sec, nil
	}
	h := s.f.Section(name)
	if rest, ok := strings.CutPrefix(name, ".debug_"); ok && (h == nil || h.Type == elf.SHT_NOBITS) {
		if z := s.f.Section(".zdebug_" + rest); z != nil {
			h = z
		}
	}
	if h == nil || h.Type == elf.SHT_NOBITS {
		if _, err := s.f.Sections(); err != nil {
			return nil, err
		}
		return nil, nil
	}
	z, err := s.f.Compression(h)
	if err != nil {
		return nil, err
	}
	raw, err := s.f.SectionReader(h)
	if err != nil {
		return nil, err
	}
	var sec Section = raw
	if z.Type != 0 {
		if sec, err = s.inflated(h, z, raw); err != nil {
			return nil, err
		}
	}
	s.open[name] = sec
	return sec, nil
}

// inWhole is up to which size, inflated, a section is inflated at once and kept.
// Larger ones are inflated as they are read, again where a reader goes back.
const inWhole = 24 << 20

// inflated is a compressed section. The limits are elfsym's, which a Reader does
// not need: it takes the same memory whatever the section has.
func (s *elfSections) inflated(h *elfsym.Section, z elfsym.Compression, raw *io.SectionReader) (Section, error) {
	if z.Size > 1<<40 {
		return nil, &elfsym.FormatError{Part: h.Name, Offset: h.Offset, Reason: "it inflates to more than 1 TiB", Err: elfsym.ErrLimit}
	}
	size, stream := int64(z.Size), raw.Size()-int64(z.Header)
	// What is read of the section is allocated by its size, which is only a claim.
	if most := maxRatio(z.Type); uint64(stream) < z.Size/most {
		return nil, &elfsym.FormatError{Part: h.Name, Offset: h.Offset, Reason: fmt.Sprintf("%d bytes can't inflate to %d", stream, z.Size), Err: elfsym.ErrDamaged}
	}
	if z.Type == elf.COMPRESS_ZLIB && size > inWhole {
		return inflate.NewReader(io.NewSectionReader(raw, int64(z.Header), stream), stream, size), nil
	}
	return &wholeSection{size, sync.OnceValues(func() ([]byte, error) {
		if z.Type != elf.COMPRESS_ZLIB {
			return s.f.Data(h)
		}
		b := make([]byte, stream)
		if n, err := raw.ReadAt(b, int64(z.Header)); n < len(b) {
			return nil, err
		}
		return inflate.All(b, size)
	})}, nil
}

// maxRatio is how many bytes one may become: in deflate a match of 258 takes two
// bits, in zstd a block of 128 KiB of one value takes four bytes.
func maxRatio(t elf.CompressionType) uint64 {
	if t == elf.COMPRESS_ZLIB {
		return 1032
	}
	return 1 << 15
}

// wholeSection is a compressed section that is inflated when first read.
type wholeSection struct {
	size int64
	load func() ([]byte, error)
}

func (s *wholeSection) Size() int64 { return s.size }

func (s *wholeSection) ReadAt(p []byte, off int64) (int, error) {
	b, err := s.load()
	if err != nil {
		return 0, err
	}
	return bytes.NewReader(b).ReadAt(p, off)
}
