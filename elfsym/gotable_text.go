package elfsym

import (
	"debug/elf"
	"fmt"
	"math"
	"strings"

	"github.com/probels/probels/internal/gotab"
)

// tryGoTable reads the table at a place and finds out where its functions are.
//
// Before Go 1.18 the table has their addresses. Since, it has distances from
// runtime.text, and only the runtime's moduledata knows for sure where that is:
// the table's header says it too until Go 1.25; .text begins there only if no C
// was linked in; and where a loader relocates the file, both are relocations'
// addends. So one witness is not enough. Accepted are:
//
//   - a moduledata that points to all parts of the table and whose minpc and
//     maxpc are the entry of its first and the end of its last function: what
//     the runtime itself insists on before a program starts. The header may be
//     silent, but not contradict it;
//   - without one, a header whose text start makes the file's entry point
//     _rt0_<arch>_linux, where internally linked programs begin;
//   - addresses of functions in executable segments, if the table is in a
//     section of its name or one of the above is true too.
//
// A program that is a container for another (go:embed) has two tables; only its
// own is where its moduledata says.
func (f *File) tryGoTable(mem *goMemory, p goTablePlace) (*GoFuncTable, error) {
	t, err := gotab.Parse(mem, f.Layout, p.addr, p.size)
	if err != nil {
		return nil, goError(err)
	}
	out := &GoFuncTable{f: f, t: t}
	out.say("%s, at 0x%x, in the format of Go %v", p.where, p.addr, t.Version())
	m, err := f.findGoModule(mem, t)
	if m == nil {
		if err != nil {
			out.say("no moduledata fits: %v", err)
		} else {
			out.say("no moduledata points to it")
		}
	} else {
		out.module = Addr(m.Addr)
		out.say("%s", describeModule(m))
	}
	if t.Version().Absolute() {
		err = out.placeAddresses(mem, m, p.found)
	} else {
		err = out.placeDistances(m)
	}
	if err == nil {
		mem.added.search = nil
	}
	return out, err
}

func (t *GoFuncTable) say(format string, args ...any) {
	t.evidence = append(t.evidence, fmt.Sprintf(format, args...))
}

func (t *GoFuncTable) refuse(format string, args ...any) error {
	return &GoTableError{fmt.Sprintf(format, args...), t.evidence, ErrUncertain}
}

// placeAddresses is for a table of addresses.
func (t *GoFuncTable) placeAddresses(mem *goMemory, m *gotab.Module, found bool) error {
	t.t.Bind(0, m)
	first, last := t.t.Ends()
	if mem.Code(first) == 0 || mem.Code(last-1) == 0 {
		return t.refuse("its functions reach from 0x%x to 0x%x, which is no code", first, last)
	}
	t.say("its functions are addresses of code, from 0x%x to 0x%x", first, last)
	start, err := t.checkEntry()
	if err != nil {
		return err
	}
	if found && m == nil && !start {
		return t.refuse("nothing proves that it is this program's own")
	}
	return nil
}

// placeDistances is for a table of distances from runtime.text.
func (t *GoFuncTable) placeDistances(m *gotab.Module) error {
	header := t.t.HeaderText()
	switch {
	case header == 0:
		t.say("its header has no text start")
	default:
		t.say("its header says that the text starts at 0x%x", header)
	}
	if m == nil {
		if header == 0 {
			return t.refuse("no text start")
		}
		t.t.Bind(header, nil)
		start, err := t.checkEntry()
		if err == nil && !start {
			err = t.refuse("only its header has a text start")
		}
		return err
	}
	if header != 0 && header != m.Text {
		return t.refuse("moduledata says that the text starts at 0x%x, the header at 0x%x", m.Text, header)
	}
	t.say("moduledata says that the text starts at 0x%x", m.Text)
	t.t.Bind(m.Text, m)
	_, err := t.checkEntry()
	return err
}

// checkEntry looks up the file's entry point. Where Go's own linker made the
// file it is _rt0_<arch>_linux, and then it bears witness; that of C's start-up
// code is in no Go function. In a program it cannot be within one.
func (t *GoFuncTable) checkEntry() (bool, error) {
	entry := t.f.hdr.entry
	if entry == 0 || entry == math.MaxUint64 {
		return false, nil
	}
	if t.f.hdr.machine == elf.EM_ARM {
		entry &^= 1
	}
	g, ok, err := t.t.At(uint64(entry))
	switch {
	case err != nil:
		t.say("the entry point, 0x%x: %v", uint64(entry), goError(err))
		return false, nil
	case !ok:
		t.say("the entry point, 0x%x, is in no Go function", uint64(entry))
		return false, nil
	case Addr(g.Addr) == entry && strings.HasPrefix(g.Name, "_rt0_"):
		t.say("the entry point, 0x%x, is %s", uint64(entry), g.Name)
		return true, nil
	case t.f.hdr.typ == elf.ET_EXEC && Addr(g.Addr) != entry:
		return false, t.refuse("the entry point, 0x%x, is within %s", uint64(entry), g.Name)
	}
	t.say("the entry point, 0x%x, is in %s", uint64(entry), g.Name)
	return false, nil
}
