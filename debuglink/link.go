package debuglink

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/probels/probels/elfsym"
)

// A Link is what .gnu_debuglink says: the file name of the debug file, without
// a directory, and the CRC-32 of its whole content.
type Link struct {
	Name string
	CRC  uint32
}

func (l Link) String() string { return fmt.Sprintf("%s (CRC %08x)", l.Name, l.CRC) }

// maxLinkSection bounds what is read of a link's section: a path has at most
// 4096 bytes, and a build-id at most a few dozen.
const maxLinkSection = 64 << 10

// ReadLink reads .gnu_debuglink; nil if the file has none. The section holds
// the name, a NUL, padding to the next multiple of 4, and the CRC in the byte
// order of the file.
//
// A name with a directory in it is refused: objcopy and strip never write one,
// and "../../x" is not a place where anybody keeps debug files.
func ReadLink(f *elfsym.File) (*Link, error) {
	const name = ".gnu_debuglink"
	s := f.Section(name)
	if s == nil {
		return nil, nil
	}
	b, err := linkSection(f, s)
	if err != nil {
		return nil, err
	}
	l, err := parseLink(b, f.U32)
	if err != nil {
		return nil, &elfsym.FormatError{Part: name, Offset: s.Offset, Reason: err.Error(), Err: elfsym.ErrDamaged}
	}
	return l, nil
}

func linkSection(f *elfsym.File, s *elfsym.Section) ([]byte, error) {
	if s.Size > maxLinkSection {
		return nil, &elfsym.FormatError{Part: s.Name, Offset: s.Offset,
			Reason: fmt.Sprintf("%d bytes, %d allowed", s.Size, maxLinkSection), Err: elfsym.ErrLimit}
	}
	return f.Data(s)
}

func parseLink(b []byte, u32 func([]byte) uint32) (*Link, error) {
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		return nil, errors.New("its name has no end")
	}
	name := string(b[:n])
	switch {
	case name == "":
		return nil, errors.New("its name is empty")
	case name == "." || name == ".." || strings.Contains(name, "/"):
		return nil, fmt.Errorf("%.100q is not the name of a file", name)
	}
	crc := (n + 4) &^ 3
	if len(b) < crc+4 {
		return nil, errors.New("no room for a CRC")
	}
	return &Link{Name: name, CRC: u32(b[crc:])}, nil
}

// An AltLink names a file that DWARF refers to for what several programs have
// in common. dwz makes such files: .gnu_debugaltlink says where one is, and
// since DWARF 5 .debug_sup may.
type AltLink struct {
	Section string // ".gnu_debugaltlink" or ".debug_sup"
	Path    string // absolute, or relative to the directory of the file that has the link
	ID      []byte // the other file's build-id; for .debug_sup, its checksum
}

func (l AltLink) String() string {
	return fmt.Sprintf("%s (%s)", l.Path, hex.EncodeToString(l.ID))
}

// ReadAltLink reads .gnu_debugaltlink or .debug_sup; nil if the file has
// neither, or if it is itself such a supplementary file.
func ReadAltLink(f *elfsym.File) (*AltLink, error) {
	for _, c := range []struct {
		name  string
		parse func([]byte, *elfsym.File) (*AltLink, error)
	}{
		{".gnu_debugaltlink", func(b []byte, _ *elfsym.File) (*AltLink, error) { return parseAltLink(b) }},
		{".debug_sup", func(b []byte, f *elfsym.File) (*AltLink, error) {
			sup, err := parseSup(b, f)
			if err != nil || sup.isSup {
				return nil, err
			}
			return &AltLink{Path: sup.path, ID: sup.id}, nil
		}},
	} {
		s := f.Section(c.name)
		if s == nil {
			continue
		}
		b, err := linkSection(f, s)
		if err != nil {
			return nil, err
		}
		l, err := c.parse(b, f)
		if err != nil {
			return nil, &elfsym.FormatError{Part: c.name, Offset: s.Offset, Reason: err.Error(), Err: elfsym.ErrDamaged}
		}
		if l != nil {
			l.Section = c.name
			return l, nil
		}
	}
	return nil, nil
}

// parseAltLink: the path, a NUL, and the build-id up to the section's end.
func parseAltLink(b []byte) (*AltLink, error) {
	n := bytes.IndexByte(b, 0)
	switch {
	case n < 0:
		return nil, errors.New("its path has no end")
	case n == 0:
		return nil, errors.New("its path is empty")
	}
	id := b[n+1:]
	if len(id) == 0 || len(id) > maxBuildID {
		return nil, fmt.Errorf("a build-id of %d bytes", len(id))
	}
	return &AltLink{Path: string(b[:n]), ID: bytes.Clone(id)}, nil
}

// A supplement is the content of .debug_sup: DWARF 5, section 7.3.6.
type supplement struct {
	isSup bool // this file is the supplementary one
	path  string
	id    []byte
}

// parseSup: version 5 in 2 bytes; 1 in a supplementary file, else 0; its path,
// empty in the supplementary file itself; the checksum's length as LEB128; the
// checksum. Files of dwz -5 have their build-id for a checksum.
func parseSup(b []byte, f *elfsym.File) (*supplement, error) {
	if len(b) < 4 {
		return nil, errors.New("too short")
	}
	if v := f.U16(b); v < 2 || v > 5 {
		// Draft versions of the standard had 2; the layout is the same.
		return nil, fmt.Errorf("version %d", v)
	}
	if b[2] > 1 {
		return nil, fmt.Errorf("%d instead of 0 or 1", b[2])
	}
	s := &supplement{isSup: b[2] == 1}
	b = b[3:]
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		return nil, errors.New("its path has no end")
	}
	s.path, b = string(b[:n]), b[n+1:]
	if !s.isSup && s.path == "" {
		return nil, errors.New("its path is empty")
	}
	var size uint64
	for i := 0; ; i++ {
		if i == len(b) || i == 9 {
			return nil, errors.New("no length of the checksum")
		}
		size |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			b = b[i+1:]
			break
		}
	}
	if size == 0 || size > maxBuildID || size > uint64(len(b)) {
		return nil, fmt.Errorf("a checksum of %d bytes, %d left", size, len(b))
	}
	s.id = bytes.Clone(b[:size])
	return s, nil
}

// fileIDs are what a supplementary file may be known by: its build-id, and the
// checksum in its own .debug_sup.
func fileIDs(f *elfsym.File) [][]byte {
	var ids [][]byte
	if id := f.BuildID(); id != nil {
		ids = append(ids, id)
	}
	if s := f.Section(".debug_sup"); s != nil {
		if b, err := linkSection(f, s); err == nil {
			if sup, err := parseSup(b, f); err == nil && sup.isSup {
				ids = append(ids, sup.id)
			}
		}
	}
	return ids
}
