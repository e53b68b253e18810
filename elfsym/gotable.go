package elfsym

import (
	"debug/elf"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/probels/probels/internal/gotab"
)

// GoFuncTable is the table of functions that the Go linker leaves in every
// program for the runtime's stack traces, runtime.pclntab. strip cannot remove
// it: it names every Go function, its file and lines, and what was inlined
// where. Package internal/gotab explains the format.
//
// It is immutable, but for parts that are read when first asked for, and safe
// for concurrent use.
type GoFuncTable struct {
	f        *File
	t        *gotab.Table
	module   Addr
	evidence []string
}

// A GoFunc is one function of a Go program.
type GoFunc struct {
	// Name as the table has it, which is the linker's symbol but for this:
	// functions of the assembler's calling convention have no ".abi0"; a middle
	// dot stays one, where symbols have a full stop; and Go 1.18 to 1.20 write
	// "[...]" for type arguments, as all do in stack traces, so that the
	// instances of a generic function share a name.
	Name string

	Addr  Addr
	Size  uint64 // up to the next function, padding included; 0 if unknown
	Index uint32 // in the table

	// Line is where the function begins in its file; 0 if unknown, as it is
	// before Go 1.20.
	Line int

	// Asm is set for functions written in assembly, of Go 1.18 and later: they
	// take their arguments on the stack.
	Asm bool
}

// A GoFrame is one of the calls that an instruction is in; see Frames.
type GoFrame struct {
	Func    string
	File    string // "" if the table does not know
	Line    int    // of the instruction and, in callers, of the call
	Inlined bool   // Func was inlined into the next frame's function
}

// ErrUncertain: the parts of a file contradict each other, or too few of them
// agree, so that an answer would be a guess.
var ErrUncertain = errors.New("not certain")

// A GoTableError says why the functions of a Go program could not be placed,
// with all that was found out.
type GoTableError struct {
	Reason   string
	Evidence []string
	Err      error // one of the package's errors
}

func (e *GoTableError) Error() string {
	msg := fmt.Sprintf("Go's function table: %s (%v)", e.Reason, e.Err)
	if len(e.Evidence) > 0 {
		msg += ": " + strings.Join(e.Evidence, "; ")
	}
	return msg
}

func (e *GoTableError) Unwrap() error { return e.Err }

// GoFuncs finds the file's table of Go functions and where they are in memory;
// nil if it is no Go program. Where that is not certain, the error is a
// *GoTableError, and there is no table.
func (f *File) GoFuncs() (*GoFuncTable, error) { return f.parts.goFuncs.get(f.findGoTable) }

// Version is the format of the table: that of Go "1.2", "1.16", "1.18" or
// "1.20", each read by the runtime until the next one. GoVersion and
// GoBuildInfo tell which Go built the file.
func (t *GoFuncTable) Version() string { return t.t.Version().String() }

// Addr is where the table is.
func (t *GoFuncTable) Addr() Addr { return Addr(t.t.Addr()) }

// Module is the address of the runtime's moduledata; 0 if it was not found.
func (t *GoFuncTable) Module() Addr { return t.module }

// TextStart is the address of runtime.text, which is not that of .text where C
// was linked in; 0 where the table has addresses (before Go 1.18).
func (t *GoFuncTable) TextStart() Addr { return Addr(t.t.TextStart()) }

// Evidence says, for people, where the table was found and what its text start
// rests on.
func (t *GoFuncTable) Evidence() []string { return append([]string(nil), t.evidence...) }

// Len is the number of functions, of which damaged ones and holes are left out
// by Funcs.
func (t *GoFuncTable) Len() int { return t.t.Len() }

// Funcs yields all functions by address. Names are parts of strings that some
// hundreds share. One that is damaged is yielded as an error, and the next follows;
// after twenty, the rest are reported together.
func (t *GoFuncTable) Funcs() iter.Seq2[GoFunc, error] {
	return func(yield func(GoFunc, error) bool) { t.t.All(goFuncs(yield)) }
}

// Lookup yields the functions of these names, more than one if they share it,
// without reading the others' names into memory. A name that is nowhere is no
// error.
func (t *GoFuncTable) Lookup(names ...string) iter.Seq2[GoFunc, error] {
	return func(yield func(GoFunc, error) bool) { t.t.Lookup(names, goFuncs(yield)) }
}

func goFuncs(yield func(GoFunc, error) bool) func(gotab.Func, error) bool {
	return func(g gotab.Func, err error) bool {
		if err != nil {
			return yield(GoFunc{}, goError(err))
		}
		return yield(goFunc(&g), nil)
	}
}

func goFunc(g *gotab.Func) GoFunc {
	return GoFunc{Name: g.Name, Addr: Addr(g.Addr), Size: g.Size, Index: g.Index, Line: int(g.Line), Asm: g.Flags&gotab.FlagAsm != 0}
}

// At is the function that an address is in; false if there is none.
func (t *GoFuncTable) At(a Addr) (GoFunc, bool, error) {
	g, ok, err := t.t.At(uint64(a))
	if err != nil || !ok {
		return GoFunc{}, false, goError(err)
	}
	return goFunc(&g), true, nil
}

// Line is the source line of the instruction at an address; "" and 0 if the
// table does not know. Of a call that was inlined it is the line within the
// function inlined: Frames has the callers.
func (t *GoFuncTable) Line(a Addr) (file string, line int, err error) {
	file, line, err = t.t.Line(uint64(a))
	return file, line, goError(err)
}

// Frames are the calls that the instruction at an address is in, the innermost
// first: those inlined, and last the function that has the instruction. None if
// no function has it. Programs of before Go 1.16 tell only the last. An error
// comes with the frames before it.
//
// An address that a call returns to belongs to what follows the call; give the
// one before it for the call's own frames.
func (t *GoFuncTable) Frames(a Addr) ([]GoFrame, error) {
	frames, err := t.t.Frames(uint64(a))
	out := make([]GoFrame, len(frames))
	for i, fr := range frames {
		out[i] = GoFrame{fr.Func, fr.File, fr.Line, fr.Inlined}
	}
	return out, goError(err)
}

// goError puts an error of package gotab into this one's words; one that came
// from reading the file is such already.
func goError(err error) error {
	var e *gotab.Error
	if !errors.As(err, &e) {
		return err
	}
	is := ErrDamaged
	if errors.Is(e.Err, gotab.ErrUnsupported) {
		is = ErrUnsupported
	}
	return &GoTableError{Reason: fmt.Sprintf("at address 0x%x: %s", e.Addr, e.Reason), Err: is}
}

// SectionUnknown is the section of a symbol that is known to be in the file, but
// not in which section.
const SectionUnknown = -1

// goSymbols yields the functions of a Go program as symbols of a source; false
// if yield wanted no more. With names it looks only for those.
func (f *File) goSymbols(src Source, names []string, yield func(Symbol, error) bool) bool {
	t, err := f.GoFuncs()
	if err != nil {
		return yield(Symbol{}, err)
	}
	if t == nil {
		return true
	}
	place := f.sectionFinder()
	each := func(g gotab.Func, err error) bool {
		if err != nil {
			return yield(Symbol{}, goError(err))
		}
		return yield(Symbol{
			Name: g.Name, Addr: Addr(g.Addr), Size: g.Size, SizeInferred: g.Size != 0,
			Type: elf.STT_FUNC, Bind: elf.STB_LOCAL, Section: place(Addr(g.Addr)), Source: src, Index: g.Index,
		}, nil)
	}
	if names == nil {
		return t.t.All(each)
	}
	return t.t.Lookup(names, each)
}

// sectionFinder returns a function that tells the index of the section that an
// address of code is in. It remembers the last one.
func (f *File) sectionFinder() func(Addr) int {
	var all []Section
	if t, err := f.sections(); err == nil {
		all = t.all
	}
	var last *Section
	in := func(s *Section, a Addr) bool { return a >= s.Addr && uint64(a-s.Addr) < s.Size }
	return func(a Addr) int {
		if last != nil && in(last, a) {
			return last.Index
		}
		for i := range all {
			if s := &all[i]; s.Flags&elf.SHF_EXECINSTR != 0 && in(s, a) {
				last = s
				return s.Index
			}
		}
		return SectionUnknown
	}
}
