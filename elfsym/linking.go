package elfsym

import (
	"bytes"
	"debug/elf"
	"fmt"
)

// A Linking is what a file tells the dynamic loader about the libraries that it
// needs and about itself (gABI, "Dynamic Section").
type Linking struct {
	// Interp is the path of the loader that the kernel starts (PT_INTERP); ""
	// in a library and in a static program.
	Interp string

	// SONAME is the name under which other files need this one (DT_SONAME); ""
	// if it has none.
	SONAME string

	// Needed are the libraries that the file needs (DT_NEEDED), in order.
	Needed []string

	// RPath and RunPath are directories to search, separated by ":", as the
	// file has them: "$ORIGIN" is not expanded (DT_RPATH, DT_RUNPATH). A loader
	// ignores the first where there is the second.
	RPath, RunPath string

	// NoDefaultLib says that libraries are not to be searched in the system's
	// directories (DF_1_NODEFLIB).
	NoDefaultLib bool
}

// maxSearchPath is how long an RPATH may be, in bytes. Each package that a
// program of Nix uses adds some 60.
const maxSearchPath = 64 << 10

// maxInterp is Linux's PATH_MAX, which the kernel holds PT_INTERP to.
const maxInterp = 4 << 10

// Linking reads the dynamic section. With an error comes what could be read.
func (f *File) Linking() (Linking, error) {
	var l Linking
	d, err := f.dynamic()
	if err != nil {
		return l, err
	}
	if l.Interp, err = f.interp(); err != nil {
		return l, err
	}
	l.NoDefaultLib = elf.DynFlag1(d.tags[elf.DT_FLAGS_1])&elf.DF_1_NODEFLIB != 0
	if l.Needed, err = f.Needed(); err != nil {
		return l, err
	}
	off, ok, err := f.offsetOf(d, elf.DT_STRTAB)
	if err != nil || !ok {
		return l, err
	}
	strs := stringTable{f: f, part: "dynamic strings", off: off, size: d.tags[elf.DT_STRSZ]}
	for _, s := range []struct {
		tag elf.DynTag
		to  *string
	}{{elf.DT_SONAME, &l.SONAME}, {elf.DT_RPATH, &l.RPath}, {elf.DT_RUNPATH, &l.RunPath}} {
		at, ok := d.tags[s.tag]
		if !ok {
			continue
		}
		if *s.to, err = strs.at(at, maxSearchPath); err != nil {
			return l, fmt.Errorf("%v: %w", s.tag, err)
		}
	}
	return l, nil
}

// interp is the path in PT_INTERP.
func (f *File) interp() (string, error) {
	for _, s := range f.segs.all {
		if s.Type != elf.PT_INTERP {
			continue
		}
		const part = "interpreter"
		if s.FileSize > maxInterp {
			return "", &FormatError{part, s.Offset, fmt.Sprintf("a path of %d bytes", s.FileSize), ErrLimit}
		}
		b, err := f.table(uint64(s.Offset), s.FileSize, part)
		if err != nil {
			return "", err
		}
		path, _, ok := bytes.Cut(b, []byte{0})
		if !ok {
			return "", damaged(part, uint64(s.Offset), "a path without an end")
		}
		return string(path), nil
	}
	return "", nil
}
