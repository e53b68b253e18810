package offset

import (
	"context"
	"debug/elf"
	"encoding/binary"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/insn"
)

// implementations are the functions that an ifunc's resolver can return: those
// whose addresses its code makes. It is read and not run, so what the resolver
// computes otherwise (from a table, by calling others) is not among them.
func (t *Target) implementations(ctx context.Context, l *Location) []Location {
	size := l.Size
	const most = 64 << 10
	if size == 0 || size > most {
		return nil
	}
	code, err := t.code(l.Addr, l.Addr+elfsym.Addr(size))
	if err != nil {
		return nil
	}
	var addrs []elfsym.Addr
	switch t.f.Machine() {
	case elf.EM_X86_64:
		addrs = t.x86Addresses(code, l.Addr)
	case elf.EM_AARCH64:
		addrs = arm64Addresses(code, l.Addr)
	}
	var specs []Spec
	seen := map[elfsym.Addr]bool{}
	for _, a := range addrs {
		inside := a >= l.Addr && a < l.Addr+elfsym.Addr(size)
		if !seen[a] && !inside && t.f.Segments().IsCode(a) {
			seen[a] = true
			specs = append(specs, At(a))
		}
	}
	if len(specs) == 0 {
		return nil
	}
	results, err := t.Resolve(ctx, specs...)
	if err != nil && results == nil {
		return nil
	}
	var out []Location
	for i := range results {
		for _, found := range results[i].Locations {
			// In the middle of a function is a label, or a jump's table.
			if found.Name == "" || found.Addend == 0 {
				out = append(out, found)
			}
		}
	}
	return out
}

// x86Addresses are the targets of "lea disp32(%rip), reg".
func (t *Target) x86Addresses(code []byte, at elfsym.Addr) []elfsym.Addr {
	d := insn.For(elf.EM_X86_64, t.f.Class(), elf.ELFDATA2LSB, 0, false)
	if d == nil {
		return nil
	}
	var out []elfsym.Addr
	for off := 0; off < len(code); {
		i, err := d.Decode(code[off:], uint64(at)+uint64(off))
		if err != nil {
			break
		}
		n := int(i.Len)
		// The instruction ends in opcode, ModRM (mod 0, rm 5: %rip) and 4 bytes.
		if n >= 6 && code[off+n-6] == 0x8d && code[off+n-5]&0xc7 == 0x05 {
			disp := int64(int32(binary.LittleEndian.Uint32(code[off+n-4:])))
			out = append(out, elfsym.Addr(int64(at)+int64(off)+int64(n)+disp))
		}
		off += n
	}
	return out
}

// arm64Addresses are made by "adrp x, page" and, soon after, "add x, x, #low".
func arm64Addresses(code []byte, at elfsym.Addr) []elfsym.Addr {
	var out []elfsym.Addr
	var page [32]elfsym.Addr
	for off := 0; off+4 <= len(code); off += 4 {
		w := binary.LittleEndian.Uint32(code[off:])
		rd, rn := w&31, w>>5&31
		switch {
		case w&0x9f000000 == 0x90000000: // adrp
			imm := int64(w>>29&3|w>>5&0x7ffff<<2) << 43 >> 31
			page[rd] = elfsym.Addr((int64(at)+int64(off))&^0xfff + imm)
		case w&0xffc00000 == 0x91000000 && page[rn] != 0: // add (immediate), 64 bits, not shifted
			out = append(out, page[rn]+elfsym.Addr(w>>10&0xfff))
		}
	}
	return out
}
