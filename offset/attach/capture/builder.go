package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

var errNoSource = errors.New("a value without a source")

// An event begins with
//
//	u32 site, u32 zero, u64 nanoseconds since boot, u32 thread, u32 process
const header = 24

// maxEvent is the largest event: stores into it have an offset of 16 bits.
const maxEvent = 1<<15 - 8

// maps are what the programs share.
type maps struct {
	ring, lost, kept, stacks *ebpf.Map
}

// A builder makes one program.
type builder struct {
	maps   *maps
	ns     *pidNamespace
	sleep  bool // the program may wait for a page
	labels int
}

func (b *builder) label() string {
	b.labels++
	return fmt.Sprintf("l%d", b.labels)
}

// size is how large the site's events are.
func (s *Site) size() (int, error) {
	n := header
	for i := range s.Want {
		if err := s.Want[i].check(); err != nil {
			return 0, err
		}
		n += s.Want[i].size()
	}
	if n > maxEvent {
		return 0, fmt.Errorf("an event of %d bytes, of at most %d", n, maxEvent)
	}
	return n, nil
}

// program makes the instructions for a site, whose number is index, or the attach cookie where
// that is negative. bad are the values that no event has, and why. tgid, if it
// is not 0, is the one process whose events are wanted.
func (b *builder) program(s *Site, index, tgid int) (ins asm.Instructions, bad []error, err error) {
	size, err := s.size()
	if err != nil {
		return nil, nil, err
	}
	const end, lost = "end", "lost"
	ins = asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	ins = append(ins, b.pid()...)
	ins = append(ins, asm.Mov.Reg(asm.R9, asm.R0))
	if tgid != 0 {
		ins = append(ins, asm.RSh.Imm(asm.R0, 32), asm.JNE.Imm(asm.R0, int32(tgid), end))
	}
	if s.Keep.fetch != nil {
		keep, err := s.Keep.fetch(b, s, slot1)
		if err != nil {
			return nil, nil, fmt.Errorf("keeping: %w", err)
		}
		// Kept looks it up by the number that the kernel itself has for the thread.
		ins = append(ins, keep...)
		ins = append(ins,
			asm.FnGetCurrentPidTgid.Call(),
			asm.StoreMem(asm.RFP, slot2, asm.R0, asm.DWord),
			asm.LoadMapPtr(asm.R1, b.maps.kept.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, slot2),
			asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, slot1),
			asm.Mov.Imm(asm.R4, 0),
			asm.FnMapUpdateElem.Call(),
		)
	}
	if s.Silent {
		return append(ins, asm.Mov.Imm(asm.R0, 0).WithSymbol(end), asm.Return()), nil, nil
	}
	ins = append(ins,
		asm.LoadMapPtr(asm.R1, b.maps.ring.FD()),
		asm.Mov.Imm(asm.R2, int32(size)),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, lost),
		asm.Mov.Reg(asm.R7, asm.R0),
	)
	if index >= 0 {
		ins = append(ins, asm.Mov.Imm(asm.R0, int32(index)))
	} else {
		ins = append(ins, asm.Mov.Reg(asm.R1, asm.R6), asm.FnGetAttachCookie.Call())
	}
	ins = append(ins,
		asm.StoreMem(asm.R7, 0, asm.R0, asm.DWord),
		asm.FnKtimeGetNs.Call(),
		asm.StoreMem(asm.R7, 8, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R9),
		asm.StoreMem(asm.R7, 16, asm.R1, asm.Word),
		asm.RSh.Imm(asm.R1, 32),
		asm.StoreMem(asm.R7, 20, asm.R1, asm.Word),
	)
	bad = make([]error, len(s.Want))
	off := header
	for i := range s.Want {
		v := &s.Want[i]
		var part asm.Instructions
		part, bad[i] = v.emit(b, s, off)
		if part == nil {
			return nil, nil, bad[i]
		}
		ins = append(ins, part...)
		off += v.size()
	}
	return append(ins,
		asm.Mov.Reg(asm.R1, asm.R7),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRingbufSubmit.Call(),
		asm.Ja.Label(end),

		asm.StoreImm(asm.RFP, slot1, 0, asm.Word).WithSymbol(lost),
		asm.LoadMapPtr(asm.R1, b.maps.lost.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, slot1),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, end),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),

		asm.Mov.Imm(asm.R0, 0).WithSymbol(end),
		asm.Return(),
	), bad, nil
}

// pid puts the numbers of process and thread into R0, as our processes see them: 0 for one of
// another container.
func (b *builder) pid() asm.Instructions {
	if b.ns == nil {
		return asm.Instructions{asm.FnGetCurrentPidTgid.Call()}
	}
	other := b.label()
	return asm.Instructions{
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.RFP, slot1, asm.R1, asm.DWord),
		asm.LoadImm(asm.R1, int64(b.ns.dev), asm.DWord),
		asm.LoadImm(asm.R2, int64(b.ns.ino), asm.DWord),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, slot1),
		asm.Mov.Imm(asm.R4, 8),
		asm.FnGetNsCurrentPidTgid.Call(),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.Mov.Imm(asm.R0, 0),
		asm.JNE.Imm(asm.R1, 0, other),
		// struct bpf_pidns_info: the thread, then the process.
		asm.LoadMem(asm.R0, asm.RFP, slot1+4, asm.Word),
		asm.LSh.Imm(asm.R0, 32),
		asm.LoadMem(asm.R1, asm.RFP, slot1, asm.Word),
		asm.Or.Reg(asm.R0, asm.R1),
		asm.Mov.Reg(asm.R0, asm.R0).WithSymbol(other),
	}
}
