//go:build unix

package main

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/probels/probels/internal/elfwrite"
)

// kinds are the generated files: how many of what they have, and how they are made.
var kinds = []struct {
	name   string
	counts []int
	make   func(n int) []byte
}{
	{"probes", []int{10, 1000, 10_000, 100_000}, manyProbes},
	{"symbols", []int{1000, 10_000, 100_000, 1_000_000}, manySymbols},
	{"units", []int{1, 10, 100, 1000, 10_000, 100_000}, manyUnits},
}

// makeFile is the command line "-generate KIND N FILE".
func makeFile(args []string) error {
	if len(args) != 3 {
		return errors.New("-generate takes KIND N FILE")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for _, k := range kinds {
		if k.name == args[0] {
			return os.WriteFile(args[2], k.make(n), 0o755)
		}
	}
	return fmt.Errorf("no kind %q", args[0])
}

// generate writes a file in a process of its own, so that this one stays small.
func generate(ctx context.Context, kind string, n int, out string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	return exec.CommandContext(ctx, exe, "-generate", kind, strconv.Itoa(n), out).Run()
}

// generated is a program of n places, 16 bytes apart.
func generated(n int) *elfwrite.File {
	f := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_EXEC}
	f.Sections = []elfwrite.Section{{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x401000, Bytes: make([]byte, n*16)}}
	// Linkers write a build-id, and what looks for one would read all notes else.
	f.Sections = append(f.Sections, elfwrite.Section{Name: ".note.gnu.build-id", Flags: elf.SHF_ALLOC, Align: 4,
		Notes: []elfwrite.Note{{Name: "GNU", Type: 3, Desc: binary.BigEndian.AppendUint64(make([]byte, 12), uint64(n))}}})
	f.Segments = []elfwrite.Segment{{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Covers: [2]string{".text", ".text"}, Align: 0x1000},
		{Type: elf.PT_NOTE, Flags: elf.PF_R, Covers: [2]string{".note.gnu.build-id", ".note.gnu.build-id"}, Align: 4}}
	return f
}

func manyProbes(n int) []byte {
	f := generated(n)
	var notes []elfwrite.Note
	for i := range n {
		notes = append(notes, f.USDT(0x401000+uint64(i)*16, 0, 0, "provider", fmt.Sprintf("probe_%d", i), "-4@%edi 8@-24(%rbp) -8@%rax"))
	}
	f.Sections = append(f.Sections, elfwrite.Section{Name: ".note.stapsdt", Align: 4, Notes: notes})
	return f.Bytes()
}

func manySymbols(n int) []byte {
	f := generated(n)
	for i := range n {
		at := i * 7919 % n // no linker writes them in order
		f.Symbols = append(f.Symbols, elfwrite.Symbol{Name: fmt.Sprintf("function_%d", at), Value: 0x401000 + uint64(at)*16, Size: 16,
			Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"})
	}
	return f.Bytes()
}

// unitFunctions is how many functions a generated unit has.
const unitFunctions = 3

// manyUnits has n units of DWARF 4 as a C compiler would write them: a base type, and functions of
// one parameter each, with their names in .debug_str. There are no symbols.
func manyUnits(n int) []byte {
	f := generated(n * unitFunctions)
	str := &table{}
	producer, intName, param := str.add("bench"), str.add("int"), str.add("argument")
	abbrev := []byte{
		1, 0x11, 1, 0x25, 0x0e, 0x13, 0x0b, 0x03, 0x0e, 0x11, 0x01, 0x12, 0x06, 0, 0, // unit: producer, language, name, low, high
		2, 0x24, 0, 0x0b, 0x0b, 0x3e, 0x0b, 0x03, 0x0e, 0, 0, // base type: size, encoding, name
		3, 0x2e, 1, 0x3f, 0x19, 0x03, 0x0e, 0x3a, 0x0b, 0x3b, 0x05, 0x27, 0x19, 0x49, 0x13, 0x11, 0x01, 0x12, 0x06, 0x40, 0x18, 0x01, 0x13, 0, 0, // function
		4, 0x05, 0, 0x03, 0x0e, 0x49, 0x13, 0x02, 0x18, 0, 0, // parameter: name, type, place
		0,
	}
	var info []byte
	le := binary.LittleEndian
	for u := range n {
		begin := len(info)
		low := uint64(0x401000 + u*unitFunctions*16)
		info = append(info, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8) // length, version, abbreviations, size of addresses
		info = le.AppendUint32(append(info, 1), producer)
		info = le.AppendUint32(append(info, 0x0c), str.add(fmt.Sprintf("unit_%d.c", u)))
		info = le.AppendUint32(le.AppendUint64(info, low), unitFunctions*16)
		typ := uint32(len(info) - begin)
		info = le.AppendUint32(append(info, 2, 4, 5), intName)
		for i := range unitFunctions {
			info = le.AppendUint32(append(info, 3), str.add(fmt.Sprintf("unit_%d_function_%d", u, i)))
			info = le.AppendUint32(le.AppendUint16(append(info, 1), uint16(10*i+1)), typ)
			info = le.AppendUint32(le.AppendUint64(info, low+uint64(i)*16), 16)
			info = append(info, 1, 0x9c) // DW_OP_call_frame_cfa
			sibling := len(info)
			info = le.AppendUint32(le.AppendUint32(append(info, 0, 0, 0, 0, 4), param), typ)
			info = append(info, 1, 0x55, 0) // DW_OP_reg5; the end of the children
			le.PutUint32(info[sibling:], uint32(len(info)-begin))
		}
		info = append(info, 0)
		le.PutUint32(info[begin:], uint32(len(info)-begin-4))
	}
	f.Sections = append(f.Sections, elfwrite.Section{Name: ".debug_info", Bytes: info}, elfwrite.Section{Name: ".debug_abbrev", Bytes: abbrev},
		elfwrite.Section{Name: ".debug_str", Bytes: str.Bytes()})
	return f.Bytes()
}

// A table is a table of strings.
type table struct{ bytes.Buffer }

func (t *table) add(s string) uint32 {
	at := t.Len()
	t.WriteString(s)
	t.WriteByte(0)
	return uint32(at)
}
