package elfsym

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"

	"github.com/probels/probels/internal/gotab"
)

// goTableSections are what linkers call the table where it has a section of its
// own: Go's linker, and Go's linker before 1.26 in position-independent files.
// GNU ld and lld put the latter into .data.rel.ro.
var goTableSections = []string{".gopclntab", ".data.rel.ro.gopclntab"}

// goSections are what strip leaves of a Go program's sections, whoever linked
// it.
var goSections = []string{
	".go.buildinfo", ".note.go.buildid", ".go.module", ".go.fipsinfo",
	".typelink", ".itablink", ".gosymtab", ".note.go.pkg-list",
}

// Limits of the search in a file where nothing tells a place.
const (
	maxGoHeaders  = 8   // tables with a good header that are tried
	maxGoMagics   = 256 // places that begin as a table does
	maxGoPointers = 64  // places that point to a table
)

// goTablePlace is where a table may be.
type goTablePlace struct {
	addr, size uint64
	where      string
	found      bool // by its magic only, not in a section that has its name
}

func (f *File) findGoTable() (*GoFuncTable, error) {
	if f.hdr.typ != elf.ET_EXEC && f.hdr.typ != elf.ET_DYN || f.DebugOnly() {
		return nil, nil
	}
	var mem *goMemory
	open := func() (err error) {
		if mem == nil {
			mem = &goMemory{f: f}
			mem.added, err = f.newAddends()
		}
		return err
	}
	var first error
	for _, name := range goTableSections {
		s := f.Section(name)
		if s == nil || s.Type == elf.SHT_NOBITS || s.Size == 0 {
			continue
		}
		if err := open(); err != nil {
			return nil, err
		}
		p := goTablePlace{uint64(s.Addr), s.Size, "the table is in section " + name, false}
		t, err := f.tryGoTable(mem, p)
		if err == nil {
			return t, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil && !f.maybeGo() {
		return nil, nil
	}
	if err := open(); err != nil {
		return nil, err
	}
	headers := 0
	var found *GoFuncTable
	err := f.scanGoTables(func(addr uint64) bool {
		p := goTablePlace{addr, 1<<64 - 1, "the table was found by its first bytes", true}
		t, err := f.tryGoTable(mem, p)
		if err == nil {
			found = t
			return false
		}
		if t != nil || first == nil {
			first = err
		}
		headers++
		return headers < maxGoHeaders
	}, mem)
	if found != nil {
		return found, nil
	}
	if first == nil {
		first = err
	}
	return nil, first
}

// maybeGo reports whether the file may be a Go program: one whose sections do
// not say so is not searched for a table.
func (f *File) maybeGo() bool {
	t, err := f.sections()
	if err != nil || len(t.all) == 0 || t.err != nil {
		return true
	}
	s := f.findSection(func(s *Section) bool { return slices.Contains(goSections, s.Name) })
	return s != nil || f.GoBuildID() != ""
}

// scanGoTables calls try with the addresses of what begins as a table does, until
// it returns false. Read-only data comes first, then data that is only relocated;
// a linker that puts constants next to code comes last.
func (f *File) scanGoTables(try func(uint64) bool, mem *goMemory) error {
	magics := 0
	seen := map[uint64]bool{}
	look := func(off, size uint64, addr Addr) (bool, error) {
		return f.eachWindow(off, size, func(b []byte, at uint64) bool {
			step := f.WordSize()
			for i := 0; i+gotab.MagicSize <= len(b); i += step {
				// All magics have these two in common, in both byte orders.
				if b[i+1]&b[i+2] != 0xff || !gotab.IsHeader(f.Layout, b[i:]) {
					continue
				}
				a := uint64(addr) + at + uint64(i)
				if seen[a] {
					continue
				}
				seen[a] = true
				if magics++; magics > maxGoMagics {
					return false
				}
				if _, err := gotab.Parse(mem, f.Layout, a, 1<<64-1); err == nil && !try(a) {
					return false
				}
			}
			return true
		})
	}
	// Where GNU ld and lld put the tables of position-independent files.
	if s := f.Section(".data.rel.ro"); s != nil && s.Type != elf.SHT_NOBITS {
		if more, err := look(uint64(s.Offset), s.Size, s.Addr); !more || err != nil {
			return err
		}
	}
	for _, s := range f.loads(func(s Segment) bool { return s.Flags&elf.PF_X == 0 }) {
		if more, err := look(uint64(s.Offset), s.FileSize, s.Addr); !more || err != nil {
			return err
		}
	}
	return nil
}

// goWindow is how much of a file is searched at once: a multiple of the words
// that are sought.
const goWindow = 256 << 10

// eachWindow calls fn with one piece of the file after the other and its
// distance from off. Pieces overlap by what a header needs. false if fn wanted no
// more.
func (f *File) eachWindow(off, size uint64, fn func(b []byte, at uint64) bool) (bool, error) {
	if off >= f.size {
		return true, nil
	}
	size = min(size, f.size-off)
	buf := make([]byte, min(size, goWindow+gotab.MagicSize))
	for at := uint64(0); at < size; at += goWindow {
		b := buf[:min(uint64(len(buf)), size-at)]
		if err := f.readAt(b, off+at, goPart); err != nil {
			return false, err
		}
		if !fn(b, at) {
			return false, nil
		}
	}
	return true, nil
}

// findGoModule finds the runtime's moduledata: what points to the table and says
// of it what the table itself says.
func (f *File) findGoModule(mem *goMemory, t *gotab.Table) (*gotab.Module, error) {
	tries := 0
	var m *gotab.Module
	var first error
	try := func(addr uint64) bool {
		var err error
		if m, err = t.Module(addr); err == nil {
			return true
		}
		m = nil
		if first == nil {
			first = err
		}
		tries++
		return false
	}
	if s := f.Section(".go.module"); s != nil && s.Type != elf.SHT_NOBITS && try(uint64(s.Addr)) {
		return m, nil
	}
	at, err := mem.added.pointersTo(t.Addr(), maxGoPointers)
	if err != nil {
		return nil, err
	}
	for _, a := range at {
		if try(uint64(a)) {
			return m, nil
		}
	}
	needle := make([]byte, f.WordSize())
	f.putWord(needle, t.Addr())
	for _, s := range f.loads(func(s Segment) bool { return s.Flags&elf.PF_W != 0 }) {
		if s.Flags&elf.PF_W == 0 {
			break // moduledata is written to
		}
		_, err := f.eachWindow(uint64(s.Offset), s.FileSize, func(b []byte, at uint64) bool {
			for i := 0; tries < maxGoPointers; i++ {
				n := bytes.Index(b[i:], needle)
				if n < 0 {
					return true
				}
				if i += n; i%len(needle) == 0 && i < goWindow && try(uint64(s.Addr)+at+uint64(i)) {
					return false
				}
			}
			return false
		})
		if err != nil {
			return nil, err
		}
		if m != nil {
			return m, nil
		}
	}
	return nil, first
}

// describe lists for people what a moduledata says.
func describeModule(m *gotab.Module) string {
	s := fmt.Sprintf("moduledata at 0x%x says that functions reach from 0x%x to 0x%x, as the table does", m.Addr, m.MinPC, m.MaxPC)
	if n := m.Sections(); n > 0 {
		s += fmt.Sprintf(", in %d text sections", n)
	}
	return s
}
