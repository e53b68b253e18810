package offset

import (
	"debug/elf"
	"fmt"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/insn"
)

// exit adds an instruction of a part to the exits, if it is one.
func (s *exitSearch) exit(i *decoded, before []decoded, b []byte, p Range, parts *[]Range) {
	switch i.Kind {
	case insn.Return:
		s.add(i, Exit{Exit: ExitReturn, Conditional: i.Cond})
	case insn.Jump, insn.CondJump:
		target := elfsym.Addr(i.Target)
		if within(*parts, target) {
			return
		}
		name, start, size := s.r.functionAt(target)
		if name == "" {
			// The PLT has unwind information too, in which it is no function's beginning.
			name, start = s.stub(target), target
		}
		if name == "" {
			// Where there are no names, unwind information tells what is no function's
			// beginning.
			if fr, ok, err := s.r.t.f.FrameAt(target); err == nil && ok && fr.Part && fr.Size > 0 {
				name, start, size = splitName(p.Name), fr.Addr, fr.Size
			}
		}
		if size > 0 && len(*parts) < maxParts && splitOff(p.Name, name) {
			*parts = append(*parts, Range{start, start + elfsym.Addr(size), name})
			return
		}
		if name == "" && i.Kind == insn.CondJump {
			// Compilers make no conditional tail calls but for size, and move parts away
			// before a frame is made, too; then only a name would tell.
			s.add(i, Exit{Exit: ExitUnknown, Conditional: true, Target: target, Reason: "to code without a name: a part of the function that was moved away, or another function"})
			return
		}
		s.add(i, Exit{Exit: ExitTailCall, Conditional: i.Kind == insn.CondJump || i.Cond, Target: target, TargetName: withDistance(name, uint64(target-start))})
	case insn.IndirectJump:
		s.indirect(i, before, b, *parts)
	}
}

// stub is the name of the PLT entry at an address; "" if there is none.
func (s *exitSearch) stub(a elfsym.Addr) string {
	if s.stubs == nil {
		s.stubs = map[elfsym.Addr]string{}
		for stub, err := range s.r.t.f.Symbols(elfsym.PLT) {
			if err == nil { // told by who lists them
				s.stubs[stub.Addr] = stub.Name
			}
		}
	}
	return s.stubs[a]
}

func (s *exitSearch) add(i *decoded, e Exit) {
	l := s.found.Func
	e.Location = Location{Kind: KindAddr, Path: l.Path, BuildID: l.BuildID, Name: l.Name, Version: l.Version, Default: l.Default,
		Sources: l.Sources, Type: l.Type, File: l.File, Size: l.Size}
	e.Addr, e.Addend = i.addr, uint64(i.addr-s.start)
	off, err := s.r.t.f.Segments().Code(i.addr)
	if err != nil {
		s.found.Undecoded = append(s.found.Undecoded, Undecoded{i.addr, uint64(i.Len), err})
		return
	}
	e.Offset = off
	s.found.Exits = append(s.found.Exits, e)
}

func within(parts []Range, a elfsym.Addr) bool {
	for _, p := range parts {
		if a >= p.Start && a < p.End {
			return true
		}
	}
	return false
}

// splitOff reports whether name is that of code that a compiler moved out of a
// function, and that is reached by jumps: "f.cold" (GCC, LLVM's "f.cold.1" is a
// function of its own, which is called), or the function itself seen from there.
func splitOff(from, name string) bool {
	base := func(s string) string {
		if i := strings.Index(s, ".cold"); i > 0 && !strings.Contains(s[i+5:], ".") {
			return s[:i]
		}
		return strings.TrimSuffix(s, "__cold")
	}
	return name != "" && name != from && base(name) == base(from)
}

// splitName is what a compiler calls the part that it moved out of a function.
func splitName(name string) string {
	if i := strings.Index(name, ".cold"); i > 0 {
		return name[:i] // jumped back from there, into another part
	}
	return name + ".cold"
}

// functionAt is the function that covers an address: its best name, "" if none
// does, and where it is.
func (r *resolution) functionAt(a elfsym.Addr) (name string, start elfsym.Addr, size uint64) {
	if syms := r.near(a).Covering(a); len(syms) > 0 {
		f := best(syms)
		return f.Name, f.Addr, f.Size
	}
	return "", a, 0
}

func withDistance(name string, n uint64) string {
	if name == "" || n == 0 {
		return name
	}
	return fmt.Sprintf("%s+0x%x", name, n)
}

// indirect judges a jump to what a register or memory holds.
func (s *exitSearch) indirect(i *decoded, before []decoded, b []byte, parts []Range) {
	switch s.r.t.f.Machine() {
	case elf.EM_X86_64, elf.EM_386:
		s.indirectX86(i, before, parts)
		return
	case elf.EM_S390:
		if s390Returns(i, before, b) {
			s.add(i, Exit{Exit: ExitReturn, Conditional: i.Cond})
			return
		}
	case elf.EM_AARCH64:
		if arm64Table(i, before, b) {
			return
		}
	case elf.EM_RISCV:
		if target, ok := riscvTail(i, before, b); ok {
			if within(parts, target) {
				return
			}
			name, start, _ := s.r.functionAt(target)
			s.add(i, Exit{Exit: ExitTailCall, Target: target, TargetName: withDistance(name, uint64(target-start))})
			return
		}
	case elf.EM_ARM:
		if armTable(i, b, s.thumb) {
			return
		}
	}
	s.add(i, Exit{Exit: ExitUnknown, Conditional: i.Cond, Reason: "the address is in a register: a tail call through a pointer, or a switch"})
}

// indirectX86 knows these forms of compilers:
//
//	notrack jmp *REG             a switch: -fcf-protection gives a tail call no notrack
//	movslq (B,I,4),R; add B,R;   a switch of position-independent code; a relative
//	jmp *R                       vtable is not indexed by a register
//	jmp *TABLE(,I,8)             a switch, if what TABLE begins with lies within the function
//	jmp *SLOT(%rip)              a tail call through the global offset table
func (s *exitSearch) indirectX86(i *decoded, before []decoded, parts []Range) {
	x := &i.X86
	if x.Prefixes&insn.PrefixDS != 0 {
		return
	}
	wide := s.r.t.f.Class() == elf.ELFCLASS64 || s.r.t.f.Machine() == elf.EM_X86_64
	reason := "the address is in a register: a tail call through a pointer, or a computed goto"
	mod, rm := x.ModRM>>6, x.ModRM&7
	switch {
	case x.HasModRM && mod == 3:
		if switchTable(i, before) {
			return
		}
	case wide && mod == 0 && rm == 5:
		slot := i.addr + elfsym.Addr(i.Len) + elfsym.Addr(int64(x.Disp))
		name, _, _ := s.r.functionAt(slot)
		s.add(i, Exit{Exit: ExitTailCall, TargetName: name})
		return
	case mod == 0 && rm == 4 && x.SIB&7 == 5 && x.SIB>>3&7 != 4:
		inside, known := s.table(elfsym.Addr(uint32(x.Disp)), x.SIB>>6, parts)
		if known && inside {
			return
		}
		reason = "the address is in a table that only a running program has: a switch, or a tail call through an array of pointers"
		if known {
			s.add(i, Exit{Exit: ExitTailCall})
			return
		}
	default:
		reason = "the address is in memory: a tail call through a pointer, or an interpreter's jump to the next operation"
	}
	s.add(i, Exit{Exit: ExitUnknown, Reason: reason})
}

// table looks where the first entry of a jump table at a fixed address goes;
// known is false where the file does not have it.
func (s *exitSearch) table(a elfsym.Addr, scale byte, parts []Range) (inside, known bool) {
	f := s.r.t.f
	n := 1 << scale
	off, err := f.Segments().Offset(a)
	if err != nil || n < 4 {
		return false, false
	}
	b, err := f.Code(off, n)
	if err != nil || len(b) < n {
		return false, false
	}
	var v elfsym.Addr
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | elfsym.Addr(b[i])
	}
	if within(parts, v) {
		return true, true
	}
	_, start, size := s.r.functionAt(v)
	return false, v == start && size > 0
}

// switchTable reports whether the register that a jump goes through was loaded
// from a table of 32-bit distances, indexed by a register, and added to.
func switchTable(i *decoded, before []decoded) bool {
	added := false
	for k := len(before) - 1; k >= 0; k-- {
		x := &before[k].X86
		rm, reg := int8(x.ModRM&7|x.REX&1<<3), int8(x.ModRM>>3&7|x.REX&4<<1)
		if !x.HasModRM || x.Map != 0 || x.Encoding != insn.Legacy {
			continue
		}
		scaled := x.ModRM&7 == 4 && x.ModRM>>6 < 3 && x.SIB>>6 == 2 && (x.SIB>>3&7 != 4 || x.REX&2 != 0)
		switch {
		case x.Opcode == 0x01 && x.ModRM>>6 == 3 && rm == i.Reg, x.Opcode == 0x03 && x.ModRM>>6 == 3 && reg == i.Reg:
			added = true
		case (x.Opcode == 0x63 || x.Opcode == 0x8b || x.Opcode == 0x03) && scaled:
			// movslq, mov or add from the table; where the sum is in the other register, the
			// distance was added to the base.
			return added || reg == i.Reg && x.Opcode == 0x03
		}
	}
	return false
}
