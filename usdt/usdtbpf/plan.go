package usdtbpf

import (
	"fmt"
	"strings"

	"github.com/probels/probels/usdt/operand"
)

// A term is a register of an address: where it lies, and what is done to it before
// it is added.
type term struct {
	off    int
	extend operand.Extend
	by     uint8
	scale  int64
}

// A plan is an operand with its names resolved: for a register terms[0] and shift, for
// a constant sum alone.
type plan struct {
	kind  operand.Kind
	size  int // of the value, in bytes
	shift uint8
	terms []term

	// sum is a number; where pc is set it is relative to the program counter.
	sum uint64
	pc  bool

	bits int // addresses wrap at so many
}

// plan resolves an operand.
func (p *Place) plan(a *operand.Arg) (*plan, error) {
	if a.Err != nil {
		return nil, a.Err
	}
	pl := &plan{kind: a.Kind, size: a.Size, bits: p.addressBits()}
	switch a.Kind {
	case operand.Constant:
		pl.sum = uint64(a.Value)
		if a.Symbol != "" {
			pl.sum = 0
			if err := p.symbol(pl, a); err != nil {
				return nil, err
			}
		}
		return pl, nil
	case operand.Register:
		return pl, p.register(pl, a)
	case operand.Memory:
		return pl, p.memory(pl, a)
	}
	return nil, fmt.Errorf("%w: it was not read", operand.ErrSyntax)
}

// number refuses what is no number of the sizes that registers have.
func (pl *plan) number() error {
	switch pl.size {
	case 1, 2, 4, 8:
		return nil
	}
	return fmt.Errorf("%w, but %d", ErrSize, pl.size)
}

// symbol adds a symbol's address and the displacement.
func (p *Place) symbol(pl *plan, a *operand.Arg) error {
	addr, ok := p.Symbols[a.Symbol]
	if !ok {
		return fmt.Errorf("%w %s", ErrSymbol, a.Symbol)
	}
	pl.sum += uint64(addr) + uint64(a.Disp)
	if p.Fixed {
		return nil
	}
	if _, ok := p.pcOffset(); !ok {
		return errHost
	}
	pl.pc = true
	pl.sum -= uint64(p.Addr)
	return nil
}

func (p *Place) register(pl *plan, a *operand.Arg) error {
	if a.NoSize {
		pl.size = min(pl.size, int(a.Reg.Width))
	}
	if a.Reg.Zero() {
		pl.kind = operand.Constant
		return nil
	}
	t, err := p.slot(a.Reg)
	if err != nil {
		return err
	}
	// The size governs, not the name: "4@%ax" is eax. But a register is no wider than
	// the machine's, and %ah has nothing above it.
	width := p.regBytes()
	if a.Reg.Shift != 0 {
		width = int(a.Reg.Width)
	}
	if pl.size > width && pl.number() == nil {
		return fmt.Errorf("%w (%s)", ErrWide, a.Reg.Name)
	}
	pl.shift, pl.terms = a.Reg.Shift, []term{t}
	return nil
}

// slot is where a register lies in the kernel's struct pt_regs.
func (p *Place) slot(r operand.Reg) (term, error) {
	off, ok := r.PtRegs(p.kernel())
	if !ok {
		return term{}, fmt.Errorf("%s: %w", r.Name, ErrRegister)
	}
	if pc, ok := p.pcOffset(); ok && pc == off {
		return term{}, fmt.Errorf("%s: %w", r.Name, errPC)
	}
	return term{off: off, scale: 1}, nil
}

func (p *Place) memory(pl *plan, a *operand.Arg) error {
	if a.Segment != "" {
		return fmt.Errorf("%s: %w", a.Segment, ErrSegment)
	}
	base := a.Base.Name != "" && !a.Direct && !a.Base.Zero()
	if a.Symbol == "" {
		pl.sum = uint64(a.Disp)
	} else if err := p.symbol(pl, a); err != nil {
		return err
	}
	if base && strings.HasSuffix(a.Symbol, gotOff) {
		var err error
		if base, err = p.gotOff(pl, a); err != nil {
			return err
		}
	}
	if base {
		t, err := p.part(pl, a.Base)
		if err != nil {
			return err
		}
		t.extend = p.lowHalf(pl, a.Base)
		pl.terms = append(pl.terms, t)
	}
	if a.Index.Name != "" && !a.Index.Zero() {
		t, err := p.part(pl, a.Index)
		if err != nil {
			return err
		}
		t.scale, t.extend, t.by = int64(a.Scale), a.Extend, a.ShiftBy
		if a.Extend == operand.NoExtend {
			t.extend = p.lowHalf(pl, a.Index)
		}
		pl.terms = append(pl.terms, t)
	}
	return nil
}

// lowHalf is how the lower half of a register, arm64's w9, becomes part of an address of
// 64 bits.
func (p *Place) lowHalf(pl *plan, r operand.Reg) operand.Extend {
	if r.Width == 4 && pl.bits == 64 && p.kernelWord() == 8 {
		return operand.ZeroExtend
	}
	return operand.NoExtend
}

// gotOff is for i386's "sym@GOTOFF(%ebx)", where one register has the address of the
// global offset table, from which the number counts. It is the base unless the other
// is unscaled too; then both are counted, and the symbol from the table.
func (p *Place) gotOff(pl *plan, a *operand.Arg) (base bool, err error) {
	if a.Index.Name == "" || a.Scale != 1 {
		return false, nil
	}
	got, ok := p.Symbols[gotSymbol]
	if !ok {
		return false, fmt.Errorf("%w %s", ErrSymbol, gotSymbol)
	}
	pl.sum, pl.pc = uint64(p.Symbols[a.Symbol])+uint64(a.Disp)-uint64(got), false
	return true, nil
}

const (
	gotOff    = "@GOTOFF"
	gotSymbol = "_GLOBAL_OFFSET_TABLE_"
)

// part is a register in an address. Of 32 bits, on x86-64, it makes the address as
// wide ("(%eax)").
func (p *Place) part(pl *plan, r operand.Reg) (term, error) {
	if r.Width < 4 || r.Shift != 0 {
		return term{}, fmt.Errorf("%s: %w", r.Name, errAddress)
	}
	if r.Width == 4 && pl.bits == 64 && isX86(p.Machine) {
		pl.bits = 32
	}
	return p.slot(r)
}
