package dwline

import (
	"errors"
	"fmt"
)

var (
	// ErrFormat: the bytes break the format's rules.
	ErrFormat = errors.New("damaged line-number program")
	// ErrVersion: the version is none of 2 to 5.
	ErrVersion = errors.New("unknown version of line-number program")
	// ErrMissing: a string lies in a section that was not given, or a file has no entry.
	ErrMissing = errors.New("not in the line-number program")
)

// An Error tells what is wrong, and where. It wraps ErrFormat, ErrVersion or ErrMissing.
type Error struct {
	Off    uint64 // in .debug_line
	Reason string
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf(".debug_line+0x%x: %s", e.Off, e.Reason)
}

// Unwrap returns ErrFormat, ErrVersion or ErrMissing.
func (e *Error) Unwrap() error { return e.Err }

func damaged(off uint64, format string, args ...any) *Error {
	return &Error{off, fmt.Sprintf(format, args...), ErrFormat}
}

func missing(off uint64, format string, args ...any) *Error {
	return &Error{off, fmt.Sprintf(format, args...), ErrMissing}
}
