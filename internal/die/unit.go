package die

import (
	"cmp"
	"debug/dwarf"
	"fmt"
	"slices"
	"sync"
)

// UnitType is what a unit is for (DWARF 5, 7.5.1).
type UnitType uint8

const (
	UnitCompile      UnitType = 1
	UnitTypes        UnitType = 2
	UnitPartial      UnitType = 3
	UnitSkeleton     UnitType = 4
	UnitSplitCompile UnitType = 5
	UnitSplitType    UnitType = 6
)

// A Unit is a compilation unit, a partial or a type unit: its header, and more
// when it is asked for. It is safe for concurrent use.
type Unit struct {
	File *File

	Off  uint64 // of its header in .debug_info or .debug_types
	Size uint64 // with the header's length field

	Version  int
	Type     UnitType // of DWARF 2 to 4 only compile and type units are known apart before the root is read
	AddrSize int
	OffSize  int    // 4, or 8 in 64-bit DWARF
	Sig      uint64 // type units: the signature; DWARF 5 skeleton and split units: the id of the .dwo

	typeOff   uint64 // of a type unit: where its type is, from Off
	abbrevOff uint64
	header    int // bytes
	inTypes   bool

	skeleton *Unit         // of a split unit: the unit in the main file that names it
	contrib  *contribution // of a unit in a .dwp

	once  sync.Once
	root  rootInfo
	split func() (*Unit, error)
}

// Section is where the unit is: ".debug_info" or ".debug_types".
func (u *Unit) Section() string {
	if u.inTypes {
		return ".debug_types"
	}
	return ".debug_info"
}

func (u *Unit) list() *unitList {
	if u.inTypes {
		return u.File.types
	}
	return u.File.info
}

func (u *Unit) format() format {
	return format{uint8(u.Version), uint8(u.AddrSize), uint8(u.OffSize)}
}

// IsType reports whether it is a type unit.
func (u *Unit) IsType() bool { return u.Type == UnitTypes || u.Type == UnitSplitType }

// Skeleton is the unit of the main file that names this split unit; nil for
// others.
func (u *Unit) Skeleton() *Unit { return u.skeleton }

// unitList is the headers of a section's units, found one behind the other as
// far as somebody asked.
type unitList struct {
	f     *File
	s     Section
	types bool
	name  string
	size  uint64

	mu   sync.Mutex // protects what follows
	all  []*Unit
	next uint64 // where the next header is
	err  error  // why there is none there
}

func newUnitList(f *File, s Section, types bool) *unitList {
	l := &unitList{f: f, s: s, types: types, name: ".debug_info"}
	if types {
		l.name = ".debug_types"
	}
	if s != nil {
		l.size = uint64(max(s.Size(), 0))
	}
	return l
}

// unit is the i-th unit, or nil behind the last one. An error is the last thing
// that can be known about the section: where the next header is cannot be told.
func (l *unitList) unit(i int) (*Unit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i >= len(l.all) {
		if u, err := l.more(); u == nil {
			return nil, err
		}
	}
	return l.all[i], nil
}

// containing is the unit that an offset is in.
func (l *unitList) containing(off uint64) (*Unit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if off >= l.size {
		return nil, damaged(l.name, off, "a reference behind the section's end")
	}
	for off >= l.next {
		if u, err := l.more(); u == nil {
			if err == nil {
				err = damaged(l.name, off, "a reference to where no unit is")
			}
			return nil, err
		}
	}
	i, found := slices.BinarySearchFunc(l.all, off, func(u *Unit, off uint64) int { return cmp.Compare(u.Off, off) })
	if !found {
		i--
	}
	if i < 0 || off-l.all[i].Off >= l.all[i].Size {
		return nil, damaged(l.name, off, "a reference to where no unit is")
	}
	return l.all[i], nil
}

// more reads one header more.
func (l *unitList) more() (*Unit, error) {
	for l.err == nil && l.next < l.size {
		u, size, err := l.header(l.next)
		if err != nil {
			l.err = err
			break
		}
		l.next += size
		if u != nil {
			l.all = append(l.all, u)
			return u, nil
		}
	}
	return nil, l.err
}

// header reads the header at off. A unit of nothing but zeros, with which
// linkers pad, is passed by: nil.
func (l *unitList) header(off uint64) (*Unit, uint64, error) {
	var buf [48]byte
	b := buf[:min(uint64(len(buf)), l.size-off)]
	if err := readSection(l.s, l.name, b, off); err != nil {
		return nil, 0, err
	}
	u := &Unit{File: l.f, Off: off, OffSize: 4, Type: UnitCompile, inTypes: l.types}
	i := 0
	short := false
	num := func(n int) (v uint64) {
		if n > len(b)-i {
			short = true
			return 0
		}
		v = l.f.number(b[i:], n)
		i += n
		return v
	}
	u.Size = num(4)
	switch {
	case u.Size == 0xffffffff:
		u.OffSize = 8
		u.Size = num(8)
	case u.Size >= 0xfffffff0:
		return nil, 0, damaged(l.name, off, "a unit's length is 0x%x", u.Size)
	case u.Size == 0 && !short:
		return nil, 4, nil
	}
	if short || u.Size > l.size-off-uint64(i) {
		return nil, 0, damaged(l.name, off, "a unit of 0x%x bytes, the section has 0x%x", u.Size, l.size)
	}
	u.Size += uint64(i)
	b = b[:min(uint64(len(b)), u.Size)]
	u.Version = int(num(2))
	if u.Version < 2 || u.Version > 5 {
		// The length still tells where the next unit is.
		u.root.err = &Error{l.name, off, fmt.Sprintf("a unit of DWARF version %d", u.Version), ErrUnsupported}
		u.once.Do(func() {})
		return u, u.Size, nil
	}
	if u.Version >= 5 {
		u.Type = UnitType(num(1))
		u.AddrSize = int(num(1))
		u.abbrevOff = num(u.OffSize)
	} else {
		u.abbrevOff = num(u.OffSize)
		u.AddrSize = int(num(1))
		if l.types {
			u.Type = UnitTypes
		}
	}
	switch u.Type {
	case UnitTypes, UnitSplitType:
		u.Sig, u.typeOff = num(8), num(u.OffSize)
	case UnitSkeleton, UnitSplitCompile:
		u.Sig = num(8)
	}
	u.header = i
	var err error
	if l.f.c.DWO {
		x, err := l.f.pkg()
		if err != nil {
			return nil, 0, err
		}
		u.contrib = x.find(l.types, off)
	}
	switch u.AddrSize {
	case 2, 4, 8:
	default:
		err = &Error{l.name, off, fmt.Sprintf("a unit with addresses of %d bytes", u.AddrSize), ErrUnsupported}
	}
	if short {
		err = damaged(l.name, off, "a unit of 0x%x bytes, less than its header", u.Size)
	}
	if err != nil {
		u.root.err = err
		u.once.Do(func() {})
	} else {
		u.split = sync.OnceValues(u.openSplit)
	}
	return u, u.Size, nil
}

// number reads n bytes in the file's byte order.
func (f *File) number(b []byte, n int) uint64 {
	switch n {
	case 0:
		return 0
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(f.U16(b))
	case 3:
		if f.Big {
			return uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
		}
		return uint64(b[2])<<16 | uint64(b[1])<<8 | uint64(b[0])
	case 4:
		return uint64(f.U32(b))
	}
	return f.U64(b)
}

// Unit is the i-th unit of .debug_info, or nil if there are no more. After an
// error there are none either.
func (f *File) Unit(i int) (*Unit, error) { return f.info.unit(i) }

// TypeUnit is the i-th unit of .debug_types.
func (f *File) TypeUnit(i int) (*Unit, error) { return f.types.unit(i) }

// UnitAt is the unit of .debug_info that an offset is in.
func (f *File) UnitAt(off uint64) (*Unit, error) { return f.info.containing(off) }

// EntryAt is the entry at an offset of .debug_info.
func (f *File) EntryAt(off uint64) (Entry, error) {
	u, err := f.info.containing(off)
	if err != nil {
		return Entry{}, err
	}
	return u.EntryAt(off)
}

// signatures are the type units by signature. Of two with one signature the
// first counts: they are the same type.
func (f *File) signatures() (map[uint64]*Unit, error) {
	sigs := make(map[uint64]*Unit)
	var first error
	for _, l := range []*unitList{f.types, f.info} {
		for i := 0; ; i++ {
			u, err := l.unit(i)
			if err != nil && first == nil {
				first = err
			}
			if u == nil {
				break
			}
			if u.IsType() && sigs[u.Sig] == nil {
				sigs[u.Sig] = u
			}
		}
	}
	return sigs, first
}

// rootInfo is what a unit's first entry says about all others.
type rootInfo struct {
	err error // nothing could be read

	Tag      dwarf.Tag
	Name     string // DW_AT_name: the source file
	CompDir  string
	Producer string
	Lang     uint64 // DW_LANG_*
	Low      uint64 // base of the unit's ranges and locations
	HasLow   bool
	Line     uint64 // where its line table is in .debug_line
	HasLine  bool
	DWOName  string // of a skeleton: the file with the rest
	DWOID    uint64
	Damage   error // the first of its attributes that could not be read

	strBase, addrBase, rngBase, locBase, gnuRanges uint64
}

// Err is why the unit could not be read at all.
func (r *rootInfo) Err() error { return r.err }
