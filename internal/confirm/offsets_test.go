package confirm

import (
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// offset is the second computation: through the section header, which the offsets that we give
// never go through.
func (r *report) offset(addr uint64) (off uint64, ok bool) {
	for _, s := range r.sections {
		if strings.Contains(s.flags, "A") && !strings.Contains(s.flags, "T") && s.typ != "NOBITS" && addr >= s.addr && addr < s.addr+s.size {
			return addr - s.addr + s.off, true
		}
	}
	return 0, false
}

// executable reports whether an address is in what the file has of an executable segment.
func (r *report) executable(addr uint64) bool {
	for _, l := range r.loads {
		if l.exec && addr >= l.addr && addr-l.addr < min(l.fileSize, l.memSize) {
			return true
		}
	}
	return false
}

// compareOffsets compares the functions listed and their places. Which are listed follows from the
// segments: FUNC symbols in a read-only section of an executable segment (-z noseparate-code) are
// listed as the kernel would take them, though readelf shows no X at the section.
func compareOffsets(d *differences, tgt *offset.Target, r *report) (n int) {
	type place struct {
		name string
		off  uint64
	}
	want := map[place]bool{}
	for src, syms := range r.symbols {
		for i := range syms {
			s := &syms[i]
			addr := code(tgt.File(), r, s)
			if !isFunc(s) || s.ndx == "UND" || s.ndx == "ABS" && r.typ != "EXEC" || s.name == "" || !r.executable(addr) {
				continue
			}
			off, ok := r.offset(addr)
			if !ok {
				continue // in no section: an absolute symbol, or one past the end of its section
			}
			name := s.name
			if src == elfsym.Symtab || strings.Contains(name, "@") {
				name, _, _ = elfsym.SplitVersion(name)
			}
			want[place{name, off}] = true
		}
	}
	if len(r.symbols) == 0 && len(r.sections) == 0 {
		return 0
	}
	seen := map[place]bool{}
	for p, err := range tgt.Probes(d.Context(), offset.Query{Kinds: offset.KindFunc}) {
		if err != nil {
			d.Errorf("%v", err)
			continue
		}
		n++
		if p.Err != nil {
			d.Errorf("%s is listed without a place: %v", p.Name(), p.Err)
			continue
		}
		at := place{p.Name(), uint64(p.Offset)}
		if addr := uint64(p.Symbol.Addr); !want[at] {
			if _, ok := r.offset(addr); ok {
				d.Errorf("%s (0x%x) has offset 0x%x, by section headers not", at.name, addr, at.off)
			}
			continue
		}
		seen[at] = true
	}
	for at := range want {
		if !seen[at] {
			d.Errorf("%s has offset 0x%x by section headers, and is not listed there", at.name, at.off)
		}
	}
	return n
}
