package elfsym

import (
	"debug/elf"
	"slices"
	"sort"
)

// Spans are where the functions of some symbol tables are, without their names:
// enough to find those around a few addresses, by looking through all, for a
// twentieth of what a Table of all costs, or to list all in order, symbol by symbol. It is
// immutable and safe for concurrent use; it takes 32 bytes for each function.
type Spans struct {
	f     *File // in whose code the functions are
	parts []spanPart
	all   []span // by part, and then as they stand in the table
	moved bool   // some are elsewhere than their symbols say: behind function descriptors
}

// A SpanSource is one symbol table of a file: Symtab or Dynsym. What is found
// in it is marked with Mark, which may differ for a file's debug file.
type SpanSource struct {
	File  *File
	Table Source
	Mark  Source
}

// own reports whether it is a table of symbols of the file's own.
func (s *SpanSource) own() bool { return s.Table == Symtab || s.Table == Dynsym }

// table is that table, nil if the file lacks it.
func (s *SpanSource) table() (*symbolTable, error) {
	switch s.Table {
	case Symtab:
		return s.File.symbols(0)
	case Dynsym:
		return s.File.symbols(1)
	}
	return nil, nil
}

type spanPart struct {
	t     *symbolTable
	mark  Source
	first int          // of its spans in all
	files []sourceName // by index
}

// sourceName is an STT_FILE entry, which names the file of the local symbols
// behind it.
type sourceName struct{ index, name uint32 }

// span is a function. It keeps what the entry says besides, so that this need not be
// read again.
type span struct {
	addr   Addr
	size   uint64 // 0 where nothing tells
	index  uint32
	name   uint32 // where it is
	shndx  uint16
	info   uint8
	other  uint8
	placed bool
	odd    bool // the entry's value is one more: Thumb, microMIPS
	framed bool // size is from call frame information, and the entry's is 0
}

// maxNear is how many functions may begin where those do that hold one address.
const maxNear = 512

// NewSpans reads where the functions are that tables have and that are in f's
// code. It is nil, false if not all of them can be told from one another without
// their names, or something is damaged: a Table of all shows what.
func NewSpans(f *File, sources ...SpanSource) (*Spans, bool) {
	x := &Spans{f: f}
	for _, s := range sources {
		t, err := s.table()
		if err != nil || !s.own() {
			return nil, false
		}
		if t != nil && !x.read(t, s.Mark) {
			return nil, false
		}
	}
	return x, x.unsized()
}

// read adds the functions of a table; false if something is wrong there.
func (x *Spans) read(t *symbolTable, mark Source) bool {
	p := spanPart{t: t, mark: mark, first: len(x.all)}
	// With a NUL as the last byte, every name within the table has an end, and with
	// one as the first what has no name is at 0.
	var last, first [1]byte
	n := t.strs.size
	if n == 0 || n > t.f.lim.Table || n > t.f.size || t.strs.off > t.f.size-n || t.f.readAt(last[:], t.strs.off+n-1, t.strs.part) != nil || last[0] != 0 ||
		t.f.readAt(first[:], t.strs.off, t.strs.part) != nil || first[0] != 0 {
		return false
	}
	if v := t.versions; v != nil {
		if v.load(); v.err != nil || v.index.size > t.f.size || v.index.off > t.f.size-v.index.size {
			return false
		}
	}
	x.all = slices.Grow(x.all, int(min(t.n, 1<<16)))
	ok := true
	t.eachRaw(func(raw rawSymbol, err error) bool {
		typ := raw.typ()
		if ok = err == nil && (uint64(raw.name) < t.strs.size || typ == elf.STT_SECTION); !ok {
			return false
		}
		switch typ {
		case elf.STT_FUNC, elf.STT_GNU_IFUNC, sttARMTFunc:
		case elf.STT_FILE:
			p.files = append(p.files, sourceName{raw.index, raw.name})
			return true
		default:
			return true
		}
		s := Symbol{Addr: Addr(raw.value), Size: raw.size, Type: typ, Section: t.section(raw)}
		if ok = t.f.adjust(&s, raw) == nil; !ok {
			return false
		}
		if raw.name != 0 && x.f.executes(&s) {
			odd := s.Addr != Addr(raw.value)
			x.moved = x.moved || odd && s.Addr+1 != Addr(raw.value)
			x.all = append(x.all, span{s.Addr, s.Size, raw.index, raw.name, raw.shndx, raw.info, raw.other, s.placed(), odd, false})
		}
		return true
	})
	x.parts = append(x.parts, p)
	return ok
}

// unsized looks up the size of functions whose symbols have none, as
// InferSizes does, as far as that is not what comes next. It is false if there
// are more than that asks about.
func (x *Spans) unsized() bool {
	asked := 0
	for i := range x.all {
		if s := &x.all[i]; s.size == 0 && s.placed {
			if asked++; asked > maxSizesAsked {
				return false
			}
			if fr, ok, _ := x.f.FrameAt(s.addr); ok && fr.Addr == s.addr {
				s.size, s.framed = fr.Size, true
			}
		}
	}
	return true
}

// Near is a table of functions around an address, for which At and Covering,
// asked about that address, are the same as those of NewTable with all functions
// and InferSizes. It is false where only that can tell.
func (x *Spans) Near(a Addr) (*Table, bool) {
	// What can hold the address: functions that are that long, or begin there, and
	// the nearest below, which may reach up to the nearest above.
	var room [16]Addr
	at := room[:0]
	below, above := Addr(0), ^Addr(0)
	hasBelow, hasAbove := false, false
	for i := range x.all {
		s := &x.all[i]
		if s.addr > a {
			if s.placed && s.addr <= above {
				above, hasAbove = s.addr, true
			}
			continue
		}
		if s.placed && s.addr >= below {
			below, hasBelow = s.addr, true
		}
		if a-s.addr < Addr(s.size) || s.addr == a {
			if !slices.Contains(at, s.addr) {
				at = append(at, s.addr)
			}
			if len(at) > maxNear {
				return nil, false
			}
		}
	}
	if hasBelow {
		at = append(at, below)
	}
	if hasAbove {
		at = append(at, above)
	}
	slices.Sort(at)
	at = slices.Compact(at)
	if len(at) == 0 {
		return NewTable(func(func(Symbol) bool) {}), true
	}
	// All symbols at these addresses: some are one function, and lend each other
	// their sizes.
	ok := true
	n := 0
	t := NewTable(func(yield func(Symbol) bool) {
		r := spanReader{read: &peeker{}}
		lowest, highest := at[0], at[len(at)-1]
		for i := range x.all {
			s := &x.all[i]
			if s.addr < lowest || s.addr > highest {
				continue
			}
			if _, found := slices.BinarySearch(at, s.addr); !found {
				continue
			}
			sym, err := r.symbol(x.part(i), s.index)
			if n++; err != nil || sym.Name == "" || n > maxNear {
				ok = false
				return
			}
			if !yield(sym) {
				return
			}
		}
	})
	if !ok {
		return nil, false
	}
	t.InferSizes(x.f)
	return t, true
}

func (x *Spans) part(i int) *spanPart {
	k := sort.Search(len(x.parts), func(k int) bool { return x.parts[k].first > i })
	return &x.parts[k-1]
}

// spanReader reads single symbols.
type spanReader struct{ read *peeker }

// symbol is entry i of a part's table, as Symbols would yield it.
func (r *spanReader) symbol(p *spanPart, i uint32) (Symbol, error) {
	t := p.t
	r.read.f = t.f
	size := t.f.symSize()
	b, err := r.read.peek(t.off+uint64(i)*size, size, t.part)
	if err != nil {
		return Symbol{}, err
	}
	raw := t.f.decodeRaw(b, i)
	name, err := t.strs.short(r.read, uint64(raw.name), maxName)
	if err != nil {
		return Symbol{}, err
	}
	file := ""
	if elf.ST_BIND(raw.info) == elf.STB_LOCAL {
		if k := sort.Search(len(p.files), func(k int) bool { return p.files[k].index > i }); k > 0 {
			file, _ = t.strs.short(r.read, uint64(p.files[k-1].name), maxFileName) // evidence only
		}
	}
	var entry uint16
	var version versionName
	if v := t.versions; v != nil {
		if entry, err = v.at(r.read, i); err != nil {
			return Symbol{}, err
		}
		version = v.names[entry&^verHidden]
	}
	var s Symbol
	err = t.symbol(&s, raw, name, file, version, entry)
	s.Source = p.mark
	return s, err
}
