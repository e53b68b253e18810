package offset

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	mathbits "math/bits"
	"slices"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/insn"
)

// An ExitKind is how an instruction leaves a function.
type ExitKind uint8

const (
	ExitReturn   ExitKind = iota // to the caller
	ExitTailCall                 // a jump to another function, which returns to the caller in its place

	// ExitUnknown is a jump through a register or memory that may be a tail
	// call, and may stay within the function: a switch or a computed goto.
	// Reason says why that can't be told.
	ExitUnknown
)

func (k ExitKind) String() string {
	if int(k) < len(exitNames) {
		return exitNames[k]
	}
	return fmt.Sprintf("ExitKind(%d)", k)
}

var exitNames = [...]string{"return", "tailcall", "unknown"}

// An Exit is one instruction by which a function can be left.
type Exit struct {
	// Location is the instruction's, where a uprobe sees the function end. Its
	// Name is the function's and its Addend the distance from the function's
	// address, which for a part that the compiler moved away (".cold") may wrap.
	Location
	Exit ExitKind

	// Conditional is set where the instruction may go on: a uprobe on it is hit
	// then too, and the function has not ended.
	Conditional bool

	// Target is where a tail call goes, 0 if memory says that at run time.
	// TargetName is the function there, with a distance if it is not its
	// first instruction; "" if nothing names it.
	Target     elfsym.Addr
	TargetName string

	Reason string // of ExitUnknown
}

// A Range is a part of a function's code.
type Range struct {
	Start, End elfsym.Addr // End is behind the last byte
	Name       string      // "f", "f.cold"
}

// An Undecoded is bytes in a function that are no instruction we know. There
// may be exits among them.
type Undecoded struct {
	Addr elfsym.Addr
	Size uint64
	Err  error
}

// FuncExits is how one function ends.
type FuncExits struct {
	Func  Location // as it was given
	Parts []Range  // the code that was read: the function, and the parts split off from it

	// Exits by address. A function without any never ends that way: it loops for
	// ever, or ends the thread or process, or leaves by an exception or longjmp.
	Exits []Exit

	// SizeInferred is set where no table tells the function's size, so that the
	// code was read up to what follows it: there may be padding or a nameless
	// function among it.
	SizeInferred bool

	// Undecoded is not empty if exits may be missing.
	Undecoded []Undecoded

	Err error // the function could not be read
}

// Complete reports whether all exits are known and none is in doubt.
func (e *FuncExits) Complete() bool {
	return e.Err == nil && len(e.Undecoded) == 0 && !e.Has(ExitUnknown)
}

// Has reports whether there is an exit of a kind. A function without a return
// that is not left by tail calls does not return at all.
func (e *FuncExits) Has(k ExitKind) bool {
	return slices.ContainsFunc(e.Exits, func(x Exit) bool { return x.Exit == k })
}

// Locations are the places of all exits.
func (e *FuncExits) Locations() []Location {
	out := make([]Location, len(e.Exits))
	for i, x := range e.Exits {
		out[i] = x.Location
	}
	return out
}

// ErrNoFunction: nothing says which function an address is in.
var ErrNoFunction = errors.New("no function is known there")

// ErrNoDecoder: the instructions of that machine are not known to us.
var ErrNoDecoder = errors.New("its instructions can't be read")

// maxFunction is the largest function whose code is read, in bytes. The largest
// of a browser engine or a database have one or two megabytes.
const maxFunction = 64 << 20

// maxParts is how many parts of a function are followed.
const maxParts = 16

// Exits finds where the functions that the locations are in can be left: the
// places for probes that want a function's end without a uretprobe, which
// replaces the return address on the stack, and crashes a program that moves its
// stacks, as Go's do. One result for each location, in their order; what is wrong
// with one function is in its Err. The error is about the file.
func (t *Target) Exits(ctx context.Context, ls ...Location) ([]FuncExits, error) {
	s := &exitSearch{r: &resolution{t: t, ctx: ctx}}
	out := make([]FuncExits, len(ls))
	for i, l := range ls {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out[i] = s.function(l)
	}
	if err := t.f.CheckUnchanged(); err != nil {
		return nil, err
	}
	return out, errors.Join(s.r.problems...)
}

// exitSearch is one call of Exits.
type exitSearch struct {
	r     *resolution
	found *FuncExits
	start elfsym.Addr            // of the function
	stubs map[elfsym.Addr]string // names of PLT entries; nil until one is asked for
	thumb bool
}

// decoded is an instruction with its place.
type decoded struct {
	insn.Inst
	addr elfsym.Addr
	at   int // in the part's bytes
}

func (s *exitSearch) function(l Location) FuncExits {
	e := FuncExits{Func: l}
	s.found = &e
	if l.Path != s.r.t.path {
		e.Err = fmt.Errorf("%s: a location of %s, not of %s", l.Name, l.Path, s.r.t.path)
		return e
	}
	whole, thumb, err := s.covering(&e, l)
	if err != nil {
		e.Err = err
		return e
	}
	s.start, s.thumb = whole.Start, thumb
	parts := []Range{whole}
	for k := 0; k < len(parts); k++ { // grows by what the parts jump to
		if err := s.part(parts[k], &parts); err != nil {
			e.Err = err
			break
		}
	}
	e.Parts = parts
	slices.SortStableFunc(e.Exits, func(a, b Exit) int {
		switch {
		case a.Addr < b.Addr:
			return -1
		case a.Addr > b.Addr:
			return 1
		}
		return 0
	})
	return e
}

// covering is the code of the function that a location is in.
func (s *exitSearch) covering(e *FuncExits, l Location) (Range, bool, error) {
	f, ok := s.r.codeAt(l.Addr, l.Name)
	if !ok {
		return Range{}, false, fmt.Errorf("0x%x: %w", uint64(l.Addr), ErrNoFunction)
	}
	if f.unsure {
		return Range{}, false, fmt.Errorf("%s: %w", f.Name, errThumb)
	}
	e.SizeInferred = f.inferred
	if f.End <= f.Start {
		return Range{}, false, fmt.Errorf("%s: nothing says where it ends: %w", f.Name, ErrNoFunction)
	}
	return f.Range, f.thumb, nil
}

// funcCode is a function as far as instructions are concerned. Its name is its
// address where it has none.
type funcCode struct {
	Range
	thumb    bool
	unsure   bool // whether it is Thumb code: only symbols tell
	inferred bool // the end
}

// errThumb: DWARF and unwind information have the addresses of Thumb code without the
// bit that says so.
var errThumb = fmt.Errorf("no symbol tells whether it is Thumb or ARM code: %w", ErrNoDecoder)

// codeAt is the function that an address is in: by the symbols that cover it, of
// which the one of that name is taken, or else by unwind information.
func (r *resolution) codeAt(a elfsym.Addr, name string) (funcCode, bool) {
	if syms := r.near(a).Covering(a); len(syms) > 0 {
		f := best(syms)
		for _, alias := range syms {
			if alias.Name == name {
				f = alias
			}
		}
		return funcCode{Range: Range{f.Addr, f.Addr + elfsym.Addr(f.Size), f.Name}, thumb: f.Thumb, inferred: f.SizeInferred}, true
	}
	f := funcCode{unsure: r.t.f.Machine() == elf.EM_ARM && !r.t.inPLT(a)}
	s, ok, err := r.t.enclosing(a)
	if err != nil {
		r.problem(err)
	}
	if ok {
		f.Range, f.inferred = Range{s.Addr, s.Addr + elfsym.Addr(s.Size), At(s.Addr).String()}, s.SizeInferred
	}
	return f, ok
}

// decoder is the one for the target's code.
func (t *Target) decoder(thumb bool) (*insn.Decoder, error) {
	d := insn.For(t.f.Machine(), t.f.Class(), t.f.ByteOrder(), t.f.Flags(), thumb)
	if d == nil {
		return nil, fmt.Errorf("%s: %w", t.f.Machine(), ErrNoDecoder)
	}
	return d, nil
}

// code reads the bytes of a range, which may reach into the next one's mapping
// but not beyond the file.
func (t *Target) code(start, end elfsym.Addr) ([]byte, error) {
	n := uint64(end - start)
	if n > maxFunction {
		return nil, fmt.Errorf("%d bytes: %w", n, elfsym.ErrLimit)
	}
	off, err := t.f.Segments().Code(start)
	if err != nil {
		return nil, err
	}
	if limit, ok := t.f.Segments().CodeEnd(start); ok && end > limit {
		return nil, fmt.Errorf("it ends at 0x%x, behind its segment: %w", uint64(end), elfsym.ErrDamaged)
	}
	b, err := t.f.Code(off, int(n))
	if err == nil && uint64(len(b)) < n {
		err = elfsym.ErrTruncated
	}
	return b, err
}

// part reads a part of a function, and adds its exits to what was found and the
// parts that it jumps to to the list.
func (s *exitSearch) part(p Range, parts *[]Range) error {
	d, err := s.r.t.decoder(s.thumb)
	if err != nil {
		return err
	}
	b, err := s.r.t.code(p.Start, p.End)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	n := 0
	lost := sweep(d, b, p.Start, func(i *decoded, before []decoded) bool {
		s.exit(i, before, b, p, parts)
		n++
		return n%4096 != 0 || s.r.ctx.Err() == nil
	})
	s.found.Undecoded = append(s.found.Undecoded, lost...)
	return s.r.ctx.Err()
}

// window is how many instructions before an indirect jump are looked at for what
// it jumps to.
const window = 12

// sweep decodes the instructions of a range one after the other, and visits each
// with the last ones before it, until visit wants no more. Behind bytes that are
// none it goes on where an instruction before jumps to, or at the next aligned
// place where all have one width.
func sweep(d *insn.Decoder, b []byte, start elfsym.Addr, visit func(i *decoded, before []decoded) bool) []Undecoded {
	var lost []Undecoded
	targets := newBits(len(b)) // within the range, of the jumps so far
	recent := make([]decoded, 0, 3*window)
	for at := 0; at < len(b); {
		i, err := d.Decode(b[at:min(len(b), at+d.MaxLen)], uint64(start)+uint64(at))
		if err != nil {
			next := at + 4
			if d.Align != 4 {
				next = targets.next(at + 1)
			}
			next = min(next, len(b))
			if k := len(lost) - 1; k >= 0 && lost[k].Addr+elfsym.Addr(lost[k].Size) == start+elfsym.Addr(at) {
				lost[k].Size += uint64(next - at)
			} else {
				lost = append(lost, Undecoded{start + elfsym.Addr(at), uint64(next - at), err})
			}
			at = next
			continue
		}
		if i.Kind == insn.Jump || i.Kind == insn.CondJump {
			targets.set(i.Target - uint64(start))
		}
		if len(recent) == cap(recent) {
			recent = append(recent[:0], recent[len(recent)-window:]...)
		}
		recent = append(recent, decoded{i, start + elfsym.Addr(at), at})
		last := len(recent) - 1
		if !visit(&recent[last], recent[max(0, last-window):last]) {
			break
		}
		at += int(i.Len)
	}
	return lost
}

// bits is a set of the places in a range.
type bits struct {
	words []uint64
	n     int
}

func newBits(n int) *bits { return &bits{make([]uint64, (n+63)/64), n} }

// set adds a place, if it is in the range.
func (b *bits) set(k uint64) {
	if k < uint64(b.n) {
		b.words[k/64] |= 1 << (k % 64)
	}
}

func (b *bits) has(k uint64) bool { return k < uint64(b.n) && b.words[k/64]>>(k%64)&1 != 0 }

// next is the first place from k on, or the end of the range.
func (b *bits) next(k int) int {
	for ; k < b.n; k++ {
		if w := b.words[k/64] >> (k % 64); w == 0 {
			k |= 63
		} else {
			return k + mathbits.TrailingZeros64(w)
		}
	}
	return b.n
}
