package usdtbpf

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"
)

// Error numbers of Linux, the same on all machines that matter here.
const (
	enoent = 2
	esrch  = 3
	einval = 22
)

// ArgFunc makes a function, by the name of its first instruction, that reads any
// argument by the Spec of the site:
//
//	int name(struct pt_regs *ctx, u64 index, u64 *res)
//
// Call it as asm.Call.Label(name), with R1 to R3 set, and append it to the program. It
// returns 0, or a negative error number, and then *res is 0: -ESRCH if the site has no
// Spec, -ENOENT if it has no such argument, -EINVAL if the argument has no form, -EFAULT
// if memory cannot be read. specs is the descriptor of the map of specs, as MapSpec
// or libbpf 1.7 have it; for a map that is loaded with the program, associate the
// reference SpecsMap instead. Sites are told by their attach cookies.
//
// It makes the program for the kernel that p describes, and does for the arguments what
// bpf_usdt_arg of usdt.bpf.h does, but for reading no more bytes than the argument has: of
// the last ones in a mapping that makes a difference.
func (p *Place) ArgFunc(name string, specs int) asm.Instructions {
	f := argFunc{name: name, big: p.order() == binary.BigEndian, word: int32(p.kernelWord())}
	f.find(specs)
	f.read()
	f.cast()
	f.fail("none", -esrch)
	f.fail("range", -enoent)
	f.fail("form", -einval)
	return f.out
}

type argFunc struct {
	name string
	big  bool
	word int32
	out  asm.Instructions
}

func (f *argFunc) add(ins ...asm.Instruction) { f.out = append(f.out, ins...) }
func (f *argFunc) label(s string) string      { return f.name + "_" + s }

// Stack: the index of the spec, and the value.
const (
	idSlot, valSlot = -4, -16
)

// find sets R6 to the context, R8 to the place of the result, R9 to the argument's
// spec.
func (f *argFunc) find(specs int) {
	m := asm.LoadMapPtr(asm.R1, specs)
	if specs == 0 {
		m = m.WithReference(SpecsMap)
	}
	f.add(
		asm.Mov.Reg(asm.R6, asm.R1).WithSymbol(f.name),
		asm.Mov.Reg(asm.R7, asm.R2),
		asm.Mov.Reg(asm.R8, asm.R3),
		asm.Mov.Imm(asm.R4, 0),
		asm.StoreMem(asm.R8, 0, asm.R4, asm.DWord),
		asm.StoreMem(asm.RFP, valSlot, asm.R4, asm.DWord),
		asm.FnGetAttachCookie.Call(),
		asm.StoreMem(asm.RFP, idSlot, asm.R0, asm.Word),
		m,
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, idSlot),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, f.label("none")),
		asm.Mov.Reg(asm.R9, asm.R0),
		asm.JGE.Imm(asm.R7, MaxArgs, f.label("range")),
		asm.LoadMem(asm.R1, asm.R9, countOffset, asm.Half),
		asm.JGE.Reg(asm.R7, asm.R1, f.label("range")),
		asm.Mul.Imm(asm.R7, argSize),
		asm.Add.Reg(asm.R9, asm.R7),
	)
}

// read puts the value, uncut, into valSlot.
func (f *argFunc) read() {
	kind, index := kindOffset(f.big)
	f.add(
		asm.LoadMem(asm.R1, asm.R9, int16(kind), asm.Byte),
		asm.JEq.Imm(asm.R1, int32(argReg), f.label("reg")),
		asm.JEq.Imm(asm.R1, int32(argDeref), f.label("mem")),
		asm.JEq.Imm(asm.R1, int32(argSIB), f.label("mem")),
		asm.JNE.Imm(asm.R1, int32(argConst), f.label("form")),
		asm.LoadMem(asm.R1, asm.R9, 0, asm.DWord),
		asm.Ja.Label(f.label("cast")),
	)
	f.out = append(f.out, f.register("reg")...)
	f.add(
		asm.LoadMem(asm.R1, asm.RFP, valSlot, asm.DWord),
		asm.Ja.Label(f.label("cast")),
	)
	f.out = append(f.out, f.register("mem")...)
	f.add(
		asm.LoadMem(asm.R7, asm.RFP, valSlot, asm.DWord),
		asm.LoadMem(asm.R1, asm.R9, 0, asm.DWord),
		asm.Add.Reg(asm.R7, asm.R1),
		asm.LoadMem(asm.R1, asm.R9, int16(kind), asm.Byte),
		asm.JNE.Imm(asm.R1, int32(argSIB), f.label("user")),
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.RFP, valSlot, asm.R1, asm.DWord),
		asm.LoadMem(asm.R3, asm.R9, int16(index), asm.Half),
	)
	if f.big {
		f.add(asm.RSh.Imm(asm.R3, 4))
	} else {
		f.add(asm.And.Imm(asm.R3, 0xfff))
	}
	f.out = append(f.out, f.readSlot()...)
	f.add(
		asm.LoadMem(asm.R1, asm.RFP, valSlot, asm.DWord),
		asm.LoadMem(asm.R2, asm.R9, int16(index), asm.Half),
	)
	if f.big {
		f.add(asm.And.Imm(asm.R2, 15))
	} else {
		f.add(asm.RSh.Imm(asm.R2, 12))
	}
	f.add(
		asm.LSh.Reg(asm.R1, asm.R2),
		asm.Add.Reg(asm.R7, asm.R1),
		// As many bytes as the argument has, into a buffer of zeros.
		asm.Mov.Imm(asm.R1, 0).WithSymbol(f.label("user")),
		asm.StoreMem(asm.RFP, valSlot, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.R9, cutOffset, asm.Byte),
		asm.And.Imm(asm.R1, 63),
		asm.Mov.Imm(asm.R2, 64),
		asm.Sub.Reg(asm.R2, asm.R1),
		asm.RSh.Imm(asm.R2, 3),
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, valSlot),
		asm.Mov.Reg(asm.R3, asm.R7),
		asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, f.label("end")),
		asm.LoadMem(asm.R1, asm.RFP, valSlot, asm.DWord),
	)
	if f.big {
		f.add(
			asm.LoadMem(asm.R2, asm.R9, cutOffset, asm.Byte),
			asm.And.Imm(asm.R2, 63),
			asm.RSh.Reg(asm.R1, asm.R2),
		)
	}
}

// register reads the argument's register into valSlot.
func (f *argFunc) register(name string) asm.Instructions {
	// The offset is signed in usdt.bpf.h, and never negative.
	ins := asm.Instructions{asm.LoadMem(asm.R3, asm.R9, regOffset, asm.Half).WithSymbol(f.label(name))}
	return append(ins, f.readSlot()...)
}

// readSlot reads the slot of pt_regs at the offset in R3: the context may only be read
// at offsets that are known beforehand, but it is memory of the kernel.
func (f *argFunc) readSlot() asm.Instructions {
	at := int32(valSlot)
	if f.big && f.word == 4 {
		at += 4
	}
	return asm.Instructions{
		asm.Add.Reg(asm.R3, asm.R6),
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, at),
		asm.Mov.Imm(asm.R2, f.word),
		asm.FnProbeReadKernel.Call(),
		asm.JNE.Imm(asm.R0, 0, f.label("end")),
	}
}

// cast cuts the value in R1 and returns it.
func (f *argFunc) cast() {
	f.add(
		asm.LoadMem(asm.R2, asm.R9, cutOffset, asm.Byte).WithSymbol(f.label("cast")),
		asm.And.Imm(asm.R2, 63),
		asm.LSh.Reg(asm.R1, asm.R2),
		asm.LoadMem(asm.R3, asm.R9, signedOffset, asm.Byte),
		asm.JEq.Imm(asm.R3, 0, f.label("unsigned")),
		asm.ArSh.Reg(asm.R1, asm.R2),
		asm.Ja.Label(f.label("store")),
		asm.RSh.Reg(asm.R1, asm.R2).WithSymbol(f.label("unsigned")),
		asm.StoreMem(asm.R8, 0, asm.R1, asm.DWord).WithSymbol(f.label("store")),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return().WithSymbol(f.label("end")),
	)
}

func (f *argFunc) fail(name string, err int32) {
	f.add(asm.Mov.Imm(asm.R0, err).WithSymbol(f.label(name)), asm.Return())
}
