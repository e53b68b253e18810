package bpfrun

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// A Machine is what a program runs on.
type Machine struct {
	Order   binary.ByteOrder
	Context []byte // struct pt_regs
	Cookie  uint64
	Map     map[uint32][]byte // the one map: values by key

	// User reads the traced program's memory at an address; false is a fault.
	User func(addr uint64, p []byte) bool
}

// Where the kernel's memory is. User memory is another address space.
const (
	contextBase = 0xffff_0001_0000_0000
	stackBase   = 0xffff_0002_0000_0000
	mapBase     = 0xffff_0003_0000_0000
	mapStride   = 1 << 16
	stackSize   = 512
	maxSteps    = 100_000
	maxFrames   = 8
)

const efault = 14

// A frame is one call's registers and stack.
type frame struct {
	regs  [11]uint64
	set   [11]bool
	stack [stackSize]byte
	wrote [stackSize]bool
	back  int
}

type run struct {
	m      *Machine
	ins    asm.Instructions
	labels map[string]int
	frames []*frame
	values [][]byte // map values that were looked up
	pc     int
}

// Run runs a program with its context in R1. The result is R0 and what is on its stack
// at the end, of which the last byte is the one below the frame pointer.
func (m *Machine) Run(ins asm.Instructions) (r0 uint64, stack []byte, err error) {
	r := &run{m: m, ins: ins, labels: map[string]int{}}
	for i, in := range ins {
		if s := in.Symbol(); s != "" {
			if _, ok := r.labels[s]; ok {
				return 0, nil, fmt.Errorf("two labels %s", s)
			}
			r.labels[s] = i
		}
	}
	main := r.push(0)
	main.put(asm.R1, contextBase)
	for range maxSteps {
		if r.pc < 0 || r.pc >= len(ins) {
			return 0, nil, errors.New("ran off the program's end")
		}
		in := ins[r.pc]
		done, err := r.step(in)
		if err != nil {
			return 0, nil, fmt.Errorf("instruction %d, %v: %w", r.pc, in, err)
		}
		if done {
			return main.regs[0], main.stack[:], nil
		}
	}
	return 0, nil, errors.New("does not end")
}

func (r *run) push(back int) *frame {
	f := &frame{back: back}
	r.frames = append(r.frames, f)
	f.put(asm.RFP, r.stackTop())
	return f
}

// stackTop is the frame pointer of the innermost call.
func (r *run) stackTop() uint64 { return stackBase + uint64(len(r.frames))*stackSize }

func (r *run) top() *frame { return r.frames[len(r.frames)-1] }

func (f *frame) put(reg asm.Register, v uint64) { f.regs[reg], f.set[reg] = v, true }

func (f *frame) get(reg asm.Register) (uint64, error) {
	if reg > asm.R10 || !f.set[reg] {
		return 0, fmt.Errorf("%v is not set", reg)
	}
	return f.regs[reg], nil
}

// memory is size bytes at an address of the kernel. written, if not nil, says which
// were written to.
func (r *run) memory(addr uint64, size int) (b []byte, written []bool, err error) {
	in := func(base uint64, n int) bool {
		return addr >= base && addr-base <= uint64(n) && addr-base+uint64(size) <= uint64(n)
	}
	for i, f := range r.frames {
		if base := stackBase + uint64(i)*stackSize; in(base, stackSize) {
			at := int(addr - base)
			return f.stack[at : at+size], f.wrote[at : at+size], nil
		}
	}
	for i, v := range r.values {
		if base := mapBase + uint64(i)*mapStride; in(base, len(v)) {
			at := int(addr - base)
			return v[at : at+size], nil, nil
		}
	}
	if in(contextBase, len(r.m.Context)) {
		at := int(addr - contextBase)
		return r.m.Context[at : at+size], nil, nil
	}
	return nil, nil, fmt.Errorf("%d bytes at 0x%x are no memory", size, addr)
}

func (r *run) loadMem(addr uint64, size int) (uint64, error) {
	b, written, err := r.memory(addr, size)
	if err != nil {
		return 0, err
	}
	for _, w := range written {
		if !w {
			return 0, errors.New("stack that was not written to")
		}
	}
	if written == nil && addr%uint64(size) != 0 {
		return 0, errors.New("not aligned")
	}
	return number(r.m.Order, b), nil
}

func (r *run) storeMem(addr uint64, size int, v uint64) error {
	b, written, err := r.memory(addr, size)
	if err != nil {
		return err
	}
	if written == nil {
		return errors.New("not to be written to")
	}
	for i := range written {
		written[i] = true
	}
	putNumber(r.m.Order, b, v)
	return nil
}

func number(o binary.ByteOrder, b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(o.Uint16(b))
	case 4:
		return uint64(o.Uint32(b))
	}
	return o.Uint64(b)
}

func putNumber(o binary.ByteOrder, b []byte, v uint64) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		o.PutUint16(b, uint16(v))
	case 4:
		o.PutUint32(b, uint32(v))
	default:
		o.PutUint64(b, v)
	}
}
