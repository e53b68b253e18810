package relink

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/probels/probels/elfsym"
)

// object is a member that has code or data.
type object struct {
	name  string
	f     *elfsym.File
	secs  []section
	syms  []symbol
	rela  []elfsym.Section // tables that are to be applied
	names uint64           // bytes of the symbols' names
}

// section is what becomes of a section of a member.
type section struct {
	addr      uint64 // where it is, or for thread-local data its place among that
	size      uint64
	off       uint64 // of its bytes in the image, if it has any
	class     class
	discarded bool // another member has the group
}

// class is where a section goes.
type class uint8

const (
	none     class = iota
	code           // executable
	constant       // read-only
	frames         // .eh_frame
	data           // writable
	zero           // writable, without bytes
	threads        // thread-local, with bytes
	threads0       // thread-local, without
	classes
)

func (c class) bytes() bool { return c != none && c != zero && c != threads0 }

// symbol is one of a member's.
type symbol struct {
	name        string // of functions, of what is not local, and of labels: a group may have such a name
	value, size uint64
	sec         uint32 // index; or one of those below
	bind        elf.SymBind
	typ         elf.SymType
}

const (
	undefined = ^uint32(0) - iota
	absolute
	common
)

func (s *symbol) defined() bool  { return s.sec != undefined && s.sec != common }
func (s *symbol) function() bool { return s.typ == elf.STT_FUNC || s.typ == elf.STT_GNU_IFUNC }

// unfit says why a member is left out that is not damaged. Such members are told
// together.
type unfit string

func (e unfit) Error() string { return string(e) }

const (
	errNotObject = unfit("no object file")
	errEmpty     = unfit("neither code nor data")
	errBytecode  = unfit("bytecode of a compiler only (-flto), of which code is made when it is linked: compile with -ffat-lto-objects, or without -flto")
	errMachine   = unfit("of another machine, class or byte order")
)

// readObject reads the tables of a member, but no code and no relocations.
func readObject(r io.ReaderAt, m member, l elfsym.Limits) (*object, error) {
	sec := io.NewSectionReader(r, m.off, m.size)
	head := make([]byte, min(HeadSize, m.size))
	if _, err := sec.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("BC\xc0\xde")), bytes.HasPrefix(head, []byte{0xde, 0xc0, 0x17, 0x0b}):
		return nil, errBytecode
	case !isObject(head):
		return nil, errNotObject
	}
	f, err := elfsym.NewFile(sec, m.size, &elfsym.Options{Limits: l})
	if err != nil {
		return nil, err
	}
	o := &object{name: m.name, f: f}
	if f.Class() != elf.ELFCLASS64 || f.ByteOrder() != elf.ELFDATA2LSB || machineOf(f.Machine()) == nil {
		return nil, errMachine
	}
	all, err := f.Sections()
	if err != nil {
		return nil, err
	}
	if err := o.sections(all, uint64(m.size)); err != nil {
		return nil, err
	}
	return o, o.symbols(all)
}

// sections says what becomes of each.
func (o *object) sections(all []elfsym.Section, size uint64) error {
	o.secs = make([]section, len(all))
	var sum uint64
	empty, bytecode := true, false
	for i := range all {
		s := &all[i]
		bytecode = bytecode || strings.HasPrefix(s.Name, ".gnu.lto_") || s.Name == ".llvmbc"
		c := classOf(s)
		if c != none && s.AddrAlign&(s.AddrAlign-1) != 0 {
			return sectionError(s, "an alignment of %d", s.AddrAlign)
		}
		o.secs[i] = section{class: c, size: s.Size}
		empty = empty && c == none
		if c.bytes() || s.Type == elf.SHT_RELA {
			if s.Flags&elf.SHF_COMPRESSED != 0 {
				return sectionError(s, "compressed, though it has an address")
			}
			// No two sections share bytes, so they have no more than the file.
			if s.Size > size || sum > size-s.Size {
				return sectionError(s, "of %d bytes, beyond the file's", s.Size)
			}
			sum += s.Size
		}
	}
	for i := range all {
		s := &all[i]
		if s.Type != elf.SHT_RELA && s.Type != elf.SHT_REL || uint64(s.Info) >= uint64(len(all)) || !o.secs[s.Info].class.bytes() {
			continue
		}
		if s.Type == elf.SHT_REL {
			return sectionError(s, "relocations without addends, which the machine's ABI does not have")
		}
		o.rela = append(o.rela, *s)
	}
	switch {
	case !empty:
		return nil
	case bytecode:
		return errBytecode
	}
	return errEmpty
}

func (o *object) hasCode() bool {
	for i := range o.secs {
		if o.secs[i].class == code && !o.secs[i].discarded {
			return true
		}
	}
	return false
}

func sectionError(s *elfsym.Section, format string, args ...any) error {
	return &elfsym.FormatError{Part: fmt.Sprintf("section %d %.80q", s.Index, s.Name), Offset: s.Offset, Reason: fmt.Sprintf(format, args...), Err: elfsym.ErrDamaged}
}

// classOf says where a section goes.
func classOf(s *elfsym.Section) class {
	const unwind = elf.SectionType(0x70000001) // SHT_X86_64_UNWIND
	switch {
	case s.Flags&elf.SHF_ALLOC == 0 || s.Size == 0:
		return none
	case s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_TLS != 0:
		return threads0
	case s.Type == elf.SHT_NOBITS:
		return zero
	case s.Name == ".eh_frame":
		return frames
	case s.Type != elf.SHT_PROGBITS && s.Type != elf.SHT_INIT_ARRAY && s.Type != elf.SHT_FINI_ARRAY && s.Type != elf.SHT_PREINIT_ARRAY && s.Type != unwind:
		return none // notes and tables of the linker's
	case s.Flags&elf.SHF_EXECINSTR != 0:
		return code
	case s.Flags&elf.SHF_TLS != 0:
		return threads
	case s.Flags&elf.SHF_WRITE != 0:
		return data
	}
	return constant
}

const (
	symSize   = 24
	maxSymbol = 1 << 16 // bytes of a name
)

// symbols reads the symbol table.
func (o *object) symbols(all []elfsym.Section) error {
	var tab *elfsym.Section
	for i := range all {
		if all[i].Type == elf.SHT_SYMTAB {
			tab = &all[i]
			break
		}
	}
	if tab == nil {
		return &elfsym.FormatError{Part: "symbols", Reason: "there are none", Err: elfsym.ErrDamaged}
	}
	if uint64(tab.Link) >= uint64(len(all)) {
		return sectionError(tab, "its names are in section %d, of %d", tab.Link, len(all))
	}
	b, err := o.f.Data(tab)
	if err != nil {
		return err
	}
	strs, err := o.f.Data(&all[tab.Link])
	if err != nil {
		return err
	}
	names := string(strs)
	var far []byte // indices that 16 bits have no room for
	for i := range all {
		if s := &all[i]; s.Type == elf.SHT_SYMTAB_SHNDX && s.Link == uint32(tab.Index) {
			if far, err = o.f.Data(s); err != nil {
				return err
			}
		}
	}
	le := binary.LittleEndian
	o.syms = make([]symbol, len(b)/symSize)
	// Tables of names share ends, not more. What is beyond that is made to be long.
	budget := 8*uint64(len(names)) + 1<<16
	for i := range o.syms {
		e := b[i*symSize:]
		s := &o.syms[i]
		s.bind, s.typ = elf.ST_BIND(e[4]), elf.ST_TYPE(e[4])
		s.value, s.size = le.Uint64(e[8:]), le.Uint64(e[16:])
		switch x := elf.SectionIndex(le.Uint16(e[6:])); {
		case x == elf.SHN_UNDEF:
			s.sec = undefined
		case x == elf.SHN_ABS:
			s.sec = absolute
		case x == elf.SHN_COMMON:
			s.sec = common
		case x == elf.SHN_XINDEX && 4*i+4 <= len(far):
			s.sec = le.Uint32(far[4*i:])
		default:
			s.sec = uint32(x)
		}
		if s.sec < common && s.sec >= uint32(len(all)) {
			return symbolError(i, "in section %d, of %d", s.sec, len(all))
		}
		if s.bind == elf.STB_LOCAL && s.typ != elf.STT_NOTYPE && !s.function() || s.typ == elf.STT_FILE {
			continue
		}
		at := le.Uint32(e)
		if uint64(at) >= uint64(len(names)) {
			return symbolError(i, "its name is at %d, of %d bytes", at, len(names))
		}
		rest := names[at:min(uint64(len(names)), uint64(at)+maxSymbol)]
		n := strings.IndexByte(rest, 0)
		if n < 0 {
			return symbolError(i, "its name has no end")
		}
		if uint64(n) > budget {
			return symbolError(i, "names of more bytes than their table has")
		}
		budget -= uint64(n)
		o.names += uint64(n)
		s.name = rest[:n]
	}
	return nil
}

func symbolError(i int, format string, args ...any) error {
	return &elfsym.SymbolError{Source: elfsym.Symtab, Index: uint32(i), Reason: fmt.Sprintf(format, args...), Err: elfsym.ErrDamaged}
}

// groups yields the groups of which one of a name stays, and the sections
// of each.
func (o *object) groups(yield func(signature string, secs []uint32) error) error {
	const comdat = 1
	all, err := o.f.Sections()
	if err != nil {
		return err
	}
	var sum uint64
	for i := range all {
		s := &all[i]
		if s.Type != elf.SHT_GROUP {
			continue
		}
		// Groups share nothing either.
		if sum += s.Size; sum > uint64(o.f.Size()) {
			return sectionError(s, "groups that overlap")
		}
		b, err := o.f.Data(s)
		if err != nil {
			return err
		}
		if len(b) < 4 || binary.LittleEndian.Uint32(b)&comdat == 0 || uint64(s.Info) >= uint64(len(o.syms)) {
			continue
		}
		var secs []uint32
		for b = b[4:]; len(b) >= 4; b = b[4:] {
			if x := binary.LittleEndian.Uint32(b); uint64(x) < uint64(len(o.secs)) {
				secs = append(secs, x)
			}
		}
		if name := o.syms[s.Info].name; name != "" {
			if err := yield(name, secs); err != nil {
				return err
			}
		}
	}
	return nil
}
