package elfsym_test

import (
	"debug/elf"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
)

// What readelf -r says of the files.
func TestPointers(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   elfsym.Addr
		want elfsym.Pointer
		n    int
	}{
		{"amd64/main", 0x3fd8, elfsym.Pointer{At: 0x3fd8, Name: "lib_func"}, 9},
		{"amd64/main", 0x4028, elfsym.Pointer{At: 0x4028, Name: "same_func"}, 9},
		{"arm64/main", 0x2000, elfsym.Pointer{At: 0x2000, Name: "lib_round"}, 10},
		{"s390x/main", 0, elfsym.Pointer{}, 0}, // not known
	} {
		f, err := elfsym.Open(testbin.Path(t, tt.name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		n := 0
		var got elfsym.Pointer
		for p, err := range f.Pointers() {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			if n++; p.At == tt.at {
				got = p
			}
		}
		if n != tt.n || got != tt.want {
			t.Errorf("%s: %d pointers, want %d; at 0x%x %+v, want %+v", tt.name, n, tt.n, uint64(tt.at), got, tt.want)
		}
	}
}

// Relative relocations hold addresses of the file itself, as debug/elf reads them.
func TestRelativePointers(t *testing.T) {
	path := testbin.Path(t, "amd64/rust-v0.so")
	e, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	want := map[elfsym.Addr]elfsym.Addr{}
	if sec := e.Section(".rela.dyn"); sec != nil {
		b, err := sec.Data()
		if err != nil {
			t.Fatal(err)
		}
		for ; len(b) >= 24; b = b[24:] {
			if elf.R_TYPE64(e.ByteOrder.Uint64(b[8:])) == uint32(elf.R_X86_64_RELATIVE) {
				want[elfsym.Addr(e.ByteOrder.Uint64(b))] = elfsym.Addr(e.ByteOrder.Uint64(b[16:]))
			}
		}
	}
	f, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := 0
	for p, err := range f.Pointers() {
		if err != nil {
			t.Fatal(err)
		}
		if to, ok := want[p.At]; ok {
			if got++; p.To != to || p.Name != "" {
				t.Errorf("%+v, want 0x%x", p, uint64(to))
			}
		}
	}
	if got != len(want) {
		t.Errorf("%d of %d relative relocations", got, len(want))
	}
}
