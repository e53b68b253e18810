package usdtbpf

import (
	"errors"
	"fmt"

	"github.com/probels/probels/usdt/operand"
)

// Errors that an Error wraps.
var (
	// ErrRegister: a register that is not in struct pt_regs.
	ErrRegister = errors.New("the kernel does not keep the register in pt_regs, which is all that an eBPF program at a uprobe sees")

	// ErrSegment: memory relative to a segment base, as thread-local variables are.
	ErrSegment = errors.New("the base of the segment is not in pt_regs")

	// ErrSize: a size that no number has: 12, 16, 24, 40…
	ErrSize = errors.New("no number of 1, 2, 4 or 8 bytes")

	// ErrWide: a value of which the register that is named holds a part.
	ErrWide = errors.New("wider than the register, and the rest is in another one that the argument does not name")

	// ErrSymbol: a symbol of which no address is known.
	ErrSymbol = errors.New("no address is known for the symbol")

	// ErrForm: Fetch can read it, but a Spec cannot tell it.
	ErrForm = errors.New("libbpf's usdt.bpf.h has no form for it")

	errPC      = errors.New("relative to the program counter, of which the operand does not say where it stands")
	errPlain   = errors.New("no memory, and so has no address")
	errAddress = errors.New("no address is made of part of a register")
	errHost    = errors.New("the running kernel's pt_regs are not known")
)

// An Error is an argument that eBPF cannot read.
type Error struct {
	Arg operand.Arg
	Err error
}

func (e *Error) Error() string {
	text := e.Arg.Text
	if text == "" {
		text = e.Arg.String()
	}
	return fmt.Sprintf("argument %s: %v", text, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
