package elfsym

import (
	"errors"
	"fmt"
)

// What is wrong with a file, or with one thing in it. Errors of this package
// wrap one of these; test with errors.Is.
var (
	ErrNotELF      = errors.New("not an ELF file")
	ErrNotRegular  = errors.New("not a regular file")
	ErrTruncated   = errors.New("truncated")
	ErrDamaged     = errors.New("damaged")
	ErrLimit       = errors.New("over the limit")
	ErrUnsupported = errors.New("not supported")
	ErrChanged     = errors.New("the file changed while it was read")

	// ErrNoOffset: an address has no place in the file, so no uprobe can be
	// put there.
	ErrNoOffset = errors.New("no place in the file")
)

// A FormatError says which part of a file could not be read, and why.
type FormatError struct {
	Part   string // a section's name, or a structure: "program headers"
	Offset Offset // where in the file, or where in the part if that is all that is known
	Reason string // what was found there
	Err    error  // one of the errors above
}

func (e *FormatError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%s at 0x%x: %v", e.Part, uint64(e.Offset), e.Err)
	}
	return fmt.Sprintf("%s at 0x%x: %s (%v)", e.Part, uint64(e.Offset), e.Reason, e.Err)
}

func (e *FormatError) Unwrap() error { return e.Err }

// A SymbolError is one symbol that could not be read; the others stand.
type SymbolError struct {
	Source Source
	Index  uint32 // in its table
	Name   string // as far as it is known
	Reason string // what was found there
	Err    error  // one of the errors above
}

func (e *SymbolError) Error() string {
	name := ""
	if e.Name != "" {
		name = fmt.Sprintf(" %q", e.Name)
	}
	return fmt.Sprintf("%v symbol %d%s: %s (%v)", e.Source, e.Index, name, e.Reason, e.Err)
}

func (e *SymbolError) Unwrap() error { return e.Err }

// An AddrError says why an address has no offset; it wraps ErrNoOffset.
type AddrError struct {
	Addr   Addr
	Reason string
}

func (e *AddrError) Error() string {
	return fmt.Sprintf("address 0x%x: %s (%v)", uint64(e.Addr), e.Reason, ErrNoOffset)
}

func (e *AddrError) Unwrap() error { return ErrNoOffset }

func damaged(part string, off uint64, format string, args ...any) error {
	return &FormatError{part, Offset(off), fmt.Sprintf(format, args...), ErrDamaged}
}
