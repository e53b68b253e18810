package dwarfinfo_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/heap"
	"github.com/probels/probels/internal/mutate/mutatetest"
	"github.com/probels/probels/usdt/operand"
)

// memory is sections in memory, also those of a .dwo.
type memory map[string][]byte

func (m memory) Section(name string) (dwarfinfo.Section, error) {
	name = strings.TrimSuffix(name, ".dwo")
	if b := m[name]; len(b) > 0 {
		return bytes.NewReader(b), nil
	}
	return nil, nil
}

var fuzzSections = []string{".debug_info", ".debug_abbrev", ".debug_str", ".debug_ranges", ".debug_rnglists", ".debug_addr",
	".debug_str_offsets", ".debug_aranges", ".debug_line", ".debug_line_str", ".debug_types", ".gdb_index", ".debug_cu_index", ".debug_tu_index", ".debug_loc", ".debug_loclists"}

// pack writes sections as one text of the fuzzer's, and unpack reads it.
func (m memory) pack() []byte {
	var out []byte
	for _, name := range fuzzSections {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(m[name])))
		out = append(out, m[name]...)
	}
	return out
}

func unpack(b []byte) memory {
	m := make(memory)
	for _, name := range fuzzSections {
		if len(b) < 4 {
			break
		}
		n := min(uint64(binary.LittleEndian.Uint32(b)), uint64(len(b)-4))
		m[name], b = b[4:4+n], b[4+n:]
	}
	return m
}

// small is a whole unit by hand: f at 0x1000, with an inlined copy of g in it.
var small = memory{
	".debug_abbrev": []byte("\x01\x11\x01\x03\x08\x13\x0b\x00\x00" + // compile unit: name, language
		"\x02\x2e\x01\x03\x08\x11\x01\x12\x06\x3a\x0b\x3b\x0b\x00\x00" + // subprogram: name, low_pc, high_pc, decl_file, decl_line
		"\x03\x2e\x00\x03\x08\x20\x0b\x00\x00" + // subprogram: name, inline
		"\x04\x1d\x00\x31\x13\x11\x01\x12\x06\x59\x0b\x00\x00" + // inlined subroutine: origin, low_pc, high_pc, call_line
		"\x05\x2e\x00\x47\x13\x11\x01\x12\x06\x00\x00\x00"), // subprogram: specification, low_pc, high_pc
	".debug_info": []byte("\x49\x00\x00\x00\x04\x00\x00\x00\x00\x00\x08" +
		"\x01a.c\x00\x0c" +
		"\x03g\x00\x01" + // at 0x11
		"\x02f\x00\x00\x10\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00\x01\x07" + // at 0x15
		"\x04\x11\x00\x00\x00\x08\x10\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x09" +
		"\x00" +
		"\x05\x11\x00\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00" +
		"\x00"),
}

func TestSmall(t *testing.T) {
	small[".debug_info"][0] = byte(len(small[".debug_info"]) - 4)
	d, err := dwarfinfo.New(small, dwarfinfo.Config{Class: elf.ELFCLASS64, ByteOrder: elf.ELFDATA2LSB})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for f, err := range d.Funcs() {
		if err != nil || f.Err != nil {
			t.Fatal(err, f)
		}
		got = append(got, f.Name)
	}
	if s := strings.Join(got, " "); s != "f g" {
		t.Errorf("functions are %q", s)
	}
	fr, err := d.Frames(0x1009)
	if err != nil || len(fr) != 2 || fr[0].Name != "g" || fr[1].Name != "f" || fr[1].Line != 9 {
		t.Errorf("frames are %+v, %v", fr, err)
	}
}

// A damaged unit costs that unit only.
func TestDamagedUnit(t *testing.T) {
	one := small[".debug_info"]
	one[0] = byte(len(one) - 4)
	for i := 4; i < len(one); i++ {
		for _, c := range []byte{0, 0x7f, 0x80, 0xff} {
			bad := bytes.Clone(one)
			bad[i] = c
			m := memory{".debug_abbrev": small[".debug_abbrev"], ".debug_info": bytes.Join([][]byte{one, bad, one}, nil)}
			d, err := dwarfinfo.New(m, dwarfinfo.Config{Class: elf.ELFCLASS64, ByteOrder: elf.ELFDATA2LSB})
			if err != nil {
				t.Fatal(err)
			}
			whole := 0
			for f, err := range d.Funcs() {
				if err != nil {
					if !errors.Is(err, dwarfinfo.ErrDamaged) && !errors.Is(err, dwarfinfo.ErrUnsupported) {
						t.Errorf("byte %d is 0x%x: %v", i, c, err)
					}
				} else if off := f.Unit().Offset(); f.Err == nil && (off == 0 || off == uint64(2*len(one))) {
					whole++
				}
			}
			if whole != 4 {
				t.Errorf("byte %d is 0x%x: %d functions of the two sound units, not 4", i, c, whole)
			}
		}
	}
}

// FuzzFuncs: whatever the sections hold, walks end, what is listed has code, is
// found by its name and at its address.
func FuzzFuncs(f *testing.F) {
	f.Add(small.pack(), false)
	if cc, err := exec.LookPath("gcc"); err == nil {
		dir := f.TempDir()
		src := filepath.Join(dir, "a.c")
		if err := os.WriteFile(src, []byte(inlineSource), 0o644); err != nil {
			f.Fatal(err)
		}
		for _, v := range []string{"-gdwarf-2", "-gdwarf-4", "-gdwarf-5"} {
			if err := exec.Command(cc, "-O2", v, "-o", src+v, src).Run(); err != nil {
				f.Fatal(err)
			}
			e, err := elf.Open(src + v)
			if err != nil {
				f.Fatal(err)
			}
			m := make(memory)
			for _, name := range fuzzSections {
				if s := e.Section(name); s != nil {
					if m[name], err = s.Data(); err != nil {
						f.Fatal(err)
					}
				}
			}
			e.Close()
			f.Add(m.pack(), false)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, big bool) {
		c := dwarfinfo.Config{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, ByteOrder: elf.ELFDATA2LSB, Workers: 2}
		if big {
			c.ByteOrder = elf.ELFDATA2MSB
		}
		m := unpack(b)
		c.Split = func(dwarfinfo.SplitUnit) (dwarfinfo.Sections, error) { return m, nil }
		c.Sup = func() (dwarfinfo.Sections, error) { return m, nil }
		d, err := dwarfinfo.New(m, c)
		if err != nil {
			return
		}
		heap.Bound(t, len(b), 2000, 64, func() { holdFuncs(t, d) })
	})
}

// FuzzMutant is the same over files whose debug information is damaged where its fields are, and held to what it allocates.
func FuzzMutant(f *testing.F) {
	names := []string{"amd64/probe-dwarf4", "amd64/probe-pie.debug", "amd64/probe-zlib", "amd64/probe-zstd", "amd64/rust-v0.so"}
	mutatetest.Fuzz(f, 6, names, func(t *testing.T, b []byte, _ uint64) {
		file, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			return
		}
		// Undamaged they take 2 to 15 MB, what is decompressed again and again included.
		heap.Bound(t, len(b), 400, 128, func() {
			if d, err := dwarfinfo.New(dwarfinfo.FromELF(file)); err == nil {
				holdFuncs(t, d)
			}
		})
	})
}

// holdFuncs walks all functions and asks the first everything.
func holdFuncs(t *testing.T, d *dwarfinfo.Data) {
	n := 0
	for f, err := range d.Funcs() {
		if (f == nil) == (err == nil) {
			t.Fatalf("%v and %v", f, err)
		}
		if n++; err != nil || n > 4 {
			continue
		}
		for _, r := range f.Ranges {
			if r.Low >= r.High {
				t.Fatalf("%s has the range %+v", f.Name, r)
			}
		}
		if !f.Contains(f.Entry) {
			t.Fatalf("%s begins at 0x%x, outside of %+v", f.Name, uint64(f.Entry), f.Ranges)
		}
		if at, err := d.FuncAt(f.Entry); at == nil && err == nil {
			t.Fatalf("nothing is at the entry of %+v", f)
		}
		if _, err := d.Frames(f.Entry); err == nil {
			_, _ = f.QualifiedName()
			_, _ = f.DeclFile()
		}
		checkValues(t, d, f)
		if f.Name == "" || f.Err != nil {
			continue
		}
		found := false
		for g := range d.Lookup(f.Name) {
			found = found || g != nil && g.Entry == f.Entry
		}
		if !found {
			t.Fatalf("%q is listed and not found", f.Name)
		}
		for in, err := range d.Inlined(f.Name) {
			if err == nil && !in.Into.Contains(in.Into.Entry) {
				t.Fatalf("%+v", in)
			}
		}
	}
}

// checkValues asks for everything about a function's parameters and variables:
// where something is known there is no error, and a name has a type that fits.
func checkValues(t *testing.T, d *dwarfinfo.Data, f *dwarfinfo.Func) {
	s, _ := f.Signature()
	_ = s.Declare(f.Name)
	for _, p := range s.Params {
		if p.Type == nil || p.Entry.Err != nil && len(p.Entry.Places) > 0 || p.Entry.Err == nil && p.Entry.Text == "" {
			t.Fatalf("parameter %+v", p)
		}
		_, _ = p.At(f.Entry)
	}
	for _, pc := range []elfsym.Addr{f.Entry, f.Entry + 4} {
		vars, _ := d.Vars(pc)
		for _, v := range vars {
			if v.Type == nil || v.Location.Text == "" {
				t.Fatalf("variable %+v", v)
			}
		}
		_, _ = d.Globals(pc)
		args := operand.ParseArgs(elf.EM_X86_64, elf.ELFCLASS64, "8@%rdi -4@%esi 4@-20(%rbp) -4@$3")
		names, _ := d.ArgNames(pc, args, nil)
		for i, n := range names {
			if n.Name != "" && (n.Type == nil || n.Type.Size() != int64(args[i].Size)) {
				t.Fatalf("%s is %+v", args[i].Text, n)
			}
		}
	}
	if end, err := f.PrologueEnd(); err == nil && !f.Contains(end) {
		t.Fatalf("%s has its prologue's end at 0x%x", f.Name, uint64(end))
	}
}

// without has one section that cannot be read.
type without struct {
	memory
	name string
}

func (w without) Section(name string) (dwarfinfo.Section, error) {
	if name == w.name {
		return nil, errors.New("cannot be read")
	}
	return w.memory.Section(name)
}

// A table of strings that cannot be read is told of, and costs only the names that are in it.
func TestLookupDamagedStrings(t *testing.T) {
	small[".debug_info"][0] = byte(len(small[".debug_info"]) - 4)
	loops[".debug_info"][0] = byte(len(loops[".debug_info"]) - 4)
	for _, name := range []string{".debug_str", ".debug_line_str"} {
		open := func(m memory) *dwarfinfo.Data {
			d, err := dwarfinfo.New(without{m, name}, dwarfinfo.Config{Class: elf.ELFCLASS64, ByteOrder: elf.ELFDATA2LSB})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		funcs, inlined, types, errs := 0, 0, 0, 0
		d := open(small)
		for f, err := range d.Lookup("f") {
			if err != nil {
				errs++
			} else if f.Entry == 0x1000 {
				funcs++
			}
		}
		for _, err := range d.Inlined("g") {
			if err != nil {
				errs++
			} else {
				inlined++
			}
		}
		for _, err := range open(loops).TypeNamed("p") {
			if err != nil {
				errs++
			} else {
				types++
			}
		}
		if funcs != 1 || inlined != 1 || types != 1 || errs != 3 {
			t.Errorf("%s: %d functions, %d inlined copies, %d types, %d errors", name, funcs, inlined, types, errs)
		}
	}
}
