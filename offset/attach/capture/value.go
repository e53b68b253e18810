package capture

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// MaxBytes is the most that one string or piece of memory can have.
const MaxBytes = 1 << 16

type kind uint8

const (
	number64 kind = iota
	str
	data
	ppid
	uid
	comm
	stack
)

// A Value is something that is wanted of each event.
type Value struct {
	kind   kind
	src    Source
	length Source
	max    int

	when Source
	in   []uint32
}

// Number is a number.
func Number(s Source) Value { return Value{kind: number64, src: s} }

// String is the string that s points to, which ends before a NUL, or where it is
// longer than max bytes with its first max.
func String(s Source, max int) Value { return Value{kind: str, src: s, max: max} }

// Bytes is the memory that s points to, as long as n says, but for what is beyond max
// bytes.
func Bytes(s, n Source, max int) Value { return Value{kind: data, src: s, length: n, max: max} }

// PPID is the number of the parent process. It takes a kernel with its types
// (/sys/kernel/btf/vmlinux).
func PPID() Value { return Value{kind: ppid} }

// UID is the effective user's number.
func UID() Value { return Value{kind: uid} }

// Comm is the thread's name, at most 15 bytes.
func Comm() Value { return Value{kind: comm} }

// Stack is the number of the thread's stack in user space, for [Capture.Stack].
func Stack() Value { return Value{kind: stack} }

// When is the value where another number is among those given, and else nothing: a
// Datum with Absent set. Its room is taken in either case.
func (v Value) When(s Source, among ...uint32) Value {
	v.when, v.in = s, among
	return v
}

// check refuses what cannot be built.
func (v *Value) check() error {
	switch v.kind {
	case str, data:
		if v.max < 1 || v.max > MaxBytes {
			return fmt.Errorf("a value of %d bytes: it is 1 to %d", v.max, MaxBytes)
		}
		if v.src.fetch == nil || v.kind == data && v.length.fetch == nil {
			return errNoSource
		}
	case number64:
		if v.src.fetch == nil {
			return errNoSource
		}
	}
	return nil
}

// In an event a value is a status, a number, and its bytes:
//
//	s64  status   0 or how many bytes there are; a negative error number; absent
//	u64  number   of a string or memory: the pointer
//	u64  length   of memory alone: how long it is in all
//	u8[] bytes    padded to 8
const absent = -1 << 40

// size is how much of an event the value takes.
func (v *Value) size() int {
	switch v.kind {
	case str:
		return 16 + pad(v.max+2)
	case data:
		return 24 + pad(v.max)
	case comm:
		return 16 + 16
	}
	return 16
}

func pad(n int) int { return (n + 7) &^ 7 }

// emit makes the instructions that write the value into the event at R7, off bytes behind
// its start. An error is one that the value has in every event; the instructions
// then say that there is none.
func (v *Value) emit(b *builder, s *Site, off int) (ins asm.Instructions, bad error) {
	done := b.label()
	body, err := v.body(b, s, int16(off), done)
	if err != nil {
		return asm.Instructions{
			asm.LoadImm(asm.R1, absent, asm.DWord),
			asm.StoreMem(asm.R7, int16(off), asm.R1, asm.DWord),
		}, err
	}
	if v.when.fetch != nil {
		cond, err := v.when.fetch(b, s, slot1)
		if err != nil {
			return asm.Instructions{
				asm.LoadImm(asm.R1, absent, asm.DWord),
				asm.StoreMem(asm.R7, int16(off), asm.R1, asm.DWord),
			}, err
		}
		yes, no := b.label(), b.label()
		ins = append(ins, cond...)
		ins = append(ins, asm.JNE.Imm(asm.R0, 0, no), asm.LoadMem(asm.R2, asm.RFP, slot1, asm.DWord))
		jumps, err := jumpAmong(v.in, yes)
		if err != nil {
			return nil, err
		}
		ins = append(ins, jumps...)
		ins = append(ins,
			asm.LoadImm(asm.R1, absent, asm.DWord).WithSymbol(no),
			asm.StoreMem(asm.R7, int16(off), asm.R1, asm.DWord),
			asm.Ja.Label(done),
			asm.Mov.Imm(asm.R0, 0).WithSymbol(yes),
		)
	}
	ins = append(ins, body...)
	return append(ins, asm.Mov.Imm(asm.R0, 0).WithSymbol(done)), nil
}

const (
	slot1 = -8
	slot2 = -16
)

func (v *Value) body(b *builder, s *Site, off int16, done string) (asm.Instructions, error) {
	// store writes R0, the status, and R1, the number.
	store := asm.Instructions{
		asm.StoreMem(asm.R7, off, asm.R0, asm.DWord),
		asm.StoreMem(asm.R7, off+8, asm.R1, asm.DWord),
	}
	switch v.kind {
	case number64:
		ins, err := v.src.fetch(b, s, slot1)
		if err != nil {
			return nil, err
		}
		return append(append(ins, asm.LoadMem(asm.R1, asm.RFP, slot1, asm.DWord)), store...), nil

	case str:
		ins, err := v.src.fetch(b, s, slot1)
		if err != nil {
			return nil, err
		}
		ins = append(append(ins, asm.LoadMem(asm.R1, asm.RFP, slot1, asm.DWord)), store...)
		ins = append(ins, asm.JNE.Imm(asm.R0, 0, done))
		return append(ins, v.readString(b, int32(off)+16, off)...), nil

	case data:
		length, err := v.length.fetch(b, s, slot2)
		if err != nil {
			return nil, err
		}
		ins, err := v.src.fetch(b, s, slot1)
		if err != nil {
			return nil, err
		}
		length = append(length,
			asm.LoadMem(asm.R1, asm.RFP, slot2, asm.DWord),
			asm.StoreMem(asm.R7, off+16, asm.R1, asm.DWord),
			asm.StoreMem(asm.R7, off, asm.R0, asm.DWord),
			asm.JNE.Imm(asm.R0, 0, done),
		)
		ins = append(append(ins, asm.LoadMem(asm.R1, asm.RFP, slot1, asm.DWord)), store...)
		ins = append(ins, asm.JNE.Imm(asm.R0, 0, done))
		return append(append(length, ins...), v.readBytes(b, int32(off)+24, off)...), nil

	case uid:
		return append(asm.Instructions{
			asm.FnGetCurrentUidGid.Call(),
			asm.Mov.Reg32(asm.R1, asm.R0),
			asm.Mov.Imm(asm.R0, 0),
		}, store...), nil

	case comm:
		return append(asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.R7), asm.Add.Imm(asm.R1, int32(off)+16),
			asm.Mov.Imm(asm.R2, 16),
			asm.FnGetCurrentComm.Call(),
			asm.Mov.Imm(asm.R1, 0),
		}, store...), nil

	case stack:
		neg := b.label()
		return append(asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.R6),
			asm.LoadMapPtr(asm.R2, b.maps.stacks.FD()),
			asm.Mov.Imm(asm.R3, 1<<8), // BPF_F_USER_STACK
			asm.FnGetStackid.Call(),
			asm.Mov.Reg(asm.R1, asm.R0),
			asm.JSLT.Imm(asm.R0, 0, neg),
			asm.Mov.Imm(asm.R0, 0),
			asm.Mov.Reg(asm.R1, asm.R1).WithSymbol(neg),
		}, store...), nil

	case ppid:
		parent, tgid, err := taskOffsets()
		if err != nil {
			return nil, err
		}
		ins := asm.Instructions{asm.FnGetCurrentTask.Call(), asm.Mov.Reg(asm.R3, asm.R0)}
		for _, step := range []struct {
			off  uint32
			size int32
		}{{parent, 8}, {tgid, 4}} {
			ins = append(ins,
				asm.Mov.Imm(asm.R1, 0),
				asm.StoreMem(asm.RFP, slot1, asm.R1, asm.DWord),
				asm.Add.Imm(asm.R3, int32(step.off)),
				asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, slot1),
				asm.Mov.Imm(asm.R2, step.size),
				asm.FnProbeReadKernel.Call(),
				asm.LoadMem(asm.R3, asm.RFP, slot1, asm.DWord),
			)
		}
		return append(append(ins, asm.LoadMem(asm.R1, asm.RFP, slot1, asm.Word)), store...), nil
	}
	return nil, fmt.Errorf("no kind of value: %d", v.kind)
}

// pageSize is the smallest that machines have.
const pageSize = 4096

// readString reads the string at slot1 to an offset in the event, and writes its status. A
// page that is not there is asked for, and then read again: the helper that reads strings
// cannot wait for one.
func (v *Value) readString(b *builder, to int32, status int16) asm.Instructions {
	read := asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.R7), asm.Add.Imm(asm.R1, to),
		asm.Mov.Imm(asm.R2, int32(v.max)+2), // a NUL, and one more if there is more
		asm.LoadMem(asm.R3, asm.RFP, slot1, asm.DWord),
		asm.FnProbeReadUserStr.Call(),
	}
	ins := append(asm.Instructions{}, read...)
	end := b.label()
	if b.sleep {
		ins = append(ins, asm.LoadMem(asm.R8, asm.RFP, slot1, asm.DWord))
		for n := -pageSize; n < v.max+2; n += pageSize {
			ins = append(ins,
				asm.JSGT.Imm(asm.R0, 0, end),
				asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, slot2),
				asm.Mov.Imm(asm.R2, 1),
				asm.Mov.Reg(asm.R3, asm.R8),
				asm.FnCopyFromUser.Call(),
				asm.JNE.Imm(asm.R0, 0, end),
				asm.RSh.Imm(asm.R8, 12), asm.Add.Imm(asm.R8, 1), asm.LSh.Imm(asm.R8, 12), // the next page
			)
			ins = append(ins, read...)
		}
	}
	return append(ins, asm.StoreMem(asm.R7, status, asm.R0, asm.DWord).WithSymbol(end))
}

// readBytes reads as many bytes as slot2 says at slot1, as readString does.
func (v *Value) readBytes(b *builder, to int32, status int16) asm.Instructions {
	fits, bad, got := b.label(), b.label(), b.label()
	ins := asm.Instructions{
		asm.LoadMem(asm.R8, asm.RFP, slot2, asm.DWord),
		asm.JLE.Imm(asm.R8, int32(v.max), fits),
		asm.Mov.Imm(asm.R8, int32(v.max)),
		asm.Mov.Reg(asm.R8, asm.R8).WithSymbol(fits),
	}
	read := func(helper asm.BuiltinFunc) {
		ins = append(ins,
			asm.Mov.Reg(asm.R1, asm.R7), asm.Add.Imm(asm.R1, to),
			asm.Mov.Reg(asm.R2, asm.R8),
			asm.LoadMem(asm.R3, asm.RFP, slot1, asm.DWord),
			helper.Call(),
		)
	}
	read(asm.FnProbeReadUser)
	if b.sleep {
		ins = append(ins, asm.JEq.Imm(asm.R0, 0, got))
		read(asm.FnCopyFromUser)
	}
	return append(ins,
		asm.JNE.Imm(asm.R0, 0, bad).WithSymbol(got),
		asm.Mov.Reg(asm.R0, asm.R8),
		asm.StoreMem(asm.R7, status, asm.R0, asm.DWord).WithSymbol(bad),
	)
}
