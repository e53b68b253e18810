package usdtbpf

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// Switch makes instructions that run the piece whose index is the attach cookie, and
// none if there is no such piece. They expect the context in R6; the pieces may use R0 to
// R5 and leave nothing there. prefix begins the labels, of which a program can have each
// but once. Behind them R0 is 0.
//
// It is for some dozens of sites: the pieces are looked for one by one, and a jump
// reaches 32,767 instructions. For more there are specs.
func Switch(prefix string, pieces ...asm.Instructions) (asm.Instructions, error) {
	end := prefix + "_end"
	out := asm.Instructions{asm.Mov.Reg(asm.R1, asm.R6), asm.FnGetAttachCookie.Call()}
	size := 2
	for i := range pieces {
		out = append(out, asm.JEq.Imm(asm.R0, int32(i), label(prefix, i)))
		size++
	}
	out = append(out, asm.Ja.Label(end))
	for i, piece := range pieces {
		out = append(out, asm.Mov.Imm(asm.R0, 0).WithSymbol(label(prefix, i)))
		out = append(out, piece...)
		out = append(out, asm.Ja.Label(end))
		size += 2 + int(piece.Size()/asm.InstructionSize)
	}
	if size > 1<<15-1 {
		return nil, fmt.Errorf("%d pieces of %d instructions are too far apart to jump between", len(pieces), size)
	}
	return append(out, asm.Mov.Imm(asm.R0, 0).WithSymbol(end)), nil
}

func label(prefix string, i int) string { return fmt.Sprintf("%s_%d", prefix, i) }
