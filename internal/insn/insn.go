package insn

import (
	"debug/elf"
	"errors"
)

// A Kind is what an instruction does to the flow of control.
type Kind uint8

const (
	Other        Kind = iota // goes on to what follows it
	Return                   // to the caller
	Jump                     // to Target
	CondJump                 // to Target or on
	IndirectJump             // to what a register or memory holds
	Call                     // of Target
	IndirectCall
	Trap // never goes on: an instruction that is defined to be undefined
)

// An Inst is one instruction.
type Inst struct {
	Len  uint8 // bytes, 1 to 15
	Kind Kind

	// Cond is set for a Return, an IndirectJump or a Call that a condition may
	// skip, as 32-bit ARM and PowerPC have. A CondJump always has one.
	Cond bool

	// Target is where a Jump, CondJump or Call goes. Of a Call on arm that
	// changes between A32 and T32 it has no mark of that.
	Target uint64

	// Reg is the register that an IndirectJump goes through, -1 if it reads the
	// address from memory.
	Reg int8

	X86 X86 // of x86 only
}

var (
	// ErrShort: the bytes end within the instruction.
	ErrShort = errors.New("the bytes end within the instruction")

	// ErrUndefined: no instruction that this package knows.
	ErrUndefined = errors.New("no known instruction")

	// ErrAmbiguous: processors differ on how long it is.
	ErrAmbiguous = errors.New("its length depends on the maker of the processor")
)

// A Decoder decodes the instructions of one machine. It has no state.
type Decoder struct {
	decode func(b []byte, addr uint64) (Inst, error)

	// Align is the number of bytes that instructions are aligned to.
	Align uint64

	// MaxLen is the number of bytes of the longest instruction.
	MaxLen int
}

// Decode decodes the instruction at the beginning of b, which is at addr. Give it
// MaxLen bytes if there are so many: fewer are ErrShort if they are too few. With
// an error the Inst is the zero one.
func (d *Decoder) Decode(b []byte, addr uint64) (Inst, error) {
	i, err := d.decode(b, addr)
	if err != nil {
		return Inst{}, err
	}
	return i, nil
}

// For is the decoder of a file's code; nil if there is none. thumb asks for T32
// on 32-bit ARM, and means nothing elsewhere. flags are the ELF header's.
func For(m elf.Machine, c elf.Class, order elf.Data, flags uint32, thumb bool) *Decoder {
	big := order == elf.ELFDATA2MSB
	word := func(f func(w uint32, addr uint64) Inst, codeBig bool) *Decoder {
		return &Decoder{func(b []byte, addr uint64) (Inst, error) {
			if len(b) < 4 {
				return Inst{}, ErrShort
			}
			i := f(get32(b, codeBig), addr)
			i.Len = 4
			return i, nil
		}, 4, 4}
	}
	switch m {
	case elf.EM_X86_64: // x32 too: its code is 64-bit code
		return &Decoder{func(b []byte, addr uint64) (Inst, error) { return decodeX86(b, addr, true) }, 1, maxX86}
	case elf.EM_386:
		return &Decoder{func(b []byte, addr uint64) (Inst, error) { return decodeX86(b, addr, false) }, 1, maxX86}
	case elf.EM_AARCH64:
		return word(arm64, false) // instructions are little-endian in big-endian programs too
	case elf.EM_ARM:
		// BE8 (EF_ARM_BE8) has big-endian data and little-endian code.
		codeBig := big && flags&0x00800000 == 0
		if thumb {
			return &Decoder{func(b []byte, addr uint64) (Inst, error) { return thumb2(b, addr, codeBig) }, 2, 4}
		}
		return word(arm32, codeBig)
	case elf.EM_RISCV:
		return &Decoder{func(b []byte, addr uint64) (Inst, error) { return riscv(b, addr, c == elf.ELFCLASS64) }, 2, 8}
	case elf.EM_S390:
		return &Decoder{s390, 2, 6}
	case elf.EM_PPC64, elf.EM_PPC:
		return &Decoder{func(b []byte, addr uint64) (Inst, error) { return ppc(b, addr, big, m == elf.EM_PPC64) }, 4, 8}
	case elf.EM_MIPS:
		const micromips, mips16 = 0x02000000, 0x04000000
		if flags&(micromips|mips16) != 0 {
			return nil // their instructions have 2 or 4 bytes, and a file mixes them with the others
		}
		return word(mips, big)
	case elf.EM_LOONGARCH:
		return word(loong, false)
	}
	return nil
}

func get16(b []byte, big bool) uint32 {
	if big {
		return uint32(b[0])<<8 | uint32(b[1])
	}
	return uint32(b[1])<<8 | uint32(b[0])
}

func get32(b []byte, big bool) uint32 {
	if big {
		return get16(b, true)<<16 | get16(b[2:], true)
	}
	return get16(b[2:], false)<<16 | get16(b, false)
}

// signed is the lowest bits of w as a signed number, to be added to an address.
func signed(w uint32, bits uint) uint64 {
	return uint64(int64(int32(w<<(32-bits)) >> (32 - bits)))
}
