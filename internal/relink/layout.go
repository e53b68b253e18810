package relink

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/probels/probels/elfsym"
)

var le = binary.LittleEndian

const (
	page      = 0x1000
	maxAlign  = 64 // more changes no instruction; all would be filled up
	fixedBase = 0x400000
)

// layout is where everything goes. Up to the end of data, a byte's place in the
// image is its address less base.
type layout struct {
	base  uint64
	fixed bool // code has addresses as numbers: the image is no position-independent one
	image []byte

	areas     [classes]area
	stubs     area     // room for as many as there may be
	bssEnd    uint64   // and the beginning of slots
	units     []uint64 // where code of another member begins, or of another place in the order
	threadLen uint64
	align     uint64 // of thread-local data
}

type area struct{ start, end uint64 }

func (a area) size() uint64 { return a.end - a.start }

func alignUp(v, align uint64) uint64 { return (v + align - 1) &^ (align - 1) }

// item is a section to be placed.
type item struct {
	o     *object
	i     int
	order int
	align uint64
}

// place gives all sections and common symbols their addresses, and allocates the
// image.
func (k *linker) place() error {
	var of [classes][]item
	frameEnds := map[*section]uint64{}
	for _, o := range k.objs {
		all, err := o.f.Sections()
		if err != nil {
			return err
		}
		for i := range o.secs {
			s := &o.secs[i]
			if s.class == none || s.discarded {
				continue
			}
			it := item{o, i, 0, min(max(all[i].AddrAlign, 1), maxAlign)}
			switch s.class {
			case code:
				it.order = codeOrder(all[i].Name)
			case frames:
				it.align = 1
				b, err := o.f.Data(&all[i])
				if err != nil {
					return memberError(o.name, err)
				}
				frameEnds[s] = uint64(frameLength(b))
			}
			of[s.class] = append(of[s.class], it)
		}
	}
	for s, n := range frameEnds {
		s.size = n
	}
	k.fixed = k.m.fixed != nil && k.anyFixed()
	if k.fixed {
		k.base = fixedBase
	}
	at := k.base + page
	var bytes, memory uint64
	for c := code; c < threads0; c++ {
		if c == code || c == constant || c == data {
			at = alignUp(at, page)
		}
		if c == zero {
			continue // behind what has bytes
		}
		var err error
		if at, err = k.placeAll(of[c], at, &k.areas[c], &bytes, k.limits.Bytes); err != nil {
			return err
		}
		if c == code {
			k.stubs.start = alignUp(at, 16)
			k.stubs.end = k.stubs.start + 16*k.countImports()
			at = k.stubs.end
		}
	}
	k.image = make([]byte, at-k.base)
	k.m.fill(k.image[k.areas[code].start-k.base : k.areas[code].end-k.base])
	var err error
	if at, err = k.placeAll(of[zero], alignUp(at, maxAlign), &k.areas[zero], &memory, k.limits.Memory); err != nil {
		return err
	}
	if at, err = k.placeCommons(at, &memory); err != nil {
		return err
	}
	k.bssEnd = alignUp(at, 16)
	k.areas[zero].end = k.bssEnd
	k.placeThreads(of)
	return nil
}

// placeAll places the sections of one class one after the other.
func (k *linker) placeAll(all []item, at uint64, a *area, sum *uint64, limit uint64) (uint64, error) {
	slices.SortStableFunc(all, func(a, b item) int { return a.order - b.order })
	a.start = at
	for i, it := range all {
		s := &it.o.secs[it.i]
		next := alignUp(at, it.align)
		if cost := next - at + s.size; s.size > limit || cost > limit-*sum {
			return 0, fmt.Errorf("code and data of more than %d bytes: %w", limit, elfsym.ErrLimit)
		} else {
			*sum += cost
		}
		s.addr, s.off = next, next-k.base
		at = next + s.size
		if s.class == code && (i == 0 || all[i-1].o != it.o || all[i-1].order != it.order) {
			k.units = append(k.units, s.addr)
		}
	}
	a.end = at
	return at, nil
}

// placeCommons gives the common symbols that nothing else defines their places.
func (k *linker) placeCommons(at uint64, sum *uint64) (uint64, error) {
	k.commons = map[string]uint64{}
	for _, name := range sortedNames(k.defs) {
		d := k.defs[name]
		if d.rank != commonRank {
			continue
		}
		s := &k.objs[d.obj].syms[d.sym]
		at = alignUp(at, 16)
		if s.size > k.limits.Memory || s.size+16 > k.limits.Memory-*sum {
			return 0, fmt.Errorf("variables of more than %d bytes: %w", k.limits.Memory, elfsym.ErrLimit)
		}
		*sum += s.size + 16
		k.commons[name] = at
		at += s.size
	}
	return at, nil
}

// placeThreads lays out the thread-local data of all members as one thread has
// it: first what has bytes. A section's address is then its place in that.
func (k *linker) placeThreads(of [classes][]item) {
	at := uint64(0)
	k.align = 1
	for _, c := range []class{threads, threads0} {
		for _, it := range of[c] {
			s := &it.o.secs[it.i]
			k.align = max(k.align, it.align)
			at = alignUp(at, it.align)
			if s.size > k.limits.Memory {
				s.size = 0
			}
			s.addr = at
			at += s.size
		}
	}
	k.threadLen = alignUp(at, k.align)
}

// countImports is how many names may need a stub: those that nothing defines,
// and those that are known when the program runs only.
func (k *linker) countImports() uint64 {
	names := map[string]struct{}{}
	n := uint64(0)
	for _, o := range k.objs {
		for i := range o.syms {
			s := &o.syms[i]
			switch {
			case s.typ == elf.STT_GNU_IFUNC:
				n++
			case s.sec == undefined && s.name != "", s.sec < common && o.secs[s.sec].discarded && s.name != "":
				names[s.name] = struct{}{}
			}
		}
	}
	return n + uint64(len(names))
}

// anyFixed reports whether code has addresses as numbers.
func (k *linker) anyFixed() bool {
	for _, o := range k.objs {
		for i := range o.rela {
			t := &o.rela[i]
			if o.secs[t.Info].class != code {
				continue
			}
			b, err := o.f.Data(t)
			if err != nil {
				continue // told when they are applied
			}
			for ; len(b) >= relaSize; b = b[relaSize:] {
				if k.m.fixed(le.Uint32(b[8:])) {
					return true
				}
			}
		}
	}
	return false
}
