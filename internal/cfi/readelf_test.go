package cfi_test

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/probels/probels/internal/cfi"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/internal/wire"
)

// open makes a table of a file's section, by debug/elf: what reads ELF is not
// under test here.
func open(tb testing.TB, path, section string) (*cfi.Table, bool) {
	f, err := elf.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	s := f.Section(section)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, false
	}
	data, err := s.Data()
	if err != nil {
		tb.Fatal(err)
	}
	l := wire.Layout{Big: f.Data == elf.ELFDATA2MSB, Is64: f.Class == elf.ELFCLASS64}
	c := cfi.Config{Layout: l, Frames: memory(s.Addr, data), Debug: section == ".debug_frame"}
	if h := f.Section(".eh_frame_hdr"); h != nil && !c.Debug && h.Type != elf.SHT_NOBITS {
		hdr, err := h.Data()
		if err != nil {
			tb.Fatal(err)
		}
		if c.Header, err = cfi.ReadHeader(memory(h.Addr, hdr), l); err != nil {
			tb.Fatal(err)
		}
	}
	return cfi.New(c), true
}

func memory(addr uint64, b []byte) cfi.Section {
	return cfi.Section{Addr: addr, Size: uint64(len(b)), Read: func(p []byte, off uint64) error {
		if off > uint64(len(b)) || uint64(len(p)) > uint64(len(b))-off {
			return io.ErrUnexpectedEOF
		}
		copy(p, b[off:])
		return nil
	}}
}

var (
	fdeLine = regexp.MustCompile(`^([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ FDE cie=[0-9a-f]+ pc=([0-9a-f]+)\.\.([0-9a-f]+)`)
	rowLine = regexp.MustCompile(`^([0-9a-f]{8,16}) +(\S+) `)
)

// readelfRows are the ranges of a section as readelf interprets them: for each
// FDE its offset and bounds, and for each place the CFA "reg+offset" or "exp".
func readelfRows(t *testing.T, path, flag string) map[string][]string {
	cmd := exec.Command(skip.Tool(t, "readelf"), "-W", "--debug-dump=no-follow-links", flag, path)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("%s: %v", path, err)
	}
	rows := map[string][]string{}
	key := ""
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		switch m := fdeLine.FindStringSubmatch(line); {
		case m != nil:
			key = fmt.Sprintf("%s %s %s", trim(m[1]), trim(m[2]), trim(m[3]))
			rows[key] = nil
		case strings.Contains(line, " CIE ") || line == "":
			key = ""
		case key != "":
			if m := rowLine.FindStringSubmatch(line); m != nil {
				rows[key] = append(rows[key], trim(m[1])+" "+m[2])
			}
		}
	}
	return rows
}

func trim(hex string) string {
	if s := strings.TrimLeft(hex, "0"); s != "" {
		return s
	}
	return "0"
}

// registers of readelf's names to DWARF's numbers.
func register(name string, m elf.Machine) (uint64, bool) {
	var names []string
	switch m {
	case elf.EM_X86_64:
		names = []string{"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}
	case elf.EM_386:
		names = []string{"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"}
	case elf.EM_AARCH64:
		names = []string{31: "sp"}
	case elf.EM_RISCV:
		names = []string{"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1"}
	}
	for i, n := range names {
		if n == name && n != "" {
			return uint64(i), true
		}
	}
	n, err := strconv.ParseUint(strings.TrimLeft(name, "rx"), 10, 64)
	return n, err == nil
}

// Every range and the CFA of every row of it are what readelf prints.
func TestRowsAgreeWithReadelf(t *testing.T) {
	for _, c := range corpus(t) {
		for flag, section := range map[string]string{"--debug-dump=frames-interp": ".eh_frame"} {
			t.Run(c+section, func(t *testing.T) { compareRows(t, c, section, flag) })
		}
	}
}

func corpus(t *testing.T) []string {
	var out []string
	for _, name := range testbin.All(t) {
		out = append(out, testbin.Path(t, name))
	}
	return append(out, extra(t)...)
}

func compareRows(t *testing.T, path, section, flag string) {
	table, ok := open(t, path, section)
	if !ok {
		return
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Type == elf.ET_REL {
		return // its addresses are still to be relocated
	}
	want := readelfRows(t, path, flag)
	n, rows := 0, 0
	for d, err := range table.FDEs() {
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		n++
		key := fmt.Sprintf("%x %x %x", d.Off, d.Start, d.Start+d.Size)
		theirs, ok := want[key]
		if !ok {
			t.Errorf("readelf has no %s", key)
			continue
		}
		// readelf prints a row for each change of any register; where it is in
		// one of ours, the CFA is the same.
		for i, line := range theirs {
			at, cfa, _ := strings.Cut(line, " ")
			pc, _ := strconv.ParseUint(at, 16, 64)
			// It prints states that last for no instruction, too.
			if i+1 < len(theirs) && strings.HasPrefix(theirs[i+1], at+" ") || pc >= d.Start+d.Size {
				continue
			}
			rows++
			r, ok, err := table.RowAt(&d, pc)
			if err != nil || !ok {
				t.Errorf("%s: no row at 0x%x: %v", key, pc, err)
				continue
			}
			if got := r.CFA; !sameCFA(got, cfa, f.Machine) {
				t.Errorf("%s: at 0x%x %+v, readelf has %s", key, pc, got, cfa)
			}
		}
		if table.Header != nil && d.Size > 0 {
			for _, pc := range []uint64{d.Start, d.Start + d.Size - 1} {
				if found, ok, err := table.At(pc); err != nil || !ok || found.Off != d.Off {
					t.Errorf("%s: At(0x%x) is %+v, %v, %v", key, pc, found, ok, err)
				}
			}
		}
	}
	if n != len(want) {
		t.Errorf("%d ranges, readelf has %d", n, len(want))
	}
	t.Logf("%d ranges, %d rows", n, rows)
}

func sameCFA(got cfi.CFA, text string, m elf.Machine) bool {
	if text == "exp" || got.Expr != nil {
		return text == "exp" && got.Expr != nil
	}
	i := strings.LastIndexAny(text, "+-")
	if i < 0 {
		return false
	}
	reg, ok := register(text[:i], m)
	off, err := strconv.ParseInt(text[i:], 10, 64)
	return ok && err == nil && got.Known && got.Reg == reg && got.Offset == off
}
