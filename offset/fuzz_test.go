package offset_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/mutate/mutatetest"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

var specTexts = []string{
	"traced", "traced+4", "traced+0x4", "a.c:helper", "ver_func@V1", "ver_func@@V2", "probels:inlined", "probelib:entry", "0x401010", "+0x1010",
	"outer::inner::Class::method(int) const", "cxx.cc:outer::f+1", "runtime.(*mheap).alloc", "operator[]", "*", "tr?c[a-f]*", "lib.c:42",
	"", "+", "0x", "a:", ":b", "a::b:c", "@", "a@", "a+b", "+[x y]", "\xff\x00", "[", "0xffffffffffffffff", "+18446744073709551615",
}

// A text is read, or refused with an error, and keeps its spelling.
func FuzzParseSpec(f *testing.F) {
	for _, text := range specTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := offset.ParseSpec(text)
		if err == nil && s.String() != text {
			t.Errorf("%q became %q", text, s)
		}
	})
}

// Whatever the file and whatever is asked, each location is in a place that an
// executable segment covers, and an address that is loaded from there.
func FuzzResolve(f *testing.F) {
	for _, name := range []string{"amd64/libtestbin.so", "i386/libtestbin.so", "s390x/libtestbin.so", "ppc64/libtestbin.so", "ppc64le/usdt_fp",
		"arm/usdt_fp", "amd64/sdt-damaged.so", "amd64/nops-noshdr", "amd64/cxx.so", "mips64el/main", "amd64/libtestbin-sysv-noshdr.so"} {
		b := testbin.Read(f, name)
		for i, text := range specTexts {
			f.Add(b, uint(0), byte(b[0]), text)
			// Fields of the headers, where damage matters most.
			f.Add(b, uint(i*13+20), byte(i*31), text)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint, value byte, text string) {
		if len(b) > 0 {
			b = bytes.Clone(b)
			b[at%uint(len(b))] = value
		}
		holdResolve(t, b, text)
	})
}

// FuzzMutant is the same over files that are damaged where their fields are, once or twice. What is listed is resolved too, to the place it is listed at.
func FuzzMutant(f *testing.F) {
	names := []string{"amd64/libtestbin-both.so", "amd64/probe-pie", "amd64/probe-dwarf4", "amd64/cxx.so", "i386/libtestbin.so", "s390x/probe-pie", "ppc64/libtestbin.so", "arm/usdt_fp", "mips64el/main", "amd64/libtestbin-sysv-noshdr.so"}
	mutatetest.Fuzz(f, 8, names, func(t *testing.T, b []byte, seed uint64) {
		holdResolve(t, b, specTexts[int(seed%uint64(len(specTexts)))])
	})
}

func holdResolve(t *testing.T, b []byte, text string) {
	file, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), &elfsym.Options{Limits: elfsym.Limits{Table: 1 << 22, Inflate: 1 << 20, Sections: 1 << 12}})
	if err != nil {
		return
	}
	tg, err := offset.New(file, "/some/file", nil)
	if err != nil {
		return
	}
	specs := []offset.Spec{offset.Func(text), offset.FuncOffset(text, 3)}
	if s, err := offset.ParseSpec(text); err == nil {
		specs = append(specs, s)
	}
	results, _ := tg.Resolve(t.Context(), specs...)
	for _, r := range results {
		if (len(r.Locations) == 0) && r.Err == nil {
			t.Errorf("%s: neither a location nor an error", r.Spec)
		}
		for _, l := range r.Locations {
			if !loadedAsCode(b, uint64(l.Addr), uint64(l.Offset)) {
				t.Errorf("%s: %#x at %#x is not in code", r.Spec, l.Addr, l.Offset)
			}
		}
	}
	probes, _ := drain(tg.Probes(t.Context(), offset.Query{Sizes: true}))
	checkFuncNames(t, tg)
	checkUSDTNames(t, tg)
	asked := 0
	for _, p := range probes {
		l, err := p.Location()
		if asked < 20 && err == nil {
			asked++
			rs, _ := tg.Resolve(t.Context(), offset.At(l.Addr))
			if len(rs) != 1 || len(rs[0].Locations) == 0 || rs[0].Locations[0].Offset != l.Offset {
				t.Errorf("%s is listed at %#x, offset %#x, and that address resolves to %+v", p.Name(), l.Addr, l.Offset, rs)
			}
		}
		if err == nil && !loadedAsCode(b, uint64(l.Addr), uint64(l.Offset)) {
			t.Errorf("%s: %#x at %#x is not in code", p.Name(), l.Addr, l.Offset)
		}
	}
}

// loadedAsCode reads the program headers by hand: does an executable PT_LOAD
// load addr from off, within the file?
func loadedAsCode(b []byte, addr, off uint64) bool {
	var o binary.ByteOrder = binary.LittleEndian
	if b[elf.EI_DATA] == byte(elf.ELFDATA2MSB) {
		o = binary.BigEndian
	}
	is64 := b[elf.EI_CLASS] == byte(elf.ELFCLASS64)
	phoff, size, n := uint64(o.Uint32(b[28:])), uint64(o.Uint16(b[42:])), uint64(o.Uint16(b[44:]))
	if is64 {
		phoff, size, n = o.Uint64(b[32:]), uint64(o.Uint16(b[54:])), uint64(o.Uint16(b[56:]))
	}
	if n == 0xffff {
		return true // PN_XNUM: not worth reading by hand
	}
	for i := range n {
		p := b[phoff+i*size:]
		typ, flags, at, vaddr, filesz := o.Uint32(p), uint32(0), uint64(0), uint64(0), uint64(0)
		if is64 {
			flags, at, vaddr, filesz = o.Uint32(p[4:]), o.Uint64(p[8:]), o.Uint64(p[16:]), o.Uint64(p[32:])
		} else {
			flags, at, vaddr, filesz = o.Uint32(p[24:]), uint64(o.Uint32(p[4:])), uint64(o.Uint32(p[8:])), uint64(o.Uint32(p[16:]))
		}
		if typ == uint32(elf.PT_LOAD) && flags&uint32(elf.PF_X) != 0 && addr >= vaddr && addr-vaddr < filesz && off == at+addr-vaddr && off < uint64(len(b)) {
			return true
		}
	}
	return false
}
