package bpfrun

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/asm"
)

var errUnknown = errors.New("not known here")

// step runs one instruction. done is set when the program has ended.
func (r *run) step(in asm.Instruction) (done bool, err error) {
	f := r.top()
	next := r.pc + 1
	switch op := in.OpCode; op.Class() {
	case asm.ALU64Class, asm.ALUClass:
		err = f.alu(in)
	case asm.LdClass:
		if !in.OpCode.IsDWordLoad() {
			return false, errUnknown
		}
		f.put(in.Dst, uint64(in.Constant))
	case asm.LdXClass:
		var a, v uint64
		if a, err = f.get(in.Src); err == nil && op.Mode() == asm.MemMode {
			if v, err = r.loadMem(a+uint64(int64(in.Offset)), op.Size().Sizeof()); err == nil {
				f.put(in.Dst, v)
			}
		} else if err == nil {
			err = errUnknown
		}
	case asm.StClass, asm.StXClass:
		v := uint64(in.Constant)
		if op.Class() == asm.StXClass {
			v, err = f.get(in.Src)
		}
		var a uint64
		if err == nil && op.Mode() != asm.MemMode {
			err = errUnknown
		}
		if err == nil {
			if a, err = f.get(in.Dst); err == nil {
				err = r.storeMem(a+uint64(int64(in.Offset)), op.Size().Sizeof(), v)
			}
		}
	case asm.JumpClass:
		switch op.JumpOp() {
		case asm.Exit:
			return r.exit()
		case asm.Call:
			next, err = r.call(in)
		default:
			next, err = r.jump(in)
		}
	default:
		err = errUnknown
	}
	if err == nil {
		r.pc = next
	}
	return false, err
}

// operands are the two that an instruction works on.
func (f *frame) operands(in asm.Instruction) (dst, src uint64, err error) {
	dst, err = f.get(in.Dst)
	src = uint64(in.Constant)
	if err == nil && in.OpCode.Source() == asm.RegSource {
		src, err = f.get(in.Src)
	}
	return dst, src, err
}

func (f *frame) alu(in asm.Instruction) error {
	op := in.OpCode.ALUOp()
	if op == asm.Mov {
		f.set[in.Dst] = true
	}
	dst, src, err := f.operands(in)
	if err != nil {
		return err
	}
	if in.Dst == asm.RFP {
		return errors.New("the frame pointer cannot be changed")
	}
	wide := in.OpCode.Class() == asm.ALU64Class
	width := uint64(64)
	if !wide {
		dst, src, width = uint64(uint32(dst)), uint64(uint32(src)), 32
	}
	switch op {
	case asm.LSh, asm.RSh, asm.ArSh:
		if in.OpCode.Source() == asm.ImmSource && src >= width {
			return errors.New("a shift by too much")
		}
		src &= width - 1
	}
	switch op {
	case asm.Mov:
		dst = src
	case asm.Add:
		dst += src
	case asm.Sub:
		dst -= src
	case asm.Mul:
		dst *= src
	case asm.And:
		dst &= src
	case asm.Or:
		dst |= src
	case asm.Xor:
		dst ^= src
	case asm.LSh:
		dst <<= src
	case asm.RSh:
		dst >>= src
	case asm.ArSh:
		if wide {
			dst = uint64(int64(dst) >> src)
		} else {
			dst = uint64(int32(dst) >> src)
		}
	default:
		return errUnknown
	}
	if !wide {
		dst = uint64(uint32(dst))
	}
	f.put(in.Dst, dst)
	return nil
}

func (r *run) target(in asm.Instruction) (int, error) {
	if to, ok := r.labels[in.Reference()]; ok {
		return to, nil
	}
	return 0, fmt.Errorf("no label %q", in.Reference())
}

func (r *run) jump(in asm.Instruction) (int, error) {
	to, err := r.target(in)
	if err != nil || in.OpCode.JumpOp() == asm.Ja {
		return to, err
	}
	a, b, err := r.top().operands(in)
	if err != nil {
		return 0, err
	}
	var taken bool
	switch in.OpCode.JumpOp() {
	case asm.JEq:
		taken = a == b
	case asm.JNE:
		taken = a != b
	case asm.JGT:
		taken = a > b
	case asm.JGE:
		taken = a >= b
	case asm.JLT:
		taken = a < b
	case asm.JLE:
		taken = a <= b
	case asm.JSLT:
		taken = int64(a) < int64(b)
	case asm.JSGE:
		taken = int64(a) >= int64(b)
	default:
		return 0, errUnknown
	}
	if !taken {
		to = r.pc + 1
	}
	return to, nil
}

// call enters a function of the program, or runs a helper.
func (r *run) call(in asm.Instruction) (int, error) {
	f := r.top()
	if in.IsFunctionCall() {
		to, err := r.target(in)
		if err != nil {
			return 0, err
		}
		if len(r.frames) == maxFrames {
			return 0, errors.New("too many calls within calls")
		}
		g := r.push(r.pc + 1)
		for reg := asm.R1; reg <= asm.R5; reg++ {
			g.regs[reg], g.set[reg] = f.regs[reg], f.set[reg]
		}
		return to, nil
	}
	v, err := r.helper(asm.BuiltinFunc(in.Constant), f)
	f.clobber()
	f.put(asm.R0, v)
	return r.pc + 1, err
}

// clobber forgets what a call leaves nothing in.
func (f *frame) clobber() {
	for reg := asm.R1; reg <= asm.R5; reg++ {
		f.set[reg] = false
	}
}

// exit leaves a function, or the program.
func (r *run) exit() (bool, error) {
	f := r.top()
	v, err := f.get(asm.R0)
	if err != nil || len(r.frames) == 1 {
		return true, err
	}
	r.frames = r.frames[:len(r.frames)-1]
	r.top().clobber()
	r.top().put(asm.R0, v)
	r.pc = f.back
	return false, nil
}
