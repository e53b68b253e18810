package die

import (
	"errors"
	"fmt"
)

// What can be wrong with a piece of DWARF. Errors of this package wrap one of
// these.
var (
	ErrDamaged     = errors.New("damaged DWARF")
	ErrLimit       = errors.New("over the limit")
	ErrUnsupported = errors.New("DWARF not supported")

	// ErrMissing: what is referred to is in a file or section that is not there:
	// the supplementary file, a .dwo, a type unit of another file.
	ErrMissing = errors.New("DWARF is in a part that is missing")
)

// An Error says what could not be read, and where.
type Error struct {
	Section string // ".debug_info"
	Offset  uint64 // in the section, inflated
	Reason  string
	Err     error // one of the errors above
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s at 0x%x: %s (%v)", e.Section, e.Offset, e.Reason, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

func damaged(sec string, off uint64, format string, a ...any) error {
	return &Error{sec, off, fmt.Sprintf(format, a...), ErrDamaged}
}

func missing(sec string, off uint64, format string, a ...any) error {
	return &Error{sec, off, fmt.Sprintf(format, a...), ErrMissing}
}
