package dwline

import (
	"iter"
	"strconv"

	"github.com/probels/probels/internal/wire"
)

// Sections are the bytes that line-number programs lie in and refer to. They must not change while they
// are in use. Everything here may be used by several goroutines at once.
type Sections struct {
	Line []byte // .debug_line, or part of it
	Base uint64 // where in the section Line begins

	LineStr []byte // .debug_line_str, for version 5
	Str     []byte // .debug_str, seldom referred to
	SupStr  []byte // .debug_str of the supplementary file (dwz), seldom referred to

	// StrOffsets is .debug_str_offsets(.dwo), and StrOffsetsBase where the unit's part of it
	// begins, behind its header: for strx forms only, which no compiler is known to write here.
	StrOffsets     []byte
	StrOffsetsBase uint64

	Big      bool // the file's byte order: most significant byte first
	AddrSize int  // 4 or 8, the file's; programs of version 5 have their own

	// Zero is set if there may be code at address 0: in a relocatable file, a kernel module, a
	// firmware image. Otherwise sequences there are taken for dead.
	Zero bool
}

// A Table is one unit's line-number program, its header decoded. It is immutable.
type Table struct {
	Off     uint64 // in .debug_line: what DW_AT_stmt_list refers to
	End     uint64 // behind the last byte
	Version int
	Is64    bool // 64-bit DWARF

	AddrSize      int
	MinInst       uint8 // bytes of the shortest instruction, the unit of advances
	MaxOps        uint8 // operations in an instruction; above 1 on VLIW machines
	DefaultIsStmt bool
	LineBase      int8
	LineRange     uint8
	OpcodeBase    uint8

	s       *Sections
	lens    []byte // of the operands of opcodes 1 to OpcodeBase-1
	tables  uint64 // where directories and files begin
	program uint64 // where the program does, and the tables end
}

// reserved is where unit lengths end: the numbers above have a meaning, of which only the last is
// in use.
const reserved = 0xfffffff0

func (s *Sections) layout(is64 bool) wire.Layout { return wire.Layout{Big: s.Big, Is64: is64} }

// bytes is the part of .debug_line from off to end; nil if it is not all there.
func (s *Sections) bytes(off, end uint64) []byte {
	if off < s.Base || end < off || end-s.Base > uint64(len(s.Line)) {
		return nil
	}
	return s.Line[off-s.Base : end-s.Base]
}

// limit is where the bytes of .debug_line that we have end.
func (s *Sections) limit() uint64 { return s.Base + uint64(len(s.Line)) }

// extent reads a unit's length: where its content begins and ends.
func (s *Sections) extent(off uint64) (begin, end uint64, is64 bool, err error) {
	rest := s.bytes(off, s.limit())
	if len(rest) < 4 {
		return 0, 0, false, damaged(off, "no room for a length")
	}
	l := s.layout(false)
	size, begin := uint64(l.U32(rest)), off+4
	if size == 0xffffffff {
		if len(rest) < 12 {
			return 0, 0, false, damaged(off, "no room for a 64-bit length")
		}
		size, begin, is64 = l.U64(rest[4:]), off+12, true
	} else if size >= reserved {
		return 0, 0, false, damaged(off, "length 0x%x is reserved", size)
	}
	if size > s.limit()-begin {
		return 0, 0, false, damaged(off, "length %d is beyond the section's end", size)
	}
	return begin, begin + size, is64, nil
}

// Table decodes the header of the program at off, which .debug_info has as a unit's DW_AT_stmt_list.
// It costs one small allocation, however large the program.
func (s *Sections) Table(off uint64) (*Table, error) {
	if off < s.Base || off >= s.limit() {
		return nil, missing(off, "no program here: the section has 0x%x bytes", s.limit())
	}
	begin, end, is64, err := s.extent(off)
	if err != nil {
		return nil, err
	}
	return s.table(off, begin, end, is64)
}

func (s *Sections) table(off, begin, end uint64, is64 bool) (*Table, error) {
	l := s.layout(is64)
	b := s.bytes(begin, end)
	if len(b) < 2 {
		return nil, damaged(off, "no room for a version")
	}
	t := &Table{Off: off, End: end, Is64: is64, Version: int(l.U16(b)), AddrSize: s.AddrSize, MaxOps: 1, s: s}
	pos := 2
	if t.Version < 2 || t.Version > 5 {
		return nil, &Error{off, "version " + strconv.Itoa(t.Version), ErrVersion}
	}
	fixed := 2 + l.WordSize() + 5
	if t.Version >= 4 {
		fixed++
	}
	if t.Version >= 5 {
		fixed += 2
	}
	if len(b) < fixed {
		return nil, damaged(off, "no room for a header")
	}
	if t.Version >= 5 {
		t.AddrSize = int(b[2])
		pos += 2 // the segment selector's size: no format for one is in use
	}
	if t.AddrSize != 2 && t.AddrSize != 4 && t.AddrSize != 8 {
		return nil, damaged(off, "addresses of %d bytes", t.AddrSize)
	}
	length := l.Word(b[pos:])
	pos += l.WordSize()
	if length > uint64(len(b)-pos) {
		return nil, damaged(off, "header of %d bytes, the program has %d", length, len(b)-pos)
	}
	t.program = begin + uint64(pos) + length
	t.MinInst = b[pos]
	pos++
	if t.Version >= 4 {
		t.MaxOps = max(1, b[pos])
		pos++
	}
	t.DefaultIsStmt, t.LineBase, t.LineRange, t.OpcodeBase = b[pos] != 0, int8(b[pos+1]), b[pos+2], b[pos+3]
	pos += 4
	if t.OpcodeBase == 0 {
		return nil, damaged(off, "opcode base 0")
	}
	n := int(t.OpcodeBase) - 1
	t.tables = begin + uint64(pos+n)
	if t.tables > t.program {
		return nil, damaged(off, "header of %d bytes is too short", length)
	}
	t.lens = b[pos : pos+n]
	return t, nil
}

// Tables are all programs, in the section's order. A damaged header is reported and the walk goes on
// behind it; a damaged length ends it.
func (s *Sections) Tables() iter.Seq2[*Table, error] {
	return func(yield func(*Table, error) bool) {
		for off := s.Base; off < s.limit(); {
			begin, end, is64, err := s.extent(off)
			if err != nil {
				yield(nil, err)
				return
			}
			if end == begin { // padding between the parts that a linker put together
				off = end
				continue
			}
			if !yield(s.table(off, begin, end, is64)) {
				return
			}
			off = end
		}
	}
}
