package relink

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/probels/probels/elfsym"
)

const (
	arMagic   = "!<arch>\n"
	thinMagic = "!<thin>\n"
	arHeader  = 60
	maxName   = 1 << 12 // of a member
)

// HeadSize is how much of a file's beginning Is wants.
const HeadSize = 20

// Is reports whether a file that begins so is an archive or a relocatable object.
func Is(head []byte) bool {
	return bytes.HasPrefix(head, []byte(arMagic)) || bytes.HasPrefix(head, []byte(thinMagic)) || isObject(head)
}

// isObject reports whether a file begins as an ELF file of type ET_REL.
func isObject(head []byte) bool {
	if len(head) < 18 || string(head[:4]) != elf.ELFMAG {
		return false
	}
	t := [2]byte(head[16:18])
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		t[0], t[1] = t[1], t[0]
	}
	return t == [2]byte{byte(elf.ET_REL), 0}
}

// member is a place in an archive.
type member struct {
	name      string
	off, size int64
}

func badArchive(off int64, format string, args ...any) error {
	return &elfsym.FormatError{Part: "archive", Offset: elfsym.Offset(off), Reason: fmt.Sprintf(format, args...), Err: elfsym.ErrDamaged}
}

// members are those of an archive, without its tables. An error says where the
// rest of the archive can't be read, beside the members before.
func members(r io.ReaderAt, size int64, most uint32) ([]member, error) {
	head := make([]byte, min(int64(len(arMagic)), size))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(head) == thinMagic {
		return nil, errors.New("a thin archive, which names files and has none of their code: make one without T (ar rc), or give one of the objects")
	}
	var out []member
	var long []byte
	for off := int64(len(arMagic)); off < size; {
		if size-off < arHeader {
			return out, badArchive(off, "%d bytes behind the last member", size-off)
		}
		var h [arHeader]byte
		if _, err := r.ReadAt(h[:], off); err != nil && !errors.Is(err, io.EOF) {
			return out, err
		}
		at := off + arHeader
		n, err := strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
		switch {
		case string(h[58:]) != "`\n":
			return out, badArchive(off, "no member's header")
		case err != nil || n < 0:
			return out, badArchive(off, "a size of %.10q", h[48:58])
		case n > size-at:
			return out, badArchive(off, "a member of %d bytes, there are %d", n, size-at)
		}
		off = at + n + n&1
		m := member{strings.TrimRight(string(h[:16]), " "), at, n}
		switch name := m.name; {
		case name == "/", name == "/SYM64/":
			continue
		case name == "//":
			if n > maxLongNames {
				return out, fmt.Errorf("names of %d bytes: %w", n, elfsym.ErrLimit)
			}
			long = make([]byte, n)
			if _, err := r.ReadAt(long, at); err != nil && !errors.Is(err, io.EOF) {
				return out, err
			}
			continue
		case strings.HasPrefix(name, "#1/"):
			if m, err = bsdName(r, m); err != nil {
				return out, err
			}
		case strings.HasPrefix(name, "/"):
			if m.name, err = longName(long, name[1:]); err != nil {
				return out, badArchive(at-arHeader, "%v", err)
			}
		default:
			m.name = strings.TrimSuffix(name, "/")
		}
		if strings.HasPrefix(m.name, "__.SYMDEF") {
			continue
		}
		if len(out) == int(most) {
			return out, fmt.Errorf("more than %d members: %w", most, elfsym.ErrLimit)
		}
		out = append(out, m)
	}
	return out, nil
}

// maxLongNames bounds the table of names: 64 Ki members with paths of 256 bytes.
const maxLongNames = 16 << 20

// longName is the name at a place in the table of names, which ends with "/\n".
func longName(table []byte, at string) (string, error) {
	n, err := strconv.ParseUint(at, 10, 31)
	if err != nil || n >= uint64(len(table)) {
		return "", fmt.Errorf("a name at %.15q, there are %d bytes of names", at, len(table))
	}
	b := table[n:]
	b = b[:min(len(b), maxName)]
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i]
	}
	return strings.TrimSuffix(string(b), "/"), nil
}

// bsdName takes the name from before a member's bytes.
func bsdName(r io.ReaderAt, m member) (member, error) {
	n, err := strconv.ParseInt(m.name[3:], 10, 64)
	if err != nil || n < 0 || n > m.size || n > maxName {
		return m, badArchive(m.off-arHeader, "a name of %.15q bytes", m.name[3:])
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, m.off); err != nil && !errors.Is(err, io.EOF) {
		return m, err
	}
	m.name, m.off, m.size = strings.TrimRight(string(b), "\x00"), m.off+n, m.size-n
	return m, nil
}
