package elfsym_test

import (
	"debug/elf"
	"errors"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// segments is a file of that size with these program headers and no sections.
func segments(t *testing.T, size int, segs ...elfwrite.Segment) *elfsym.Segments {
	t.Helper()
	for i := range segs {
		if segs[i].Type == 0 {
			segs[i].Type = elf.PT_LOAD
		}
	}
	w := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_DYN, Segments: segs}
	b := w.Bytes()
	return parse(t, append(b, make([]byte, max(size-len(b), 0))...)).Segments()
}

func TestSegments(t *testing.T) {
	segs := segments(t, 0x6000,
		elfwrite.Segment{Flags: elf.PF_R, Vaddr: 0, Offset: 0, Filesz: 0x800, Memsz: 0x800},
		elfwrite.Segment{Flags: rx, Vaddr: 0x401000, Offset: 0x1000, Filesz: 0x500, Memsz: 0x500},
		elfwrite.Segment{Flags: rw, Vaddr: 0x602e00, Offset: 0x2e00, Filesz: 0x200, Memsz: 0x1200},
		elfwrite.Segment{Type: elf.PT_GNU_RELRO, Flags: elf.PF_R, Vaddr: 0x602e00, Offset: 0x2e00, Filesz: 0x100, Memsz: 0x100},
		elfwrite.Segment{Flags: rx | rw, Vaddr: 0x804000, Offset: 0x4000, Filesz: 0x100, Memsz: 0x100},
		elfwrite.Segment{Flags: rx, Vaddr: 0x900000, Offset: 0x5000, Filesz: 0, Memsz: 0x1000},
		elfwrite.Segment{Flags: rx, Vaddr: 0xa00000, Offset: 0x5000, Filesz: 0x10, Memsz: 0x8},
		elfwrite.Segment{Flags: rx, Vaddr: 0xb00010, Offset: 0x5000, Filesz: 0x10, Memsz: 0x10},
		elfwrite.Segment{Flags: rx, Vaddr: 0xc00000, Offset: 0x5000, Filesz: 0x2000, Memsz: 0x2000},
		elfwrite.Segment{Flags: rx, Vaddr: 0xd00000, Offset: 0x7000, Filesz: 0x10, Memsz: 0x10},
		elfwrite.Segment{Flags: rx, Vaddr: 0xe00000, Offset: 0x5000, Filesz: 0x200, Memsz: 0x200},
		elfwrite.Segment{Flags: rx, Vaddr: 0xe00100, Offset: 0x5100, Filesz: 0x200, Memsz: 0x200},
	)
	const none = 1 << 60
	for _, c := range []struct {
		addr               elfsym.Addr
		offset, code, data elfsym.Offset
		why                string // in one of the errors
	}{
		{0, 0, none, none, "read-only segment"},
		{0x7ff, 0x7ff, none, none, "not in an executable segment"},
		{0x800, none, none, none, "in no loadable segment"},
		{0x400fff, none, none, none, "in no loadable segment"},
		{0x401000, 0x1000, 0x1000, none, "in an executable segment, where data was expected"},
		{0x4014ff, 0x14ff, 0x14ff, none, ""},
		{0x401500, none, none, none, "in no loadable segment"},
		{0x602e00, 0x2e00, none, 0x2e00, ""},
		{0x602fff, 0x2fff, none, 0x2fff, ""},
		{0x603000, none, none, none, ".bss"},
		{0x603fff, none, none, none, ".bss"},
		{0x604000, none, none, none, "in no loadable segment"},
		{0x804000, 0x4000, 0x4000, none, "executable"},
		{0x900000, none, none, none, ".bss"},
		{0xa00000, none, none, none, "more bytes in the file than in memory"},
		{0xa0000f, none, none, none, "more bytes in the file than in memory"},
		{0xb00010, none, none, none, "differ within a page"},
		{0xc00fff, 0x5fff, 0x5fff, none, ""},
		{0xc01000, none, none, none, "beyond the file's end"},
		{0xd00000, none, none, none, "beyond the file's end"},
		{0xe000ff, 0x50ff, 0x50ff, none, ""},
		{0xe00100, none, none, none, "in several loadable segments"},
		{0xe001ff, none, none, none, "in several loadable segments"},
		{0xe00200, 0x5200, 0x5200, none, ""},
		{^elfsym.Addr(0), none, none, none, "in no loadable segment"},
	} {
		why := ""
		for _, q := range []struct {
			what string
			ask  func(elfsym.Addr) (elfsym.Offset, error)
			want elfsym.Offset
		}{{"Offset", segs.Offset, c.offset}, {"Code", segs.Code, c.code}, {"Data", segs.Data, c.data}} {
			got, err := q.ask(c.addr)
			if err != nil {
				why += err.Error() + "\n"
				var addr *elfsym.AddrError
				if !errors.As(err, &addr) || addr.Addr != c.addr || !errors.Is(err, elfsym.ErrNoOffset) || got != 0 {
					t.Errorf("%s(0x%x) = 0x%x, %#v", q.what, uint64(c.addr), uint64(got), err)
				}
				got = none
			}
			if got != q.want {
				t.Errorf("%s(0x%x) = 0x%x, want 0x%x", q.what, uint64(c.addr), uint64(got), uint64(q.want))
			}
		}
		if !strings.Contains(why, c.why) {
			t.Errorf("0x%x: errors\n%swant one with %q", uint64(c.addr), why, c.why)
		}
		if got := segs.IsCode(c.addr); got != (c.code != none) {
			t.Errorf("IsCode(0x%x) = %v", uint64(c.addr), got)
		}
	}
	for _, c := range []struct {
		off  elfsym.Offset
		addr elfsym.Addr
		err  error
	}{
		{0, 0, nil}, {0x1234, 0x401234, nil}, {0x2e01, 0x602e01, nil}, {0x900, 0, elfsym.ErrNoOffset},
		{0x5000, 0, elfsym.ErrDamaged}, {0x1 << 40, 0, elfsym.ErrNoOffset}, {^elfsym.Offset(0), 0, elfsym.ErrNoOffset},
	} {
		got, err := segs.Addr(c.off)
		if got != c.addr || !errors.Is(err, c.err) {
			t.Errorf("Addr(0x%x) = 0x%x, %v; want 0x%x, %v", uint64(c.off), uint64(got), err, uint64(c.addr), c.err)
		}
	}
	if end, ok := segs.CodeEnd(0x401010); !ok || end != 0x401500 {
		t.Errorf("CodeEnd = 0x%x, %v", uint64(end), ok)
	}
	if _, ok := segs.CodeEnd(0x602e00); ok {
		t.Error("data has a CodeEnd")
	}
}

// A byte that an executable and another segment load is at the executable's
// address.
func TestSegmentsSharedPage(t *testing.T) {
	segs := segments(t, 0x3000,
		elfwrite.Segment{Flags: elf.PF_R, Vaddr: 0x1000, Offset: 0x1000, Filesz: 0x1000, Memsz: 0x1000},
		elfwrite.Segment{Flags: rx, Vaddr: 0x9000, Offset: 0x1000, Filesz: 0x1000, Memsz: 0x1000})
	if a, err := segs.Addr(0x1080); a != 0x9080 || err != nil {
		t.Errorf("Addr = 0x%x, %v", uint64(a), err)
	}
}

// Near 2^64 sums wrap.
func TestSegmentsWrap(t *testing.T) {
	segs := segments(t, 0x3000,
		elfwrite.Segment{Flags: rx, Vaddr: 1<<64 - 0x1000, Offset: 0x1000, Filesz: 0x2000, Memsz: 0x2000},
		elfwrite.Segment{Flags: rx, Vaddr: 0x10000, Offset: 1<<64 - 0x1000, Filesz: 0x2000, Memsz: 0x2000},
		elfwrite.Segment{Flags: rx, Vaddr: 0x20000, Offset: 0x1000, Filesz: 1<<64 - 1, Memsz: 1<<64 - 1})
	if off, err := segs.Offset(1<<64 - 0x800); err == nil {
		t.Errorf("in two segments at once, and the offset is 0x%x", uint64(off))
	}
	if off, err := segs.Offset(0x800); err == nil {
		t.Errorf("an address behind the wrap has the offset 0x%x", uint64(off))
	}
	if off, err := segs.Offset(0x10800); err == nil {
		t.Errorf("an offset that wraps is 0x%x", uint64(off))
	}
	if off, err := segs.Offset(0x20800); off != 0x1800 || err != nil {
		t.Errorf("offset 0x%x, %v", uint64(off), err)
	}
	top := segments(t, 0x3000, elfwrite.Segment{Flags: rx, Vaddr: 1<<64 - 0x1000, Offset: 0x1000, Filesz: 0x2000, Memsz: 0x2000})
	if end, ok := top.CodeEnd(1<<64 - 0x800); !ok || end != ^elfsym.Addr(0) {
		t.Errorf("CodeEnd = 0x%x, %v", uint64(end), ok)
	}
	if off, err := top.Offset(1<<64 - 0x800); off != 0x1800 || err != nil {
		t.Errorf("offset 0x%x, %v", uint64(off), err)
	}
}

// Every function of every committed binary has an offset that leads back to it.
func TestRoundTrip(t *testing.T) {
	seen := 0
	for _, name := range testbin.All(t) {
		f := open(t, name)
		if f.Type() == elf.ET_REL || f.DebugOnly() {
			continue
		}
		segs := f.Segments()
		for s, err := range f.Symbols(elfsym.Symtab | elfsym.Dynsym) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !s.IsFunc() {
				continue
			}
			off, err := segs.Code(s.Addr)
			if err != nil {
				t.Errorf("%s: %s: %v", name, s.Name, err)
				continue
			}
			if a, err := segs.Addr(off); a != s.Addr || err != nil {
				t.Errorf("%s: %s at 0x%x is at offset 0x%x, and that is at 0x%x, %v", name, s.Name, uint64(s.Addr), uint64(off), uint64(a), err)
			}
			seen++
		}
	}
	if seen < 1000 {
		t.Errorf("only %d functions", seen)
	}
}

func TestTruncated(t *testing.T) {
	b := testbin.Read(t, "amd64/probe-nopie")
	if err := parse(t, b).Truncated(); err != nil {
		t.Error(err)
	}
	f := parse(t, b[:0x1100])
	wantError(t, "cut short", f.Truncated(), elfsym.ErrTruncated, "the file ends at 0x1100")
	if _, err := f.Sections(); !errors.Is(err, elfsym.ErrTruncated) {
		t.Errorf("sections of a file cut short: %v", err)
	}
	// What is left still has its offset.
	if off, err := f.Segments().Code(f.Entry()); err != nil || off > 0x1100 {
		t.Errorf("the entry is at offset 0x%x, %v", uint64(off), err)
	}
}
