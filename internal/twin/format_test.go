package twin_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"slices"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/heap"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/internal/twin"
)

func TestFormat(t *testing.T) {
	for _, name := range []string{"amd64/probe-pie", "arm64/main"} {
		f := open(t, testbin.Path(t, name))
		set := read(t, f, f.Symbols(elfsym.Symtab|elfsym.Dynsym))
		set.Divide([]uint64{set.Funcs[3].Addr})
		b := twin.Append(nil, set, set.Choose(func(names []string) []string { return names[:1] }))
		again, err := twin.Decode(b)
		if err != nil || len(again) != 2 {
			t.Fatalf("%s: %v", name, err)
		}
		if got := twin.Append(nil, again...); !slices.Equal(got, b) {
			t.Errorf("%s: what was read is not what was written", name)
		}
		for i := range set.Funcs {
			x, y := set.Funcs[i], again[0].Funcs[i]
			x.Peers, y.Peers = [3]uint8{}, [3]uint8{}
			if len(x.Refs) == 0 {
				x.Refs, y.Refs = nil, nil
			}
			for _, p := range []*[]uint64{&x.Feats, &x.Numbers, &x.Rows, &y.Feats, &y.Numbers, &y.Rows} {
				if len(*p) == 0 {
					*p = nil
				}
			}
			if len(x.Names) == 0 {
				x.Names = nil
			}
			if !reflect.DeepEqual(x, y) {
				t.Errorf("%s: function %d is %+v, and was %+v", name, i, y, x)
			}
		}
		// A whole set and one that was saved say the same.
		target := read(t, f, nameless)
		for _, s := range again {
			m := pair(t, s, target)
			for i := range s.Funcs {
				if r := m.Of(i, 0); r.Confidence == twin.Certain && target.Funcs[r.Best.Target].Addr != s.Funcs[i].Addr {
					t.Errorf("%s: 0x%x is certainly 0x%x", name, s.Funcs[i].Addr, target.Funcs[r.Best.Target].Addr)
				}
			}
		}
	}
}

// A few functions are found by a small file; of those equal to one that was left out
// none is certain.
func TestChoose(t *testing.T) {
	old := compile(t, "gcc", program("", "hello"), "-O2")
	new := compile(t, "gcc", program("N int added(int x) { return puts(\"added to it\"); }\nint (*pointer)(int) = added;\n", "hello"), "-O2")
	f, g := open(t, old), open(t, new)
	set := read(t, f, f.Symbols(elfsym.Symtab))
	some := set.Choose(func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n != "greet" && n != "get_a" })
	})
	if len(some.Funcs) >= len(set.Funcs) {
		t.Errorf("%d functions chosen, of %d", len(some.Funcs), len(set.Funcs))
	}
	target, names := read(t, g, nameless), truth(t, g)
	m, found := pair(t, some, target), 0
	for i := range some.Funcs {
		if len(some.Funcs[i].Names) == 0 {
			continue
		}
		r := m.Of(i, 0)
		if r.Confidence != twin.Certain {
			t.Errorf("%v is %v", some.Funcs[i].Names, r.Confidence)
			continue
		}
		found++
		if at := target.Funcs[r.Best.Target].Addr; !slices.Contains(names[at], some.Funcs[i].Names[0]) {
			t.Errorf("%v is certainly %v", some.Funcs[i].Names, names[at])
		}
	}
	if found != 2 {
		t.Errorf("%d names in the chosen part, want 2", found)
	}
}

func TestDamagedFormat(t *testing.T) {
	f := open(t, testbin.Path(t, "amd64/main"))
	good := twin.Append(nil, read(t, f, f.Symbols(elfsym.Symtab)))
	for n := range good {
		if _, err := twin.Decode(good[:n]); err == nil {
			t.Fatalf("the first %d bytes of %d were taken", n, len(good))
		}
	}
	other := slices.Clone(good)
	other[len(twin.Magic)]++
	if _, err := twin.Decode(other); !errors.Is(err, twin.ErrVersion) {
		t.Errorf("another version: %v", err)
	}
	// With a right checksum, every byte is looked at.
	for i := len(twin.Magic) + 1; i < len(good)-4; i++ {
		bad := slices.Clone(good)
		bad[i] ^= 0xff
		binary.LittleEndian.PutUint32(bad[len(bad)-4:], crc32.ChecksumIEEE(bad[:len(bad)-4]))
		sets, err := twin.Decode(bad)
		if (err == nil) != (sets != nil) {
			t.Fatalf("byte %d: both or neither: %v, %v", i, sets, err)
		}
	}
}

// FuzzDecode: what is read is written again as it was, and can be matched.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"amd64/main", "arm64/main"} {
		file := open(f, testbin.Path(f, name))
		set := read(f, file, file.Symbols(elfsym.Symtab))
		f.Add(twin.Append(nil, set))
		f.Add(twin.Append(nil, set.Choose(func(names []string) []string { return names })))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		heap.Bound(t, len(b), 500, 32, func() {
			if len(b) > 4 && len(b) < 1<<16 { // the checksum is not what is tried
				b = slices.Clone(b)
				binary.LittleEndian.PutUint32(b[len(b)-4:], crc32.ChecksumIEEE(b[:len(b)-4]))
			}
			sets, err := twin.Decode(b)
			if err != nil {
				return
			}
			for _, s := range sets {
				if len(s.Funcs) > 500 {
					return
				}
				check(t, s)
			}
			if again, err := twin.Decode(twin.Append(nil, sets...)); err != nil || len(again) != len(sets) {
				t.Fatalf("what was written can't be read: %v", err)
			}
			if len(sets) > 1 && sets[0].Machine == sets[1].Machine {
				if _, err := twin.Pair(context.Background(), sets[0], sets[1], twin.Options{Names: true}); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}
