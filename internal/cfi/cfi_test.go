package cfi_test

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/probels/probels/internal/cfi"
	"github.com/probels/probels/internal/heap"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/internal/wire"
)

var le64 = wire.Layout{Is64: true}

// rec is a record with a 4-byte length; wide gives it one of 12 bytes.
func rec(wide bool, body ...byte) []byte {
	n := uint64(len(body))
	if wide {
		return append(binary.LittleEndian.AppendUint64([]byte{0xff, 0xff, 0xff, 0xff}, n), body...)
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(n)), body...)
}

func u32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

func join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// cie is one of version 1 for x86-64: augmentation, its data, CFA rsp+8.
func cieBody(aug string, data ...byte) []byte {
	b := join(u32(0), []byte{1}, []byte(aug), []byte{0, 1, 0x78, 16})
	if strings.HasPrefix(aug, "z") {
		b = append(b, byte(len(data)))
	}
	b = append(b, data...)
	return append(b, 0x0c, 7, 8)
}

func TestEncodings(t *testing.T) {
	const addr = 0x10000
	for _, c := range []struct {
		name  string
		enc   byte
		start func(pc uint64) []byte // pc is the word's own address
		size  []byte
	}{
		{"absptr", 0x00, func(uint64) []byte { return u64(0x4000) }, u64(0x20)},
		{"uleb128", 0x01, func(uint64) []byte { return []byte{0x80, 0x80, 0x01} }, []byte{0x20}},
		{"udata2", 0x02, func(uint64) []byte { return []byte{0x00, 0x40} }, []byte{0x20, 0}},
		{"udata4", 0x03, func(uint64) []byte { return u32(0x4000) }, u32(0x20)},
		{"udata8", 0x04, func(uint64) []byte { return u64(0x4000) }, u64(0x20)},
		{"pcrel sdata4", 0x1b, func(pc uint64) []byte { return u32(uint32(0x4000 - pc)) }, u32(0x20)},
		{"pcrel sdata8", 0x1c, func(pc uint64) []byte { return u64(0x4000 - pc) }, u64(0x20)},
		{"pcrel sleb128", 0x19, func(pc uint64) []byte { return []byte{0xe4, 0xff, 0x7e} }, []byte{0x20}},
		{"datarel sdata4", 0x3b, func(uint64) []byte { return u32((0x4000 - 0x9000) & 0xffffffff) }, u32(0x20)},
		{"textrel udata4", 0x23, func(uint64) []byte { return u32(0x3000) }, u32(0x20)},
	} {
		head := rec(false, cieBody("zR", c.enc)...)
		at := addr + uint64(len(head)) + 8 // of the FDE's start word
		b := join(head, rec(false, join(u32(uint32(len(head)+4)), c.start(at), c.size, []byte{0})...))
		tab := cfi.New(cfi.Config{Layout: le64, Frames: memory(addr, b), Text: 0x1000, Data: 0x9000})
		n := 0
		for f, err := range tab.FDEs() {
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			n++
			want := uint64(0x4000)
			if c.enc == 0x19 {
				want = at - 0x401c
			}
			if f.Start != want || f.Size != 0x20 {
				t.Errorf("%s: 0x%x, 0x%x bytes", c.name, f.Start, f.Size)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d ranges", c.name, n)
		}
	}
}

// Terminators in the middle, 64-bit lengths, and a damaged record that is left
// out.
func TestSections(t *testing.T) {
	head := rec(false, cieBody("zR", 0x03)...)
	fde := func(wide bool, at int, start uint32) []byte {
		ptr := uint32(at + 4)
		if wide {
			ptr += 8
		}
		return rec(wide, join(u32(ptr), u32(start), u32(16), []byte{0})...)
	}
	b := append([]byte(nil), head...)
	b = append(b, fde(false, len(b), 0x100)...)
	b = append(b, 0, 0, 0, 0) // a linker joined two objects
	b = append(b, fde(true, len(b), 0x200)...)
	b = append(b, rec(false, join(u32(1<<20), u32(0x300), u32(16), []byte{0})...)...) // its CIE is nowhere
	b = append(b, fde(false, len(b), 0x400)...)
	b = append(b, 0, 0, 0, 0)
	var starts []uint64
	bad := 0
	tab := cfi.New(cfi.Config{Layout: le64, Frames: memory(0, b)})
	for f, err := range tab.FDEs() {
		if err != nil {
			if !errors.Is(err, cfi.ErrDamaged) {
				t.Error(err)
			}
			bad++
			continue
		}
		starts = append(starts, f.Start)
	}
	if len(starts) != 3 || starts[0] != 0x100 || starts[1] != 0x200 || starts[2] != 0x400 || bad != 1 {
		t.Errorf("%x, %d damaged", starts, bad)
	}
	if f, ok, _ := tab.At(0x20f); !ok || f.Start != 0x200 {
		t.Errorf("At without a header: %+v", f)
	}
	if _, ok, _ := tab.At(0x210); ok {
		t.Error("At found what is in no range")
	}
}

// The header's word is not taken for it.
func TestHeaderLies(t *testing.T) {
	frames := rec(false, cieBody("zR", 0x03)...)
	at := len(frames)
	frames = append(frames, rec(false, join(u32(uint32(at+4)), u32(0x4000), u32(16), []byte{0})...)...)
	const base, hdrAddr = 0x8000, 0x7000
	hdr := func(start, fde uint32) *cfi.Header {
		b := join([]byte{1, 0x03, 0x03, 0x3b}, u32(base), u32(1), u32(start-hdrAddr), u32(fde-hdrAddr))
		h, err := cfi.ReadHeader(memory(hdrAddr, b), le64)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, c := range []struct {
		start, fde uint32
		ok, fails  bool
	}{
		{0x4000, base + uint32(at), true, false},
		{0x3ff0, base + uint32(at), false, true}, // another start than the FDE's
		{0x4000, base, false, true},              // a CIE
		{0x4000, base + 1<<20, false, true},      // beyond the section
		{0x5000, base + uint32(at), false, false},
	} {
		tab := cfi.New(cfi.Config{Layout: le64, Frames: memory(base, frames), Header: hdr(c.start, c.fde)})
		if _, ok, err := tab.At(0x4008); ok != c.ok || (err != nil) != c.fails {
			t.Errorf("%+v: %v, %v", c, ok, err)
		}
	}
	b := join([]byte{1, 0x03, 0x03, 0x3b}, u32(base), u32(1<<30))
	if _, err := cfi.ReadHeader(memory(hdrAddr, b), le64); err == nil {
		t.Error("more entries than there is room for")
	}
}

// States are remembered and restored, the CFA with them; what is not of the CFA
// is passed over.
func TestRows(t *testing.T) {
	head := rec(false, cieBody("zR", 0x03)...)
	program := []byte{
		0x41, 0x0e, 16, // +1: offset 16
		0x86, 2, // rbp at CFA-16
		0x43, 0x0d, 6, // +3: register rbp
		0x0a,             // remember
		0x2e, 8, 0x2d, 0, // args_size, negate_ra_state
		0x10, 3, 2, 0x11, 0x22, // expression of rbx
		0x42, 0x0c, 7, 8, // +2: rsp+8
		0x0b,     // restore
		0x0e, 16, // no change
		0x44, 0x0f, 1, 0x30, // +4: an expression
	}
	b := join(head, rec(false, join(u32(uint32(len(head)+4)), u32(0x100), u32(32), []byte{0}, program)...))
	tab := cfi.New(cfi.Config{Layout: le64, Frames: memory(0, b)})
	f, ok, err := tab.At(0x110)
	if !ok || err != nil {
		t.Fatal(err)
	}
	want := []cfi.Row{
		{Start: 0x100, End: 0x101, CFA: cfi.CFA{Known: true, Reg: 7, Offset: 8}},
		{Start: 0x101, End: 0x104, CFA: cfi.CFA{Known: true, Reg: 7, Offset: 16}},
		{Start: 0x104, End: 0x10a, CFA: cfi.CFA{Known: true, Reg: 6, Offset: 16}},
		{Start: 0x10a, End: 0x120, CFA: cfi.CFA{Known: true, Expr: []byte{0x30}}},
	}
	i := 0
	for r, err := range tab.Rows(&f) {
		if err != nil || i >= len(want) || r.Start != want[i].Start || r.End != want[i].End ||
			r.CFA.Reg != want[i].CFA.Reg || r.CFA.Offset != want[i].CFA.Offset || string(r.CFA.Expr) != string(want[i].CFA.Expr) {
			t.Fatalf("row %d: %+v, %v", i, r, err)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d rows", i)
	}
}

func TestExidx(t *testing.T) {
	l := wire.Layout{}
	b := join(u32((0x1001-0x5000)&0x7fffffff), u32(1), u32((0x2000-0x5008)&0x7fffffff), u32(0x80b0b0b0),
		u32(0x80000000), u32(1), u32((0x1800-0x5018)&0x7fffffff), u32(1), u32((0x3000-0x5020)&0x7fffffff), u32(1))
	var got []uint64
	bad := 0
	for e, err := range cfi.ExidxEntries(memory(0x5000, b), l) {
		if err != nil {
			bad++
			continue
		}
		got = append(got, e.Start)
	}
	if len(got) != 3 || got[0] != 0x1000 || got[1] != 0x2000 || got[2] != 0x3000 || bad != 2 {
		t.Errorf("%x, %d damaged", got, bad)
	}
}

// Whatever the bytes, walks end, ranges lie in order of their records, rows lie
// in their range one behind the other, and a look-up finds only ranges that
// contain the address.
func FuzzTable(f *testing.F) {
	for _, name := range testbin.All(f) {
		if !strings.Contains(name, "main") && !strings.Contains(name, "probe-pie") {
			continue
		}
		if tab, ok := open(f, testbin.Path(f, name), ".eh_frame"); ok {
			b := make([]byte, tab.Frames.Size)
			if err := tab.Frames.Read(b, 0); err != nil {
				f.Fatal(err)
			}
			f.Add(b, []byte{1, 0x1b, 3, 0x3b, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, tab.Big, tab.Is64, false)
			f.Add(b, []byte{}, tab.Big, tab.Is64, true)
		}
	}
	f.Fuzz(func(t *testing.T, b, hdr []byte, big, is64, debug bool) {
		heap.Bound(t, len(b)+len(hdr), 2000, 32, func() {
			l := wire.Layout{Big: big, Is64: is64}
			c := cfi.Config{Layout: l, Frames: memory(0x1000, b), Debug: debug}
			if h, err := cfi.ReadHeader(memory(0x800, hdr), l); h != nil {
				c.Header = h
			} else if err == nil && len(hdr) > 0 {
				t.Fatal("neither a header nor an error")
			}
			c.SizeUnknown = debug && len(b)%2 == 0
			tab := cfi.New(c)
			last, n := uint64(0), 0
			for d, err := range tab.FDEs() {
				if n++; n > len(b) {
					t.Fatal("more ranges than bytes")
				}
				if err != nil {
					continue
				}
				if d.Off < last {
					t.Fatalf("0x%x behind 0x%x", d.Off, last)
				}
				last = d.Off
				at := d.Start
				for r, err := range tab.Rows(&d) {
					if err != nil {
						break
					}
					if r.Start < at || r.End <= r.Start || r.End > d.Start+d.Size {
						t.Fatalf("row %+v of %+v behind 0x%x", r, d, at)
					}
					at = r.End
				}
			}
			for _, pc := range []uint64{0, 0x1000, 0x4000} {
				if d, ok, _ := tab.At(pc); ok && !d.Contains(pc) {
					t.Fatalf("0x%x in %+v", pc, d)
				}
			}
			for range cfi.ExidxEntries(memory(0x1000, b), l) {
			}
		})
	})
}

func BenchmarkWalk(b *testing.B) {
	const path = "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so"
	if _, err := os.Stat(path); err != nil {
		b.Skip(err)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		tab, _ := open(b, path, ".eh_frame")
		n = 0
		for _, err := range tab.FDEs() {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n), "ranges")
}
