package dwarfinfo_test

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/skip"
)

// Abbreviations for files that mean harm.
const hostileAbbrevs = "\x01\x11\x01\x03\x08\x13\x0b\x00\x00" + // 1 compile unit: name, language
	"\x02\x2e\x01\x31\x13\x11\x01\x12\x06\x00\x00" + // 2 subprogram: abstract_origin, low_pc, high_pc
	"\x03\x2e\x01\x47\x13\x11\x01\x12\x06\x00\x00" + // 3 subprogram: specification, low_pc, high_pc
	"\x04\x1d\x01\x31\x13\x11\x01\x12\x06\x00\x00" + // 4 inlined subroutine: abstract_origin, low_pc, high_pc
	"\x05\x0f\x00\x03\x08\x49\x13\x00\x00" + // 5 pointer: name, type
	"\x06\x16\x00\x03\x08\x49\x13\x00\x00" + // 6 typedef: name, type
	"\x07\x01\x01\x03\x08\x49\x13\x00\x00" + // 7 array: name, type, and its dimensions
	"\x08\x21\x00\x49\x13\x37\x06\x00\x00" + // 8 dimension: type, count
	"\x09\x13\x01\x03\x08\x0b\x06\x00\x00" + // 9 struct: name, byte_size
	"\x0a\x0d\x00\x03\x08\x49\x13\x38\x0b\x00\x00" + // 10 member: name, type, data_member_location
	"\x0b\x15\x01\x03\x08\x49\x13\x00\x00" + // 11 subroutine type: name, type
	"\x0c\x05\x00\x49\x13\x00\x00" + // 12 parameter: type
	"\x0d\x39\x01\x03\x08\x00\x00" + // 13 namespace: name
	"\x0e\x2e\x00\x47\x13\x31\x13\x11\x01\x12\x06\x00\x00" + // 14 subprogram: specification, abstract_origin, low_pc, high_pc
	"\x0f\x26\x00\x03\x08\x49\x13\x00\x00" + // 15 const: name, type
	"\x10\x3d\x00\x18\x10\x00\x00" + // 16 imported unit: import
	"\x00"

// unit4 is a unit of version 4 with the entries, and the units' own entry before them, which is 0x11 bytes
// into the unit: what follows is at 0x0b + 5 = 0x10.
func unit4(entries ...string) []byte {
	body := "\x01a.c\x00\x0c" + strings.Join(entries, "") + "\x00"
	b := binary.LittleEndian.AppendUint32(nil, uint32(7+len(body)))
	return append(append(b, "\x04\x00\x00\x00\x00\x00\x08"...), body...)
}

// firstEntry is where the first of unit4's entries is.
const firstEntry = 0x0b + 6

func le4(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func pc(lo, n int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(lo))) + le4(n)
}

// ask does everything that there is with the sections and returns the errors. It is to take a second or so; minutes,
// on however slow a machine, are a loop without end.
func ask(t *testing.T, m memory) (all []error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		d, err := dwarfinfo.New(m, dwarfinfo.Config{Class: elf.ELFCLASS64, ByteOrder: elf.ELFDATA2LSB, Workers: 1})
		if err != nil {
			all = append(all, err)
			return
		}
		keep := func(err error) {
			if err != nil && len(all) < 1000 {
				all = append(all, err)
			}
		}
		n := 0
		for f, err := range d.Funcs() {
			if keep(err); err != nil {
				continue
			}
			keep(f.Err)
			if n++; n > 10 {
				continue
			}
			_, err := f.QualifiedName()
			keep(err)
			f.DeclFile()
			for _, err := range f.Inlined() {
				keep(err)
			}
		}
		for _, a := range []elfsym.Addr{0x1000, 0x1004} {
			_, err := d.FuncAt(a)
			keep(err)
			_, err = d.Frames(a)
			keep(err)
		}
		for _, err := range d.Lookup("f", "a::f") {
			keep(err)
		}
		for _, err := range d.Inlined("f", "g") {
			keep(err)
		}
		for typ, err := range d.TypeNamed("T", "S", "struct S", "N::T") {
			if keep(err); err != nil {
				continue
			}
			keep(typ.Err)
			if n++; n > 10 {
				continue
			}
			if s := typ.String() + typ.Declare("x"); len(s) > 1<<16 {
				t.Errorf("a type of %d characters", len(s))
			}
			typ.Size()
			typ.Strip()
			typ.Elem()
			typ.QualifiedName()
			_, err := typ.Definition()
			keep(err)
			_, err = typ.Params()
			keep(err)
			fields, err := typ.Fields()
			keep(err)
			for _, f := range fields[:min(len(fields), 10)] {
				_ = f.Type.String()
				f.Type.Size()
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(4 * time.Minute):
		stacks := make([]byte, 1<<16)
		t.Fatalf("does not end\n%s", stacks[:runtime.Stack(stacks, true)])
	}
	return all
}

// References that lead to themselves, in circles of two, and to entries of another sort.
func TestCircles(t *testing.T) {
	at := func(n int) string { return le4(firstEntry + n) }
	for what, c := range map[string]struct {
		entries []string
		wrong   bool // an error is wanted
	}{
		"abstract_origin of itself":  {[]string{"\x02", at(0), pc(0x1000, 16), "\x00"}, true},
		"specification of itself":    {[]string{"\x03", at(0), pc(0x1000, 16), "\x00"}, true},
		"two of each other":          {[]string{"\x02", at(18), pc(0x1000, 16), "\x00", "\x03", at(0), pc(0x2000, 16), "\x00"}, true},
		"both, of itself":            {[]string{"\x0e", at(0), at(0), pc(0x1000, 16)}, true},
		"inlined in itself":          {[]string{"\x02", at(0), pc(0x1000, 16), "\x04", at(18), pc(0x1004, 4), "\x00", "\x00"}, true},
		"inlined copy of its parent": {[]string{"\x02", at(18), pc(0x1000, 16), "\x04", at(0), pc(0x1004, 4), "\x00", "\x00"}, true},
		"pointer to itself":          {[]string{"\x05T\x00", at(0)}, false},
		"typedef of itself":          {[]string{"\x06T\x00", at(0)}, false},
		"typedefs of each other":     {[]string{"\x06T\x00", at(7), "\x06S\x00", at(0)}, false},
		"const and typedef":          {[]string{"\x06T\x00", at(7), "\x0fS\x00", at(0)}, false},
		"array of itself":            {[]string{"\x07T\x00", at(0), "\x08", at(0), le4(1 << 30), "\x08", at(0), le4(1 << 30), "\x08", at(0), le4(1 << 30), "\x00"}, false},
		"struct in itself":           {[]string{"\x09S\x00", le4(8), "\x0aT\x00", at(0), "\x00", "\x00"}, false},
		"a function of itself":       {[]string{"\x0bT\x00", at(0), "\x0c", at(0), "\x0c", at(0), "\x00", "\x06S\x00", at(0)}, false},
		"member that is its struct":  {[]string{"\x09S\x00", le4(8), "\x0aT\x00", at(7), "\x00", "\x00"}, false},
		"a unit that imports itself": {[]string{"\x10", le4(0), "\x10", at(0), "\x03", at(0), pc(0x1000, 16), "\x00"}, false},
	} {
		t.Run(what, func(t *testing.T) {
			errs := ask(t, memory{".debug_abbrev": []byte(hostileAbbrevs), ".debug_info": unit4(c.entries...)})
			for _, err := range errs {
				if !errors.Is(err, dwarfinfo.ErrDamaged) {
					t.Errorf("%v", err)
				}
			}
			if c.wrong && len(errs) == 0 {
				t.Error("no error")
			}
		})
	}
}

// What is small and would cost much: time or memory that has nothing to do with the file's size.
func TestBombs(t *testing.T) {
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	// A type of which each is made of the next, twice.
	var doubling []string
	for i := range 40 {
		next := firstEntry + (i+1)*13
		doubling = append(doubling, "\x0bT\x00"+le4(next)+"\x0c"+le4(next)+"\x00") // 7 + 5 + 1 bytes
	}
	doubling = append(doubling, "\x06T\x00", le4(firstEntry))
	// One abbreviation of a million attributes that take no bytes, used by many entries of one byte.
	flags := "\x01\x11\x01\x03\x08\x13\x0b\x00\x00" + "\x02\x34\x00" + many(300_000, "\x3f\x19") + "\x00\x00\x00"
	// A table that each of many units reads from a place of its own.
	table := many(100_000, "\x02\x34\x00\x00\x00")
	var tails []byte
	for i := range 5_000 {
		u := unit4()
		binary.LittleEndian.PutUint32(u[6:], uint32(i*5))
		tails = append(tails, u...)
	}
	var inlined []string
	for range 20_000 {
		inlined = append(inlined, "\x04", le4(firstEntry), pc(0x1000, 16))
	}
	for what, m := range map[string]memory{
		"flags without end":        {".debug_abbrev": []byte(flags), ".debug_info": unit4(many(300_000, "\x02"))},
		"tables within a table":    {".debug_abbrev": []byte(table), ".debug_info": tails},
		"a type doubled 40 times":  {".debug_abbrev": []byte(hostileAbbrevs), ".debug_info": unit4(doubling...)},
		"a million namespaces":     {".debug_abbrev": []byte(hostileAbbrevs), ".debug_info": unit4(many(1_000_000, "\x0dN\x00"), "\x03", le4(firstEntry), pc(0x1000, 16))},
		"functions in functions":   {".debug_abbrev": []byte(hostileAbbrevs), ".debug_info": unit4(many(50_000, "\x03"+le4(firstEntry)+pc(0x1000, 16)))},
		"inlined in inlined":       {".debug_abbrev": []byte(hostileAbbrevs), ".debug_info": unit4("\x03", le4(firstEntry), pc(0x1000, 16), strings.Join(inlined, ""))},
		"pointers to pointers":     {".debug_abbrev": []byte(hostileAbbrevs), ".debug_info": unit4(chain('\x05', 20_000))},
		"typedefs of typedefs":     {".debug_abbrev": []byte(hostileAbbrevs), ".debug_info": unit4(chain('\x06', 20_000))},
		"arrays of arrays":         {".debug_abbrev": []byte(hostileAbbrevs), ".debug_info": unit4(chain('\x07', 20_000))},
		"functions that give such": {".debug_abbrev": []byte(hostileAbbrevs), ".debug_info": unit4(chain('\x0b', 20_000))},
	} {
		t.Run(what, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ask(t, m)
			runtime.ReadMemStats(&after)
			size := uint64(len(m[".debug_info"]) + len(m[".debug_abbrev"]))
			if n := after.TotalAlloc - before.TotalAlloc; n > 256<<20+64*size && !skip.Race { // it empties pools at random
				t.Errorf("%d MB allocated for %d KB", n>>20, size>>10)
			}
		})
	}
}

// chain is entries of which each is of the next one's type.
func chain(code byte, n int) string {
	var b bytes.Buffer
	for i := range n {
		b.WriteString(string(code) + "T\x00" + le4(firstEntry+(i+1)*7))
		if code == 7 || code == 11 {
			// Its dimensions or parameters are the rest of the chain.
			continue
		}
	}
	return b.String()
}

// What a compressed section is said to become is not believed: a file of a few hundred bytes does not get memory for
// a gigabyte, in whatever section.
func TestClaimedSizes(t *testing.T) {
	abbrev := []byte(hostileAbbrevs)
	info := unit4("\x05T\x00", le4(firstEntry))
	big := bytes.Clone(info)
	binary.LittleEndian.PutUint32(big, 900<<20)
	for _, name := range []string{".debug_info", ".debug_abbrev", ".debug_str", ".debug_line", ".debug_line_str", ".debug_aranges", ".gdb_index", ".debug_ranges", ".debug_types", ".debug_cu_index"} {
		for _, typ := range []elf.CompressionType{elf.COMPRESS_ZLIB, elf.COMPRESS_ZSTD} {
			// Few bytes, and a stream that is long enough for a claim that could be true.
			for _, pad := range []int{0, 1 << 20} {
				content := []byte("\xfc\xff\xff\x3f\x02\x00\x00\x00\x00\x00\x08\x00")
				if name == ".debug_info" {
					content = big
				}
				chdr := make([]byte, 24)
				binary.LittleEndian.PutUint32(chdr, uint32(typ))
				binary.LittleEndian.PutUint64(chdr[8:], 1<<30)
				var z bytes.Buffer
				if typ == elf.COMPRESS_ZLIB {
					w := zlib.NewWriter(&z)
					w.Write(content)
					w.Close()
				} else {
					w, err := zstd.NewWriter(&z)
					if err != nil {
						t.Fatal(err)
					}
					w.Write(content)
					w.Close()
				}
				z.Write(make([]byte, pad))
				w := &elfwrite.File{Class: elf.ELFCLASS64, Data: elf.ELFDATA2LSB, Machine: elf.EM_X86_64, Type: elf.ET_DYN, Sections: []elfwrite.Section{
					{Name: name, Flags: elf.SHF_COMPRESSED, Bytes: append(chdr, z.Bytes()...)},
				}}
				if name != ".debug_abbrev" {
					w.Sections = append(w.Sections, elfwrite.Section{Name: ".debug_abbrev", Bytes: abbrev})
				}
				if name != ".debug_info" {
					w.Sections = append(w.Sections, elfwrite.Section{Name: ".debug_info", Bytes: info})
				}
				b := w.Bytes()
				f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
				if err != nil {
					t.Fatal(err)
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				func() {
					s, c := dwarfinfo.FromELF(f)
					d, err := dwarfinfo.New(s, c)
					if err != nil {
						return
					}
					for range d.Funcs() {
					}
					for range d.TypeNamed("T") {
					}
					d.FuncAt(0x1000)
					d.Frames(0x1000)
					d.Lines("a.c", 1)
					d.LineAt(0x1000)
				}()
				runtime.ReadMemStats(&after)
				if n := after.TotalAlloc - before.TotalAlloc; n > 150<<20 {
					t.Errorf("%s, %v, %d bytes: %d MB allocated", name, typ, len(b), n>>20)
				}
			}
		}
	}
}
