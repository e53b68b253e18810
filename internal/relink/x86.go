package relink

import (
	"bytes"
	"debug/elf"
)

// The relocations of x86-64 (psABI, "Relocation") and what GNU ld and lld make of
// the code that they are in (psABI, "Linker Optimization").
var x86 = machine{
	apply: (*linker).applyX86,
	fixed: func(typ uint32) bool {
		return typ == uint32(elf.R_X86_64_32) || typ == uint32(elf.R_X86_64_32S)
	},
	stub:     stubX86,
	fill:     func(b []byte) { fillWith(b, []byte{0x90}) },
	typeName: func(typ uint32) string { return typeName(typ, elf.R_X86_64(typ).String()) },
	relative: uint32(elf.R_X86_64_RELATIVE), irelative: uint32(elf.R_X86_64_IRELATIVE), globDat: uint32(elf.R_X86_64_GLOB_DAT),
	jumpSlot: uint32(elf.R_X86_64_JMP_SLOT), symbolic: uint32(elf.R_X86_64_64), copied: uint32(elf.R_X86_64_COPY),
}

func fillWith(b, pattern []byte) {
	for len(b) > 0 {
		b = b[copy(b, pattern):]
	}
}

// stubX86 writes "jmp *slot(%rip); push $0; jmp …".
func stubX86(b []byte, at, slot uint64) {
	copy(b, []byte{0xff, 0x25, 0, 0, 0, 0, 0x68, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0})
	le.PutUint32(b[2:], uint32(slot-(at+6)))
}

// threadX86 is a thread-local place from the thread pointer on, which is the end.
func (k *linker) threadX86(s *site, addend int64) int64 {
	return int64(s.t.addr) + addend - int64(k.threadLen)
}

func (k *linker) applyX86(s *site) string {
	size := uint64(4)
	switch elf.R_X86_64(s.typ) {
	case elf.R_X86_64_64, elf.R_X86_64_PC64, elf.R_X86_64_DTPOFF64, elf.R_X86_64_TPOFF64, elf.R_X86_64_GOTOFF64, elf.R_X86_64_GOTPC64, elf.R_X86_64_GOT64, elf.R_X86_64_GOTPCREL64, elf.R_X86_64_SIZE64, elf.R_X86_64_PLTOFF64:
		size = 8
	case elf.R_X86_64_16, elf.R_X86_64_PC16:
		size = 2
	case elf.R_X86_64_8, elf.R_X86_64_PC8, elf.R_X86_64_TLSDESC_CALL:
		size = 1
	}
	if !s.room(0, size) {
		return outOfBounds
	}
	got := int64(k.bssEnd)
	p, a := int64(s.addr), s.addend
	switch typ := elf.R_X86_64(s.typ); typ {
	case elf.R_X86_64_64:
		le.PutUint64(s.b[s.at:], k.word(s.addr, s.t, a))
	case elf.R_X86_64_PC32, elf.R_X86_64_PLT32:
		if s.t.kind == gone {
			return s.put32(-p, true)
		}
		to := int64(0)
		if typ == elf.R_X86_64_PLT32 || s.code && isX86Branch(s) {
			to = int64(k.called(s.t))
		} else {
			to = int64(k.referred(s.t))
		}
		return s.put32(to+a-p, true)
	case elf.R_X86_64_PC64:
		le.PutUint64(s.b[s.at:], uint64(int64(k.referred(s.t))+a-p))
	case elf.R_X86_64_32:
		return s.put32(int64(k.referred(s.t))+a, false)
	case elf.R_X86_64_32S:
		return s.put32(int64(k.referred(s.t))+a, true)
	case elf.R_X86_64_GOTPCREL, elf.R_X86_64_GOTPCRELX, elf.R_X86_64_REX_GOTPCRELX:
		if s.t.kind == here && !s.t.ifunc && a == -4 && s.code && shortenX86(s, typ != elf.R_X86_64_GOTPCREL) {
			return ""
		}
		return s.put32(int64(k.slot(s.t))+a-p, true)
	case elf.R_X86_64_GOT32:
		return s.put32(int64(k.slot(s.t))-got+a, true)
	case elf.R_X86_64_GOTPC32:
		return s.put32(got+a-p, true)
	case elf.R_X86_64_GOTPC64:
		le.PutUint64(s.b[s.at:], uint64(got+a-p))
	case elf.R_X86_64_GOTOFF64:
		le.PutUint64(s.b[s.at:], uint64(int64(k.referred(s.t))+a-got))
	case elf.R_X86_64_PLTOFF64:
		le.PutUint64(s.b[s.at:], uint64(int64(k.called(s.t))+a-got))
	case elf.R_X86_64_GOT64:
		le.PutUint64(s.b[s.at:], uint64(int64(k.slot(s.t))-got+a))
	case elf.R_X86_64_GOTPCREL64:
		le.PutUint64(s.b[s.at:], uint64(int64(k.slot(s.t))+a-p))
	case elf.R_X86_64_SIZE32, elf.R_X86_64_SIZE64:
		// What is not known is left 0: it is a number and leads nowhere.
	case elf.R_X86_64_16, elf.R_X86_64_PC16, elf.R_X86_64_8, elf.R_X86_64_PC8:
		v := int64(k.referred(s.t)) + a
		if typ == elf.R_X86_64_PC16 || typ == elf.R_X86_64_PC8 {
			v -= p
		}
		if s.b[s.at] = byte(v); size == 2 {
			s.b[s.at+1] = byte(v >> 8)
		}
	default:
		return k.applyX86Thread(s)
	}
	return ""
}

// isX86Branch reports whether a distance is that of a call or a jump: assemblers of
// before 2018 wrote PC32 there as well.
func isX86Branch(s *site) bool {
	if !s.room(1, 4) {
		return false
	}
	op := s.b[s.at-1]
	return op == 0xe8 || op == 0xe9 || op&0xf0 == 0x80 && s.at >= 2 && s.b[s.at-2] == 0x0f
}

// shortenX86 replaces a load of an address, or a call or jump by it, by what needs
// no global offset table. A mov is shortened by all linkers, the others where
// the relocation allows it.
func shortenX86(s *site, any bool) bool {
	if !s.room(2, 4) {
		return false
	}
	b := s.b[s.at-2 : s.at+4]
	far := int64(s.t.addr) - int64(s.addr) // from the place on
	fits := func(v int64) bool { return v == int64(int32(v)) }
	switch {
	case b[0] == 0x8b && b[1]&0xc7 == 0x05 && fits(far-4):
		b[0] = 0x8d // lea
		le.PutUint32(b[2:], uint32(far-4))
	case any && b[0] == 0xff && b[1] == 0x15 && fits(far-4):
		b[0], b[1] = 0x67, 0xe8 // addr32 call
		le.PutUint32(b[2:], uint32(far-4))
	case any && b[0] == 0xff && b[1] == 0x25 && fits(far-3):
		b[0] = 0xe9
		le.PutUint32(b[1:], uint32(far-3))
		b[5] = 0x90
	default:
		return false
	}
	return true
}

// applyX86Thread applies what is about thread-local data ("ELF Handling For
// Thread-Local Storage", Drepper, 4.4.6 and 5). A program has its own variables at
// places that are known when it is linked, so the general ways are replaced.
func (k *linker) applyX86Thread(s *site) string {
	own := s.t.kind == thread
	off := k.threadX86(s, s.addend)
	switch elf.R_X86_64(s.typ) {
	case elf.R_X86_64_TPOFF32:
		return s.put32(off, true)
	case elf.R_X86_64_TPOFF64:
		le.PutUint64(s.b[s.at:], uint64(off))
	case elf.R_X86_64_DTPOFF32:
		if !s.code {
			off = int64(s.t.addr) + s.addend
		}
		return s.put32(off, true)
	case elf.R_X86_64_DTPOFF64:
		le.PutUint64(s.b[s.at:], uint64(int64(s.t.addr)+s.addend))
	case elf.R_X86_64_GOTTPOFF:
		if own && s.addend == -4 && threadLoadX86(s, off+4) {
			return ""
		}
		return s.put32(int64(k.slot(s.t))+s.addend-int64(s.addr), true)
	case elf.R_X86_64_TLSGD:
		if own && threadCallX86(s, []byte{0x66, 0x48, 0x8d, 0x3d}, []byte{0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x8d, 0x80}, off+4) {
			return ""
		}
		return s.put32(int64(k.slot(s.t))+s.addend-int64(s.addr), true)
	case elf.R_X86_64_TLSLD:
		if moduleX86(s) {
			return ""
		}
		return s.put32(int64(k.slot(s.t))+s.addend-int64(s.addr), true)
	case elf.R_X86_64_GOTPC32_TLSDESC:
		if own && s.room(3, 4) && s.b[s.at-2] == 0x8d && s.b[s.at-1]&0xc7 == 0x05 {
			r := s.b[s.at-1] >> 3 & 7
			s.b[s.at-3] = 0x48 | s.b[s.at-3]>>2&1
			s.b[s.at-2], s.b[s.at-1] = 0xc7, 0xc0|r
			return s.put32(off+4, true)
		}
		return s.put32(int64(k.slot(s.t))+s.addend-int64(s.addr), true)
	case elf.R_X86_64_TLSDESC_CALL:
		if own && s.room(0, 2) && s.b[s.at] == 0xff && s.b[s.at+1] == 0x10 {
			s.b[s.at], s.b[s.at+1] = 0x66, 0x90
		}
	default:
		return unknownType
	}
	return ""
}

// threadLoadX86 makes of "mov x@gottpoff(%rip),%r" and of "add" one with a number.
func threadLoadX86(s *site, off int64) bool {
	if !s.room(3, 4) || off != int64(int32(off)) || s.b[s.at-1]&0xc7 != 0x05 {
		return false
	}
	b := s.b[s.at-3:]
	r := b[2] >> 3 & 7
	switch {
	case b[0]&0xfb != 0x48:
		return false
	case b[1] == 0x8b:
		b[0], b[1], b[2] = 0x48|b[0]>>2&1, 0xc7, 0xc0|r
	case b[1] == 0x03 && r == 4: // lea of rsp or r12 would need a byte more
		b[0], b[1], b[2] = 0x48|b[0]>>2&1, 0x81, 0xc0|r
	case b[1] == 0x03:
		b[0], b[1], b[2] = 0x48|b[0]>>2&1|b[0]&4, 0x8d, 0x80|r|r<<3
	default:
		return false
	}
	le.PutUint32(s.b[s.at:], uint32(off))
	return true
}

// threadCallX86 replaces "data16 lea x@tlsgd(%rip),%rdi; … call __tls_get_addr" by code with the number at its end.
func threadCallX86(s *site, before, code []byte, off int64) bool {
	if !s.room(4, 12) || off != int64(int32(off)) || !bytes.Equal(s.b[s.at-4:s.at], before) {
		return false
	}
	c := s.b[s.at+4 : s.at+8]
	if c[3] != 0xe8 && (c[2] != 0xff || c[3] != 0x15) {
		return false
	}
	b := s.b[s.at-4 : s.at+12]
	le.PutUint32(b[copy(b, code):], uint32(off))
	s.done = [2]uint64{s.at + 4, s.at + 12}
	return true
}

// moduleX86 replaces "lea x@tlsld(%rip),%rdi; call __tls_get_addr" by a load of the
// thread pointer.
func moduleX86(s *site) bool {
	if !s.room(3, 9) || s.b[s.at-3] != 0x48 || s.b[s.at-2] != 0x8d || s.b[s.at-1] != 0x3d {
		return false
	}
	load := []byte{0x66, 0x66, 0x66, 0x66, 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0}
	switch {
	case s.b[s.at+4] == 0xe8:
		s.done = [2]uint64{s.at + 4, s.at + 9}
		load = load[1:]
	case s.b[s.at+4] == 0xff && s.b[s.at+5] == 0x15 && s.room(3, 10):
		s.done = [2]uint64{s.at + 4, s.at + 10}
	default:
		return false
	}
	copy(s.b[s.at-3:], load)
	return true
}
