package dwarfinfo_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/internal/heap"
)

// loops is a unit whose types lead to themselves: a pointer to a typedef of
// itself, a struct that is its own first member, a typedef of its own name, an
// enum stored as itself.
var loops = memory{
	".debug_abbrev": []byte("\x01\x11\x01\x03\x08\x13\x0b\x00\x00" + // compile unit: name, language
		"\x02\x0f\x00\x49\x13\x0b\x0b\x00\x00" + // pointer: type, byte_size
		"\x03\x16\x00\x03\x08\x49\x13\x00\x00" + // typedef: name, type
		"\x04\x13\x01\x03\x08\x0b\x0b\x00\x00" + // struct: name, byte_size
		"\x05\x0d\x00\x03\x08\x49\x13\x38\x0b\x00\x00" + // member: name, type, offset
		"\x06\x04\x00\x03\x08\x49\x13\x00\x00" + // enum: name, type
		"\x07\x13\x00\x03\x08\x3c\x0c\x00\x00" + // struct: name, declaration
		"\x08\x0d\x00\x03\x08\x49\x13\x0d\x0b\x0c\x0b\x00\x00" + // member: name, type, bit_size, bit_offset
		"\x00"),
	".debug_info": []byte("\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x08" +
		"\x01a\x00\x0c" + // 0x0b
		"\x02\x15\x00\x00\x00\x08" + // 0x0f: pointer to p
		"\x03p\x00\x0f\x00\x00\x00" + // 0x15: p
		"\x03t\x00\x1c\x00\x00\x00" + // 0x1c: t, of itself
		"\x04s\x00\x08" + // 0x23: s
		"\x05x\x00\x23\x00\x00\x00\x00" + // 0x27: s in s
		"\x08b\x00\x40\x00\x00\x00\x03\x01" + // 0x2f: a bit-field of what s is declared as
		"\x00" + // 0x38
		"\x06e\x00\x39\x00\x00\x00" + // 0x39: e, stored as e
		"\x07s\x00\x01" + // 0x40: s, declared
		"\x00"),
}

func (m memory) data(t testing.TB, big bool) (*dwarfinfo.Data, error) {
	t.Helper()
	c := dwarfinfo.Config{Class: elf.ELFCLASS64, ByteOrder: elf.ELFDATA2LSB, Workers: 2}
	if big {
		c.ByteOrder = elf.ELFDATA2MSB
	}
	c.Split = func(dwarfinfo.SplitUnit) (dwarfinfo.Sections, error) { return m, nil }
	c.Sup = func() (dwarfinfo.Sections, error) { return m, nil }
	return dwarfinfo.New(m, c)
}

// Types that lead in circles end.
func TestTypeLoops(t *testing.T) {
	loops[".debug_info"][0] = byte(len(loops[".debug_info"]) - 4)
	d, err := loops.data(t, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"p", "t", "s", "e"} {
		typ := one(t, d, name)
		_, _ = typ.Size(), typ.Strip()
		// The bit-field's place cannot be told without the size of its type.
		if err := typ.WriteLayout(&bytes.Buffer{}); err != nil && !(name == "s" && errors.Is(err, dwarfinfo.ErrDamaged)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if k := one(t, d, "t").Strip().Kind; k != dwarfinfo.Unknown {
		t.Errorf("a typedef of itself is a %v", k)
	}
	m, err := one(t, d, "s").Member(".x.x.x")
	if err != nil || m.Type.String() != "struct s" {
		t.Errorf("%v, %v", m, err)
	}
}

// FuzzTypes: whatever the sections hold, types print, their layouts end, members
// that are listed are found at their offsets, and BTF that is written loads.
func FuzzTypes(f *testing.F) {
	loops[".debug_info"][0] = byte(len(loops[".debug_info"]) - 4)
	f.Add(loops.pack(), false, "s", "x")
	if cc, err := exec.LookPath("gcc"); err == nil {
		dir := f.TempDir()
		src := filepath.Join(dir, "a.c")
		if err := os.WriteFile(src, []byte(typeSource), 0o644); err != nil {
			f.Fatal(err)
		}
		for _, v := range []string{"-gdwarf-3", "-gdwarf-5"} {
			if err := exec.Command(cc, v, "-o", src+v, src).Run(); err != nil {
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
			f.Add(m.pack(), false, "all", "b1")
			f.Add(m.pack(), false, "compare_t", "")
			f.Add(m.pack(), false, "struct foo", "next->next->a")
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, big bool, name, member string) {
		heap.Bound(t, len(b), 5000, 64, func() {
			d, err := unpack(b).data(t, big)
			if err != nil {
				return
			}
			n := 0
			for typ, err := range d.TypeNamed(name) {
				if (typ == nil) == (err == nil) {
					t.Fatalf("%v and %v", typ, err)
				}
				if n++; n > 4 {
					break
				}
				if err != nil {
					continue
				}
				if !typ.Called(name) {
					t.Fatalf("%v is not called %q", typ, name)
				}
				if len(typ.String()) > 1<<20 {
					t.Fatalf("a type's text has %d bytes", len(typ.String()))
				}
				if err := typ.WriteLayout(&bytes.Buffer{}); err == nil {
					_, _ = typ.Layout()
				}
				_, _ = typ.Member("." + member)
				if s := typ.Strip(); s.Kind.Aggregate() {
					fields, _ := s.Fields()
					for _, f := range fields {
						m, err := s.Member("." + f.Name)
						if err == nil && m.Offsets[0] != f.Offset && f.Name != "" {
							// Of two with one name none is found, so this is another.
							t.Fatalf("%v: %s is at %d, found at %v", s, f.Name, f.Offset, m.Offsets)
						}
					}
				}
				var out bytes.Buffer
				if err := d.BTF(&out, typ); err == nil {
					if _, err := btf.LoadSpecFromReader(bytes.NewReader(out.Bytes())); err != nil {
						t.Fatalf("BTF of %v: %v", typ, err)
					}
				}
			}
		})
	})
}
