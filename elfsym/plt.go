package elfsym

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The procedure linkage table (psABIs, "Procedure Linkage Table") is how a file
// calls functions of another one: for each a stub that jumps to the address in
// one word of the global offset table, a slot, which the loader fills in as a
// relocation tells it (JUMP_SLOT, or GLOB_DAT where the address is taken as
// well). So the stub tells its slot, the slot its relocation, and that the
// symbol. Counting entries instead goes wrong where linkers leave some out or
// order them otherwise.
//
// A relocation of type IRELATIVE has no symbol: the loader calls a resolver at
// the address in its addend. Its entry is named as objdump does it,
// "*ABS*+0x1234@plt".

// maxPLT is how many stubs one file may have. The largest programs have some
// ten thousand.
const maxPLT = 1 << 20

// pltStub is a stub that was decoded.
type pltStub struct {
	at    Addr
	size  uint64
	entry Addr // where all calls come by, if that is not at
	slot  Addr // of the word that it jumps through
	toc   bool // slot counts from the TOC pointer (64-bit PowerPC)
}

// slotTarget is what the loader writes into a slot.
type slotTarget struct {
	sym      uint32
	resolver uint64 // of IRELATIVE
	indirect bool
}

// readPLT finds the stubs and names them.
func (f *File) readPLT() ([]Symbol, error) {
	if pltMachineOf(f.hdr.machine).decode == nil || f.hdr.typ == elf.ET_REL || f.DebugOnly() {
		return nil, nil
	}
	stubs, err := f.findStubs()
	if len(stubs) == 0 {
		return nil, err
	}
	stubs, e := f.withTOC(stubs)
	err = errors.Join(err, e)
	slots := make(map[Addr]slotTarget, len(stubs))
	for i := range stubs {
		slots[stubs[i].slot] = slotTarget{}
	}
	known, e := f.slotTargets(slots)
	err = errors.Join(err, e)
	names, e := f.importNames(known)
	err = errors.Join(err, e)
	var out []Symbol
	left := int64(math.MaxInt64)
	if t, _ := f.symbols(1); t != nil {
		left = t.nameBudget()
	}
	place := f.sectionFinder()
	for i := range stubs {
		s := &stubs[i]
		target, ok := known[s.slot]
		if !ok {
			continue
		}
		sym := Symbol{Addr: s.at, Size: s.size, LocalEntry: s.entry, Type: elf.STT_FUNC, Bind: elf.STB_LOCAL,
			Section: place(s.at), Source: PLT, Index: uint32(len(out))}
		switch name, ok := names[target.sym]; {
		case target.indirect:
			sym.Name = "*ABS*+0x" + strconv.FormatUint(target.resolver, 16) + "@plt"
		case ok:
			sym.Name, sym.Version = name.Name, name.Version
		default:
			continue // its symbol is damaged, and was told
		}
		if left -= int64(len(sym.Name)); left < 0 {
			at, _ := f.segs.Offset(s.at) // 0 if its code is in no segment
			return out, errors.Join(err, &FormatError{"procedure linkage table", at, "its entries share names, which are too long in all; the rest is left out", ErrLimit})
		}
		out = append(out, sym)
	}
	return out, err
}

// pltSymbols yields the stubs, those with a wanted name if there are such; false
// if yield wanted no more.
func (f *File) pltSymbols(want []wanted, yield func(Symbol, error) bool) bool {
	if want != nil && !slices.ContainsFunc(want, func(w wanted) bool { return strings.Contains(w.full, "@plt") }) {
		return true
	}
	all, err := f.plt()
	if err != nil && !yield(Symbol{}, err) {
		return false
	}
	for i := range all {
		if s := &all[i]; want == nil || anyMatches(want, s) {
			if !yield(*s, nil) {
				return false
			}
		}
	}
	return true
}

// pltRegion is code that may have stubs.
type pltRegion struct {
	addr Addr
	off  uint64
	size uint64
}

// pltRegions are the sections of that name or, where there are no section
// headers, all code; so too on PowerPC, where linkers put stubs near their calls.
func (f *File) pltRegions() []pltRegion {
	var out []pltRegion
	secs, err := f.sections()
	if err == nil && len(secs.all) > 0 {
		for i := range secs.all {
			s := &secs.all[i]
			if s.Flags&elf.SHF_EXECINSTR == 0 || s.Type != elf.SHT_PROGBITS {
				continue
			}
			if strings.HasPrefix(s.Name, ".plt") || strings.HasPrefix(s.Name, ".iplt") || f.hdr.machine == elf.EM_PPC64 {
				out = append(out, pltRegion{s.Addr, uint64(s.Offset), s.Size})
			}
		}
		return out
	}
	for _, s := range f.loads(func(s Segment) bool { return s.Flags&elf.PF_X != 0 }) {
		if s.Flags&elf.PF_X != 0 {
			out = append(out, pltRegion{s.Addr, uint64(s.Offset), s.FileSize})
		}
	}
	return out
}

// stubRoom is more than any stub has, header included.
const stubRoom = 48

// findStubs decodes the stubs in all regions, a window at a time.
func (f *File) findStubs() ([]pltStub, error) {
	m := pltMachineOf(f.hdr.machine)
	d := &stubDecoder{f: f, big: f.Big}
	d.prepare()
	var out []pltStub
	var errs []error
	left := 2 * f.size // regions of a hostile file overlap
	for _, r := range f.pltRegions() {
		if r.off > f.size {
			continue
		}
		size := min(r.size, f.size-r.off)
		if size > left {
			break
		}
		left -= size
		buf := make([]byte, min(size, windowSize))
		skip := Addr(0) // what is before is within a stub that was found
		for pos := uint64(0); pos < size; {
			b := buf[:min(uint64(len(buf)), size-pos)]
			if err := f.readAt(b, r.off+pos, "procedure linkage table"); err != nil {
				errs = append(errs, err)
				break
			}
			end := uint64(len(b))
			last := pos+end == size
			if !last && end > stubRoom {
				end -= stubRoom
			}
			for i := uint64(0); i < end; i += m.step {
				at := r.addr + Addr(pos+i)
				if at < skip {
					continue
				}
				s, ok := m.decode(d, b[i:], at)
				if !ok {
					continue
				}
				if len(out) == maxPLT {
					return out, &FormatError{"procedure linkage table", Offset(r.off), fmt.Sprintf("more than %d entries", maxPLT), ErrLimit}
				}
				s.at = at
				skip = at + Addr(s.size)
				out = append(out, s)
			}
			pos += end - end%m.step
			if last {
				break
			}
		}
	}
	return out, errors.Join(errs...)
}

// slotTargets reads the relocations of the wanted slots.
func (f *File) slotTargets(want map[Addr]slotTarget) (map[Addr]slotTarget, error) {
	types := pltMachineOf(f.hdr.machine).relocs
	known := make(map[Addr]slotTarget, len(want))
	err := f.eachRelocation(func(r *relocation) {
		if _, ok := want[r.at]; !ok {
			return
		}
		switch r.typ {
		case types.jumpSlot, types.globDat:
			if r.sym != 0 {
				known[r.at] = slotTarget{sym: r.sym}
			}
		case types.irelative, types.irelative2:
			v := r.addend
			if !r.rela { // the word itself has it
				var b [8]byte
				w := f.WordSize()
				if (&goMemory{f: f}).Read(b[:w], uint64(r.at)) != nil {
					return
				}
				v = f.Word(b[:])
			}
			known[r.at] = slotTarget{resolver: v, indirect: true}
		}
	})
	return known, err
}

// importNames are the dynamic symbols that slots are filled with, by index, with the
// names of their stubs: several share one.
func (f *File) importNames(known map[Addr]slotTarget) (map[uint32]Symbol, error) {
	names := make(map[uint32]Symbol, len(known))
	for _, t := range known {
		if !t.indirect {
			names[t.sym] = Symbol{}
		}
	}
	if len(names) == 0 {
		return names, nil
	}
	var errs []error
	for s, err := range f.Symbols(Dynsym) {
		if err != nil {
			if len(errs) < maxStartErrors {
				errs = append(errs, err)
			}
			continue
		}
		if _, ok := names[s.Index]; ok && s.Name != "" {
			names[s.Index] = s
		}
	}
	for i, s := range names {
		if s.Name == "" {
			delete(names, i)
			continue
		}
		s.Name += "@plt"
		names[i] = s
	}
	return names, errors.Join(errs...)
}

// withTOC turns slots that count from the TOC pointer into addresses. Its value
// is .got + 0x8000 as linkers have it, or what functions load; a big program has
// several, and then a stub has one slot for each, of which at most one has a
// relocation.
func (f *File) withTOC(stubs []pltStub) ([]pltStub, error) {
	if f.hdr.machine != elf.EM_PPC64 {
		return stubs, nil
	}
	tocs, err := f.tocPointers()
	var out []pltStub
	for _, s := range stubs {
		if !s.toc {
			out = append(out, s)
			continue
		}
		for _, toc := range tocs {
			one := s
			one.slot += toc
			out = append(out, one)
		}
	}
	slices.SortStableFunc(out, func(a, b pltStub) int { return cmp.Compare(a.at, b.at) })
	return out, err
}

func (f *File) tocPointers() ([]Addr, error) {
	var out []Addr
	if s := f.Section(".got"); s != nil {
		return append(out, s.Addr+0x8000), nil
	}
	opd, err := f.opd()
	if opd != nil && len(opd.data) >= 16 {
		return append(out, Addr(f.U64(opd.data[8:]))), err
	}
	// So are the entry point and the first initializer, in ELFv1.
	d, e := f.dynamic()
	if e != nil {
		return nil, errors.Join(err, e)
	}
	for _, a := range []Addr{f.hdr.entry, Addr(d.tags[elf.DT_INIT]), Addr(d.tags[elf.DT_FINI])} {
		var b [16]byte
		if a != 0 && !f.segs.IsCode(a) && (&goMemory{f: f}).Read(b[:], uint64(a)) == nil {
			if toc := Addr(f.U64(b[8:])); toc != 0 && !slices.Contains(out, toc) {
				out = append(out, toc)
			}
		}
	}
	if len(out) > 0 {
		return out, err
	}
	// "addis r2,r12,…; addi r2,r2,…" at a function's global entry, with its own
	// address in r12 (ELFv2 ABI, 2.3.2).
	const most = 8
	for _, r := range f.pltRegions() {
		_, e := f.eachWindow(r.off, min(r.size, f.size-min(r.off, f.size)), func(b []byte, at uint64) bool {
			for i := 0; i+8 <= len(b); i += 4 {
				w0, w1 := f.U32(b[i:]), f.U32(b[i+4:])
				if w0&0xffff0000 != 0x3c4c0000 || w1&0xffff0000 != 0x38420000 {
					continue
				}
				here := r.addr + Addr(at) + Addr(i)
				toc := here + Addr(int64(int16(w0))<<16) + Addr(int64(int16(w1)))
				if !slices.Contains(out, toc) {
					out = append(out, toc)
				}
				if len(out) == most {
					return false
				}
			}
			return true
		})
		err = errors.Join(err, e)
	}
	return out, err
}
