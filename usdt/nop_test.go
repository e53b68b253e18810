package usdt_test

import (
	"debug/elf"
	"errors"
	"slices"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/usdt"
)

func TestReadNop(t *testing.T) {
	const (
		nop5  = "\x0f\x1f\x44\x00\x00"
		nop10 = "\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"
	)
	both := []elf.Data{elf.ELFDATA2LSB, elf.ELFDATA2MSB}
	little, big := both[:1], both[1:]
	for _, c := range []struct {
		machine elf.Machine
		orders  []elf.Data
		code    string // most significant byte first
		want    usdt.Nop
	}{
		{elf.EM_X86_64, little, "\x90\xc3", usdt.PlainNop}, {elf.EM_386, little, "\x90", usdt.PlainNop},
		{elf.EM_X86_64, little, "\x90" + nop5, usdt.NopNop5}, {elf.EM_X86_64, little, "\x90" + nop10, usdt.NopNop10},
		{elf.EM_X86_64, little, nop5, usdt.Nop5}, {elf.EM_X86_64, little, nop10, usdt.Nop10},
		{elf.EM_X86_64, little, "\x90" + nop5[:4], usdt.PlainNop}, {elf.EM_X86_64, little, nop10[:9], usdt.OtherCode},
		{elf.EM_X86_64, little, "\xc3", usdt.OtherCode}, {elf.EM_X86_64, little, "\xcc", usdt.OtherCode},
		{elf.EM_AARCH64, little, "\xd5\x03\x20\x1f", usdt.PlainNop}, {elf.EM_AARCH64, little, "\xd5\x03\x20\x3f", usdt.OtherCode},
		{elf.EM_ARM, both, "\xe1\xa0\x00\x00", usdt.PlainNop}, {elf.EM_ARM, little, "\xe3\x20\xf0\x00", usdt.PlainNop},
		{elf.EM_ARM, little, "\x46\xc0", usdt.PlainNop}, {elf.EM_ARM, little, "\xbf\x00", usdt.PlainNop}, {elf.EM_ARM, little, "\xe1\xa0\x00\x01", usdt.OtherCode},
		{elf.EM_PPC64, both, "\x60\x00\x00\x00", usdt.PlainNop}, {elf.EM_PPC, big, "\x60\x00\x00\x00", usdt.PlainNop},
		{elf.EM_S390, big, "\x47\x00\x00\x00", usdt.PlainNop}, {elf.EM_S390, big, "\x47\xf0\x00\x00", usdt.OtherCode},
		{elf.EM_S390, big, "\x07\x07", usdt.PlainNop}, {elf.EM_S390, big, "\x07\x00", usdt.PlainNop}, {elf.EM_S390, big, "\x07\xfe", usdt.OtherCode},
		{elf.EM_RISCV, little, "\x00\x01", usdt.PlainNop}, {elf.EM_RISCV, little, "\x00\x00\x00\x13", usdt.PlainNop},
		{elf.EM_MIPS, both, "\x00\x00\x00\x00", usdt.PlainNop}, {elf.EM_LOONGARCH, little, "\x03\x40\x00\x00", usdt.PlainNop},
		{elf.EM_SPARCV9, big, "\x01\x00\x00\x00", usdt.OtherCode},
	} {
		for _, order := range c.orders {
			code := []byte(c.code)
			if c.machine != elf.EM_X86_64 && c.machine != elf.EM_386 && order == elf.ELFDATA2LSB {
				slices.Reverse(code)
			}
			w := program(elf.ELFCLASS64, order, nil)
			w.Machine = c.machine
			// At the very end of the file, so that fewer bytes are there than asked for.
			w.Sections, w.Segments = nil, []elfwrite.Segment{{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Vaddr: textAddr, Bytes: code}}
			f := parse(t, w.Bytes())
			off, err := f.Segments().Code(textAddr)
			if err != nil {
				t.Fatal(err)
			}
			got, err := usdt.ReadNop(f, &usdt.Site{Addr: textAddr, Offset: off})
			if got != c.want || err != nil {
				t.Errorf("%v %v %x: %v, want %v, %v", c.machine, order, code, got, c.want, err)
			}
		}
	}
}

func TestReadNopErrors(t *testing.T) {
	f := open(t, "amd64/nops")
	broken := errors.New("no place")
	if nop, err := usdt.ReadNop(f, &usdt.Site{Err: broken}); nop != usdt.OtherCode || err != broken {
		t.Errorf("%v, %v", nop, err)
	}
	if nop, err := usdt.ReadNop(f, &usdt.Site{Offset: 1 << 40}); nop != usdt.OtherCode || !errors.Is(err, elfsym.ErrTruncated) {
		t.Errorf("%v, %v", nop, err)
	}
}

func TestNops(t *testing.T) {
	want := map[string]usdt.Nop{"nop": usdt.PlainNop, "nop5": usdt.NopNop5, "nop10": usdt.NopNop10}
	for _, file := range []string{"amd64/nops", "amd64/nops-alloc", "amd64/nops-noshdr"} {
		f := open(t, file)
		for _, s := range mustSites(t, f) {
			if got, err := usdt.ReadNop(f, &s); got != want[s.Name] || err != nil {
				t.Errorf("%s: %s is %v, %v", file, s.Name, got, err)
			}
		}
	}
	for nop, want := range map[usdt.Nop]string{usdt.OtherCode: "other", usdt.PlainNop: "nop", usdt.NopNop5: "nop,nop5", usdt.NopNop10: "nop,nop10",
		usdt.Nop5: "nop5", usdt.Nop10: "nop10", 77: "Nop(77)"} {
		if nop.String() != want {
			t.Errorf("%d is %s, want %s", nop, nop, want)
		}
	}
	for nop, want := range map[usdt.Nop]int{usdt.OtherCode: -1, usdt.PlainNop: -1, usdt.NopNop5: 1, usdt.NopNop10: 1, usdt.Nop5: 0, usdt.Nop10: 0} {
		if off, ok := nop.FastOffset(); ok != (want >= 0) || ok && int(off) != want {
			t.Errorf("%v: the fast place is at %d, %v", nop, off, ok)
		}
	}
}
