package procmaps

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// Perm is what may be done with an area.
type Perm uint8

// The letters of the second column.
const (
	Readable Perm = 1 << iota
	Writable
	Exec
	Shared // else private: a copy is made when it is written to
)

// String is the column as it stands in maps: "r-xp".
func (p Perm) String() string {
	b := []byte("---p")
	for i, c := range "rwxs" {
		if p&(1<<i) != 0 {
			b[i] = byte(c)
		}
	}
	return string(b)
}

// A Mapping is one area.
type Mapping struct {
	Start, End   uint64 // run-time addresses; End is exclusive
	Perm         Perm
	Offset       uint64 // of Start in the file, in bytes
	Major, Minor uint32 // device of the file's super block
	Inode        uint64 // 0 if there is no file
	Name         string // as it stands there; see Unescape
}

// Contains reports whether an address is in the area.
func (m *Mapping) Contains(addr uint64) bool { return m.Start <= addr && addr < m.End }

// Unescape is the name with its newlines. A backslash is not escaped, so a name
// that has "\012" in it may also be meant as it stands.
func Unescape(name string) string { return strings.ReplaceAll(name, `\012`, "\n") }

// Errors of All; the second ends it.
var (
	ErrLine    = errors.New("not a line of /proc/PID/maps")
	ErrTooMany = errors.New("more mappings than allowed")
)

// Bounds of one listing. A name has at most 4 KiB for most file systems, the kernel's
// default for the number of mappings is 65,530 (vm.max_map_count).
const (
	maxLine     = 64 << 10
	maxMappings = 4 << 20
)

// All yields the mappings in the order of their addresses. A line that cannot
// be read is yielded as an error that wraps ErrLine, with what could be made of
// it left out, and the next one follows; an error of the reader, or ErrTooMany,
// is the last. Strings that follow one another and are equal are one.
func All(r io.Reader) iter.Seq2[Mapping, error] {
	return func(yield func(Mapping, error) bool) {
		lines := bufio.NewReaderSize(r, maxLine)
		last := ""
		for n := 0; ; n++ {
			line, err := lines.ReadSlice('\n')
			if len(line) > 0 {
				if n == maxMappings {
					yield(Mapping{}, fmt.Errorf("%w: %d", ErrTooMany, maxMappings))
					return
				}
				if errors.Is(err, bufio.ErrBufferFull) {
					if err = skipLine(lines); !yield(Mapping{}, fmt.Errorf("%w: longer than %d bytes", ErrLine, maxLine)) {
						return
					}
				} else {
					m, name, perr := parse(bytes.TrimSuffix(line, []byte{'\n'}))
					if perr == nil && string(name) != last {
						last = string(name)
					}
					if m.Name = last; perr != nil {
						m = Mapping{}
					}
					if !yield(m, perr) {
						return
					}
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(Mapping{}, err)
				}
				return
			}
		}
	}
}

func skipLine(r *bufio.Reader) error {
	for {
		_, err := r.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// parse takes a line apart; the name is part of the line.
func parse(line []byte) (m Mapping, name []byte, err error) {
	p := parser{rest: line}
	m.Start = p.number(16, '-')
	m.End = p.number(16, ' ')
	m.Perm = p.perm()
	m.Offset = p.number(16, ' ')
	m.Major = uint32(p.number(16, ':'))
	m.Minor = uint32(p.number(16, ' '))
	m.Inode = p.number(10, ' ')
	if p.bad || m.End <= m.Start {
		const few = 80
		return Mapping{}, nil, fmt.Errorf("%w: %q", ErrLine, line[:min(len(line), few)])
	}
	return m, bytes.TrimLeft(p.rest, " "), nil
}

type parser struct {
	rest []byte
	bad  bool
}

// number reads digits up to a separator, or to the end of the line.
func (p *parser) number(base uint64, sep byte) uint64 {
	var n uint64
	for i, c := range p.rest {
		var d uint64
		switch {
		case c == sep && i > 0:
			p.rest = p.rest[i+1:]
			return n
		case '0' <= c && c <= '9':
			d = uint64(c - '0')
		case 'a' <= c && c <= 'f' && base == 16:
			d = uint64(c-'a') + 10
		default:
			p.bad = true
			return 0
		}
		if n > (1<<64-1-d)/base {
			p.bad = true
			return 0
		}
		n = n*base + d
	}
	// Only the inode may end the line.
	p.bad = p.bad || base != 10 || len(p.rest) == 0
	p.rest = nil
	return n
}

func (p *parser) perm() Perm {
	if len(p.rest) < 5 || p.rest[4] != ' ' {
		p.bad = true
		return 0
	}
	var out Perm
	for i, c := range "rwxs" {
		switch b := p.rest[i]; {
		case b == byte(c):
			out |= 1 << i
		case b != '-' && !(i == 3 && b == 'p'):
			p.bad = true
		}
	}
	p.rest = p.rest[5:]
	return out
}
