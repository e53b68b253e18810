package dwarfinfo

import (
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/probels/probels/internal/abi"
	"github.com/probels/probels/internal/die"
	"github.com/probels/probels/internal/dwloc"
	"github.com/probels/probels/usdt/operand"
)

// entries finds where parameters are at the entry and results at the exit: by
// the convention, where there is one, and by debug information of optimised
// code, which tells where values are at the first instruction too. Where both
// know a place and it is not the same, debug information counts: the compiler
// has changed the signature, and what it does not tell of is then not known.
func (r *sigReader) entries(e die.Entry) {
	params, results := r.byConvention()
	seen := make([]evidence, len(r.params))
	if r.optimised() {
		f := r.f.d.newFrame(e, uint64(r.f.Entry), true)
		f.noCFA = true
		for i, p := range r.params {
			seen[i] = r.evidence(f, p, r.sig.Params[i].Type.Size())
		}
	}
	for i := range seen {
		if ev := &seen[i]; ev.known && params[i].Err == nil && !r.f.d.agree(ev.places, ev.indirect, &params[i]) {
			r.sig.Changed = true
		}
	}
	for i := range r.params {
		r.sig.Params[i].Entry = r.entry(&seen[i], &params[i], r.params[i])
	}
	for i := range r.results {
		r.sig.Results[i].Exit = r.f.d.fromABI(&results[i])
		if r.sig.Changed {
			r.sig.Results[i].Exit = Location{Err: unshaped("the compiler changed what the function takes, and perhaps what it returns")}
		}
	}
}

// entry decides for one parameter.
func (r *sigReader) entry(ev *evidence, v *abi.Value, p sigParam) Location {
	switch {
	case ev.known && !errors.Is(v.Err, errPromoted):
		l := Location{Places: ev.places, Indirect: ev.indirect, FromDWARF: true, Text: ev.text}
		if v.Err == nil && r.f.d.agree(ev.places, ev.indirect, v) {
			return r.f.d.fromABI(v) // it has all of the bytes
		}
		return l
	case ev.err != nil:
		return Location{Err: ev.err}
	case v.Err != nil:
		return r.f.d.fromABI(v)
	case r.sig.Changed:
		return Location{Err: unshaped("the compiler changed what the function takes")}
	case ev.gone && r.mayChange(), p.dropped && r.isGNU() && r.optimised():
		return Location{Err: unshaped("the compiler may have left it out: nobody outside sees this copy of the function")}
	}
	return r.f.d.fromABI(v)
}

// evidence is what debug information says of a parameter at the entry.
type evidence struct {
	known    bool // it is in places
	gone     bool // it is in none, or a number that the compiler knows
	places   []Place
	indirect bool
	text     string
	err      error
}

func (r *sigReader) evidence(f *frame, p sigParam, size int64) (ev evidence) {
	if !p.e.Valid() {
		return evidence{}
	}
	all, list, err := f.locate(p.e)
	if err != nil {
		return evidence{err: err}
	}
	if len(all) == 0 {
		return evidence{gone: true}
	}
	for i := range all {
		l := &all[i]
		switch l.Kind {
		case dwloc.OptimizedOut, dwloc.Constant, dwloc.Bytes, dwloc.ImplicitPointer:
			ev.gone = true
			continue
		case dwloc.Memory:
			if !r.callers(l, list) {
				continue
			}
		}
		places := r.f.d.places(l, size)
		if len(places) == 0 || !r.wasPassed(l, list) {
			continue
		}
		ev = evidence{known: true, places: places, text: l.String()}
		// An aggregate in memory that a register points to is passed by reference.
		if o := places[0]; l.Kind == dwloc.Memory && framePointer(o.Base) {
			ev = evidence{} // relative to a frame that is not there yet
			continue
		} else if l.Kind == dwloc.Memory && len(places) == 1 && o.Disp == 0 && !stackPointer(o.Base) {
			ev.indirect = true
			ev.places = []Place{{operand.Operand{Kind: operand.Register, Reg: o.Base}, 0, int64(r.f.d.word())}}
			ev.text = ev.places[0].Operand.String()
		}
		return ev
	}
	return ev
}

func stackPointer(r operand.Reg) bool { return r.Name == "rsp" || r.Name == "esp" || r.Name == "sp" }

// framePointer reports whether frames are addressed by a register.
func framePointer(r operand.Reg) bool {
	switch r.Name {
	case "rbp", "ebp", "x29", "s0", "r11", "fp":
		return true
	}
	return false
}

// callers reports whether memory is where a caller put an argument, and makes
// the location that of the entry.
func (r *sigReader) callers(l *dwloc.Loc, list bool) bool {
	t := &l.Term
	cfa, ok := r.f.d.entryCFA()
	if t.Base == dwloc.CFABase && len(t.Steps) == 0 && t.Disp >= 0 && ok {
		t.Base, t.Reg = dwloc.RegBase, cfa.Reg
		t.Disp += cfa.Offset
		return true
	}
	// A list's entry for the first instruction; else the prologue stores it there.
	return list && t.Base == dwloc.RegBase && len(t.Steps) == 0 && t.Reg != cfa.Reg
}

// wasPassed tells a register that an argument comes in from one that the
// prologue copies it to: an expression that holds everywhere may not hold at
// the entry, unless it is in a register that calls destroy.
func (r *sigReader) wasPassed(l *dwloc.Loc, list bool) bool {
	return list || l.Kind != dwloc.Register || r.isGNU()
}

// optimised reports whether the unit's compiler tracked where values are, or
// does not say that it did not.
func (r *sigReader) optimised() bool {
	producer := r.f.Unit().Producer()
	if !r.isGNU() {
		return true
	}
	// gcc tells its options; the last -O counts. Without one it keeps parameters in
	// their slots, and those declared "register" in registers of its choice.
	on := false
	for word := range strings.FieldsSeq(producer) {
		if rest, ok := strings.CutPrefix(word, "-O"); ok {
			on = rest != "0"
		}
	}
	return on
}

func (r *sigReader) isGNU() bool { return strings.HasPrefix(r.f.Unit().Producer(), "GNU ") }

// mayChange reports whether the compiler may have given the function another
// signature than its callers elsewhere believe in: there are none, or this is a
// copy.
func (r *sigReader) mayChange() bool { return r.isGNU() && (r.copy || !r.f.External) }

// byConvention is where the convention puts parameters and results.
func (r *sigReader) byConvention() (params, results []abi.Value) {
	d := r.f.d
	f := &abi.Func{Machine: d.c.Machine, Class: d.c.Class, Big: d.f.Big, Variadic: r.sig.Variadic}
	params, results = make([]abi.Value, len(r.params)), make([]abi.Value, len(r.results))
	fail := func(err error) ([]abi.Value, []abi.Value) {
		for i := range params {
			params[i].Err = err
		}
		for i := range results {
			results[i].Err = err
		}
		return params, results
	}
	lang := r.f.Unit().Language()
	switch {
	case lang.IsGo():
		minor, ok := goMinor(r.f.Unit().Producer())
		if !ok {
			return fail(unshaped("which version of Go compiled it is not told"))
		}
		f.Convention = abi.GoConvention(d.c.Machine, minor)
	case lang.IsRust():
		f.Convention = abi.Rust
	case !lang.platformConvention():
		return fail(unshaped("no convention is known here for %s", languageName(lang)))
	}
	switch {
	case r.cc == ccNocall:
		return fail(unshaped("the compiler says that this function follows no convention (DW_CC_nocall)"))
	case r.cc > 2: // normal, and a Fortran program
		return fail(unshaped("calling convention 0x%x", r.cc))
	case d.c.Machine == elf.EM_386 && !r.f.External && r.optimised() && r.isGNU():
		return fail(unshaped("a function that is local to its file may take registers, which gcc does not tell"))
	}
	// Constructors with virtual bases take a table, and one that tells which copy
	// of the constructor it is: that is no parameter any more.
	hidden := -1
	for i, p := range r.params {
		t, err := r.shapes.of(typeHolder(p), 0)
		if err == nil && t.Kind == abi.Void {
			err = unshaped("a parameter without a type")
		}
		if err == nil && r.sig.Unprototyped && t.Kind == abi.Float && t.Size < 8 {
			t = &abi.Type{Kind: abi.Float, Size: 8}
		}
		if name := r.sig.Params[i].Name; hidden < 0 && r.sig.Params[i].Artificial && (name == "__in_chrg" || name == "__vtt_parm") {
			hidden = i
		}
		if err != nil && !errors.Is(err, ErrNoPlace) {
			r.keep(err)
		}
		if err != nil {
			return fail(err)
		}
		f.Params = append(f.Params, t)
	}
	for _, p := range r.results {
		t, err := r.shapes.of(typeHolder(p), 0)
		if err != nil {
			return fail(err)
		}
		if t.Kind != abi.Void || lang.IsGo() {
			f.Results = append(f.Results, t)
		}
	}
	ps, rs := abi.Locate(f)
	copy(params, ps)
	if len(f.Results) == len(results) {
		copy(results, rs)
	}
	for i := range params {
		if hidden >= 0 && i >= hidden {
			params[i] = abi.Value{Err: unshaped("which copy of the constructor or destructor this is decides")}
		}
		if r.sig.Unprototyped && params[i].Err == nil && f.Params[i].Kind == abi.Float && r.sig.Params[i].Type.Size() < 8 {
			params[i] = abi.Value{Err: errPromoted}
		}
	}
	return params, results
}

// errPromoted: debug information too names the place of what is no float yet.
var errPromoted = unshaped("declared without a prototype: a caller passes a double")

// platformConvention reports whether functions of the language follow the
// platform's. D's is not specified.
func (l Language) platformConvention() bool {
	switch l {
	case 0x10, 0x11: // Objective-C
		return true
	case 0x07, 0x08, 0x0e, 0x22, 0x23: // Fortran
		return true
	}
	return l.IsC() || l.IsCPlusPlus()
}

func languageName(l Language) string {
	if name := l.String(); name != "" {
		return name
	}
	return fmt.Sprintf("language 0x%x", uint16(l))
}

// typeHolder is the entry that a parameter's type is an attribute of.
func typeHolder(p sigParam) die.Entry {
	at := p.decl
	for _, e := range []die.Entry{p.e, p.decl} {
		if !e.Valid() {
			continue
		}
		found := false
		_ = e.Origins(func(o die.Entry) bool { // told already
			if found = o.Has(dwarf.AttrType); found {
				at = o
			}
			return !found
		})
		if found {
			break
		}
	}
	return at
}

// goMinor is the n of "Go cmd/compile go1.n…".
func goMinor(producer string) (int, bool) {
	rest, ok := strings.CutPrefix(producer, attrProducerGo)
	if !ok {
		return 0, false
	}
	if rest, ok = strings.CutPrefix(rest, "go1."); !ok {
		// A development version says when it was made.
		if _, rest, ok = strings.Cut(rest, "go1."); !ok {
			return 0, false
		}
	}
	end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(rest)
	}
	n, err := strconv.Atoi(rest[:end])
	return n, err == nil
}

// fromABI is a convention's place.
func (d *Data) fromABI(v *abi.Value) Location {
	if v.Err != nil {
		err := v.Err
		if !errors.Is(err, ErrNoPlace) && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: %s", ErrNoPlace, strings.TrimPrefix(err.Error(), abi.ErrUnknown.Error()+": "))
		}
		return Location{Err: err}
	}
	l := Location{Indirect: v.Indirect}
	var texts []string
	for _, p := range v.Places {
		l.Places = append(l.Places, Place{p.Operand, p.Off, p.Size})
		text := p.Operand.String()
		if len(v.Places) > 1 {
			text += fmt.Sprintf("[%d:%d]", p.Off, p.Off+p.Size)
		}
		texts = append(texts, text)
	}
	l.Text = strings.Join(texts, " ")
	switch {
	case len(v.Places) == 0:
		l.Text = "no bytes"
	case v.Indirect:
		l.Text = "*(" + l.Text + ")"
	}
	return l
}

// agree reports whether debug information's places are among those of the
// convention.
func (d *Data) agree(places []Place, indirect bool, v *abi.Value) bool {
	if indirect != v.Indirect {
		return false
	}
	for _, p := range places {
		found := false
		for _, q := range v.Places {
			found = found || p.Off == q.Off && d.sameOperand(&p.Operand, &q.Operand)
		}
		if !found && len(v.Places) > 0 {
			return false
		}
	}
	return true
}

// sameOperand reports whether two operands are one place, whatever part of a
// register they name.
func (d *Data) sameOperand(a, b *operand.Operand) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case operand.Register:
		return d.sameReg(a.Reg, b.Reg)
	case operand.Memory:
		return a.Index.Name == "" && b.Index.Name == "" && a.Symbol == "" && b.Symbol == "" && a.Segment == "" && b.Segment == "" &&
			a.Disp == b.Disp && d.sameReg(a.Base, b.Base)
	}
	return false
}

func (d *Data) sameReg(a, b operand.Reg) bool {
	if a.Shift != b.Shift {
		return false
	}
	if a.Name == b.Name {
		return a.Name != ""
	}
	i, ok := a.PtRegs(d.c.Machine)
	j, ok2 := b.PtRegs(d.c.Machine)
	return ok && ok2 && i == j
}
