package insn

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
)

type machine struct {
	name  string
	m     elf.Machine
	c     elf.Class
	order elf.Data
	thumb bool
}

var machines = []machine{
	{"amd64", elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB, false},
	{"i386", elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB, false},
	{"arm64", elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB, false},
	{"arm", elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB, false},
	{"thumb", elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB, true},
	{"riscv64", elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB, false},
	{"s390x", elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB, false},
	{"ppc64le", elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2LSB, false},
	{"ppc64", elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2MSB, false},
	{"mips64el", elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2LSB, false},
	{"loong64", elf.EM_LOONGARCH, elf.ELFCLASS64, elf.ELFDATA2LSB, false},
}

func (m machine) decoder(t testing.TB) *Decoder {
	d := For(m.m, m.c, m.order, 0, m.thumb)
	if d == nil {
		t.Fatalf("%s: no decoder", m.name)
	}
	return d
}

// flows are instructions at 0x10000, as objdump 2.40 disassembles them; those marked LLVM are newer, and are as
// llvm-mc 19 does.
var flows = []struct {
	machine, code, text, want string
}{
	{"amd64", "c3", "ret", "1 return"},
	{"amd64", "f2c3", "bnd ret", "2 return"},
	{"amd64", "c20800", "ret $8", "3 return"},
	{"amd64", "ebfe", "jmp .", "2 jump 10000"},
	{"amd64", "e9fbffffff", "jmp .", "5 jump 10000"},
	{"amd64", "0f84fa000000", "je", "6 cond 10100"},
	{"amd64", "e8fb000000", "call", "5 call 10100"},
	{"amd64", "ff25fa000000", "jmp *0xfa(%rip)", "6 indirect -1"},
	{"amd64", "3effe0", "notrack jmp *%rax", "3 indirect 0"},
	{"amd64", "41ffe3", "jmp *%r11", "3 indirect 11"},
	{"amd64", "ff24c500004000", "jmp *0x400000(,%rax,8)", "7 indirect -1"},
	{"amd64", "ff10", "call *(%rax)", "2 icall"},
	{"amd64", "0f0b", "ud2", "2 trap"},
	{"amd64", "f30f1efa", "endbr64", "4 other"},
	{"amd64", "66e90000", "jmp of 4 or 6 bytes", "ambiguous"},
	{"amd64", "66666448e800000000", "data16 data16 fs rex.W call", "9 call 10009"},
	{"amd64", "06", "push %es", "undefined"},
	{"amd64", "6666666666666666666666666666666690", "prefixes without end", "undefined"},
	{"amd64", "48b88877665544332211", "movabs", "10 other"},
	{"amd64", "d500a1bc9a785634120000", "jmpabs (LLVM)", "11 jump 123456789abc"},
	{"i386", "ea112233445566", "ljmp", "7 indirect -1"},
	{"i386", "66e90000", "jmpw", "4 jump 4"},
	{"i386", "c5fcac00", "lds is VEX here, of no opcode", "undefined"},
	{"i386", "c501", "lds (%ecx),%eax", "2 other"},
	{"i386", "6704ff", "addr16 add", "3 other"},
	{"i386", "678b8411ff", "mov 0x11(%si)", "5 other"},
	{"arm64", "c0035fd6", "ret", "4 return"},
	{"arm64", "ff0b5fd6", "retaa", "4 return"},
	{"arm64", "ff0f5fd6", "retab", "4 return"},
	{"arm64", "00021fd6", "br x16", "4 indirect 16"},
	{"arm64", "10081fd7", "braa x0, x16", "4 indirect 0"},
	{"arm64", "00023fd6", "blr x16", "4 icall"},
	{"arm64", "ffffff17", "b", "4 jump fffc"},
	{"arm64", "40000054", "b.eq", "4 cond 10008"},
	{"arm64", "00000000", "udf", "4 trap"},
	{"arm", "1eff2fe1", "bx lr", "4 return"},
	{"arm", "1eff2f01", "bxeq lr", "4 return if"},
	{"arm", "f08fbde8", "pop {r4-r11, pc}", "4 return"},
	{"arm", "04f09de4", "pop {pc}", "4 return"},
	{"arm", "feffffea", "b .", "4 jump 10000"},
	{"arm", "feffff0a", "beq .", "4 cond 10000"},
	{"arm", "00f08fe0", "add pc, pc, r0", "4 indirect -1"},
	{"arm", "000050e3", "cmp", "4 other"},
	{"thumb", "7047", "bx lr", "2 return"},
	{"thumb", "10bd", "pop {r4, pc}", "2 return"},
	{"thumb", "bde8f08f", "ldmia.w sp!, {r4-r11, pc}", "4 return"},
	{"thumb", "5df804fb", "ldr.w pc, [sp], #4", "4 return"},
	{"thumb", "fee7", "b.n .", "2 jump 10000"},
	{"thumb", "fff7febf", "b.w .", "4 jump 10000"},
	{"thumb", "dfe800f0", "tbb [pc, r0]", "4 indirect -1"},
	{"riscv64", "8280", "ret", "2 return"},
	{"riscv64", "67800000", "jalr zero, ra", "4 return"},
	{"riscv64", "8287", "jr a5", "2 indirect 15"},
	{"riscv64", "01a0", "j .", "2 jump 10000"},
	{"riscv64", "6f000000", "j .", "4 jump 10000"},
	{"riscv64", "63000000", "beqz zero", "4 cond 10000"},
	{"s390x", "07fe", "br %r14", "2 return"},
	{"s390x", "078e", "ber %r14", "2 return if"},
	{"s390x", "07f4", "br %r4", "2 indirect 4"},
	{"s390x", "0700", "nopr", "2 other"},
	{"s390x", "c0f400000080", "jg", "6 jump 10100"},
	{"s390x", "a7840080", "je", "4 cond 10100"},
	{"s390x", "ec1200800064", "cgrj", "6 cond 10100"},
	{"ppc64le", "2000804e", "blr", "4 return"},
	{"ppc64le", "2000824d", "beqlr", "4 return if"},
	{"ppc64le", "2004804e", "bctr", "4 indirect -1"},
	{"ppc64le", "00010048", "b", "4 jump 10100"},
	{"ppc64le", "0000000600006038", "pli", "8 other"},
	{"ppc64", "4e800020", "blr", "4 return"},
	{"mips64el", "0800e003", "jr ra", "4 return"},
	{"mips64el", "08002003", "jr t9", "4 indirect 25"},
	{"mips64el", "ffff0010", "b .", "4 jump 10000"},
	{"loong64", "2000004c", "ret", "4 return"},
	{"loong64", "8001004c", "jr t0", "4 indirect 12"},
	{"loong64", "00000050", "b .", "4 jump 10000"},
}

func (i Inst) summary() string {
	s := fmt.Sprintf("%d ", i.Len)
	switch i.Kind {
	case Return:
		s += "return"
	case Jump:
		s += fmt.Sprintf("jump %x", i.Target)
	case CondJump:
		return s + fmt.Sprintf("cond %x", i.Target)
	case IndirectJump:
		s += fmt.Sprintf("indirect %d", i.Reg)
	case Call:
		s += fmt.Sprintf("call %x", i.Target)
	case IndirectCall:
		s += "icall"
	case Trap:
		s += "trap"
	default:
		return s + "other"
	}
	if i.Cond {
		s += " if"
	}
	return s
}

func TestFlow(t *testing.T) {
	for _, tt := range flows {
		for _, m := range machines {
			if m.name != tt.machine {
				continue
			}
			b, err := hex.DecodeString(tt.code)
			if err != nil {
				t.Fatal(err)
			}
			i, err := m.decoder(t).Decode(b, 0x10000)
			got := i.summary()
			switch {
			case errors.Is(err, ErrAmbiguous):
				got = "ambiguous"
			case errors.Is(err, ErrUndefined):
				got = "undefined"
			case err != nil:
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("%s %s (%s): %s, want %s", m.name, tt.code, tt.text, got, tt.want)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for k, m := range machines {
		for _, tt := range flows {
			if b, err := hex.DecodeString(tt.code); err == nil && tt.machine == m.name {
				f.Add(uint8(k), b)
			}
		}
	}
	for _, tt := range lengths64 {
		b, _ := hex.DecodeString(tt.code)
		f.Add(uint8(0), b)
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		m := machines[int(which)%len(machines)]
		d := m.decoder(t)
		i, err := d.Decode(b, 0x1000)
		if err != nil {
			if i != (Inst{}) {
				t.Fatalf("%v, and %+v", err, i)
			}
			return
		}
		if i.Len == 0 || int(i.Len) > len(b) || int(i.Len) > d.MaxLen || uint64(i.Len)%d.Align != 0 {
			t.Fatalf("%d bytes of %d", i.Len, len(b))
		}
		// What follows plays no part, and a part of it is none.
		if alone, err := d.Decode(b[:i.Len], 0x1000); err != nil || alone != i {
			t.Fatalf("alone: %+v, %v; with what follows: %+v", alone, err, i)
		}
		if part, err := d.Decode(b[:i.Len-1], 0x1000); err == nil {
			t.Fatalf("without its last byte it is %+v", part)
		}
		if m.m == elf.EM_X86_64 || m.m == elf.EM_386 {
			UprobeX86(&i, m.m == elf.EM_X86_64)
		} else {
			Uprobe(m.m, b, 0x1000, m.order, m.thumb)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var code []byte
	for _, tt := range lengths64 {
		c, _ := hex.DecodeString(tt.code)
		code = append(code, c...)
	}
	b.SetBytes(int64(len(code)))
	b.ReportAllocs()
	for b.Loop() {
		for at := 0; at < len(code); {
			i, err := decodeX86(code[at:], 0, true)
			if err != nil {
				b.Fatal(err)
			}
			at += int(i.Len)
		}
	}
}
