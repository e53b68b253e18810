package cfi

import (
	"errors"
	"fmt"
	"sync"

	"github.com/probels/probels/internal/wire"
)

// What is wrong with call frame information; an *Error wraps one of these.
var (
	ErrDamaged     = errors.New("damaged")
	ErrUnsupported = errors.New("not supported")
)

// An Error is one record that could not be read; the others stand.
type Error struct {
	Off    uint64 // in the section
	Reason string
	Err    error // ErrDamaged or ErrUnsupported
}

func (e *Error) Error() string {
	return fmt.Sprintf("call frame information at 0x%x: %s (%v)", e.Off, e.Reason, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

func damaged(off uint64, format string, args ...any) error {
	return &Error{off, fmt.Sprintf(format, args...), ErrDamaged}
}

func unsupported(off uint64, format string, args ...any) error {
	return &Error{off, fmt.Sprintf(format, args...), ErrUnsupported}
}

// A Section is bytes that are read when they are needed.
type Section struct {
	Addr uint64 // link-time address of its first byte; 0 for .debug_frame
	Size uint64 // in bytes

	// Read fills p from an offset in the section on. It is asked for no byte
	// behind Size, may refuse large requests, and must be safe for concurrent
	// use.
	Read func(p []byte, off uint64) error
}

// Config says where call frame information is.
type Config struct {
	wire.Layout

	Frames Section // .eh_frame or .debug_frame
	Debug  bool    // it is .debug_frame

	// SizeUnknown: Frames.Size is only an upper bound, as it is without section
	// headers. Then the first terminator ends the section, unless Header has
	// entries behind it.
	SizeUnknown bool

	Header *Header // .eh_frame_hdr; nil if there is none

	// Text and Data are what DW_EH_PE_textrel and DW_EH_PE_datarel count from.
	Text, Data uint64
}

// A Table is the call frame information of one file. It is safe for concurrent
// use; what it reads whole it reads once, errors included.
type Table struct {
	Config
	whole func() (*buffer, error)
	index func() (*index, error)

	mu   sync.Mutex
	cies map[uint64]*cie // those read for At, by offset
}

// New makes a table; it reads nothing.
func New(c Config) *Table {
	t := &Table{Config: c}
	t.whole = sync.OnceValues(t.readWhole)
	t.index = sync.OnceValues(t.buildIndex)
	return t
}

// An FDE is a range of code and how to unwind from it.
type FDE struct {
	Start, Size uint64 // addresses [Start, Start+Size)
	Off         uint64 // of the record in its section
	LSDA        uint64 // address of its language-specific data; 0 if none
	Signal      bool   // a signal handler's trampoline

	cie      *cie
	programs []byte // the FDE's own instructions
	progOff  uint64
}

// Contains reports whether an address is in the range.
func (f *FDE) Contains(a uint64) bool { return a-f.Start < f.Size }

// buffer is a part of a section that is in memory.
type buffer struct {
	data []byte
	off  uint64 // of data[0] in the section
}

// readWhole reads the section: for a walk over all of it.
func (t *Table) readWhole() (*buffer, error) {
	size := t.Frames.Size
	if t.SizeUnknown && t.Header != nil {
		if end, ok := t.lastEnd(); ok {
			size = min(size, end)
		}
	}
	b := &buffer{data: make([]byte, 0)}
	// A size that is only a bound is not read at once: the terminator may be near.
	const step = 1 << 20
	if !t.SizeUnknown || t.Header != nil {
		b.data = make([]byte, size)
		return b, t.Frames.Read(b.data, 0)
	}
	for uint64(len(b.data)) < size {
		n := min(step, size-uint64(len(b.data)))
		at := uint64(len(b.data))
		b.data = append(b.data, make([]byte, n)...)
		if err := t.Frames.Read(b.data[at:], at); err != nil {
			b.data = b.data[:at]
			return b, err
		}
		if t.terminated(b.data) {
			break
		}
	}
	return b, nil
}

// terminated reports whether a terminator is in data.
func (t *Table) terminated(data []byte) bool {
	for pos := uint64(0); ; {
		rec, err := t.record(data, pos, 0)
		if err != nil {
			return false
		}
		if rec.terminator {
			return true
		}
		pos = rec.end
	}
}
