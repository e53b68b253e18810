package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/probels/probels/internal/elfwrite"
)

// edits are the changes to a binary that no tool makes: contents in, contents out.
var edits = map[string]func([]byte) ([]byte, error){
	"noshdr":     noSectionHeaders,
	"stalenotes": staleNotes,
	"core":       core,
}

// noSectionHeaders leaves what the segments hold and nothing else, as some packers do.
func noSectionHeaders(b []byte) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if f.Class != elf.ELFCLASS64 {
		return nil, errors.New("only 64-bit files")
	}
	var end uint64
	for _, p := range f.Progs {
		end = max(end, p.Off+p.Filesz)
	}
	b = bytes.Clone(b[:end])
	clear(b[0x28:0x30])                        // e_shoff
	f.ByteOrder.PutUint16(b[0x3a:], 0)         // e_shentsize
	binary.LittleEndian.PutUint32(b[0x3c:], 0) // e_shnum, e_shstrndx
	_, err = elf.NewFile(bytes.NewReader(b))   // still good
	return b, err
}

// staleBy is how far sdt-stale was moved after its notes were written.
const staleBy = 0x10000

// staleNotes takes staleBy from the addresses in all notes of probes: what is left when prelink moves
// a file up, for it changes everything but sections outside the segments.
func staleNotes(b []byte) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	s := f.Section(".note.stapsdt")
	if s == nil || f.Class != elf.ELFCLASS64 {
		return nil, errors.New("no .note.stapsdt in a 64-bit file")
	}
	b = bytes.Clone(b)
	notes, order := b[s.Offset:s.Offset+s.Size], f.ByteOrder
	for len(notes) > 0 {
		name, desc := (order.Uint32(notes)+3)&^3, (order.Uint32(notes[4:])+3)&^3
		for i := range uint32(3) {
			field := notes[12+name+8*i:]
			if v := order.Uint64(field); v != 0 {
				order.PutUint64(field, v-staleBy)
			}
		}
		notes = notes[12+name+desc:]
	}
	return b, nil
}

// core writes a small core dump.
func core([]byte) ([]byte, error) {
	f := elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_CORE}
	file := []byte("/usr/bin/true\x00")
	var words []byte
	for _, w := range []uint64{1, 0x1000, 0x401000, 0x402000, 1} { // one mapping, the page size, start, end, offset in pages
		words = binary.LittleEndian.AppendUint64(words, w)
	}
	f.Segments = []elfwrite.Segment{
		{Type: elf.PT_NOTE, Bytes: f.NoteBytes(
			elfwrite.Note{Name: "CORE", Type: uint32(elf.NT_PRSTATUS), Desc: make([]byte, 336)},
			elfwrite.Note{Name: "CORE", Type: 0x46494c45, Desc: append(words, file...)}, // NT_FILE
		), Align: 4},
		{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Vaddr: 0x401000, Bytes: []byte("\xc3 first bytes of a mapping"), Memsz: 0x1000, Align: 0x1000},
	}
	b := f.Bytes()
	if _, err := elf.NewFile(bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("core: %w", err)
	}
	return b, nil
}
