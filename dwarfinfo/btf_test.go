package dwarfinfo_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/internal/skip"
)

// checkBTF writes types as BTF, loads it as eBPF loaders do, and compares.
func checkBTF(t testing.TB, d *dwarfinfo.Data, types ...*dwarfinfo.Type) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.BTF(&b, types...); err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatalf("%v: %v", types, err)
	}
	for i, typ := range types {
		got, err := spec.TypeByID(btf.TypeID(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		sameBTF(t, typ, got, 0)
	}
	return b.Bytes()
}

// sameBTF compares a type and what is within it.
func sameBTF(t testing.TB, d *dwarfinfo.Type, b btf.Type, depth int) {
	t.Helper()
	if depth > 6 {
		return
	}
	d, b = d.Strip(), btf.UnderlyingType(b)
	if size, err := btf.Sizeof(b); err == nil && int64(size) != max(d.Size(), 0) && d.Kind != dwarfinfo.Void {
		t.Errorf("%v has %d bytes, %v %d", d, d.Size(), b, size)
	}
	var members []btf.Member
	switch b := b.(type) {
	case *btf.Struct:
		members = b.Members
	case *btf.Union:
		members = b.Members
	case *btf.Pointer:
		sameBTF(t, d.Elem(), b.Target, depth+1)
		return
	default:
		return
	}
	fields, err := d.Fields()
	if err != nil || len(fields) != len(members) {
		t.Errorf("%v: %d and %d members, %v", d, len(fields), len(members), err)
		return
	}
	for i, f := range fields {
		m := members[i]
		bits := f.Offset * 8
		if f.BitSize > 0 {
			bits = f.BitOffset
		}
		if m.Name != f.Name || int64(m.Offset) != bits || int(m.BitfieldSize) != f.BitSize {
			t.Errorf("%v: %s at bit %d, of %d; %s at %d, of %d", d, f.Name, bits, f.BitSize, m.Name, m.Offset, m.BitfieldSize)
		}
		sameBTF(t, f.Type, m.Type, depth+1)
	}
}

func TestBTF(t *testing.T) {
	for _, tool := range []string{"gcc", "clang"} {
		t.Run(tool, func(t *testing.T) {
			d := open(t, build(t, tool, "a.c", typeSource, "-g"))
			types := []*dwarfinfo.Type{one(t, d, "struct all"), one(t, d, "compare_t"), one(t, d, "union un"), one(t, d, "enum color")}
			raw := checkBTF(t, d, types...)
			if os.Geteuid() != 0 {
				return
			}
			h, err := btf.NewHandleFromRawBTF(raw)
			if errors.Is(err, ebpf.ErrNotSupported) {
				skip.Now(t, "the kernel takes no BTF")
			}
			if err != nil {
				t.Fatalf("the kernel: %+v", err)
			}
			h.Close()
		})
	}
}

// The limits of the format are errors.
func TestBTFLimit(t *testing.T) {
	d := open(t, build(t, "gcc", "a.c", "struct far { char a[1 << 21]; int b : 3; } *p; int main(void) { return 0; }", "-g"))
	if err := d.BTF(&bytes.Buffer{}, one(t, d, "struct far")); !errors.Is(err, dwarfinfo.ErrLimit) {
		t.Errorf("a bit-field 2 MiB from the start: %v", err)
	}
}

// A big-endian program's BTF is big-endian.
func TestBTFOrder(t *testing.T) {
	d := open(t, build(t, "s390x-linux-gnu-gcc", "a.c", strings.Replace(typeSource, "#include <stddef.h>", "typedef unsigned long size_t;", 1), "-g", "-nostdlib", "-Wl,-e,main"))
	raw := checkBTF(t, d, one(t, d, "struct all"))
	if binary.BigEndian.Uint16(raw) != 0xeb9f {
		t.Errorf("it begins with % x", raw[:2])
	}
}
