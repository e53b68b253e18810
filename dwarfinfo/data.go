package dwarfinfo

import (
	"debug/elf"
	"errors"
	"reflect"
	"runtime"
	"sync"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
	"github.com/probels/probels/internal/dwline"
)

// A Section is the content of one section, inflated. ReadAt must be safe for
// concurrent use.
type Section = die.Section

// Sections hands out sections by name (".debug_info"): nil without an error for
// one that the file lacks. What it has compressed, also under the name
// .zdebug_info, it inflates. FromELF makes it of an ELF file.
type Sections = die.Sections

// What can be wrong with DWARF. Errors of this package wrap one of these, or one
// of elfsym where the file itself could not be read.
var (
	ErrDamaged     = die.ErrDamaged
	ErrLimit       = die.ErrLimit
	ErrUnsupported = die.ErrUnsupported
	ErrMissing     = die.ErrMissing // it is in another file, which is not there
)

// ErrAmbiguous: several things of the program answer, and differ.
var ErrAmbiguous = errors.New("more than one is called so")

// Config is what New needs to know besides the sections.
type Config struct {
	Machine   elf.Machine
	Class     elf.Class
	ByteOrder elf.Data

	// Code reports whether an address is in an executable section or segment of
	// the program. Functions whose code the linker has thrown away remain in
	// DWARF at address 0 or thereabouts; by this they are told from others. Nil:
	// only those at 0 are left out.
	Code func(elfsym.Addr) bool

	// CFA is how the canonical frame address is computed at an address: what
	// elfsym's File.CFAAt says of the program. Nil, or false: what is relative to it
	// is told by that name.
	CFA func(elfsym.Addr) (elfsym.CFA, bool)

	// Sup opens the supplementary file that .gnu_debugaltlink or .debug_sup names,
	// if something in it is asked for. Nil: what is in it is missing.
	Sup func() (Sections, error)

	// Split opens the file that has a split unit: the .dwp if there is one, for
	// which it gives the same Sections each time, or the .dwo. Nil, or nil
	// Sections: what is in it is missing.
	Split func(SplitUnit) (Sections, error)

	Limits  Limits
	Workers int // how many units are walked at once; 0 means one per processor, at most 8
}

// A SplitUnit names a file with the DWARF of one unit.
type SplitUnit struct {
	Name    string // of the .dwo, often relative to CompDir
	CompDir string // where the compiler ran
	ID      uint64 // which the unit there has too
}

// Limits bound what one file may cost. The zero value of a field means its
// default.
type Limits struct {
	Unit  uint64 // largest unit, in bytes; default 1 GiB
	Cache uint64 // bytes of units that are kept once read; default 16 MiB
}

// Data is the DWARF of one program or library. It is safe for concurrent use;
// parts are read when first asked for, and what it hands out needs the Sections
// as long as it is asked for more.
type Data struct {
	f *die.File
	c Config

	byAddr func() (*addrTable, error)
	lines  *lineTables

	lineBytes func() (*dwline.Sections, error)

	types typeCache

	mu     sync.Mutex // protects what follows
	splits map[Sections]*die.File
}

// New prepares the DWARF in s. Next to nothing is read yet. A file without
// .debug_info is no error: it has no functions.
func New(s Sections, c Config) (*Data, error) {
	d := &Data{c: c, splits: make(map[Sections]*die.File)}
	if d.c.Workers <= 0 {
		d.c.Workers = min(runtime.GOMAXPROCS(0), 8)
	}
	dc := d.dieConfig()
	if c.Sup != nil {
		dc.Sup = func() (*die.File, error) {
			sup, err := c.Sup()
			if err != nil || sup == nil {
				return nil, err
			}
			return die.Open(sup, d.dieConfig())
		}
	}
	if c.Split != nil {
		dc.Split = d.openSplit
	}
	var err error
	d.f, err = die.Open(s, dc)
	if err != nil {
		return nil, err
	}
	d.byAddr = sync.OnceValues(d.readAddrTable)
	d.lines = newLineTables(d)
	d.lineBytes = sync.OnceValues(d.readLines)
	return d, nil
}

func (d *Data) dieConfig() die.Config {
	return die.Config{Big: d.c.ByteOrder == elf.ELFDATA2MSB, MaxUnit: d.c.Limits.Unit, Cache: d.c.Limits.Cache}
}

// openSplit opens each file once, as far as equal Sections tell that it is one.
func (d *Data) openSplit(u *die.Unit) (*die.File, error) {
	r := u.Info()
	s, err := d.c.Split(SplitUnit{Name: r.DWOName, CompDir: r.CompDir, ID: r.DWOID})
	if err != nil || s == nil {
		return nil, err
	}
	same := reflect.TypeOf(s).Comparable()
	d.mu.Lock()
	defer d.mu.Unlock()
	if same {
		if f := d.splits[s]; f != nil {
			return f, nil
		}
	}
	c := d.dieConfig()
	c.DWO = true
	f, err := die.Open(s, c)
	if err == nil && same {
		d.splits[s] = f
	}
	return f, err
}

// Empty reports whether there is no DWARF at all.
func (d *Data) Empty() bool { return d.f.Empty() }

// Machine is the architecture of the program.
func (d *Data) Machine() elf.Machine { return d.c.Machine }

// inCode tells live code from what the linker has thrown away.
func (d *Data) inCode(a uint64) bool {
	if d.c.Code != nil {
		return d.c.Code(elfsym.Addr(a))
	}
	return a != 0
}
