package capture

import (
	"debug/elf"
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"

	"github.com/probels/probels/internal/abi"
	"github.com/probels/probels/usdt/operand"
)

// A Source is where a 64-bit number is. Make one with Arg, Param, Result, Field,
// Kept, Deref or If.
type Source struct {
	// fetch makes instructions as usdtbpf.Place.Fetch does: the context is in R6, the number
	// goes to slot and 0 or a negative error number to R0, and R6, R7 and R9 stay.
	fetch func(b *builder, s *Site, slot int16) (asm.Instructions, error)

	reads bool // memory that may have to be waited for
}

// Arg is an argument of a USDT probe, or anything that is in a register or memory.
func Arg(a operand.Arg) Source {
	return Source{fetch: func(_ *builder, s *Site, slot int16) (asm.Instructions, error) {
		return s.Place.Fetch(a, slot)
	}}
}

// Param is the n-th parameter of a C function at its entry, from 0, if it and those
// before it are integers and pointers: all 64 bits of it, of which a narrower
// parameter has the lowest, and the others may be anything.
func Param(n int) Source { return SizedParam(n, 0, false) }

// SizedParam is Param for a parameter of size bytes, 1, 2, 4 or 8, or a word of the
// program's if that is 0.
func SizedParam(n, size int, signed bool) Source {
	return Source{fetch: func(_ *builder, s *Site, slot int16) (asm.Instructions, error) {
		if n < 0 || n > 255 {
			return nil, fmt.Errorf("no function has a parameter %d", n)
		}
		f := s.function()
		for range n + 1 {
			f.Params = append(f.Params, word(f))
		}
		params, _ := abi.Locate(f)
		a, err := number(params[n], size, signed)
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w", n, err)
		}
		return s.Place.Fetch(a, slot)
	}}
}

// Result is what a C function returns that returns an integer or a pointer. The site
// has Return set, or is one of the function's exits.
func Result() Source { return SizedResult(0, false) }

// SizedResult is Result for one of size bytes, as SizedParam.
func SizedResult(size int, signed bool) Source {
	return Source{fetch: func(_ *builder, s *Site, slot int16) (asm.Instructions, error) {
		f := s.function()
		f.Results = []*abi.Type{word(f)}
		_, results := abi.Locate(f)
		a, err := number(results[0], size, signed)
		if err != nil {
			return nil, fmt.Errorf("result: %w", err)
		}
		return s.Place.Fetch(a, slot)
	}}
}

func (s *Site) function() *abi.Func {
	return &abi.Func{Machine: s.Place.Machine, Class: s.Place.Class, Big: s.Place.Order == elf.ELFDATA2MSB}
}

// word is a pointer.
func word(f *abi.Func) *abi.Type {
	n := int64(8)
	if f.Class == elf.ELFCLASS32 {
		n = 4
	}
	return &abi.Type{Kind: abi.Pointer, Size: n}
}

// number is a value that is in one place, as an argument.
func number(v abi.Value, size int, signed bool) (operand.Arg, error) {
	if v.Err != nil {
		return operand.Arg{}, v.Err
	}
	if len(v.Places) != 1 || v.Places[0].Off != 0 || v.Indirect {
		return operand.Arg{}, abi.ErrUnknown
	}
	p := v.Places[0]
	if size == 0 {
		size = int(p.Size)
	}
	if size > int(p.Size) {
		return operand.Arg{}, fmt.Errorf("%d bytes are more than a word", size)
	}
	return operand.Arg{Operand: p.Operand, Size: size, Signed: signed}, nil
}

// Field is 8 bytes of a tracepoint's context, at an offset that is a multiple of 8. The
// file "format" of each tracepoint below /sys/kernel/tracing/events has the offsets.
func Field(off int16) Source {
	return Source{fetch: func(_ *builder, s *Site, slot int16) (asm.Instructions, error) {
		if s.Tracepoint == "" {
			return nil, errors.New("a field, and no tracepoint")
		}
		if off < 8 || off%8 != 0 {
			return nil, fmt.Errorf("no field of a tracepoint is 8 bytes at %d", off)
		}
		return asm.Instructions{
			asm.LoadMem(asm.R1, asm.R6, off, asm.DWord),
			asm.StoreMem(asm.RFP, slot, asm.R1, asm.DWord),
			asm.Mov.Imm(asm.R0, 0),
		}, nil
	}}
}

// Kept is the number that the thread's last hit of a site with [Site.Keep] has left:
// a parameter, for the function's return. In a function that calls itself it is the
// innermost call's.
func Kept() Source {
	return Source{fetch: func(b *builder, _ *Site, slot int16) (asm.Instructions, error) {
		end := b.label()
		return asm.Instructions{
			asm.FnGetCurrentPidTgid.Call(),
			asm.StoreMem(asm.RFP, slot, asm.R0, asm.DWord),
			asm.LoadMapPtr(asm.R1, b.maps.kept.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, int32(slot)),
			asm.FnMapLookupElem.Call(),
			asm.Mov.Imm(asm.R1, 0),
			asm.StoreMem(asm.RFP, slot, asm.R1, asm.DWord),
			asm.Mov.Imm(asm.R1, -enoent),
			asm.JEq.Imm(asm.R0, 0, end),
			asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
			asm.StoreMem(asm.RFP, slot, asm.R1, asm.DWord),
			asm.Mov.Imm(asm.R1, 0),
			asm.Mov.Reg(asm.R0, asm.R1).WithSymbol(end),
		}, nil
	}}
}

// Deref is the number of size bytes, 1, 2, 4 or 8, that is off bytes behind where
// another one points: a member of a structure.
func Deref(pointer Source, off int32, size int, signed bool) Source {
	return Source{reads: true, fetch: func(b *builder, s *Site, slot int16) (asm.Instructions, error) {
		widths := map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}
		width, ok := widths[size]
		if !ok {
			return nil, fmt.Errorf("no number of %d bytes", size)
		}
		ins, err := pointer.fetch(b, s, slot)
		if err != nil {
			return nil, err
		}
		end := b.label()
		ins = append(ins,
			asm.JNE.Imm(asm.R0, 0, end),
			asm.LoadMem(asm.R8, asm.RFP, slot, asm.DWord),
			asm.Add.Imm(asm.R8, off),
		)
		read := func(helper asm.BuiltinFunc) {
			ins = append(ins,
				asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, int32(slot)),
				asm.Mov.Imm(asm.R2, int32(size)),
				asm.Mov.Reg(asm.R3, asm.R8),
				helper.Call(),
			)
		}
		read(asm.FnProbeReadUser)
		if b.sleep {
			got := b.label()
			ins = append(ins, asm.JEq.Imm(asm.R0, 0, got))
			read(asm.FnCopyFromUser)
			ins = append(ins, asm.Mov.Reg(asm.R0, asm.R0).WithSymbol(got))
		}
		ins = append(ins, asm.LoadMem(asm.R1, asm.RFP, slot, width))
		if n := int32(64 - 8*size); n > 0 && signed {
			ins = append(ins, asm.LSh.Imm(asm.R1, n), asm.ArSh.Imm(asm.R1, n))
		}
		return append(ins,
			asm.StoreMem(asm.RFP, slot, asm.R1, asm.DWord),
			asm.Mov.Reg(asm.R0, asm.R0).WithSymbol(end),
		), nil
	}}
}

// If is one number where cond is among some, and else another one.
func If(cond Source, among []uint32, then, otherwise Source) Source {
	return Source{reads: cond.reads || then.reads || otherwise.reads, fetch: func(b *builder, s *Site, slot int16) (asm.Instructions, error) {
		ins, err := cond.fetch(b, s, slot)
		if err != nil {
			return nil, err
		}
		yes, end := b.label(), b.label()
		ins = append(ins, asm.JNE.Imm(asm.R0, 0, end), asm.LoadMem(asm.R2, asm.RFP, slot, asm.DWord))
		more, err := jumpAmong(among, yes)
		if err != nil {
			return nil, err
		}
		ins = append(ins, more...)
		no, err := otherwise.fetch(b, s, slot)
		if err != nil {
			return nil, err
		}
		ins = append(append(ins, no...), asm.Ja.Label(end), asm.Mov.Imm(asm.R0, 0).WithSymbol(yes))
		then, err := then.fetch(b, s, slot)
		if err != nil {
			return nil, err
		}
		return append(append(ins, then...), asm.Mov.Reg(asm.R0, asm.R0).WithSymbol(end)), nil
	}}
}

// jumpAmong jumps where R2 is among some numbers.
func jumpAmong(among []uint32, label string) (ins asm.Instructions, err error) {
	if len(among) > 256 {
		return nil, fmt.Errorf("%d numbers to tell, of at most 256", len(among))
	}
	for _, n := range among {
		if n > math.MaxInt32 {
			return nil, fmt.Errorf("%d is more than %d", n, math.MaxInt32)
		}
		ins = append(ins, asm.JEq.Imm(asm.R2, int32(n), label))
	}
	return ins, nil
}

const enoent = 2
