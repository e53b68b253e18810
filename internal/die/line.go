package die

// LineProgram is the line-number program at an offset of .debug_line, as long as
// it says. The slice is the caller's.
func (f *File) LineProgram(off uint64) ([]byte, error) {
	const name = ".debug_line"
	s, err := f.Section(name)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, missing(name, off, "a line-number program")
	}
	size := uint64(max(s.Size(), 0))
	if off > size {
		return nil, damaged(name, off, "a line-number program behind the section's end, 0x%x", size)
	}
	head := make([]byte, min(12, size-off))
	if err := readSection(s, name, head, off); err != nil {
		return nil, err
	}
	n := uint64(0)
	switch {
	case len(head) >= 4 && f.U32(head) != 0xffffffff:
		n = uint64(f.U32(head)) + 4
	case len(head) == 12:
		n = f.U64(head[4:]) + 12
	}
	if n < 4 || n > size-off {
		return nil, damaged(name, off, "a line-number program of 0x%x bytes, the section has 0x%x", n, size)
	}
	if n > f.c.MaxUnit {
		return nil, &Error{name, off, "a line-number program that is too long", ErrLimit}
	}
	return readInto(nil, s, name, off, n)
}

// LineStrings is .debug_line_str, read once. It is not to be changed.
func (f *File) LineStrings() ([]byte, error) { return f.lineStrings() }
