package elfsym_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// Every field of every section and program header with values at the edges: sums of them wrap, products overflow,
// places are the file's end, and none of it may panic or make one answer deny another.
func TestHeaderEdges(t *testing.T) {
	files := []string{"amd64/main", "arm/libtestbin.so", "ppc64/main"}
	if testing.Short() || skip.Race {
		files = files[:1]
	}
	for _, name := range files {
		data := testbin.Read(t, name)
		f, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var phoff, shoff, phsize, shsize, phnum, shnum int
		var word int
		if f.Class == elf.ELFCLASS64 {
			var h elf.Header64
			read(t, data, f.ByteOrder, &h)
			phoff, shoff, phsize, shsize, phnum, shnum, word = int(h.Phoff), int(h.Shoff), int(h.Phentsize), int(h.Shentsize), int(h.Phnum), int(h.Shnum), 8
		} else {
			var h elf.Header32
			read(t, data, f.ByteOrder, &h)
			phoff, shoff, phsize, shsize, phnum, shnum, word = int(h.Phoff), int(h.Shoff), int(h.Phentsize), int(h.Shentsize), int(h.Phnum), int(h.Shnum), 4
		}
		try := func(at int) {
			was := bytes.Clone(data[at : at+word])
			defer copy(data[at:], was)
			for _, v := range []uint64{0, 1, uint64(len(data)), uint64(len(data)) - 1, 1 << 31, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1<<64 - 16, 1<<64 - 0x1000} {
				if word == 8 {
					f.ByteOrder.PutUint64(data[at:], v)
				} else {
					f.ByteOrder.PutUint32(data[at:], uint32(v))
				}
				if ask(t, data); t.Failed() {
					t.Fatalf("%s: 0x%x at 0x%x", name, v, at)
				}
			}
		}
		for i := range phnum {
			for k := 0; k < phsize; k += word {
				try(phoff + i*phsize + k)
			}
		}
		for i := range shnum {
			for k := 0; k < shsize; k += word {
				try(shoff + i*shsize + k)
			}
		}
	}
}

func read(t *testing.T, data []byte, order binary.ByteOrder, h any) {
	t.Helper()
	if err := binary.Read(bytes.NewReader(data), order, h); err != nil {
		t.Fatal(err)
	}
}

// Symbols whose names are tails of one long string would have names of gigabytes in a
// file of megabytes: a walk ends, and says so.
func TestSharedNames(t *testing.T) {
	const n, long = 4000, 60_000
	syms := []elfwrite.Symbol{fn(strings.Repeat("a", long), 0x401000, 1)}
	for i := range n {
		syms = append(syms, fn(fmt.Sprint("f", i), 0x401000+uint64(i%0x1000), 1))
	}
	b := program(syms...).Bytes()
	sound := parse(t, b)
	sec, strs := sound.Section(".symtab"), sound.Section(".strtab")
	text, err := sound.Data(strs)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.Index(string(text), "aaaa")
	for i := 2; i < n+2; i++ {
		binary.LittleEndian.PutUint32(b[int(sec.Offset)+24*i:], uint32(first+i*7%1000))
	}
	f := parse(t, b)
	syms2, errs := drain(f.Symbols(elfsym.Symtab))
	if len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrLimit) || len(syms2) < 1000 || len(syms2) > 1500 {
		t.Errorf("%d symbols, %v", len(syms2), errs)
	}
	names, errs := drain(f.FuncNames(t.Context(), bothOf(f)...))
	if len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrLimit) || len(names) < 500 || len(names) > 1500 {
		t.Errorf("%d names, %v", len(names), errs)
	}
	// The other table is read.
	if _, errs := drain(f.Symbols(both)); len(errs) != 1 {
		t.Error(errs)
	}
}

// Stubs that jump through one slot have one name, however many they are.
func TestSharedPLTNames(t *testing.T) {
	const n, long, plt, slot = 4000, 60_000, 0x401000, 0x600000
	stubs := make([]byte, 16*n)
	for i := range n {
		copy(stubs[16*i:], []byte{0xff, 0x25}) // jmp *slot(%rip)
		binary.LittleEndian.PutUint32(stubs[16*i+2:], uint32(slot-(plt+16*i+6)))
	}
	rela := make([]byte, 24)
	binary.LittleEndian.PutUint64(rela, slot)
	binary.LittleEndian.PutUint64(rela[8:], 1<<32|uint64(elf.R_X86_64_JMP_SLOT))
	w := &elfwrite.File{
		Machine: elf.EM_X86_64, Type: elf.ET_EXEC,
		Sections: []elfwrite.Section{
			{Name: ".plt", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: plt, Bytes: stubs, Align: 16},
			{Name: ".rela.plt", Type: elf.SHT_RELA, Flags: elf.SHF_ALLOC, Bytes: rela, Link: ".dynsym", Entsize: 24},
		},
		Segments: []elfwrite.Segment{load(rx, ".plt", ".plt")},
		Dynsyms:  []elfwrite.Symbol{{Name: strings.Repeat("a", long), Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL}},
	}
	f := parse(t, w.Bytes())
	before := allocated(func() {})
	syms, errs := drain(f.Symbols(elfsym.PLT))
	if len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrLimit) || len(syms) < 1000 || len(syms) > 1500 || len(syms[0].Name) != long+4 {
		t.Fatalf("%d stubs, %v", len(syms), errs)
	}
	if got := allocated(func() { drain(parse(t, w.Bytes()).Symbols(elfsym.PLT)) }); got-before > 16<<20 {
		t.Errorf("%d bytes allocated", got-before)
	}
}
