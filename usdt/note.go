package usdt

import (
	"debug/elf"
	"fmt"
	"iter"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/wire"
)

// note is the content of one NT_STAPSDT note.
type note struct {
	at                   elfsym.Offset
	loc, base, semaphore elfsym.Addr
	provider, name, args string
	behind               string // what follows the arguments' NUL, but for padding
}

const (
	headerSize = 12 // namesz, descsz, type
	ntStapsdt  = 3
	owner      = "stapsdt\x00"
)

// area is a section of notes while it is walked.
type area struct {
	wire.Layout
	sec  elfsym.NoteSection
	text string // of sec: the strings of all notes are parts of it
	mark string // the bytes that type and owner make in every note
}

// notes yields the stapsdt notes of a section, each valid until the next. What is not
// one is reported, with an empty note.
func notes(f *elfsym.File, sec elfsym.NoteSection) iter.Seq2[*note, error] {
	a := area{
		Layout: wire.Layout{Big: f.ByteOrder() == elf.ELFDATA2MSB, Is64: f.Class() == elf.ELFCLASS64},
		sec:    sec,
		text:   sec.Data,
	}
	ours := strings.HasPrefix(sec.Name, ".note.stapsdt")
	return func(yield func(*note, error) bool) {
		var n note
		for pos := 0; pos+headerSize <= len(a.text); {
			isOurs, next, err := a.note(pos, &n)
			if !isOurs {
				// Whatever its sizes say, a note of ours may begin within it.
				if again := a.find(pos+1, next); again >= 0 {
					ours, next = true, again
					if err == nil {
						err = a.fail(pos, "another note begins within it")
					}
				}
				if err == nil {
					err = a.fail(pos, "not a stapsdt note")
				}
				// In a section of another name, other notes are at home.
				if n = (note{}); ours && !yield(&n, err) {
					return
				}
			} else {
				ours = true
				if !yield(&n, nil) {
					return
				}
			}
			pos = next
		}
	}
}

func (a *area) fail(pos int, format string, args ...any) error {
	return &NoteError{a.sec.Name, a.sec.Offset + elfsym.Offset(pos), fmt.Sprintf(format, args...)}
}

// note reads the one at pos into n; false if it is of another kind. next is where
// the following one should be; after an error it is the end.
func (a *area) note(pos int, n *note) (ok bool, next int, err error) {
	left := uint64(len(a.text) - pos)
	var b [headerSize]byte
	copy(b[:], a.text[pos:pos+headerSize])
	namesz, descsz, typ := uint64(a.U32(b[:])), uint64(a.U32(b[4:])), a.U32(b[8:])
	desc := headerSize + roundUp(namesz)
	end := desc + descsz
	if end > left {
		return false, len(a.text), a.fail(pos, "it has %d bytes, and %d are left", end, left)
	}
	next = pos + int(min(roundUp(end), left)) // the last may lack its padding
	if namesz != uint64(len(owner)) || !strings.HasPrefix(a.text[pos+headerSize:], owner) || typ != ntStapsdt {
		return false, next, nil
	}
	if err := a.descriptor(n, pos, pos+int(desc), pos+int(end)); err != nil {
		return false, len(a.text), err
	}
	return true, next, nil
}

func roundUp(n uint64) uint64 { return (n + 3) &^ 3 }

// descriptor reads three addresses and three strings between from and to.
func (a *area) descriptor(n *note, pos, from, to int) error {
	w := a.WordSize()
	if to-from < 3*w {
		return a.fail(pos, "no room for its addresses")
	}
	var b [3 * 8]byte
	copy(b[:3*w], a.text[from:])
	*n = note{
		at:  a.sec.Offset + elfsym.Offset(pos),
		loc: elfsym.Addr(a.Word(b[:])), base: elfsym.Addr(a.Word(b[w:])), semaphore: elfsym.Addr(a.Word(b[2*w:])),
	}
	text := a.text[from+3*w : to]
	var ok bool
	if n.provider, text, ok = strings.Cut(text, "\x00"); !ok || n.provider == "" {
		return a.fail(pos, "no provider")
	}
	if n.name, text, ok = strings.Cut(text, "\x00"); !ok || n.name == "" {
		return a.fail(pos, "no name")
	}
	// perf takes a note whose third string is missing; nobody takes one whose
	// string has no end.
	if n.args, n.behind, ok = strings.Cut(text, "\x00"); !ok && n.args != "" {
		return a.fail(pos, "%s:%s: its arguments have no end", n.provider, n.name)
	}
	// If the note's size is wrong, another one begins in here: a good one has
	// nothing that looks so.
	for at := a.find(pos+1, to); at >= 0; at = a.find(at+1, to) {
		if a.ownerSize(at) == uint32(len(owner)) {
			return a.fail(pos, "%s:%s: another note begins within it", n.provider, n.name)
		}
	}
	// Padding, or the rest of what an assembler got wrong: Debian's loongarch64
	// ld.so has a NUL where the size of its argument should be.
	n.behind = strings.TrimRight(n.behind, "\x00")
	return nil
}

// ownerSize is the first number of a note, of which all of the header is there.
func (a *area) ownerSize(pos int) uint32 {
	var b [4]byte
	copy(b[:], a.text[pos:])
	return a.U32(b[:])
}

// find is where the next stapsdt note begins, at or after from and before to;
// -1 if none does. It looks for type and owner, which are the same in all.
func (a *area) find(from, to int) int {
	if a.mark == "" {
		typ := "\x03\x00\x00\x00"
		if a.Big {
			typ = "\x00\x00\x00\x03"
		}
		a.mark = typ + owner
	}
	const before = headerSize - 4 // of the mark in its note
	end := min(to+before+len(a.mark)-1, len(a.text))
	for at := from + before; at < end; {
		i := strings.Index(a.text[at:end], a.mark)
		if i < 0 {
			return -1
		}
		begin := at + i - before
		if begin%4 == 0 {
			return begin
		}
		at += i + 1
	}
	return -1
}
