package confirm

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/insn"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// objdumps are the disassemblers for machines other than this one.
var objdumps = map[elf.Machine]string{
	elf.EM_386: "objdump", elf.EM_X86_64: "objdump", elf.EM_AARCH64: "aarch64-linux-gnu-objdump", elf.EM_ARM: "arm-linux-gnueabihf-objdump",
	elf.EM_S390: "s390x-linux-gnu-objdump", elf.EM_PPC64: "powerpc64le-linux-gnu-objdump", elf.EM_RISCV: "riscv64-linux-gnu-objdump",
	elf.EM_MIPS: "mips64el-linux-gnuabi64-objdump", elf.EM_LOONGARCH: "loongarch64-linux-gnu-objdump",
}

// A line is one instruction as objdump sees it.
type line struct {
	addr     uint64
	b        []byte
	text     string
	thumb    bool
	function int
}

// disassemble runs objdump over a file. Functions are numbered from 1 on, in the order of their addresses;
// what it takes for data is left out: a line without a mnemonic, as it prints a PLT of programs that Go linked, whose
// symbols are of type OBJECT, and assembler directives.
func disassemble(t *testing.T, f *elfsym.File, path string) (lines []line, functions int) {
	t.Helper()
	tool := objdumps[f.Machine()]
	if tool == "" {
		t.Fatalf("no objdump for %v", f.Machine())
	}
	cmd := exec.Command(skip.Tool(t, tool), "-d", "-z", "-w", "--insn-width=16", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	arm := f.Machine() == elf.EM_ARM
	sc := bufio.NewScanner(out)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		text := sc.Text()
		if strings.HasSuffix(text, ">:") {
			functions++
			continue
		}
		addr, rest, ok := strings.Cut(text, ":\t")
		if !ok {
			continue
		}
		a, err := strconv.ParseUint(strings.TrimSpace(addr), 16, 64)
		if err != nil {
			continue
		}
		hex, mnemonic, _ := strings.Cut(rest, "\t")
		l := line{addr: a, text: mnemonic, function: functions}
		words := strings.Fields(hex)
		for _, w := range words { // units of the machine's words, printed as numbers
			if len(w)%2 != 0 || strings.Trim(w, "0123456789abcdef") != "" {
				words = nil
				break
			}
			unit := make([]byte, len(w)/2)
			for i := range unit {
				n, _ := strconv.ParseUint(w[2*i:2*i+2], 16, 8)
				at := i
				if len(unit) > 1 && f.ByteOrder() == elf.ELFDATA2LSB {
					at = len(unit) - 1 - i
				}
				unit[at] = byte(n)
			}
			l.b = append(l.b, unit...)
		}
		l.thumb = arm && (len(words) == 2 || len(words) == 1 && len(words[0]) == 4)
		if len(l.b) > 0 && mnemonic != "" && !strings.HasPrefix(mnemonic, ".") {
			lines = append(lines, l)
		}
	}
	if err := errors.Join(sc.Err(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	return lines, functions
}

// split reports whether what objdump prints as one instruction is two, or the other way round: it joins
// fwait with an x87 instruction.
func split(m elf.Machine, l line) bool {
	return (m == elf.EM_X86_64 || m == elf.EM_386) && l.b[0] == 0x9b && len(l.b) > 1
}

// returns reports whether objdump's text is that of an instruction that returns.
func returns(m elf.Machine, l line) bool {
	text, _, _ := strings.Cut(l.text, "@")
	text, _, _ = strings.Cut(text, "//")
	text = strings.TrimSpace(text)
	op, args, _ := strings.Cut(strings.TrimPrefix(text, "bnd "), "\t")
	words := strings.Fields(text)
	if len(words) == 0 {
		return false
	}
	switch m {
	case elf.EM_X86_64, elf.EM_386:
		for _, w := range words {
			if w == "ret" || w == "lret" || w == "iret" || w == "retw" || w == "lretw" || w == "iretq" || w == "rex.W" && strings.Contains(text, "lret") {
				return true
			}
		}
		return false
	case elf.EM_AARCH64:
		return words[0] == "retaa" || words[0] == "retab" || words[0] == "ret"
	case elf.EM_RISCV:
		return words[0] == "ret" || words[0] == "jr" && (args == "t0" || args == "ra")
	case elf.EM_S390:
		// b, bc: through %r14 as a base
		return strings.HasPrefix(op, "b") && (strings.HasSuffix(op, "r") && args == "%r14" || args == "0(%r14)")
	case elf.EM_PPC64:
		op = strings.TrimRight(words[0], "+-")
		return strings.Contains(op, "lr") && strings.HasPrefix(op, "b") && !strings.HasSuffix(op, "l")
	case elf.EM_MIPS:
		return op == "jr" && args == "ra"
	case elf.EM_ARM:
		op = strings.TrimSuffix(strings.TrimSuffix(op, ".w"), ".n")
		switch {
		case strings.HasPrefix(op, "bx") && args == "lr", strings.HasPrefix(op, "mov") && args == "pc, lr":
			return true
		case strings.HasPrefix(op, "pop"), strings.HasPrefix(op, "ldm") && (strings.HasPrefix(args, "sp") || strings.HasPrefix(args, "fp") || l.thumb && strings.HasPrefix(args, "r7")):
			return strings.Contains(args, "pc")
		case strings.HasPrefix(op, "ldr"):
			return strings.HasPrefix(args, "pc, [sp], #")
		}
	}
	return false
}

// compareCode decodes what objdump did, function by function: the same boundaries, the same returns.
func compareCode(t *testing.T, path string) {
	f, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	decoders := map[bool]*insn.Decoder{}
	for _, thumb := range []bool{false, true} {
		decoders[thumb] = insn.For(f.Machine(), f.Class(), f.ByteOrder(), f.Flags(), thumb)
	}
	lines, functions := disassemble(t, f, path)
	bad := map[int]string{}
	undefined, joined := 0, 0
	tell := func(l line, format string, args ...any) {
		if bad[l.function] == "" {
			bad[l.function] = fmt.Sprintf("0x%x %x %q: ", l.addr, l.b, l.text) + fmt.Sprintf(format, args...)
		}
	}
	returned := 0
	for _, l := range lines {
		d := decoders[l.thumb]
		i, err := d.Decode(l.b, l.addr)
		theirs := strings.Contains(l.text, "(bad)") || strings.Contains(l.text, "UNDEFINED") || strings.Contains(l.text, "undefined") ||
			strings.HasPrefix(l.text, "rex.") && !strings.Contains(l.text, " ") || // a prefix alone, among data
			l.thumb && len(l.b) == 2 && l.b[1] == 0x47 && l.b[0]&7 != 0 // bx with bits set that should be 0, among data
		switch {
		case theirs:
			undefined++
			continue
		case split(f.Machine(), l):
			joined++
			continue
		case err != nil:
			tell(l, "%v", err)
		case int(i.Len) != len(l.b):
			tell(l, "%d bytes, not %d", i.Len, len(l.b))
		case (i.Kind == insn.Return) != returns(f.Machine(), l):
			tell(l, "return: %v", i.Kind == insn.Return)
		}
		if i.Kind == insn.Return {
			returned++
		}
	}
	t.Logf("%s: %d functions, %d instructions, %d returns; objdump knows not %d, joins %d; %d functions differ",
		filepath.Base(path), functions, len(lines), returned, undefined, joined, len(bad))
	n := 0
	for _, text := range bad {
		t.Error(text)
		if n++; n == 10 {
			break
		}
	}
}

// Where instructions begin, and which return, is as objdump tells. PROBELS_OBJDUMP names more files,
// separated by colons.
func TestInstructions(t *testing.T) {
	var files []string
	if more := os.Getenv("PROBELS_OBJDUMP"); more != "" {
		files = filepath.SplitList(more)
	} else {
		for _, name := range []string{"amd64/probe-clang", "i386/probe-pie", "arm64/probe-pie", "arm/probe-pie", "arm/probe-arm", "s390x/probe-pie", "ppc64le/probe-pie", "ppc64/probe-pie", "riscv64/probe-pie", "mips64el/probe-pie"} {
			files = append(files, testbin.Path(t, name))
		}
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, exe)
		if libs, _ := filepath.Glob("/lib/*-linux-gnu/libc.so.6"); len(libs) > 0 {
			files = append(files, libs[0])
		}
	}
	for _, path := range files {
		t.Run(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), func(t *testing.T) { compareCode(t, path) })
	}
}
