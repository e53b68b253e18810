package elfsym

import "debug/elf"

// sttARMTFunc is STT_ARM_TFUNC, how old toolchains marked Thumb functions.
const sttARMTFunc = elf.SymType(13)

// adjust turns a symbol's value into an address, where its machine has a say in
// it.
func (f *File) adjust(s *Symbol, raw rawSymbol) error {
	switch f.hdr.machine {
	case elf.EM_ARM:
		if s.Type == sttARMTFunc {
			s.Type, s.Thumb = elf.STT_FUNC, true
		}
		// AAELF32: bit 0 of a function's value says that it is Thumb code.
		if s.Type == elf.STT_FUNC || s.Type == elf.STT_GNU_IFUNC {
			s.Thumb = s.Thumb || s.Addr&1 != 0
			s.Addr &^= 1
		}
	case elf.EM_MIPS:
		// Likewise for MIPS16 and microMIPS, in .dynsym.
		if s.Type == elf.STT_FUNC {
			s.Addr &^= 1
		}
	case elf.EM_PPC64:
		if !s.IsFunc() {
			return nil
		}
		if n := localEntryOffset(raw.other); n != 0 {
			s.LocalEntry = s.Addr + n
		}
		return f.followDescriptor(s, raw)
	}
	return nil
}

// localEntryOffset decodes the three bits of st_other that tell how far the
// local entry is behind the global one (ELFv2 ABI, 3.4.1): 0 and 1 mean that
// there is only one entry, 7 is reserved.
func localEntryOffset(other uint8) Addr {
	switch n := other >> 5; n {
	case 0, 1, 7:
		return 0
	default:
		return 1 << n
	}
}

// opdTable is the function descriptors of 64-bit PowerPC ELFv1: a function's
// symbol points here, and the first of a descriptor's three words at the code.
type opdTable struct {
	addr Addr
	data []byte
}

func (f *File) readOPD() (*opdTable, error) {
	if f.hdr.machine != elf.EM_PPC64 {
		return nil, nil
	}
	if s := f.Section(".opd"); s != nil {
		if s.Type == elf.SHT_NOBITS && f.code != nil {
			return f.code.opd()
		}
		if s.Type == elf.SHT_NOBITS {
			return nil, &FormatError{s.Name, s.Offset, "no bytes: the executable has them", ErrUnsupported}
		}
		b, err := f.bytes(uint64(s.Offset), s.Size, s.Name)
		return &opdTable{s.Addr, b}, err
	}
	d, err := f.dynamic()
	if err != nil {
		return nil, err
	}
	off, ok, err := f.offsetOf(d, dtPPC64OPD)
	if !ok && err == nil && f.code != nil {
		return f.code.opd() // a .gnu_debugdata has nothing but symbols
	}
	if !ok || err != nil {
		return nil, err
	}
	b, err := f.bytes(off, d.tags[dtPPC64OPDSZ], ".opd")
	return &opdTable{Addr(d.tags[dtPPC64OPD]), b}, err
}

func (f *File) followDescriptor(s *Symbol, raw rawSymbol) error {
	opd, err := f.opd()
	if err != nil || opd == nil {
		return err
	}
	at := uint64(s.Addr - opd.addr)
	if s.Addr < opd.addr || at >= uint64(len(opd.data)) {
		return nil // already the code ("." names)
	}
	fail := func(reason string) error {
		return &SymbolError{s.Source, raw.index, s.Name, reason, ErrDamaged}
	}
	if uint64(len(opd.data))-at < 8 {
		return fail("its function descriptor is cut off")
	}
	code := Addr(f.U64(opd.data[at:]))
	if code == 0 {
		return fail("its function descriptor is only filled in when the program is loaded")
	}
	// The size is the code's already: binutils gives descriptors none.
	s.Addr = code
	return nil
}
