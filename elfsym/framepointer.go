package elfsym

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"

	"github.com/probels/probels/internal/cfi"
)

// FramePointers says whether a file's functions keep a frame pointer, without
// which the stack traces of bpf_get_stack end early: the kernel follows the chain
// of saved frame pointers and nothing else.
//
// It rests on a sample of functions, spread over the file. One that makes a frame
// counts as keeping the pointer if the register is set up as such, and functions
// that make none do not count.
type FramePointers struct {
	Sampled int // functions looked at
	Framed  int // of those, how many make a frame
	Kept    int // of these, how many set the frame pointer up
}

// Verdict is "yes" if nine of ten functions keep the frame pointer, "no" if at
// most one of ten does, "mixed" in between, and "" if nothing can be said.
func (p FramePointers) Verdict() string {
	switch {
	case p.Framed == 0:
		return ""
	case 10*p.Kept >= 9*p.Framed:
		return "yes"
	case 10*p.Kept <= p.Framed:
		return "no"
	}
	return "mixed"
}

func (p FramePointers) String() string {
	if p.Framed == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%s (%d of %d functions)", p.Verdict(), p.Kept, p.Framed)
}

// frameSample is how many functions are looked at.
const frameSample = 1000

// frameRegister is the DWARF number of the register that the psABI has for a
// frame pointer.
func frameRegister(m elf.Machine) (reg uint64, ok bool) {
	switch m {
	case elf.EM_X86_64:
		return 6, true
	case elf.EM_386:
		return 5, true
	case elf.EM_AARCH64:
		return 29, true
	case elf.EM_RISCV:
		return 8, true
	case elf.EM_LOONGARCH:
		return 22, true
	}
	return 0, false
}

// FramePointers looks at a sample of the file's functions: at their call frame
// information, on arm64 at their first instructions too, and at those alone where
// there is none, as of Go's. It knows x86-64, i386, arm64, riscv and loongarch; on
// other machines it says nothing, and so it does where it finds no functions. An
// error says what could not be read; what is told is of the rest.
func (f *File) FramePointers() (FramePointers, error) {
	var p FramePointers
	reg, ok := frameRegister(f.hdr.machine)
	if !ok || f.DebugOnly() {
		return p, nil
	}
	if f.GoVersion() != "" {
		if t, err := f.GoFuncs(); t != nil && err == nil {
			return f.goFramePointers(t)
		}
	}
	tables := f.frames()
	var first error
	if tables.eh != nil {
		for d, err := range tables.eh.Sample(frameSample) {
			if err != nil {
				if first == nil {
					first = frameError(err)
				}
				continue
			}
			f.countFrame(&p, tables.eh, &d, reg)
		}
	}
	if p.Framed == 0 && first == nil && tables.err == nil {
		return f.symbolFramePointers()
	}
	if first == nil {
		first = tables.err
	}
	return p, first
}

// countFrame counts a function by its call frame information: it makes a frame if
// the CFA is computed otherwise somewhere than at its entry, and keeps the
// pointer if it is computed from that register somewhere.
func (f *File) countFrame(p *FramePointers, t *cfi.Table, d *cfi.FDE, reg uint64) {
	entry := d.Initial()
	framed, kept, computed := false, false, false
	first := true
	for r, err := range t.Rows(d) {
		if err != nil {
			return
		}
		c := r.CFA
		same := c.Reg == entry.Reg && c.Offset == entry.Offset && c.Expr == nil
		if first && !same {
			return // a part of a function
		}
		first = false
		framed = framed || !same
		computed = computed || c.Expr != nil
		kept = kept || c.Known && c.Expr == nil && c.Reg == reg
	}
	p.Sampled++
	if !framed {
		return
	}
	p.Framed++
	if !kept && (f.hdr.machine == elf.EM_AARCH64 || computed) {
		// gcc computes the CFA from sp even where x29 has been set up, and by an
		// expression where a function aligns its stack.
		_, kept = f.prologue(Addr(d.Start), d.Size)
	}
	if kept {
		p.Kept++
	}
}

// prologueBytes is how far into a function its prologue is looked for; Go's has a
// check of the stack's size before.
const prologueBytes = 128

// prologue looks at a function's first instructions.
func (f *File) prologue(a Addr, size uint64) (framed, kept bool) {
	off, err := f.segs.Code(a)
	if err != nil {
		return false, false
	}
	b, err := f.Code(off, int(min(size, prologueBytes)))
	if err != nil {
		return false, false
	}
	switch f.hdr.machine {
	case elf.EM_X86_64, elf.EM_386:
		return prologueX86(b, f.hdr.machine == elf.EM_X86_64)
	case elf.EM_AARCH64:
		return prologueAArch64(b)
	case elf.EM_RISCV:
		return prologueRISCV(b)
	}
	return false, false
}

// prologueX86 looks for what sets up a frame: pushes and "sub $n,%rsp", and for
// "mov %rsp,%rbp" or, as Go had it before 1.21, "lea n(%rsp),%rbp".
func prologueX86(b []byte, is64 bool) (framed, kept bool) {
	var rex []byte
	if is64 {
		rex = []byte{0x48}
	}
	has := func(code ...byte) bool { return bytes.Contains(b, append(rex[:len(rex):len(rex)], code...)) }
	kept = has(0x89, 0xe5) || has(0x8b, 0xec) || has(0x8d, 0x6c, 0x24) || has(0x8d, 0xac, 0x24)
	first := b
	if len(first) >= 4 && first[0] == 0xf3 && first[1] == 0x0f && first[2] == 0x1e { // endbr
		first = first[4:]
	}
	if len(first) > 1 && first[0] == 0x41 {
		first = first[1:]
	}
	framed = kept || len(first) > 0 && first[0]&0xf8 == 0x50 || has(0x83, 0xec) || has(0x81, 0xec)
	return framed, kept
}

// prologueAArch64 looks for "stp x29,x30,[sp,…]" or "str x30,[sp,…]!", and for
// "add x29,sp,#n" (mov x29,sp) or Go's "sub x29,sp,#8".
func prologueAArch64(b []byte) (framed, kept bool) {
	for ; len(b) >= 4; b = b[4:] {
		w := binary.LittleEndian.Uint32(b)
		switch {
		case w&0xffc003ff == 0x910003fd, w&0xffc003ff == 0xd10003fd:
			return true, true
		case w&0xfe407fff == 0xa8007bfd, w&0xffe00fff == 0xf8000ffe:
			framed = true
		case w == 0xd65f03c0: // ret
			return framed, false
		}
	}
	return framed, false
}

// prologueRISCV looks for "addi sp,sp,-n" and for "addi s0,sp,n", in 16 or 32 bits.
func prologueRISCV(b []byte) (framed, kept bool) {
	for len(b) >= 4 {
		if b[0]&3 != 3 {
			w := binary.LittleEndian.Uint16(b)
			switch {
			case w&0xe01f == 0 && w != 0: // c.addi4spn s0
				return true, true
			case w&0xef83 == 0x6101, w&0xef83 == 0x0101: // c.addi16sp, c.addi sp
				framed = true
			case w == 0x8082: // ret
				return framed, false
			}
			b = b[2:]
			continue
		}
		switch w := binary.LittleEndian.Uint32(b); {
		case w&0xfffff == 0x00010413:
			return true, true
		case w&0xfffff == 0x00010113:
			framed = true
		}
		b = b[4:]
	}
	return framed, false
}

// goFramePointers samples the functions of Go's own table: Go programs have no
// call frame information that is loaded.
func (f *File) goFramePointers(t *GoFuncTable) (FramePointers, error) {
	var p FramePointers
	stride := uint32(t.Len()/frameSample + 1)
	var first error
	for g, err := range t.Funcs() {
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		// Assembly makes its frames by hand.
		if g.Index%stride == 0 && !g.Asm {
			f.countPrologue(&p, g.Addr, g.Size)
		}
	}
	return p, first
}

// symbolFramePointers samples the functions that symbols name.
func (f *File) symbolFramePointers() (FramePointers, error) {
	var p FramePointers
	src := Symtab
	if f.Has(Symtab) == 0 {
		src = Dynsym
	}
	table, err := f.symbols(map[Source]int{Symtab: 0, Dynsym: 1}[src])
	if err != nil || table == nil {
		return p, err
	}
	stride := uint32(table.n/frameSample + 1)
	var first error
	for s, err := range f.Symbols(src) {
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if s.Index%stride == 0 && s.IsFunc() && s.Size > 0 {
			f.countPrologue(&p, s.Addr, s.Size)
		}
	}
	return p, first
}

func (f *File) countPrologue(p *FramePointers, a Addr, size uint64) {
	framed, kept := f.prologue(a, size)
	p.Sampled++
	if framed {
		p.Framed++
	}
	if kept {
		p.Kept++
	}
}
