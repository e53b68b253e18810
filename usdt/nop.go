package usdt

import (
	"debug/elf"
	"fmt"
	"strings"

	"github.com/probels/probels/elfsym"
)

// A Nop is what stands at a site: the instruction that a uprobe replaces.
type Nop uint8

const (
	// OtherCode is no nop known to us: the site is in the middle of code that
	// does something.
	OtherCode Nop = iota

	// PlainNop is the machine's nop, as <sys/sdt.h> emits it.
	PlainNop

	// NopNop5 and NopNop10 are a one-byte nop with a five- or ten-byte one
	// behind it, for x86-64: libbpf's usdt.h emits them. A kernel that can
	// replace the long nop by a call runs such a probe without a trap; it does
	// so at FastOffset. An older one refuses the ten-byte nop itself, for its
	// CS prefix, so the note names the short one.
	NopNop5
	NopNop10

	// Nop5 and Nop10 are the long nops alone.
	Nop5
	Nop10
)

var nopNames = [...]string{"other", "nop", "nop,nop5", "nop,nop10", "nop5", "nop10"}

func (n Nop) String() string {
	if int(n) < len(nopNames) {
		return nopNames[n]
	}
	return fmt.Sprintf("Nop(%d)", n)
}

// FastOffset is how far behind the site, in bytes, the long nop begins, and
// whether there is one.
func (n Nop) FastOffset() (elfsym.Offset, bool) {
	switch n {
	case NopNop5, NopNop10:
		return 1, true
	case Nop5, Nop10:
		return 0, true
	}
	return 0, false
}

// The long nops as assemblers write them (Intel SDM, "Recommended Multi-Byte
// Sequence of NOP Instruction").
const (
	nop1  = "\x90"
	nop5  = "\x0f\x1f\x44\x00\x00"
	nop10 = "\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"
)

// ReadNop reads what stands at a site of f: one read of 11 bytes, so ask only for
// the sites that matter. The error is the site's own Err, or that of the read.
func ReadNop(f *elfsym.File, s *Site) (Nop, error) {
	if s.Err != nil {
		return OtherCode, s.Err
	}
	code, err := f.Code(s.Offset, len(nop1)+len(nop10))
	if err != nil {
		return OtherCode, err
	}
	return recognise(f, string(code)), nil
}

func recognise(f *elfsym.File, code string) Nop {
	switch f.Machine() {
	case elf.EM_X86_64, elf.EM_386:
		rest, short := strings.CutPrefix(code, nop1)
		switch {
		case short && strings.HasPrefix(rest, nop5):
			return NopNop5
		case short && strings.HasPrefix(rest, nop10):
			return NopNop10
		case short:
			return PlainNop
		case strings.HasPrefix(code, nop5):
			return Nop5
		case strings.HasPrefix(code, nop10):
			return Nop10
		}
		return OtherCode
	}
	for _, nop := range plainNops(f.Machine()) {
		b := []byte(nop)
		if f.ByteOrder() == elf.ELFDATA2LSB {
			for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
				b[i], b[j] = b[j], b[i]
			}
		}
		if strings.HasPrefix(code, string(b)) {
			return PlainNop
		}
	}
	return OtherCode
}

// plainNops are the encodings of a machine's nop, most significant byte first.
func plainNops(m elf.Machine) []string {
	switch m {
	case elf.EM_AARCH64:
		return []string{"\xd5\x03\x20\x1f"}
	case elf.EM_ARM: // mov r0,r0 and nop; Thumb mov r8,r8 and nop
		return []string{"\xe1\xa0\x00\x00", "\xe3\x20\xf0\x00", "\x46\xc0", "\xbf\x00"}
	case elf.EM_PPC64, elf.EM_PPC: // ori 0,0,0
		return []string{"\x60\x00\x00\x00"}
	case elf.EM_S390: // bc 0,0, which <sys/sdt.h> emits; bcr 0,%r0 and bcr 0,%r7
		return []string{"\x47\x00\x00\x00", "\x07\x00", "\x07\x07"}
	case elf.EM_RISCV: // addi x0,x0,0 and c.nop
		return []string{"\x00\x00\x00\x13", "\x00\x01"}
	case elf.EM_MIPS: // sll $0,$0,0
		return []string{"\x00\x00\x00\x00"}
	case elf.EM_LOONGARCH: // andi $r0,$r0,0
		return []string{"\x03\x40\x00\x00"}
	}
	return nil
}
