package gotab

import (
	"errors"
	"fmt"
	"sync"

	"github.com/probels/probels/internal/wire"
)

// Memory is the program that a table is in, by link-time address. It must be
// safe for concurrent use if the table is.
type Memory interface {
	// Read fills p with what the file has at an address.
	Read(p []byte, addr uint64) error

	// Relocated is Read of pointers: words as they are once the loader has
	// relocated the program to its link-time address. p begins and ends at
	// word boundaries.
	Relocated(p []byte, addr uint64) error

	// Text is Read of n bytes into a string.
	Text(addr, n uint64) (string, error)

	// Room is how many bytes the file has in one piece from an address on.
	Room(addr uint64) uint64

	// Code is how many bytes from an address on are executable; 0 if it is not.
	Code(addr uint64) uint64
}

// What is wrong with a table, or with one thing in it.
var (
	ErrDamaged     = errors.New("damaged")
	ErrUnsupported = errors.New("not supported")
)

// An Error says what about a table could not be read, and where.
type Error struct {
	Addr   uint64
	Reason string
	Err    error // one of the errors above
}

func (e *Error) Error() string { return fmt.Sprintf("0x%x: %s (%v)", e.Addr, e.Reason, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

func damaged(addr uint64, format string, args ...any) error {
	return &Error{addr, fmt.Sprintf(format, args...), ErrDamaged}
}

// An area is a part of a table.
type area struct{ addr, size uint64 }

// within is the address of n bytes at an offset, or false if they are not in
// the area.
func (a area) within(off, n uint64) (uint64, bool) {
	if off > a.size || n > a.size-off {
		return 0, false
	}
	return a.addr + off, true
}

// A Table is a program's table of functions. It is immutable after Bind, but
// for parts that are read when first asked for, and safe for concurrent use.
type Table struct {
	mem Memory
	wire.Layout

	version Version
	quantum uint64
	n       uint64 // functions
	header  area   // the whole table
	text118 uint64 // what the header says of runtime.text, 0 if nothing

	names, cus, files, pcs area
	list                   area   // functions: entries and distances
	records                area   // what a record's distance is in
	width                  uint64 // of a number in list

	// Set by Bind.
	text     uint64 // runtime.text; 0 where entries are addresses
	sections []textSection
	module   *Module

	first, last uint64 // entry of the first function, end of the last

	nameText func() (string, error)
	whole    func() (*relocatedList, error)
	gofunc   func() (uint64, error)
}

// relocatedList is the list of functions where it has pointers in it.
type relocatedList struct {
	b       []byte
	inPlace bool // the loader changes nothing
}

func (t *Table) lazily() {
	t.nameText = sync.OnceValues(func() (string, error) { return t.mem.Text(t.names.addr, t.names.size) })
	t.whole = sync.OnceValues(t.readList)
	t.gofunc = sync.OnceValues(t.findGofunc)
}

// Version is the format of the table.
func (t *Table) Version() Version { return t.version }

// Addr is the address of its header.
func (t *Table) Addr() uint64 { return t.header.addr }

// Len is the number of functions that it says it has, holes included.
func (t *Table) Len() int { return int(t.n) }

// HeaderText is the address of runtime.text that the header has, or 0.
func (t *Table) HeaderText() uint64 { return t.text118 }

// TextStart is what Bind was told.
func (t *Table) TextStart() uint64 { return t.text }

// Ends are the entry of the first function and the end of the last one, as the
// table has them: addresses, or distances from runtime.text.
func (t *Table) Ends() (first, last uint64) { return t.first, t.last }
