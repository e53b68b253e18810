package usdtbpf_test

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/probels/probels/usdt/operand"
)

// A machine is a kernel and a program under it, as the tests know them: the order of
// the registers in struct pt_regs is that of the kernel's headers, written down here
// a second time.
type machine struct {
	name    string // in the tables
	machine elf.Machine
	class   elf.Class
	order   elf.Data
	kernel  elf.Machine
	slots   []string // of pt_regs, word by word
	word    int
}

func numbered(prefix string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(prefix, i))
	}
	return out
}

var (
	amd64Slots   = strings.Fields("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax PC cs eflags rsp ss")
	i386Slots    = strings.Fields("rbx rcx rdx rsi rdi rbp rax ds es fs gs orig_eax PC cs flags rsp ss")
	arm64Slots   = append(numbered("x", 31), "sp", "PC", "pstate")
	armSlots     = append(numbered("r", 13), "sp", "r14", "PC", "cpsr", "orig_r0")
	s390Slots    = append([]string{"args", "mask", "PC"}, numbered("r", 16)...)
	riscvSlots   = strings.Fields("PC ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6")
	ppcSlots     = append(numbered("r", 32), "PC", "msr")
	loongSlots   = append(numbered("r", 32), "orig_a0", "PC", "badv")
	loongAliases = strings.Fields("zero ra tp sp a0 a1 a2 a3 a4 a5 a6 a7 t0 t1 t2 t3 t4 t5 t6 t7 t8 r21 fp s0 s1 s2 s3 s4 s5 s6 s7 s8")
)

var machines = []machine{
	{"x86_64", elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_X86_64, amd64Slots, 8},
	{"i386", elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_X86_64, amd64Slots, 8},
	{"i386", elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_386, i386Slots, 4},
	{"aarch64", elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_AARCH64, arm64Slots, 8},
	{"arm", elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_ARM, armSlots, 4},
	{"s390x", elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB, elf.EM_S390, s390Slots, 8},
	{"riscv64", elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_RISCV, riscvSlots, 8},
	{"ppc64", elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_PPC64, ppcSlots, 8},
	{"ppc64", elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2MSB, elf.EM_PPC64, ppcSlots, 8},
	{"loongarch64", elf.EM_LOONGARCH, elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_LOONGARCH, loongSlots, 8},
}

func (m *machine) String() string { return fmt.Sprintf("%s (%v) under %v", m.name, m.order, m.kernel) }

func (m *machine) byteOrder() binary.ByteOrder {
	if m.order == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (m *machine) is32() bool { return m.class == elf.ELFCLASS32 }

// reg is the slot of a register, and which of its bits the name means; "" if pt_regs has
// none.
func (m *machine) reg(name string) (slot string, shift, width int) {
	switch m.machine {
	case elf.EM_X86_64, elf.EM_386:
		return x86Reg(name)
	case elf.EM_AARCH64:
		switch {
		case name == "sp" || name == "wsp":
			return "sp", 0, 64
		case name == "fp":
			return "x29", 0, 64
		case name == "lr":
			return "x30", 0, 64
		case name[0] == 'x':
			return name, 0, 64
		case name[0] == 'w':
			return "x" + name[1:], 0, 32
		}
		return "", 0, 0
	case elf.EM_ARM:
		alias := map[string]string{
			"sb": "r9", "sl": "r10", "fp": "r11", "ip": "r12", "lr": "r14", "sp": "sp",
			"a1": "r0", "a2": "r1", "a3": "r2", "a4": "r3",
			"v1": "r4", "v2": "r5", "v3": "r6", "v4": "r7", "v5": "r8", "v6": "r9", "v7": "r10", "v8": "r11",
		}
		if a, ok := alias[name]; ok {
			return a, 0, 32
		}
		if name[0] != 'r' {
			return "", 0, 0
		}
		return name, 0, 32
	case elf.EM_RISCV:
		if name == "fp" {
			return "s0", 0, 64
		}
		if name[0] == 'f' {
			return "", 0, 0
		}
		if n := 0; name[0] == 'x' {
			fmt.Sscan(name[1:], &n)
			return riscvSlots[n], 0, 64
		}
		return name, 0, 64
	case elf.EM_LOONGARCH:
		switch name {
		case "v0", "v1": // old names of a0 and a1, which results are in
			name = "a" + name[1:]
		case "s9": // where there is no frame pointer (LoongArch psABI, "General-purpose Register")
			name = "fp"
		}
		for i, a := range loongAliases {
			if a == name {
				return loongSlots[i], 0, 64
			}
		}
	}
	if name[0] != 'r' {
		return "", 0, 0
	}
	return name, 0, 64
}

func x86Reg(name string) (slot string, shift, width int) {
	if len(name) == 2 && strings.Contains("abcd", name[:1]) {
		switch name[1] {
		case 'h':
			return "r" + name[:1] + "x", 8, 8
		case 'l':
			return "r" + name[:1] + "x", 0, 8
		}
	}
	for _, base := range strings.Fields("ax bx cx dx si di bp sp") {
		switch name {
		case "r" + base:
			return "r" + base, 0, 64
		case "e" + base:
			return "r" + base, 0, 32
		case base:
			return "r" + base, 0, 16
		case base + "l":
			return "r" + base, 0, 8
		}
	}
	var n int
	if _, err := fmt.Sscanf(name, "r%d", &n); err == nil && n >= 8 && n <= 15 {
		slot = fmt.Sprintf("r%d", n)
		return slot, 0, map[string]int{"": 64, "d": 32, "w": 16, "b": 8}[strings.TrimPrefix(name, slot)]
	}
	return "", 0, 0
}

// A thread is one that stands at a probe: its registers and memory.
type thread struct {
	*machine
	regs map[string]uint64
	bias uint64
}

const siteAddr = 0x41_2340

// symbolAddr is where the tests put a symbol.
func symbolAddr(name string) uint64 { return 0x60_0000 + uint64(len(name))*0x111 }

// memory is what the program has at an address.
func memory(addr uint64) byte {
	addr *= 0x9e3779b97f4a7c15
	return byte(addr>>56) ^ byte(addr>>24)
}

// context is the thread's struct pt_regs.
func (t *thread) context() []byte {
	b := make([]byte, len(t.slots)*t.word)
	for i, s := range t.slots {
		if t.word == 4 {
			t.byteOrder().PutUint32(b[4*i:], uint32(t.regs[s]))
		} else {
			t.byteOrder().PutUint64(b[8*i:], t.regs[s])
		}
	}
	return b
}

// unread says why an argument has no value; "" if it has.
func (t *thread) unread(a *operand.Arg) string {
	slot := func(r operand.Reg) string {
		s, _, _ := t.reg(r.Name)
		return s
	}
	size := a.Size
	if a.NoSize && a.Kind == operand.Register {
		size = min(size, int(a.Reg.Width))
	}
	switch {
	case size != 1 && size != 2 && size != 4 && size != 8:
		return "size"
	case a.Segment != "":
		return "segment"
	case strings.Contains(a.Symbol, "@GOTPCREL"), strings.Contains(a.Symbol, "@GOTENT"):
		return "symbol"
	case a.Kind == operand.Register && !a.Reg.Zero():
		_, shift, width := t.reg(a.Reg.Name)
		if slot(a.Reg) == "" {
			return "register"
		}
		if t.is32() && size > 4 || shift > 0 && 8*size > width {
			return "wide"
		}
	}
	return ""
}

// value is an argument's, worked out from the registers' names.
func (t *thread) value(a *operand.Arg) uint64 {
	size := a.Size
	var v uint64
	switch a.Kind {
	case operand.Constant:
		v = uint64(a.Value)
		if a.Symbol != "" {
			v = t.symbol(a)
		}
	case operand.Register:
		if a.NoSize {
			size = min(size, int(a.Reg.Width))
		}
		if !a.Reg.Zero() {
			slot, shift, _ := t.reg(a.Reg.Name)
			v = t.regs[slot] >> shift
		}
	case operand.Memory:
		addr := t.address(a)
		b := make([]byte, 8)
		for i := range size {
			b[i] = memory(addr + uint64(i))
		}
		if t.order == elf.ELFDATA2MSB {
			for i := range size {
				v = v<<8 | uint64(b[i])
			}
		} else {
			v = binary.LittleEndian.Uint64(b)
		}
	}
	switch {
	case size == 8:
	case a.Signed:
		v = uint64(int64(v<<(64-8*size)) >> (64 - 8*size))
	default:
		v &= 1<<(8*size) - 1
	}
	return v
}

func (t *thread) symbol(a *operand.Arg) uint64 {
	v := symbolAddr(a.Symbol) + t.bias + uint64(a.Disp)
	if t.is32() {
		v = uint64(uint32(v))
	}
	return v
}

func (t *thread) address(a *operand.Arg) uint64 {
	var addr uint64
	narrow := t.is32()
	use := func(r operand.Reg) uint64 {
		slot, _, width := t.reg(r.Name)
		narrow = narrow || width == 32 && t.machine.machine == elf.EM_X86_64
		v := t.regs[slot]
		if width == 32 {
			v = uint64(uint32(v))
		}
		return v
	}
	if a.Symbol != "" {
		addr = t.symbol(a)
	} else {
		addr = uint64(a.Disp)
	}
	got := strings.HasSuffix(a.Symbol, "@GOTOFF")
	if got && a.Index.Name != "" && a.Scale == 1 { // either register may have the table's address
		addr -= symbolAddr("_GLOBAL_OFFSET_TABLE_") + t.bias
		got = false
	}
	if a.Base.Name != "" && !a.Base.Zero() && !a.Direct && !got {
		addr += use(a.Base)
	}
	if a.Index.Name != "" && !a.Index.Zero() {
		i := use(a.Index)
		switch a.Extend {
		case operand.SignExtend:
			i = uint64(int32(i))
		case operand.ZeroExtend:
			i = uint64(uint32(i))
		case operand.ShiftRight:
			i = uint64(uint32(i)) >> a.ShiftBy
		case operand.ShiftRightSigned:
			i = uint64(int64(int32(i)) >> a.ShiftBy)
		case operand.RotateRight:
			i = uint64(uint32(i)>>a.ShiftBy | uint32(i)<<(32-a.ShiftBy))
		}
		addr += i * uint64(int64(a.Scale))
	}
	if narrow {
		addr = uint64(uint32(addr))
	}
	return addr
}
