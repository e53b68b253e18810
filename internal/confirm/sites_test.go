package confirm

import (
	"debug/elf"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt"
)

// compareSites compares USDT sites in the order of their notes. readelf prints the addresses of the
// note; like GDB and SystemTap we correct them by .stapsdt.base.
func compareSites(d *differences, f *elfsym.File, r *report) (n, args int) {
	base := uint64(0)
	for _, s := range r.sections {
		if s.name == ".stapsdt.base" {
			base = s.addr
		}
	}
	var got []usdt.Site
	for s, err := range usdt.Sites(f) {
		if err != nil {
			d.Errorf("%v", err)
			continue
		}
		got = append(got, s)
	}
	if len(got) != len(r.sites) {
		d.Errorf("%d USDT sites, readelf has %d", len(got), len(r.sites))
		return len(got), 0
	}
	mask := ^uint64(0)
	if !r.is64 {
		mask = 1<<32 - 1
	}
	for i, w := range r.sites {
		g := &got[i]
		delta := uint64(0)
		if base != 0 && w.base != 0 {
			delta = base - w.base
		}
		if f.Type() == elf.ET_REL {
			// readelf relocates the notes of an object file; we do not, for nothing in it can be probed.
			w.loc, w.semaphore = uint64(g.Addr), uint64(g.Semaphore)
		}
		loc, semaphore := (w.loc+delta)&mask, w.semaphore
		if semaphore != 0 {
			semaphore = (semaphore + delta) & mask
		}
		if g.Provider != w.provider || g.Name != w.name || strings.TrimSpace(g.Spec) != strings.TrimSpace(w.args) ||
			uint64(g.Addr) != loc || uint64(g.Semaphore) != semaphore || uint64(g.Moved)&mask != delta&mask {
			d.Errorf("site %d: %s:%s at 0x%x, semaphore 0x%x, moved 0x%x, arguments %q\n\treadelf has %+v, .stapsdt.base is 0x%x",
				i, g.Provider, g.Name, uint64(g.Addr), uint64(g.Semaphore), g.Moved, g.Spec, w, base)
		}
		for _, a := range g.Args() {
			args++
			if a.Err != nil {
				d.Errorf("%s:%s: argument %q of %q: %v", g.Provider, g.Name, a.Text, g.Spec, a.Err)
			}
		}
		if f.Type() == elf.ET_REL || f.DebugOnly() || len(r.sections) == 0 {
			continue // addresses are relative to sections, or have no place in this file, or no section
		}
		if off, ok := r.offset(loc); !ok || g.Err != nil || uint64(g.Offset) != off {
			d.Errorf("%s:%s at 0x%x has offset 0x%x (%v), by section headers 0x%x (%t)", g.Provider, g.Name, loc, uint64(g.Offset), g.Err, off, ok)
		}
		if semaphore == 0 || r.executable(semaphore) {
			continue // none, or in writable code, where the kernel takes neither probe nor counter
		}
		if off, ok := r.offset(semaphore); !ok || g.SemaphoreErr != nil || uint64(g.RefCtrOffset) != off {
			d.Errorf("%s:%s: semaphore at 0x%x has offset 0x%x (%v), by section headers 0x%x (%t)",
				g.Provider, g.Name, semaphore, uint64(g.RefCtrOffset), g.SemaphoreErr, off, ok)
		}
	}
	return len(got), args
}
