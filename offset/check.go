package offset

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/insn"
)

// A Rule is why a kernel would not take a uprobe, or would do harm with it.
type Rule uint8

const (
	RuleMapping     Rule = iota // not in executable code that the file has
	RuleWritable                // the segment is writable too
	RuleAlignment               // instructions don't begin there
	RuleBoundary                // in the middle of an instruction
	RuleInstruction             // the kernel refuses the instruction
	RuleMisbehaves              // the kernel takes the instruction, and runs it wrong
	RuleUndecoded               // no instruction that we know
	RuleSemaphore               // the kernel can't count at the semaphore
)

var ruleNames = [...]string{"mapping", "writable", "alignment", "boundary", "instruction", "misbehaves", "undecoded", "semaphore"}

func (r Rule) String() string {
	if int(r) < len(ruleNames) {
		return ruleNames[r]
	}
	return fmt.Sprintf("Rule(%d)", r)
}

// ErrRefused is what every RefusedError is.
var ErrRefused = errors.New("no place for a uprobe")

// A RefusedError says why a location is no place for a uprobe. A kernel tells
// most of it only to who attaches while a process has the file mapped; else it
// accepts, and nothing ever fires.
type RefusedError struct {
	Location Location
	Rule     Rule
	Reason   string

	// Before and After are the nearest instructions' addresses, for
	// RuleBoundary and, where they are known, RuleAlignment.
	Before, After elfsym.Addr

	Err error // what lies below, or nil
}

func (e *RefusedError) Error() string {
	name := e.Location.Name
	if name != "" {
		name += " at "
	}
	return fmt.Sprintf("%s0x%x: %s", name, uint64(e.Location.Addr), e.Reason)
}

func (e *RefusedError) Is(target error) bool { return target == ErrRefused }
func (e *RefusedError) Unwrap() error        { return e.Err }

// A Verdict is what is known of a location as a place for a uprobe.
type Verdict struct {
	Location Location
	Err      error    // a *RefusedError, or the file could not be read
	Warnings []string // what may go wrong, for people

	// Boundary is set where decoding from the beginning of a function proved
	// that an instruction begins there; without a function nothing can.
	Boundary bool

	// Length is the instruction's, in bytes; 0 if unknown.
	Length int

	// Fast is set where recent kernels can replace the instruction, a nop of
	// x86-64 of FastNop bytes, by a call, so that a hit costs no trap.
	// Linux 6.18 can for 5 bytes, later ones for 10.
	FastNop int
}

// Check reports whether the kernel would take a uprobe at a location, and run
// the program right with it: nil, or a *RefusedError. Verdicts tells more, and
// of many locations at once.
func (t *Target) Check(l Location) error {
	v, err := t.Verdicts(context.Background(), l)
	if err != nil {
		return err
	}
	return v[0].Err
}

// Verdicts examines locations, in their order. The error is about the file.
func (t *Target) Verdicts(ctx context.Context, ls ...Location) ([]Verdict, error) {
	r := &resolution{t: t, ctx: ctx}
	out := make([]Verdict, len(ls))
	sweeps := map[elfsym.Addr]*bits{}
	for i, l := range ls {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v := &out[i]
		v.Location = l
		for _, rule := range []func(*resolution, map[elfsym.Addr]*bits) *RefusedError{v.mapping, v.boundary, v.instruction, v.semaphore} {
			if e := rule(r, sweeps); e != nil {
				e.Location = l
				v.Err = e
				break
			}
		}
	}
	if err := t.f.CheckUnchanged(); err != nil {
		return nil, err
	}
	return out, errors.Join(r.problems...)
}

func refuse(rule Rule, format string, args ...any) *RefusedError {
	return &RefusedError{Rule: rule, Reason: fmt.Sprintf(format, args...)}
}

// mapping is what the kernel's valid_vma and uprobe_register ask (kernel/events/
// uprobes.c): the file's bytes in an executable mapping that is private and not
// writable; an offset within the file.
func (v *Verdict) mapping(r *resolution, _ map[elfsym.Addr]*bits) *RefusedError {
	l, f := &v.Location, r.t.f
	if l.Path != r.t.path {
		return refuse(RuleMapping, "a location of %s, not of %s", l.Path, r.t.path)
	}
	off, err := f.Segments().Code(l.Addr)
	if err == nil && off != l.Offset {
		return refuse(RuleMapping, "its offset is 0x%x, not 0x%x", uint64(off), uint64(l.Offset))
	}
	if err != nil {
		e := refuse(RuleMapping, "not in executable code: %v", err)
		e.Err = err
		return e
	}
	if uint64(l.Offset) >= uint64(f.Size()) {
		return refuse(RuleMapping, "behind the end of the file")
	}
	for _, s := range f.Segments().All() {
		if s.Type == elf.PT_LOAD && s.Flags&elf.PF_X != 0 && s.Flags&elf.PF_W != 0 && l.Addr >= s.Addr && uint64(l.Addr-s.Addr) < s.MemSize {
			return refuse(RuleWritable, "in a segment that is writable and executable: the kernel puts no uprobe there")
		}
	}
	return nil
}

// boundary asks whether an instruction begins there.
func (v *Verdict) boundary(r *resolution, sweeps map[elfsym.Addr]*bits) *RefusedError {
	l := &v.Location
	f, known := r.codeAt(l.Addr, l.Name)
	if f.unsure {
		return nil // the next rule says so
	}
	d, err := r.t.decoder(f.thumb)
	if err != nil {
		v.Warnings = append(v.Warnings, err.Error()+": whether one begins there is not known")
		return nil
	}
	if uint64(l.Addr)%d.Align != 0 {
		e := refuse(RuleAlignment, "instructions of this machine begin at multiples of %d", d.Align)
		e.Before = l.Addr - l.Addr%elfsym.Addr(d.Align)
		e.After = e.Before + elfsym.Addr(d.Align)
		return e
	}
	if d.Align == uint64(d.MaxLen) {
		v.Boundary = true
		return nil
	}
	if !known || f.End <= f.Start {
		v.Warnings = append(v.Warnings, "no function is known there: whether an instruction begins there is not known")
		return nil
	}
	begins, ok := sweeps[f.Start]
	if !ok {
		b, err := r.t.code(f.Start, f.End)
		if err != nil {
			e := refuse(RuleMapping, "%s: %v", f.Name, err)
			e.Err = err
			return e
		}
		begins = newBits(len(b))
		lost := sweep(d, b, f.Start, func(i *decoded, _ []decoded) bool {
			begins.set(uint64(i.at))
			return true
		})
		for _, u := range lost { // so that no instruction seems to reach over them
			begins.set(uint64(u.Addr - f.Start))
		}
		sweeps[f.Start] = begins
	}
	at := uint64(l.Addr - f.Start)
	if begins.has(at) {
		v.Boundary = true // or undecoded: the next rule says so
		return nil
	}
	before := at
	for at-before < uint64(d.MaxLen) && before > 0 && !begins.has(before) {
		before--
	}
	after := uint64(begins.next(int(at)))
	if b, err := r.t.f.Code(l.Offset-elfsym.Offset(at-before), d.MaxLen); err == nil && begins.has(before) {
		if i, err := d.Decode(b, uint64(f.Start)+before); err == nil && before+uint64(i.Len) == after {
			place := func(n uint64) string { return fmt.Sprintf("0x%x (%s)", uint64(f.Start)+n, withDistance(f.Name, n)) }
			e := refuse(RuleBoundary, "in the middle of an instruction: they begin at %s and %s", place(before), place(after))
			e.Before, e.After = f.Start+elfsym.Addr(before), f.Start+elfsym.Addr(after)
			return e
		}
	}
	return refuse(RuleUndecoded, "bytes of %s that are no instruction we know: data among the code?", f.Name)
}

// instruction asks whether the kernel takes the instruction.
func (v *Verdict) instruction(r *resolution, _ map[elfsym.Addr]*bits) *RefusedError {
	l, f := &v.Location, r.t.f
	code, _ := r.codeAt(l.Addr, l.Name)
	if code.unsure {
		e := refuse(RuleInstruction, "%v; the kernel takes no uprobe on Thumb code", errThumb)
		e.Err = errThumb
		return e
	}
	d, err := r.t.decoder(code.thumb)
	if err != nil {
		return nil // warned of
	}
	b, err := f.Code(l.Offset, d.MaxLen)
	if err != nil {
		e := refuse(RuleMapping, "%v", err)
		e.Err = err
		return e
	}
	i, err := d.Decode(b, uint64(l.Addr))
	if err != nil {
		e := refuse(RuleUndecoded, "%v", err)
		e.Err = err
		return e
	}
	v.Length = int(i.Len)
	switch f.Machine() {
	case elf.EM_X86_64, elf.EM_386:
		rule, reason := insn.UprobeX86(&i, f.Machine() == elf.EM_X86_64)
		if reason != "" {
			return refuse(map[bool]Rule{false: RuleInstruction, true: RuleMisbehaves}[rule == insn.Misbehaves], "%s", reason)
		}
		if f.Machine() == elf.EM_X86_64 && insn.LongNop(b[:i.Len]) && uint64(l.Offset)%4096+uint64(i.Len) <= 4096 {
			v.FastNop = int(i.Len)
		}
	default:
		refusal, warning := insn.Uprobe(f.Machine(), b, uint64(l.Addr), f.ByteOrder(), code.thumb)
		if warning != "" {
			v.Warnings = append(v.Warnings, warning)
		}
		if refusal != "" {
			return refuse(RuleInstruction, "%s", refusal)
		}
	}
	return nil
}

// semaphore is what the kernel asks of the counter (kernel/events/uprobes.c,
// valid_ref_ctr_vma and ref_ctr_offset): two bytes, even, in a private writable
// mapping of the file.
func (v *Verdict) semaphore(r *resolution, _ map[elfsym.Addr]*bits) *RefusedError {
	l := &v.Location
	if l.RefCtrOffset == 0 {
		return nil
	}
	if l.RefCtrOffset%2 != 0 {
		return refuse(RuleSemaphore, "its semaphore's offset 0x%x is odd", uint64(l.RefCtrOffset))
	}
	if off, err := r.t.f.Segments().Data(l.Semaphore); err != nil || off != l.RefCtrOffset {
		e := refuse(RuleSemaphore, "its semaphore at 0x%x is not in writable data of the file", uint64(l.Semaphore))
		e.Err = err
		return e
	}
	// The kernel goes by pages: the first writable mapping that has the file's page is
	// taken for the counter's, also one that is writable only while it is relocated.
	const page = 4096
	n := 0
	for _, s := range r.t.f.Segments().All() {
		first, last := uint64(s.Offset)&^(page-1), (uint64(s.Offset)+s.FileSize+page-1)&^(page-1)
		if s.Type == elf.PT_LOAD && s.Flags&elf.PF_W != 0 && uint64(l.RefCtrOffset) >= first && uint64(l.RefCtrOffset) < last {
			n++
		}
	}
	if n > 1 {
		v.Warnings = append(v.Warnings, fmt.Sprintf("the page of the file with the semaphore is mapped by %d writable segments: the kernel may count in the wrong one", n))
	}
	return nil
}

// UretprobeWarning says why a uretprobe on the function at a location would harm
// the program, "" if nothing is known against it. Go's runtime moves stacks and
// walks them, and crashes where it finds the kernel's trampoline instead of a
// return address: probe the Exits.
func (t *Target) UretprobeWarning(l Location) string {
	table, err := t.f.GoFuncs()
	if err != nil || table == nil {
		return ""
	}
	if f, ok, err := table.At(l.Addr); err == nil && ok {
		return fmt.Sprintf("%s is a Go function: a uretprobe can crash the program when its stack grows; put probes on its exits instead", f.Name)
	}
	return ""
}
