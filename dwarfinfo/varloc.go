package dwarfinfo

import (
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
	"github.com/probels/probels/internal/dwloc"
	"github.com/probels/probels/usdt/operand"
)

// A Place holds some bytes of a value. The operand is a register, of which they
// are the low bytes, memory, or a constant.
type Place struct {
	operand.Operand
	Off, Size int64 // which bytes of the value; Size 0: all of it, in DWARF that does not tell its size
}

// A Location is where a value is at some instruction.
type Location struct {
	// Places are those of its bytes that operands lead to, in their order; none of a
	// value that is nowhere, or in a place that takes more to compute: Text tells.
	Places []Place

	// Indirect: the one place holds a pointer to the value.
	Indirect bool

	// Text is the location as a person reads it: "%rdi", "-20(%rbp)", "%rax[0:8] %rdx[8:16]", "optimized out",
	// "entry(%rdi)" of what was in a register when the function was entered.
	Text string

	// FromDWARF: it is what the debug information says, not a calling convention.
	FromDWARF bool

	// Err is why it is not known: it wraps ErrNoPlace or one of this package's errors.
	Err error
}

// ErrNoPlace: nothing that can be relied on tells where a value is.
var ErrNoPlace = errors.New("place not known")

// Operand is the place of a value that is in one place as a whole; false for
// others.
func (l *Location) Operand() (operand.Operand, bool) {
	if len(l.Places) != 1 || l.Indirect || l.Places[0].Off != 0 {
		return operand.Operand{}, false
	}
	return l.Places[0].Operand, true
}

// String is Text, or why there is none.
func (l Location) String() string {
	if l.Err != nil {
		return l.Err.Error()
	}
	return l.Text
}

// A frame is what locations in one function depend on, at one address.
type frame struct {
	d       *Data
	fn      die.Entry // whose DW_AT_frame_base counts
	pc      uint64
	atEntry bool
	noCFA   bool // leave the canonical frame address by its name
	base    []byte
	cfa     elfsym.CFA
	hasCFA  bool
	err     error // why the frame base could not be read
	spent   uint64
}

// maxLists bounds what of location lists is read for one question, and maxList what
// one list may have. The largest seen have some kilobytes.
const (
	maxLists = 64 << 20
	maxList  = 1 << 20
)

// newFrame prepares to locate variables of a function at an address.
func (d *Data) newFrame(fn die.Entry, pc uint64, atEntry bool) *frame {
	f := &frame{d: d, fn: fn, pc: pc, atEntry: atEntry}
	if v, ok := fn.Val(dwarf.AttrFrameBase); ok {
		all, err := f.exprs(fn.Unit(), v)
		if len(all) == 1 {
			f.base = all[0]
		}
		f.err = err
	}
	switch {
	case atEntry:
		f.cfa, f.hasCFA = d.entryCFA()
	case d.c.CFA != nil:
		f.cfa, f.hasCFA = d.c.CFA(elfsym.Addr(pc))
	}
	return f
}

// entryCFA is the canonical frame address at a function's first instruction,
// where nothing but the return address has been pushed.
func (d *Data) entryCFA() (elfsym.CFA, bool) {
	switch d.c.Machine {
	case elf.EM_X86_64:
		return elfsym.CFA{Reg: 7, Offset: int64(d.word())}, true
	case elf.EM_386:
		return elfsym.CFA{Reg: 4, Offset: 4}, true
	case elf.EM_AARCH64:
		return elfsym.CFA{Reg: 31}, true
	case elf.EM_ARM:
		return elfsym.CFA{Reg: 13}, true
	case elf.EM_RISCV:
		return elfsym.CFA{Reg: 2}, true
	case elf.EM_PPC64, elf.EM_PPC:
		return elfsym.CFA{Reg: 1}, true
	}
	return elfsym.CFA{}, false
}

// word is the size of a pointer.
func (d *Data) word() int {
	if d.c.Class == elf.ELFCLASS32 {
		return 4
	}
	return 8
}

func encodingOf(u *die.Unit) dwloc.Encoding {
	return dwloc.Encoding{Big: u.File.Big, Is64: u.OffSize == 8, AddrSize: u.AddrSize, Version: u.Version}
}

// exprs are the expressions that hold at the frame's address.
func (f *frame) exprs(u *die.Unit, v die.Value) ([][]byte, error) {
	switch {
	case v.IsExpr():
		return [][]byte{v.B}, nil
	case !v.IsOffset():
		return nil, nil
	}
	r := u.Info()
	if err := r.Err(); err != nil {
		return nil, err
	}
	du := dwloc.Unit{Encoding: encodingOf(u), Base: r.Low, AddrAt: u.Addrx, Split: u.Version < 5 && u.Skeleton() != nil}
	for n := uint64(1 << 9); ; n *= 8 {
		b, off, err := u.LocList(v, n)
		if err != nil {
			return nil, err
		}
		if f.spent += uint64(len(b)); f.spent > maxLists {
			return nil, fmt.Errorf("location lists of more than %d bytes: %w", maxLists, ErrLimit)
		}
		es, err := (&dwloc.Lists{Data: b}).At(&du, 0, f.pc)
		if err == nil {
			out := make([][]byte, len(es))
			for i, e := range es {
				out[i] = e.Expr
			}
			return out, nil
		}
		if uint64(len(b)) < n || n >= maxList {
			return nil, fmt.Errorf("list of locations at 0x%x: %w", off, damagedLoc(err))
		}
	}
}

// damagedLoc gives an error of a location this package's kind too.
func damagedLoc(err error) error {
	if errors.Is(err, dwloc.ErrFormat) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

func (f *frame) reduce(u *die.Unit, expr []byte) (dwloc.Loc, error) {
	c := dwloc.Context{
		Encoding: encodingOf(u), Machine: f.d.c.Machine, Class: f.d.c.Class,
		FrameBase: f.base, AtEntry: f.atEntry, Addrx: u.Addrx,
	}
	if f.hasCFA && f.cfa.Expr == nil && !f.noCFA {
		c.HasCFA, c.CFAReg, c.CFAOffset = true, f.cfa.Reg, f.cfa.Offset
	}
	l, err := dwloc.Reduce(expr, &c)
	return l, damagedLoc(err)
}

// locate is where a variable is: in all of the places at once, in none if it is
// nowhere at this address. list tells that DWARF has a list of locations of it.
func (f *frame) locate(e die.Entry) (all []dwloc.Loc, list bool, err error) {
	at, v, constant := e, die.Value{}, false
	found := false
	err = e.Origins(func(o die.Entry) bool {
		if v, found = o.Val(dwarf.AttrLocation); !found {
			v, found = o.Val(dwarf.AttrConstValue)
			constant = found
		}
		at = o
		return !found
	})
	if !found || err != nil {
		return nil, false, err
	}
	if constant {
		if v.IsConst() {
			l := dwloc.Loc{Kind: dwloc.Constant}
			l.Term.Disp = v.Int()
			return []dwloc.Loc{l}, false, nil
		}
		return []dwloc.Loc{{Kind: dwloc.Bytes, Bytes: v.B}}, false, nil
	}
	exprs, err := f.exprs(at.Unit(), v)
	for _, x := range exprs {
		l, e := f.reduce(at.Unit(), x)
		if e != nil {
			if err == nil {
				err = e
			}
			continue
		}
		all = append(all, l)
	}
	return all, v.IsOffset(), err
}

// at is a variable's location for who asks.
func (f *frame) at(e die.Entry, size int64) Location {
	all, _, err := f.locate(e)
	if len(all) == 0 {
		if err == nil {
			err = f.err
		}
		return Location{Text: "optimized out", FromDWARF: true, Err: err}
	}
	l := Location{FromDWARF: true}
	texts := make([]string, len(all))
	for i := range all {
		if texts[i] = all[i].String(); len(l.Places) == 0 {
			l.Places = f.d.places(&all[i], size)
		}
	}
	l.Text = strings.Join(texts, " and ")
	return l
}

// places are the operands of a location; none if one of its parts is in no
// place that an operand can name.
func (d *Data) places(l *dwloc.Loc, size int64) []Place {
	if l.Kind != dwloc.Composite {
		o, ok := l.Operand()
		if !ok {
			return nil
		}
		return []Place{{o, 0, size}}
	}
	var out []Place
	bits := uint64(0)
	for i := range l.Pieces {
		p := &l.Pieces[i]
		if p.Loc.Kind != dwloc.OptimizedOut {
			o, ok := p.Loc.Operand()
			if !ok || p.Bits%8 != 0 || bits%8 != 0 || p.From != 0 {
				return nil
			}
			out = append(out, Place{o, int64(bits / 8), int64(p.Bits / 8)})
		}
		bits += p.Bits
	}
	return out
}
