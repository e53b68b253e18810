package elfsym

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// pltMachine is how one machine's stubs look.
type pltMachine struct {
	step   uint64 // they are aligned to so many bytes
	decode func(d *stubDecoder, b []byte, at Addr) (pltStub, bool)
	relocs struct{ jumpSlot, globDat, irelative, irelative2 uint32 }
}

// noReloc is a type that no relocation has.
const noReloc = ^uint32(0)

type relocTypes = struct{ jumpSlot, globDat, irelative, irelative2 uint32 }

// Numbers of relocations are those of the psABIs. RISC-V and LoongArch have no
// GLOB_DAT and use their word-sized one.
func pltMachineOf(m elf.Machine) pltMachine {
	switch m {
	case elf.EM_X86_64:
		return pltMachine{8, stubX86, relocTypes{7, 6, 37, noReloc}}
	case elf.EM_386:
		return pltMachine{8, stubX86, relocTypes{7, 6, 42, noReloc}}
	case elf.EM_AARCH64:
		return pltMachine{4, stubAArch64, relocTypes{1026, 1025, 1032, noReloc}}
	case elf.EM_ARM:
		return pltMachine{4, stubARM, relocTypes{22, 21, 160, noReloc}}
	case elf.EM_RISCV:
		return pltMachine{4, stubRISCV, relocTypes{5, 2, 58, noReloc}}
	case elf.EM_S390:
		return pltMachine{4, stubS390, relocTypes{11, 10, 61, noReloc}}
	case elf.EM_PPC64:
		return pltMachine{4, stubPPC64, relocTypes{21, 20, 248, 247}}
	case elf.EM_MIPS:
		return pltMachine{4, stubMIPS, relocTypes{127, 51, noReloc, noReloc}}
	case elf.EM_LOONGARCH:
		return pltMachine{4, stubLoongArch, relocTypes{5, 2, 12, noReloc}}
	}
	return pltMachine{}
}

// stubDecoder has what stubs need to know of their file.
type stubDecoder struct {
	f   *File
	big bool // order of instructions
	got Addr // what i386's %ebx points to
	v1  bool // 64-bit PowerPC ELFv1
}

func (d *stubDecoder) prepare() {
	f := d.f
	switch f.hdr.machine {
	case elf.EM_AARCH64, elf.EM_RISCV, elf.EM_LOONGARCH:
		d.big = false // instructions always are little-endian
	case elf.EM_ARM:
		const be8 = 0x00800000 // EF_ARM_BE8: so are they in such files
		d.big = f.Big && f.hdr.flags&be8 == 0
	case elf.EM_PPC64:
		d.v1 = f.hdr.flags&3 == 1 || f.hdr.flags&3 == 0 && f.Big
	case elf.EM_386:
		if dyn, err := f.dynamic(); err == nil {
			d.got = Addr(dyn.tags[elf.DT_PLTGOT])
		}
		for _, name := range []string{".got.plt", ".got"} {
			if s := f.Section(name); s != nil && d.got == 0 {
				d.got = s.Addr
			}
		}
	}
}

func (d *stubDecoder) u32(b []byte) uint32 {
	if d.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// stubX86 reads stubs of x86-64 and i386:
//
//	[endbr64] [mov $n,%r11d | mov $n,%ecx] [bnd] jmp *slot  [push $n; jmp PLT0]
//
// where slot is relative to the next instruction (x86-64), absolute, or relative
// to %ebx (i386, in position-independent code). With IBT the entries of .plt only
// push a number; those of .plt.sec jump through slots.
func stubX86(d *stubDecoder, b []byte, at Addr) (pltStub, bool) {
	i := 0
	is386 := d.f.hdr.machine == elf.EM_386
	if endbr := bytes.HasPrefix(b, []byte{0xf3, 0x0f, 0x1e, 0xfa}) || bytes.HasPrefix(b, []byte{0xf3, 0x0f, 0x1e, 0xfb}); endbr {
		i += 4
		switch { // mold's
		case bytes.HasPrefix(b[i:], []byte{0x41, 0xbb}):
			i += 6
		case is386 && bytes.HasPrefix(b[i:], []byte{0xb9}):
			i += 5
		}
	}
	if i < len(b) && b[i] == 0xf2 {
		i++
	}
	if len(b) < i+6 || b[i] != 0xff {
		return pltStub{}, false
	}
	disp := Addr(int64(int32(binary.LittleEndian.Uint32(b[i+2:]))))
	end := i + 6
	var s pltStub
	switch {
	case b[i+1] == 0x25 && !is386:
		s.slot = at + Addr(end) + disp
	case b[i+1] == 0x25:
		s.slot = disp & 0xffffffff
	case b[i+1] == 0xa3 && is386 && d.got != 0:
		s.slot = (d.got + disp) & 0xffffffff
	default:
		return s, false
	}
	s.size = 8
	if i > 0 || end+10 <= len(b) && b[end] == 0x68 && b[end+5] == 0xe9 || at%16 == 0 && padded(b, end, 16) {
		s.size = 16
	}
	return s, true
}

// padded reports whether b is a long no-op from one place on to another.
func padded(b []byte, from, to int) bool {
	return len(b) >= to && (b[from] == 0x0f && b[from+1] == 0x1f || b[from] == 0x66 && (b[from+1] == 0x0f || b[from+1] == 0x2e) || b[from] == 0xcc && b[to-1] == 0xcc)
}

// words reads n instructions.
func (d *stubDecoder) words(b []byte, n int) []uint32 {
	w := make([]uint32, 0, 8)
	for ; len(w) < n && len(b) >= 4; b = b[4:] {
		w = append(w, d.u32(b))
	}
	return w
}

// stubAArch64 reads
//
//	[bti c]; adrp x16,page; ldr x17,[x16,#n]; add x16,x16,#n; [autia1716]; br x17; [nop]
func stubAArch64(d *stubDecoder, b []byte, at Addr) (pltStub, bool) {
	const bti, autia, nop, br = 0xd503245f, 0xd503219f, 0xd503201f, 0xd61f0220
	if len(b) < 12 {
		return pltStub{}, false
	}
	if w := d.u32(b); w != bti && w&0x9f00001f != 0x90000010 {
		return pltStub{}, false
	}
	w := d.words(b, 6)
	i := 0
	if w[0] == bti {
		i++
	}
	if len(w) < i+3 || w[i]&0x9f00001f != 0x90000010 || w[i+1]&0xbfc003ff != 0xb9400211 {
		return pltStub{}, false
	}
	page := int64(w[i]>>5&0x7ffff)<<2 | int64(w[i]>>29&3)
	page = page << 43 >> 43 << 12
	scale := 2 + w[i+1]>>30&1
	s := pltStub{slot: (at+Addr(4*i))&^0xfff + Addr(page) + Addr(w[i+1]>>10&0xfff<<scale)}
	for k := i + 2; k < len(w); k++ {
		switch {
		case w[k] == br:
			for k++; k < len(w) && k < 6 && w[k] == nop && (i > 0 || k != 4); k++ {
			}
			s.size = uint64(4 * k)
			return s, true
		case w[k]&0xffc003ff == 0x91000210, w[k] == autia, w[k] == nop:
		default:
			return s, false
		}
	}
	return s, false
}

// stubARM reads the short and the long form, and that of lld and mold where the
// slot is far:
//
//	add ip,pc,#…; add ip,ip,#…; [add ip,ip,#…]; ldr pc,[ip,#n]!
//	ldr ip,[pc,#4]; add ip,ip,pc; ldr pc,[ip]; .word
//
// with "bx pc; nop" before it for calls from Thumb code, which then go on with
// the stub itself: that is where all calls come by.
func stubARM(d *stubDecoder, b []byte, at Addr) (pltStub, bool) {
	if len(b) < 16 {
		return armStub(d, b, at)
	}
	bx, thumb := d.u32(b), false
	if d.big {
		bx = bx<<16 | bx>>16
	}
	switch bx { // bx pc; then a no-op, or a branch that gets nowhere
	case 0x46c04778, 0xe7fd4778:
		thumb = true
	}
	if !thumb {
		return armStub(d, b, at)
	}
	s, ok := armStub(d, b[4:], at+4)
	s.size, s.entry = s.size+4, at+4
	return s, ok
}

func armStub(d *stubDecoder, b []byte, at Addr) (pltStub, bool) {
	var s pltStub
	if len(b) < 12 {
		return s, false
	}
	first := d.u32(b)
	if first&0xfffff000 != 0xe28fc000 && first != 0xe59fc004 {
		return s, false
	}
	w := d.words(b, 4)
	if first == 0xe59fc004 {
		if len(w) < 4 || w[1] != 0xe08cc00f && w[1] != 0xe08fc00c || w[2] != 0xe59cf000 {
			return s, false
		}
		s.slot, s.size = (Addr(w[3])+at+12)&0xffffffff, 16
		return s, true
	}
	s.slot = at + 8 + armImmediate(w[0])
	for i := 1; i < len(w); i++ {
		switch {
		case w[i]&0xfffff000 == 0xe28cc000:
			s.slot += armImmediate(w[i])
		case w[i]&0xfffff000 == 0xe5bcf000:
			s.slot = (s.slot + Addr(w[i]&0xfff)) & 0xffffffff
			s.size = uint64(4 * (i + 1))
			if i == 2 && len(w) == 4 && w[3] == 0xd4d4d4d4 {
				s.size = 16 // lld fills up
			}
			return s, true
		default:
			return s, false
		}
	}
	return s, false
}

// armImmediate is the constant of a data-processing instruction: eight bits,
// rotated.
func armImmediate(w uint32) Addr {
	v, by := w&0xff, 2*(w>>8&0xf)
	return Addr(v>>by | v<<(32-by))
}

// stubRISCV reads "auipc t3,…; l[dw] t3,n(t3); jalr t1,t3; nop".
func stubRISCV(d *stubDecoder, b []byte, at Addr) (pltStub, bool) {
	if len(b) < 16 || d.u32(b)&0xfff != 0xe17 {
		return pltStub{}, false
	}
	w := d.words(b, 4)
	load := uint32(0x000e2e03)
	if d.f.Is64 {
		load = 0x000e3e03
	}
	if w[1]&0xfffff != load || w[2] != 0x000e0367 || w[3] != 0x00000013 {
		return pltStub{}, false
	}
	slot := at + Addr(int64(int32(w[0]&^0xfff))) + Addr(int64(int32(w[1])>>20))
	if !d.f.Is64 {
		slot &= 0xffffffff
	}
	return pltStub{slot: slot, size: 16}, true
}

// stubS390 reads "larl %r1,slot; lg %r1,0(%r1); br %r1; basr; lgf; jg; .long" of
// the 64-bit machine, and "lgrl %r1,slot" in place of the first two.
func stubS390(d *stubDecoder, b []byte, at Addr) (pltStub, bool) {
	if !d.f.Is64 || len(b) < 8 {
		return pltStub{}, false
	}
	slot := at + Addr(2*int64(int32(binary.BigEndian.Uint32(b[2:]))))
	switch {
	case len(b) >= 14 && b[0] == 0xc0 && b[1] == 0x10 && bytes.Equal(b[6:14], []byte{0xe3, 0x10, 0x10, 0x00, 0x00, 0x04, 0x07, 0xf1}):
		return pltStub{slot: slot, size: 32}, true
	case b[0] == 0xc4 && b[1] == 0x18 && b[6] == 0x07 && b[7] == 0xf1:
		return pltStub{slot: slot, size: 16}, true
	}
	return pltStub{}, false
}

// stubPPC64 reads the stubs that linkers put near the calls (ELFv2 ABI, 4.2.5.3);
// the entries of .glink are only for the first call of each.
//
//	ELFv2:  [std r2,24(r1)]; [addis r12,r2,…]; ld r12,n(r12|r2); mtctr r12; bctr
//	        [std r2,24(r1)]; pld r12,…(pc); mtctr r12; bctr
//	ELFv1:  [std r2,40(r1)]; [addis r11,r2,…]; ld r12,n(r11|r2); … mtctr r12; … bctr
func stubPPC64(d *stubDecoder, b []byte, at Addr) (pltStub, bool) {
	const mtctr, bctr = 0x7d8903a6, 0x4e800420
	if len(b) < 12 {
		return pltStub{}, false
	}
	switch first := d.u32(b); {
	case first == 0xf8410018 || first == 0xf8410028: // std
	case first&0xffff0000 == 0x3d820000, first&0xffff0000 == 0x3d620000: // addis
	case first&0xffff0003 == 0xe9820000: // ld
	case first&0xfffc0000 == 0x04100000: // pld
	default:
		return pltStub{}, false
	}
	w := d.words(b, 8)
	i := 0
	if w[0] == 0xf8410018 || w[0] == 0xf8410028 {
		i++
	}
	s := pltStub{toc: true}
	if len(w) > i+1 && w[i]&0xfffc0000 == 0x04100000 && w[i+1]&0xffff0000 == 0xe5800000 {
		dist := int64(w[i]&0x3ffff)<<16 | int64(w[i+1]&0xffff)
		s.toc, s.slot = false, at+Addr(4*i)+Addr(dist<<30>>30)
		i += 2
	} else {
		base := uint32(2)
		if w[i]&0xffff0000 == 0x3d820000 || w[i]&0xffff0000 == 0x3d620000 {
			base = w[i] >> 21 & 31
			s.slot = Addr(int64(int16(w[i])) << 16)
			i++
		}
		if len(w) <= i || w[i]&0xffe00003 != 0xe9800000 || w[i]>>16&31 != base {
			return s, false
		}
		s.slot += Addr(int64(int16(w[i] &^ 3)))
		i++
	}
	// ELFv1 loads the callee's TOC pointer and environment as well.
	for moved := false; i < len(w); i++ {
		switch {
		case w[i] == mtctr:
			moved = true
		case w[i] == bctr && moved:
			s.size = uint64(4 * (i + 1))
			return s, true
		case d.v1 && (w[i]&0xfc000003 == 0xe8000000 || w[i]&0xfc000000 == 0x38000000): // ld, addi
		default:
			return s, false
		}
	}
	return s, false
}

// stubMIPS reads the entries of .plt, which non-PIC programs have: "lui t7,…;
// l[wd] t9,n(t7); jr t9" and an addiu, in either order. .MIPS.stubs are only for
// the first call of each function.
func stubMIPS(d *stubDecoder, b []byte, at Addr) (pltStub, bool) {
	if len(b) < 16 || d.u32(b)&0xffff0000 != 0x3c0f0000 {
		return pltStub{}, false
	}
	w := d.words(b, 4)
	load := uint32(0x8df90000)
	if d.f.Is64 {
		load = 0xddf90000
	}
	jr := func(w uint32) bool { return w == 0x03200008 || w == 0x03200009 }
	if w[1]&0xffff0000 != load || !jr(w[2]) && !jr(w[3]) {
		return pltStub{}, false
	}
	slot := Addr(int64(int32(w[0]<<16))) + Addr(int64(int16(w[1])))
	if !d.f.Is64 {
		slot &= 0xffffffff
	}
	return pltStub{slot: slot, size: 16}, true
}

// stubLoongArch reads "pcaddu12i t3,…; ld t3,t3,n; jirl t1,t3,0; nop".
func stubLoongArch(d *stubDecoder, b []byte, at Addr) (pltStub, bool) {
	if len(b) < 16 || d.u32(b)&0xfe00001f != 0x1c00000f {
		return pltStub{}, false
	}
	w := d.words(b, 4)
	load := uint32(0x288001ef)
	if d.f.Is64 {
		load = 0x28c001ef
	}
	if w[1]&0xffc003ff != load || w[2] != 0x4c0001ed || w[3] != 0x03400000 {
		return pltStub{}, false
	}
	slot := at + Addr(int64(int32(w[0]<<7)>>12)<<12) + Addr(int64(int32(w[1]<<10)>>20))
	return pltStub{slot: slot, size: 16}, true
}
